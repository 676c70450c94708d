//! What the parity runner tells a script: its exit status, and one line when a case cannot be run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fpga_tests::parity::{Array, Tensors};
use serde_json::{Value, json};
use tempfile::TempDir;

const WEIGHTS: &str = "unet/diffusion_pytorch_model.safetensors";

#[test]
fn a_matching_case_exits_0_with_a_line_per_tensor() {
    let output = Scratch::new().run(&[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(text.starts_with("sample [2, 4, 8, 8] max abs "), "{text}");
    assert!(text.contains("relative L2 "), "{text}");
}

#[test]
fn outputs_are_written_where_the_caller_says() {
    let case = Scratch::new();
    let out = case.path("out.safetensors");
    let output = case.run(&["--device", "cpu", "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let written = Tensors::read(&out).unwrap();
    let expected = Tensors::read(&case.path("expected.safetensors")).unwrap();
    let values = |tensors: &Tensors| tensors.get("sample").unwrap().values.clone();
    let pairs = values(&written).into_iter().zip(values(&expected));
    assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-3));
}

#[test]
fn the_processor_says_what_it_makes_of_halves() {
    let output = Scratch::new().run(&["--precision", "f16"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        text,
        "parity: cpu computes in f32 with weights kept in f16\n"
    );
    let output = Scratch::new().run(&["--precision", "half"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("f32, f16 or bf16"), "{text}");
}

#[test]
fn without_expected_values_it_only_runs() {
    let case = Scratch::new();
    fs::remove_file(case.path("expected.safetensors")).unwrap();
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("sample [2, 4, 8, 8]"), "{text}");
}

#[test]
fn a_wrong_number_exits_1() {
    let case = Scratch::new();
    case.edit_tensors("expected.safetensors", |_, array| array.values[0] += 1.0);
    assert_eq!(case.run(&[]).status.code(), Some(1));
}

#[test]
fn a_checkpoint_with_one_changed_weight_exits_1() {
    let case = Scratch::new();
    case.edit_tensors(WEIGHTS, |name, array| {
        if name == "mid_block.resnets.1.norm2.bias" {
            array.values[0] += 1.0;
        }
    });
    assert_eq!(case.run(&[]).status.code(), Some(1));
}

#[test]
fn an_output_that_overflows_exits_1() {
    let case = Scratch::new();
    fs::remove_file(case.path("expected.safetensors")).unwrap();
    case.edit_tensors(WEIGHTS, |name, array| {
        if name == "conv_out.weight" {
            array.values.fill(3e38);
        }
    });
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("sample [2, 4, 8, 8] holds NaN or infinity"),
        "{text}"
    );
}

#[test]
fn an_expected_tensor_that_is_not_produced_exits_1_under_its_name() {
    let case = Scratch::new();
    case.rename_tensor("expected.safetensors", "sample", "samples");
    let output = case.run(&[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("samples [2, 4, 8, 8] expected, but not produced"),
        "{text}"
    );
}

#[test]
fn tolerance_is_the_case_s_own() {
    let case = Scratch::new();
    case.edit_tensors("expected.safetensors", |_, array| {
        array.values.iter_mut().for_each(|value| *value *= 1.01);
    });
    case.edit_json("case.json", |json| json["rtol"] = json!(0.02));
    assert_eq!(case.run(&[]).status.code(), Some(0));
    case.edit_json("case.json", |json| json["rtol"] = json!(0.005));
    assert_eq!(case.run(&[]).status.code(), Some(1));
}

#[test]
fn unreadable_files_exit_2() {
    refused("case.json", |case| {
        fs::remove_file(case.path("case.json")).unwrap()
    });
    refused("case.json", |case| {
        fs::write(case.path("case.json"), "{").unwrap()
    });
    refused("case.json", |case| {
        fs::write(case.path("case.json"), "[]").unwrap()
    });
    refused("input sample", |case| {
        fs::remove_file(case.path("inputs.safetensors")).unwrap()
    });
    refused("inputs.safetensors", |case| {
        truncate(&case.path("inputs.safetensors"), 100)
    });
    refused("inputs.safetensors", |case| {
        truncate(&case.path("inputs.safetensors"), 4)
    });
    refused("expected.safetensors", |case| {
        truncate(&case.path("expected.safetensors"), 100)
    });
    refused("config.json", |case| {
        fs::remove_file(case.path("unet/config.json")).unwrap()
    });
    refused("config.json", |case| {
        fs::write(case.path("unet/config.json"), "nonsense").unwrap()
    });
    refused("unet", |case| fs::remove_file(case.path(WEIGHTS)).unwrap());
    refused("diffusion_pytorch_model", |case| {
        truncate(&case.path(WEIGHTS), 5000)
    });
    refused("diffusion_pytorch_model", |case| {
        fs::write(case.path(WEIGHTS), "").unwrap()
    });
    refused("diffusion_pytorch_model", |case| {
        // a header length of 2^63 bytes
        fs::write(case.path(WEIGHTS), (1u64 << 63).to_le_bytes()).unwrap();
    });
}

#[test]
fn impossible_settings_exit_2() {
    let set = |key: &'static str, value: Value| {
        move |case: &Scratch| case.edit_json("case.json", |json| json[key] = value.clone())
    };
    refused("kind", set("kind", json!("teapot")));
    refused("kind", set("kind", json!(7)));
    refused("kind", set("kind", Value::Null));
    refused("model", set("model", Value::Null));
    refused("model", set("model", json!("elsewhere")));
    refused("rtol", set("rtol", json!("loose")));
    refused("rtol", set("rtol", json!(-1.0)));
}

#[test]
fn inputs_that_do_not_fit_exit_2_and_are_named() {
    let edit = |edit: fn(&str, &mut Array)| {
        move |case: &Scratch| case.edit_tensors("inputs.safetensors", edit)
    };
    refused(
        "latents",
        edit(|name, array| {
            if name == "sample" {
                array.shape = vec![2, 8, 4, 8];
            }
        }),
    );
    refused(
        "sample",
        edit(|name, array| {
            if name == "sample" {
                array.shape = vec![2, 256];
            }
        }),
    );
    refused(
        "sample",
        edit(|name, array| {
            if name == "sample" {
                array.values[3] = f64::NAN;
            }
        }),
    );
    refused(
        "timestep",
        edit(|name, array| {
            if name == "timestep" {
                (array.shape, array.values) = (vec![3], vec![1.0, 2.0, 3.0]);
            }
        }),
    );
    refused(
        "context",
        edit(|name, array| {
            if name == "encoder_hidden_states" {
                array.shape = vec![2, 12, 7];
            }
        }),
    );
    refused("encoder_hidden_states", |case| {
        case.rename_tensor("inputs.safetensors", "encoder_hidden_states", "text");
    });
}

#[test]
fn weights_that_do_not_fit_exit_2_and_are_named() {
    refused("mid_block.resnets.0.conv1.weight", |case| {
        case.rename_tensor(WEIGHTS, "mid_block.resnets.0.conv1.weight", "other");
    });
    refused("conv_in.weight", |case| {
        case.edit_tensors(WEIGHTS, |name, array| {
            if name == "conv_in.weight" {
                array.shape.swap(0, 1);
            }
        });
    });
    refused("conv_norm_out.weight", |case| {
        case.edit_tensors(WEIGHTS, |name, array| {
            if name == "conv_norm_out.weight" {
                array.values[0] = f64::NAN;
            }
        });
    });
}

#[test]
fn other_networks_exit_2_and_the_key_is_named() {
    for (key, value) in [
        ("resnet_time_scale_shift", json!("scale_shift")),
        ("class_embed_type", json!("timestep")),
        (
            "down_block_types",
            json!(["CrossAttnDownBlock2D", "AttnDownBlock2D"]),
        ),
        ("block_out_channels", json!([8, 1u64 << 60])),
        ("block_out_channels", json!([8])),
        ("norm_num_groups", json!(0)),
        ("attention_head_dim", json!(5)),
        ("layers_per_block", json!("two")),
    ] {
        let output = Scratch::new()
            .edited("unet/config.json", key, value.clone())
            .run(&[]);
        let line = refusal(&output);
        assert!(
            line.contains("unet") || line.contains(key),
            "{key} {value}: {line}"
        );
    }
}

#[test]
fn impossible_arguments_exit_2() {
    let case = Scratch::new();
    for (arguments, named) in [
        (&["--device", "toaster"][..], "toaster"),
        (&["--device"], "--device"),
        (&["--fast"], "--fast"),
        (&["another"], "another"),
        (&["--device", "cpu", "--device", "cpu"], "--device"),
        (
            &["--out", "/no/such/folder/out.safetensors"],
            "/no/such/folder",
        ),
    ] {
        let line = refusal(&case.run(arguments));
        assert!(line.contains(named), "{line}");
    }
    let line = refusal(&Command::new(env!("CARGO_BIN_EXE_parity")).output().unwrap());
    assert!(line.contains("usage"), "{line}");
}

/// Breaks a fresh case, and expects a refusal that names what is wrong.
fn refused(named: &str, break_it: impl Fn(&Scratch)) {
    let case = Scratch::new();
    break_it(&case);
    let line = refusal(&case.run(&[]));
    assert!(line.contains(named), "{named} is not in: {line}");
}

/// The one line of a run that exits 2.
fn refusal(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        !text.contains("panicked") && !text.contains("internal error"),
        "{text}"
    );
    text
}

fn truncate(path: &Path, length: usize) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..length]).unwrap();
}

