//! The HTTP server: one request, one operation of X-Ray's; `POST /v1/traces`, OpenTelemetry's protocol (OTLP); and by
//! GET the pages (feature `web`).
//!
//! Limits, ours to choose, so that no client can stop the others or take the machine's memory:
//!
//! | what | limit | beyond it |
//! |---|---|---|
//! | connections | 256 | further ones wait to be accepted |
//! | a request's header, or the pause before the next | 60 s | the connection is closed |
//! | a body | 8 MiB for PutTraceSegments and OTLP, else 1 MiB | 413 |
//! | a body, time to arrive | 30 s | 408 |
//! | bodies held at once | 64 KiB of each connection's, and 64 MiB of those that are longer | further long ones wait, at most their 30 s |
//! | a connection's life | 10 minutes, then what is under way has 30 s | it is closed |
//! | operations worked on at once | 4, one of them OTLP | further ones wait |

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::intake::Sender;

use super::body::Body;
use super::guard::{Caller, Guard};
use super::operation::{Kind, Operation};
use super::{Api, ApiError, ApiErrorKind, PutTraceSegments, ROUTES, own};

/// Where OTLP over HTTP sends traces. Source: OpenTelemetry Protocol specification, "OTLP/HTTP request".
const OTLP_PATH: &str = "/v1/traces";
const CONNECTIONS: usize = 256;
const HEADER_TIME: Duration = Duration::from_secs(60);
const BODY_TIME: Duration = Duration::from_secs(30);
const CONNECTION_TIME: Duration = Duration::from_secs(600);
const LAST_ANSWER_TIME: Duration = Duration::from_secs(30);
const BODY: usize = 1024 * 1024;
const SEGMENTS_BODY: usize = 8 * 1024 * 1024;
/// Of every body that much is read at once: who announces a long one and sends nothing holds nobody up.
const SHORT_BODY: usize = 64 * 1024;
/// Of all longer bodies together, in KiB: a semaphore counts in u32.
const BODIES_KIB: usize = 64 * 1024;
/// A pause after `accept` failed (no file descriptors left), lest we spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Operations worked on at once; the runtime is built with as many threads to block.
pub(crate) const WORKERS: usize = 4;

type Held = Option<OwnedSemaphorePermit>;

