//! One ONNX file made ready to run on pictures of one size.
//!
//! Files come from strangers: sizes are bounded before anything is read, only the one file is opened
//! (weights in further files are refused), and a panic of the foreign parser is that file's fault.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::DimLike;

use crate::error::{Error, ErrorKind, Result};

/// Longest accepted file; the largest of these networks has 250 MB.
const MAX_FILE: u64 = 2 << 30;
/// Largest picture that a file may ask for, per side.
const MAX_SIDE: usize = 4096;

/// A network that takes `[1, 3, height, width]`.
#[derive(Clone)]
pub(super) struct Network {
    path: PathBuf,
    plan: Arc<TypedRunnableModel>,
    /// Width and height.
    size: [u32; 2],
    scales_itself: bool,
    outputs: usize,
}

/// One output, row-major.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl Network {
    /// `free` is the `[width, height]` that is used where the file leaves it open.
    ///
    /// # Errors
    /// `Io` if the file cannot be read; `Format` if it is no ONNX network; `Unsupported` if it does not
    /// take one picture, or if an operator cannot be run.
    pub(super) fn open(path: impl AsRef<Path>, free: [u32; 2]) -> Result<Self> {
        let path = path.as_ref();
        let bytes = read(path)?;
        let built = catch_unwind(AssertUnwindSafe(|| Self::build(path, &bytes, free)));
        built.unwrap_or_else(|_| Err(Error::format(path, "is not a sound ONNX file")))
    }

    fn build(path: &Path, bytes: &[u8], free: [u32; 2]) -> Result<Self> {
        let framework = onnx();
        let broken =
            |error: TractError| Error::format(path, format!("is not a sound ONNX file: {error:#}"));
        let proto = framework
            .proto_model_for_read(&mut &*bytes)
            .map_err(broken)?;
        if proto
            .graph
            .as_ref()
            .is_none_or(|graph| graph.node.is_empty())
        {
            return Err(Error::format(
                path,
                "is not an ONNX file: it holds no network",
            ));
        }
        let model = framework.model_for_proto_model(&proto).map_err(broken)?;
        let size = picture_size(path, &model, free)?;
        let outputs = model.output_outlets().map_err(broken)?.len();

        let [width, height] = size.map(|side| side as usize);
        let pixels = InferenceFact::dt_shape(f32::datum_type(), [1, 3, height, width]);
        let plan = model
            .with_input_fact(0, pixels)
            .and_then(|model| model.into_optimized())
            .and_then(|model| model.into_runnable());
        let plan = plan.map_err(|error| {
            let why = format!("cannot be run on {width}×{height} pixels: {error:#}");
            Error::unsupported(path.display().to_string(), why)
        })?;
        Ok(Self {
            path: path.to_owned(),
            plan,
            size,
            scales_itself: scales_itself(&proto),
            outputs,
        })
    }

    /// Width and height that it takes.
    pub(super) fn size(&self) -> [u32; 2] {
        self.size
    }

    /// How many outputs it has.
    pub(super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Whether its first operators bring levels 0–255 to its own range, as networks from MXNet do.
    pub(super) fn scales_itself(&self) -> bool {
        self.scales_itself
    }

    /// This file does not fit its purpose.
    pub(super) fn unsupported(&self, why: impl Into<String>) -> Error {
        Error::unsupported(self.path.display().to_string(), why)
    }

    /// # Shapes
    /// - `planes`: `[3, height, width]`
    ///
    /// # Errors
    /// `Unsupported` if an operator fails on these numbers; `NotFinite` if an output holds NaN or infinity.
    pub(super) fn run(&self, planes: &[f32]) -> Result<Vec<Output>> {
        let run = || {
            let [width, height] = self.size.map(|side| side as usize);
            let pixels = Tensor::from_shape(&[1, 3, height, width], planes)?;
            let outputs = self.plan.run(tvec!(pixels.into()))?;
            outputs.iter().map(|output| Output::read(output)).collect()
        };
        let ran = catch_unwind(AssertUnwindSafe(run));
        let ran = ran.unwrap_or_else(|_| Err(TractError::msg("an operator panicked")));
        let outputs: Vec<Output> =
            ran.map_err(|error| self.unsupported(format!("failed: {error:#}")))?;
        let mut values = outputs.iter().flat_map(|output| &output.values);
        match values.all(|value| value.is_finite()) {
            true => Ok(outputs),
            false => Err(Error::new(ErrorKind::NotFinite {
                what: format!("output of {}", self.path.display()),
            })),
        }
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, size, .. } = self;
        f.debug_struct("Network")
            .field("path", path)
            .field("size", size)
            .finish_non_exhaustive()
    }
}

impl Output {
    fn read(tensor: &Tensor) -> TractResult<Self> {
        let values = tensor.cast_to::<f32>()?;
        let values = values.to_plain_array_view::<f32>()?;
        Ok(Self {
            shape: tensor.shape().to_vec(),
            values: values.iter().copied().collect(),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| Error::io(path, error);
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    match bytes.len() as u64 <= MAX_FILE {
        true => Ok(bytes),
        false => Err(Error::format(
            path,
            format!("is longer than {MAX_FILE} bytes"),
        )),
    }
}

/// Width and height that the file fixes, or `free` for each side that it leaves open.
fn picture_size(path: &Path, model: &InferenceModel, free: [u32; 2]) -> Result<[u32; 2]> {
    let unsupported = |why: String| Error::unsupported(path.display().to_string(), why);
    let inputs = model.inputs.len();
    if inputs != 1 {
        return Err(unsupported(format!(
            "needs one input, a picture; it has {inputs}"
        )));
    }
    let fact = model
        .input_fact(0)
        .map_err(|error| unsupported(format!("{error:#}")))?;
    let dims: Vec<Option<usize>> = fact
        .shape
        .dims()
        .map(|dim| dim.concretize().and_then(|dim| dim.to_usize().ok()))
        .collect();
    let known = |axis: usize, needed: usize| dims[axis].is_none_or(|found| found == needed);
    if dims.len() != 4 || !known(0, 1) || !known(1, 3) {
        return Err(unsupported(format!(
            "needs an input [1, 3, height, width]; its is {dims:?}"
        )));
    }
    let side = |axis: usize, free: u32| dims[axis].unwrap_or(free as usize);
    let (width, height) = (side(3, free[0]), side(2, free[1]));
    let fits = |side: usize| (1..=MAX_SIDE).contains(&side);
    if !fits(width) || !fits(height) {
        return Err(unsupported(format!("pictures of {width}×{height} pixels")));
    }
    Ok([width as u32, height as u32])
}

/// InsightFace's rule: a subtraction and a multiplication among the first operators, or a norm of the data.
fn scales_itself(proto: &ModelProto) -> bool {
    let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
    let names: Vec<&str> = nodes.take(8).map(|node| node.name.as_str()).collect();
    let any = |prefixes: [&str; 2]| {
        names
            .iter()
            .any(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
    };
    let shifted_and_scaled = any(["Sub", "_minus"]) && any(["Mul", "_mul"]);
    shifted_and_scaled || names.iter().take(3).any(|name| *name == "bn_data")
}
