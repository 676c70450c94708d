//! The five kinds of blocks: parallel branches whose channels are joined.

use burn::module::Module;
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Device, Tensor, module};

use super::conv::{InceptionConv, WideConv};
use super::{halving, pooled};
use crate::nn::Window;

/// 5×5 that keeps the size.
const FIVE: Window = Window {
    kernel: 5,
    stride: 1,
    padding: [2, 2],
};
/// 3×3 that halves the size, without padding.
const HALVE: Window = Window {
    kernel: 3,
    stride: 2,
    padding: [0, 0],
};

/// Which neighbours' summary a block joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BranchPool {
    /// Their mean, without padding.
    Average,
    /// Their maximum.
    Maximum,
}

impl BranchPool {
    /// 3×3, keeps the size.
    fn apply(self, input: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Average => average(input),
            Self::Maximum => pooled(
                input,
                MaxPoolOptions::new([3, 3])
                    .with_stride([1, 1])
                    .with_padding([1, 1]),
            ),
        }
    }
}

fn average(input: Tensor<4>) -> Tensor<4> {
    let mut options = AvgPoolOptions::new([3, 3])
        .with_stride([1, 1])
        .with_padding([1, 1]);
    options.count_include_pad = false;
    module::avg_pool2d(input, options)
}

pub(super) fn max_pool(input: Tensor<4>) -> Tensor<4> {
    pooled(input, halving())
}

fn point(inputs: usize, outputs: usize, device: &Device) -> InceptionConv {
    InceptionConv::new(inputs, outputs, Window::POINT, device)
}

fn same(inputs: usize, outputs: usize, device: &Device) -> InceptionConv {
    InceptionConv::new(inputs, outputs, Window::SAME, device)
}

/// At 35×35: kernels 1, 5, 3·3 and pooling.
#[derive(Module, Debug)]
#[allow(missing_docs, reason = "the checkpoint's names say kernel and place")]
pub struct MixedA {
    pub branch1x1: InceptionConv,
    pub branch5x5_1: InceptionConv,
    pub branch5x5_2: InceptionConv,
    pub branch3x3dbl_1: InceptionConv,
    pub branch3x3dbl_2: InceptionConv,
    pub branch3x3dbl_3: InceptionConv,
    pub branch_pool: InceptionConv,
}

impl MixedA {
    /// Zero until weights are loaded; gives 224 channels and those of the pooling branch.
    pub fn new(inputs: usize, pool: usize, device: &Device) -> Self {
        Self {
            branch1x1: point(inputs, 64, device),
            branch5x5_1: point(inputs, 48, device),
            branch5x5_2: InceptionConv::new(48, 64, FIVE, device),
            branch3x3dbl_1: point(inputs, 64, device),
            branch3x3dbl_2: same(64, 96, device),
            branch3x3dbl_3: same(96, 96, device),
            branch_pool: point(inputs, pool, device),
        }
    }

    /// # Shapes
    /// - `[b, in, h, w]` to `[b, 224 + pool, h, w]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let one = self.branch1x1.forward(x.clone());
        let five = self
            .branch5x5_2
            .forward(self.branch5x5_1.forward(x.clone()));
        let double = self
            .branch3x3dbl_2
            .forward(self.branch3x3dbl_1.forward(x.clone()));
        let double = self.branch3x3dbl_3.forward(double);
        let pool = self.branch_pool.forward(average(x));
        Tensor::cat(vec![one, five, double, pool], 1)
    }
}

/// Halves 35×35.
#[derive(Module, Debug)]
#[allow(missing_docs, reason = "the checkpoint's names say kernel and place")]
pub struct MixedB {
    pub branch3x3: InceptionConv,
    pub branch3x3dbl_1: InceptionConv,
    pub branch3x3dbl_2: InceptionConv,
    pub branch3x3dbl_3: InceptionConv,
}

impl MixedB {
    /// Zero until weights are loaded; gives 480 channels and the input's.
    pub fn new(inputs: usize, device: &Device) -> Self {
        Self {
            branch3x3: InceptionConv::new(inputs, 384, HALVE, device),
            branch3x3dbl_1: point(inputs, 64, device),
            branch3x3dbl_2: same(64, 96, device),
            branch3x3dbl_3: InceptionConv::new(96, 96, HALVE, device),
        }
    }

    /// # Shapes
    /// - `[b, in, h, w]` to `[b, 480 + in, h′, w′]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let three = self.branch3x3.forward(x.clone());
        let double = self
            .branch3x3dbl_2
            .forward(self.branch3x3dbl_1.forward(x.clone()));
        let double = self.branch3x3dbl_3.forward(double);
        Tensor::cat(vec![three, double, max_pool(x)], 1)
    }
}

/// At 17×17: rows and columns of seven.
#[derive(Module, Debug)]
#[allow(missing_docs, reason = "the checkpoint's names say kernel and place")]
pub struct MixedC {
    pub branch1x1: InceptionConv,
    pub branch7x7_1: InceptionConv,
    pub branch7x7_2: WideConv,
    pub branch7x7_3: WideConv,
    pub branch7x7dbl_1: InceptionConv,
    pub branch7x7dbl_2: WideConv,
    pub branch7x7dbl_3: WideConv,
    pub branch7x7dbl_4: WideConv,
    pub branch7x7dbl_5: WideConv,
    pub branch_pool: InceptionConv,
}

