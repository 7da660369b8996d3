//! One SDK call while it runs: its subsegment, kept where the call's own state lives.
//!
//! Why in the [`ConfigBag`]: it is the one thing that lives exactly as long as the call. When the caller drops the
//! future (a `select!`, a client that went away) no hook runs, but the bag is dropped, and the subsegment ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use xray_core::{Node, TraceHeader, subsegment};

/// A call that has begun. Dropped before [`Call::take`], it ends its subsegments as cancelled.
#[derive(Debug)]
pub(crate) struct Call {
    attempts_as_children: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Attempts begun.
    attempts: u32,
    attempt: Option<Node>,
    operation: Option<Node>,
}

impl Storable for Call {
    type Storer = StoreReplace<Call>;
}

impl Call {
    pub(crate) fn new(operation: Node, attempts_as_children: bool) -> Call {
        let state = State { attempts: 0, attempt: None, operation: Some(operation) };
        Call { attempts_as_children, state: Mutex::new(state) }
    }

    /// The call that a hook runs for.
    pub(crate) fn of(cfg: &ConfigBag) -> Option<&Call> {
        cfg.load::<Call>()
    }

    /// The header that the call carries; `None` outside a trace.
    pub(crate) fn trace_header(&self) -> Option<TraceHeader> {
        self.lock().operation.as_ref()?.trace_header()
    }

    /// An attempt begins, counted from 1. A second interceptor of ours on the same client says the same again.
    pub(crate) fn begin_attempt(&self, number: u32) {
        let mut state = self.lock();
        if state.attempts == number {
            return;
        }
        state.attempts = number;
        let Some(operation) = state.operation.as_ref().filter(|node| self.attempts_as_children && node.is_recording())
        else {
            return;
        };
        let attempt = subsegment(format!("attempt {number}")).parent(operation).open();
        state.attempt = Some(attempt);
    }

    /// The subsegment of the attempt that is over, where attempts have one.
    pub(crate) fn take_attempt(&self) -> Option<Node> {
        self.lock().attempt.take()
    }

    /// The subsegment of the call, which is over. `None` when it was taken before.
    pub(crate) fn take(&self) -> Option<Node> {
        let mut state = self.lock();
        drop(state.attempt.take());
        state.end()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&mut self) -> Option<Node> {
        let operation = self.operation.take()?;
        let retries = self.attempts.saturating_sub(1);
        if retries > 0 {
            operation.set_aws("retries", retries);
        }
        Some(operation)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        for node in [state.attempt.take(), state.end()].into_iter().flatten() {
            if std::thread::panicking() {
                node.panicked(&"panicked");
            } else {
                node.cancel("dropped before it was complete");
            }
        }
    }
}
