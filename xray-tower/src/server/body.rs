//! The time a response's body takes.
//!
//! A body's end is not always polled: servers drop a body as soon as they know there is no more
//! (`is_end_stream`, the announced length reached), and that of an answer to HEAD unread. So a drop
//! is an end when all was delivered, and a cancellation otherwise.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::layer::Settings;
use crate::scope::Scope;
use crate::{failure, grpc};

pin_project! {
    /// The response body of [`ServerSegment`](super::ServerSegment): polls the inner one inside the
    /// segment, and ends the segment with it.
    ///
    /// Frames, length and end are the inner body's own.
    pub struct ResponseBody<B> {
        // Taken at its end, inside the scope: spans it holds close before the segment ends.
        #[pin]
        inner: Option<B>,
        watch: Option<Watch>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(watch) = this.watch.take() else { return };
            watch.scope.run(|| this.inner.set(None));
            if watch.delivered_all() {
                watch.scope.end();
            } else {
                watch.scope.give_up(GIVEN_UP);
            }
        }
    }
}

const GIVEN_UP: &str = "the response body was dropped before its end: the client went away";

/// When dropping the body is an end like any other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    AnyTime,
    /// After that many bytes; `None` when the length is not known.
    After {
        bytes: Option<u64>,
    },
}

/// A segment that ends with the body.
#[derive(Debug)]
struct Watch {
    scope: Scope,
    ending: Ending,
    delivered: u64,
    settings: Arc<Settings>,
}

impl Watch {
    fn delivered_all(&self) -> bool {
        match self.ending {
            Ending::AnyTime => true,
            Ending::After { bytes } => bytes.is_some_and(|bytes| self.delivered >= bytes),
        }
    }
}

impl<B: Body> ResponseBody<B> {
    /// A body that is no part of any segment.
    pub(super) fn unwatched(inner: B) -> ResponseBody<B> {
        ResponseBody { inner: Some(inner), watch: None }
    }

    /// A body that `scope` ends with.
    pub(super) fn watched(inner: B, mut scope: Scope, ending: Ending, settings: Arc<Settings>) -> ResponseBody<B> {
        if inner.size_hint().exact().is_some() {
            // Bytes that are there already, or come through as they are: entering the carrier to pass them on is 280
            // instructions for nothing.
            scope.drop_carrier();
        }
        let ending = if inner.is_end_stream() { Ending::AnyTime } else { ending };
        ResponseBody { inner: Some(inner), watch: Some(Watch { scope, ending, delivered: 0, settings }) }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: fmt::Display + 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(watch) = this.watch.as_mut() else {
            let Some(inner) = this.inner.as_pin_mut() else { return Poll::Ready(None) };
            return inner.poll_frame(cx);
        };

        let mut over = false;
        let polled = watch.scope.run_noting_panic(|| {
            let Some(mut inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
            let polled = inner.as_mut().poll_frame(cx);
            over = match &polled {
                Poll::Ready(Some(Ok(_))) => inner.is_end_stream(),
                Poll::Ready(None) => true,
                _ => false,
            };
            if over {
                // In the same scope: entering a span and leaving it takes 280 instructions.
                this.inner.set(None);
            }
            polled
        });
        let Poll::Ready(frame) = polled else {
            return Poll::Pending;
        };
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    watch.delivered = watch.delivered.saturating_add(data.remaining() as u64);
                }
                if let Some(trailers) = frame.trailers_ref() {
                    grpc::record_status(watch.scope.node(), trailers);
                    watch.ending = Ending::AnyTime;
                }
            }
            Some(Err(error)) => {
                failure::record(watch.scope.node(), error, &watch.settings.errors);
                watch.ending = Ending::AnyTime;
            }
            None => {}
        }
        if over {
            if let Some(watch) = this.watch.take() {
                watch.scope.end();
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B: Default> Default for ResponseBody<B> {
    /// The inner default body, in no segment; some middlewares answer with one of their own.
    fn default() -> ResponseBody<B> {
        ResponseBody { inner: Some(B::default()), watch: None }
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("watch", &self.watch).finish_non_exhaustive()
    }
}
