//! What is shown.

use anyhow::Result;
use burn::tensor::Tensor;
use fpga_core::RgbImage;
use fpga_core::control::draw_skeleton;
use fpga_core::data::portrait::{Drawing, Wording};
use fpga_core::face::SEEN;
use fpga_core::pipeline::{
    Canvas, Face, FaceIdentity, FaceRestorer, Gate, GenerateRequest, IdentityTokens, ModalControl,
    Monitor, People, Place, PortraitGenerator, PortraitIdentity, Recogniser, RestoreRequest,
    StableDiffusion,
};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cast::Cast;
use crate::head::head;
use crate::spoilt::spoilt;
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
    ("as a skeleton says", posed),
    ("restoring a face", restored),
    ("exchanging a face", exchanged),
];

/// How much of a degraded face is forgotten.
const DEPTH: f64 = 0.8;
/// Share of fresh noise in what a face is made of: what lost its detail leads back to noise that has none.
const FRESH: f64 = 0.5;
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
    let people = placed(studio, cast, &brief)?;
    let request = request_of(studio, &brief, people);
    let made = made(studio, cast, &brief, (&studio.model, &request), bar)?;
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
    let drawing = cast.scene(&PAIR, 2 * studio.size, studio.seed)?.draw()?;
    let spoilt = spoilt(&drawing.picture, &drawing.figures[0], 0.0625)?;
    let request = RestoreRequest {
        depth: DEPTH,
        variation: FRESH,
        ..request(studio, cast, &spoilt, &drawing, PAIR[0])?
    };
    let done = finish(studio, &request, bar)?;
    Ok(vec![
        Shown {
            file: "sharp".to_owned(),
            picture: drawing.picture.clone(),
            lines: vec!["a picture".to_owned()],
        },
        done.before("degraded", "one face has lost its detail"),
        done.after("restored", "restored as person 0"),
    ])
}

fn exchanged(studio: &Studio, cast: &Cast, bar: &ProgressBar) -> Result<Vec<Shown>> {
    let drawing = cast.scene(&PAIR, 2 * studio.size, studio.seed)?.draw()?;
    let stranger = cast.people.len() - 1;
    let picture = drawing.picture.clone();
    let request = RestoreRequest {
        guidance: studio.for_exchange(),
        ..request(studio, cast, &picture, &drawing, stranger)?.swapping()
    };
    let done = finish(studio, &request, bar)?;
    Ok(vec![
        done.before("before", "person 0 is to become person 2"),
        done.after("exchanged", "exchanged"),
    ])
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
    request.guidance = studio.guidance;
    request.seed = Some(studio.seed);
    request.crop.size = studio.size;
    request.adapter = Some(studio.adapter.attention());
    request.recogniser = Some(Recogniser(&studio.embedder));
    // What comes out is shown, whatever it is.
    request.gate = Gate::OPEN;
    Ok(request)
}

/// A picture whose first face was made anew.
struct Done {
    pictures: [RgbImage; 2],
    likeness: [f64; 2],
    changed: usize,
}

impl Done {
    fn before(&self, file: &str, what: &str) -> Shown {
        self.shown(0, file, vec![what.to_owned(), self.like(0)])
    }

    fn after(&self, file: &str, what: &str) -> Shown {
        let changed = format!("background bytes changed: {}", self.changed);
        self.shown(1, file, vec![what.to_owned(), self.like(1), changed])
    }

    fn like(&self, index: usize) -> String {
        format!("like that person: {:.2}", self.likeness[index])
    }

    fn shown(&self, index: usize, file: &str, lines: Vec<String>) -> Shown {
        Shown {
            file: file.to_owned(),
            picture: self.pictures[index].clone(),
            lines,
        }
    }
}

fn finish(studio: &Studio, request: &RestoreRequest<'_>, bar: &ProgressBar) -> Result<Done> {
    let restorer = FaceRestorer::new(&studio.model);
    let restored = restorer.restore(request, &mut watching(bar))?;
    let report = &restored.report;
    let likeness = report.faces[0].likeness;
    Ok(Done {
        likeness: likeness.map_or([f64::NAN; 2], |found| [found.before, found.after]),
        changed: report.changed_outside_mask,
        pictures: [request.picture.clone(), restored.picture],
    })
}

fn watching(bar: &ProgressBar) -> Monitor<'_> {
    Monitor::watching(|progress| {
        bar.set_length(progress.steps as u64);
        bar.set_position(progress.step as u64);
    })
}
