//! Faces that are made anew: generated ones, one that lost its detail, one that becomes another's.

use anyhow::Result;
use fpga_core::RgbImage;
use fpga_core::data::portrait::Drawing;
use fpga_core::pipeline::{Face, FaceIdentity, FaceRestorer, Gate, Recogniser, RestoreRequest};
use image::imageops::{FilterType, resize};
use indicatif::ProgressBar;

use crate::cast::Cast;
use crate::jobs::{PAIR, Shown, watching};
use crate::spoilt::{spoilt, spoilt_region};
use crate::studio::{DEPTH, FRESH, FRESH_IN_GENERATED, Studio};

pub(crate) fn restored(studio: &Studio, cast: &Cast, bar: &ProgressBar) -> Result<Vec<Shown>> {
    let drawing = cast.scene(&PAIR, 2 * studio.size, studio.seed)?.draw()?;
    let spoilt = spoilt(&drawing.picture, &drawing.figures[0], 0.0625)?;
    let face = Face {
        mask: Some(spoilt_region(&spoilt, &drawing.figures[0])?),
        ..face(cast, &drawing, 0, PAIR[0])
    };
    let request = RestoreRequest {
        depth: DEPTH,
        variation: FRESH,
        guidance: studio.for_restoring(),
        ..request(studio, &spoilt, vec![face])
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

pub(crate) fn exchanged(studio: &Studio, cast: &Cast, bar: &ProgressBar) -> Result<Vec<Shown>> {
    let drawing = cast.scene(&PAIR, 2 * studio.size, studio.seed)?.draw()?;
    let stranger = cast.people.len() - 1;
    let picture = drawing.picture.clone();
    let request = RestoreRequest {
        guidance: studio.for_exchange(),
        ..request(studio, &picture, vec![face(cast, &drawing, 0, stranger)]).swapping()
    };
    let done = finish(studio, &request, bar)?;
    Ok(vec![
        done.before("before", "person 0 is to become person 2"),
        done.after("exchanged", "exchanged"),
    ])
}

/// Every face of a generated picture, enlarged to the size of the drawing, where that has them.
pub(crate) fn faces_anew(
    studio: &Studio,
    cast: &Cast,
    (picture, drawing): (&RgbImage, &Drawing),
    bar: &ProgressBar,
) -> Result<RgbImage> {
    let (width, height) = drawing.picture.dimensions();
    let enlarged = resize(picture, width, height, FilterType::CatmullRom);
    let faces = PAIR.iter().enumerate().map(|(index, &who)| Face {
        // Nobody knows where the eyes and mouth of a generated face are.
        landmarks: None,
        identity: Some(FaceIdentity::new(
            studio.for_new_pictures(cast.people[who].tokens.clone()),
        )),
        ..face(cast, drawing, index, who)
    });
    let request = RestoreRequest {
        depth: DEPTH,
        variation: FRESH_IN_GENERATED,
        guidance: studio.for_second_stage(),
        ..request(studio, &enlarged, faces.collect())
    };
    let restorer = FaceRestorer::new(&studio.faces);
    Ok(restorer.restore(&request, &mut watching(bar))?.picture)
}

/// Face `index` of a drawing, which is to become that of `who`.
fn face(cast: &Cast, drawing: &Drawing, index: usize, who: usize) -> Face {
    let (given, figure) = (&cast.people[who], &drawing.figures[index]);
    let words = format!("a painting of a {}", given.person.noun());
    Face {
        landmarks: Some(figure.landmarks),
        prompt: Some(words.as_str().into()),
        identity: Some(FaceIdentity {
            embedding: Some(given.embedding.clone()),
            ..FaceIdentity::new(given.tokens.clone())
        }),
        ..Face::new(figure.face)
    }
}

fn request<'a>(studio: &'a Studio, picture: &'a RgbImage, faces: Vec<Face>) -> RestoreRequest<'a> {
    let mut request = RestoreRequest::new(picture, faces, "");
    request.steps = studio.steps;
    request.guidance = studio.guidance;
    request.seed = Some(studio.seed);
    request.crop = studio.crop;
    request.adapter = Some(studio.adapter.attention());
    request.recogniser = Some(Recogniser(&studio.embedder));
    // What comes out is shown, whatever it is.
    request.gate = Gate::OPEN;
    request
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
    let restorer = FaceRestorer::new(&studio.faces);
    let restored = restorer.restore(request, &mut watching(bar))?;
    let report = &restored.report;
    let likeness = report.faces[0].likeness;
    Ok(Done {
        likeness: likeness.map_or([f64::NAN; 2], |found| [found.before, found.after]),
        changed: report.changed_outside_mask,
        pictures: [request.picture.clone(), restored.picture],
    })
}
