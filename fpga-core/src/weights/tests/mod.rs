//! Loading and saving a small module of our own layers, and files that must be refused.

mod adapters;
mod face_networks;
mod folders;
mod hostile;
mod lora;
mod reference;
mod rep_controlnet;
mod round_trip;
mod sizes;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};

use crate::nn::{
    Attention, AttentionConfig, Conv2d, Downsample, GegluFeedForward, GroupNorm, ResnetBlock,
    ResnetConfig, Window,
};

use super::KeyMap;

/// One of every kind of container that models use.
#[derive(Module, Debug)]
struct Toy {
    conv_in: Conv2d,
    resnets: Vec<ResnetBlock>,
    attn: Attention,
    ff: GegluFeedForward,
    downsampler: Option<Downsample>,
    upsampler: Option<Downsample>,
    last: Last,
}

#[derive(Module, Debug)]
enum Last {
    Norm(GroupNorm),
    Conv(Conv2d),
}

fn toy(device: &Device) -> Toy {
    let resnet = |inputs| {
        let config = ResnetConfig {
            inputs,
            outputs: 4,
            time_width: Some(6),
            norm_groups: 2,
            norm_epsilon: 1e-5,
        };
        config.init(device)
    };
    let attention = AttentionConfig {
        query_width: 4,
        context_width: 6,
        heads: 2,
        input_bias: false,
    };
    Toy {
        conv_in: Conv2d::new(3, 2, Window::SAME, device),
        resnets: vec![resnet(2), resnet(4)],
        attn: attention.init(device),
        ff: GegluFeedForward::new(4, device),
        downsampler: Some(Downsample::new(4, device)),
        upsampler: None,
        last: Last::Norm(GroupNorm::new(2, 4, 1e-5, device)),
    }
}

fn toy_map() -> KeyMap {
    KeyMap::new()
        .rename("to_out", "to_out.0")
        .rename("ff.proj", "ff.net.0.proj")
        .rename("downsampler", "downsamplers.0")
        .prefix("conv_in", "stem")
}

/// A toy whose weights all differ.
fn filled_toy(device: &Device) -> Toy {
    struct Fill(f32);
    impl ModuleMapper for Fill {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|tensor| {
                let count = tensor.shape().num_elements();
                let start = self.0;
                self.0 += count as f32;
                let values: Vec<f32> = (0..count).map(|i| (start + i as f32).sin()).collect();
                let flat = Tensor::<1>::from_floats(values.as_slice(), &tensor.device());
                flat.reshape(tensor.shape())
            })
        }
    }
    toy(device).map(&mut Fill(0.0))
}

/// All weights in visiting order.
fn weights<M: Module>(module: &M) -> Vec<f32> {
    struct Collect(Vec<f32>);
    impl burn::module::ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let data = param.val().into_data().convert::<f32>();
            self.0.extend(data.as_slice::<f32>().unwrap());
        }
    }
    let mut collect = Collect(Vec::new());
    module.visit(&mut collect);
    collect.0
}

/// A safetensors file in memory.
fn file_of(tensors: &[(&str, &[usize], &[f32])]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap();
        (*name, view)
    });
    serialize(views.collect::<Vec<_>>(), None).unwrap()
}
