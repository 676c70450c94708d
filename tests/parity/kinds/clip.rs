//! CLIP's text and vision models.

use burn::tensor::{Device, Int, Tensor, TensorData};
use fpga_core::Result;
use fpga_core::weights::Storage;

use crate::parity::case::Case;
use crate::parity::tensors::{Array, Tensors};

/// Hidden states and pooled text from `input_ids`.
pub(super) fn text(case: &Case, device: &Device) -> Result<Tensors> {
    let ([batch, length], ids) = case.inputs.integers("input_ids")?;
    let (model, _) = case.model()?.clip_text(Storage::AsStored, device)?;
    for row in ids.chunks(length) {
        model.config().check_ids(row)?;
    }

    let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [batch, length]), device);
    let output = model.forward(ids);
    let mut outputs = Tensors::default();
    outputs.push_tensor("last_hidden_state", output.last_hidden_state);
    push_second_to_last(&mut outputs, &output.hidden_states);
    outputs.push_tensor("pooler_output", output.pooler_output);
    if let Some(embeds) = output.text_embeds {
        outputs.push_tensor("text_embeds", embeds);
    }
    Ok(outputs)
}

/// Projected picture and hidden states from `pixel_values`.
pub(super) fn vision(case: &Case, device: &Device) -> Result<Tensors> {
    let pixels = case.inputs.tensor::<4>("pixel_values", device)?;
    let (model, _) = case.model()?.clip_vision(Storage::AsStored, device)?;
    model.config().check_pixels(pixels.dims())?;

    let output = model.forward(pixels);
    let mut outputs = Tensors::default();
    if let Some(embeds) = output.image_embeds {
        outputs.push_tensor("image_embeds", embeds);
    }
    push_second_to_last(&mut outputs, &output.hidden_states);
    Ok(outputs)
}

fn push_second_to_last(outputs: &mut Tensors, hidden_states: &[Tensor<3>]) {
    if let [.., second_to_last, _] = hidden_states {
        outputs.push(
            "hidden_states.-2",
            Array::from_tensor(second_to_last.clone()),
        );
    }
}
