//! Which pixel of a picture is skin, eye, hair, …

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fpga_core::data::portrait::{Drawing, SceneSampler};
use fpga_core::face::BiSeNet;
use fpga_core::nn::{make_parameters, randomize};
use fpga_core::train::{Computed, Draw, LabelledPictures, LearnerConfig, Objective};
use fpga_core::vae::picture_to_tensor;
use fpga_core::weights::{Storage, bisenet_from_file, residual_names, save};
use fpga_core::{Error, RgbImage};
use image::imageops::{FilterType, crop_imm, resize};
use ndarray::{Array2, s};
use rayon::prelude::*;

use crate::people::{Numbers, framing, gathered, group};
use crate::recipe::{
    HELD_OUT, PARSER_BATCH, PARSER_LOSS, PARSER_RATE, PARSER_SIDE, PARSER_STEPS,
    REFINE_PARSER_RATE, REFINE_PARSER_SIDES, REFINE_PARSER_STEPS, SEED, STRANGERS, TRAINED, course,
    parser,
};
use crate::stage::Place;

/// Pixels and their classes.
type Labelled = (RgbImage, Array2<u8>);
/// Makes one of a batch.
type Draws = fn(&mut Numbers, &Range<u64>) -> Result<Labelled, Error>;

/// Trains it from nothing; gives back what was written.
pub(crate) fn train(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let model = randomize(parser().init(&device.clone().autodiff()), SEED);
    let plan = course(PARSER_STEPS, PARSER_RATE);
    learn(place, device, model, (plan, whole))
}

/// Trains it once more, with faces of all sizes and of little detail; gives back what was written.
pub(crate) fn refine(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let tracked = device.clone().autodiff();
    let (model, _) = bisenet_from_file(weights(&place.into), Storage::F32, &tracked)?;
    make_parameters(&model);
    let plan = course(REFINE_PARSER_STEPS, REFINE_PARSER_RATE);
    learn(place, device, model, (plan, cut_out))
}

fn learn(
    place: &Place,
    device: &Device,
    model: BiSeNet,
    (plan, draws): (LearnerConfig, Draws),
) -> Result<Vec<PathBuf>> {
    let source = Computed::new(|at| labelled(at, (draws, &TRAINED), device));
    let nothing = |_: &_| Ok(Vec::new());
    let Some(model) = place.train((PARSER_LOSS, model, source), plan, nothing)? else {
        return Ok(Vec::new());
    };
    let (model, mut right) = (model.valid(), 0.0);
    for at in 0..8 {
        let batch = labelled(HELD_OUT + at, (draws, &STRANGERS), device)?;
        let found = PARSER_LOSS.loss(&model, &batch, &mut Draw::new(0, 0, 0))?;
        right += found.parts[0].1 / 8.0;
    }
    println!("held-out pixels told right: {:.1} %", 100.0 * right);

    let weights = weights(&place.into);
    std::fs::create_dir_all(place.into.join("parser"))?;
    save(&model, &residual_names(), &weights, Storage::F16)?;
    Ok(vec![weights])
}

fn weights(model: &Path) -> PathBuf {
    model.join("parser/parser.safetensors")
}

fn labelled(
    at: u64,
    (draws, crowd): (Draws, &Range<u64>),
    device: &Device,
) -> Result<LabelledPictures, Error> {
    let one = |index| {
        let (picture, parts) = draws(&mut Numbers::new(at, index), crowd)?;
        Ok((picture_to_tensor(&picture, device), parts))
    };
    let each = (0..PARSER_BATCH).into_par_iter().map(one);
    let (pixels, classes) = each.collect::<Result<(Vec<_>, Vec<_>), Error>>()?;
    Ok(LabelledPictures {
        pixels: Tensor::cat(pixels, 0),
        classes,
    })
}

/// Groups, drawn as large as the parser sees them.
fn whole(numbers: &mut Numbers, crowd: &Range<u64>) -> Result<Labelled, Error> {
    let Drawing { picture, parts, .. } = group(numbers, crowd, PARSER_SIDE)?.0.draw()?;
    Ok((picture, parts))
}

/// A piece of a group of up to four, as if it had been enlarged from a smaller picture.
fn cut_out(numbers: &mut Numbers, crowd: &Range<u64>) -> Result<Labelled, Error> {
    let side = REFINE_PARSER_SIDES[numbers.below(3) as usize];
    let count = 1 + numbers.below(4);
    let sampler = SceneSampler {
        framing: framing(count),
        ..SceneSampler::new(side)
    };
    let Drawing { picture, parts, .. } = gathered(numbers, crowd, (count, sampler))?.0.draw()?;
    let [x, y] = [0; 2].map(|_: u32| numbers.below(u64::from(side - PARSER_SIDE) + 1) as u32);
    let (left, top, wide) = (x as usize, y as usize, PARSER_SIDE as usize);
    let parts = parts
        .slice(s![top..top + wide, left..left + wide])
        .to_owned();

    let small = (side as f32 / (1.0 + 3.0 * numbers.share())) as u32;
    let blurred = resize(&picture, small, small, FilterType::Triangle);
    let picture = resize(&blurred, side, side, FilterType::CatmullRom);
    Ok((
        crop_imm(&picture, x, y, PARSER_SIDE, PARSER_SIDE).to_image(),
        parts,
    ))
}
