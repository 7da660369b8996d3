//! Log filters, spawned tasks and AWS Lambda: what surrounds the middleware changes nothing it promises.

use std::convert::Infallible;

use futures_util::FutureExt;
use http::Request;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_http::trace::TraceLayer;
use tracing::{Dispatch, Instrument};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, registry};
use xray_test::{Captured, ManualClock, SeededEntropy};

use crate::support::{Body, Traced, finish, get, respond, serve};

const PICTURE: &str = "test  segment 200\n└ charge\n";

#[tokio::test]
async fn a_filter_on_the_registry_does_not_change_the_segment() {
    for filter in ["orders=debug", "info", "orders=info,tower_http=trace"] {
        let xray = captured();
        let subscriber = registry().with(EnvFilter::new(filter)).with(xray.layer());
        let _default = tracing::dispatcher::set_default(&Dispatch::new(subscriber));
        finish(xray_tower::server().layer(service_fn(charge)).oneshot(get("/")).await.unwrap()).await;
        assert_eq!(xray.picture(), PICTURE, "{filter}");
    }
}

#[tokio::test]
async fn a_trace_layer_outside_does_not_change_the_segment_under_any_filter() {
    for filter in ["orders=debug", "info", "trace"] {
        let xray = captured();
        let subscriber = registry().with(EnvFilter::new(filter)).with(xray.layer());
        let _default = tracing::dispatcher::set_default(&Dispatch::new(subscriber));
        let stack = ServiceBuilder::new().layer(TraceLayer::new_for_http()).layer(xray_tower::server());
        finish(stack.service(service_fn(charge)).oneshot(get("/")).await.unwrap()).await;
        assert_eq!(xray.picture(), PICTURE, "{filter}");
    }
}

#[tokio::test]
async fn a_filter_that_silences_all_spans_leaves_the_segment() {
    let xray = captured();
    let subscriber = registry().with(EnvFilter::new("off")).with(xray.layer());
    let _default = tracing::dispatcher::set_default(&Dispatch::new(subscriber));
    finish(xray_tower::server().layer(service_fn(charge)).oneshot(get("/")).await.unwrap()).await;
    assert_eq!(xray.picture(), "test  segment 200\n");
}

#[tokio::test]
async fn a_task_spawned_in_the_current_span_is_in_the_segment() {
    let traced = Traced::new();
    let response = serve(xray_tower::server(), get("/"), |_| async {
        tokio::spawn(async { tracing::info_span!("spawned").in_scope(|| {}) }.in_current_span()).await.unwrap();
        respond(200, "")
    })
    .await;
    finish(response).await;
    assert_eq!(traced.segment()["subsegments"][0]["name"], "spawned");
}

#[tokio::test]
async fn on_lambda_a_request_is_a_subsegment_of_the_functions_segment() {
    let traced = Traced::in_lambda();
    let mut request = get("/orders/7");
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    request.headers_mut().insert("x-amzn-trace-id", header.parse().unwrap());
    let response = serve(xray_tower::server(), request, |_| async { respond(404, "") }).await;
    finish(response).await;
    let document = traced.segment();
    assert_eq!(document["type"], "subsegment");
    assert_eq!(document["trace_id"], "1-5759e988-bd862e3fe1be46a994272793");
    assert_eq!(document["parent_id"], "53995c3f42cd8ad8");
    assert_eq!(document["error"], true);
}

#[test]
fn a_response_may_be_polled_on_one_thread_after_another() {
    let xray = captured();
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let service = xray_tower::server().layer(service_fn(move |request: Request<Body>| {
        let gone = gone_once(&request);
        async move {
            tracing::info_span!("before").in_scope(|| {});
            gone.await;
            tracing::info_span!("after").in_scope(|| {});
            Ok::<_, Infallible>(respond(200, ""))
        }
    }));
    let mut request = get("/");
    request.extensions_mut().insert(std::sync::Arc::new(std::sync::Mutex::new(Some(gone))));
    let mut serving = xray.run(|| {
        let mut serving = Box::pin(service.oneshot(request));
        assert!(serving.as_mut().now_or_never().is_none());
        serving
    });
    go.send(()).unwrap();
    let response = std::thread::scope(|scope| {
        let polled = scope.spawn(|| xray.run(|| serving.as_mut().now_or_never().unwrap().unwrap()));
        polled.join().unwrap()
    });
    std::thread::scope(|scope| scope.spawn(|| xray.run(|| drop(response))).join().unwrap());
    assert_eq!(xray.picture(), "test  segment 200\n├ before\n└ after\n");
}

/// The receiver that came with the request.
fn gone_once(request: &Request<Body>) -> impl Future<Output = ()> + Send + use<> {
    type Gone = std::sync::Arc<std::sync::Mutex<Option<tokio::sync::oneshot::Receiver<()>>>>;
    let gone = request.extensions().get::<Gone>().unwrap().lock().unwrap().take().unwrap();
    gone.map(|sent| sent.unwrap())
}

fn captured() -> Captured {
    Captured::new(ManualClock::at(1_465_510_280.514), SeededEntropy::new(7))
}

/// A handler whose span belongs to a crate called `orders`.
async fn charge(_: Request<Body>) -> Result<http::Response<Body>, Infallible> {
    tracing::info_span!(target: "orders", "charge").in_scope(|| {});
    Ok(respond(200, "hello"))
}
