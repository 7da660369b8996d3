//! The client layer around reqwest, against a server of our own over loopback.

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use tokio::net::TcpListener;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt};
use xray_core::segment;

use crate::support::{Traced, exceptions, flags};

#[tokio::test]
async fn a_reqwest_call_is_the_parent_of_the_segment_it_reaches() {
    let traced = Traced::new();
    let app = Router::new().route("/", get(|| async { StatusCode::TOO_MANY_REQUESTS })).layer(xray_tower::server());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app).into_future());

    let http = ServiceBuilder::new().layer(xray_tower::client()).service(reqwest::Client::new());
    let request = reqwest::Request::new(reqwest::Method::GET, format!("http://{address}/?token=1").parse().unwrap());
    let response = segment("front").open().instrument(http.oneshot(request)).await.unwrap();
    assert_eq!(response.status(), 429);
    response.bytes().await.unwrap();

    traced.wait_for(2).await;
    let [front, served] = traced.named(["front", "test"]);
    let call = &front["subsegments"][0];
    assert_eq!(call["name"], "127.0.0.1");
    assert_eq!(call["namespace"], "remote");
    assert_eq!(call["http"]["request"]["url"], format!("http://{address}/"));
    assert_eq!(flags(call), "error throttle");
    assert_eq!(served["parent_id"], call["id"]);
    assert_eq!(served["trace_id"], front["trace_id"]);
}

#[tokio::test]
async fn an_error_of_reqwest_keeps_its_chain_and_loses_the_url() {
    let bare = xray_tower::client().layer(reqwest::Client::new());
    let boxed = ServiceBuilder::new().layer(xray_tower::client()).map_err(BoxError::from);
    refused(bare).await;
    refused(boxed.service(reqwest::Client::new())).await;
}

/// Calls a port that nobody listens to.
async fn refused<S: Service<reqwest::Request>>(http: S)
where
    S::Response: std::fmt::Debug,
{
    let traced = Traced::new();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/?token=secret").parse().unwrap();
    let request = reqwest::Request::new(reqwest::Method::GET, url);
    let answer = segment("front").open().instrument(http.oneshot(request)).await;
    assert!(answer.is_err());

    let segment = traced.segment();
    let call = &segment["subsegments"][0];
    assert_eq!(flags(call), "fault");
    assert!(exceptions(call).iter().any(|text| text.contains("refused")), "{call}");
    assert!(!segment.to_string().contains("secret"), "{segment}");
}
