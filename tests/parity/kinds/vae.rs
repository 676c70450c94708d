//! Both directions of an autoencoder, in its own units.

use burn::tensor::Device;
use fpga_core::Result;
use fpga_core::weights::Storage;

use crate::parity::case::Case;
use crate::parity::tensors::Tensors;

/// `mean` and `logvar` from `image`.
pub(super) fn encode(case: &Case, device: &Device) -> Result<Tensors> {
    let picture = case.inputs.tensor::<4>("image", device)?;
    let (vae, _) = case.model()?.vae(Storage::AsStored, device)?;
    vae.check_picture(picture.dims())?;

    let distribution = vae.encode(picture);
    let mut outputs = Tensors::default();
    outputs.push_tensor("mean", distribution.mean);
    outputs.push_tensor("logvar", distribution.logvar);
    Ok(outputs)
}

/// `image` from `latents`.
pub(super) fn decode(case: &Case, device: &Device) -> Result<Tensors> {
    let latents = case.inputs.tensor::<4>("latents", device)?;
    let (vae, _) = case.model()?.vae(Storage::AsStored, device)?;
    vae.check_latents(latents.dims())?;

    let mut outputs = Tensors::default();
    outputs.push_tensor("image", vae.decode(latents));
    Ok(outputs)
}
