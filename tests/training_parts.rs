//! Every part that can learn gets the gradients that PyTorch gives, and nothing else gets any.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use fpga_core::control::{Coefficients, ModalUNet};
use fpga_core::identity::IdentityAttentionConfig;
use fpga_core::nn::map_parameters;
use fpga_core::train::GradientSet;
use fpga_core::train::diffusion::{
    DiffusionBatch, FaceTarget, Inputs, Localisation, LoraConfig, Networks, PartTarget, Predicted,
    Trainable, Trainee,
};
use fpga_core::unet::{AttentionSite, Conditioning, UNet};
use fpga_core::weights::{ModelFolder, Storage, load_rep_controlnet, unet_names};
use fpga_tests::parity::{Array, Tensors};
use ndarray::Array2;

/// Largest relative L2 error of one parameter's gradient, and of the loss.
const ALLOWED: f64 = 1e-4;

#[test]
fn a_modal_branch_and_its_encoder() {
    let case = Case::read("modal");
    let unet = unet();
    let file = fixtures().join("training_parts/modal.safetensors");
    let (net, report) = load_rep_controlnet(file, &unet, Storage::AsStored, &device()).unwrap();
    assert_eq!(report.unused, ["loss"]);
    let coefficients = Coefficients {
        alpha: 0.9,
        beta: 1.0,
    };
    let net = net.with_coefficients(coefficients).unwrap();
    let modal = ModalUNet::attach(unet.clone(), &net).unwrap().learning();
    let trainee = Trainee {
        modal: vec![modal],
        ..plain(unet)
    };
    case.compare_all(&trainee, &with_condition(), |path| {
        let path = path.strip_prefix("modal.0.").unwrap();
        match path.strip_prefix("unet.") {
            Some(path) => rep_name(path.strip_suffix(".modal.weight").unwrap()),
            None => path.to_owned(),
        }
    });
}

#[test]
fn a_controlnet() {
    let case = Case::read("controlnet");
    let folder = ModelFolder::open(fixtures().join("training_parts/controlnet"), None).unwrap();
    let (net, _) = folder.controlnet(Storage::AsStored, &device()).unwrap();
    let networks = Networks {
        controlnet: Some(net),
        ..Networks::new(unet())
    };
    let trainee = Trainable::ControlNet.prepare(networks, 0).unwrap();
    case.compare_all(&trainee, &with_condition(), |path| {
        diffusers_name(path.strip_prefix("controlnet.").unwrap())
    });
}

#[test]
fn low_rank_additions() {
    let case = Case::read("lora");
    let config = LoraConfig {
        rank: 2,
        alpha: 3.0,
    };
    let name = |path: &str| {
        let (owner, factor) = path
            .strip_prefix("unet.")
            .unwrap()
            .split_once(".lora.")
            .unwrap();
        format!("{}.{factor}", diffusers_name(owner))
    };
    let trainee = Trainable::Lora(config)
        .prepare(Networks::new(unet()), 0)
        .unwrap();
    let trainee = map_parameters(trainee, |path, _| {
        path.contains(".lora.").then(|| case.value(&name(path)))
    });
    case.compare_all(&trainee, &batch(), name);
}

#[test]
fn identity_projections_of_people_with_masks() {
    let case = Case::read("identity");
    let config = IdentityAttentionConfig {
        token_width: 5,
        widths: unet()
            .config()
            .cross_attention()
            .iter()
            .map(|layer| layer.width)
            .collect(),
    };
    let networks = Networks {
        identity: Some(config.init(&device())),
        ..Networks::new(unet())
    };
    let trainee = Trainable::Identity.prepare(networks, 0).unwrap();
    let name = |path: &str| path.strip_prefix("identity.").unwrap().to_owned();
    let trainee = map_parameters(trainee, |path, _| {
        path.starts_with("identity.")
            .then(|| case.value(&name(path)))
    });
    let face = |row: usize| {
        vec![FaceTarget {
            region: case.region(&format!("mask.{row}")),
            tokens: Some(
                case.values
                    .tensor(&format!("tokens.{row}"), &device())
                    .unwrap(),
            ),
        }]
    };
    let batch = DiffusionBatch {
        faces: vec![face(0), face(1)],
        ..batch()
    };
    case.compare_all(&trainee, &batch, name);
}

#[test]
fn attention_that_is_to_stay_where_it_belongs() {
    for (site, file) in [
        (AttentionSite::Pixels, "localisation_attn1"),
        (AttentionSite::Text, "localisation_attn2"),
    ] {
        let case = Case::read(file);
        let trainee = Trainable::Full.prepare(Networks::new(unet()), 0).unwrap();
        let place = Localisation {
            weight: 0.5,
            stages: 3,
            site,
        };
        let part = |row: usize, token: usize| PartTarget {
            token,
            region: case.region(&format!("region.{row}.{token}")),
        };
        let parts = vec![vec![part(0, 1), part(0, 4)], vec![part(1, 2)]];
        let watch = Some((site, place.watched(trainee.stages())));
        let predicted = predict(&trainee, &batch(), watch);
        let placed = place.loss(&predicted.maps, &parts).unwrap().unwrap();
        let loss = error_of(predicted.output) + placed * place.weight;
        let found = case.gradients(&trainee, loss);
        for (name, expected) in case.expected.iter() {
            let path = found
                .iter()
                .find(|(path, _)| diffusers_name(path.strip_prefix("unet.").unwrap()) == name);
            case.compare(name, path.unwrap().1.clone(), expected);
        }
    }
}

