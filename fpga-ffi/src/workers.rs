//! The threads of a context: a pool of its own, gone before the context's last `_free` returns.

use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::fault::{Fault, Outcome};
use crate::guard::adopt_thread;
use crate::status::fpga_status;

/// A thread pool that is joined when it is dropped.
pub(crate) struct Workers {
    /// `None` only while it is being dropped.
    pool: Option<ThreadPool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    /// `count` threads; as many as the machine has for 0.
    pub(crate) fn start(count: usize) -> Outcome<Self> {
        let mut threads = Vec::new();
        let pool = ThreadPoolBuilder::new()
            .num_threads(count)
            .start_handler(|_| adopt_thread())
            .spawn_handler(|worker| {
                let name = format!("fpga-{}", worker.index());
                let thread = std::thread::Builder::new().name(name);
                threads.push(thread.spawn(|| worker.run())?);
                Ok(())
            })
            .build()
            .map_err(|error| Fault::new(fpga_status::Device, format!("threads: {error}")))?;
        Ok(Self {
            pool: Some(pool),
            threads: Mutex::new(threads),
        })
    }

    /// Runs `work` on one of the threads, and its parallel parts on all of them.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        drop(self.pool.take());
        let threads = self
            .threads
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            // A callback may free the last reference on one of these threads: it cannot wait for
            // itself, and ends on its own.
            if thread.thread().id() != std::thread::current().id() {
                // A worker's panic was already reported by the job that it worked for.
                drop(thread.join());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn has_as_many_threads_as_asked() {
        let workers = Workers::start(3).unwrap();
        assert_eq!(workers.run(rayon::current_num_threads), 3);
    }

    #[test]
    fn can_be_dropped_by_its_own_thread() {
        let workers = Arc::new(Workers::start(2).unwrap());
        let (sender, ended) = std::sync::mpsc::channel();
        let inside = Arc::clone(&workers);
        let caller = std::thread::spawn(move || {
            let pool = Arc::clone(&inside);
            pool.pool.as_ref().unwrap().spawn(move || {
                drop(inside);
                sender.send(()).unwrap();
            });
        });
        caller.join().unwrap();
        drop(workers);
        ended.recv().unwrap();
    }
}
