//! The wrapper in one process: handlers called as the runtime calls them.

mod front_page;
mod handlers;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "sqs")]
mod records;
mod snapshot;
mod streams;

use std::future::Future;

use lambda_runtime::{Context, LambdaEvent};
use tracing::instrument::WithSubscriber;
use xray_core::document::Document;
use xray_test::{Captured, ManualClock, SeededEntropy};

use crate::settings::{ColdStart, Environment, Settings};

pub(crate) const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";
pub(crate) const PARENT: &str = "53995c3f42cd8ad8";

pub(crate) fn captured() -> Captured {
    Captured::with(ManualClock::at(1465510280.514), SeededEntropy::new(7), |layer| layer.lambda(true))
}

/// As [`crate::trace`] in a process of its own.
pub(crate) fn trace<S>(handler: S) -> crate::Traced<S> {
    trace_in(Environment::default(), handler)
}

pub(crate) fn trace_in<S>(environment: Environment, inner: S) -> crate::Traced<S> {
    let cold = Box::leak(Box::new(ColdStart::new()));
    crate::Traced { inner, settings: Settings::new(environment, cold).into() }
}

pub(crate) fn context(header: &str) -> Context {
    let mut context = Context::default();
    context.request_id = "request-1".to_owned();
    context.xray_trace_id = Some(header.to_owned());
    context
}

pub(crate) fn sampled() -> Context {
    context(&format!("Root={ROOT};Parent={PARENT};Sampled=1"))
}

pub(crate) fn event<T>(payload: T) -> LambdaEvent<T> {
    LambdaEvent::new(payload, sampled())
}

/// Runs `work` under the captured layer, on a runtime whose time jumps to the next timer when nothing else is to do.
pub(crate) fn run<F: Future>(xray: &Captured, work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(work.with_subscriber(xray.dispatch().clone()))
}

pub(crate) fn assert_lone(document: &Document) {
    assert_eq!(document.kind.as_deref(), Some("subsegment"));
    assert_eq!((document.trace_id.as_deref(), document.parent_id.as_deref()), (Some(ROOT), Some(PARENT)));
}

/// The annotations of a document or of one of its subsegments, as JSON.
pub(crate) fn annotations(annotations: impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(annotations).unwrap()
}
