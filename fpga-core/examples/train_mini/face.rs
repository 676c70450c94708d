//! Whose face it is.

use std::path::PathBuf;

use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fpga_core::Error;
use fpga_core::face::ArcFaceEmbedder;
use fpga_core::nn::randomize;
use fpga_core::train::{Computed, KnownFaces, Recogniser};
use fpga_core::vae::picture_to_tensor;
use fpga_core::weights::{Storage, residual_names, save};
use rayon::prelude::*;

use crate::people::{Numbers, aligned};
use crate::recipe::{
    FACE_BATCH, FACE_LOSS, FACE_RATE, FACE_STEPS, HELD_OUT, KNOWN, SEED, course, face,
};
use crate::stage::Place;

/// Strangers among whom a face has to be found.
const ASKED: u64 = 200;

/// Trains it; gives back what was written.
pub(crate) fn train(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let tracked = device.clone().autodiff();
    let network = randomize(face().init(&tracked), SEED);
    let model = Recogniser::new(network, KNOWN as usize, SEED, &tracked);
    let source = Computed::new(|at| faces(at, device));
    let nothing = |_: &Recogniser| Ok(Vec::new());
    let start = (FACE_LOSS, model, source);
    let Some(model) = place.train(start, course(FACE_STEPS, FACE_RATE), nothing)? else {
        return Ok(Vec::new());
    };
    let network = model.valid().network;
    let found = recognised(&ArcFaceEmbedder::new(network.clone(), device)?)?;
    println!("strangers found among {ASKED}: {:.1} %", 100.0 * found);

    let folder = place.into.join("face");
    std::fs::create_dir_all(&folder)?;
    let weights = folder.join("backbone.safetensors");
    save(&network, &residual_names(), &weights, Storage::F16)?;
    Ok(vec![weights])
}

/// Faces of a few dozen to a hundred pixels, as groups and portraits have them.
fn faces(at: u64, device: &Device) -> Result<KnownFaces, Error> {
    let face = |index| {
        let numbers = &mut Numbers::new(at, index);
        let person = numbers.below(KNOWN);
        let pixels = picture_to_tensor(&aligned(numbers, person)?, device);
        Ok((pixels, person as usize))
    };
    let faces = (0..FACE_BATCH).into_par_iter().map(face);
    let (pixels, people) = faces.collect::<Result<(Vec<_>, Vec<_>), Error>>()?;
    Ok(KnownFaces {
        pixels: Tensor::cat(pixels, 0),
        people,
    })
}

/// Share of strangers whose second picture is nearest to their own first one.
fn recognised(embedder: &ArcFaceEmbedder) -> Result<f64, Error> {
    let look = |pass: u64, person: u64| {
        let face = aligned(
            &mut Numbers::new(HELD_OUT + pass, person),
            HELD_OUT + person,
        )?;
        embedder.embed_aligned(&face)
    };
    let known = (0..ASKED)
        .map(|person| look(0, person))
        .collect::<Result<Vec<_>, Error>>()?;
    let mut right = 0;
    for person in 0..ASKED {
        let face = look(1, person)?;
        let likeness = known.iter().map(|other| face.cosine(other));
        let likeness = likeness.collect::<Result<Vec<_>, Error>>()?;
        let nearest = (0..known.len()).max_by(|&a, &b| likeness[a].total_cmp(&likeness[b]));
        right += u64::from(nearest == Some(person as usize));
    }
    Ok(right as f64 / ASKED as f64)
}
