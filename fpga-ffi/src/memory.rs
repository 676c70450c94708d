//! What the models and jobs of one context may take together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fault::{Fault, Outcome};
use crate::status::fpga_status;

/// Bytes that are promised to models and running jobs, by the core's estimates.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// `None` for no limit.
    budget: Option<u64>,
    promised: Mutex<u64>,
}

/// Bytes that are somebody's until this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    ledger: Arc<Ledger>,
    bytes: u64,
}

impl Ledger {
    pub(crate) fn new(budget: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            budget,
            promised: Mutex::default(),
        })
    }

    pub(crate) fn promised(&self) -> u64 {
        *self.lock()
    }

    /// # Errors
    /// `MemoryBudget` with need, budget and what is left, if it does not fit; nothing is promised then.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64, what: &str) -> Outcome<Reservation> {
        let mut promised = self.lock();
        let sum = promised.saturating_add(bytes);
        if let Some(budget) = self.budget.filter(|&budget| sum > budget) {
            let why = format!(
                "{what}: needs about {}, the context's budget of {} has {} left",
                megabytes(bytes),
                megabytes(budget),
                megabytes(budget.saturating_sub(*promised))
            );
            return Err(Fault::new(fpga_status::MemoryBudget, why));
        }
        *promised = sum;
        Ok(Reservation {
            ledger: Arc::clone(self),
            bytes,
        })
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// Gives back all but `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        let spare = self.bytes.saturating_sub(bytes);
        *self.ledger.lock() -= spare;
        self.bytes -= spare;
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        *self.ledger.lock() -= self.bytes;
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_its_numbers_and_promises_nothing() {
        let ledger = Ledger::new(Some(10_000_000));
        let first = ledger.reserve(6_000_000, "model").unwrap();
        let fault = ledger.reserve(4_500_001, "job").unwrap_err();
        assert_eq!(fault.status, fpga_status::MemoryBudget);
        let words = "job: needs about 5 MB, the context's budget of 10 MB has 4 MB left";
        assert_eq!(fault.message, words);
        assert_eq!(ledger.promised(), 6_000_000);
        drop(first);
        assert_eq!(
            ledger.reserve(10_000_000, "job").unwrap().bytes(),
            10_000_000
        );
        assert_eq!(ledger.promised(), 0);
    }

    #[test]
    fn a_reservation_that_shrinks_gives_back_the_rest_once() {
        let ledger = Ledger::new(None);
        let mut kept = ledger.reserve(100, "model").unwrap();
        kept.shrink_to(30);
        kept.shrink_to(70);
        assert_eq!((kept.bytes(), ledger.promised()), (30, 30));
        drop(kept);
        assert_eq!(ledger.promised(), 0);
        assert!(
            ledger.reserve(u64::MAX, "job").is_ok(),
            "no budget, no limit"
        );
    }
}
