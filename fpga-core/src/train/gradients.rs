//! Gradients by path, outside the graph: summed over batches, measured, clipped.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};

use crate::error::Result;
use crate::nn::{ModulePath, read_number};

/// One gradient for each parameter that learns.
#[derive(Clone, Debug, Default)]
pub struct GradientSet(BTreeMap<String, Tensor<1>>);

impl GradientSet {
    /// Those of `model`'s parameters; parameters that do not learn have none.
    pub fn of<M: Module>(model: &M, gradients: &Gradients) -> Self {
        let mut collector = Collector {
            path: ModulePath::default(),
            gradients,
            found: BTreeMap::new(),
        };
        model.visit(&mut collector);
        Self(collector.found)
    }

    /// The gradient of the parameter at `path`, flat.
    pub fn get(&self, path: &str) -> Option<&Tensor<1>> {
        self.0.get(path)
    }

    /// All of them, sorted by path.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor<1>)> {
        self.0
            .iter()
            .map(|(path, gradient)| (path.as_str(), gradient))
    }

    /// Takes the gradient at `path` out.
    pub(super) fn remove(&mut self, path: &str) -> Option<Tensor<1>> {
        self.0.remove(path)
    }

    /// The sum of both.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        for (path, gradient) in other.0 {
            let sum = match self.0.remove(&path) {
                Some(known) => known + gradient,
                None => gradient,
            };
            self.0.insert(path, sum);
        }
        self
    }

    /// Every gradient multiplied by `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        if factor == 1.0 {
            return self;
        }
        self.mapped(|gradient| gradient * factor)
    }

    /// All of them on `device`.
    #[must_use]
    pub fn to_device(self, device: &Device) -> Self {
        self.mapped(|gradient| gradient.to_device(device))
    }

    /// What `change` makes of each, in the order of their paths.
    pub(super) fn mapped(self, change: impl Fn(Tensor<1>) -> Tensor<1>) -> Self {
        let changed = |(path, gradient)| (path, change(gradient));
        Self(self.0.into_iter().map(changed).collect())
    }

    /// Length of all gradients as one vector.
    ///
    /// # Errors
    /// As [`read_number`].
    pub fn norm(&self) -> Result<f64> {
        let square = |gradient: &Tensor<1>| read_number(gradient.clone().square().sum());
        Ok(self.0.values().map(square).sum::<Result<f64>>()?.sqrt())
    }

    /// Shortened together to at most `limit`, and the length before.
    ///
    /// # Errors
    /// As [`norm`](Self::norm).
    pub fn clipped(self, limit: Option<f64>) -> Result<(Self, f64)> {
        let norm = self.norm()?;
        Ok(match limit {
            Some(limit) if norm > limit => (self.scaled(limit / norm), norm),
            _ => (self, norm),
        })
    }
}

struct Collector<'a> {
    path: ModulePath,
    gradients: &'a Gradients,
    found: BTreeMap<String, Tensor<1>>,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            return;
        }
        if let Some(gradient) = param.val().grad(self.gradients) {
            let count = gradient.shape().num_elements();
            self.found
                .insert(self.path.joined(), gradient.reshape([count]));
        }
    }
}
