//! Faces that lost their detail, and faces that become someone else's.

use anyhow::{Error, Result};
use fpga_core::RgbImage;
use fpga_core::face::{FaceBox, FaceEmbedder};
use fpga_core::metrics::psnr;
use fpga_core::pipeline::{
    Face, FaceIdentity, FaceRestorer, Gate, Monitor, Recogniser, RestoreRequest, Restored,
};
use image::imageops::crop_imm;

use crate::Bench;
use crate::crowd::Scene;
use crate::report::{Table, mean, share};
use crate::spoilt::{spoilt, spoilt_region};
use crate::studio::{DEPTH, FRESH};

/// Heights in pixels to which faces are shrunk before they are enlarged again.
const HEIGHTS: [u32; 4] = [3, 6, 9, 12];
/// How the face is made anew.
const WAYS: [(&str, f64, f64); 2] = [
    // Name, depth, share of fresh noise.
    ("DIIR", DEPTH, FRESH),
    ("inpainting", 1.0, 1.0),
];

/// DIIR beside inpainting from fresh noise and beside what is there, by size of the face.
pub(crate) fn sizes(bench: &Bench) -> Result<Table> {
    let mut table = Table::new(
        "Restored faces (one of two in a picture)",
        "height of the face, method",
        &[
            "cosine before",
            "cosine after",
            "face before, dB",
            "face after, dB",
            "background bytes changed",
        ],
    );
    for height in HEIGHTS {
        for (way, depth, variation) in WAYS {
            let name = format!("{height} px, {way}");
            let found = bench.each(&name, |seed| {
                let scene = bench.crowd.scene(2, 2 * bench.studio.size, seed)?;
                let figure = &scene.drawing.figures[0];
                let scale = height as f32 / figure.face.height();
                let spoilt = spoilt(&scene.drawing.picture, figure, scale)?;
                let face = Face {
                    mask: Some(spoilt_region(&spoilt, figure)?),
                    ..face(bench, &scene, 0, scene.who[0])?
                };
                let request = RestoreRequest {
                    depth,
                    variation,
                    guidance: bench.studio.for_restoring(),
                    ..request(bench, &spoilt, vec![face], seed)
                };
                let made = restored(bench, &request)?;
                let [before, after] = [&spoilt, &made.picture].map(|picture| {
                    let (truth, found) = (&scene.drawing.picture, picture);
                    psnr(&cut(truth, &figure.face), &cut(found, &figure.face))
                });
                let [old, new, changed] = figures(&made);
                Ok([old, new, before?, after?, changed])
            })?;
            let column =
                |index: usize| mean(&found.iter().map(|row| row[index]).collect::<Vec<_>>());
            let changed = found.iter().map(|row| row[4]).sum();
            let row = vec![column(0), column(1), column(2), column(3), changed];
            table.row(&name, row);
        }
    }
    Ok(table)
}

/// The first face becomes another person's, from the noise of the old face or from fresh noise.
pub(crate) fn exchange(bench: &Bench) -> Result<Table> {
    let mut columns = vec![
        "cosine with the old person",
        "with the new one",
        "nearer to the new one, %",
        "background bytes changed",
    ];
    columns.extend(bench.judge.has_second().then_some("nearer by another, %"));
    let mut table = Table::new("Exchanged faces", "noise", &columns);
    for (name, variation) in [("of the old face", 0.0), ("fresh", 1.0)] {
        let found = bench.each(name, |seed| exchanged(bench, variation, seed))?;
        let column = |of: fn(&Exchanged) -> f64| -> Vec<f64> { found.iter().map(of).collect() };
        let mut row = vec![
            mean(&column(|one| one.old)),
            mean(&column(|one| one.new)),
            share(found.iter().map(|one| one.new > one.old)),
            column(|one| one.changed).iter().sum(),
        ];
        let confirmed = found.iter().filter_map(|one| one.confirmed);
        row.extend(bench.judge.has_second().then(|| share(confirmed)));
        table.row(name, row);
    }
    Ok(table)
}

