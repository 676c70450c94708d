//! LoRA pairs into the weights that they change.
//!
//! First every pair finds its weight by name and shape; only if all do are values read. The network
//! that comes back shares all other weights with the one that went in.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor};

use super::names::{Target, WeightName, flat};
use super::{ChangeShape, Lora, LoraPart, Pair};
use crate::error::{Context, Error, ErrorKind, LoadReport, Mismatch, Result};
use crate::nn::{ModulePath, cast_to};
use crate::text::ClipText;
use crate::unet::UNet;
use crate::weights::diffusers_names::{clip_text_names, unet_names};
use crate::weights::key_map::KeyMap;
use crate::weights::ldm_names::ldm_unet_names;

/// Order of the UNet's thirds among diffusers' attention processors.
const PROCESSOR_ORDER: [&str; 3] = ["down_blocks.", "up_blocks.", "mid_block."];

/// The UNet with all of `loras`, each as strong as its number (1 as trained); `unet` stays as it is.
///
/// # Errors
/// `Weights` if a LoRA changes a weight that this network lacks, or one of another shape; what reading
/// a file refuses; a strength that is not finite.
pub fn merge_unet_loras(unet: &UNet, loras: &[(&Lora, f64)]) -> Result<UNet> {
    let spellings = [unet_names(), ldm_unet_names(unet.config())];
    merge(unet, LoraPart::Unet, &spellings, loras).context(|| "unet")
}

/// A text model with all of `loras`; `part` says which one it is.
///
/// # Errors
/// As [`merge_unet_loras`].
pub fn merge_text_loras(
    text: &ClipText,
    part: LoraPart,
    loras: &[(&Lora, f64)],
) -> Result<ClipText> {
    merge(text, part, &[clip_text_names()], loras).context(|| "text model")
}

/// Names of a UNet's attention layers, in the order of diffusers' attention processors.
pub(super) fn processor_order(unet: &UNet) -> Vec<String> {
    WeightTable::of(unet, &[unet_names()]).processors
}

fn merge<M: Module>(
    module: &M,
    part: LoraPart,
    spellings: &[KeyMap],
    loras: &[(&Lora, f64)],
) -> Result<M> {
    let table = WeightTable::of(module, spellings);
    let mut plan: HashMap<String, Vec<Addition<'_>>> = HashMap::new();
    for &(lora, strength) in loras {
        let clause = || format!("LoRA {}", lora.origin().display());
        if !strength.is_finite() {
            let why = format!("must be finite, found {strength}");
            return Err(Error::invalid("strength", why)).context(clause);
        }
        for (path, pair) in table.places(lora, part).context(clause)? {
            let addition = Addition {
                lora,
                pair,
                strength,
            };
            plan.entry(path).or_default().push(addition);
        }
    }
    let mut merger = Merger {
        path: ModulePath::default(),
        part,
        plan,
        failure: None,
    };
    let merged = module.clone().map(&mut merger);
    match merger.failure {
        None => Ok(merged),
        Some(error) => Err(error),
    }
}

/// One pair that is added to a weight.
struct Addition<'a> {
    lora: &'a Lora,
    pair: &'a Pair,
    strength: f64,
}

/// Every weight that a LoRA can change, under all its names.
#[derive(Default)]
struct WeightTable {
    /// From names with underscores for dots to paths of the module.
    paths: HashMap<String, String>,
    shapes: HashMap<String, Vec<usize>>,
    /// Paths of attention layers as diffusers names them, in the order of its processors.
    processors: Vec<String>,
}

impl WeightTable {
    fn of<M: Module>(module: &M, spellings: &[KeyMap]) -> Self {
        let mut collector = Collector {
            path: ModulePath::default(),
            spellings,
            table: Self::default(),
        };
        module.visit(&mut collector);
        let mut table = collector.table;
        let rank = |name: &String| {
            PROCESSOR_ORDER
                .iter()
                .position(|start| name.starts_with(start))
        };
        table.processors.sort_by_key(rank);
        table
    }

    /// Where each pair of a LoRA belongs.
    fn places<'a>(&self, lora: &'a Lora, part: LoraPart) -> Result<Vec<(String, &'a Pair)>> {
        let mut report = LoadReport::default();
        let mut places = Vec::new();
        for (target, pair) in lora.of(part) {
            let (name, _) = pair.names();
            let Some(path) = self.path(target) else {
                report.unused.push(name.to_owned());
                continue;
            };
            let (expected, found) = (&self.shapes[path], lora.shape(pair)?);
            if fits(expected, found) {
                places.push((path.clone(), pair));
            } else {
                report.mismatched.push(Mismatch {
                    name: name.to_owned(),
                    expected: expected.clone(),
                    found: vec![found.outputs, found.inputs],
                });
            }
        }
        if report.unused.is_empty() && report.mismatched.is_empty() {
            return Ok(places);
        }
        Err(Error::new(ErrorKind::Weights(report)))
    }

    fn path(&self, target: &Target) -> Option<&String> {
        match &target.weight {
            WeightName::Flat(name) => self.paths.get(name),
            WeightName::Processor(index, projection) => {
                let layer = self.processors.get(*index)?;
                self.paths.get(&flat(&format!("{layer}.{projection}")))
            }
        }
    }
}

/// A matrix for a matrix, or for a kernel that has as many numbers per output.
fn fits(expected: &[usize], found: ChangeShape) -> bool {
    let inputs: usize = expected[1..].iter().product();
    expected[0] == found.outputs && inputs == found.inputs
}

struct Collector<'a> {
    path: ModulePath,
    spellings: &'a [KeyMap],
    table: WeightTable,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.joined();
        if !path.ends_with(".weight") || D < 2 {
            return;
        }
        for (index, spelling) in self.spellings.iter().enumerate() {
            for key in spelling.keys(&path) {
                let name = key.name().strip_suffix(".weight").unwrap_or_default();
                if index == 0
                    && let Some(layer) = name.strip_suffix(".to_q")
                {
                    self.table.processors.push(layer.to_owned());
                }
                self.table.paths.insert(flat(name), path.clone());
            }
        }
        self.table.shapes.insert(path, param.lazy_shape().to_vec());
    }
}

struct Merger<'a> {
    path: ModulePath,
    part: LoraPart,
    plan: HashMap<String, Vec<Addition<'a>>>,
    /// Why reading stopped; the parameters after it stay as they are.
    failure: Option<Error>,
}

impl Merger<'_> {
    fn add<const D: usize>(
        &self,
        base: Tensor<D>,
        additions: Vec<Addition<'_>>,
    ) -> Result<Tensor<D>> {
        let (kept, shape, device) = (base.dtype(), base.dims(), base.device());
        let mut sum = cast_to(base, DType::F32);
        for Addition {
            lora,
            pair,
            strength,
        } in additions
        {
            let change = lora
                .read(self.part, pair)
                .context(|| format!("LoRA {}", lora.origin().display()))?;
            sum = sum + change.delta(strength, shape, &device);
        }
        Ok(cast_to(sum, kept))
    }
}

impl ModuleMapper for Merger<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let planned = self.plan.remove(&self.path.joined());
        let Some(additions) = planned.filter(|_| self.failure.is_none()) else {
            return param;
        };
        match self.add(param.val(), additions) {
            Ok(merged) => param.map(|_| merged),
            Err(error) => {
                self.failure = Some(error);
                param
            }
        }
    }
}
