//! Given people at given places.

use std::path::Path;
use std::slice;

use anyhow::Result;
use burn::tensor::Tensor;
use fpga_core::RgbImage;
use fpga_core::identity::facial_prompt::PromptLayout;
use fpga_core::identity::projector::Shortcut;
use fpga_core::pipeline::{
    AdapterOptions, Canvas, FaceReference, FacialText, FacialTextWays, GenerateRequest,
    IdentityAdapter, IdentityTokens, Monitor, People, Place, PortraitGenerator, PortraitIdentity,
};

use crate::Bench;
use crate::crowd::Scene;
use crate::head::head;
use crate::judge::summary;
use crate::report::Table;
use crate::studio::IN_THE_BOX;

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
        &bench.judge.columns(),
    );
    for people in 1..=4 {
        for (masks, word) in [(Masks::On, "MGMICA"), (Masks::Off, "no masks")] {
            let name = format!("{people}, {word}");
            let seen = bench.each(&name, |seed| {
                let scene = bench.crowd.scene(people, bench.studio.size, seed)?;
                let picture = generated(bench, &bench.studio.adapter, (&scene, masks), seed)?;
                bench.see(&scene, &picture)
            })?;
            table.row(&name, summary(&seen.concat()));
        }
    }
    Ok(table)
}

/// Two people by the adapter as it learned from whole pictures, and after Clone Face Tuning.
pub(crate) fn clone_face(bench: &Bench) -> Result<Table> {
    let mut table = Table::new(
        "Clone Face Tuning (two people, MGMICA)",
        "adapter",
        &bench.judge.columns(),
    );
    let own = &bench.studio.adapter;
    let tuned = bench.networks.find("clone_face").map(|folder| {
        let file = folder.join("adapter.safetensors");
        IdentityAdapter::load(&file, &bench.studio.model, &AdapterOptions::default())
    });
    let tuned = tuned.transpose()?;
    let adapters = [("before", Some(own)), ("after", tuned.as_ref())];
    for (name, adapter) in adapters {
        let Some(adapter) = adapter else { continue };
        let seen = bench.each(&format!("Clone Face Tuning: {name}"), |seed| {
            let scene = bench.crowd.scene(2, bench.studio.size, seed)?;
            let picture = generated(bench, adapter, (&scene, Masks::On), seed)?;
            bench.see(&scene, &picture)
        })?;
        table.row(name, summary(&seen.concat()));
    }
    Ok(table)
}

/// One person, who is given by what the recogniser says alone, with a look at the picture, and with a look at
/// every part of the face (ConsistentID's local features).
pub(crate) fn local_features(bench: &Bench) -> Result<Table> {
    let mut table = Table::new(
        "Local features (one person)",
        "what is given",
        &bench.judge.columns(),
    );
    let closer = bench.networks.find("local").map(|folder| {
        let options = AdapterOptions {
            image_encoder: Some(Path::new(IN_THE_BOX).join("image_encoder")),
            shortcut: Some(Shortcut::Scaled(1.0)),
            ..AdapterOptions::default()
        };
        let file = folder.join("adapter.safetensors");
        IdentityAdapter::load(&file, &bench.studio.model, &options)
    });
    let (own, closer) = (&bench.studio.adapter, closer.transpose()?);
    let ways = [
        ("face embedding", Some(own), false),
        ("and the picture", closer.as_ref(), false),
        ("and its parts", closer.as_ref(), true),
    ];
    for (name, adapter, parts) in ways {
        let Some(adapter) = adapter else { continue };
        let seen = bench.each(&format!("Local features: {name}"), |seed| {
            let scene = bench.crowd.scene(1, bench.studio.size, seed)?;
            let stranger = bench.crowd.get(scene.who[0]);
            let reference = FaceReference {
                parts: Some(bench.judge.parts(&stranger.picture)?),
                picture: Some(stranger.picture.clone()),
                ..stranger.face()
            };
            let tokens = adapter.tokens(slice::from_ref(&reference))?;
            let tokens = bench.studio.for_new_pictures(tokens);
            let place = Place::Box(head(&scene.drawing.figures[0].face)?);
            let identities = vec![PortraitIdentity::new(tokens, place)];
            let mut request = request(bench, adapter, (&scene, seed), identities);
            if parts {
                let text = FacialText {
                    prompt: &scene.words,
                    negative_prompt: "",
                    caption: Some(&stranger.person.facial_description()),
                    reference: &reference,
                    ways: FacialTextWays {
                        last_plain_step: 0,
                        ..FacialTextWays::corrected(PromptLayout::Joined)
                    },
                };
                let encoder = bench.studio.model.text.as_ref();
                let prompts = adapter.facial_prompts(encoder, &text)?;
                request.prompt = prompts.prompt;
                request.negative_prompt = prompts.negative_prompt;
                request.prompt_change = Some(prompts.change);
            }
            bench.see(&scene, &made(bench, &request)?)
        })?;
        table.row(name, summary(&seen.concat()));
    }
    Ok(table)
}