/// What became of a face that was to be another's.
struct Exchanged {
    /// Cosine with whom it was.
    old: f64,
    /// Cosine with whom it was to be.
    new: f64,
    /// Whether it is nearer to the new one in the eyes of the second recogniser.
    confirmed: Option<bool>,
    /// Bytes outside the mask.
    changed: f64,
}

fn exchanged(bench: &Bench, variation: f64, seed: u64) -> Result<Exchanged> {
    let scene = bench.crowd.scene(2, 2 * bench.studio.size, seed)?;
    let other = (scene.who[0] + bench.crowd.len() / 2) % bench.crowd.len();
    let picture = &scene.drawing.picture;
    let request = RestoreRequest {
        variation,
        guidance: bench.studio.for_exchange(),
        ..request(bench, picture, vec![face(bench, &scene, 0, other)?], seed).swapping()
    };
    let made = restored(bench, &request)?;
    let landmarks = &scene.drawing.figures[0].landmarks;
    let face = bench.studio.embedder.embed(&made.picture, landmarks)?;
    let [old, new] = [scene.who[0], other].map(|who| bench.crowd.get(who));
    let second = bench.judge.second(&made.picture, landmarks)?;
    let confirmed = { second.zip(old.second.as_ref()).zip(new.second.as_ref()) }
        .map(|((face, old), new)| Ok::<_, Error>(face.cosine(new)? > face.cosine(old)?));
    Ok(Exchanged {
        old: face.cosine(&old.embedding)?,
        new: face.cosine(&new.embedding)?,
        confirmed: confirmed.transpose()?,
        changed: made.report.changed_outside_mask as f64,
    })
}

/// Cosine before and after, and bytes changed outside the mask.
fn figures(restored: &Restored) -> [f64; 3] {
    let report = &restored.report;
    let [before, after] =
        { report.faces[0].likeness }.map_or([f64::NAN; 2], |found| [found.before, found.after]);
    [before, after, report.changed_outside_mask as f64]
}

/// What lies in a box.
fn cut(picture: &RgbImage, place: &FaceBox) -> RgbImage {
    let [left, top, right, bottom] = place.edges().map(|edge| edge.max(0.0) as u32);
    crop_imm(picture, left, top, right - left, bottom - top).to_image()
}

/// Face `index` of a scene, which is to become that of `who`.
pub(crate) fn face(bench: &Bench, scene: &Scene, index: usize, who: usize) -> Result<Face> {
    let (figure, person) = (&scene.drawing.figures[index], bench.crowd.get(who));
    let words = format!("a painting of a {}", person.person.noun());
    Ok(Face {
        landmarks: Some(figure.landmarks),
        prompt: Some(words.as_str().into()),
        identity: Some(FaceIdentity {
            embedding: Some(person.embedding.clone()),
            ..FaceIdentity::new(person.tokens(&bench.studio.adapter)?)
        }),
        ..Face::new(figure.face)
    })
}

pub(crate) fn request<'a>(
    bench: &'a Bench,
    picture: &'a RgbImage,
    faces: Vec<Face>,
    seed: u64,
) -> RestoreRequest<'a> {
    let studio = &bench.studio;
    let mut request = RestoreRequest::new(picture, faces, "");
    request.steps = studio.steps;
    request.guidance = studio.guidance;
    request.seed = Some(seed);
    request.crop = studio.crop;
    request.adapter = Some(studio.adapter.attention());
    request.recogniser = Some(Recogniser(&studio.embedder));
    request.gate = Gate::OPEN;
    request.measure_round_trip = false;
    request
}

pub(crate) fn restored(bench: &Bench, request: &RestoreRequest<'_>) -> Result<Restored> {
    let restorer = FaceRestorer::new(&bench.studio.faces);
    Ok(restorer.restore(request, &mut Monitor::none())?)
}
