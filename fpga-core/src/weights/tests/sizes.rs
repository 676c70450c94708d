//! Architectures recognised by their tensors, at the sizes that were released.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use serde_json::{Value, json};

use crate::control::ControlNetConfig;
use crate::error::ErrorKind;
use crate::nn::ModulePath;
use crate::unet::UNetConfig;
use crate::vae::VaeConfig;
use crate::weights::ldm_sizes::{controlnet_sizes, unet_sizes, vae_sizes};
use crate::weights::{
    Family, KeyMap, SingleFile, TensorSource, ldm_controlnet_names, ldm_unet_names, ldm_vae_names,
};

/// Names and shapes of a model that is never given any memory.
fn shapes<M: Module>(model: &M, map: &KeyMap) -> Vec<(String, Vec<usize>)> {
    struct Shapes<'a>(ModulePath, &'a KeyMap, Vec<(String, Vec<usize>)>);
    impl ModuleVisitor for Shapes<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _name: &str, container: &str) {
            self.0.exit(container);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let key = self.1.key(&self.0.joined());
            self.2
                .push((key.name().to_owned(), param.lazy_shape().to_vec()));
        }
    }
    let mut visitor = Shapes(ModulePath::default(), map, Vec::new());
    model.visit(&mut visitor);
    visitor.2
}

fn sd1() -> Value {
    json!({ "cross_attention_dim": 768 })
}

fn sd2() -> Value {
    json!({
        "cross_attention_dim": 1024,
        "attention_head_dim": [5, 10, 20, 20],
        "use_linear_projection": true,
    })
}

fn sdxl() -> Value {
    json!({
        "block_out_channels": [320, 640, 1280],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "cross_attention_dim": 2048,
        "attention_head_dim": [5, 10, 20],
        "transformer_layers_per_block": [1, 2, 10],
        "use_linear_projection": true,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    })
}

fn unet_shapes(config: &UNetConfig) -> TensorSource {
    let model = config.init(&Device::flex()).unwrap();
    TensorSource::of_shapes(shapes(&model, &ldm_unet_names(config)))
}

#[test]
fn the_released_unets_are_recognised() {
    for (json, family) in [
        (sd1(), Family::Sd1),
        (sd2(), Family::Sd2),
        (sdxl(), Family::Sdxl),
    ] {
        let config = UNetConfig::from_json(&json).unwrap();
        assert_eq!(unet_sizes(&unet_shapes(&config)).unwrap(), (family, config));
    }
}

#[test]
fn inpainting_unets_have_more_inputs_and_are_not_refused() {
    let mut json = sd1();
    json["in_channels"] = json!(9);
    let config = UNetConfig::from_json(&json).unwrap();
    let (family, found) = unet_sizes(&unet_shapes(&config)).unwrap();
    assert_eq!((family, found.encoder.in_channels), (Family::Sd1, 9));
}

#[test]
fn other_architectures_are_refused_by_what_they_are() {
    let refuse = |json: Value| {
        let config = UNetConfig::from_json(&json).unwrap();
        let names = ldm_unet_names(&config);
        let tensors = shapes(&config.init(&Device::flex()).unwrap(), &names);
        let prefixed = |(name, shape)| (format!("model.diffusion_model.{name}"), shape);
        let source = TensorSource::of_shapes(tensors.into_iter().map(prefixed));
        let error = SingleFile::from_source(source).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Unsupported { .. }),
            "{error}"
        );
        error.to_string()
    };
    let mut refiner = sdxl();
    refiner["cross_attention_dim"] = json!(1280);
    assert!(refuse(refiner).contains("refiner"));
    assert!(refuse(json!({ "cross_attention_dim": 640 })).contains("640"));
    let other = TensorSource::of_shapes([("double_blocks.0.weight".to_owned(), vec![1])]);
    assert!(SingleFile::from_source(other).is_err());
}

#[test]
fn controlnets_and_autoencoders_are_measured() {
    let device = Device::flex();
    for json in [sd1(), sd2(), sdxl()] {
        let config = ControlNetConfig::from_json(&json).unwrap();
        let model = config.init(&device).unwrap();
        let source = TensorSource::of_shapes(shapes(&model, &ldm_controlnet_names(&config)));
        assert_eq!(controlnet_sizes(&source).unwrap(), config);
    }

    let config = VaeConfig::from_json(&json!({
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": vec!["DownEncoderBlock2D"; 4],
        "up_block_types": vec!["UpDecoderBlock2D"; 4],
        "layers_per_block": 2,
    }))
    .unwrap();
    let source = shapes(&config.init(&device), &ldm_vae_names(&config));
    let source = TensorSource::of_shapes(source);
    assert_eq!(vae_sizes(&source, Family::Sd1).unwrap(), config);
    let scale = vae_sizes(&source, Family::Sdxl).unwrap().scaling.scale;
    assert_eq!(scale, [0.13025; 4]);
}
