//! Calls made to other services.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::task::Poll;

use http::{HeaderMap, Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use xray_core::{Node, TraceHeader, segment};
use xray_tower::ClientSubsegmentLayer;

use crate::support::{Body, Traced, exception, exceptions, flags, respond, text};

#[tokio::test]
async fn a_call_is_a_remote_subsegment_named_for_the_host() {
    let traced = Traced::new();
    job(call(xray_tower::client(), "https://me:secret@Pay.example.com:8443/charge?card=1", 200)).await;
    let call = &traced.segment()["subsegments"][0];
    assert_eq!(call["name"], "Pay.example.com");
    assert_eq!(call["namespace"], "remote");
    assert_eq!(
        call["http"],
        serde_json::json!({
            "request": { "method": "GET", "url": "https://Pay.example.com:8443/charge" },
            "response": { "status": 200, "content_length": 5 },
        })
    );
    assert_eq!(flags(call), "");
}

#[tokio::test]
async fn a_status_sets_its_flags() {
    for (status, expected) in [(200, ""), (404, "error"), (429, "error throttle"), (503, "fault")] {
        let traced = Traced::new();
        job(call(xray_tower::client(), "http://pay/charge", status)).await;
        assert_eq!(flags(&traced.segment()["subsegments"][0]), expected, "{status}");
    }
}

#[tokio::test]
async fn the_other_side_is_told_trace_parent_and_decision() {
    let traced = Traced::new();
    let headers = job(call(xray_tower::client(), "http://pay/charge", 200)).await;
    let segment = traced.segment();
    let header: TraceHeader = headers["x-amzn-trace-id"].to_str().unwrap().parse().unwrap();
    assert_eq!(header.root().as_str(), segment["trace_id"]);
    assert_eq!(header.parent().unwrap().as_str(), segment["subsegments"][0]["id"]);
    assert_eq!(header.sampled(), Some(xray_core::Sampled::Yes));
    assert!(!headers.contains_key("traceparent"));
}

#[tokio::test]
async fn an_unsampled_trace_goes_on_as_unsampled() {
    let traced = Traced::sampling_nothing();
    let headers = job(call(xray_tower::client(), "http://pay/charge", 200)).await;
    let header: TraceHeader = headers["x-amzn-trace-id"].to_str().unwrap().parse().unwrap();
    assert_eq!(header.sampled(), Some(xray_core::Sampled::No));
    assert!(header.parent().is_some());
    traced.nothing();
}

#[tokio::test]
async fn traceparent_is_sent_when_asked_for() {
    let traced = Traced::new();
    let headers = job(call(xray_tower::client().w3c(true), "http://pay/charge", 200)).await;
    let segment = traced.segment();
    let trace = segment["trace_id"].as_str().unwrap().replace('-', "");
    let parent = segment["subsegments"][0]["id"].as_str().unwrap();
    assert_eq!(headers["traceparent"], format!("00-{}-{parent}-01", trace.strip_prefix('1').unwrap()));
}

#[tokio::test]
async fn a_trace_header_already_there_is_replaced_unless_kept() {
    for keep in [false, true] {
        let _traced = Traced::new();
        let layer = xray_tower::client().keep_existing(keep);
        let mut request = Request::get("http://pay/charge").body(text("")).unwrap();
        request.headers_mut().append("x-amzn-trace-id", "Root=older".parse().unwrap());
        let headers = job(send(layer, request, 200)).await;
        let values: Vec<_> = headers.get_all("x-amzn-trace-id").iter().collect();
        assert_eq!(values.len(), 1);
        assert_eq!(values[0] == "Root=older", keep);
    }
}

#[tokio::test]
async fn a_call_says_that_the_other_side_is_traced_when_told() {
    let traced = Traced::new();
    job(call(xray_tower::client().traced(true), "http://pay/charge", 200)).await;
    let call = &traced.segment()["subsegments"][0];
    assert_eq!(call["http"]["request"]["traced"], true, "{call}");
}

#[tokio::test]
async fn the_host_may_stand_in_the_header_or_nowhere() {
    let traced = Traced::new();
    job(async {
        let mut request = Request::get("/charge").body(text("")).unwrap();
        request.headers_mut().insert("host", "pay:80".parse().unwrap());
        send(xray_tower::client(), request, 200).await;
        call(xray_tower::client(), "/charge", 200).await;
    })
    .await;
    let segment = traced.segment();
    assert_eq!(segment["subsegments"][0]["name"], "pay");
    assert_eq!(segment["subsegments"][0]["http"]["request"]["url"], "http://pay:80/charge");
    assert_eq!(segment["subsegments"][1]["name"], "unknown host");
}

#[tokio::test]
async fn outside_a_segment_the_request_goes_out_untouched() {
    let traced = Traced::new();
    let headers = call(xray_tower::client(), "http://pay/charge", 200).await;
    assert!(headers.is_empty(), "{headers:?}");
    traced.nothing();
}

#[tokio::test]
async fn a_transport_error_is_a_fault_with_its_text() {
    let traced = Traced::new();
    job(async {
        let http = service_fn(async |_: Request<Body>| {
            Err::<Response<Body>, _>(io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused"))
        });
        let request = Request::get("http://pay/charge").body(text("")).unwrap();
        let error = xray_tower::client().layer(http).oneshot(request).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    })
    .await;
    let segment = traced.segment();
    let call = &segment["subsegments"][0];
    assert_eq!(flags(call), "fault");
    assert_eq!(exceptions(call), ["connection refused"]);
    assert_eq!(flags(&segment), "", "the caller may have coped");
}

#[tokio::test]
async fn a_call_given_up_ends_as_cancelled() {
    let traced = Traced::new();
    job(async {
        let http = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
        let request = Request::get("http://pay/charge").body(text("")).unwrap();
        let mut calling = Box::pin(xray_tower::client().layer(http).oneshot(request));
        assert!(futures_util::poll!(calling.as_mut()).is_pending());
    })
    .await;
    let segment = traced.segment();
    let call = &segment["subsegments"][0];
    assert_eq!(flags(call), "error");
    assert_eq!(exception(call)["type"], "cancelled");
}

#[tokio::test]
async fn what_a_client_does_when_dropped_is_part_of_its_subsegment() {
    struct Cleanup;
    impl Drop for Cleanup {
        fn drop(&mut self) {
            tracing::info_span!("cleanup").in_scope(|| {});
        }
    }
    for answered in [true, false] {
        let traced = Traced::new();
        job(async {
            let http = service_fn(|_: Request<Body>| {
                let cleanup = Cleanup;
                poll_fn(move |_| {
                    let _held = &cleanup;
                    if answered { Poll::Ready(Ok::<_, Infallible>(respond(200, ""))) } else { Poll::Pending }
                })
            });
            let request = Request::get("http://pay/charge").body(text("")).unwrap();
            let mut calling = Box::pin(xray_tower::client().layer(http).oneshot(request));
            assert_eq!(futures_util::poll!(calling.as_mut()).is_ready(), answered);
        })
        .await;
        let segment = traced.segment();
        let call = &segment["subsegments"][0];
        assert_eq!(call["subsegments"][0]["name"], "cleanup", "answered: {answered}: {segment}");
    }
}

#[tokio::test]
async fn calls_side_by_side_are_siblings() {
    let traced = Traced::new();
    job(async {
        tokio::join!(
            call(xray_tower::client(), "http://pay/charge", 200),
            call(xray_tower::client(), "http://stock/reserve", 200)
        )
    })
    .await;
    let segment = traced.segment();
    let calls = segment["subsegments"].as_array().unwrap();
    let mut names: Vec<_> = calls.iter().map(|call| call["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["pay", "stock"]);
}

/// Runs `work` in a segment.
async fn job<T>(work: impl Future<Output = T>) -> T {
    let node: Node = segment("job").open();
    node.instrument(work).await
}

/// Calls `url`, is answered `status`; the headers the other side saw.
async fn call(layer: ClientSubsegmentLayer, url: &str, status: u16) -> HeaderMap {
    send(layer, Request::get(url).body(text("")).unwrap(), status).await
}

async fn send(layer: ClientSubsegmentLayer, request: Request<Body>, status: u16) -> HeaderMap {
    let http = service_fn(move |request: Request<Body>| {
        let headers = request.headers().clone();
        async move {
            // A real client answers later, not at once.
            tokio::task::yield_now().await;
            let mut response = respond(status, "hello");
            response.headers_mut().insert("content-length", "5".parse().unwrap());
            // What was seen comes back with the response.
            response.extensions_mut().insert(headers);
            Ok::<_, Infallible>(response)
        }
    });
    let response = layer.layer(http).oneshot(request).await.unwrap();
    response.extensions().get::<HeaderMap>().unwrap().clone()
}
