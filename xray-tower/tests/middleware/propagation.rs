//! Trace headers in and out of the server.

use std::convert::Infallible;

use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use xray_core::{Sampled, TraceHeader, Trust};
use xray_tower::ServerSegmentLayer;
use xray_tower::server::ResponseBody;

use crate::support::{Body, Traced, finish, get, respond, serve};

const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";
const PARENT: &str = "53995c3f42cd8ad8";

#[tokio::test]
async fn a_new_trace_is_answered_with_its_root_alone() {
    let traced = Traced::new();
    let answer = answer(xray_tower::server(), &[]).await;
    let segment = traced.segment();
    assert_eq!(answer, format!("Root={}", segment["trace_id"].as_str().unwrap()));
    assert!(segment["parent_id"].is_null());
}

#[tokio::test]
async fn an_incoming_trace_is_joined() {
    let traced = Traced::new();
    let header = format!("Root={ROOT};Parent={PARENT};Sampled=1");
    let answer = answer(xray_tower::server(), &[("x-amzn-trace-id", &header)]).await;
    assert_eq!(answer, format!("Root={ROOT}"), "nothing but the root is said when nothing was asked");
    let segment = traced.segment();
    assert_eq!(segment["trace_id"], ROOT);
    assert_eq!(segment["parent_id"], PARENT);
}

#[tokio::test]
async fn a_question_about_the_decision_is_answered() {
    let question = format!("Root={ROOT};Sampled=?");
    let traced = Traced::new();
    let yes = answer(xray_tower::server(), &[("x-amzn-trace-id", &question)]).await;
    assert_eq!(yes, format!("Root={ROOT};Sampled=1"));
    traced.segment();
    drop(traced);

    let traced = Traced::sampling_nothing();
    let no = answer(xray_tower::server(), &[("x-amzn-trace-id", &question)]).await;
    assert_eq!(no, format!("Root={ROOT};Sampled=0"));
    traced.nothing();
}

#[tokio::test]
async fn an_unsampled_request_is_not_recorded_and_keeps_its_root() {
    let traced = Traced::new();
    let header = format!("Root={ROOT};Parent={PARENT};Sampled=0");
    let answer = answer(xray_tower::server(), &[("x-amzn-trace-id", &header)]).await;
    assert_eq!(answer, format!("Root={ROOT}"));
    traced.nothing();
}

#[tokio::test]
async fn a_call_made_by_an_unsampled_request_passes_its_trace_on() {
    let traced = Traced::new();
    let header = format!("Root={ROOT};Parent={PARENT};Sampled=0");
    let mut request = get("/");
    request.headers_mut().insert("x-amzn-trace-id", header.parse().unwrap());
    let response = serve(xray_tower::server(), request, |_| async {
        let echo = service_fn(async |request: Request<Body>| {
            let mut response = respond(200, "");
            response.headers_mut().insert("seen", request.headers()["x-amzn-trace-id"].clone());
            Ok::<_, Infallible>(response)
        });
        xray_tower::client().layer(echo).oneshot(get("http://pay/charge")).await.unwrap()
    })
    .await;
    let seen: TraceHeader = response.headers()["seen"].to_str().unwrap().parse().unwrap();
    finish(response).await;
    assert_eq!(seen.root().as_str(), ROOT);
    assert_eq!(seen.sampled(), Some(Sampled::No));
    traced.nothing();
}

#[tokio::test]
async fn a_header_that_cannot_be_read_starts_a_new_trace() {
    for header in ["Root=1-abc;Parent=zz", "\u{1}", "", ";;;==", "Root=1-5759e988-bd862e3fe1be46a99427279"] {
        let traced = Traced::new();
        let mut request = get("/");
        if let Ok(value) = http::HeaderValue::from_bytes(header.as_bytes()) {
            request.headers_mut().insert("x-amzn-trace-id", value);
        }
        let response = serve(xray_tower::server(), request, |_| async { respond(200, "") }).await;
        finish(response).await;
        let segment = traced.segment();
        assert!(segment["parent_id"].is_null(), "{header:?}");
        assert_eq!(segment["trace_id"].as_str().unwrap().len(), 35, "{header:?}");
    }
}

