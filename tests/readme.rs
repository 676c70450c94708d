//! The README's Rust stands here as it stands there, and compiles.

use std::path::PathBuf;

use fpga_core::Result;
use fpga_core::data::manifest::ManifestRow;
use fpga_core::data::{RowStream, StreamSettings, StreamedRow};
use fpga_core::face::{FaceBox, FaceEmbedding};
use fpga_core::pipeline::{
    AdapterOptions, Canvas, FaceReference, GenerateRequest, Generated, IdentityAdapter, Monitor,
    People, Place, PortraitGenerator, PortraitIdentity, StableDiffusion,
};
use fpga_core::train::diffusion::{
    DiffusionBatch, DiffusionObjective, Networks, Samples, Trainable,
};
use fpga_core::train::{Learner, LearnerConfig, Streamed, TerminalBar};
use fpga_core::weights::Storage;

/// Several people in one picture.
#[expect(dead_code, reason = "it is enough that it compiles")]
fn several_people(
    model: StableDiffusion,
    [ada, ben]: [FaceEmbedding; 2],
    [left, right]: [FaceBox; 2],
) -> Result<Generated> {
    let adapter = IdentityAdapter::load(
        "ip-adapter-faceid_sd15.bin",
        &model,
        &AdapterOptions::default(),
    )?;
    let model = adapter.applied_to(&model)?; // with the LoRA that the file holds
    let person = |embedding, place| {
        let tokens = adapter.tokens(&[FaceReference::from_embedding(embedding)])?;
        Ok(PortraitIdentity::new(tokens, Place::Box(place)))
    };
    let people = vec![person(ada, left)?, person(ben, right)?];
    let request = GenerateRequest {
        people: Some(People {
            measure: true,
            ..People::new(adapter.attention(), people)
        }),
        ..GenerateRequest::new(
            "two people on a beach",
            Canvas::Blank {
                width: 512,
                height: 512,
            },
        )
    };
    let generated = PortraitGenerator::new(&model).generate(&request, &mut Monitor::none())?;
    Ok(generated)
}

/// Training.
#[expect(dead_code, reason = "it is enough that it compiles")]
#[expect(
    clippy::too_many_arguments,
    reason = "the names that the README leaves open"
)]
fn training(
    networks: Networks,
    seed: u64,
    files: Vec<PathBuf>,
    settings: StreamSettings,
    batch_of: impl FnMut(Vec<StreamedRow<ManifestRow>>) -> Result<DiffusionBatch>,
    objective: DiffusionObjective,
    config: LearnerConfig,
    samples: Samples,
) -> Result<()> {
    let what = Trainable::Identity { lora: None }; // or ControlNet, Modal, Lora, Full, Joint
    let trainee = what.prepare(networks, seed)?;
    let source = Streamed::new(
        2,
        |epoch| RowStream::new(&files, settings.clone(), epoch),
        batch_of,
    )?;
    let mut learner = Learner::new(objective, trainee, source, config)?.in_folder("runs/first")?;
    learner.run(&mut (TerminalBar::new(), samples))?;
    what.save(&learner.averaged()?, "runs/first/result", Storage::F16)?;
    Ok(())
}

#[test]
fn every_piece_of_the_readme_is_compiled_here() {
    let dense = |text: &str| -> String {
        // Formatting may break lines and then adds commas.
        let kept = text.chars().filter(|letter| !letter.is_whitespace());
        kept.collect::<String>()
            .replace(",}", "}")
            .replace(",)", ")")
    };
    let here = dense(include_str!("readme.rs"));
    let readme = include_str!("../README.md");
    let pieces: Vec<_> = readme
        .split("```rust\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(pieces.len(), 2);
    for piece in pieces {
        assert!(here.contains(&dense(piece)), "compiled nowhere:\n{piece}");
    }
}
