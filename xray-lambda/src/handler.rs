//! The wrapper around a handler.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use lambda_runtime::LambdaEvent;
use tower_service::Service;

use crate::failure;
use crate::future::Invocation;
use crate::response::{Event, TracedResponse};
use crate::scope::Scope;
use crate::settings::{COLD_START, Environment, Settings};
use crate::trigger;

/// Records each invocation of `handler` in a subsegment of the function's segment.
///
/// `handler` is what `lambda_runtime::run` or (with the feature `http`) `lambda_http::run` takes: a `service_fn`, an
/// axum router, any tower stack. Put this outermost. The result takes its place, also in `run_concurrent`, and the
/// function answers as before.
///
/// # Examples
///
/// ```no_run
/// use lambda_runtime::{Error, LambdaEvent, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// xray_lambda::init()?;
/// let handler = service_fn(|event: LambdaEvent<String>| async move { Ok::<_, Error>(event.payload) });
/// lambda_runtime::run(xray_lambda::trace(handler).capture_response(true)).await
/// # }
/// ```
pub fn trace<S>(handler: S) -> Traced<S> {
    Traced { inner: handler, settings: Arc::new(Settings::new(Environment::of_process(), &COLD_START)) }
}

/// A handler whose invocations are recorded. Made by [`trace`].
#[derive(Clone, Debug)]
#[must_use = "a handler does nothing unless it is run"]
pub struct Traced<S> {
    pub(crate) inner: S,
    pub(crate) settings: Arc<Settings>,
}

impl<S> Traced<S> {
    /// The subsegment's name: `## handler` unless said. Characters that X-Ray refuses are left out, and 200 kept.
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with(|settings| settings.name = name.into())
    }

    /// The annotation `Service`: `POWERTOOLS_SERVICE_NAME`, or the function's name, unless said.
    pub fn service(self, service: impl Into<String>) -> Self {
        self.with(|settings| settings.service = Some(service.into()))
    }

    /// The annotation `trigger`, for events whose type does not tell.
    pub fn trigger(self, trigger: impl Into<String>) -> Self {
        self.with(|settings| settings.trigger = Some(trigger.into()))
    }

    /// Records responses as metadata (16 KiB of JSON kept): off unless said, or `POWERTOOLS_TRACER_CAPTURE_RESPONSE`
    /// is true. Responses may hold what should not leave. Streams are never recorded.
    pub fn capture_response(self, capture: bool) -> Self {
        self.with(|settings| settings.capture_response = capture)
    }

    /// Records what errors say: on unless said, or `POWERTOOLS_TRACER_CAPTURE_ERROR` is false. Without, a failed
    /// invocation is still marked as fault.
    pub fn capture_error(self, capture: bool) -> Self {
        self.with(|settings| settings.capture_error = capture)
    }

    /// How long before the function's deadline what is open is sent as in progress: 200 ms unless said, zero for never.
    ///
    /// An invocation that starts with less than twice that time is announced halfway. Needs tokio's timer, which
    /// `#[tokio::main]` switches on; of a runtime built without it, zero here keeps the wrapper from asking.
    pub fn deadline_margin(self, margin: Duration) -> Self {
        self.with(|settings| settings.margin = margin)
    }

    /// Records the chain of sources of handler errors of type `E`. Boxed and I/O errors show theirs unasked; of other
    /// types the `Debug` text is recorded.
    pub fn error_chain<E: Error + 'static>(self) -> Self {
        self.with(|settings| settings.reveals.push(failure::reveal::<E>))
    }

    fn with(mut self, adjust: impl FnOnce(&mut Settings)) -> Self {
        adjust(Arc::make_mut(&mut self.settings));
        self
    }
}

impl<S, T> Service<LambdaEvent<T>> for Traced<S>
where
    S: Service<LambdaEvent<T>>,
    S::Error: fmt::Debug + 'static,
    T: 'static,
{
    type Response = TracedResponse<S::Response>;
    type Error = S::Error;
    type Future = Invocation<S::Future, Event>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, event: LambdaEvent<T>) -> Self::Future {
        let scope = Scope::open(&self.settings, Some(&event.context), trigger::of(&event.payload));
        Invocation::start(scope, || self.inner.call(event))
    }
}
