//! ConsistentID: from features of a face to one prediction of a UNet that shows it.

use burn::tensor::Device;
use fpga_core::identity::projector::{IdentityFeatures, MarkedTokens, Shortcut};
use fpga_core::identity::{Identity, IdentitySet, RegionMask};
use fpga_core::unet::Conditioning;
use fpga_core::weights::{AdapterFile, AdapterKind, Storage, merge_unet_loras};
use fpga_core::{Error, Result};

use super::unet::Common;
use crate::parity::case::Case;
use crate::parity::tensors::Tensors;

/// `id_tokens`, `fused_text` and `sample` from what a UNet needs, a face embedding `[b, e]`, CLIP's hidden
/// states of the picture `[b, t, w]` and of its parts `[b, 5, t, w]`, and marks `[b, n]`.
pub(super) fn consistent_id(case: &Case, device: &Device) -> Result<Tensors> {
    let Common {
        latents,
        timesteps,
        conditioning,
    } = Common::read(&case.inputs, device)?;
    let shortcut = match case.setting_or("shortcut", false)? {
        true => Shortcut::Scaled(1.0),
        false => Shortcut::Off,
    };
    let file = open(case)?;
    let storage = Storage::AsStored;
    let unet = case.unet(device)?;
    let [rows, _, height, width] = latents.dims();
    unet.check(latents.dims(), &conditioning, None)?;
    file.check(&unet)?;

    let features = IdentityFeatures {
        face: Some(case.inputs.tensor("id_embedding", device)?),
        picture: None,
        picture_tokens: Some(case.inputs.tensor("clip_hidden_states", device)?),
    };
    let tokens = file
        .projector(shortcut, storage, device)?
        .tokens(&features)?;
    let [found, ..] = tokens.dims();
    if found != rows {
        let needed = format!("{rows} rows like the latents");
        return Err(Error::shape("input id_embedding", needed, found));
    }

    let parts = case.inputs.tensor::<4>("part_hidden_states", device)?;
    let ([_, length], mask) = case.inputs.integers("facial_token_mask")?;
    let marked = MarkedTokens::from_mask(&mask, length)?;
    let facial = file
        .facial_encoder(storage, device)?
        .expect("a ConsistentID file has one");
    facial.check(conditioning.context.dims(), parts.dims(), &marked)?;
    let text = facial.forward(conditioning.context, parts, &marked);

    let lora = file.lora()?;
    let loras: Vec<_> = lora.iter().map(|lora| (lora, 1.0)).collect();
    let unet = merge_unet_loras(&unet, &loras)?;
    let attention = file.attention(unet.config(), storage, device)?;
    let everywhere = RegionMask::everywhere([height, width])?;
    let people = IdentitySet::new(vec![Identity::new(tokens.clone(), everywhere)])?;
    let people = unet.prepare_identities(&attention, &people, [height, width])?;
    let conditioning = Conditioning {
        context: text.clone(),
        added: conditioning.added,
    };
    let prepared = unet.prepare(&conditioning).with_identities(people)?;

    let mut outputs = Tensors::default();
    outputs.push_tensor("id_tokens", tokens);
    outputs.push_tensor("fused_text", text);
    outputs.push_tensor("sample", unet.forward(latents, timesteps, &prepared, None));
    Ok(outputs)
}

fn open(case: &Case) -> Result<AdapterFile> {
    let path = case.folder.join(case.setting::<String>("checkpoint")?);
    let file = AdapterFile::open(&path)?;
    match file.kind() {
        AdapterKind::ConsistentId => Ok(file),
        kind => {
            let why = format!("is an adapter of kind {kind:?}, needed is ConsistentID's");
            Err(Error::format(path, why))
        }
    }
}
