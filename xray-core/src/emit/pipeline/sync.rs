//! What the queue is synchronised with: std, or loom's models of it in tests under `--cfg xray_loom`.
//!
//! Loom has no time. There a nap is a chance for others to run, a timed wait lasts until it is notified, so that
//! a wake-up which only a timer would mend is found as a deadlock, and nothing is ever due.

#[cfg(not(all(test, xray_loom)))]
pub(super) use real::*;

#[cfg(all(test, xray_loom))]
pub(super) use modelled::*;

#[cfg(not(all(test, xray_loom)))]
mod real {
    pub(in super::super) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub(in super::super) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
    pub(in super::super) use std::thread::ThreadId;

    use std::io;
    use std::thread;
    use std::time::{Duration, Instant};

    pub(in super::super) use crate::diagnostics::without_tracing;

    /// A moment to wait for; a timeout too long for the clock is never reached.
    pub(in super::super) struct Deadline(Option<Instant>);

    impl Deadline {
        pub(in super::super) fn after(timeout: Duration) -> Deadline {
            Deadline(Instant::now().checked_add(timeout))
        }

        /// Time to it, `None` when it is reached.
        pub(in super::super) fn left(&self) -> Option<Duration> {
            match self.0 {
                Some(moment) => moment.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()),
                None => Some(Duration::MAX),
            }
        }
    }

    /// A moment in the past.
    pub(in super::super) struct Since(Instant);

    impl Since {
        pub(in super::super) fn now() -> Since {
            Since(Instant::now())
        }

        pub(in super::super) fn reaches(&self, period: Duration) -> bool {
            self.0.elapsed() >= period
        }
    }

    /// Waits to be notified, `timeout` at most. May return early.
    pub(in super::super) fn wait<'a, T>(
        condvar: &Condvar,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> MutexGuard<'a, T> {
        condvar.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits `time`, less when notified.
    pub(in super::super) fn nap<'a, T>(
        _: &'a Mutex<T>,
        condvar: &Condvar,
        guard: MutexGuard<'a, T>,
        time: Duration,
    ) -> MutexGuard<'a, T> {
        wait(condvar, guard, time)
    }

    pub(in super::super) fn pause(time: Duration) {
        thread::sleep(time);
    }

    pub(in super::super) fn current() -> ThreadId {
        thread::current().id()
    }

    pub(in super::super) fn spawn(
        name: &str,
        stack: Option<usize>,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let builder = thread::Builder::new().name(name.to_owned());
        let builder = if let Some(bytes) = stack { builder.stack_size(bytes) } else { builder };
        builder.spawn(work).map(drop)
    }
}

#[cfg(all(test, xray_loom))]
mod modelled {
    pub(in super::super) use std::sync::PoisonError;

    pub(in super::super) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub(in super::super) use loom::sync::{Condvar, Mutex, MutexGuard};
    pub(in super::super) use loom::thread::ThreadId;

    use std::io;
    use std::time::Duration;

    use loom::thread;

    pub(in super::super) struct Deadline;

    impl Deadline {
        pub(in super::super) fn after(_: Duration) -> Deadline {
            Deadline
        }

        pub(in super::super) fn left(&self) -> Option<Duration> {
            Some(Duration::MAX)
        }
    }

    pub(in super::super) struct Since;

    impl Since {
        pub(in super::super) fn now() -> Since {
            Since
        }

        pub(in super::super) fn reaches(&self, _: Duration) -> bool {
            false
        }
    }

    pub(in super::super) fn wait<'a, T>(condvar: &Condvar, guard: MutexGuard<'a, T>, _: Duration) -> MutexGuard<'a, T> {
        condvar.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    pub(in super::super) fn nap<'a, T>(
        mutex: &'a Mutex<T>,
        _: &Condvar,
        guard: MutexGuard<'a, T>,
        _: Duration,
    ) -> MutexGuard<'a, T> {
        drop(guard);
        thread::yield_now();
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in super::super) fn pause(_: Duration) {}

    pub(in super::super) fn current() -> ThreadId {
        thread::current().id()
    }

    pub(in super::super) fn spawn(
        name: &str,
        _: Option<usize>,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
    }

    /// The dispatcher is thread-local, and loom runs all its threads on one.
    pub(in super::super) fn without_tracing<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
}
