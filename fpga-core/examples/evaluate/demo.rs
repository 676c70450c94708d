//! Folders to measure for who has none: drawn people, pictured again, worn down, and exchanged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use fpga_core::RgbImage;
use fpga_core::data::portrait::{Person, Scene, SceneSampler, Wording};
use serde_json::json;

const PEOPLE: u64 = 6;

/// Draws `reference`, `same-people` (other posture, light and clothes), `blurred` and `strangers`.
pub(crate) fn draw(folder: &Path) -> Result<(PathBuf, Vec<PathBuf>)> {
    let sampler = SceneSampler::new(256);
    let portrait = |person: u64, seed: u64| sampler.portrait(&Person::from_seed(person), seed);
    let mut sets: Vec<(&str, Vec<(Scene, RgbImage)>)> = Vec::new();
    for (name, first, seed, blur) in [
        ("reference", 0, 0, 0.0),
        ("same-people", 0, 100, 0.0),
        ("blurred", 0, 0, 3.0),
        ("strangers", 500, 0, 0.0),
    ] {
        let mut pictures = Vec::new();
        for index in 0..PEOPLE {
            let scene = portrait(first + index, seed + index)?;
            let picture = scene.draw()?.picture;
            let picture = if blur > 0.0 {
                image::imageops::blur(&picture, blur)
            } else {
                picture
            };
            pictures.push((scene, picture));
        }
        sets.push((name, pictures));
    }
    for (name, pictures) in &sets {
        write(&folder.join(name), pictures)?;
    }
    let mut paths = sets.iter().map(|(name, _)| folder.join(name));
    let reference = paths.next().unwrap_or_default();
    Ok((reference, paths.collect()))
}

fn write(folder: &Path, pictures: &[(Scene, RgbImage)]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let (mut prompts, mut faces) = (BTreeMap::new(), BTreeMap::new());
    for (index, (scene, picture)) in pictures.iter().enumerate() {
        let name = format!("person-{index}");
        picture.save(folder.join(format!("{name}.png")))?;
        let figure = &scene.draw()?.figures[0];
        faces.insert(
            name.clone(),
            json!({"box": figure.face, "landmarks": figure.landmarks, "score": 1.0}),
        );
        prompts.insert(name, scene.caption(Wording::Described));
    }
    std::fs::write(
        folder.join("prompts.json"),
        serde_json::to_vec_pretty(&prompts)?,
    )?;
    std::fs::write(
        folder.join("faces.json"),
        serde_json::to_vec_pretty(&faces)?,
    )?;
    Ok(())
}
