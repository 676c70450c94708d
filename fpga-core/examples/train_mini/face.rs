//! Whose face it is.

use std::path::{Path, PathBuf};

use anyhow::Result;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use fpga_core::Error;
use fpga_core::data::portrait::Person;
use fpga_core::face::{ArcFace, ArcFaceEmbedder};
use fpga_core::nn::{make_parameters, randomize};
use fpga_core::train::{Computed, KnownFaces, LearnerConfig, Recogniser};
use fpga_core::vae::picture_to_tensor;
use fpga_core::weights::{Storage, arcface_from_file, residual_names, save};
use rayon::prelude::*;

use crate::people::{Numbers, aligned, with_other_hair};
use crate::recipe::{
    self, FACE_BATCH, FACE_LOSS, FACE_RATE, FACE_STEPS, HELD_OUT, JUDGE_KNOWN, JUDGE_RATE,
    JUDGE_STEPS, KNOWN, OTHER_HAIR, REFINE_FACE_RATE, REFINE_FACE_STEPS, REFINE_KNOWN, SEED,
    course, face,
};
use crate::stage::Place;

/// Strangers among whom a face has to be found.
const ASKED: u64 = 200;
/// The folder of the model in which it lies.
const FACE: &str = "face";
/// Numbers of the batches of the second training start here.
const LATER: u64 = 1 << 32;

/// Whom a training shows.
#[derive(Clone, Copy)]
struct Lesson {
    /// Number of the first batch.
    first: u64,
    /// How many people.
    people: u64,
    /// How often somebody has another's hair.
    other_hair: f32,
}

/// Trains it from nothing; gives back what was written.
pub(crate) fn train(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let lesson = Lesson {
        first: 0,
        people: KNOWN,
        other_hair: 0.0,
    };
    let tracked = device.clone().autodiff();
    let network = randomize(face().init(&tracked), SEED);
    let model = Recogniser::new(network, KNOWN as usize, SEED, &tracked);
    learn(
        (place, FACE),
        device,
        model,
        (lesson, course(FACE_STEPS, FACE_RATE)),
    )
}

/// Trains it once more, with twice the people and hair that comes and goes, so that it does not go by hair;
/// gives back what was written.
pub(crate) fn refine(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let lesson = Lesson {
        first: LATER,
        people: REFINE_KNOWN,
        other_hair: OTHER_HAIR,
    };
    let tracked = device.clone().autodiff();
    let (network, _) = arcface_from_file(weights(&place.into, FACE), Storage::F32, &tracked)?;
    let centres = directions(&network, &lesson, device)?;
    make_parameters(&network);
    let model = Recogniser {
        network,
        centres: Param::from_tensor(Tensor::from_data(centres.into_data(), &tracked))
            .set_require_grad(true),
    };
    let plan = course(REFINE_FACE_STEPS, REFINE_FACE_RATE);
    learn((place, FACE), device, model, (lesson, plan))
}

/// Trains another one on other pictures, which has no part in any training and only judges; gives back what was
/// written.
pub(crate) fn judge(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let lesson = Lesson {
        first: 4 * LATER,
        people: JUDGE_KNOWN,
        other_hair: OTHER_HAIR,
    };
    let tracked = device.clone().autodiff();
    let network = randomize(recipe::judge().init(&tracked), SEED + 1);
    let model = Recogniser::new(network, JUDGE_KNOWN as usize, SEED + 1, &tracked);
    let plan = course(JUDGE_STEPS, JUDGE_RATE);
    learn((place, "judge"), device, model, (lesson, plan))
}

fn learn(
    (place, folder): (&Place, &str),
    device: &Device,
    model: Recogniser,
    (lesson, plan): (Lesson, LearnerConfig),
) -> Result<Vec<PathBuf>> {
    let source = Computed::new(|at| faces(lesson.first + at, &lesson, device));
    let nothing = |_: &Recogniser| Ok(Vec::new());
    let Some(model) = place.train((FACE_LOSS, model, source), plan, nothing)? else {
        return Ok(Vec::new());
    };
    let network = model.valid().network;
    let embedder = ArcFaceEmbedder::new(network.clone(), device)?;
    for (hair, other_hair) in [("their own", 0.0), ("other", 1.0)] {
        let found = 100.0 * recognised(&embedder, other_hair)?;
        println!("strangers with {hair} hair found among {ASKED}: {found:.1} %");
    }
    let weights = weights(&place.into, folder);
    std::fs::create_dir_all(place.into.join(folder))?;
    save(&network, &residual_names(), &weights, Storage::F16)?;
    Ok(vec![weights])
}

fn weights(model: &Path, folder: &str) -> PathBuf {
    model.join(folder).join("backbone.safetensors")
}

/// Faces of a few dozen to a hundred pixels, as groups and portraits have them.
fn faces(at: u64, lesson: &Lesson, device: &Device) -> Result<KnownFaces, Error> {
    let face = |index| {
        let numbers = &mut Numbers::new(at, index);
        let person = numbers.below(lesson.people);
        let picture = look(numbers, person, lesson.other_hair)?;
        Ok((picture_to_tensor(&picture, device), person as usize))
    };
    let faces = (0..FACE_BATCH).into_par_iter().map(face);
    let (pixels, people) = faces.collect::<Result<(Vec<_>, Vec<_>), Error>>()?;
    Ok(KnownFaces {
        pixels: Tensor::cat(pixels, 0),
        people,
    })
}

/// Somebody's face, with hair of someone else as often as that is asked for.
fn look(numbers: &mut Numbers, person: u64, other_hair: f32) -> Result<image::RgbImage, Error> {
    let person = Person::from_seed(person);
    let person = match other_hair > 0.0 && numbers.chance(other_hair) {
        true => with_other_hair(numbers, person),
        false => person,
    };
    aligned(numbers, &person)
}

/// Where everyone's faces lie now: `[people, features]`.
fn directions(network: &ArcFace, lesson: &Lesson, device: &Device) -> Result<Tensor<2>, Error> {
    let network = network.valid();
    let direction = |person: u64| {
        let looks = (0..LOOKS).map(|pass| {
            let numbers = &mut Numbers::new(2 * LATER + pass, person);
            let picture = look(numbers, person, lesson.other_hair)?;
            Ok(picture_to_tensor(&picture, device))
        });
        let looks = Tensor::cat(looks.collect::<Result<Vec<_>, Error>>()?, 0);
        Ok(network.forward(looks).mean_dim(0))
    };
    let each = (0..lesson.people).into_par_iter().map(direction);
    Ok(Tensor::cat(each.collect::<Result<Vec<_>, Error>>()?, 0))
}

/// Pictures of a person from which a direction is taken.
const LOOKS: u64 = 4;

/// Share of strangers whose second picture is nearest to their own first one.
fn recognised(embedder: &ArcFaceEmbedder, other_hair: f32) -> Result<f64, Error> {
    let look = |pass: u64, person: u64| {
        let numbers = &mut Numbers::new(HELD_OUT + pass, person);
        let hair = if pass == 0 { 0.0 } else { other_hair };
        embedder.embed_aligned(&look(numbers, HELD_OUT + person, hair)?)
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
