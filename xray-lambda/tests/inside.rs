//! What middlewares record inside an invocation hangs beneath the invocation, and is silent where that is.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used, clippy::expect_used)] // a failed test is a panic

use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, RequestExt};
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};
use tracing::instrument::WithSubscriber;
use xray_core::{Sampled, TraceHeader};
use xray_test::{Captured, ManualClock, Picture, SeededEntropy};
use xray_tower::Naming;

const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";
const LINEAGE: &str = "a87bd80c:1|68fd508a:5";

fn context(sampled: bool) -> Context {
    let mut context = Context::default();
    let sampled = u8::from(sampled);
    context.xray_trace_id = Some(format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled={sampled};Lineage={LINEAGE}"));
    context
}

/// Runs one invocation and draws what it sent; without annotations, as which is the first differs from run to run.
fn picture_of<F: Future>(invocation: F) -> (String, F::Output) {
    let xray = Captured::with(ManualClock::at(1465510280.5), SeededEntropy::new(7), |layer| layer.lambda(true));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let output = runtime.block_on(invocation.with_subscriber(xray.dispatch().clone()));
    assert_eq!(xray.diagnostics(), Vec::<String>::new());
    (Picture::new().annotations(false).draw(&xray.all()), output)
}

/// The handler calls another service, whose answer is a 503; back come the picture and the call's trace header.
fn call_out(sampled: bool) -> (String, TraceHeader) {
    let seen = Arc::new(Mutex::new(None));
    let payments = service_fn({
        let seen = Arc::clone(&seen);
        move |request: Request<()>| {
            *seen.lock().unwrap() = request.headers().get("x-amzn-trace-id").cloned();
            async { Ok::<_, Infallible>(Response::builder().status(503).body(()).unwrap()) }
        }
    });
    let payments = xray_tower::client().layer(payments);
    let handler = xray_lambda::trace(service_fn(move |_: LambdaEvent<Value>| charge(payments.clone())));
    let (picture, ()) = picture_of(async {
        handler.oneshot(LambdaEvent::new(json!(1), context(sampled))).await.unwrap().into_inner();
    });
    let header = seen.lock().unwrap().take().expect("a trace header");
    (picture, header.to_str().unwrap().parse().unwrap())
}

#[tracing::instrument(skip_all)]
async fn charge<S>(payments: S) -> Result<(), Error>
where
    S: tower::Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let request = Request::get("http://payments.example.com/charges").body(()).unwrap();
    assert_eq!(payments.oneshot(request).await?.status(), 503);
    Ok(())
}

#[test]
fn a_call_to_another_service_is_beneath_the_invocation() {
    let (picture, header) = call_out(true);
    assert_eq!(
        picture,
        "\
(parent 53995c3f… not here)
└ ## handler  lone
  └ charge
    └ payments.example.com  remote 503 fault
"
    );
    assert_eq!((header.root().as_str(), header.sampled()), (ROOT, Some(Sampled::Yes)));
    assert!(header.to_string().contains(LINEAGE), "{header}");
}

#[test]
fn a_call_of_an_unsampled_invocation_says_so_and_nothing_is_sent() {
    let (picture, header) = call_out(false);
    assert_eq!(picture, "");
    assert_eq!((header.root().as_str(), header.sampled()), (ROOT, Some(Sampled::No)));
    assert!(header.to_string().contains(LINEAGE), "{header}");
}

/// What API Gateway sends. Its own trace header stands among the request's, without the function's parent.
fn request(path: &str, sampled: bool) -> lambda_http::Request {
    let event: LambdaRequest = serde_json::from_value(json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "host": "shop.example.com", "x-amzn-trace-id": format!("Root={ROOT}") },
        "requestContext": { "apiId": "a", "http": { "method": "GET", "path": path }, "domainName": "shop.example.com" },
        "isBase64Encoded": false,
    }))
    .unwrap();
    lambda_http::Request::from(event).with_lambda_context(context(sampled))
}

async fn order() -> StatusCode {
    tracing::info_span!("load").in_scope(|| StatusCode::OK)
}

fn router() -> Router {
    Router::new().route("/orders/{id}", get(order)).layer(xray_tower::server().name(Naming::fixed("shop")))
}

/// An axum application with its server layer, as it runs outside Lambda too, in the handler's place.
fn serve(path: &str, sampled: bool) -> (String, Response<Body>) {
    let handler = xray_lambda::trace(router());
    picture_of(async { handler.oneshot(request(path, sampled)).await.unwrap() })
}

#[test]
fn a_server_inside_is_a_subsegment_and_no_second_segment() {
    let (picture, response) = serve("/orders/7", true);
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        picture,
        "\
(parent 53995c3f… not here)
└ ## handler  lone 200
  └ shop  200
    └ load
"
    );
    let (picture, _) = serve("/baskets", true);
    assert_eq!(
        picture,
        "\
(parent 53995c3f… not here)
└ ## handler  lone 404 error
  └ shop  404 error
"
    );
}

#[test]
fn a_server_inside_streams_beneath_the_invocation() {
    let handler = xray_lambda::trace(router()).streaming();
    let (picture, ()) = picture_of(async {
        let response = handler.oneshot(request("/orders/7", true)).await.unwrap();
        response.into_body().collect().await.unwrap();
    });
    assert_eq!(
        picture,
        "\
(parent 53995c3f… not here)
└ ## handler  lone 200
  └ shop  200
    └ load
"
    );
}

#[test]
fn a_server_inside_an_unsampled_invocation_sends_nothing() {
    let (picture, response) = serve("/orders/7", false);
    assert_eq!((picture.as_str(), response.status()), ("", StatusCode::OK));
}

#[test]
fn a_server_that_the_handler_calls_is_beneath_the_span_it_is_called_in() {
    // Named, and without a header on its requests: that is no segment opened by mistake (XR015).
    let shop = xray_tower::server().name(Naming::fixed("shop")).layer(service_fn(|_: Request<()>| async {
        tracing::info_span!("load").in_scope(|| ());
        Ok::<_, Infallible>(Response::new(String::new()))
    }));
    let invoke = |sampled| {
        let shop = shop.clone();
        let handler = xray_lambda::trace(service_fn(move |_: LambdaEvent<Value>| ask(shop.clone())));
        picture_of(async move {
            handler.oneshot(LambdaEvent::new(json!(1), context(sampled))).await.unwrap().into_inner();
        })
        .0
    };
    assert_eq!(
        invoke(true),
        "\
(parent 53995c3f… not here)
└ ## handler  lone
  └ ask
    └ shop  200
      └ load
"
    );
    assert_eq!(invoke(false), "");
}

#[tracing::instrument(skip_all)]
async fn ask<S, B>(shop: S) -> Result<(), Error>
where
    S: tower::Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: http_body::Body<Error = Infallible>,
{
    let response = shop.oneshot(Request::get("/orders/7").body(()).unwrap()).await?;
    response.into_body().collect().await?;
    Ok(())
}
