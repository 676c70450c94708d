//! What is made once and then remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fpga_core::Error;

/// By number; copies share what they know.
#[derive(Clone)]
pub(crate) struct Remembered<T>(Arc<Mutex<HashMap<u64, T>>>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Remembered<T> {
    /// The thing of this number. Two who ask at once may both make it, which gives the same.
    pub(crate) fn or_made(
        &self,
        number: u64,
        make: impl FnOnce(u64) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thing) = known().get(&number) {
            return Ok(thing.clone());
        }
        let thing = make(number)?;
        known().insert(number, thing.clone());
        Ok(thing)
    }
}
