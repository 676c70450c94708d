//! Two stages: people are generated at their places, then every face is made anew, larger.

use anyhow::Result;
use fpga_core::RgbImage;
use fpga_core::pipeline::{Face, FaceIdentity, RestoreRequest};
use image::imageops::{self, FilterType};

use crate::Bench;
use crate::crowd::Scene;
use crate::generation::draft;
use crate::judge::summary;
use crate::report::Table;
use crate::restoration::{face, request, restored};
use crate::studio::{DEPTH, FRESH_IN_GENERATED};

/// How much larger the picture becomes before faces are made anew.
const LARGER: u32 = 2;

/// One to four people.
pub(crate) fn both(bench: &Bench) -> Result<Table> {
    let mut table = Table::new(
        "Given people, every face by DIIR afterwards in the picture at twice its size",
        "people, masks",
        &bench.judge.columns(),
    );
    for people in 1..=4 {
        let name = format!("{people}, MGMICA, then DIIR");
        let seen = bench.each(&name, |seed| {
            let scene = bench.crowd.scene(people, bench.studio.size, seed)?;
            let picture = draft(bench, &scene, seed)?;
            let large = bench
                .crowd
                .scene(people, LARGER * bench.studio.size, seed)?;
            bench.see(&large, &faces_anew(bench, &large, &picture, seed)?)
        })?;
        table.row(&name, summary(&seen.concat()));
    }
    Ok(table)
}

/// The picture at the size of the scene, in which everyone's face is made anew where it was asked for.
fn faces_anew(bench: &Bench, scene: &Scene, picture: &RgbImage, seed: u64) -> Result<RgbImage> {
    let (width, height) = scene.drawing.picture.dimensions();
    let enlarged = imageops::resize(picture, width, height, FilterType::CatmullRom);
    let faces = scene.who.iter().enumerate().map(|(index, &who)| {
        let asked = face(bench, scene, index, who)?;
        let identity = asked.identity.map(|identity| FaceIdentity {
            tokens: bench.studio.for_new_pictures(identity.tokens),
            ..identity
        });
        Ok(Face {
            identity,
            // Nobody knows where the eyes and mouth of a generated face are.
            landmarks: None,
            ..asked
        })
    });
    let request = RestoreRequest {
        depth: DEPTH,
        variation: FRESH_IN_GENERATED,
        guidance: bench.studio.for_second_stage(),
        ..request(bench, &enlarged, faces.collect::<Result<_>>()?, seed)
    };
    Ok(restored(bench, &request)?.picture)
}