/// A copy of a small case, to be broken.
struct Scratch {
    folder: TempDir,
}

impl Scratch {
    fn new() -> Self {
        let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/unet/sd1");
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("unet")).unwrap();
        let parts = ["case.json", "inputs.safetensors", "expected.safetensors"];
        for part in parts.into_iter().chain(["unet/config.json", WEIGHTS]) {
            fs::copy(stored.join(part), folder.path().join(part)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_parity"))
            .arg(self.folder.path())
            .args(arguments)
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap()
    }

    fn edited(self, file: &str, key: &str, value: Value) -> Self {
        self.edit_json(file, |json| json[key] = value);
        self
    }

    fn edit_json(&self, file: &str, edit: impl FnOnce(&mut Value)) {
        let path = self.path(file);
        let mut json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        edit(&mut json);
        fs::write(path, json.to_string()).unwrap();
    }

    fn edit_tensors(&self, file: &str, edit: impl Fn(&str, &mut Array)) {
        self.rewrite(file, |name, mut array| {
            edit(name, &mut array);
            (name.to_owned(), array)
        });
    }

    fn rename_tensor(&self, file: &str, from: &str, to: &str) {
        self.rewrite(file, |name, array| {
            let name = if name == from { to } else { name };
            (name.to_owned(), array)
        });
    }

    fn rewrite(&self, file: &str, each: impl Fn(&str, Array) -> (String, Array)) {
        let path = self.path(file);
        let mut all = Tensors::default();
        for (name, array) in Tensors::read(&path).unwrap().iter() {
            let (name, array) = each(name, array.clone());
            all.push(name, array);
        }
        all.write(&path).unwrap();
    }
}
