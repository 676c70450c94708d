//! One step on several devices: every device has a replica and takes its share of the step's batches; then
//! their gradients [`meet`](super::reduce). Forking a model, moving tensors between devices, and
//! collectives are Burn's.

use std::thread;

use burn::module::Module;
use burn::tensor::Device;

use super::average::tracked_like;
use super::draw::Draw;
use super::gradients::GradientSet;
use super::objective::{Loss, Objective};
use super::reduce::{Lane, gather};
use crate::error::{Error, ErrorKind, Result};
use crate::nn::{ParameterSet, map_parameters, read_number};

/// What one batch led to.
pub(super) struct Found {
    pub(super) gradients: GradientSet,
    pub(super) loss: f64,
    pub(super) parts: Vec<(&'static str, f64)>,
}

/// One model per device.
pub(super) struct Replicas<M> {
    models: Vec<M>,
    devices: Vec<Device>,
}

impl<M: Module> Replicas<M> {
    pub(super) fn new(model: &M, devices: &[Device]) -> Self {
        let fork = |device| model.clone().fork(device);
        Self {
            models: devices.iter().map(fork).collect(),
            devices: devices.to_vec(),
        }
    }

    /// What was learned, to all of them.
    pub(super) fn follow(&mut self, learned: &ParameterSet) {
        for model in &mut self.models {
            *model = map_parameters(model.clone(), |path, stored| {
                let (values, stored) = (learned.get(path)?.values.clone(), stored());
                let values = values.to_device(&stored.device().without_autodiff());
                Some(tracked_like(&stored, values))
            });
        }
    }

    /// Batch number `i` goes to replica `i` modulo their number; results are in the batches' order.
    pub(super) fn run<O>(
        &mut self,
        objective: &O,
        jobs: Vec<(O::Batch, Draw)>,
        home: &Device,
    ) -> Result<Vec<Found>>
    where
        O: Objective<Model = M> + Sync,
        O::Batch: Send,
    {
        let count = self.models.len();
        let mut lanes: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
        for (index, job) in jobs.into_iter().enumerate() {
            lanes[index % count].push((index, job));
        }
        let work = |model: &mut M, lane: Vec<(usize, (O::Batch, Draw))>| -> Result<Vec<_>> {
            let one = |(index, (batch, mut draw)): (usize, (O::Batch, Draw))| -> Result<_> {
                let found = backward(model, objective.loss(model, &batch, &mut draw)?)?;
                Ok((index, found))
            };
            lane.into_iter().map(one).collect()
        };
        let work = &work;
        let found = thread::scope(|scope| {
            let lanes = self.models.iter_mut().zip(lanes);
            let running: Vec<_> = lanes
                .map(|(model, lane)| scope.spawn(move || work(model, lane)))
                .collect();
            let panicked = |_| Error::invalid("training worker", "stopped with a panic");
            let found = running.into_iter().map(|lane| lane.join());
            let found = found.map(|lane| lane.map_err(panicked)?);
            found.collect::<Result<Vec<_>>>()
        })?;
        let lanes = self.devices.iter().cloned().zip(found);
        let lanes = lanes.map(|(device, found)| Lane { device, found });
        gather(lanes.collect(), home)
    }
}

/// Gradients of a loss, which must be finite.
pub(super) fn backward<M: Module>(model: &M, loss: Loss) -> Result<Found> {
    let Loss { value, parts } = loss;
    let loss = read_number(value.clone())?;
    if !loss.is_finite() {
        let what = format!("loss ({loss})");
        return Err(Error::new(ErrorKind::NotFinite { what }));
    }
    Ok(Found {
        gradients: GradientSet::of(model, &value.backward()),
        loss,
        parts,
    })
}
