//! One operation of a network on random data, named `KIND:SIZES`.
//!
//! | name | what runs |
//! |---|---|
//! | `attention:batch,queries,keys,heads,width` | `softmax(QKᵀ/√width)V` for each head |
//! | `conv:batch,inputs,height,width,outputs,kernel,stride` | convolution with a bias |
//! | `group_norm_silu:batch,channels,height,width` | 32 groups |
//! | `gated_linear:rows,inputs,outputs` | product with a bias, of which `outputs` values are gated by as many |
//! | `geglu:batch,tokens,width` | value ⊙ gelu(gate), half of `width` each |
//! | `linear:rows,inputs,outputs` | product with a bias |
//!
//! All values are what PyTorch's CPU generator draws from seed 0, operand after operand, weights
//! divided by √fan-in. Feature maps are drawn and kept in NHWC, as between the layers of a network.

use std::str::FromStr;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use fpga_core::diffusion::{NoiseSource, TorchCpuNoise};
use fpga_core::error::{Error, Result};
use fpga_core::nn::{Conv2d, GroupNorm, Linear, Reach, Window, attend, gated_gelu};

/// What a run leaves behind.
pub enum Output {
    /// Feature maps.
    Map(Tensor<4>),
    /// Tokens.
    Tokens(Tensor<3>),
    /// Rows.
    Rows(Tensor<2>),
    /// Values on the host.
    Values(Vec<f32>),
}

impl Output {
    /// All values in the order of the dimensions.
    ///
    /// # Errors
    /// A device that fails.
    pub fn values(self) -> Result<Vec<f32>> {
        let data = match self {
            Self::Map(tensor) => tensor.into_data(),
            Self::Tokens(tensor) => tensor.into_data(),
            Self::Rows(tensor) => tensor.into_data(),
            Self::Values(values) => return Ok(values),
        };
        data.try_to_vec::<f32>()
            .map_err(|error| Error::invalid("output", format!("{error:?}")))
    }
}

/// An operation and its sizes.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// Batch, queries, keys, heads, width of a head.
    Attention([usize; 5]),
    /// Batch, inputs, height, width, outputs, kernel, stride.
    Conv([usize; 7]),
    /// Batch, channels, height, width.
    GroupNormSilu([usize; 4]),
    /// Rows, inputs, outputs.
    GatedLinear([usize; 3]),
    /// Batch, tokens, width of value and gate together.
    Geglu([usize; 3]),
    /// Rows, inputs, outputs.
    Linear([usize; 3]),
}

impl FromStr for Op {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let (kind, sizes) = name.split_once(':').unwrap_or((name, ""));
        match kind {
            "attention" => sizes_of(name, sizes).map(Self::Attention),
            "conv" => sizes_of(name, sizes).map(Self::Conv),
            "group_norm_silu" => sizes_of(name, sizes).map(Self::GroupNormSilu),
            "gated_linear" => sizes_of(name, sizes).map(Self::GatedLinear),
            "geglu" => sizes_of(name, sizes).map(Self::Geglu),
            "linear" => sizes_of(name, sizes).map(Self::Linear),
            _ => Err(Error::invalid("operation", format!("no such kind: {name}"))),
        }
    }
}

fn sizes_of<const N: usize>(name: &str, list: &str) -> Result<[usize; N]> {
    let sizes: Vec<usize> = list
        .split(',')
        .filter_map(|size| size.parse().ok())
        .collect();
    let count = sizes.len();
    let sizes: Option<[usize; N]> = sizes.try_into().ok();
    let positive = sizes.filter(|sizes| !sizes.contains(&0));
    positive.ok_or_else(|| {
        let why = format!("{name} needs {N} positive sizes, found {count}");
        Error::invalid("operation", why)
    })
}

impl Op {
    /// The operation with its operands, ready to run again and again.
    pub fn build(self, device: &Device) -> Box<dyn Fn() -> Output> {
        let mut draw = Draw {
            noise: TorchCpuNoise::new(0),
            device: device.clone(),
        };
        match self {
            Self::Attention([batch, queries, keys, heads, width]) => {
                let query = draw.tensor([batch, queries, heads * width]);
                let key = draw.tensor([batch, keys, heads * width]);
                let value = draw.tensor([batch, keys, heads * width]);
                Box::new(move || {
                    let (query, key, value) = (query.clone(), key.clone(), value.clone());
                    Output::Tokens(attend(query, key, value, heads, Reach::Full))
                })
            }
            Self::Conv([batch, inputs, height, width, outputs, kernel, stride]) => {
                let map = draw.map([batch, inputs, height, width]);
                let padding = [kernel / 2; 2];
                let window = Window {
                    kernel,
                    stride,
                    padding,
                };
                let mut conv = Conv2d::new(inputs, outputs, window, device);
                conv.weight = Param::from_tensor(draw.weights([outputs, inputs, kernel, kernel]));
                conv.bias = Some(Param::from_tensor(draw.tensor([outputs])));
                Box::new(move || Output::Map(conv.forward(map.clone())))
            }
            Self::GroupNormSilu([batch, channels, height, width]) => {
                let map = draw.map([batch, channels, height, width]);
                let mut norm = GroupNorm::new(32, channels, 1e-5, device);
                norm.weight = Param::from_tensor(draw.tensor([channels]));
                norm.bias = Param::from_tensor(draw.tensor([channels]));
                Box::new(move || Output::Map(norm.forward_silu(map.clone())))
            }
            Self::Geglu(sizes) => {
                let both = draw.tensor(sizes);
                Box::new(move || Output::Tokens(gated_gelu(both.clone())))
            }
            Self::GatedLinear([rows, inputs, outputs]) => {
                let input = draw.tensor([1, rows, inputs]);
                let linear = draw.linear(inputs, 2 * outputs);
                Box::new(move || Output::Tokens(linear.forward_gated(input.clone())))
            }
            Self::Linear([rows, inputs, outputs]) => {
                let input = draw.tensor([rows, inputs]);
                let linear = draw.linear(inputs, outputs);
                Box::new(move || Output::Rows(linear.forward(input.clone())))
            }
        }
    }
}

struct Draw {
    noise: TorchCpuNoise,
    device: Device,
}

impl Draw {
    fn tensor<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        let numbers = self.noise.normal(shape.iter().product());
        Tensor::from_data(TensorData::new(numbers, shape), &self.device)
    }

    /// `[b, c, h, w]` over values that were drawn as `[b, h, w, c]`.
    fn map(&mut self, [batch, channels, height, width]: [usize; 4]) -> Tensor<4> {
        self.tensor([batch, height, width, channels])
            .permute([0, 3, 1, 2])
    }

    fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        let mut linear = Linear::new(inputs, outputs, &self.device);
        linear.weight = Param::from_tensor(self.weights([outputs, inputs]));
        linear.bias = Some(Param::from_tensor(self.tensor([outputs])));
        linear
    }

    fn weights<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        let fan_in = shape[1..].iter().product::<usize>() as f64;
        self.tensor(shape) / fan_in.sqrt()
    }
}
