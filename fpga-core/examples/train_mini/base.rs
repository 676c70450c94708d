//! Pictures of given people, from words, noise, and who stands where.

use std::path::{Path, PathBuf};

use anyhow::Result;
use burn::module::Module;
use burn::tensor::Device;
use fpga_core::Error;
use fpga_core::diffusion::{BetaRange, Guidance, NoiseSchedule, Prediction, ScheduleConfig};
use fpga_core::identity::IdentityAttentionConfig;
use fpga_core::identity::projector::Projector;
use fpga_core::nn::randomize;
use fpga_core::train::diffusion::{
    ConditionDrop, DiffusionBatch, DiffusionObjective, Focus, LikenessLoss, Networks, Samples,
    Trainable, Trainee,
};
use fpga_core::train::{Computed, Draw, LearnerConfig, Objective};
use fpga_core::unet::UNetConfig;
use fpga_core::vae::tensor_to_pictures;
use fpga_core::weights::{Storage, save_json};
use image::RgbImage;
use image::imageops::replace;
use serde_json::json;

use crate::recipe::{
    ADAPT_FACES, ADAPT_RATE, ADAPT_STEPS, BASE_BATCH, BASE_RATE, BASE_STEPS, FACE_ADDITIONS,
    FACE_ADDITIONS_RATE, FACE_ADDITIONS_STEPS, FACES, FINISH_RATE, FINISH_STEPS, HELD_OUT,
    LIKENESS, LIKENESS_RATE, LIKENESS_STEPS, REFINE_RATE, REFINE_STEPS, SEED, SHAKE, SIDE,
    STRANGERS, course, face_projection, scheduler, unet,
};
use crate::scenes::{Motif, Scenes};
use crate::stage::Place;

/// What a training shows, what counts, and what learns.
struct Lesson {
    learns: Trainable,
    plan: LearnerConfig,
    /// Number of the first batch.
    first: u64,
    shows: Motif,
    /// How much more faces count.
    faces: f64,
    likeness: Option<Opinion>,
}

/// What the recogniser's opinion of faces does.
struct Opinion {
    /// How much it counts.
    weight: f64,
    /// How far faces are shaken before.
    shake: f64,
    /// How many of a batch it is asked about.
    faces: usize,
}

/// Trains both from nothing; gives back what was written.
pub(crate) fn train(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let lesson = Lesson {
        learns: Trainable::Joint,
        plan: course(BASE_STEPS, BASE_RATE),
        first: 0,
        shows: Motif::Groups,
        faces: FACES,
        likeness: None,
    };
    learn(place, device, fresh, lesson)
}

/// Trains both once more, from where they are; gives back what was written.
pub(crate) fn refine(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let lesson = Lesson {
        learns: Trainable::Joint,
        plan: course(REFINE_STEPS, REFINE_RATE),
        first: 1 << 32,
        shows: Motif::Groups,
        faces: FACES,
        likeness: None,
    };
    learn(place, device, |device| Ok(place.people(device)?), lesson)
}

/// The same for a recogniser that has changed since, with other scenes.
pub(crate) fn adapt(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let lesson = Lesson {
        learns: Trainable::Joint,
        plan: course(ADAPT_STEPS, ADAPT_RATE),
        first: 2 << 32,
        shows: Motif::Crowds,
        faces: ADAPT_FACES,
        likeness: None,
    };
    learn(place, device, |device| Ok(place.people(device)?), lesson)
}

/// And once more, while the recogniser is asked whose the faces are.
pub(crate) fn likeness(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let lesson = Lesson {
        learns: Trainable::Joint,
        plan: course(LIKENESS_STEPS, LIKENESS_RATE),
        first: 3 << 32,
        shows: Motif::Crowds,
        faces: ADAPT_FACES,
        likeness: Some(Opinion {
            weight: LIKENESS,
            shake: 0.0,
            faces: 8,
        }),
    };
    learn(place, device, |device| Ok(place.people(device)?), lesson)
}

/// And once more, while it sees them less exactly cut out.
pub(crate) fn finish(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let lesson = Lesson {
        learns: Trainable::Joint,
        plan: course(FINISH_STEPS, FINISH_RATE),
        first: 4 << 32,
        shows: Motif::Crowds,
        faces: ADAPT_FACES,
        likeness: Some(Opinion {
            weight: LIKENESS,
            shake: SHAKE,
            faces: 8,
        }),
    };
    learn(place, device, |device| Ok(place.people(device)?), lesson)
}

/// Low-rank additions to the UNet, for faces from near.
pub(crate) fn faces(place: &Place, device: &Device) -> Result<Vec<PathBuf>> {
    let lesson = Lesson {
        learns: Trainable::Lora(FACE_ADDITIONS),
        plan: course(FACE_ADDITIONS_STEPS, FACE_ADDITIONS_RATE),
        first: 5 << 32,
        shows: Motif::Faces,
        faces: ADAPT_FACES,
        likeness: Some(Opinion {
            weight: LIKENESS,
            shake: SHAKE,
            faces: 3,
        }),
    };
    learn(place, device, |device| Ok(place.people(device)?), lesson)
}

