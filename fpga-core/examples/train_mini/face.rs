//! Whose face it is.

use std::path::PathBuf;

use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use fpga_core::Error;
use fpga_core::face::{ArcFaceEmbedder, align_face};
use fpga_core::nn::randomize;
use fpga_core::train::{Computed, KnownFaces, Recogniser};
use fpga_core::vae::picture_to_tensor;
use fpga_core::weights::{Storage, residual_names, save};
use image::RgbImage;

use crate::people::{Numbers, portrait};
use crate::recipe::{
    FACE_BATCH, FACE_LOSS, FACE_RATE, FACE_STEPS, HELD_OUT, PEOPLE, SEED, course, face,
};
use crate::stage::Place;

/// Strangers among whom a face has to be found.
const STRANGERS: u64 = 200;

/// Trains it; gives back what was written.
pub(crate) fn train(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let tracked = device.clone().autodiff();
    let network = randomize(face().init(&tracked), SEED);
    let model = Recogniser::new(network, PEOPLE as usize, SEED, &tracked);
    let source = Computed::new(|at| faces(at, device));
    let nothing = |_: &Recogniser| Ok(Vec::new());
    let start = (FACE_LOSS, model, source);
    let Some(model) = place.train(start, course(FACE_STEPS, FACE_RATE), nothing)? else {
        return Ok(Vec::new());
    };
    let network = model.valid().network;
    let found = recognised(&ArcFaceEmbedder::new(network.clone(), device)?)?;
    println!("strangers found among {STRANGERS}: {:.1} %", 100.0 * found);

    let folder = place.into.join("face");
    std::fs::create_dir_all(&folder)?;
    let weights = folder.join("backbone.safetensors");
    save(&network, &residual_names(), &weights, Storage::F16)?;
    Ok(vec![weights])
}

/// Faces of a few dozen to a hundred pixels, as groups and portraits have them.
fn faces(at: u64, device: &Device) -> Result<KnownFaces, Error> {
    let (mut pixels, mut people) = (Vec::new(), Vec::new());
    for index in 0..FACE_BATCH {
        let numbers = &mut Numbers::new(at, index);
        let person = numbers.below(PEOPLE);
        pixels.push(picture_to_tensor(&aligned(numbers, person)?, device));
        people.push(person as usize);
    }
    Ok(KnownFaces {
        pixels: Tensor::cat(pixels, 0),
        people,
    })
}

fn aligned(numbers: &mut Numbers, person: u64) -> Result<RgbImage, Error> {
    let side = 64 + numbers.below(97) as u32;
    let drawing = portrait(numbers, person, side)?;
    align_face(&drawing.picture, &drawing.figures[0].landmarks)
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
    let known = (0..STRANGERS)
        .map(|person| look(0, person))
        .collect::<Result<Vec<_>, Error>>()?;
    let mut right = 0;
    for person in 0..STRANGERS {
        let face = look(1, person)?;
        let likeness = known.iter().map(|other| face.cosine(other));
        let likeness = likeness.collect::<Result<Vec<_>, Error>>()?;
        let nearest = (0..known.len()).max_by(|&a, &b| likeness[a].total_cmp(&likeness[b]));
        right += u64::from(nearest == Some(person as usize));
    }
    Ok(right as f64 / STRANGERS as f64)
}
