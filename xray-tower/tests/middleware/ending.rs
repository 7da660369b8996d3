//! When a segment ends, and what a client that goes away leaves behind.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use tower::{Layer, ServiceExt, service_fn};
use xray_tower::EndOn;

use crate::support::{Body, Traced, boxed, exception, finish, flags, get, respond, serve, text};

#[tokio::test]
async fn a_segment_ends_with_its_body_not_with_its_head() {
    let traced = Traced::new();
    let response = serve(xray_tower::server(), get("/"), |_| async { respond(200, "hello") }).await;
    traced.nothing();
    assert_eq!(finish(response).await, "hello");
    assert_eq!(flags(&traced.segment()), "");
}

#[tokio::test]
async fn a_client_gone_before_the_head_is_an_error_and_says_so() {
    let traced = Traced::new();
    let handler = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
    let mut serving = Box::pin(xray_tower::server().layer(handler).oneshot(get("/")));
    assert!(futures_util::poll!(serving.as_mut()).is_pending());
    drop(serving);
    cancelled(&traced, "no longer awaited");
}

#[tokio::test]
async fn a_future_never_polled_ends_its_segment_too() {
    let traced = Traced::new();
    let handler = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
    let mut service = xray_tower::server().layer(handler);
    drop(tower::Service::call(&mut service, get("/")));
    cancelled(&traced, "no longer awaited");
}

#[tokio::test]
async fn a_client_gone_during_the_body_is_an_error_and_says_so() {
    let traced = Traced::new();
    let mut response = serve(xray_tower::server(), get("/"), |_| async { Response::new(endless()) }).await;
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    cancelled(&traced, "dropped before its end");
    assert_eq!(traced.segment()["http"]["response"]["status"], 200);
}

#[tokio::test]
async fn an_endless_body_can_be_left_out_of_the_segment() {
    let traced = Traced::new();
    let layer = xray_tower::server().end_on(EndOn::Head);
    let mut response = serve(layer, get("/"), |_| async { Response::new(endless()) }).await;
    assert_eq!(flags(&traced.segment()), "");
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    assert_eq!(flags(&traced.segment()), "");
}

#[tokio::test]
async fn the_reader_of_an_event_stream_may_leave_when_it_likes() {
    let traced = Traced::new();
    let mut response = serve(xray_tower::server(), get("/"), |_| async {
        let mut response = Response::new(endless());
        response.headers_mut().insert("content-type", "text/event-stream; charset=utf-8".parse().unwrap());
        response
    })
    .await;
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    assert_eq!(flags(&traced.segment()), "");
}

#[tokio::test]
async fn an_answer_to_head_may_be_dropped_unread() {
    let traced = Traced::new();
    let request = Request::head("/").body(text("")).unwrap();
    drop(serve(xray_tower::server(), request, |_| async { respond(200, "hello") }).await);
    assert_eq!(flags(&traced.segment()), "");
}

#[tokio::test]
async fn an_answer_that_has_no_body_by_its_status_may_be_dropped_unread() {
    for status in [204, 205, 304] {
        let traced = Traced::new();
        let response = serve(xray_tower::server(), get("/"), move |_| async move { respond(status, "unread") }).await;
        drop(response);
        assert_eq!(flags(&traced.segment()), "", "{status}");
    }
}

#[tokio::test]
async fn an_empty_body_may_be_dropped_unread() {
    let traced = Traced::new();
    drop(serve(xray_tower::server(), get("/"), |_| async { respond(204, "") }).await);
    assert_eq!(flags(&traced.segment()), "");
}

#[tokio::test]
async fn a_body_may_be_dropped_once_its_announced_length_is_out() {
    let traced = Traced::new();
    let mut response = serve(xray_tower::server(), get("/"), |_| async {
        let frames = futures_util::stream::iter(["hel", "lo"]).map(|part| Ok(Frame::data(Bytes::from(part))));
        let mut response = Response::new(boxed(StreamBody::new(futures_util::StreamExt::chain(frames, never()))));
        response.headers_mut().insert("content-length", "5".parse().unwrap());
        response
    })
    .await;
    response.body_mut().frame().await.unwrap().unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    assert_eq!(flags(&traced.segment()), "");
}

#[tokio::test]
async fn a_body_dropped_short_of_its_announced_length_is_cancelled() {
    let traced = Traced::new();
    let mut response = serve(xray_tower::server(), get("/"), |_| async {
        let mut response = Response::new(endless());
        response.headers_mut().insert("content-length", "9".parse().unwrap());
        response
    })
    .await;
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    cancelled(&traced, "dropped before its end");
}

#[tokio::test]
async fn a_protocol_switch_ends_at_once() {
    let traced = Traced::new();
    let response = serve(xray_tower::server(), get("/"), |_| async {
        let mut response = Response::new(endless());
        *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
        response
    })
    .await;
    assert_eq!(traced.segment()["http"]["response"]["status"], 101);
    drop(response);
    assert_eq!(flags(&traced.segment()), "");
}

#[tokio::test]
async fn an_error_of_the_body_is_a_fault_with_its_chain() {
    let traced = Traced::new();
    let response = serve(xray_tower::server(), get("/"), |_| async {
        let frames = [Ok(Frame::data(Bytes::from("hel"))), Err(io::Error::other("disk gone").into())];
        Response::new(boxed(StreamBody::new(futures_util::stream::iter(frames))))
    })
    .await;
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(error.to_string(), "disk gone");
    let segment = traced.segment();
    assert_eq!(flags(&segment), "fault");
    assert_eq!(exception(&segment)["message"], "disk gone");
}

