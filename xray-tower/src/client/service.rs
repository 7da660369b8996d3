//! The client service: opens a call's subsegment, injects the trace header and sends the request.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, Method, Request, Response};
use tower_service::Service;
use xray_core::{HttpRequestParts, Namespace, Node, Opening, Sampled, TraceHeader, subsegment};

use super::ResponseFuture;
use super::layer::Settings;
use crate::head;
use crate::scope::Scope;

/// A client whose every request is a subsegment. Made by
/// [`ClientSubsegmentLayer`](super::ClientSubsegmentLayer).
///
/// Wraps any client of HTTP requests whose error can be shown (`Display + 'static`), which all common
/// ones can. Outside any segment the request goes out untouched.
#[derive(Clone, Debug)]
pub struct ClientSubsegment<S> {
    pub(super) inner: S,
    pub(super) settings: Arc<Settings>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ClientSubsegment<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: fmt::Display + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let authority = head::authority_called(request.headers(), request.uri());
        let node = open(authority.map(head::host), |call| {
            let scheme = request.uri().scheme_str().unwrap_or("http");
            let parts = described(&self.settings, request.method());
            match authority {
                Some(authority) => call.http_request_to(head::url(scheme, authority, request.uri().path()), parts),
                None => call.http_request(parts),
            }
        });
        inject(&node, &self.settings, request.headers_mut());
        let mut scope = Scope::new(node, "ClientSubsegment");
        let inner = scope.run_noting_panic(|| self.inner.call(request));
        ResponseFuture::new(inner, scope, Arc::clone(&self.settings))
    }
}

/// Opens the subsegment of a call to `host`; where it is recorded, with what `describe` says.
pub(super) fn open(host: Option<&str>, describe: impl FnOnce(Opening<'_>)) -> Node {
    let name = host.filter(|host| !host.is_empty()).unwrap_or(UNKNOWN_HOST);
    subsegment(name).namespace(Namespace::Remote).open_with(describe)
}

/// Name of a call whose request names no host. Source: X-Ray SDK for Node.js.
const UNKNOWN_HOST: &str = "unknown host";

/// What the subsegment says of the request, but for its URL.
pub(super) fn described<'a>(settings: &Settings, method: &'a Method) -> HttpRequestParts<'a> {
    HttpRequestParts { method: Some(method.as_str()), traced: settings.traced, ..HttpRequestParts::default() }
}

/// Sends the node's trace header along, sampled or not; nothing where there is no node.
pub(super) fn inject(node: &Node, settings: &Settings, headers: &mut HeaderMap) {
    let Some(header) = node.trace_header() else {
        return;
    };
    if settings.w3c {
        insert(headers, head::TRACEPARENT, traceparent(&header).map(String::into_bytes));
    }
    if !(settings.keep_existing && headers.contains_key(head::TRACE_HEADER)) {
        let mut value = Vec::new();
        header.write_to(&mut value);
        insert(headers, head::TRACE_HEADER, Some(value));
    }
}

fn insert(headers: &mut HeaderMap, name: http::HeaderName, value: Option<Vec<u8>>) {
    let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) else {
        return;
    };
    // Refused only by a map already at its 32,768 headers; the request then goes out as it is.
    let _ = headers.try_insert(name, value);
}

/// The same as W3C Trace Context has it: `00-{trace id}-{parent id}-{flags}`, lower case.
///
/// `None` without a parent, which `traceparent` cannot leave out.
///
/// Source: W3C Trace Context, "traceparent Header"; X-Ray Developer Guide, "Segment documents" for
/// how the two forms of a trace id correspond.
fn traceparent(header: &TraceHeader) -> Option<String> {
    let root = header.root();
    let (time, rest) = root.as_str().strip_prefix("1-")?.split_once('-')?;
    let parent = header.parent()?;
    let flags = if header.sampled() == Some(Sampled::Yes) { "01" } else { "00" };
    Some(format!("00-{time}{rest}-{parent}-{flags}").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(sampled: Option<Sampled>) -> TraceHeader {
        let header = TraceHeader::new("1-5759E988-bd862e3fe1be46a994272793".parse().unwrap());
        let header = header.with_parent("53995c3f42cd8ad8".parse().unwrap());
        match sampled {
            Some(sampled) => header.with_sampled(sampled),
            None => header,
        }
    }

    #[test]
    fn traceparent_says_the_same_in_lower_case() {
        assert_eq!(
            traceparent(&header(Some(Sampled::Yes))).as_deref(),
            Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01")
        );
        assert_eq!(
            traceparent(&header(Some(Sampled::No))).as_deref(),
            Some("00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00")
        );
    }

    #[test]
    fn traceparent_needs_a_parent() {
        assert_eq!(traceparent(&TraceHeader::new(header(None).root())), None);
    }
}
