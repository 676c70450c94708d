//! The threads of one call.
//!
//! Every long call starts its own pool and joins it before it returns: two jobs of one context never
//! wait for each other's work, and no thread outlives the call that needed it.

use rayon::ThreadPoolBuilder;

use crate::fault::{Fault, Outcome};
use crate::guard::adopt_thread;
use crate::status::fpga_status;

/// Runs `work` on one of `count` new threads (0: as many as the machine has), and its parallel parts
/// on all of them. A panic on any of them continues on the calling thread.
pub(crate) fn run_on<T: Send>(count: u32, work: impl FnOnce() -> T + Send) -> Outcome<T> {
    ThreadPoolBuilder::new()
        .num_threads(count as usize)
        .thread_name(|index| format!("fpga-{index}"))
        .build_scoped(
            |worker| {
                adopt_thread();
                worker.run();
            },
            |pool| pool.install(work),
        )
        .map_err(|error| {
            Fault::new(
                fpga_status::Device,
                format!("cannot start threads: {error}"),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_as_many_threads_as_asked() {
        let caller = std::thread::current().id();
        let (count, worker) = run_on(3, || {
            (rayon::current_num_threads(), std::thread::current().id())
        })
        .unwrap();
        assert_eq!(count, 3);
        assert_ne!(worker, caller);
    }
}
