//! Beside tower-http's layers, inside and outside of them.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::{DefaultMakeSpan, TraceLayer};
use tracing::Level;

use crate::support::{Body, Traced, exception, finish, flags, get, respond, text};

#[tokio::test(start_paused = true)]
async fn a_timeout_outside_cancels_the_segment() {
    let traced = Traced::new();
    let handler = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(1)))
        .layer(xray_tower::server())
        .service(handler);
    assert_eq!(stack.oneshot(get("/")).await.unwrap().status(), 504);
    let segment = traced.segment();
    assert_eq!(flags(&segment), "error");
    assert_eq!(exception(&segment)["type"], "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_inside_is_its_status() {
    let traced = Traced::new();
    let handler = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
    let stack = ServiceBuilder::new()
        .layer(xray_tower::server())
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(1)))
        .service(handler);
    finish(stack.oneshot(get("/")).await.unwrap()).await;
    let segment = traced.segment();
    assert_eq!(segment["http"]["response"]["status"], 504);
    assert_eq!(flags(&segment), "fault");
}

#[tokio::test]
async fn compression_on_either_side_leaves_one_finished_segment() {
    const TEXT: &str = "a body long enough to be worth compressing, a body long enough to be worth it";
    let handler = || service_fn(async |_: Request<Body>| Ok::<_, Infallible>(respond(200, TEXT)));
    let request = || Request::get("/").header("accept-encoding", "gzip").body(text("")).unwrap();

    let traced = Traced::new();
    let inside = ServiceBuilder::new().layer(xray_tower::server()).layer(CompressionLayer::new()).service(handler());
    let response = inside.oneshot(request()).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let compressed = finish(response).await;
    assert!(compressed.len() < TEXT.len() + 40 && compressed.starts_with(b"\x1f\x8b"));
    assert_eq!(flags(&traced.segment()), "");
    drop(traced);

    let traced = Traced::new();
    let outside = ServiceBuilder::new().layer(CompressionLayer::new()).layer(xray_tower::server()).service(handler());
    let response = outside.oneshot(request()).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    finish(response).await;
    let segment = traced.segment();
    assert_eq!(flags(&segment), "");
    assert_eq!(segment["http"]["response"]["content_length"], TEXT.len());
}

#[tokio::test]
async fn a_trace_layer_inside_is_a_subsegment() {
    let traced = Traced::new();
    let handler = service_fn(async |_: Request<Body>| {
        tracing::info_span!("charge").in_scope(|| {});
        Ok::<_, Infallible>(respond(200, "hello"))
    });
    let stack = ServiceBuilder::new()
        .layer(xray_tower::server())
        .layer(TraceLayer::new_for_http().make_span_with(DefaultMakeSpan::new().level(Level::INFO)))
        .service(handler);
    finish(stack.oneshot(get("/")).await.unwrap()).await;
    let segment = traced.segment();
    assert_eq!(segment["name"], "test");
    // tower_http is an infrastructure crate: its span is transparent, what is below it is not.
    assert_eq!(segment["subsegments"][0]["name"], "charge");
    assert_eq!(segment["subsegments"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_trace_layer_outside_makes_no_second_trace() {
    let traced = Traced::new();
    let handler = service_fn(async |_: Request<Body>| {
        tracing::info_span!("charge").in_scope(|| {});
        Ok::<_, Infallible>(respond(200, "hello"))
    });
    let stack = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http().make_span_with(DefaultMakeSpan::new().level(Level::INFO)))
        .layer(xray_tower::server())
        .service(handler);
    finish(stack.oneshot(get("/")).await.unwrap()).await;
    let segment = traced.segment();
    assert_eq!(segment["name"], "test");
    assert_eq!(segment["subsegments"][0]["name"], "charge");
}

#[tokio::test]
async fn a_span_of_ones_own_outside_makes_no_second_trace() {
    let traced = Traced::new();
    let handler = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(respond(200, "hello")));
    let stack = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http().make_span_with(|_: &Request<Body>| tracing::info_span!("http")))
        .layer(xray_tower::server())
        .service(handler);
    finish(stack.oneshot(get("/")).await.unwrap()).await;
    assert_eq!(traced.segment()["name"], "test");
}
