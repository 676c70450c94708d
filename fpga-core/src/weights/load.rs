//! Fills a freshly built module from a checkpoint.
//!
//! First every parameter finds its tensor by name and shape; only if none is missing are values
//! read, one tensor at a time. A parameter that was never used owns no memory before that, so
//! nothing is ever held twice. Whether a parameter learns, and its identity, stay as they were.

use std::collections::{BTreeSet, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};

use super::decode::Storage;
use super::key_map::{Key, KeyMap};
use super::source::TensorSource;
use crate::error::{Context, Error, ErrorKind, LoadReport, Mismatch, Result};
use crate::nn::ModulePath;

/// Buffers that checkpoints carry and nobody reads: they are computed, or only used in training.
const HARMLESS: [&str; 5] = [
    "position_ids",
    "num_batches_tracked",
    "logit_scale",
    "inv_freq",
    "attn_mask",
];

/// Loads every parameter of `module` onto `device`.
///
/// # Errors
/// `Weights` if a parameter's tensor is missing or has another shape; `NotFinite` if one holds NaN
/// or infinity; `Io` or `Format` if the file cannot be read.
pub fn load<M: Module>(
    module: M,
    source: &TensorSource,
    map: &KeyMap,
    storage: Storage,
    device: &Device,
) -> Result<(M, LoadReport)> {
    let clause = || format!("loading {}", source.origin().display());
    let (plan, report) = plan(&module, source, map);
    if !report.is_complete() {
        return Err(Error::new(ErrorKind::Weights(report))).context(clause);
    }

    let mut filler = Filler {
        path: ModulePath::default(),
        plan,
        source,
        storage,
        failure: None,
    };
    let module = module.to_device(device).map(&mut filler);
    match filler.failure {
        None => Ok((module, report)),
        Some(error) => Err(error).context(clause),
    }
}

/// Which tensor each path is read from, and what became of all of them.
fn plan<M: Module>(
    module: &M,
    source: &TensorSource,
    map: &KeyMap,
) -> (HashMap<String, Key>, LoadReport) {
    let mut planner = Planner {
        path: ModulePath::default(),
        source,
        map,
        plan: HashMap::new(),
        used: BTreeSet::new(),
        report: LoadReport::default(),
    };
    module.visit(&mut planner);

    let Planner {
        plan,
        used,
        mut report,
        ..
    } = planner;
    let left = source
        .names()
        .filter(|name| !used.contains(*name) && !is_harmless(name));
    report.unused = left.map(str::to_owned).collect();
    (plan, report)
}

fn is_harmless(name: &str) -> bool {
    name.rsplit('.')
        .next()
        .is_some_and(|last| HARMLESS.contains(&last))
}

struct Planner<'a> {
    path: ModulePath,
    source: &'a TensorSource,
    map: &'a KeyMap,
    plan: HashMap<String, Key>,
    used: BTreeSet<String>,
    report: LoadReport,
}

impl ModuleVisitor for Planner<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.joined();
        let keys = self.map.keys(&path);
        let Some(key) = keys.iter().find(|key| self.source.contains(key.name())) else {
            self.report.missing.push(keys[0].to_string());
            return;
        };
        self.used.insert(key.name().to_owned());

        let expected = param.lazy_shape().to_vec();
        let found = self.source.key_shape(key);
        if found
            .as_ref()
            .is_some_and(|found| same_matrix(&expected, found))
        {
            self.report.applied.push(key.to_string());
            self.plan.insert(path, key.clone());
        } else {
            let stored = || self.source.shape(key.name()).unwrap_or_default().to_vec();
            self.report.mismatched.push(Mismatch {
                name: key.to_string(),
                expected,
                found: found.unwrap_or_else(stored),
            });
        }
    }
}

/// Equal shapes, or a 1×1 convolution where a linear layer is wanted, or the reverse.
fn same_matrix(expected: &[usize], found: &[usize]) -> bool {
    match (expected, found) {
        ([a, b], [c, d, 1, 1]) | ([a, b, 1, 1], [c, d]) => a == c && b == d,
        _ => expected == found,
    }
}

struct Filler<'a> {
    path: ModulePath,
    plan: HashMap<String, Key>,
    source: &'a TensorSource,
    storage: Storage,
    /// Why reading stopped; the parameters after it stay as they are.
    failure: Option<Error>,
}

impl ModuleMapper for Filler<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let planned = self.plan.remove(&self.path.joined());
        let Some(key) = planned.filter(|_| self.failure.is_none()) else {
            return param;
        };
        let (id, device, shape) = (param.id, param.lazy_device(), param.lazy_shape());
        match self.source.read_shaped(&key, self.storage, &shape.to_vec()) {
            Ok(data) => {
                let dtype = data.dtype();
                // Weights outlive every other tensor: GPU pools keep them apart.
                let tensor = device.memory_persistent_allocations(data, |data| {
                    Tensor::from_data(data, (&device, dtype))
                });
                param.transform_for_load(tensor, id)
            }
            Err(error) => {
                self.failure = Some(error);
                param
            }
        }
    }
}
