//! The one message that a middleware without an X-Ray layer gives (XR002).
//!
//! It goes to standard error once in a process, so each case runs in a process of its own: this same
//! binary, asked for one test alone.

// Helpers of tests may unwrap as tests do; the lint's own exception knows only `#[test]` functions.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::process::Command;

use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, ServiceExt, service_fn};
use tracing_subscriber::layer::SubscriberExt;

type Body = Empty<bytes::Bytes>;

#[test]
fn it_is_said_once_where_there_is_no_layer() {
    let told = stderr_of("without_a_layer");
    assert_eq!(told.matches("XR002").count(), 1, "{told}");
    assert!(told.contains("ServerSegment") && told.contains("xray_core::layer"), "{told}");
}

#[test]
fn it_is_not_said_where_the_layer_is_switched_off() {
    let told = stderr_of("with_a_layer_switched_off");
    assert_eq!(told.matches("XR002").count(), 0, "{told}");
}

#[tokio::test]
async fn without_a_layer() {
    serve_twice().await;
}

#[tokio::test]
async fn with_a_layer_switched_off() {
    let layer = xray_core::SegmentLayer::builder("test").without_environment().enabled(false).build_lossy();
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    assert!(!xray_core::is_installed());
    serve_twice().await;
}

async fn serve_twice() {
    let handler = service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::new())));
    let service = xray_tower::server().layer(handler);
    for _ in 0..2 {
        let response = service.clone().oneshot(Request::new(Body::new())).await.unwrap();
        assert!(response.headers().is_empty());
    }
}

/// Runs one test in a process of its own; what it wrote to standard error.
fn stderr_of(test: &str) -> String {
    let output =
        Command::new(std::env::current_exe().unwrap()).args([test, "--exact", "--nocapture"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