#[tokio::test]
async fn traceparent_serves_where_x_rays_header_is_missing() {
    let traced = Traced::new();
    let w3c = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
    let answer = answer(xray_tower::server(), &[("traceparent", w3c)]).await;
    assert_eq!(answer, format!("Root={ROOT}"));
    let segment = traced.segment();
    assert_eq!(segment["trace_id"], ROOT);
    assert_eq!(segment["parent_id"], PARENT);
}

#[tokio::test]
async fn the_handlers_own_trace_header_is_replaced() {
    let traced = Traced::new();
    let response = serve(xray_tower::server(), get("/"), |_| async {
        let mut response = respond(200, "");
        response.headers_mut().append("x-amzn-trace-id", "Root=mine".parse().unwrap());
        response.headers_mut().append("x-amzn-trace-id", "Root=yours".parse().unwrap());
        response
    })
    .await;
    let values: Vec<_> = response.headers().get_all("x-amzn-trace-id").iter().cloned().collect();
    finish(response).await;
    assert_eq!(values, [format!("Root={}", traced.segment()["trace_id"].as_str().unwrap())]);
}

#[tokio::test]
async fn a_header_that_is_not_believed_is_ignored() {
    let traced = Traced::new();
    let header = format!("Root={ROOT};Parent={PARENT};Sampled=0");
    answer(xray_tower::server().trust(Trust::None), &[("x-amzn-trace-id", &header)]).await;
    let segment = traced.segment();
    assert_ne!(segment["trace_id"], ROOT);
    assert!(segment["parent_id"].is_null());
}

#[tokio::test]
async fn a_trace_can_be_joined_without_its_decision() {
    let traced = Traced::new();
    let header = format!("Root={ROOT};Parent={PARENT};Sampled=0");
    answer(xray_tower::server().trust(Trust::JoinOnly), &[("x-amzn-trace-id", &header)]).await;
    assert_eq!(traced.segment()["trace_id"], ROOT);
}

#[tokio::test]
async fn a_predicate_says_who_is_believed() {
    let layer = xray_tower::server().trust_if(|request| request.headers.contains_key("x-internal"));
    let header = format!("Root={ROOT};Parent={PARENT};Sampled=1");
    for (internal, believed) in [(true, true), (false, false)] {
        let traced = Traced::new();
        let mut headers = vec![("x-amzn-trace-id", header.as_str())];
        if internal {
            headers.push(("x-internal", "yes"));
        }
        answer(layer.clone(), &headers).await;
        assert_eq!(traced.segment()["trace_id"] == ROOT, believed, "internal: {internal}");
    }
}

/// Serves a request with these headers; the trace header of the answer.
async fn answer(layer: ServerSegmentLayer, headers: &[(&str, &str)]) -> String {
    let mut request: Request<Body> = get("/");
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let response: Response<ResponseBody<Body>> = serve(layer, request, |_| async { respond(200, "x") }).await;
    let value = response.headers()["x-amzn-trace-id"].to_str().unwrap().to_owned();
    finish(response).await;
    value
}

#[tokio::test]
async fn a_request_kept_for_its_fault_told_its_callees_that_it_was_not_sampled() {
    let traced = Traced::keeping_faults();
    for status in [200, 503] {
        let handler = move |_| async move {
            let bank = service_fn(|request: Request<Body>| async move {
                let header = request.headers()["x-amzn-trace-id"].to_str().unwrap().to_owned();
                assert!(header.ends_with(";Sampled=0"), "{header}");
                Ok::<_, Infallible>(respond(200, "paid"))
            });
            finish(xray_tower::client().layer(bank).oneshot(get("http://bank/charge")).await.unwrap()).await;
            respond(status, "x")
        };
        let question = format!("Root={ROOT};Sampled=?");
        let request = Request::get("/orders").header("x-amzn-trace-id", question).body(crate::support::text(""));
        let response = serve(xray_tower::server(), request.unwrap(), handler).await;
        assert_eq!(response.headers()["x-amzn-trace-id"], format!("Root={ROOT};Sampled=0"));
        finish(response).await;
    }
    let segment = traced.segment();
    assert_eq!((&segment["trace_id"], &segment["http"]["response"]["status"]), (&ROOT.into(), &503.into()));
    assert_eq!(segment["annotations"]["late_capture"], "fault");
    assert_eq!(segment["subsegments"][0]["name"], "bank");
}