/// The people of a scene at their places, whose faces will be made anew.
pub(crate) fn draft(bench: &Bench, scene: &Scene, seed: u64) -> Result<RgbImage> {
    let adapter = &bench.studio.adapter;
    let people = everyone(bench, adapter, scene)?;
    let request = GenerateRequest {
        guidance: bench.studio.for_first_stage(),
        ..request(bench, adapter, (scene, seed), people)
    };
    made(bench, &request)
}

fn generated(
    bench: &Bench,
    adapter: &IdentityAdapter,
    (scene, masks): (&Scene, Masks),
    seed: u64,
) -> Result<RgbImage> {
    let people = everyone(bench, adapter, scene)?;
    let people = match masks {
        Masks::On => people,
        Masks::Off => {
            let tokens = people.into_iter().map(|person| person.tokens).collect();
            vec![PortraitIdentity::new(joined(tokens), None)]
        }
    };
    made(bench, &request(bench, adapter, (scene, seed), people))
}

/// The people of a scene, where their heads are to be.
pub(crate) fn everyone(
    bench: &Bench,
    adapter: &IdentityAdapter,
    scene: &Scene,
) -> Result<Vec<PortraitIdentity>> {
    let people = scene.who.iter().zip(&scene.drawing.figures);
    let people = people.map(|(&who, figure)| {
        let tokens = bench.crowd.get(who).tokens(adapter)?;
        let tokens = bench.studio.for_new_pictures(tokens);
        Ok(PortraitIdentity::new(
            tokens,
            Place::Box(head(&figure.face)?),
        ))
    });
    people.collect()
}

/// What all pictures of an experiment are asked for with.
pub(crate) fn request<'a>(
    bench: &Bench,
    adapter: &'a IdentityAdapter,
    (scene, seed): (&Scene, u64),
    identities: Vec<PortraitIdentity>,
) -> GenerateRequest<'a> {
    let [width, height] = [bench.studio.size; 2];
    GenerateRequest {
        steps: bench.studio.steps,
        guidance: bench.studio.guidance,
        seed: Some(seed),
        people: Some(People::new(adapter.attention(), identities)),
        ..GenerateRequest::new(scene.words.as_str(), Canvas::Blank { width, height })
    }
}

fn made(bench: &Bench, request: &GenerateRequest<'_>) -> Result<RgbImage> {
    let generator = PortraitGenerator::new(&bench.studio.model);
    let mut made = generator.generate(request, &mut Monitor::none())?;
    Ok(made.pictures.swap_remove(0))
}

/// Everyone's tokens, one after the other.
fn joined(people: Vec<IdentityTokens>) -> IdentityTokens {
    let (own, none): (Vec<_>, Vec<_>) = people
        .into_iter()
        .map(|tokens| (tokens.conditional, tokens.unconditional))
        .unzip();
    IdentityTokens {
        conditional: Tensor::cat(own, 0),
        unconditional: Tensor::cat(none, 0),
    }
}
