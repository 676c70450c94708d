use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::RgbImage;
use ndarray::Array2;

use super::*;
use crate::data::manifest::{ManifestRow, ValidateSettings, validate};
use crate::data::portrait::{Drawing, DrawnFigure, Person, SceneSampler};
use crate::data::{RowStream, StreamSettings};
use crate::error::Error;
use crate::face::{DetectedFace, FaceBox, FaceEmbedding, Landmarks5, PartMap, Skeleton};

/// Drawn scenes stand in for photographs: what analysers should find is known exactly.
fn draw(seed: u64, count: u64) -> Drawing {
    let people: Vec<_> = (0..count)
        .map(|i| Person::from_seed(10 * seed + i))
        .collect();
    SceneSampler::new(160)
        .scene(&people, seed)
        .unwrap()
        .draw()
        .unwrap()
}

struct World {
    folder: tempfile::TempDir,
    drawings: Vec<Drawing>,
    calls: AtomicUsize,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pictures = folder.path().join("pictures/deep");
        fs::create_dir_all(&pictures).unwrap();
        let drawings: Vec<_> = [(1, 1), (2, 2), (3, 3)]
            .map(|(seed, count)| draw(seed, count))
            .into();
        for (index, drawing) in drawings.iter().enumerate() {
            drawing
                .picture
                .save(pictures.join(format!("{index}.png")))
                .unwrap();
        }
        fs::write(pictures.join("broken.jpg"), b"not a picture").unwrap();
        fs::write(pictures.join("notes.txt"), b"not even a name").unwrap();
        RgbImage::new(40, 40)
            .save(folder.path().join("pictures/empty.png"))
            .unwrap();
        Self {
            folder,
            drawings,
            calls: AtomicUsize::new(0),
        }
    }

    fn figures(&self, picture: &RgbImage) -> &[DrawnFigure] {
        let drawing = self
            .drawings
            .iter()
            .find(|drawing| drawing.picture == *picture);
        drawing.map_or(&[], |drawing| &drawing.figures)
    }

    fn detect(&self, picture: &RgbImage) -> Vec<DetectedFace> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let found = |figure: &DrawnFigure| DetectedFace {
            bounds: figure.face,
            landmarks: Some(figure.landmarks),
            score: 0.9,
        };
        let mut faces: Vec<_> = self.figures(picture).iter().map(found).collect();
        let unsure = faces
            .first()
            .copied()
            .map(|face| DetectedFace { score: 0.2, ..face });
        faces.extend(unsure);
        faces
    }

    fn build(
        &self,
        out: &Path,
        mut progress: impl FnMut(&BuildProgress) -> Result<()>,
    ) -> Result<BuildReport> {
        let detector = |picture: &RgbImage| -> Result<_> { Ok(self.detect(picture)) };
        let embedder = |_: &RgbImage, points: &Landmarks5| {
            let [[x, y], ..] = points.points();
            FaceEmbedding::new((0..512).map(|i| x + y * i as f32).collect())
        };
        let parser = |portrait: &RgbImage| {
            let (width, height) = portrait.dimensions();
            PartMap::new(Array2::from_elem(
                (height as usize / 2, width as usize / 2),
                10,
            ))
        };
        let poses = |picture: &RgbImage| -> Result<Vec<Skeleton>> {
            Ok(self
                .figures(picture)
                .iter()
                .map(|figure| figure.skeleton.clone())
                .collect())
        };
        let captioner = |path: &Path, _: &RgbImage| -> Result<String> {
            Ok(format!(
                "picture {}",
                path.file_stem().unwrap().to_string_lossy()
            ))
        };
        let analysers = Analysers {
            detector: &detector,
            embedder: Some(&embedder),
            parser: Some(&parser),
            landmarks: None,
            poses: Some(&poses),
            captioner: Some(&captioner),
        };
        let license = "CC0".to_owned();
        let settings = BuildSettings {
            license,
            least_face: 20.0,
            ..BuildSettings::default()
        };
        build(
            &self.folder.path().join("pictures"),
            out,
            &analysers,
            &settings,
            &mut progress,
        )
    }
}

fn rows(out: &Path) -> Vec<ManifestRow> {
    let files = [out.join("manifest.jsonl")];
    let stream = RowStream::new(&files, StreamSettings::default(), 0).unwrap();
    stream.map(|row| row.unwrap().row).collect()
}

