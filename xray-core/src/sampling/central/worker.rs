//! The sampler's thread: asks what is next, makes the call, waits.
//!
//! Started by the first decision, never at start-up, and ended when the sampler is dropped. It runs without a `tracing`
//! subscriber. A panic is counted as a call that failed, and the thread goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::client::{CallError, Client};
use super::poller::{Call, Outcome, Poller, Step};
use super::sampler::Shared;
use crate::diagnostics::{Code, messages, without_tracing};
use crate::stats::Counter;

/// Starts the thread once, and ends it when dropped.
#[derive(Debug, Default)]
pub(super) struct Worker {
    started: AtomicBool,
    /// Decisions that found no thread since one could not be started.
    wanted: AtomicU32,
    stop: Arc<Stop>,
}

#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Worker {
    /// Starts the thread if it is not there: one load otherwise.
    pub(super) fn start(&self, shared: &Arc<Shared>) {
        if !self.started.load(Ordering::Relaxed) {
            self.spawn(shared);
        }
    }

    /// A start that fails is not cheap, and happens on a thread of the host: tries number 1, 2, 4, 8 and so on are made.
    #[cold]
    fn spawn(&self, shared: &Arc<Shared>) {
        let try_number = self.wanted.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if !try_number.is_power_of_two() || self.started.swap(true, Ordering::Relaxed) {
            return;
        }
        let (its, stop) = (Arc::clone(shared), Arc::clone(&self.stop));
        let thread = std::thread::Builder::new().name("xray-sampling".to_owned());
        if let Err(error) = thread.spawn(move || without_tracing(|| run(&its, &stop))) {
            self.started.store(false, Ordering::Relaxed);
            shared.report().stats.set_last_error(format!("the sampling thread cannot be started: {error}"));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        *self.stop.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
    }
}

impl Stop {
    /// Waits so long, or until the sampler is dropped; true when it was.
    fn wait(&self, time: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stopped, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn run(shared: &Shared, stop: &Stop) {
    let client = Client::new(&shared.endpoint);
    let mut poller = Poller::new(Arc::clone(&shared.entropy));
    loop {
        let now = shared.now();
        let step = poller.next(shared.rules().as_deref(), now);
        let wait = match step {
            Step::Call(call) => {
                make(shared, &client, &mut poller, &call);
                Duration::ZERO
            }
            // Never longer than a minute: the clock need not be the machine's.
            Step::Wait(until) => Duration::from_nanos(until.saturating_sub(now.monotonic)).min(LONGEST_WAIT),
        };
        if stop.wait(wait) {
            return;
        }
    }
}

/// Makes a call, and puts into force what it brings.
pub(super) fn make(shared: &Shared, client: &Client, poller: &mut Poller, call: &Call) {
    let answer = catch_unwind(AssertUnwindSafe(|| client.call(call))).unwrap_or(Err(CallError::Broken));
    let trouble = answer.as_ref().err().cloned();
    let outcome = {
        let rules = shared.rules();
        poller.answered(call.operation, answer.map_err(drop), rules.as_deref(), shared.now())
    };
    report(shared, client, call, trouble, &outcome);
    if let Some(rules) = outcome.rules {
        shared.set_rules(rules);
    }
}

fn report(shared: &Shared, client: &Client, call: &Call, trouble: Option<CallError>, outcome: &Outcome) {
    let report = shared.report();
    if trouble.is_some() || outcome.unusable {
        report.stats.add(Counter::SamplingCallsFailed, 1);
        report.diagnostics.report(Code::Xr026, || {
            let trouble =
                trouble.map_or_else(|| "answered with something else".to_owned(), |trouble| trouble.to_string());
            messages::sampling_call_failed(client.address(), call.operation.name(), &trouble, shared.has_live_rules())
        });
    }
    let skipped = &outcome.skipped;
    if skipped.count > 0 {
        report.stats.add(Counter::SamplingRulesSkipped, skipped.count as u64);
        let operation = call.operation.name();
        let told = || messages::sampling_rules_skipped(skipped.count, &skipped.names, operation);
        report.diagnostics.report(Code::Xr027, told);
    }
    report.diagnostics.deliver_queued();
}

const LONGEST_WAIT: Duration = Duration::from_secs(60);
