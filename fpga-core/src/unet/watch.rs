//! A look at where attention goes, with its graph: what attention is trained by.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::nn::Attention;

/// Whose attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttentionSite {
    /// Of pixels to pixels (`attn1`).
    Pixels,
    /// Of pixels to the text (`attn2`).
    #[default]
    Text,
}

/// Where the queries of one layer look.
#[derive(Clone, Debug)]
pub struct AttentionMap {
    /// `[b, heads, h·w, keys]`; sums to one over the keys.
    pub shares: Tensor<4>,
    /// `[h, w]`
    pub grid: [usize; 2],
}

/// Collects the maps of some stages. Clones share what they collect.
#[derive(Clone)]
pub struct AttentionWatch {
    site: AttentionSite,
    /// Of the stages in the order of use: down, middle, up.
    stages: Range<usize>,
    maps: Arc<Mutex<Vec<AttentionMap>>>,
}

impl AttentionWatch {
    /// Has seen nothing yet.
    pub fn new(site: AttentionSite, stages: Range<usize>) -> Self {
        Self {
            site,
            stages,
            maps: Arc::default(),
        }
    }

    /// What was seen since the last call, in the order of use.
    pub fn take(&self) -> Vec<AttentionMap> {
        let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *maps)
    }

    pub(super) fn watcher(
        &self,
        site: AttentionSite,
        stage: usize,
        grid: [usize; 2],
    ) -> Option<Watcher<'_>> {
        let looks = site == self.site && self.stages.contains(&stage);
        looks.then_some(Watcher { watch: self, grid })
    }
}

impl fmt::Debug for AttentionWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttentionWatch of {:?} in {:?}", self.site, self.stages)
    }
}

/// A watch at one layer.
pub(super) struct Watcher<'a> {
    watch: &'a AttentionWatch,
    grid: [usize; 2],
}

impl Watcher<'_> {
    /// # Shapes
    /// - `query`: `[b, h·w, width]`; `key`: `[b, m, width]`
    pub(super) fn see(&self, layer: &Attention, query: Tensor<3>, key: Tensor<3>) {
        let map = AttentionMap {
            shares: layer.shares(query, key),
            grid: self.grid,
        };
        let maps = &self.watch.maps;
        maps.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(map);
    }
}