#[test]
fn a_folder_becomes_a_sound_manifest() {
    let world = World::new();
    let out = world.folder.path().join("out");
    let mut seen = Vec::new();
    let report = world.build(&out, |progress| {
        seen.push((progress.done, progress.total));
        Ok(())
    });
    assert_eq!(
        report.unwrap(),
        BuildReport {
            rows: 3,
            skipped: 2,
            resumed: 0
        }
    );
    assert_eq!(seen, [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
    let rows = rows(&out);
    let last = &rows[2];
    assert_eq!(
        (last.image.as_str(), last.caption.as_str()),
        ("../pictures/deep/2.png", "picture 2")
    );
    assert_eq!(
        (
            last.faces.len(),
            last.skeleton.persons.len(),
            last.license.as_str()
        ),
        (3, 3, "CC0")
    );
    for (index, face) in last.faces.iter().enumerate() {
        assert_eq!(face.person_index, Some(index));
        assert_eq!(face.bbox, world.drawings[2].figures[index].face);
    }
    let settings = ValidateSettings {
        least_face: 20.0,
        ..ValidateSettings::default()
    };
    let manifest = out.join("manifest.jsonl");
    let found = validate(&manifest, &settings, |line, faults| {
        panic!("line {line}: {faults:?}")
    });
    assert_eq!(found.unwrap().sound, 3);
    let skipped = fs::read_to_string(out.join("skipped.jsonl")).unwrap();
    assert!(
        skipped.contains("broken.jpg") && skipped.contains("no face that is large and sure enough")
    );
}

#[test]
fn an_interrupted_build_goes_on_and_ends_the_same() {
    let world = World::new();
    let (whole, parts) = (
        world.folder.path().join("whole"),
        world.folder.path().join("parts"),
    );
    world.build(&whole, |_| Ok(())).unwrap();
    let calls = world.calls.swap(0, Ordering::Relaxed);
    let stopped = world.build(&parts, |progress| match progress.done {
        2 => Err(Error::cancelled()),
        _ => Ok(()),
    });
    assert!(stopped.unwrap_err().is_cancelled());
    // What a crash in the middle of a row leaves.
    let manifest = parts.join("manifest.jsonl");
    let mut text = fs::read(&manifest).unwrap();
    text.extend(b"{\"image\": \"../pictures/deep/2.p");
    fs::write(&manifest, text).unwrap();
    let report = world.build(&parts, |_| Ok(())).unwrap();
    assert_eq!(
        report,
        BuildReport {
            rows: 3,
            skipped: 2,
            resumed: 2
        }
    );
    assert_eq!(world.calls.load(Ordering::Relaxed), calls);
    for name in ["manifest.jsonl", "skipped.jsonl"] {
        assert_eq!(
            fs::read(whole.join(name)).unwrap(),
            fs::read(parts.join(name)).unwrap(),
            "{name}"
        );
    }
    assert_eq!(world.build(&parts, |_| Ok(())).unwrap().resumed, 5);
}

#[test]
fn every_fault_is_told_with_its_line_and_reason() {
    let world = World::new();
    let out = world.folder.path().join("out");
    world.build(&out, |_| Ok(())).unwrap();
    let mut rows = rows(&out);
    rows[0].width += 1;
    rows[0].faces[0].score = 0.1;
    rows[0].faces[0].person_index = Some(7);
    rows[1].zoom_crops[1].face_index = 9;
    rows[1].version = 2;
    rows[1].faces[0].face_px = 3.0;
    fs::write(
        out.join(rows[1].faces[1].id_embed.as_ref().unwrap()),
        b"no array",
    )
    .unwrap();
    let mask = out.join(rows[2].faces[0].parsing_mask.as_ref().unwrap());
    image::GrayImage::from_pixel(4, 4, image::Luma([19]))
        .save(mask)
        .unwrap();
    rows[2].faces[1].bbox = FaceBox::new(500.0, 0.0, 540.0, 40.0).unwrap();
    let mut text: Vec<_> = rows
        .iter()
        .map(|row| serde_json::to_string(row).unwrap())
        .collect();
    text.insert(1, "{\"image\": 5}".to_owned());
    let manifest = out.join("manifest.jsonl");
    fs::write(&manifest, text.join("\n")).unwrap();

    let mut kinds = Vec::new();
    let settings = ValidateSettings {
        least_face: 20.0,
        ..ValidateSettings::default()
    };
    let found = validate(&manifest, &settings, |line, faults| {
        kinds.extend(faults.iter().map(|fault| (line, fault.kind())));
        Ok(())
    });
    let expected = [
        (1, vec!["picture size", "score", "person"]),
        (2, vec!["unreadable"]),
        (3, vec!["version", "small face", "embedding", "zoom face"]),
        (4, vec!["mask", "face outside", "landmarks", "zoom box"]),
    ];
    let expected: Vec<_> = expected
        .iter()
        .flat_map(|(line, kinds)| kinds.iter().map(|&kind| (*line, kind)))
        .collect();
    assert_eq!(kinds, expected);
    let found = found.unwrap();
    assert_eq!((found.rows, found.sound, found.faults["score"]), (4, 0, 1));
}
