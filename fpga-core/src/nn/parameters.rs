//! Values for some of a network's parameters, by path: what is learned beside a network, merged into
//! it, or remembered about it.
//!
//! Values are flat, so that one type holds kernels, matrices and biases. Paths are the fields' names
//! from the root, as everywhere in this crate.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::module_path::ModulePath;
use crate::error::{Error, Result};

/// One parameter's values.
#[derive(Clone, Debug)]
pub struct Flat {
    /// In row-major order, on the parameter's device, outside every graph.
    pub values: Tensor<1>,
    /// Of the parameter.
    pub shape: Vec<usize>,
}

/// Values by path.
#[derive(Clone, Debug, Default)]
pub struct ParameterSet(BTreeMap<String, Flat>);

impl ParameterSet {
    /// The stored values of every parameter of `module` whose path is `wanted`.
    pub fn of<M: Module>(module: &M, wanted: impl Fn(&str) -> bool) -> Self {
        let mut set = Self::default();
        visit_parameters(module, |path, shape, values| {
            if wanted(path) {
                set.insert(path, values(), shape.to_vec());
            }
        });
        set
    }

    /// Puts values in, in place of those that are there.
    pub fn insert(&mut self, path: impl Into<String>, values: Tensor<1>, shape: Vec<usize>) {
        self.0.insert(path.into(), Flat { values, shape });
    }

    /// The values at `path`.
    pub fn get(&self, path: &str) -> Option<&Flat> {
        self.0.get(path)
    }

    /// Takes the values at `path` out.
    pub fn remove(&mut self, path: &str) -> Option<Flat> {
        self.0.remove(path)
    }

    /// All of them, sorted by path.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Flat)> {
        self.0.iter().map(|(path, flat)| (path.as_str(), flat))
    }

    /// How many parameters.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers.
    pub fn count(&self) -> usize {
        let counts = self
            .0
            .values()
            .map(|flat| flat.shape.iter().product::<usize>());
        counts.sum()
    }

    /// Other values of the same shapes, made from path and values.
    #[must_use]
    pub fn mapped(&self, each: impl Fn(&str, Tensor<1>) -> Tensor<1>) -> Self {
        let other = |(path, flat): (&String, &Flat)| {
            let (values, shape) = (each(path, flat.values.clone()), flat.shape.clone());
            (path.clone(), Flat { values, shape })
        };
        Self(self.0.iter().map(other).collect())
    }

    /// `module` with these values in place of its own.
    ///
    /// # Errors
    /// As [`fits`](Self::fits).
    pub fn put_into<M: Module>(&self, module: M) -> Result<M> {
        self.fits(&module)?;
        Ok(map_parameters(module, |path, _| {
            self.get(path).map(|flat| flat.values.clone())
        }))
    }

    /// Checks that `module` has a parameter of the same shape at every path.
    ///
    /// # Errors
    /// Names the first path that `module` lacks, or has in another shape.
    pub fn fits<M: Module>(&self, module: &M) -> Result<()> {
        let mut left: BTreeMap<_, _> = self.0.iter().collect();
        let mut wrong = None;
        visit_parameters(module, |path, shape, _| {
            let known = left.remove(&path.to_owned());
            if let Some(flat) = known.filter(|flat| flat.shape != shape) {
                wrong.get_or_insert((path.to_owned(), shape.to_vec(), flat.shape.clone()));
            }
        });
        if let Some((path, expected, found)) = wrong {
            return Err(Error::shape(path, format!("{expected:?}"), found));
        }
        match left.into_keys().next() {
            None => Ok(()),
            Some(path) => Err(Error::invalid(path, "the network has no such parameter")),
        }
    }
}

/// Shows every floating-point parameter: its path, its shape, and how to get its stored values.
///
/// Parameters that were never used stay unmade as long as their values are not asked for.
pub fn visit_parameters<M: Module>(
    module: &M,
    each: impl FnMut(&str, &[usize], &dyn Fn() -> Tensor<1>),
) {
    module.visit(&mut Visitor {
        path: ModulePath::default(),
        each,
    });
}

/// Replaces the values of those parameters for which `each` returns some; it is shown path and how
/// to get the stored values. Whether a parameter learns stays as it was.
#[must_use]
pub fn map_parameters<M: Module>(
    module: M,
    each: impl FnMut(&str, &dyn Fn() -> Tensor<1>) -> Option<Tensor<1>>,
) -> M {
    module.map(&mut Mapper {
        path: ModulePath::default(),
        each,
    })
}

/// Makes every parameter that was never used.
///
/// Burn's clones of an unmade parameter share whether it will learn, so setting that for one network
/// would set it for another that was cloned from it. Made parameters are each their own.
pub fn make_parameters<M: Module>(module: &M) {
    module.visit(&mut Maker);
}

struct Maker;

impl ModuleVisitor for Maker {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let _ = param.base();
    }
}

struct Visitor<F> {
    path: ModulePath,
    each: F,
}

impl<F: FnMut(&str, &[usize], &dyn Fn() -> Tensor<1>)> ModuleVisitor for Visitor<F> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = param.lazy_shape().to_vec();
        (self.each)(&self.path.joined(), &shape, &|| flat(param));
    }
}

struct Mapper<F> {
    path: ModulePath,
    each: F,
}

impl<F: FnMut(&str, &dyn Fn() -> Tensor<1>) -> Option<Tensor<1>>> ModuleMapper for Mapper<F> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(values) = (self.each)(&self.path.joined(), &|| flat(&param)) else {
            return param;
        };
        let (id, shape) = (param.id, param.lazy_shape());
        param.transform_for_load(values.reshape(shape), id)
    }
}

fn flat<const D: usize>(param: &Param<Tensor<D>>) -> Tensor<1> {
    let values = param.base().detach();
    let count = values.shape().num_elements();
    values.reshape([count])
}
