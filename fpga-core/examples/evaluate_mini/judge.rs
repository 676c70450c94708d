//! Who is seen where.

use std::path::Path;

use anyhow::Result;
use fpga_core::RgbImage;
use fpga_core::face::{
    BiSeNetParser, DetectedFace, FaceBox, FaceDetector, FaceEmbedder, FaceParser, ParsedFaces,
    PartMap,
};
use fpga_core::weights::{Storage, bisenet_from_file};

use crate::Bench;
use crate::crowd::{Crowd, Scene};
use crate::head::head;
use crate::report::{Table, mean, share};
use crate::studio::{IN_THE_BOX, Studio};

/// Side to which pictures are enlarged before they are parsed: faces in groups are a few dozen pixels high.
const PARSED: u32 = 512;

/// Finds faces by their parts.
pub(crate) struct Judge(ParsedFaces<BiSeNetParser>);

/// What became of a person who was to be in a picture.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    /// Whether the parser finds a face at the person's place.
    pub(crate) placed: bool,
    /// Whether what is there, cut out by the landmarks that the scene would have, is most like this person
    /// among all strangers.
    pub(crate) identified: bool,
    /// How much it is theirs.
    pub(crate) cosine: f64,
}

impl Judge {
    pub(crate) fn open(studio: &Studio) -> Result<Self> {
        let path = Path::new(IN_THE_BOX).join("parser/parser.safetensors");
        let (network, _) = bisenet_from_file(&path, Storage::F32, &studio.model.device)?;
        let parser = BiSeNetParser::new(network, &studio.model.device)?;
        Ok(Self(ParsedFaces(parser.at_side(PARSED)?)))
    }

    pub(crate) fn faces(&self, picture: &RgbImage) -> Result<Vec<DetectedFace>> {
        Ok(self.0.detect(picture)?)
    }

    pub(crate) fn parts(&self, picture: &RgbImage) -> Result<PartMap> {
        Ok(self.0.0.parse(picture)?)
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
                Ok(Seen {
                    placed: faces.iter().any(|face| is_at(face, &place)),
                    identified: crowd.nearest(&face)? == who,
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

/// Three numbers of a row: cosine, identified, placed.
pub(crate) fn summary(seen: &[Seen]) -> Vec<f64> {
    let cosines: Vec<_> = seen.iter().map(|one| one.cosine).collect();
    vec![
        mean(&cosines),
        share(seen.iter().map(|one| one.identified)),
        share(seen.iter().map(|one| one.placed)),
    ]
}

/// The same numbers for drawn pictures, before and after the autoencoder: what no model can exceed.
pub(crate) fn ceiling(bench: &Bench) -> Result<Table> {
    let mut table = Table::new(
        "What finding and recognising faces can do: drawn pictures of the same people",
        "people",
        &["cosine", "identified, %", "face found there, %"],
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
