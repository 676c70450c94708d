//! Everything that ConsistentID trains, together: projector, encoder of facial parts, projections.

use burn::tensor::{Int, Tensor};
use fpga_core::identity::projector::{IdentityFeatures, Shortcut};
use fpga_core::nn::map_parameters;
use fpga_core::train::diffusion::{
    DiffusionBatch, FaceTarget, Inputs, LoraConfig, Networks, PartTarget, Trainable, Trainee,
};
use fpga_core::weights::{AdapterFile, AdapterParts, Storage};
use fpga_tests::parity::Tensors;

use crate::case::{Case, batch, device, fixtures, inputs, unet};
use crate::parts::error_of;

const FOLDER: &str = "training_consistentid";
/// The words that name facial parts.
const MARKS: [&[usize]; 2] = [&[1, 4], &[2]];

#[test]
fn projector_part_encoder_and_projections() {
    let case = Case::read(FOLDER, "consistentid");
    let trainee = adapter();
    let timesteps = inputs().tensor("timestep", &device()).unwrap();
    let inputs = Inputs {
        batch: people_with_parts(&case),
        timesteps,
        watch: None,
    };
    let predicted = trainee.predict(&inputs).unwrap();
    let gradients = case.gradients(&trainee, error_of(predicted.output));

    // Gradients in place of the values, written as a checkpoint: so they have the checkpoint's names.
    let learned = gradients.iter().len();
    let slopes = map_parameters(trainee, |path, _| gradients.get(path).cloned());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gradients.safetensors");
    let parts = AdapterParts {
        unet: &slopes.unet,
        attention: slopes.identity.as_ref().unwrap(),
        projector: slopes.projector.as_ref().unwrap(),
        facial: slopes.facial.as_ref(),
        lora: None,
    };
    parts.save(&path, Storage::F32).unwrap();
    let found = Tensors::read(&path).unwrap();
    assert_eq!(learned, case.expected.iter().count());
    for (name, expected) in case.expected.iter() {
        let size: usize = expected.shape.iter().product();
        let found: Vec<f32> = found
            .get(name)
            .unwrap()
            .values
            .iter()
            .map(|&v| v as f32)
            .collect();
        assert_eq!(found.len(), size, "{name}");
        let found = Tensor::<1>::from_floats(found.as_slice(), &device());
        case.compare(name, found, expected);
    }
}

/// Projector, encoder of facial parts and projections of a checkpoint.
pub(crate) fn adapter() -> Trainee {
    learning(Trainable::Identity { lora: None })
}

/// The same with low-rank additions to the UNet beside them, both factors far from zero.
pub(crate) fn adapter_with_additions() -> Trainee {
    let lora = LoraConfig::new(2, 3.0);
    let trainee = learning(Trainable::Identity { lora: Some(lora) });
    map_parameters(trainee, |path, stored| {
        let [count] = stored().dims();
        let wave = Tensor::<1, Int>::arange(0..count as i64, &device()).float();
        path.contains(".lora.").then(|| (wave * 1.7).sin() * 0.3)
    })
}

fn learning(what: Trainable) -> Trainee {
    let unet = unet();
    let file = AdapterFile::open(fixtures().join(FOLDER).join("adapter.safetensors")).unwrap();
    let at = (Storage::AsStored, &device());
    let projector = file.projector(Shortcut::Off, at.0, at.1).unwrap();
    let networks = Networks {
        identity: Some(file.attention(unet.config(), at.0, at.1).unwrap()),
        projector: Some(projector),
        facial: file.facial_encoder(at.0, at.1).unwrap(),
        ..Networks::new(unet)
    };
    what.prepare(networks, 0).unwrap()
}

/// One person in each picture, known by features; words for their parts.
pub(crate) fn people_with_parts(case: &Case) -> DiffusionBatch {
    let face = |row: usize| {
        let read = |name: &str| case.values.tensor(&format!("{name}.{row}"), &device());
        let tokens = case.values.tensor(&format!("picture.{row}"), &device());
        FaceTarget {
            features: Some(IdentityFeatures {
                face: Some(read("face").unwrap()),
                picture: None,
                picture_tokens: Some(tokens.unwrap()),
            }),
            ..FaceTarget::unknown(case.region(&format!("mask.{row}")))
        }
    };
    let parts = |row: usize| {
        let part = |(index, &token): (usize, &usize)| {
            let look = case
                .values
                .tensor(&format!("look.{row}.{index}"), &device());
            PartTarget {
                token,
                region: case.region(&format!("mask.{row}")),
                look: Some(look.unwrap()),
            }
        };
        MARKS[row].iter().enumerate().map(part).collect()
    };
    DiffusionBatch {
        faces: vec![vec![face(0)], vec![face(1)]],
        parts: vec![parts(0), parts(1)],
        ..batch()
    }
}
