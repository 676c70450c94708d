//! Captions and pictures in one space.

use std::path::PathBuf;

use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fpga_core::Error;
use fpga_core::data::portrait::Wording;
use fpga_core::nn::randomize;
use fpga_core::text::{ClipTextConfig, ClipTokenizer};
use fpga_core::train::{Captioned, ClipPair, Computed, Contrast, Draw, Objective};
use fpga_core::vision::{ClipVisionConfig, preprocess};
use fpga_core::weights::{Storage, clip_text_names, clip_vision_names, save, save_json};
use rayon::prelude::*;

use crate::people::{Numbers, group};
use crate::recipe::{
    CLIP_BATCH, CLIP_RATE, CLIP_SIDE, CLIP_STEPS, HELD_OUT, SEED, SIDE, STRANGERS, TRAINED, course,
    text, vision,
};
use crate::stage::Place;
use crate::words;

/// Trains it; gives back what was written.
pub(crate) fn train(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let folder = place.into.join("tokenizer");
    let (mut files, vocabulary) = words::write(&folder)?;
    let tokenizer = ClipTokenizer::from_folder(&folder)?;

    let tracked = device.clone().autodiff();
    let configs = [text(vocabulary), vision()];
    let reader = ClipTextConfig::from_json(&configs[0])?.init(&tracked);
    let viewer = ClipVisionConfig::from_json(&configs[1])?.init(&tracked);
    let model = ClipPair::new(
        randomize(reader, SEED),
        randomize(viewer, SEED + 1),
        &tracked,
    )?;
    let source = Computed::new(|at| captioned(at, &TRAINED, &tokenizer, device));
    let nothing = |_: &ClipPair| Ok(Vec::new());
    let start = (Contrast, model, source);
    let Some(model) = place.train(start, course(CLIP_STEPS, CLIP_RATE), nothing)? else {
        return Ok(Vec::new());
    };
    let model = model.valid();
    let mut matched = 0.0;
    for at in 0..8 {
        let batch = captioned(HELD_OUT + at, &STRANGERS, &tokenizer, device)?;
        let found = Contrast.loss(&model, &batch, &mut Draw::new(0, 0, 0))?;
        matched += found.parts[0].1 / 8.0;
    }
    let share = 100.0 * matched;
    println!("held-out pictures that find their caption among {CLIP_BATCH}: {share:.1} %");

    for (folder, config) in ["text_encoder", "image_encoder"].iter().zip(&configs) {
        let folder = place.into.join(folder);
        std::fs::create_dir_all(&folder)?;
        save_json(config, &folder.join("config.json"))?;
        files.extend(["config.json", "model.safetensors"].map(|name| folder.join(name)));
    }
    let [reader, viewer] = [files.len() - 3, files.len() - 1].map(|at| files[at].clone());
    save(&model.text, &clip_text_names(), &reader, Storage::F16)?;
    save(&model.vision, &clip_vision_names(), &viewer, Storage::F16)?;
    Ok(files)
}

/// Groups with all that their captions can tell.
fn captioned(
    at: u64,
    crowd: &std::ops::Range<u64>,
    tokenizer: &ClipTokenizer,
    device: &Device,
) -> Result<Captioned, Error> {
    let one = |index| {
        let (scene, _) = group(&mut Numbers::new(at, index), crowd, SIDE)?;
        let ids = words::ids(tokenizer, &scene.caption(Wording::Described))?;
        Ok((preprocess(&scene.draw()?.picture, CLIP_SIDE, device)?, ids))
    };
    let each = (0..CLIP_BATCH).into_par_iter().map(one);
    let (pixels, captions) = each.collect::<Result<(Vec<_>, Vec<_>), Error>>()?;
    Ok(Captioned {
        pixels: Tensor::cat(pixels, 0),
        captions,
    })
}
