//! A clock that stands still until a test moves it. `xray-test` has the public one, but it stands on this crate
//! as its users see it and cannot be passed to this crate's own unit tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Clock;

#[derive(Default)]
pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    pub(crate) fn new() -> Arc<ManualClock> {
        Arc::default()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_nanos() as u64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Duration {
        Duration::from_nanos(self.monotonic())
    }

    fn monotonic(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}
