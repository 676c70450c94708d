//! A small data set of drawn people, in the layout of one that was collected.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use fpga_core::data::portrait::{Person, SceneSampler, Wording};
use serde_json::json;

/// Pictures that are drawn.
const COUNT: u64 = 24;

/// Draws pictures into `folder`; gives back their manifest.
pub(crate) fn write(folder: &Path, side: u32) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let manifest = folder.join("manifest.jsonl");
    let mut lines = BufWriter::new(File::create(&manifest)?);
    let sampler = SceneSampler::new(side);
    for seed in 0..COUNT {
        let people: Vec<_> = (0..=seed % 2)
            .map(|place| Person::from_seed(2 * seed + place))
            .collect();
        let scene = sampler.scene(&people, seed)?;
        let drawing = scene.draw()?;
        let image = format!("{seed:04}.png");
        drawing.picture.save(folder.join(&image))?;
        let figures = drawing.figures.iter().enumerate();
        let faces = figures.map(|(index, figure)| {
            json!({
                "bbox": figure.face, "score": 1.0, "kps5": figure.landmarks,
                "face_px": figure.face.height(), "person_index": index,
            })
        });
        let faces: Vec<_> = faces.collect();
        let persons: Vec<_> = drawing.figures.iter().map(|one| &one.skeleton).collect();
        let row = json!({
            "version": 1, "image": image, "width": side, "height": side,
            "caption": scene.caption(Wording::Described), "source": "drawn",
            "license": "Apache-2.0", "faces": faces,
            "skeleton": { "format": "openpose18", "persons": persons },
        });
        writeln!(lines, "{row}")?;
    }
    lines.flush()?;
    Ok(manifest)
}
