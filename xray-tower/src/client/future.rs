//! The time between a request sent and its response's head.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Response, StatusCode};
use pin_project_lite::pin_project;

use super::layer::Settings;
use crate::head::ResponseHeaders;
use crate::scope::Scope;
use crate::{failure, grpc};

pin_project! {
    /// The future of [`ClientSubsegment`](super::ClientSubsegment): polls the inner one inside the
    /// subsegment.
    ///
    /// Dropped before it is ready (a timeout outside, the caller given up), it ends the subsegment as
    /// cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // Taken when done, inside the scope: spans it holds close before the subsegment ends.
        #[pin]
        inner: Option<F>,
        scope: Option<Scope>,
        settings: Arc<Settings>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(scope) = this.scope.take() else { return };
            scope.run(|| this.inner.set(None));
            scope.give_up(GIVEN_UP);
        }
    }
}

const GIVEN_UP: &str = "the call was dropped before its response came: cancelled, or a timeout fired";

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, scope: Scope, settings: Arc<Settings>) -> ResponseFuture<F> {
        ResponseFuture { inner: Some(inner), scope: Some(scope), settings }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<R, E>>,
    R: ResponseHead,
    E: fmt::Display + 'static,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Gone only after completion, when nobody may poll again.
        let Some(scope) = this.scope.as_mut() else {
            return Poll::Pending;
        };
        let Poll::Ready(result) = scope.poll(this.inner, cx) else {
            return Poll::Pending;
        };
        if let Some(scope) = this.scope.take() {
            let node = scope.node();
            match &result {
                Ok(response) => {
                    let found = ResponseHeaders::of(response.headers());
                    node.set_http_response(Some(response.status().as_u16()), found.content_length());
                    if grpc::is_grpc(found.content_type) {
                        grpc::record_status(node, response.headers());
                    }
                }
                Err(error) => failure::record(node, error, &this.settings.errors),
            }
            scope.end();
        }
        Poll::Ready(result)
    }
}

/// What is read of a response. Implemented for the response types of the clients we know; sealed, for
/// it lives in a private module.
pub trait ResponseHead {
    /// The status.
    fn status(&self) -> StatusCode;

    /// The headers.
    fn headers(&self) -> &HeaderMap;
}

impl<B> ResponseHead for Response<B> {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.headers()
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("scope", &self.scope).finish_non_exhaustive()
    }
}
