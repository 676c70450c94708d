//! What is shown.

use anyhow::Result;
use burn::tensor::Tensor;
use fpga_core::RgbImage;
use fpga_core::control::draw_skeleton;
use fpga_core::data::portrait::{Drawing, Wording};
use fpga_core::face::SEEN;
use fpga_core::pipeline::{
    Canvas, GenerateRequest, IdentityTokens, ModalControl, Monitor, People, Place,
    PortraitGenerator, PortraitIdentity, StableDiffusion,
};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cast::Cast;
use crate::faces::{exchanged, faces_anew, restored};
use crate::head::head;
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
    ("their faces anew", anew),
    ("without masks", without_masks),
    ("another style", stylised),
    ("as a skeleton says", posed),
    ("restoring a face", restored),
    ("exchanging a face", exchanged),
];

/// Who is in group pictures, from left to right.
pub(crate) const PAIR: [usize; 2] = [0, 1];

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
    let people = placed(studio, cast, &brief)?;
    let request = request_of(studio, &brief, people);
    let made = made(studio, cast, &brief, (&studio.model, &request), bar)?;
    Ok(vec![made.named("together", "each at their place")])
}

/// A second stage: every face by DIIR, in the picture at twice its size.
fn anew(studio: &Studio, cast: &Cast, bar: &ProgressBar) -> Result<Vec<Shown>> {
    let brief = brief(studio, cast)?;
    let people = placed(studio, cast, &brief)?;
    let request = GenerateRequest {
        guidance: studio.for_first_stage(),
        ..request_of(studio, &brief, people)
    };
    let generator = PortraitGenerator::new(&studio.model);
    let draft = generator.generate(&request, &mut watching(bar))?.pictures;
    let large = cast.scene(&PAIR, 2 * studio.size, studio.seed)?.draw()?;
    let picture = faces_anew(studio, cast, (&draft[0], &large), bar)?;
    let lines = likenesses(studio, cast, &picture, &large)?;
    let made = Made { picture, lines };
    Ok(vec![
        made.named("faces-anew", "enlarged, their faces by DIIR"),
    ])
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
    let people = vec![PortraitIdentity::new(studio.for_new_pictures(tokens), None)];
    let request = request_of(studio, &brief, people);
    let made = made(studio, cast, &brief, (&studio.model, &request), bar)?;
    Ok(vec![made.named("without-masks", "the same without masks")])
}

fn stylised(studio: &Studio, cast: &Cast, bar: &ProgressBar) -> Result<Vec<Shown>> {
    let mut brief = brief(studio, cast)?;
    let (_, rest) = brief.words.split_once(" of ").unwrap_or(("", &brief.words));
    brief.words = format!("an ink drawing of {rest}");
    let people = placed(studio, cast, &brief)?;
    let request = request_of(studio, &brief, people);
    let made = made(studio, cast, &brief, (&studio.model, &request), bar)?;
    Ok(vec![made.named("stylised", "the same as an ink drawing")])
}

/// Skeletons that the UNet follows on its own, since a RepControlNet was merged into it: no step takes longer.
fn posed(studio: &Studio, cast: &Cast, bar: &ProgressBar) -> Result<Vec<Shown>> {
    let Some(control) = &studio.control else {
        return Ok(Vec::new());
    };
    let brief = brief(studio, cast)?;
    let figures = brief.drawing.figures.iter();
    let bodies: Vec<_> = figures
        .map(|figure| figure.skeleton.visible_body(SEEN))
        .collect();
    let condition = draw_skeleton([studio.size; 2], &bodies);
    let model = StableDiffusion {
        unet: control.merge(studio.model.unet.clone())?,
        ..studio.model.clone()
    };
    let hint = ModalControl {
        net: control,
        condition: &condition,
        strength: 1.0,
    };
    let mut request = request_of(studio, &brief, placed(studio, cast, &brief)?);
    request.modalities.push(hint);
    let made = made(studio, cast, &brief, (&model, &request), bar)?;
    Ok(vec![
        Shown {
            file: "skeletons".to_owned(),
            picture: condition.clone(),
            lines: vec!["how they are to stand".to_owned()],
        },
        made.named("posed", "as the skeletons say"),
    ])
}

/// Everyone at the head of a figure.
fn placed(studio: &Studio, cast: &Cast, brief: &Brief) -> Result<Vec<PortraitIdentity>> {
    let people = PAIR.iter().zip(&brief.drawing.figures);
    let people = people.map(|(&index, figure)| {
        let tokens = studio.for_new_pictures(cast.people[index].tokens.clone());
        let place = Place::Box(head(&figure.face)?);
        Ok(PortraitIdentity::new(tokens, place))
    });
    people.collect()
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

fn request_of<'a>(
    studio: &'a Studio,
    brief: &Brief,
    people: Vec<PortraitIdentity>,
) -> GenerateRequest<'a> {
    let [width, height] = [studio.size; 2];
    GenerateRequest {
        steps: studio.steps,
        guidance: studio.guidance,
        seed: Some(studio.seed),
        people: Some(People::new(studio.adapter.attention(), people)),
        ..GenerateRequest::new(brief.words.as_str(), Canvas::Blank { width, height })
    }
}

fn made(
    studio: &Studio,
    cast: &Cast,
    brief: &Brief,
    (model, request): (&StableDiffusion, &GenerateRequest<'_>),
    bar: &ProgressBar,
) -> Result<Made> {
    let generator = PortraitGenerator::new(model);
    let mut pictures = generator.generate(request, &mut watching(bar))?.pictures;
    let picture = pictures.swap_remove(0);
    let lines = likenesses(studio, cast, &picture, &brief.drawing)?;
    Ok(Made { picture, lines })
}

/// Whom everyone is like where a drawing has them.
fn likenesses(
    studio: &Studio,
    cast: &Cast,
    picture: &RgbImage,
    drawing: &Drawing,
) -> Result<Vec<String>> {
    let figures = PAIR.iter().zip(&drawing.figures);
    let lines = figures.map(|(&index, figure)| {
        let likeness = cast.likeness(studio, picture, &figure.landmarks)?;
        let nearest = (0..likeness.len()).max_by(|&a, &b| likeness[a].total_cmp(&likeness[b]));
        let nearest = nearest.expect("somebody is given");
        let own = likeness[index];
        Ok(format!("for {index}: like {own:.2}, nearest {nearest}"))
    });
    lines.collect()
}

pub(crate) fn watching(bar: &ProgressBar) -> Monitor<'_> {
    Monitor::watching(|progress| {
        bar.set_length(progress.steps as u64);
        bar.set_position(progress.step as u64);
    })
}
