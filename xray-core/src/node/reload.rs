//! Reads a file of sampling rules again when it has changed: on the sender thread, never on one of the host's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::diagnostics::{Code, Diagnostics, messages};
use crate::sampling::{LocalSampler, RulesError};
use crate::stats::{Counter, Stats};

/// A sampler whose rules stand in a file, and when it is looked at next.
#[derive(Debug)]
pub(crate) struct Reload {
    sampler: Arc<LocalSampler>,
    /// Nanoseconds between two looks; `None`: only when somebody asks.
    every: Option<u64>,
    /// Nanoseconds of the clock's monotonic time.
    next: AtomicU64,
}

impl Reload {
    /// The first look is one interval after `now`.
    pub(crate) fn new(sampler: Arc<LocalSampler>, every: Option<Duration>, now: u64) -> Reload {
        let every = every.map(|every| u64::try_from(every.as_nanos()).unwrap_or(u64::MAX));
        Reload { sampler, every, next: AtomicU64::new(now.saturating_add(every.unwrap_or(u64::MAX))) }
    }

    /// Time alone may bring something to do.
    pub(crate) fn is_timed(&self) -> bool {
        self.every.is_some()
    }

    /// Looks at the file if it is time to.
    pub(crate) fn when_due(&self, now: u64, stats: &Stats, diagnostics: &Diagnostics) {
        let Some(every) = self.every else { return };
        if now >= self.next.load(Ordering::Relaxed) {
            self.next.store(now.saturating_add(every), Ordering::Relaxed);
            // Counted and told there.
            let _ = self.look(stats, diagnostics);
        }
    }

    /// Looks at the file; true when new rules are in force.
    pub(crate) fn look(&self, stats: &Stats, diagnostics: &Diagnostics) -> Result<bool, RulesError> {
        match self.sampler.reload() {
            Ok(false) => Ok(false),
            Ok(true) => {
                stats.add(Counter::RulesReloaded, 1);
                for warning in self.sampler.rules().warnings() {
                    diagnostics.report_each(Code::Xr025, || messages::rules_warning(warning));
                }
                Ok(true)
            }
            Err(error) => {
                stats.add(Counter::RulesRefused, 1);
                diagnostics.report_each(Code::Xr028, || messages::rules_refused(&error));
                Err(error)
            }
        }
    }
}
