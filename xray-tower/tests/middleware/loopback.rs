//! Real HTTP over loopback: hyper and axum on one side, hyper-util's client on the other.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use xray_core::segment;

use crate::support::{Body, Traced, boxed, exceptions, flags, respond, text};

#[tokio::test]
async fn a_call_between_two_services_is_one_trace() {
    let traced = Traced::new();
    let app = Router::new().route("/orders/{id}", get(|| async { "done" })).layer(xray_tower::server());
    let address = serve_axum(app).await;

    let answer = segment("front").open().instrument(fetch(format!("http://{address}/orders/7?x=1"))).await;
    assert_eq!(answer, (StatusCode::OK, Bytes::from("done")));

    traced.wait_for(2).await;
    let [front, served] = traced.named(["front", "test"]);
    let call = &front["subsegments"][0];
    assert_eq!(call["name"], "127.0.0.1");
    assert_eq!(call["http"]["response"]["status"], 200);
    assert_eq!(served["trace_id"], front["trace_id"]);
    assert_eq!(served["parent_id"], call["id"]);
    assert_eq!(served["http"]["request"]["url"], format!("http://{address}/orders/7"));
    assert_eq!(served["http"]["response"]["content_length"], 4);
    assert_eq!(flags(&served), "");
}

#[tokio::test]
async fn axums_peer_address_is_found_by_the_hook() {
    let traced = Traced::new();
    let layer = xray_tower::server()
        .client_ip(|request| request.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()));
    let app = Router::new().route("/", get(|| async { "done" })).layer(layer);
    let address = serve_axum(app).await;
    fetch(format!("http://{address}/")).await;
    traced.wait_for(1).await;
    assert_eq!(traced.segment()["http"]["request"]["client_ip"], "127.0.0.1");
}

#[tokio::test]
async fn the_layer_serves_outside_the_router_too() {
    let traced = Traced::new();
    let app = Router::new().route("/", get(|| async { "done" }));
    let app = xray_tower::server().layer(app);
    let request = Request::get("/missing").body(axum::body::Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    drop(response.into_body().collect().await.unwrap());
    let segment = traced.segment();
    assert_eq!(segment["http"]["response"]["status"], 404);
    assert_eq!(flags(&segment), "error");
}

#[tokio::test]
async fn axum_answers_head_with_a_finished_segment() {
    let traced = Traced::new();
    let app = Router::new().route("/", get(|| async { "done" })).layer(xray_tower::server());
    let address = serve_axum(app).await;
    let request = Request::head(format!("http://{address}/")).body(text("")).unwrap();
    let response = client().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-length"], "4");
    traced.wait_for(1).await;
    assert_eq!(flags(&traced.segment()), "");
}

#[tokio::test]
async fn plain_hyper_keeps_length_and_trace_header() {
    let traced = Traced::new();
    let handler = service_fn(async |_: Request<hyper::body::Incoming>| Ok::<_, Infallible>(respond(200, "hello")));
    let address = serve_hyper(xray_tower::server().layer(handler)).await;
    let request = Request::get(format!("http://{address}/")).body(text("")).unwrap();
    let response = client().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-length"], "5");
    let answered = response.headers()["x-amzn-trace-id"].to_str().unwrap().to_owned();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    traced.wait_for(1).await;
    let segment = traced.segment();
    assert_eq!(answered, format!("Root={}", segment["trace_id"].as_str().unwrap()));
    assert_eq!(flags(&segment), "");
}

#[tokio::test]
async fn a_client_that_hangs_up_during_the_body_is_noticed() {
    let traced = Traced::new();
    let handler = service_fn(async |_: Request<hyper::body::Incoming>| {
        let mut rest = tokio::time::interval(Duration::from_millis(1));
        let frames = futures_util::stream::poll_fn(move |cx| {
            rest.poll_tick(cx).map(|_| Some(Ok(Frame::data(Bytes::from("more")))))
        });
        Ok::<_, Infallible>(Response::new(boxed(StreamBody::new(frames))))
    });
    let address = serve_hyper(xray_tower::server().layer(handler)).await;
    let request = Request::get(format!("http://{address}/")).body(text("")).unwrap();
    let mut response = client().oneshot(request).await.unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    traced.wait_for(1).await;
    let segment = traced.segment();
    assert_eq!(flags(&segment), "error");
    assert!(exceptions(&segment)[0].contains("client went away"));
}

#[tokio::test]
async fn a_client_that_hangs_up_before_the_head_is_noticed() {
    let traced = Traced::new();
    let (started, mut starts) = tokio::sync::mpsc::unbounded_channel();
    let handler = service_fn(move |_: Request<hyper::body::Incoming>| {
        started.send(()).unwrap();
        std::future::pending::<Result<Response<Body>, Infallible>>()
    });
    let address = serve_hyper(xray_tower::server().layer(handler)).await;
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    starts.recv().await.unwrap();
    drop(connection);
    traced.wait_for(1).await;
    let segment = traced.segment();
    assert_eq!(flags(&segment), "error");
    assert!(exceptions(&segment)[0].contains("no longer awaited"));
    assert!(segment["http"]["response"].is_null());
}

#[tokio::test]
async fn a_refused_connection_is_a_fault_that_says_so() {
    let traced = Traced::new();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let layer = xray_tower::client().error_chain::<hyper_util::client::legacy::Error>();
    let http = layer.layer(client());
    let request = Request::get(format!("http://{closed}/")).body(text("")).unwrap();
    segment("front").open().instrument(http.oneshot(request)).await.unwrap_err();
    let segment = traced.segment();
    let call = &segment["subsegments"][0];
    assert_eq!(flags(call), "fault");
    assert!(exceptions(call).iter().any(|text| text.contains("refused")), "{call}");
}

/// A fresh client with a connection pool of its own.
fn client() -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Gets `url` through the client layer.
async fn fetch(url: String) -> (StatusCode, Bytes) {
    let http = ServiceBuilder::new().layer(xray_tower::client()).service(client());
    let response = http.oneshot(Request::get(url).body(text("")).unwrap()).await.unwrap();
    let status = response.status();
    (status, response.into_body().collect().await.unwrap().to_bytes())
}

async fn serve_axum(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).into_future());
    address
}

/// Serves one connection with hyper's HTTP/1, without any framework.
async fn serve_hyper<S, B>(service: S) -> SocketAddr
where
    S: Service<Request<hyper::body::Incoming>, Response = Response<B>, Error = Infallible> + Clone + 'static,
    S: Send,
    S::Future: Send,
    B: http_body::Body<Data = Bytes, Error = tower::BoxError> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let served = hyper::server::conn::http1::Builder::new();
        // A client that hangs up is an error here, and expected in one test.
        let _ = served.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
    });
    address
}
