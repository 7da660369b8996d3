//! An invocation while it runs: its node, the span that carries it to spawned tasks, the timer before its deadline.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::Context;
use tokio::time::Sleep;
use tracing::{Span, dispatcher};
use xray_core::{Node, SegmentLayer};

use crate::settings::{Settings, variable};
use crate::{facade, failure};

/// Fields drop in this order: the span goes before the node ends.
#[derive(Debug)]
pub(crate) struct Scope {
    carrier: Span,
    node: Node,
    timer: Option<Pin<Box<Sleep>>>,
    pub(crate) settings: Arc<Settings>,
}

/// What a panic left behind.
pub(crate) type Panic = Box<dyn Any + Send>;

impl Scope {
    /// Opens the subsegment of an invocation. `context` is absent only where a test calls the handler by hand.
    pub(crate) fn open(settings: &Arc<Settings>, context: Option<&Context>, trigger: Option<&str>) -> Scope {
        let environment = &settings.environment;
        let first = settings.cold.take();
        if first {
            if let Some(layer) = installed().filter(|_| environment.snap_start) {
                layer.restored();
            }
            environment.tell();
        }
        let incoming = facade::incoming(context, environment, variable);
        let node = xray_core::invocation(&settings.name, &incoming);
        if !node.is_active() && environment.in_lambda && installed().is_none() {
            xray_core::report_missing_layer("xray_lambda::trace");
        }
        if node.is_recording() {
            describe(&node, settings, context, trigger, first && !environment.provisioned);
        }
        let timer = context.filter(|_| node.is_recording()).and_then(|context| timer(context, settings.margin));
        Scope { carrier: node.carrier(), node, timer, settings: Arc::clone(settings) }
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// Runs `work` inside the node. For dropping what the handler left behind.
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        // The span stands for the node: inside it, entering that as well would be for nothing.
        if self.carrier.is_disabled() { self.node.in_scope(work) } else { self.carrier.in_scope(work) }
    }

    /// Runs `work` inside the node; a panic is recorded and handed back, to go on unchanged.
    ///
    /// Unwind safety is the caller's as before: nothing of `work` is used again after a panic except to be dropped.
    pub(crate) fn run_noting_panic<T>(&self, work: impl FnOnce() -> T) -> Result<T, Panic> {
        catch_unwind(AssertUnwindSafe(|| self.run(work))).inspect_err(|payload| {
            if self.node.is_recording() {
                failure::record_panic(&self.node, &**payload);
            }
        })
    }

    /// As [`Scope::run_noting_panic`] for a poll: while it is pending, the deadline is watched.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut TaskContext<'_>,
        work: impl FnOnce(&mut TaskContext<'_>) -> Poll<T>,
    ) -> Result<Poll<T>, Panic> {
        let polled = self.run_noting_panic(|| work(cx))?;
        if polled.is_pending() {
            if let Some(timer) = &mut self.timer {
                if timer.as_mut().poll(cx).is_ready() {
                    self.timer = None;
                    self.node.announce();
                }
            }
        }
        Ok(polled)
    }

    /// Ends the node as finished.
    pub(crate) fn end(self) {
        drop(self.carrier);
        self.node.end();
    }

    /// Ends the node as given up by whoever waited for it.
    pub(crate) fn give_up(self, message: &str) {
        drop(self.carrier);
        self.node.cancel(message);
    }
}

fn describe(node: &Node, settings: &Settings, context: Option<&Context>, trigger: Option<&str>, cold: bool) {
    node.annotate("ColdStart", cold).annotate("cold_start", cold);
    let function = context.map(|context| context.env_config.function_name.as_str()).filter(|name| !name.is_empty());
    if let Some(service) = settings.service.as_deref().or(function) {
        node.annotate("Service", service);
    }
    if let Some(trigger) = settings.trigger.as_deref().or(trigger) {
        node.annotate("trigger", trigger);
    }
    if let Some(context) = context {
        node.add_metadata("request_id", &context.request_id);
    }
}

/// A timer that is ready `margin` before the deadline, but not before half of the time that is left has passed.
fn timer(context: &Context, margin: Duration) -> Option<Pin<Box<Sleep>>> {
    /// Cleared when the runtime turns out to have no timer: asking again would panic again.
    static POSSIBLE: AtomicBool = AtomicBool::new(true);
    if margin.is_zero() || !POSSIBLE.load(Ordering::Relaxed) || tokio::runtime::Handle::try_current().is_err() {
        return None;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let left = Duration::from_millis(context.deadline).checked_sub(now)?;
    let wait = left.saturating_sub(margin).max(left / 2);
    let timer = catch_unwind(|| Box::pin(tokio::time::sleep(wait)));
    POSSIBLE.fetch_and(timer.is_ok(), Ordering::Relaxed);
    timer.ok()
}

/// The layer that is current here, be it switched off.
fn installed() -> Option<SegmentLayer> {
    dispatcher::get_default(|dispatch| dispatch.downcast_ref::<SegmentLayer>().cloned())
}
