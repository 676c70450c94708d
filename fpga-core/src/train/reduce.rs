//! Gradients that several devices found, made one.
//!
//! NVIDIA cards sum them among themselves, by Burn's collectives (NCCL). Burn has none for other devices:
//! their gradients are sent home and summed there in the order of the batches, so that the number of
//! workers changes no bit.

use burn::tensor::Device;

use super::workers::Found;
use crate::error::Result;

/// What one device found, with the numbers of its batches.
pub(super) struct Lane {
    #[cfg_attr(
        not(feature = "cuda"),
        expect(dead_code, reason = "only cards are told apart")
    )]
    pub(super) device: Device,
    pub(super) found: Vec<(usize, Found)>,
}

/// What was found of every batch, in their order, with gradients on `home`.
///
/// # Errors
/// Cards that cannot reach each other.
pub(super) fn gather(lanes: Vec<Lane>, home: &Device) -> Result<Vec<Found>> {
    #[cfg(feature = "cuda")]
    let lanes = match collective::reaches(&lanes) {
        true => collective::summed(lanes)?,
        false => lanes,
    };
    let mut all: Vec<_> = lanes.into_iter().flat_map(|lane| lane.found).collect();
    all.sort_by_key(|(index, _)| *index);
    let to_home = |(_, found): (usize, Found)| Found {
        gradients: found.gradients.to_device(home),
        ..found
    };
    Ok(all.into_iter().map(to_home).collect())
}

#[cfg(feature = "cuda")]
mod collective {
    use std::thread;

    use burn::tensor::distributed::{ReduceOperation, all_reduce};
    use burn::tensor::{Device, DeviceType};

    use super::Lane;
    use crate::error::{Error, Result};
    use crate::train::gradients::GradientSet;

    /// Whether all lanes with batches lie on cards of their own.
    pub(super) fn reaches(lanes: &[Lane]) -> bool {
        let busy: Vec<_> = busy(lanes).collect();
        let cards = Device::enumerate(DeviceType::Cuda).into_vec();
        let alone = |(place, device): (usize, &Device)| {
            cards.contains(device) && !busy[..place].contains(device)
        };
        busy.len() > 1 && busy.iter().enumerate().all(alone)
    }

    /// The sum of all gradients in place of the first batch's; the others have none left.
    pub(super) fn summed(mut lanes: Vec<Lane>) -> Result<Vec<Lane>> {
        lanes.retain(|lane| !lane.found.is_empty());
        let devices: Vec<_> = busy(&lanes).collect();
        let own = lanes.iter_mut().map(|lane| {
            let taken = lane.found.iter_mut();
            let taken = taken.map(|(_, found)| std::mem::take(&mut found.gradients));
            taken.fold(GradientSet::default(), GradientSet::plus)
        });
        let own: Vec<_> = own.collect();
        // Every card must take part in every sum, at once.
        let sum = thread::scope(|scope| {
            let meet = |set: GradientSet| {
                let others = devices.clone();
                scope.spawn(move || {
                    set.mapped(|gradient| {
                        all_reduce(gradient, ReduceOperation::Sum, others.clone()).resolve()
                    })
                })
            };
            let meeting: Vec<_> = own.into_iter().map(meet).collect();
            let met = meeting.into_iter().map(|card| card.join());
            met.collect::<std::result::Result<Vec<_>, _>>()
        });
        let failed = |_| Error::invalid("cards", "could not sum their gradients");
        let first = sum.map_err(failed)?.into_iter().next();
        if let (Some(sum), Some((_, found))) = (first, lanes[0].found.first_mut()) {
            found.gradients = sum;
        }
        Ok(lanes)
    }

    fn busy(lanes: &[Lane]) -> impl Iterator<Item = Device> + '_ {
        let busy = lanes.iter().filter(|lane| !lane.found.is_empty());
        busy.map(|lane| lane.device.clone().without_autodiff())
    }
}
