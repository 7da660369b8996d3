//! The server service: opens a request's segment and calls the inner service inside it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use http_body::Body;
use tower_service::Service;
use xray_core::sampling::SamplingRequest;
use xray_core::{HttpRequestParts, Incoming, Node, Opening, segment, service_segment};

use super::layer::Settings;
use super::{ResponseBody, ResponseFuture};
use crate::head::{self, RequestHeaders};
use crate::scope::Scope;

/// A service whose every request is a segment. Made by [`ServerSegmentLayer`](super::ServerSegmentLayer).
///
/// Wraps any service of HTTP requests whose error and response body's error can be shown
/// (`Display + 'static`), which all common ones can.
#[derive(Clone, Debug)]
pub struct ServerSegment<S> {
    pub(super) inner: S,
    pub(super) settings: Arc<Settings>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ServerSegment<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: fmt::Display + 'static,
    ResBody: Body,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let mut scope = Scope::new(open(&self.settings, &parts), "ServerSegment");
        let to_head = parts.method == Method::HEAD;
        let request = Request::from_parts(parts, body);
        let inner = scope.run_noting_panic(|| self.inner.call(request));
        ResponseFuture::new(inner, scope, Arc::clone(&self.settings), to_head)
    }
}

/// Opens the segment for the request with this head.
fn open(settings: &Settings, parts: &Parts) -> Node {
    let headers = RequestHeaders::of(&parts.headers);
    let authority = head::authority(headers.host, &parts.uri);
    let incoming =
        Incoming::read(headers.trace_header.map(HeaderValue::as_bytes), headers.traceparent.map(HeaderValue::as_bytes));
    let mut sampling = SamplingRequest::default();
    // Rules see the host as it came, port included, as with the official SDKs.
    sampling.host = authority;
    sampling.method = Some(parts.method.as_str());
    sampling.path = Some(parts.uri.path());

    let mut builder = match settings.naming.name(authority) {
        Some(name) => segment(name),
        None => service_segment(),
    };
    if let Some(trust) = settings.trust.trust(parts) {
        builder = builder.trust(trust);
    }
    let builder = builder.incoming(incoming).sampling(sampling);
    builder.open_with(|segment| describe(segment, settings, parts, &headers, authority))
}

/// Writes the request's head into the segment.
fn describe(
    segment: Opening<'_>,
    settings: &Settings,
    parts: &Parts,
    headers: &RequestHeaders<'_>,
    authority: Option<&str>,
) {
    let scheme = head::served_scheme(headers.forwarded_proto, &parts.uri);
    // Without any host there is still a path, which is what people look for.
    let url = authority.map(|authority| head::url(scheme, authority, parts.uri.path()));
    let user_agent = headers.user_agent.map(|agent| text(agent.as_bytes()));
    let peer: Option<IpAddr> = settings.client_ip.as_ref().and_then(|find| find(parts));
    let caller = head::caller(headers.forwarded_for, &parts.extensions, peer);
    let client_ip = caller.map(|caller| caller.ip.to_string());
    segment.http_request(HttpRequestParts {
        method: Some(parts.method.as_str()),
        url: Some(url.as_deref().unwrap_or_else(|| parts.uri.path())),
        user_agent: user_agent.as_deref().filter(|agent| !agent.is_empty()),
        client_ip: client_ip.as_deref(),
        x_forwarded_for: caller.is_some_and(|caller| caller.forwarded),
        traced: false,
    });
}

/// What is text nearly always, without the search for where it is not.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}
