//! Who is seen where.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result};
use fpga_core::RgbImage;
use fpga_core::face::{
    ArcFaceEmbedder, BiSeNetParser, DetectedFace, FaceBox, FaceDetector, FaceEmbedder,
    FaceEmbedding, FaceParser, Landmarks5, ParsedFaces, PartMap,
};
use fpga_core::weights::{Storage, arcface_from_file, bisenet_from_file};

use crate::Bench;
use crate::crowd::{Crowd, Scene};
use crate::head::head;
use crate::report::{Table, mean, share};
use crate::studio::{IN_THE_BOX, Studio};

/// Side to which pictures are enlarged before they are parsed: faces in groups are a few dozen pixels high.
const PARSED: u32 = 512;

/// Finds faces by their parts, and knows people in its own way.
pub(crate) struct Judge {
    finder: ParsedFaces<BiSeNetParser>,
    /// A recogniser that had no part in any training, if it is there.
    second: Option<ArcFaceEmbedder>,
}

/// What became of a person who was to be in a picture.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    /// Whether the parser finds a face at the person's place.
    pub(crate) placed: bool,
    /// Whether what is there, cut out by the landmarks that the scene would have, is most like this person
    /// among all strangers.
    pub(crate) identified: bool,
    /// The same in the eyes of the second recogniser.
    pub(crate) confirmed: Option<bool>,
    /// How much it is theirs.
    pub(crate) cosine: f64,
}

impl Judge {
    /// `second` is the folder of the second recogniser.
    pub(crate) fn open(studio: &Studio, second: Option<PathBuf>) -> Result<Self> {
        let device = &studio.model.device;
        let second = second.map(|folder| -> Result<_> {
            let file = folder.join("backbone.safetensors");
            let (network, _) = arcface_from_file(file, Storage::F32, device)?;
            Ok(ArcFaceEmbedder::new(network, device)?)
        });
        let path = Path::new(IN_THE_BOX).join("parser/parser.safetensors");
        let (network, _) = bisenet_from_file(&path, Storage::F32, device)?;
        let parser = BiSeNetParser::new(network, device)?;
        Ok(Self {
            finder: ParsedFaces(parser.at_side(PARSED)?),
            second: second.transpose()?,
        })
    }

    /// The face in the eyes of the second recogniser, if there is one.
    pub(crate) fn second(
        &self,
        picture: &RgbImage,
        landmarks: &Landmarks5,
    ) -> Result<Option<FaceEmbedding>> {
        let second = self.second.as_ref();
        let face = second.map(|second| second.embed(picture, landmarks));
        Ok(face.transpose()?)
    }

    pub(crate) fn has_second(&self) -> bool {
        self.second.is_some()
    }

    /// What there is to say of everyone.
    pub(crate) fn columns(&self) -> Vec<&'static str> {
        let mut columns = vec!["cosine", "identified, %", "face found there, %"];
        columns.extend(self.has_second().then_some("identified by another, %"));
        columns
    }

    pub(crate) fn faces(&self, picture: &RgbImage) -> Result<Vec<DetectedFace>> {
        Ok(self.finder.detect(picture)?)
    }

    pub(crate) fn parts(&self, picture: &RgbImage) -> Result<PartMap> {
        Ok(self.finder.0.parse(picture)?)
    }

    /// Everyone of a scene.
    pub(crate) fn see(
        &self,
        (studio, crowd): (&Studio, &Crowd),
        scene: &Scene,
        picture: &RgbImage,
    ) -> Result<Vec<Seen>> {
        let faces = self.faces(picture)?;
        let seen = scene
            .who
            .iter()
            .zip(&scene.drawing.figures)
            .map(|(&who, figure)| {
                let place = head(&figure.face)?;
                let face = studio.embedder.embed(picture, &figure.landmarks)?;
                let second = self.second(picture, &figure.landmarks)?;
                let confirmed = second.map(|face| {
                    Ok::<_, Error>(crowd.nearest(&face, |one| one.second.as_ref())? == who)
                });
                Ok(Seen {
                    confirmed: confirmed.transpose()?,
                    placed: faces.iter().any(|face| is_at(face, &place)),
                    identified: crowd.nearest(&face, |one| Some(&one.embedding))? == who,
                    cosine: face.cosine(&crowd.get(who).embedding)?,
                })
            });
        seen.collect()
    }
}

/// Whether the middle of the face is in the box.
fn is_at(face: &DetectedFace, place: &FaceBox) -> bool {
    let ([x, y], [left, top, right, bottom]) = (face.bounds.centre(), place.edges().map(f64::from));
    (left..right).contains(&x) && (top..bottom).contains(&y)
}

/// The numbers of a row: cosine, identified, placed, and confirmed if that is known.
pub(crate) fn summary(seen: &[Seen]) -> Vec<f64> {
    let cosines: Vec<_> = seen.iter().map(|one| one.cosine).collect();
    let mut row = vec![
        mean(&cosines),
        share(seen.iter().map(|one| one.identified)),
        share(seen.iter().map(|one| one.placed)),
    ];
    let confirmed: Vec<_> = seen.iter().filter_map(|one| one.confirmed).collect();
    row.extend((!confirmed.is_empty()).then(|| share(confirmed.into_iter())));
    row
}

/// The same numbers for drawn pictures, before and after the autoencoder: what no model can exceed.
pub(crate) fn ceiling(bench: &Bench) -> Result<Table> {
    let mut table = Table::new(
        "What finding and recognising faces can do: drawn pictures of the same people",
        "people",
        &bench.judge.columns(),
    );
    for people in 1..=4 {
        let name = format!("{people} drawn");
        let seen = bench.each(&name, |seed| {
            let scene = bench.crowd.scene(people, bench.studio.size, seed)?;
            bench.see(&scene, &scene.drawing.picture)
        })?;
        table.row(&name, summary(&seen.concat()));
    }
    Ok(table)
}
