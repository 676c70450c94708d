//! What is shown.

use anyhow::Result;
use burn::tensor::Tensor;
use fpga_core::RgbImage;
use fpga_core::data::portrait::{Drawing, Wording};
use fpga_core::diffusion::Guidance;
use fpga_core::pipeline::{
    Canvas, Face, FaceIdentity, FaceRestorer, Gate, GenerateRequest, IdentityTokens, Monitor,
    People, Place, PortraitGenerator, PortraitIdentity, Recogniser, RestoreRequest,
};
use image::imageops::{FilterType, crop_imm, overlay, resize};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cast::Cast;
use crate::heads::heads;
use crate::studio::Studio;

/// A picture, and what is said of it.
#[derive(Serialize)]
pub(crate) struct Shown {
    /// Without its ending.
    pub(crate) file: String,
    #[serde(skip)]
    pub(crate) picture: RgbImage,
    pub(crate) lines: Vec<String>,
}

type Job = fn(&Studio, &Cast, &ProgressBar) -> Result<Vec<Shown>>;

/// In the order of the sheet.
pub(crate) const ALL: &[(&str, Job)] = &[
    ("the given people", references),
    ("together", together),
    ("without masks", without_masks),
    ("another style", stylised),
    ("restoring a face", restored),
    ("exchanging a face", exchanged),
];

/// How strongly words pull.
const GUIDANCE: f64 = 2.5;
/// Who is in group pictures, from left to right.
const PAIR: [usize; 2] = [0, 1];

fn references(_: &Studio, cast: &Cast, _: &ProgressBar) -> Result<Vec<Shown>> {
    let people = cast.people.iter().enumerate();
    let shown = people.map(|(index, given)| Shown {
        file: format!("person-{index}"),
        picture: given.picture.clone(),
        lines: vec![format!("person {index}, as given")],
    });
    Ok(shown.collect())
}

/// A place for each of two people, and words.
struct Brief {
    drawing: Drawing,
    words: String,
}

fn brief(studio: &Studio, cast: &Cast) -> Result<Brief> {
    let scene = cast.scene(&PAIR, studio.size, studio.seed)?;
    Ok(Brief {
        words: scene.caption(Wording::Plain),
        drawing: scene.draw()?,
    })
}

fn together(studio: &Studio, cast: &Cast, bar: &ProgressBar) -> Result<Vec<Shown>> {
    let brief = brief(studio, cast)?;
    let people = placed(cast, &brief)?;
    let made = made(studio, cast, &brief, people, bar)?;
    Ok(vec![made.named("together", "each at their place")])
}

fn without_masks(studio: &Studio, cast: &Cast, bar: &ProgressBar) -> Result<Vec<Shown>> {
    let brief = brief(studio, cast)?;
    // One stream of everyone's tokens that reaches the whole picture.
    let all = |of: fn(&IdentityTokens) -> &Tensor<2>| {
        let tokens = PAIR.map(|index| of(&cast.people[index].tokens).clone());
        Tensor::cat(tokens.to_vec(), 0)
    };
    let tokens = IdentityTokens {
        conditional: all(|tokens| &tokens.conditional),
        unconditional: all(|tokens| &tokens.unconditional),
    };
    let people = vec![PortraitIdentity::new(tokens, None)];
    let made = made(studio, cast, &brief, people, bar)?;
    Ok(vec![made.named("without-masks", "the same without masks")])
}

fn stylised(studio: &Studio, cast: &Cast, bar: &ProgressBar) -> Result<Vec<Shown>> {
    let mut brief = brief(studio, cast)?;
    let (_, rest) = brief.words.split_once(" of ").unwrap_or(("", &brief.words));
    brief.words = format!("an ink drawing of {rest}");
    let people = placed(cast, &brief)?;
    let made = made(studio, cast, &brief, people, bar)?;
    Ok(vec![made.named("stylised", "the same as an ink drawing")])
}

/// Everyone at the head of a figure.
fn placed(cast: &Cast, brief: &Brief) -> Result<Vec<PortraitIdentity>> {
    let heads = heads(&brief.drawing)?;
    let people = PAIR.iter().zip(heads).map(|(&index, head)| {
        let tokens = cast.people[index].tokens.clone();
        PortraitIdentity::new(tokens, Place::Box(head))
    });
    Ok(people.collect())
}

/// A picture and how much everyone in it looks like whom.
struct Made {
    picture: RgbImage,
    lines: Vec<String>,
}

impl Made {
    fn named(self, file: &str, what: &str) -> Shown {
        let mut lines = vec![what.to_owned()];
        lines.extend(self.lines);
        Shown {
            file: file.to_owned(),
            picture: self.picture,
            lines,
        }
    }
}

