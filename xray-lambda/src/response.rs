//! A handler's response on its way to the runtime.
//!
//! Whether it is one piece or a stream is known only when the runtime asks for it, in the moment before it posts the
//! response: a response in one piece ends the invocation's subsegment there, a stream with its own end.

use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use lambda_runtime::{FunctionResponse, IntoFunctionResponse, StreamResponse};
use serde::Serialize;
use xray_core::Flags;

use crate::failure;
use crate::future::{Answer, Ending, sealed};
use crate::scope::Scope;

/// The answer of a handler of events.
#[derive(Debug)]
pub enum Event {}

impl sealed::Sealed for Event {}

impl<R> Answer<R> for Event {
    type Response = TracedResponse<R>;

    fn answer(response: R, Ending(scope): Ending) -> TracedResponse<R> {
        TracedResponse { response, scope }
    }
}

/// The response of a traced handler. The runtime takes it where it takes the handler's own.
#[derive(Debug)]
pub struct TracedResponse<R> {
    response: R,
    scope: Scope,
}

impl<R> TracedResponse<R> {
    /// The handler's own response; the invocation's subsegment ends.
    pub fn into_inner(self) -> R {
        let TracedResponse { response, scope } = self;
        scope.end();
        response
    }
}

impl<R, B, S> IntoFunctionResponse<B, TracedStream<S>> for TracedResponse<R>
where
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
{
    fn into_response(self) -> FunctionResponse<B, TracedStream<S>> {
        let TracedResponse { response, scope } = self;
        match scope.run(|| response.into_response()) {
            FunctionResponse::BufferedResponse(body) => {
                capture(&scope, &body);
                scope.end();
                FunctionResponse::BufferedResponse(body)
            }
            FunctionResponse::StreamingResponse(StreamResponse { metadata_prelude, stream }) => {
                scope.node().mark(Flags::of_status(metadata_prelude.status_code.as_u16()));
                let stream = TracedStream { stream: Some(stream), scope: Some(scope), failed: false };
                FunctionResponse::StreamingResponse(StreamResponse { metadata_prelude, stream })
            }
        }
    }
}

/// Records a response, where that was asked for; an empty one is not worth it.
pub(crate) fn capture(scope: &Scope, body: &impl Serialize) {
    let settings = &scope.settings;
    if !settings.capture_response || !scope.node().is_recording() {
        return;
    }
    // The value is made by foreign code: whatever it does, the response goes out.
    match scope.run(|| serde_json::to_value(body)) {
        Ok(serde_json::Value::Null) | Err(_) => {}
        Ok(value) => {
            let namespace = settings.service.as_deref().unwrap_or_default();
            scope.node().add_metadata_in(namespace, &format!("{} response", settings.name), value);
        }
    }
}

/// A response stream that ends the invocation's subsegment with itself.
///
/// Its items are the handler's own. An error among them marks the subsegment as fault.
pub struct TracedStream<S> {
    // Taken at its end, inside the scope: spans it holds close before the subsegment ends.
    stream: Option<S>,
    scope: Option<Scope>,
    /// There was an error: who reads no further gives up nothing.
    failed: bool,
}

impl<S, D, E> Stream for TracedStream<S>
where
    S: Stream<Item = Result<D, E>> + Unpin,
    E: fmt::Debug + 'static,
{
    type Item = Result<D, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let (Some(stream), Some(scope)) = (&mut this.stream, &mut this.scope) else { return Poll::Ready(None) };
        match scope.poll(cx, |cx| Pin::new(stream).poll_next(cx)) {
            Ok(Poll::Ready(None)) => {
                this.close();
                Poll::Ready(None)
            }
            Ok(Poll::Ready(Some(Err(error)))) => {
                failure::record(scope.node(), &error, scope.settings.capture_error, &scope.settings.reveals);
                this.failed = true;
                Poll::Ready(Some(Err(error)))
            }
            Ok(polled) => polled,
            Err(panic) => {
                this.close();
                resume_unwind(panic)
            }
        }
    }
}

impl<S> TracedStream<S> {
    fn close(&mut self) {
        if let Some(scope) = self.scope.take() {
            scope.run(|| self.stream = None);
            scope.end();
        }
    }
}

impl<S> Drop for TracedStream<S> {
    fn drop(&mut self) {
        if self.failed {
            return self.close();
        }
        if let Some(scope) = self.scope.take() {
            scope.run(|| self.stream = None);
            scope.give_up("the response stream was dropped before its end");
        }
    }
}

impl<S> fmt::Debug for TracedStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedStream").field("scope", &self.scope).finish_non_exhaustive()
    }
}
