//! What was learned, in files that others read; and in pictures.

use burn::module::Module;

use super::*;
use crate::control::ModalLayers;
use crate::identity::projector::{FaceProjectionConfig, Projector};
use crate::nn::ParameterSet;
use crate::train::diffusion::{LoraConfig, LoraLayers, ModalSets, Samples, Trainable, Trainee};
use crate::train::{Learner, LearnerConfig, Shuffled, Watch};
use crate::vae::{AutoencoderKl, VaeConfig};
use crate::weights::{
    AdapterFile, AdapterKind, Lora, LoraPart, ModelFolder, Storage, TensorSource,
    identity_attention, load_rep_controlnet, merge_unet_loras,
};

const LORA: LoraConfig = LoraConfig::new(3, 6.0);

fn projector() -> Projector {
    let config = FaceProjectionConfig {
        input_width: 4,
        inner_width: 6,
        tokens: 2,
        token_width: TOKEN_WIDTH,
    };
    Projector::Face(randomize(config.init(&device()), 8))
}

/// After three steps.
fn learned(trainable: Trainable, networks: Networks) -> Trainee {
    let trainee = trainable.prepare(networks, 1).unwrap();
    let source = Shuffled::new(vec![batch(1, Modality::Skeleton)], 0).unwrap();
    let config = LearnerConfig::new(3, 1e-2);
    let mut learner = Learner::new(objective(), trainee, source, config).unwrap();
    learner.run(&mut ()).unwrap();
    learner.into_model()
}

/// What a UNet says of a batch.
fn predict(unet: &UNet) -> Tensor<4> {
    let batch = batch(1, Modality::Skeleton);
    let prepared = unet.prepare(&batch.conditioning);
    let timesteps = Tensor::from_floats([501.0, 3.0], &Device::flex());
    unet.forward(batch.latents, timesteps, &prepared, None)
}

/// Relative L2.
fn gap(found: Tensor<4>, expected: &Tensor<4>) -> f32 {
    let length = |tensor: Tensor<4>| tensor.square().sum().into_scalar::<f32>().sqrt();
    length(found - expected.clone()) / length(expected.clone())
}

fn values<M: Module>(module: &M) -> Vec<f32> {
    let set = ParameterSet::of(module, |_| true);
    let flat = set.iter().map(|(_, flat)| flat.values.clone().into_data());
    flat.flat_map(|data| data.try_to_vec::<f32>().unwrap())
        .collect()
}

#[test]
fn low_rank_additions_merge_to_what_was_trained() {
    let everywhere = LoraConfig {
        layers: LoraLayers::All,
        ..LORA
    };
    for (config, changes) in [(LORA, 32), (everywhere, 83)] {
        let folder = tempfile::tempdir().unwrap();
        let trainable = Trainable::Lora(config);
        let trainee = learned(trainable, networks());
        let files = trainable
            .save(&trainee, folder.path(), Storage::F32)
            .unwrap();
        let lora = Lora::open(&files[0]).unwrap();
        assert_eq!(lora.changes(LoraPart::Unet), changes, "{config:?}");
        let base = unet().valid();
        let merged = merge_unet_loras(&base, &[(&lora, 1.0)]).unwrap();
        let expected = predict(&trainee.unet.valid());
        assert!(gap(predict(&merged), &expected) < 1e-5, "{config:?}");
        assert!(gap(predict(&base), &expected) > 1e-3, "{config:?}");
    }
}

#[test]
fn low_rank_additions_to_convolutions_have_kernels() {
    let folder = tempfile::tempdir().unwrap();
    let trainable = Trainable::Lora(LoraConfig {
        layers: LoraLayers::All,
        ..LORA
    });
    let trainee = trainable.prepare(networks(), 1).unwrap();
    let files = trainable
        .save(&trainee, folder.path(), Storage::F32)
        .unwrap();
    let source = TensorSource::open(&files[0]).unwrap();
    let shape = |half: &str| source.shape(&format!("unet.conv_in.{half}.weight"));
    assert_eq!(shape("lora_A"), Some(&[3, 4, 3, 3][..]));
    let [outputs, ones @ ..] = shape("lora_B").unwrap() else {
        panic!("no shape");
    };
    assert_eq!((*outputs > 1, ones), (true, &[3, 1, 1][..]));
}

#[test]
fn networks_are_folders_with_their_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::flex();
    let open = |name: &str| ModelFolder::open(folder.path().join(name), None).unwrap();

    let trainee = learned(Trainable::Full, networks());
    let into = folder.path().join("unet");
    Trainable::Full.save(&trainee, &into, Storage::F32).unwrap();
    let (unet, _) = open("unet").unet(Storage::AsStored, &device).unwrap();
    assert_eq!(values(&unet), values(&trainee.unet.valid()));

    let trainee = learned(Trainable::ControlNet, networks());
    let into = folder.path().join("controlnet");
    Trainable::ControlNet
        .save(&trainee, &into, Storage::F32)
        .unwrap();
    let (net, _) = open("controlnet")
        .controlnet(Storage::AsStored, &device)
        .unwrap();
    assert_eq!(values(&net), values(&trainee.controlnet.unwrap().valid()));
}

