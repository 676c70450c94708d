//! Which pixel of a picture is skin, eye, hair, …

use std::path::PathBuf;

use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fpga_core::Error;
use fpga_core::nn::randomize;
use fpga_core::train::{Computed, Draw, LabelledPictures, Objective};
use fpga_core::vae::picture_to_tensor;
use fpga_core::weights::{Storage, residual_names, save};
use rayon::prelude::*;

use crate::people::{Numbers, group};
use crate::recipe::{
    HELD_OUT, PARSER_BATCH, PARSER_LOSS, PARSER_RATE, PARSER_SIDE, PARSER_STEPS, SEED, STRANGERS,
    TRAINED, course, parser,
};
use crate::stage::Place;

/// Trains it; gives back what was written.
pub(crate) fn train(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let model = randomize(parser().init(&device.clone().autodiff()), SEED);
    let source = Computed::new(|at| labelled(at, &TRAINED, device));
    let nothing = |_: &_| Ok(Vec::new());
    let start = (PARSER_LOSS, model, source);
    let Some(model) = place.train(start, course(PARSER_STEPS, PARSER_RATE), nothing)? else {
        return Ok(Vec::new());
    };
    let (model, mut right) = (model.valid(), 0.0);
    for at in 0..8 {
        let batch = labelled(HELD_OUT + at, &STRANGERS, device)?;
        let found = PARSER_LOSS.loss(&model, &batch, &mut Draw::new(0, 0, 0))?;
        right += found.parts[0].1 / 8.0;
    }
    println!("held-out pixels told right: {:.1} %", 100.0 * right);

    let folder = place.into.join("parser");
    std::fs::create_dir_all(&folder)?;
    let weights = folder.join("parser.safetensors");
    save(&model, &residual_names(), &weights, Storage::F16)?;
    Ok(vec![weights])
}

/// Groups, drawn as large as the parser sees them.
fn labelled(
    at: u64,
    crowd: &std::ops::Range<u64>,
    device: &Device,
) -> Result<LabelledPictures, Error> {
    let one = |index| {
        let (scene, _) = group(&mut Numbers::new(at, index), crowd, PARSER_SIDE)?;
        let drawing = scene.draw()?;
        Ok((picture_to_tensor(&drawing.picture, device), drawing.parts))
    };
    let each = (0..PARSER_BATCH).into_par_iter().map(one);
    let (pixels, classes) = each.collect::<Result<(Vec<_>, Vec<_>), Error>>()?;
    Ok(LabelledPictures {
        pixels: Tensor::cat(pixels, 0),
        classes,
    })
}
