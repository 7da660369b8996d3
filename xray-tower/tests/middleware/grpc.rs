//! gRPC: the status that HTTP does not know, on raw services and on tonic over loopback.

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use http::{HeaderMap, Request, Response, Uri};
use http_body::Frame;
use http_body_util::StreamBody;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tower::ServiceBuilder;
use xray_core::segment;

use crate::support::{Body, Traced, boxed, finish, flags, get, respond, serve, text};

#[tokio::test]
async fn a_status_in_the_trailers_sets_the_segments_flags() {
    for (code, expected) in [("0", ""), ("5", "error"), ("8", "throttle"), ("13", "fault"), ("what", "fault")] {
        let traced = Traced::new();
        let response = serve(xray_tower::server(), get("/"), |_| async move {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", code.parse().unwrap());
            let frames = [Ok(Frame::data(Bytes::from("message"))), Ok(Frame::trailers(trailers))];
            let mut response = Response::new(boxed(StreamBody::new(futures_util::stream::iter(frames))));
            response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
            response
        })
        .await;
        finish(response).await;
        let segment = traced.segment();
        assert_eq!(flags(&segment), expected, "{code}");
        assert_eq!(segment["metadata"]["default"]["grpc_status"], code.parse().unwrap_or(2), "{code}");
    }
}

#[tokio::test]
async fn a_status_without_a_body_is_in_the_head() {
    let traced = Traced::new();
    let response = serve(xray_tower::server(), get("/"), |_| async {
        Status::permission_denied("not yours").into_http::<Body>().map(|_| text(""))
    })
    .await;
    finish(response).await;
    let segment = traced.segment();
    assert_eq!(flags(&segment), "error");
    assert_eq!(segment["metadata"]["default"]["grpc_status"], 7);
}

#[tokio::test]
async fn other_protocols_may_use_the_header_as_they_like() {
    let traced = Traced::new();
    let response = serve(xray_tower::server(), get("/"), |_| async {
        let mut response = respond(200, "");
        response.headers_mut().insert("grpc-status", "13".parse().unwrap());
        response
    })
    .await;
    finish(response).await;
    assert_eq!(flags(&traced.segment()), "");
}

#[tokio::test]
async fn a_tonic_call_is_one_trace_on_both_sides() {
    for (greeting, code, client_flags, server_flags) in [
        ("hello", Code::Ok, "", ""),
        ("nobody", Code::NotFound, "error", "error"),
        ("crash", Code::Internal, "fault", "fault"),
    ] {
        let traced = Traced::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin: Uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let server = Server::builder().layer(xray_tower::server()).add_service(Greeter);
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve_with_incoming_shutdown(TcpIncoming::from(listener), async {
            let _ = stopped.await;
        }));

        let channel = Channel::builder(origin.clone()).connect().await.unwrap();
        let channel = ServiceBuilder::new().layer(xray_tower::client()).service(channel);
        let calling = async {
            // The channel adds its origin only inside; a layer outside sees the one given here.
            let mut client = tonic::client::Grpc::with_origin(channel, origin);
            client.ready().await.unwrap();
            let path = http::uri::PathAndQuery::from_static("/greeter.Greeter/Greet");
            client.unary(tonic::Request::new(greeting.to_owned()), path, Text).await
        };
        let answer = segment("caller").open().instrument(calling).await;
        assert_eq!(answer.map_or_else(|status| status.code(), |_| Code::Ok), code);
        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();

        let [caller, served] = traced.named(["caller", "test"]);
        let call = &caller["subsegments"][0];
        assert_eq!(call["name"], "127.0.0.1");
        assert_eq!(flags(call), client_flags, "{greeting}");
        assert_eq!(served["parent_id"], call["id"]);
        assert_eq!(served["trace_id"], caller["trace_id"]);
        assert_eq!(flags(&served), server_flags, "{greeting}");
        assert!(served["http"]["request"]["url"].as_str().unwrap().ends_with("/greeter.Greeter/Greet"));
    }
}

/// A service as `tonic-build` would generate it, by hand: texts instead of protocol buffers.
#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "greeter.Greeter";
}

impl tower::Service<Request<tonic::body::Body>> for Greeter {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = futures_util::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async { Ok(tonic::server::Grpc::new(Text).unary(Greet, request).await) })
    }
}

struct Greet;

impl UnaryService<String> for Greet {
    type Response = String;
    type Future = std::future::Ready<Result<tonic::Response<String>, Status>>;

    fn call(&mut self, request: tonic::Request<String>) -> Self::Future {
        std::future::ready(match request.get_ref().as_str() {
            "nobody" => Err(Status::not_found("nobody of that name")),
            "crash" => Err(Status::internal("out of greetings")),
            greeting => Ok(tonic::Response::new(greeting.to_uppercase())),
        })
    }
}

#[derive(Clone, Copy, Default)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Text;
    type Decoder = Text;

    fn encoder(&mut self) -> Text {
        Text
    }

    fn decoder(&mut self) -> Text {
        Text
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        String::from_utf8(bytes.to_vec()).map(Some).map_err(|_| Status::invalid_argument("not text"))
    }
}
