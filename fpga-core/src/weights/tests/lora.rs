//! LoRA files in every spelling, against networks that add `up(down(x))` as they run
//! (`tests/fixtures/lora/make.py`).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use burn::tensor::{DType, Device, Int, Tensor};

use super::{file_of, weights};
use crate::text::ClipText;
use crate::unet::{Conditioning, UNet};
use crate::weights::{
    Lora, LoraPart, ModelFolder, RandomRead, Storage, TensorSource, merge_text_loras,
    merge_unet_loras,
};

fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures/lora")
        .join(file)
}

fn lora(name: &str) -> Lora {
    Lora::open(fixture(&format!("{name}.safetensors"))).unwrap()
}

fn unet(name: &str, storage: Storage) -> UNet {
    let folder = ModelFolder::open(fixture(name), None).unwrap();
    folder.unet(storage, &Device::flex()).unwrap().0
}

fn text() -> ClipText {
    let folder = ModelFolder::open(fixture("text"), None).unwrap();
    folder.clip_text(Storage::F32, &Device::flex()).unwrap().0
}

fn predict(unet: &UNet) -> Tensor<4> {
    let device = Device::flex();
    let inputs = TensorSource::open(fixture("inputs.safetensors")).unwrap();
    let sample = inputs.tensor("sample", Storage::F32, &device).unwrap();
    let context = inputs
        .tensor("encoder_hidden_states", Storage::F32, &device)
        .unwrap();
    let timesteps = Tensor::<1>::from_floats([981.0, 3.0], &device);
    let conditioning = unet.prepare(&Conditioning::text(context));
    unet.forward(sample, timesteps, &conditioning, None)
}

fn error_of<const D: usize>(found: Tensor<D>, name: &str) -> f32 {
    let expected = TensorSource::open(fixture("expected.safetensors")).unwrap();
    let wanted: Tensor<D> = expected
        .tensor(name, Storage::F32, &Device::flex())
        .unwrap();
    let norm = |values: Tensor<D>| values.square().sum().sqrt().into_scalar::<f32>();
    norm(found - wanted.clone()) / norm(wanted)
}

#[test]
fn every_spelling_changes_the_unet_as_its_trainer_did() {
    let base = unet("sd1", Storage::F32);
    for (file, strength, name) in [
        ("kohya", 0.8, "kohya"),
        ("peft", 1.0, "peft"),
        ("peft_noted", 1.0, "peft_noted"),
        ("dotted", 1.0, "peft"),
        ("processors", 1.0, "processors"),
    ] {
        let lora = lora(file);
        assert_eq!(lora.changes(LoraPart::Text), 0, "{file}");
        let merged = merge_unet_loras(&base, &[(&lora, strength)]).unwrap();
        let error = error_of(predict(&merged), name);
        assert!(error < 1e-4, "{file}: {error:e}");
    }
    let sdxl = unet("sdxl", Storage::F32);
    let merged = merge_unet_loras(&sdxl, &[(&lora("kohya_sdxl"), 0.6)]).unwrap();
    let error = error_of(predict(&merged), "kohya_sdxl");
    assert!(error < 1e-4, "kohya_sdxl: {error:e}");
}

#[test]
fn several_add_up_and_the_base_stays_as_it_was() {
    let base = unet("sd1", Storage::F32);
    let before = weights(&base);
    let (first, second) = (lora("kohya"), lora("peft"));
    let merged = merge_unet_loras(&base, &[(&first, 0.5), (&second, -0.75)]).unwrap();
    let error = error_of(predict(&merged), "both");
    assert!(error < 1e-4, "{error:e}");
    assert_ne!(weights(&merged), before);
    assert_eq!(weights(&base), before, "bit for bit");
    assert!(error_of(predict(&base), "base") < 1e-4);
    let silent = merge_unet_loras(&base, &[(&first, 0.0)]).unwrap();
    assert_eq!(weights(&silent), before);
}

