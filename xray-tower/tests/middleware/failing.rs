//! Handlers that fail and handlers that panic.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody};
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::catch_panic::CatchPanicLayer;

use crate::support::{Body, Traced, boxed, exception, exceptions, finish, flags, get, serve};

#[derive(Debug)]
struct Declined(std::num::ParseIntError);

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("payment declined")
    }
}

impl Error for Declined {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn declined() -> Declined {
    Declined("x".parse::<i32>().unwrap_err())
}

#[tokio::test]
async fn a_boxed_error_is_a_fault_with_its_chain() {
    let traced = Traced::new();
    let handler = service_fn(async |_: Request<Body>| Err::<Response<Body>, BoxError>(declined().into()));
    let error = xray_tower::server().layer(handler).oneshot(get("/")).await.unwrap_err();
    assert_eq!(error.to_string(), "payment declined");
    let segment = traced.segment();
    assert_eq!(flags(&segment), "fault");
    assert_eq!(exceptions(&segment), ["payment declined", "invalid digit found in string"]);
}

#[tokio::test]
async fn an_error_of_a_type_of_its_own_is_a_fault_with_type_and_text() {
    let traced = Traced::new();
    let handler = service_fn(async |_: Request<Body>| Err::<Response<Body>, _>(declined()));
    xray_tower::server().layer(handler).oneshot(get("/")).await.unwrap_err();
    let segment = traced.segment();
    assert_eq!(flags(&segment), "fault");
    assert_eq!(exceptions(&segment), ["payment declined"]);
    assert!(exception(&segment)["type"].as_str().unwrap().ends_with("Declined"));
}

#[tokio::test]
async fn a_type_the_layer_was_told_of_shows_its_chain() {
    let traced = Traced::new();
    let handler = service_fn(async |_: Request<Body>| Err::<Response<Body>, _>(declined()));
    xray_tower::server().error_chain::<Declined>().layer(handler).oneshot(get("/")).await.unwrap_err();
    assert_eq!(exceptions(&traced.segment()), ["payment declined", "invalid digit found in string"]);
}

#[tokio::test]
async fn a_panic_of_the_handler_is_recorded_and_goes_on() {
    let traced = Traced::new();
    let handler =
        service_fn(async |_: Request<Body>| -> Result<Response<Body>, Infallible> { panic!("no {}", "stock") });
    let payload = AssertUnwindSafe(xray_tower::server().layer(handler).oneshot(get("/"))).catch_unwind().await;
    assert_eq!(panic_text(payload.err().unwrap()), "no stock");
    panicked(&traced, "no stock");
}

#[tokio::test]
async fn a_panic_of_call_itself_is_recorded_and_goes_on() {
    let traced = Traced::new();
    let handler =
        service_fn(|_: Request<Body>| -> std::future::Ready<Result<Response<Body>, Infallible>> { panic!("at once") });
    let mut service = xray_tower::server().layer(handler);
    let payload = std::panic::catch_unwind(AssertUnwindSafe(|| service.call(get("/")))).err().unwrap();
    assert_eq!(panic_text(payload), "at once");
    panicked(&traced, "at once");
}

#[tokio::test]
async fn a_panic_of_the_body_is_recorded_and_goes_on() {
    let traced = Traced::new();
    let response = serve(xray_tower::server(), get("/"), |_| async {
        Response::new(boxed(StreamBody::new(futures_util::stream::once(async { panic!("half-way") }))))
    })
    .await;
    let payload = AssertUnwindSafe(response.into_body().collect()).catch_unwind().await.err().unwrap();
    assert_eq!(panic_text(payload), "half-way");
    panicked(&traced, "half-way");
}

#[tokio::test]
async fn a_panic_caught_inside_is_a_500() {
    let traced = Traced::new();
    let handler = service_fn(async |_: Request<Body>| -> Result<Response<Body>, Infallible> { panic!("no stock") });
    let stack = ServiceBuilder::new().layer(xray_tower::server()).layer(CatchPanicLayer::new()).service(handler);
    finish(stack.oneshot(get("/")).await.unwrap()).await;
    let segment = traced.segment();
    assert_eq!(segment["http"]["response"]["status"], 500);
    assert_eq!(flags(&segment), "fault");
}

#[tokio::test]
async fn a_panic_caught_outside_is_recorded_with_its_text() {
    let traced = Traced::new();
    let handler = service_fn(async |_: Request<Body>| -> Result<Response<Body>, Infallible> { panic!("no stock") });
    let stack = ServiceBuilder::new().layer(CatchPanicLayer::new()).layer(xray_tower::server()).service(handler);
    let response = stack.oneshot(get("/")).await.unwrap();
    assert_eq!(response.status(), 500);
    panicked(&traced, "no stock");
}

fn panicked(traced: &Traced, text: &str) {
    let segment = traced.segment();
    assert_eq!(flags(&segment), "fault");
    assert_eq!(exception(&segment)["type"], "panic");
    assert_eq!(exception(&segment)["message"], text);
}

fn panic_text(payload: Box<dyn Any + Send>) -> String {
    let fixed = payload.downcast_ref::<&str>().map(ToString::to_string);
    fixed.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap()
}