impl MixedC {
    /// `inner` channels within the long branches. Zero until weights are loaded.
    pub fn new(inner: usize, device: &Device) -> Self {
        let row = |outputs| WideConv::new([inner, outputs], [1, 7], device);
        let column = |outputs| WideConv::new([inner, outputs], [7, 1], device);
        Self {
            branch1x1: point(768, 192, device),
            branch7x7_1: point(768, inner, device),
            branch7x7_2: row(inner),
            branch7x7_3: column(192),
            branch7x7dbl_1: point(768, inner, device),
            branch7x7dbl_2: column(inner),
            branch7x7dbl_3: row(inner),
            branch7x7dbl_4: column(inner),
            branch7x7dbl_5: row(192),
            branch_pool: point(768, 192, device),
        }
    }

    /// # Shapes
    /// - `[b, 768, h, w]`, the result too
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let one = self.branch1x1.forward(x.clone());
        let seven = self
            .branch7x7_2
            .forward(self.branch7x7_1.forward(x.clone()));
        let seven = self.branch7x7_3.forward(seven);
        let double = self
            .branch7x7dbl_2
            .forward(self.branch7x7dbl_1.forward(x.clone()));
        let double = self
            .branch7x7dbl_4
            .forward(self.branch7x7dbl_3.forward(double));
        let double = self.branch7x7dbl_5.forward(double);
        let pool = self.branch_pool.forward(average(x));
        Tensor::cat(vec![one, seven, double, pool], 1)
    }
}

/// Halves 17×17.
#[derive(Module, Debug)]
#[allow(missing_docs, reason = "the checkpoint's names say kernel and place")]
pub struct MixedD {
    pub branch3x3_1: InceptionConv,
    pub branch3x3_2: InceptionConv,
    pub branch7x7x3_1: InceptionConv,
    pub branch7x7x3_2: WideConv,
    pub branch7x7x3_3: WideConv,
    pub branch7x7x3_4: InceptionConv,
}

impl MixedD {
    /// Zero until weights are loaded.
    pub fn new(device: &Device) -> Self {
        Self {
            branch3x3_1: point(768, 192, device),
            branch3x3_2: InceptionConv::new(192, 320, HALVE, device),
            branch7x7x3_1: point(768, 192, device),
            branch7x7x3_2: WideConv::new([192, 192], [1, 7], device),
            branch7x7x3_3: WideConv::new([192, 192], [7, 1], device),
            branch7x7x3_4: InceptionConv::new(192, 192, HALVE, device),
        }
    }

    /// # Shapes
    /// - `[b, 768, h, w]` to `[b, 1280, h′, w′]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let three = self
            .branch3x3_2
            .forward(self.branch3x3_1.forward(x.clone()));
        let seven = self
            .branch7x7x3_2
            .forward(self.branch7x7x3_1.forward(x.clone()));
        let seven = self
            .branch7x7x3_4
            .forward(self.branch7x7x3_3.forward(seven));
        Tensor::cat(vec![three, seven, max_pool(x)], 1)
    }
}

/// At 8×8: branches that part into a row and a column of three.
#[derive(Module, Debug)]
#[allow(missing_docs, reason = "the checkpoint's names say kernel and place")]
pub struct MixedE {
    pub branch1x1: InceptionConv,
    pub branch3x3_1: InceptionConv,
    pub branch3x3_2a: WideConv,
    pub branch3x3_2b: WideConv,
    pub branch3x3dbl_1: InceptionConv,
    pub branch3x3dbl_2: InceptionConv,
    pub branch3x3dbl_3a: WideConv,
    pub branch3x3dbl_3b: WideConv,
    pub branch_pool: InceptionConv,
    #[module(skip)]
    pool: BranchPool,
}

impl MixedE {
    /// Zero until weights are loaded.
    pub fn new(inputs: usize, pool: BranchPool, device: &Device) -> Self {
        let row = || WideConv::new([384, 384], [1, 3], device);
        let column = || WideConv::new([384, 384], [3, 1], device);
        Self {
            branch1x1: point(inputs, 320, device),
            branch3x3_1: point(inputs, 384, device),
            branch3x3_2a: row(),
            branch3x3_2b: column(),
            branch3x3dbl_1: point(inputs, 448, device),
            branch3x3dbl_2: same(448, 384, device),
            branch3x3dbl_3a: row(),
            branch3x3dbl_3b: column(),
            branch_pool: point(inputs, 192, device),
            pool,
        }
    }

    /// # Shapes
    /// - `[b, in, h, w]` to `[b, 2048, h, w]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let one = self.branch1x1.forward(x.clone());
        let three = self.branch3x3_1.forward(x.clone());
        let double = self
            .branch3x3dbl_2
            .forward(self.branch3x3dbl_1.forward(x.clone()));
        let pool = self.branch_pool.forward(self.pool.apply(x));
        let parts = vec![
            one,
            self.branch3x3_2a.forward(three.clone()),
            self.branch3x3_2b.forward(three),
            self.branch3x3dbl_3a.forward(double.clone()),
            self.branch3x3dbl_3b.forward(double),
            pool,
        ];
        Tensor::cat(parts, 1)
    }
}
