//! One training step of a whole network gives the gradients that PyTorch gives.

use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};
use fpga_core::unet::Conditioning;
use fpga_core::weights::{ModelFolder, Storage};
use fpga_tests::parity::{Array, Tensors};

/// Largest relative L2 error of one parameter's gradient.
const ALLOWED: f64 = 1e-4;

#[test]
fn a_step_of_the_unet_gives_the_references_gradients() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let read = |path: &str| Tensors::read(&fixtures.join(path)).unwrap();
    let inputs = read("unet/sd1/inputs.safetensors");
    let device = Device::flex().autodiff();
    let folder = ModelFolder::open(fixtures.join("unet/sd1/unet"), None).unwrap();
    let (unet, _) = folder.unet(Storage::AsStored, &device).unwrap();

    let context = inputs.tensor("encoder_hidden_states", &device).unwrap();
    let prepared = unet.prepare(&Conditioning::text(context));
    let latents = inputs.tensor::<4>("sample", &device).unwrap();
    let timesteps = inputs.tensor::<1>("timestep", &device).unwrap();
    let found = unet.forward(latents, timesteps, &prepared, None);
    let target = read("training/inputs.safetensors");
    let target = target.tensor::<4>("target", &device).unwrap();
    let gradients = (found - target).square().mean().backward();

    let mut check = Check {
        gradients,
        weights: read("unet/sd1/unet/diffusion_pytorch_model.safetensors"),
        expected: read("training/expected.safetensors"),
        errors: Vec::new(),
    };
    unet.visit(&mut check);
    let mut errors = check.errors;
    assert_eq!(errors.len(), check.expected.iter().count());
    errors.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let (worst, error) = &errors[0];
    assert!(*error <= ALLOWED, "{worst}: relative L2 error {error:.1e}");
}

/// Compares the gradient of every parameter.
struct Check {
    gradients: Gradients,
    weights: Tensors,
    expected: Tensors,
    /// Name in the checkpoint and relative L2 error.
    errors: Vec<(String, f64)>,
}

impl ModuleVisitor for Check {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // No two parameters hold the same numbers, which therefore tell the name.
        let value = Array::from_tensor(param.val());
        let mut named = self.weights.iter();
        let (name, _) = named.find(|(_, stored)| **stored == value).unwrap();
        let gradient = param.val().grad(&self.gradients);
        let gradient = gradient.unwrap_or_else(|| panic!("{name} has no gradient"));
        let expected = self.expected.get(name).unwrap();
        let found = Array::from_tensor(gradient);
        assert_eq!(found.shape, expected.shape, "{name}");
        let pairs = found.values.iter().zip(&expected.values);
        let difference: f64 = pairs.map(|(a, b)| (a - b).powi(2)).sum();
        let size: f64 = expected.values.iter().map(|value| value.powi(2)).sum();
        self.errors
            .push((name.to_owned(), (difference / size).sqrt()));
    }
}
