//! The server service: opens a request's segment and calls the inner service inside it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Method, Request, Response};
use http_body::Body;
use tower_service::Service;
use xray_core::sampling::SamplingRequest;
use xray_core::{HttpRequestParts, Incoming, Node, Opening, segment, service_segment};

use super::layer::Settings;
use super::{ResponseBody, ResponseFuture};
use crate::head::{self, RequestHead, RequestHeaders};
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

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let node = if self.settings.show_parts() {
            let (parts, body) = request.into_parts();
            let node = open(&self.settings, &RequestHead::of_parts(&parts));
            request = Request::from_parts(parts, body);
            node
        } else {
            // A request is large: to take it apart and put it together copies it twice.
            open(&self.settings, &RequestHead::of(&request))
        };
        let mut scope = Scope::new(node, "ServerSegment");
        let to_head = request.method() == Method::HEAD;
        let inner = scope.run_noting_panic(|| self.inner.call(request));
        ResponseFuture::new(inner, scope, Arc::clone(&self.settings), to_head)
    }
}

/// Opens the segment for the request with this head.
fn open(settings: &Settings, request: &RequestHead<'_>) -> Node {
    let headers = RequestHeaders::of(request.headers);
    let authority = head::authority(headers.host, request.uri);
    let incoming =
        Incoming::read(headers.trace_header.map(HeaderValue::as_bytes), headers.traceparent.map(HeaderValue::as_bytes));
    let mut sampling = SamplingRequest::default();
    // Rules see the host as it came, port included, as with the official SDKs.
    sampling.host = authority;
    sampling.method = Some(request.method.as_str());
    sampling.path = Some(request.uri.path());

    let mut builder = match settings.naming.name(authority) {
        Some(name) => segment(name),
        None => service_segment(),
    };
    if let Some(trust) = settings.trust_in(request) {
        builder = builder.trust(trust);
    }
    let builder = builder.incoming(incoming).sampling(sampling);
    builder.open_with(|segment| describe(segment, settings, request, &headers, authority))
}

/// Writes the request's head into the segment.
fn describe(
    segment: Opening<'_>,
    settings: &Settings,
    request: &RequestHead<'_>,
    headers: &RequestHeaders<'_>,
    authority: Option<&str>,
) {
    let user_agent = headers.user_agent.map(|agent| text(agent.as_bytes()));
    let caller = head::caller(headers.forwarded_for, request.extensions, settings.client_ip_of(request));
    let client_ip = caller.map(|caller| caller.ip.to_string());
    let path = request.uri.path();
    let parts = HttpRequestParts {
        method: Some(request.method.as_str()),
        // Without any host there is still a path, which is what people look for.
        url: Some(path),
        user_agent: user_agent.as_deref().filter(|agent| !agent.is_empty()),
        client_ip: client_ip.as_deref(),
        x_forwarded_for: caller.is_some_and(|caller| caller.forwarded),
        traced: false,
    };
    match authority {
        Some(authority) => {
            let scheme = head::served_scheme(headers.forwarded_proto, request.uri);
            segment.http_request_to(head::url(scheme, authority, path), parts);
        }
        None => segment.http_request(parts),
    }
}

/// What is text nearly always, without the search for where it is not.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}
