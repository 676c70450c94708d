//! How an operation enters the graph: opened parents, a result, and a function that goes back.

use std::fmt;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::{Autodiff, AutodiffBackend, BackendTypes, Flex};
use burn::tensor::{DType, Tensor};
use burn_flex::FlexTensor;

/// The CPU backend with a graph.
type Graph = Autodiff<Flex>;

/// A tensor on a device with a graph, opened.
pub(super) struct Parent(<Graph as BackendTypes>::FloatTensorPrimitive);

impl Parent {
    /// `None` for a tensor on another device, or in another type than f32.
    pub(super) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let single = tensor.dtype() == DType::F32;
        let tensor = single.then(|| tensor.clone().try_into_primitive::<Graph>().ok())?;
        tensor.map(Self)
    }

    /// The values alone.
    pub(super) fn plain<const D: usize>(&self) -> Tensor<D> {
        Tensor::from_primitive::<Flex>(self.0.primitive().clone())
    }

    /// Stands where an operation has no parent, and never needs a gradient.
    pub(super) fn absent(&self) -> Self {
        Self(Graph::from_inner(self.0.primitive().clone()))
    }
}

/// One gradient for each parent that needs it.
pub(super) struct Found<const N: usize> {
    needed: [bool; N],
    gradients: [Option<FlexTensor>; N],
}

impl<const N: usize> Found<N> {
    /// Keeps the gradient of parent number `parent`, computed only where it is needed.
    pub(super) fn set<const D: usize>(
        &mut self,
        parent: usize,
        compute: impl FnOnce() -> Option<Tensor<D>>,
    ) {
        if self.needed[parent] {
            let gradient = compute().and_then(|tensor| tensor.try_into_primitive::<Flex>().ok());
            self.gradients[parent] = gradient;
        }
    }
}

/// Makes `result` a child of `parents`. `back` finds their gradients from that of the result.
pub(super) fn record<const N: usize, const D: usize>(
    parents: [Parent; N],
    result: Tensor<D>,
    back: impl Fn(&Tensor<D>, &mut Found<N>) + Send + Sync + 'static,
) -> Option<Tensor<D>> {
    let result = result.try_into_primitive::<Flex>().ok()?;
    let nodes = parents.each_ref().map(|parent| parent.0.node());
    let prepared = Step.prepare::<NoCheckpointing>(nodes).compute_bound();
    let result = match prepared.stateful() {
        OpsKind::Tracked(prepared) => {
            let back = move |gradient, found: &mut Found<N>| {
                back(&Tensor::from_primitive::<Flex>(gradient), found);
            };
            prepared.finish(Back(Arc::new(back)), result)
        }
        OpsKind::UnTracked(prepared) => prepared.finish(result),
    };
    Some(Tensor::from_primitive::<Graph>(result))
}

/// The way back of every kernel; what differs is in its state.
#[derive(Debug)]
struct Step;

/// The function that [`record`] was given.
#[derive(Clone)]
struct Back<const N: usize>(Arc<Function<N>>);

type Function<const N: usize> = dyn Fn(FlexTensor, &mut Found<N>) + Send + Sync;

impl<const N: usize> fmt::Debug for Back<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Back to {N} parents")
    }
}

impl<const N: usize> Backward<Flex, N> for Step {
    type State = Back<N>;

    fn backward(self, ops: Ops<Back<N>, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        let mut found = Found {
            needed: ops.parents.each_ref().map(Option::is_some),
            gradients: [const { None }; N],
        };
        (ops.state.0)(gradient, &mut found);
        for (parent, gradient) in ops.parents.iter().zip(found.gradients) {
            if let Some(parent) = parent {
                let gradient = gradient.expect("every needed gradient is computed");
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
