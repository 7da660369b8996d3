//! What a served request leaves in its segment.

use http::{Request, StatusCode};
use serde_json::json;

use crate::support::{Traced, finish, flags, get, respond, serve, text};

#[tokio::test]
async fn a_request_is_one_segment_with_both_sides_of_http() {
    let traced = Traced::new();
    let request = Request::get("http://shop.example.com:8080/orders/7?token=secret")
        .header("user-agent", "probe/1.0")
        .header("x-forwarded-for", "203.0.113.9, 10.0.0.1")
        .body(text(""))
        .unwrap();
    let response = serve(xray_tower::server(), request, |_| async { respond(200, "hello") }).await;
    finish(response).await;

    let segment = traced.segment();
    assert_eq!(segment["name"], "test");
    assert_eq!(
        segment["http"],
        json!({
            "request": {
                "method": "GET",
                "url": "http://shop.example.com:8080/orders/7",
                "user_agent": "probe/1.0",
                "client_ip": "203.0.113.9",
                "x_forwarded_for": true,
            },
            "response": { "status": 200, "content_length": 5 },
        })
    );
    assert_eq!(flags(&segment), "");
    assert!(segment["end_time"].is_number(), "the segment is not finished: {segment}");
}

#[tokio::test]
async fn a_status_sets_its_flags() {
    for (status, expected) in [
        (200, ""),
        (302, ""),
        (400, "error"),
        (404, "error"),
        (429, "error throttle"),
        (499, "error"),
        (500, "fault"),
        (503, "fault"),
        (599, "fault"),
    ] {
        let traced = Traced::new();
        let response = serve(xray_tower::server(), get("/"), |_| async move { respond(status, "x") }).await;
        assert_eq!(response.status(), StatusCode::from_u16(status).unwrap());
        finish(response).await;

        let segment = traced.segment();
        assert_eq!(flags(&segment), expected, "{status}");
        assert_eq!(segment["http"]["response"]["status"], status);
    }
}

#[tokio::test]
async fn the_announced_length_is_recorded_before_the_bodys_own() {
    let traced = Traced::new();
    let request = Request::head("/").body(text("")).unwrap();
    let response = serve(xray_tower::server(), request, |_| async {
        let mut response = respond(200, "");
        response.headers_mut().insert("content-length", "1234".parse().unwrap());
        response
    })
    .await;
    finish(response).await;
    assert_eq!(traced.segment()["http"]["response"]["content_length"], 1234);
}

#[tokio::test]
async fn a_span_in_the_handler_is_a_subsegment() {
    let traced = Traced::new();
    let response = serve(xray_tower::server(), get("/"), |_| async {
        tracing::info_span!("charge").in_scope(|| {});
        respond(200, "")
    })
    .await;
    finish(response).await;
    assert_eq!(traced.segment()["subsegments"][0]["name"], "charge");
}

#[tokio::test]
async fn without_the_layer_nothing_changes() {
    let response = serve(xray_tower::server(), get("/"), |_| async { respond(200, "hello") }).await;
    assert!(response.headers().is_empty());
    assert_eq!(finish(response).await, "hello");
}