#[test]
fn modal_branches_are_one_file_per_set() {
    for (sets, names) in [
        (ModalSets::Shared, &["rep_controlnet"][..]),
        (ModalSets::PerModality, &["rep_skeleton", "rep_landmark"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let trainable = Trainable::Modal {
            layers: ModalLayers::Lite,
            share: 0.1,
            sets,
        };
        let trainee = learned(trainable, networks());
        let files = trainable
            .save(&trainee, folder.path(), Storage::F32)
            .unwrap();
        let stems: Vec<_> = files.iter().map(|file| file.file_stem().unwrap()).collect();
        assert_eq!(stems, names);
        let base = unet().valid();
        for (file, modal) in files.iter().zip(&trainee.modal) {
            let (net, _) =
                load_rep_controlnet(file, &base, Storage::AsStored, &Device::flex()).unwrap();
            let (expected, _) = modal.clone().valid().merge();
            let merged = net.merge(base.clone()).unwrap();
            assert!(gap(predict(&merged), &predict(&expected)) < 1e-5);
        }
    }
}

#[test]
fn an_identity_adapter_is_whole_with_its_additions() {
    let folder = tempfile::tempdir().unwrap();
    let trainable = Trainable::Identity { lora: Some(LORA) };
    let trainee = learned(
        trainable,
        Networks {
            projector: Some(projector()),
            ..networks()
        },
    );
    let files = trainable
        .save(&trainee, folder.path(), Storage::F32)
        .unwrap();
    let file = AdapterFile::open(&files[0]).unwrap();
    assert_eq!(file.kind(), AdapterKind::FaceId);
    let base = unet().valid();
    let lora = file.lora().unwrap().unwrap();
    let merged = merge_unet_loras(&base, &[(&lora, 1.0)]).unwrap();
    let expected = predict(&trainee.unet.clone().valid());
    assert!(gap(predict(&merged), &expected) < 1e-5);
    assert!(gap(predict(&base), &expected) > 1e-3);
    let to = (Storage::AsStored, Device::flex());
    let attention = file.attention(base.config(), to.0, &to.1).unwrap();
    assert_eq!(
        values(&attention),
        values(&trainee.identity.clone().unwrap().valid())
    );

    let alone = Trainee {
        projector: None,
        ..trainee
    };
    let refused = trainable.save(&alone, folder.path(), Storage::F32);
    assert!(refused.unwrap_err().to_string().starts_with("projector"));
}

#[test]
fn projections_without_a_projector_are_their_section_alone() {
    let folder = tempfile::tempdir().unwrap();
    let trainable = Trainable::Identity { lora: None };
    let trainee = learned(trainable, networks());
    let files = trainable
        .save(&trainee, folder.path(), Storage::F32)
        .unwrap();
    let section = TensorSource::open(&files[0]).unwrap().scoped("ip_adapter");
    let (again, _) = identity_attention(
        &section,
        unet().config(),
        Storage::AsStored,
        &Device::flex(),
    )
    .unwrap();
    assert_eq!(values(&again), values(&trainee.identity.unwrap().valid()));
    let refused = Trainable::ControlNet.save(
        &Trainable::Full.prepare(Networks::new(unet()), 0).unwrap(),
        folder.path(),
        Storage::F32,
    );
    assert!(refused.unwrap_err().to_string().starts_with("controlnet"));
}

fn vae() -> AutoencoderKl {
    let config = serde_json::json!({
        "latent_channels": 4, "block_out_channels": [8, 8], "norm_num_groups": 4,
        "down_block_types": vec!["DownEncoderBlock2D"; 2], "layers_per_block": 1,
        "up_block_types": vec!["UpDecoderBlock2D"; 2],
    });
    randomize(
        VaeConfig::from_json(&config).unwrap().init(&Device::flex()),
        6,
    )
}

#[test]
fn samples_show_the_same_scene_and_what_was_learned() {
    let trainable = Trainable::Identity { lora: None };
    let fresh = trainable.prepare(networks(), 1).unwrap().valid();
    let trained = learned(trainable, networks()).valid();
    let schedule = ScheduleConfig::stable_diffusion();
    let scene = batch(1, Modality::Skeleton);
    let samples = Samples::new(vae(), scene, empty_text(), &schedule, 3).unwrap();
    let pictures = samples.draw(&fresh).unwrap();
    assert_eq!(pictures.len(), 2);
    assert_eq!(pictures[0].dimensions(), (12, 12));
    assert_eq!(samples.draw(&fresh).unwrap(), pictures);
    assert_ne!(samples.draw(&trained).unwrap(), pictures);
    // The same training writes them where it runs.
    let folder = tempfile::tempdir().unwrap();
    let source = Shuffled::new(vec![batch(1, Modality::Skeleton)], 0).unwrap();
    let config = LearnerConfig {
        sample_every: Some(1),
        ..LearnerConfig::new(1, 1e-3)
    };
    let trainee = trainable.prepare(networks(), 1).unwrap();
    let learner = Learner::new(objective(), trainee, source, config).unwrap();
    let mut watch = (samples.seeded(4), ());
    learner
        .in_folder(folder.path())
        .unwrap()
        .run(&mut watch)
        .unwrap();
    let written = image::open(folder.path().join("samples/step-00000001-1.png")).unwrap();
    assert_eq!(written.to_rgb8().dimensions(), (12, 12));
    let again = Watch::sample(&mut watch, &fresh, 0).unwrap();
    assert_ne!(again, pictures, "another seed");
}

#[test]
fn a_scene_that_does_not_fit_is_refused() {
    let schedule = ScheduleConfig::stable_diffusion();
    let scene = batch(1, Modality::Skeleton);
    let short = Tensor::ones([1, 4, TEXT_WIDTH], &Device::flex());
    let error = Samples::new(vae(), scene, short, &schedule, 3).unwrap_err();
    assert!(error.to_string().contains("empty text"), "{error}");
}
