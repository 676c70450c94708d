//! What PyTorch found, and the networks and pictures that it found it for.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use fpga_core::train::GradientSet;
use fpga_core::train::diffusion::{DiffusionBatch, Trainee};
use fpga_core::unet::{Conditioning, UNet};
use fpga_core::weights::{ModelFolder, Storage, unet_names};
use fpga_tests::parity::{Array, Tensors};
use ndarray::Array2;

/// Largest relative L2 error of one parameter's gradient, and of the loss.
const ALLOWED: f64 = 1e-4;

/// Values of what learns, the loss, and the gradients that PyTorch found.
pub(crate) struct Case {
    pub(crate) values: Tensors,
    pub(crate) expected: Tensors,
}

impl Case {
    pub(crate) fn read(folder: &str, name: &str) -> Self {
        let read = |name: &str| {
            let path = fixtures().join(format!("{folder}/{name}.safetensors"));
            Tensors::read(&path).unwrap()
        };
        Self {
            values: read(name),
            expected: read(&format!("{name}_gradients")),
        }
    }

    pub(crate) fn value(&self, name: &str) -> Tensor<1> {
        let array = self
            .values
            .get(name)
            .unwrap_or_else(|| panic!("no value of {name}"));
        let values: Vec<f32> = array.values.iter().map(|&value| value as f32).collect();
        let count = values.len();
        Tensor::from_data(TensorData::new(values, [count]), &device())
    }

    pub(crate) fn region(&self, name: &str) -> Array2<f32> {
        let array = self.values.get(name).unwrap();
        let values = array.values.iter().map(|&value| value as f32).collect();
        Array2::from_shape_vec((array.shape[0], array.shape[1]), values).unwrap()
    }

    /// Exactly what is expected has a gradient, and the right one.
    pub(crate) fn compare_all(
        &self,
        trainee: &Trainee,
        loss: Tensor<1>,
        name: impl Fn(&str) -> String,
    ) {
        let found = self.gradients(trainee, loss);
        assert_eq!(found.iter().len(), self.expected.iter().count());
        for (path, gradient) in found.iter() {
            let name = name(path);
            let expected = self.expected.get(&name);
            let expected = expected.unwrap_or_else(|| panic!("{name} is not expected to learn"));
            self.compare(&name, gradient.clone(), expected);
        }
    }

    /// The gradients of that part of the UNet for which the reference has them.
    pub(crate) fn compare_known(&self, trainee: &Trainee, loss: Tensor<1>) {
        let found = self.gradients(trainee, loss);
        for (name, expected) in self.expected.iter() {
            let named = |path: &str| diffusers_name(path.strip_prefix("unet.").unwrap()) == name;
            let (_, gradient) = found.iter().find(|(path, _)| named(path)).unwrap();
            self.compare(name, gradient.clone(), expected);
        }
    }

    pub(crate) fn gradients(&self, trainee: &Trainee, loss: Tensor<1>) -> GradientSet {
        let found = f64::from(loss.clone().into_scalar::<f32>());
        let expected = self.values.get("loss").unwrap().values[0];
        assert!(
            (found / expected - 1.0).abs() < ALLOWED,
            "loss {found}, expected {expected}"
        );
        GradientSet::of(trainee, &loss.backward())
    }

    pub(crate) fn compare(&self, name: &str, gradient: Tensor<1>, expected: &Array) {
        let found = Array::from_tensor(gradient);
        let pairs = found.values.iter().zip(&expected.values);
        let difference: f64 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
        let size: f64 = expected.values.iter().map(|value| value.powi(2)).sum();
        let error = (difference / size).sqrt();
        assert!(error <= ALLOWED, "{name}: relative L2 error {error:.1e}");
    }
}

pub(crate) fn device() -> Device {
    Device::flex().autodiff()
}

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

pub(crate) fn unet() -> UNet {
    let folder = ModelFolder::open(fixtures().join("unet/sd1/unet"), None).unwrap();
    folder.unet(Storage::AsStored, &device()).unwrap().0
}

pub(crate) fn plain(unet: UNet) -> Trainee {
    Trainee {
        unet: burn::module::Module::no_grad(unet),
        controlnet: None,
        modal: Vec::new(),
        identity: None,
        projector: None,
        facial: None,
    }
}

pub(crate) fn inputs() -> Tensors {
    Tensors::read(&fixtures().join("unet/sd1/inputs.safetensors")).unwrap()
}

pub(crate) fn batch() -> DiffusionBatch {
    let inputs = inputs();
    let text = inputs.tensor("encoder_hidden_states", &device()).unwrap();
    let latents = inputs.tensor("sample", &device()).unwrap();
    DiffusionBatch::new(latents, Conditioning::text(text))
}

/// With the picture that the reference draws first from its generator.
pub(crate) fn with_condition() -> DiffusionBatch {
    let file = fixtures().join("training_parts/condition.safetensors");
    let condition = Tensors::read(&file).unwrap();
    DiffusionBatch {
        condition: Some(condition.tensor("condition", &device()).unwrap()),
        ..batch()
    }
}

pub(crate) fn diffusers_name(path: &str) -> String {
    unet_names().key(path).name().to_owned()
}

/// `_rep` behind the layer's name, as the published files have it.
pub(crate) fn rep_name(path: &str) -> String {
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