#[tokio::test]
async fn trailers_pass_through_and_end_the_body() {
    let traced = Traced::new();
    let mut response = serve(xray_tower::server(), get("/"), |_| async {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-checksum", "7".parse().unwrap());
        let frames = [Ok(Frame::data(Bytes::from("hello"))), Ok(Frame::trailers(trailers))];
        Response::new(boxed(StreamBody::new(futures_util::stream::iter(frames))))
    })
    .await;
    response.body_mut().frame().await.unwrap().unwrap();
    let last = response.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(last.trailers_ref().unwrap()["x-checksum"], "7");
    drop(response);
    assert_eq!(flags(&traced.segment()), "");
}

#[tokio::test]
async fn what_a_body_does_is_part_of_the_segment() {
    let traced = Traced::new();
    let response = serve(xray_tower::server(), get("/"), |_| async {
        let frames = futures_util::stream::once(async {
            tracing::info_span!("render").in_scope(|| {});
            Ok(Frame::data(Bytes::from("hello")))
        });
        Response::new(boxed(StreamBody::new(frames)))
    })
    .await;
    finish(response).await;
    assert_eq!(traced.segment()["subsegments"][0]["name"], "render");
}

#[tokio::test]
async fn a_span_held_to_the_end_of_the_handler_is_closed_inside_the_segment() {
    let traced = Traced::new();
    let handler = service_fn(|_: Request<Body>| {
        let span = tracing::info_span!("held");
        poll_fn(move |_| {
            let _held = &span;
            Poll::Ready(Ok::<_, Infallible>(respond(200, "")))
        })
    });
    let mut service = xray_tower::server().end_on(EndOn::Head).layer(handler);
    let mut serving = Box::pin(tower::Service::call(&mut service, get("/")));
    assert!(futures_util::poll!(serving.as_mut()).is_ready());
    held_inside(&traced);
}

#[tokio::test]
async fn a_span_held_by_a_handler_given_up_is_closed_inside_the_segment() {
    let traced = Traced::new();
    let handler = service_fn(|_: Request<Body>| {
        let span = tracing::info_span!("held");
        poll_fn(move |_| {
            let _held = &span;
            Poll::<Result<Response<Body>, Infallible>>::Pending
        })
    });
    let mut serving = Box::pin(xray_tower::server().layer(handler).oneshot(get("/")));
    assert!(futures_util::poll!(serving.as_mut()).is_pending());
    drop(serving);
    held_inside(&traced);
}

#[tokio::test]
async fn a_span_held_by_the_body_is_closed_inside_the_segment() {
    let traced = Traced::new();
    let response = serve(xray_tower::server(), get("/"), |_| async { Response::new(holding_a_span()) }).await;
    let mut body = response.into_body();
    while body.frame().await.is_some() {}
    held_inside(&traced);
}

#[tokio::test]
async fn a_span_held_by_a_body_given_up_is_closed_inside_the_segment() {
    let traced = Traced::new();
    let mut response = serve(xray_tower::server(), get("/"), |_| async { Response::new(holding_a_span()) }).await;
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    held_inside(&traced);
}

#[tokio::test]
async fn a_body_of_unknown_length_that_says_it_is_over_may_be_dropped() {
    for frames in [0, 1] {
        let traced = Traced::new();
        let mut response =
            serve(xray_tower::server(), get("/"), |_| async move { Response::new(boxed(Counted(frames))) }).await;
        for _ in 0..frames {
            response.body_mut().frame().await.unwrap().unwrap();
        }
        assert!(response.body().is_end_stream());
        drop(response);
        assert_eq!(flags(&traced.segment()), "", "{frames}");
    }
}

/// That many frames, told by the end and not by the length.
struct Counted(usize);

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = tower::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tower::BoxError>>> {
        self.0 -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from("frame")))))
    }

    fn is_end_stream(&self) -> bool {
        self.0 == 0
    }
}

/// A body of two frames that has a span of its own until it is dropped.
fn holding_a_span() -> Body {
    let span = tracing::info_span!("held");
    let mut frames = ["hel", "lo"].into_iter();
    boxed(StreamBody::new(futures_util::stream::poll_fn(move |_| {
        let _held = &span;
        Poll::Ready(frames.next().map(|part| Ok(Frame::data(Bytes::from(part)))))
    })))
}

/// The span is in the segment's document; closed later it would be in one of its own.
fn held_inside(traced: &Traced) {
    let segment = traced.segment();
    assert_eq!(segment["subsegments"][0]["name"], "held");
    assert!(segment["subsegments"][0]["end_time"].is_number(), "{segment}");
}

/// A body with one frame at once and never another.
fn endless() -> Body {
    let first = futures_util::stream::once(async { Ok(Frame::data(Bytes::from("first"))) });
    boxed(StreamBody::new(futures_util::StreamExt::chain(first, never())))
}

fn never() -> futures_util::stream::Pending<Result<Frame<Bytes>, tower::BoxError>> {
    futures_util::stream::pending()
}

/// The one segment was given up, and its exception says how.
fn cancelled(traced: &Traced, how: &str) {
    let segment = traced.segment();
    assert_eq!(flags(&segment), "error");
    assert_eq!(exception(&segment)["type"], "cancelled");
    let message = exception(&segment)["message"].as_str().unwrap();
    assert!(message.contains(how), "{message}");
}
