//! Given people at given places.

use anyhow::Result;
use burn::tensor::Tensor;
use fpga_core::RgbImage;
use fpga_core::diffusion::Guidance;
use fpga_core::pipeline::{
    Canvas, GenerateRequest, IdentityTokens, Monitor, People, Place, PortraitGenerator,
    PortraitIdentity,
};

use crate::Bench;
use crate::crowd::Scene;
use crate::head::head;
use crate::judge::summary;
use crate::report::Table;

/// Whether people have places.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Masks {
    /// MGMICA.
    On,
    /// One stream of everyone's tokens, everywhere.
    Off,
}

/// One to four people, with masks and without.
pub(crate) fn identity(bench: &Bench) -> Result<Table> {
    let mut table = Table::new(
        "Given people in generated pictures",
        "people, masks",
        &["cosine", "identified, %", "face found there, %"],
    );
    for people in 1..=4 {
        for (masks, word) in [(Masks::On, "MGMICA"), (Masks::Off, "no masks")] {
            let name = format!("{people}, {word}");
            let seen = bench.each(&name, |seed| {
                let scene = bench.crowd.scene(people, bench.studio.size, seed)?;
                let picture = generated(bench, &scene, masks, seed)?;
                bench
                    .judge
                    .see((&bench.studio, &bench.crowd), &scene, &picture)
            })?;
            table.row(&name, summary(&seen.concat()));
        }
    }
    Ok(table)
}

fn generated(bench: &Bench, scene: &Scene, masks: Masks, seed: u64) -> Result<RgbImage> {
    let studio = &bench.studio;
    let tokens = |number: &usize| bench.crowd.get(*number).tokens.clone();
    let identities = match masks {
        Masks::On => {
            let people = scene.who.iter().zip(&scene.drawing.figures);
            let people = people.map(|(who, figure)| {
                let place = Place::Box(head(&figure.face)?);
                Ok(PortraitIdentity::new(tokens(who), place))
            });
            people.collect::<Result<_>>()?
        }
        Masks::Off => vec![PortraitIdentity::new(
            joined(scene.who.iter().map(tokens)),
            None,
        )],
    };
    let [width, height] = [studio.size; 2];
    let request = GenerateRequest {
        steps: studio.steps,
        guidance: Guidance::new(2.5),
        seed: Some(seed),
        people: Some(People::new(studio.adapter.attention(), identities)),
        ..GenerateRequest::new(scene.words.as_str(), Canvas::Blank { width, height })
    };
    let generator = PortraitGenerator::new(&studio.model);
    let mut made = generator.generate(&request, &mut Monitor::none())?;
    Ok(made.pictures.swap_remove(0))
}

/// Everyone's tokens, one after the other.
fn joined(people: impl Iterator<Item = IdentityTokens>) -> IdentityTokens {
    let (own, none): (Vec<_>, Vec<_>) = people
        .map(|tokens| (tokens.conditional, tokens.unconditional))
        .unzip();
    IdentityTokens {
        conditional: Tensor::cat(own, 0),
        unconditional: Tensor::cat(none, 0),
    }
}
