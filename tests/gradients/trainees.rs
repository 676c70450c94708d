//! Networks of which one part learns, with the values that the reference has, and its names for them.

use fpga_core::control::{Coefficients, ModalUNet};
use fpga_core::identity::IdentityAttentionConfig;
use fpga_core::nn::map_parameters;
use fpga_core::train::diffusion::{LoraConfig, LoraLayers, Networks, Trainable, Trainee};
use fpga_core::weights::{ModelFolder, Storage, load_rep_controlnet};

use crate::case::{Case, device, diffusers_name, fixtures, plain, rep_name, unet};

/// With the branches of a file, and the coefficients that it was trained with.
pub(crate) fn modal(file: &str) -> Trainee {
    let unet = unet();
    let file = fixtures().join(format!("{file}.safetensors"));
    let (net, report) = load_rep_controlnet(file, &unet, Storage::AsStored, &device()).unwrap();
    assert!(report.unused.iter().all(|name| !name.contains("_rep")));
    let coefficients = Coefficients {
        alpha: 0.9,
        beta: 1.0,
    };
    let net = net.with_coefficients(coefficients).unwrap();
    let modal = ModalUNet::attach(unet.clone(), &net).unwrap().learning();
    Trainee {
        modal: vec![modal],
        ..plain(unet)
    }
}

pub(crate) fn modal_name(path: &str) -> String {
    let path = path.strip_prefix("modal.0.").unwrap();
    match path.strip_prefix("unet.") {
        Some(path) => rep_name(path.strip_suffix(".modal.weight").unwrap()),
        None => path.to_owned(),
    }
}

/// With a voice already.
pub(crate) fn controlnet() -> Trainee {
    let folder = ModelFolder::open(fixtures().join("training_parts/controlnet"), None).unwrap();
    let (net, _) = folder.controlnet(Storage::AsStored, &device()).unwrap();
    let networks = Networks {
        controlnet: Some(net),
        ..Networks::new(unet())
    };
    Trainable::ControlNet.prepare(networks, 0).unwrap()
}

pub(crate) fn low_rank_name(path: &str) -> String {
    let (owner, factor) = path
        .strip_prefix("unet.")
        .unwrap()
        .split_once(".lora.")
        .unwrap();
    format!("{}.{factor}", diffusers_name(owner))
}

/// Both factors far from zero.
pub(crate) fn low_rank(case: &Case, layers: LoraLayers) -> Trainee {
    let config = LoraConfig {
        layers,
        ..LoraConfig::new(2, 3.0)
    };
    let trainee = Trainable::Lora(config)
        .prepare(Networks::new(unet()), 0)
        .unwrap();
    map_parameters(trainee, |path, _| {
        path.contains(".lora.")
            .then(|| case.value(&low_rank_name(path)))
    })
}

/// Projections of identity tokens.
pub(crate) fn identity(case: &Case) -> Trainee {
    let unet = unet();
    let layers = unet.config().cross_attention();
    let config = IdentityAttentionConfig {
        token_width: 5,
        widths: layers.iter().map(|layer| layer.width).collect(),
    };
    let networks = Networks {
        identity: Some(config.init(&device())),
        ..Networks::new(unet)
    };
    let learns = Trainable::Identity { lora: None };
    map_parameters(learns.prepare(networks, 0).unwrap(), |path, _| {
        path.starts_with("identity.")
            .then(|| case.value(&identity_name(path)))
    })
}

pub(crate) fn identity_name(path: &str) -> String {
    path.strip_prefix("identity.").unwrap().to_owned()
}