/// Values of what learns, the loss, and the gradients that PyTorch found.
struct Case {
    values: Tensors,
    expected: Tensors,
}

impl Case {
    fn read(name: &str) -> Self {
        let read = |name: &str| {
            let path = fixtures().join(format!("training_parts/{name}.safetensors"));
            Tensors::read(&path).unwrap()
        };
        Self {
            values: read(name),
            expected: read(&format!("{name}_gradients")),
        }
    }

    fn value(&self, name: &str) -> Tensor<1> {
        let array = self
            .values
            .get(name)
            .unwrap_or_else(|| panic!("no value of {name}"));
        let values: Vec<f32> = array.values.iter().map(|&value| value as f32).collect();
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count]), &device())
    }

    fn region(&self, name: &str) -> Array2<f32> {
        let array = self.values.get(name).unwrap();
        let values = array.values.iter().map(|&value| value as f32).collect();
        Array2::from_shape_vec((array.shape[0], array.shape[1]), values).unwrap()
    }

    /// Exactly what is expected has a gradient, and the right one.
    fn compare_all(
        &self,
        trainee: &Trainee,
        batch: &DiffusionBatch,
        name: impl Fn(&str) -> String,
    ) {
        let loss = error_of(predict(trainee, batch, None).output);
        let found = self.gradients(trainee, loss);
        assert_eq!(found.iter().len(), self.expected.iter().count());
        for (path, gradient) in found.iter() {
            let name = name(path);
            let expected = self.expected.get(&name);
            let expected = expected.unwrap_or_else(|| panic!("{name} is not expected to learn"));
            self.compare(&name, gradient.clone(), expected);
        }
    }

    fn gradients(&self, trainee: &Trainee, loss: Tensor<1>) -> GradientSet {
        let found = f64::from(loss.clone().into_scalar::<f32>());
        let expected = self.values.get("loss").unwrap().values[0];
        assert!(
            (found / expected - 1.0).abs() < ALLOWED,
            "loss {found}, expected {expected}"
        );
        GradientSet::of(trainee, &loss.backward())
    }

    fn compare(&self, name: &str, gradient: Tensor<1>, expected: &Array) {
        let found = Array::from_tensor(gradient);
        let pairs = found.values.iter().zip(&expected.values);
        let difference: f64 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
        let size: f64 = expected.values.iter().map(|value| value.powi(2)).sum();
        let error = (difference / size).sqrt();
        assert!(error <= ALLOWED, "{name}: relative L2 error {error:.1e}");
    }
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn unet() -> UNet {
    let folder = ModelFolder::open(fixtures().join("unet/sd1/unet"), None).unwrap();
    folder.unet(Storage::AsStored, &device()).unwrap().0
}

fn plain(unet: UNet) -> Trainee {
    Trainee {
        unet: burn::module::Module::no_grad(unet),
        controlnet: None,
        modal: Vec::new(),
        identity: None,
    }
}

fn inputs() -> Tensors {
    Tensors::read(&fixtures().join("unet/sd1/inputs.safetensors")).unwrap()
}

fn batch() -> DiffusionBatch {
    let inputs = inputs();
    let text = inputs.tensor("encoder_hidden_states", &device()).unwrap();
    let latents = inputs.tensor("sample", &device()).unwrap();
    DiffusionBatch::new(latents, Conditioning::text(text))
}

/// With the picture that the reference draws first from its generator.
fn with_condition() -> DiffusionBatch {
    let file = fixtures().join("training_parts/condition.safetensors");
    let condition = Tensors::read(&file).unwrap();
    DiffusionBatch {
        condition: Some(condition.tensor("condition", &device()).unwrap()),
        ..batch()
    }
}

fn predict(
    trainee: &Trainee,
    batch: &DiffusionBatch,
    watch: Option<(AttentionSite, std::ops::Range<usize>)>,
) -> Predicted {
    let timesteps = inputs().tensor("timestep", &device()).unwrap();
    let inputs = Inputs {
        batch: batch.clone(),
        timesteps,
        watch,
    };
    trainee.predict(&inputs).unwrap()
}

fn error_of(found: Tensor<4>) -> Tensor<1> {
    let file = Tensors::read(&fixtures().join("training/inputs.safetensors")).unwrap();
    let target = file.tensor::<4>("target", &device()).unwrap();
    (found - target).square().mean()
}

fn diffusers_name(path: &str) -> String {
    unet_names().key(path).name().to_owned()
}

/// `_rep` behind the layer's name, as the published files have it.
fn rep_name(path: &str) -> String {
    let name = diffusers_name(path);
    for (known, copied) in [
        (".ff.net.", ".ff.net_rep."),
        (".to_out.0.", ".to_out_rep.0."),
    ] {
        if name.contains(known) {
            return name.replace(known, copied);
        }
    }
    let (layer, parameter) = name.rsplit_once('.').unwrap();
    format!("{layer}_rep.{parameter}")
}
