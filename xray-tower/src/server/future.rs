//! The time between a request and its response's head.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use xray_core::Node;

use super::ResponseBody;
use super::body::Ending;
use super::layer::{EndOn, Settings};
use crate::head::ResponseHeaders;
use crate::scope::Scope;
use crate::{failure, grpc, head};

pin_project! {
    /// The future of [`ServerSegment`](super::ServerSegment): polls the inner one inside the segment.
    ///
    /// Dropped before it is ready (the client went away, a timeout outside), it ends the segment as
    /// cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // Taken when done, inside the scope: spans it holds close before the segment ends.
        #[pin]
        inner: Option<F>,
        scope: Option<Scope>,
        // Gone with the scope: the body takes both over.
        settings: Option<Arc<Settings>>,
        to_head: bool,
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

/// What a cancelled segment says; whether it was the client or a timer cannot be known here.
const GIVEN_UP: &str = "the response was no longer awaited: the client went away, or a timeout fired";

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, scope: Scope, settings: Arc<Settings>, to_head: bool) -> ResponseFuture<F> {
        ResponseFuture { inner: Some(inner), scope: Some(scope), settings: Some(settings), to_head }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: fmt::Display + 'static,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Gone only after completion, when nobody may poll again.
        let Some(scope) = this.scope.as_mut() else {
            return Poll::Pending;
        };
        let Poll::Ready(result) = scope.poll(this.inner, cx) else {
            return Poll::Pending;
        };
        let (Some(scope), Some(settings)) = (this.scope.take(), this.settings.take()) else {
            return Poll::Pending;
        };
        match result {
            Ok(response) => Poll::Ready(Ok(answer(response, scope, settings, *this.to_head))),
            Err(error) => {
                failure::record(scope.node(), &error, &settings.errors);
                scope.end();
                Poll::Ready(Err(error))
            }
        }
    }
}

/// Records the head, answers the trace header and hands the segment to the body, or ends it.
fn answer<B: Body>(
    response: Response<B>,
    scope: Scope,
    settings: Arc<Settings>,
    to_head: bool,
) -> Response<ResponseBody<B>> {
    let (mut parts, body) = response.into_parts();
    let found = ResponseHeaders::of(&parts.headers);
    let length = found.content_length().or_else(|| body.size_hint().exact());
    let event_stream = found.content_type.is_some_and(|kind| kind.starts_with(b"text/event-stream"));
    let node = scope.node();
    node.set_http_response(Some(parts.status.as_u16()), length);
    if grpc::is_grpc(found.content_type) {
        grpc::record_status(node, &parts.headers);
    }
    write_trace_header(node, &mut parts.headers);

    // After a 101 the connection belongs to another protocol, which may talk for hours.
    if settings.end_on == EndOn::Head || parts.status == StatusCode::SWITCHING_PROTOCOLS {
        scope.end();
        return Response::from_parts(parts, ResponseBody::unwatched(body));
    }
    let ending = if to_head || has_no_body(parts.status) || event_stream {
        // Servers drop the body of such an answer unread, whatever the handler put there; event streams end with
        // their reader.
        Ending::AnyTime
    } else {
        Ending::After { bytes: length }
    };
    Response::from_parts(parts, ResponseBody::watched(body, scope, ending, settings))
}

/// Sets the response's `X-Amzn-Trace-Id`. A value the handler set is replaced: it would point the
/// client to another trace than the one this request is in.
fn write_trace_header(node: &Node, headers: &mut HeaderMap) {
    let Some(value) = node.response_header_bytes().and_then(|value| HeaderValue::try_from(value).ok()) else {
        return;
    };
    // Refused only by a map already at its 32,768 headers; the response then goes out as it is.
    let _ = headers.try_insert(head::TRACE_HEADER, value);
}

/// Answers that HTTP gives no body. Source: RFC 9110, 15.3.5, 15.3.6 and 15.4.5.
fn has_no_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("scope", &self.scope).finish_non_exhaustive()
    }
}