/// What every connection shares.
pub(crate) struct Server {
    api: Arc<Api>,
    guard: Guard,
    #[cfg(feature = "web")]
    pages: Arc<crate::web::Pages>,
    bodies: Arc<Semaphore>,
    /// Of OTLP: a request takes many times its length while it is read.
    decoding: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

impl Server {
    pub(crate) fn new(api: Arc<Api>, guard: Guard, address: SocketAddr, udp: SocketAddr) -> Server {
        #[cfg(not(feature = "web"))]
        let _ = (address, udp);
        Server {
            #[cfg(feature = "web")]
            pages: Arc::new(crate::web::Pages::new(Arc::clone(&api), address, udp)),
            api,
            guard,
            bodies: Arc::new(Semaphore::new(BODIES_KIB)),
            decoding: Arc::new(Semaphore::new(1)),
            connections: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    /// Serves until the sender of `stop` is gone; what is under way is dropped then.
    pub(crate) async fn run(self: Arc<Server>, listener: TcpListener, mut stop: watch::Receiver<()>) {
        let accepting = tokio::spawn(self.accept(listener));
        while stop.changed().await.is_ok() {}
        accepting.abort();
        let _ = accepting.await;
    }

    async fn accept(self: Arc<Server>, listener: TcpListener) {
        // Dropped with the connections in it.
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            // Never closed, so never an error.
            let permit = Arc::clone(&self.connections).acquire_owned().await.ok();
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let server = Arc::clone(&self);
                    connections.spawn(async move {
                        server.connection(stream, peer).await;
                        drop(permit);
                    });
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    async fn connection(self: Arc<Server>, stream: TcpStream, peer: SocketAddr) {
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| {
            let server = Arc::clone(&self);
            async move { Ok::<_, Infallible>(server.respond(peer, request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            // Not half_close: who closes is gone, and its stream's place is another's at once.
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        // What is no HTTP ends as an error of the connection; there is nobody to tell.
        if timeout(CONNECTION_TIME, connection.as_mut()).await.is_err() {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(LAST_ANSWER_TIME, connection).await;
        }
    }

    async fn respond(&self, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        #[cfg(feature = "web")]
        let request = match crate::web::serve(&self.pages, &self.guard, peer, request).await {
            Ok(page) => return page,
            Err(request) => request,
        };
        let is_otlp = request.method() == Method::POST && request.uri().path() == OTLP_PATH;
        let answered = match is_otlp {
            true => self.spans(peer, request).await,
            false => self.answer(peer, request).await.map(|body| response(StatusCode::OK, body, None)),
        };
        answered.unwrap_or_else(|error| response(error.kind().status(), error.body(), Some(error.kind())))
    }

    /// Takes OpenTelemetry's spans, from whoever may send segments.
    async fn spans(&self, peer: SocketAddr, request: Request<Incoming>) -> Result<Response<Body>, ApiError> {
        let (head, body) = request.into_parts();
        self.guard.admit(Kind::Intake, &Caller { peer: peer.ip(), uri: &head.uri, headers: &head.headers })?;
        let (body, held) = self.read("OTLP", SEGMENTS_BODY, &head.headers, body).await?;
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (content_type, encoding) = (text(CONTENT_TYPE).unwrap_or_default(), text(CONTENT_ENCODING));
        let api = Arc::clone(&self.api);
        // Never closed, so never an error.
        let turn = Arc::clone(&self.decoding).acquire_owned().await.ok();
        let work = move || {
            let answer = api.intake().otlp(&body, &content_type, encoding.as_deref(), Sender::Tcp(peer));
            drop((body, held, turn));
            answer
        };
        let answer = tokio::task::spawn_blocking(work).await.map_err(|_| broken_off())?;
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = response(status, answer.body, None);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        Ok(response)
    }

    async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Result<Vec<u8>, ApiError> {
        let (head, body) = request.into_parts();
        let route = ROUTES.iter().chain(&own::ROUTES).find(|route| route.path == head.uri.path());
        let route = route.filter(|_| head.method == Method::POST).ok_or_else(|| {
            let message = "X-Ray's API has no such operation; each of its operations is a POST to its own path";
            ApiError::new(ApiErrorKind::UnknownOperationException, message)
        })?;
        self.guard.admit(route.kind, &Caller { peer: peer.ip(), uri: &head.uri, headers: &head.headers })?;
        if head.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(ApiError::invalid("the body is compressed (Content-Encoding); send it as it is"));
        }
        let limit = if route.path == PutTraceSegments::PATH { SEGMENTS_BODY } else { BODY };
        let (body, held) = self.read(route.name, limit, &head.headers, body).await?;
        let (api, call) = (Arc::clone(&self.api), route.call);
        let work = move || {
            let answer = call(&api, Sender::Tcp(peer), &body);
            drop((body, held));
            answer
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(answer) => answer,
            Err(_) => Err(broken_off()),
        }
    }

    /// The body, and what counts it among the bodies held.
    async fn read(
        &self,
        what: &str,
        limit: usize,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Result<(Bytes, Held), ApiError> {
        timeout(BODY_TIME, self.read_in_time(what, limit, headers, body)).await.unwrap_or_else(|_| {
            let message = "the request's body did not arrive within 30 seconds";
            Err(ApiError::new(ApiErrorKind::RequestTimeoutException, message))
        })
    }

    async fn read_in_time(
        &self,
        what: &str,
        limit: usize,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Result<(Bytes, Held), ApiError> {
        let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let too_long = || {
            let message = format!("the body is longer than the {limit} bytes that {what} is read with");
            ApiError::new(ApiErrorKind::RequestEntityTooLargeException, message)
        };
        let length = length.unwrap_or(limit);
        if length > limit {
            return Err(too_long());
        }
        let (mut body, mut read, mut held) = (Limited::new(body, limit), BytesMut::new(), None);
        while let Some(frame) = body.frame().await {
            let data = match frame.map(Frame::into_data) {
                Ok(Ok(data)) => data,
                // Trailers say nothing to us.
                Ok(Err(_)) => continue,
                Err(error) if error.is::<LengthLimitError>() => return Err(too_long()),
                Err(_) => return Err(ApiError::invalid("the request's body broke off")),
            };
            if held.is_none() && read.len() + data.len() > SHORT_BODY {
                // All of it at once: who waits for a part of what is to come might wait for others who do.
                let kib = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX);
                held = Arc::clone(&self.bodies).acquire_many_owned(kib).await.ok();
                read.reserve(length.saturating_sub(read.len()));
            }
            read.extend_from_slice(&data);
        }
        Ok((read.freeze(), held))
    }
}

fn broken_off() -> ApiError {
    ApiError::internal("the operation broke off; this is a mistake of xray-console")
}

fn response(status: StatusCode, body: Vec<u8>, error: Option<ApiErrorKind>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    // Clients print it when something goes wrong.
    let id = format!("{:032x}", fastrand::u128(..));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Some(name) = error.and_then(|error| HeaderValue::from_str(&error.to_string()).ok()) {
        headers.insert("x-amzn-errortype", name);
    }
    response
}