#[test]
fn weights_stay_in_the_type_in_which_they_are_kept() {
    let base = unet("sd1", Storage::F16);
    let merged = merge_unet_loras(&base, &[(&lora("kohya"), 0.8)]).unwrap();
    struct Types(Vec<DType>);
    impl burn::module::ModuleVisitor for Types {
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            self.0.push(param.val().dtype());
        }
    }
    let mut types = Types(Vec::new());
    burn::module::Module::visit(&merged, &mut types);
    assert!(types.0.iter().all(|dtype| *dtype == DType::F16));
    let error = error_of(predict(&merged), "kohya");
    assert!(error < 5e-3, "{error:e}");
}

#[test]
fn text_models_change_too() {
    let inputs = TensorSource::open(fixture("inputs.safetensors")).unwrap();
    assert_eq!(inputs.shape("input_ids"), Some(&[2, 5][..]));
    let ids = [[4, 9, 2, 7, 20], [4, 1, 1, 20, 20]];
    for file in ["text_kohya", "text_peft"] {
        let lora = lora(file);
        let merged = merge_text_loras(&text(), LoraPart::Text, &[(&lora, 0.9)]).unwrap();
        let ids = Tensor::<2, Int>::from_ints(ids, &Device::flex());
        let error = error_of(merged.forward(ids).last_hidden_state, "text");
        assert!(error < 1e-4, "{file}: {error:e}");
        assert_eq!(lora.unet_only().changes(LoraPart::Text), 0);
    }
}

/// Bytes that can be taken away.
#[derive(Debug)]
struct Lent(Mutex<Option<Vec<u8>>>);

impl RandomRead for Lent {
    fn size(&self) -> u64 {
        self.0.lock().unwrap().as_ref().map_or(0, RandomRead::size)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        let bytes = self.0.lock().unwrap();
        let bytes = bytes.as_ref().ok_or(std::io::ErrorKind::UnexpectedEof)?;
        bytes.read_exact_at(buffer, offset)
    }
}

#[test]
fn a_kept_lora_outlives_its_reader() {
    let base = unet("sd1", Storage::F32);
    let bytes = std::fs::read(fixture("kohya.safetensors")).unwrap();
    let lent = Arc::new(Lent(Mutex::new(Some(bytes))));
    let source = TensorSource::from_reader("lent", lent.clone()).unwrap();
    let lora = Lora::from_source(source).unwrap();
    let kept = lora.clone().kept().unwrap();
    lent.0.lock().unwrap().take();
    assert!(merge_unet_loras(&base, &[(&lora, 0.8)]).is_err());
    let merged = merge_unet_loras(&base, &[(&kept, 0.8)]).unwrap();
    let error = error_of(predict(&merged), "kohya");
    assert!(error < 1e-4, "{error:e}");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let sd1 = unet("sd1", Storage::F32);
    let refused = |lora: &Lora, strength| {
        let merged = merge_unet_loras(&sd1, &[(lora, strength)]);
        merged.err().map(|error| error.to_string()).unwrap()
    };
    let wide = refused(&lora("kohya_sdxl"), 1.0);
    assert!(wide.contains("unused: lora_unet_"), "{wide}");
    assert!(refused(&lora("peft"), f64::NAN).contains("must be finite"));

    let of = |tensors: &[(&str, &[usize], &[f32])]| {
        let source = TensorSource::from_bytes("a.safetensors", file_of(tensors)).unwrap();
        Lora::from_source(source)
    };
    let query = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
    let [down, up] = ["A", "B"].map(|half| format!("{query}.lora_{half}.weight"));
    let pair = of(&[(&down, &[1, 9], &[0.0; 9]), (&up, &[8, 1], &[0.0; 8])]).unwrap();
    let message = refused(&pair, 1.0);
    assert!(message.contains("needs [8, 8], found [8, 9]"), "{message}");
    let unequal = of(&[(&down, &[1, 8], &[0.0; 8]), (&up, &[4, 2], &[0.0; 8])]).unwrap();
    assert!(refused(&unequal, 1.0).contains("expected [outputs, 1]"));

    let clue = |opened: crate::Result<Lora>| opened.unwrap_err().to_string();
    assert!(clue(of(&[(&down, &[1, 8], &[0.0; 8])])).contains("has no other half"));
    let other = "lora_unet_conv_in.hada_w1_a";
    assert!(clue(of(&[(other, &[1], &[0.0])])).contains("belongs to a LoHa"));
    assert!(clue(of(&[("x", &[1], &[0.0])])).contains("x is no part of a LoRA pair"));
}