fn made(
    studio: &Studio,
    cast: &Cast,
    brief: &Brief,
    people: Vec<PortraitIdentity>,
    bar: &ProgressBar,
) -> Result<Made> {
    let side = studio.size;
    let canvas = Canvas::Blank {
        width: side,
        height: side,
    };
    let request = GenerateRequest {
        steps: studio.steps,
        guidance: Guidance::new(GUIDANCE),
        seed: Some(studio.seed),
        people: Some(People::new(studio.adapter.attention(), people)),
        ..GenerateRequest::new(brief.words.as_str(), canvas)
    };
    let generator = PortraitGenerator::new(&studio.model);
    let mut pictures = generator.generate(&request, &mut watching(bar))?.pictures;
    let picture = pictures.swap_remove(0);
    let figures = PAIR.iter().zip(&brief.drawing.figures);
    let lines = figures.map(|(&index, figure)| {
        let likeness = cast.likeness(studio, &picture, &figure.landmarks)?;
        let nearest = (0..likeness.len()).max_by(|&a, &b| likeness[a].total_cmp(&likeness[b]));
        let nearest = nearest.expect("somebody is given");
        let own = likeness[index];
        Ok(format!("for {index}: like {own:.2}, nearest {nearest}"))
    });
    let lines = lines.collect::<Result<_>>()?;
    Ok(Made { picture, lines })
}

fn restored(studio: &Studio, cast: &Cast, bar: &ProgressBar) -> Result<Vec<Shown>> {
    let (spoilt, drawing) = spoilt(studio, cast)?;
    let request = RestoreRequest {
        depth: 0.7,
        ..request(studio, cast, &spoilt, &drawing, PAIR[0])?
    };
    finish(studio, request, ["degraded", "restored"], bar)
}

fn exchanged(studio: &Studio, cast: &Cast, bar: &ProgressBar) -> Result<Vec<Shown>> {
    let drawing = cast.scene(&PAIR, 2 * studio.size, studio.seed)?.draw()?;
    let picture = drawing.picture.clone();
    let stranger = cast.people.len() - 1;
    let request = request(studio, cast, &picture, &drawing, stranger)?.swapping();
    finish(studio, request, ["before", "exchanged"], bar)
}

/// A group picture whose first face has lost its detail.
fn spoilt(studio: &Studio, cast: &Cast) -> Result<(RgbImage, Drawing)> {
    let drawing = cast.scene(&PAIR, 2 * studio.size, studio.seed)?.draw()?;
    let [left, top, right, bottom] = drawing.figures[0].face.edges();
    let (x, y) = (left.max(0.0) as u32, top.max(0.0) as u32);
    let (wide, high) = ((right - left) as u32, (bottom - top) as u32);
    let face = crop_imm(&drawing.picture, x, y, wide, high).to_image();
    let small = resize(
        &face,
        wide.div_ceil(8),
        high.div_ceil(8),
        FilterType::Triangle,
    );
    let mut picture = drawing.picture.clone();
    let blurred = resize(&small, wide, high, FilterType::Triangle);
    overlay(&mut picture, &blurred, i64::from(x), i64::from(y));
    Ok((picture, drawing))
}

/// The first face of a picture as someone's.
fn request<'a>(
    studio: &'a Studio,
    cast: &Cast,
    picture: &'a RgbImage,
    drawing: &Drawing,
    who: usize,
) -> Result<RestoreRequest<'a>> {
    let given = &cast.people[who];
    let figure = &drawing.figures[0];
    let face = Face {
        landmarks: Some(figure.landmarks),
        identity: Some(FaceIdentity {
            embedding: Some(given.embedding.clone()),
            ..FaceIdentity::new(given.tokens.clone())
        }),
        ..Face::new(figure.face)
    };
    let words = format!("a painting of a {}", given.person.noun());
    let mut request = RestoreRequest::new(picture, vec![face], words.as_str());
    request.steps = studio.steps;
    request.guidance = Guidance::new(GUIDANCE);
    request.seed = Some(studio.seed);
    request.crop.size = studio.size;
    request.adapter = Some(studio.adapter.attention());
    request.recogniser = Some(Recogniser(&studio.embedder));
    // What comes out is shown, whatever it is.
    request.gate = Gate::OPEN;
    Ok(request)
}

fn finish(
    studio: &Studio,
    request: RestoreRequest<'_>,
    [before, after]: [&str; 2],
    bar: &ProgressBar,
) -> Result<Vec<Shown>> {
    let restorer = FaceRestorer::new(&studio.model);
    let restored = restorer.restore(&request, &mut watching(bar))?;
    let report = &restored.report;
    let likeness = report.faces[0].likeness;
    let [old, new] = likeness.map_or([f64::NAN; 2], |found| [found.before, found.after]);
    let changed = report.changed_outside_mask;
    Ok(vec![
        Shown {
            file: before.to_owned(),
            picture: request.picture.clone(),
            lines: vec![before.to_owned(), format!("like the person: {old:.2}")],
        },
        Shown {
            file: after.to_owned(),
            picture: restored.picture,
            lines: vec![
                after.to_owned(),
                format!("like the person: {new:.2}"),
                format!("background bytes changed: {changed}"),
            ],
        },
    ])
}

fn watching(bar: &ProgressBar) -> Monitor<'_> {
    Monitor::watching(|progress| {
        bar.set_length(progress.steps as u64);
        bar.set_position(progress.step as u64);
    })
}