fn learn(
    place: &Place,
    device: &Device,
    networks: impl Fn(&Device) -> Result<Networks>,
    lesson: Lesson,
) -> Result<Vec<PathBuf>> {
    let start = networks(&device.clone().autodiff())?;
    let model = lesson.learns.prepare(start, SEED)?;
    let scenes = Scenes::open(&place.into, device)?.showing(lesson.shows);
    let plain = DiffusionObjective {
        focus: Focus::Faces {
            extra: lesson.faces,
        },
        ..objective(&scenes)?
    };
    let likeness = lesson.likeness.map(|opinion| -> Result<_> {
        let device = device.clone().autodiff();
        let mut loss = LikenessLoss::new(place.vae(&device)?, place.face(&device)?);
        (loss.weight, loss.shake, loss.faces) = (opinion.weight, opinion.shake, opinion.faces);
        Ok(loss)
    });
    let objective = DiffusionObjective {
        likeness: likeness.transpose()?,
        ..plain.clone()
    };
    let shown = scenes.of(STRANGERS).batch(HELD_OUT, 8)?;
    let latents = scenes.vae.unscale(shown.latents.clone());
    let truth = tensor_to_pictures(scenes.vae.decode(latents))?;
    let samples = samples(&scenes, shown)?;
    let source = Computed::new(|at| scenes.batch(lesson.first + at, BASE_BATCH));
    let start = (objective, model, source);
    let draw = |model: &Trainee| Ok(vec![sheet(&truth, &samples.draw(model)?)]);
    let Some(model) = place.train(start, lesson.plan, draw)? else {
        return Ok(Vec::new());
    };
    let strangers = scenes.of(STRANGERS);
    let batch = |at| strangers.batch(HELD_OUT + at, BASE_BATCH);
    println!("held-out {}", held_out_loss(&plain, &model, batch)?);
    match lesson.learns {
        Trainable::Joint => save(&model, &place.into),
        part => Ok(part.save(&model, place.into.join("faces"), Storage::F16)?),
    }
}

/// Everything that a diffusers folder has besides the networks that were there before.
fn save(model: &Trainee, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Trainable::Full.save(model, folder.join("unet"), Storage::F16)?;
    let identity = Trainable::Identity { lora: None };
    files.extend(identity.save(model, folder, Storage::F16)?);
    let noise = folder.join("scheduler");
    std::fs::create_dir_all(&noise)?;
    for (path, value) in [
        (noise.join("scheduler_config.json"), scheduler()),
        (folder.join("model_index.json"), index()),
    ] {
        save_json(&value, &path)?;
        files.push(path);
    }
    Ok(files)
}

/// Words that say how well a model does on batches that it has never seen.
pub(crate) fn held_out_loss(
    objective: &DiffusionObjective,
    model: &Trainee,
    batch: impl Fn(u64) -> Result<DiffusionBatch, Error>,
) -> Result<String> {
    let (model, mut loss) = (model.clone().valid(), 0.0);
    for at in 0..ROUNDS {
        let found = objective.loss(&model, &batch(at)?, &mut Draw::new(SEED, at, 0))?;
        loss += f64::from(found.value.into_scalar::<f32>()) / ROUNDS as f64;
    }
    Ok(format!("loss {loss:.4}"))
}

/// Batches that losses are measured on.
const ROUNDS: u64 = 8;

/// What diffusers reads first.
fn index() -> serde_json::Value {
    json!({
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [null, null], "safety_checker": [null, null],
        "requires_safety_checker": false,
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    })
}

fn fresh(device: &Device) -> Result<Networks> {
    let unet = UNetConfig::from_json(&unet())?.init(device)?;
    let layers = unet.config().cross_attention();
    let attention = IdentityAttentionConfig {
        token_width: face_projection().token_width,
        widths: layers.iter().map(|layer| layer.width).collect(),
    };
    let projector = randomize(face_projection().init(device), SEED + 2);
    Ok(Networks {
        identity: Some(randomize(attention.init(device), SEED + 1)),
        projector: Some(Projector::Face(projector)),
        ..Networks::new(randomize(unet, SEED))
    })
}

pub(crate) fn objective(scenes: &Scenes) -> Result<DiffusionObjective> {
    let schedule = ScheduleConfig::from_json(&scheduler().to_string())?;
    let schedule = NoiseSchedule::new(&schedule, BetaRange::STABLE_DIFFUSION)?;
    Ok(DiffusionObjective {
        snr_limit: Some(5.0),
        focus: Focus::Faces { extra: FACES },
        drop: ConditionDrop {
            text: 0.1,
            ..ConditionDrop::NONE
        },
        empty_text: Some(scenes.words("")?),
        ..DiffusionObjective::new(schedule, Prediction::V)
    })
}

/// Strangers to draw from time to time.
fn samples(scenes: &Scenes, scene: DiffusionBatch) -> Result<Samples> {
    let schedule = ScheduleConfig::from_json(&scheduler().to_string())?;
    let samples = Samples::new(scenes.vae.clone(), scene, scenes.words("")?, &schedule, 20)?;
    Ok(samples.guided(Guidance::new(2.5)))
}

/// All pictures side by side: what is true above, what the model makes below.
fn sheet(truth: &[RgbImage], made: &[RgbImage]) -> RgbImage {
    let mut sheet = RgbImage::new(SIDE * truth.len() as u32, 2 * SIDE);
    for (row, pictures) in [truth, made].into_iter().enumerate() {
        for (column, picture) in pictures.iter().enumerate() {
            let [x, y] = [column, row].map(|place| place as i64 * i64::from(SIDE));
            replace(&mut sheet, picture, x, y);
        }
    }
    sheet
}
