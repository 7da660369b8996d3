//! The coarser way: subsegments from the HTTP requests of every client of one configuration.
//!
//! A request says less than a call: the service from the user agent, the operation from a header, query or form, the
//! region from the signature. Each attempt is a subsegment; it ends with the answer's head; retries, time-outs of the
//! whole call and the resource are not known here.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::config_bag::ConfigBag;
use xray_core::{ExceptionParts, Flags, Node, Sampled, TraceHeader, header};

use crate::interceptor::{Intercepted, insert};
use crate::outcome;
use crate::request;
use crate::service_error;

/// Wraps the HTTP client of an `SdkConfig`, so that all its clients make subsegments and send the trace header.
///
/// For programs with many clients. [`interceptor()`](crate::interceptor()) on a client tells more, and a client that has it
/// is left to it. Each attempt of a call is a subsegment here, named for the service, with operation, region, request
/// id and status; the table, queue or bucket is not known, nor is a throttle that DynamoDB answers with 400.
///
/// # Examples
///
/// ```
/// use aws_smithy_runtime_api::client::http::HttpClient;
///
/// // `.http_client(traced(aws_smithy_http_client::Builder::new().build_https()))` on `aws_config::defaults(…)`
/// fn traced(client: impl HttpClient + 'static) -> impl HttpClient {
///     xray_aws_sdk::http_client(client)
/// }
/// ```
pub fn http_client(inner: impl HttpClient + 'static) -> SharedHttpClient {
    SharedHttpClient::new(XrayHttpClient { inner: SharedHttpClient::new(inner) })
}

#[derive(Debug)]
struct XrayHttpClient {
    inner: SharedHttpClient,
}

impl HttpClient for XrayHttpClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(XrayConnector { inner: self.inner.http_connector(settings, components) })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        cfg: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.inner.validate_base_client_config(components, cfg)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, cfg: &ConfigBag) -> Result<(), BoxError> {
        self.inner.validate_final_config(components, cfg)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

#[derive(Debug)]
struct XrayConnector {
    inner: SharedHttpConnector,
}

impl HttpConnector for XrayConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        if request.extension::<Intercepted>().is_some() {
            return self.inner.call(request);
        }
        let Some(node) = request::operation(&request).open(|_| {}).filter(Node::is_active) else {
            return self.inner.call(request);
        };
        if let Some(header) = node.trace_header() {
            propagate(header, request.headers_mut());
        }
        if !node.is_recording() {
            return self.inner.call(request);
        }
        let response = node.in_scope(|| self.inner.call(request));
        HttpConnectorFuture::new(node.instrument(async move {
            let result = response.await;
            // Inside `instrument` the innermost node is this call's.
            record(&xray_core::current(), &result);
            result
        }))
    }
}

/// Sets the header, or makes this call the parent in the one that is there, when it is of the same trace: in Lambda the
/// SDK has set it by then, with the Lineage by which Lambda finds loops. Another trace's header is the host's own.
fn propagate(ours: TraceHeader, headers: &mut Headers) {
    let there = headers.get_bytes(header::NAME);
    let value = match there.map(TraceHeader::parse_bytes) {
        None => ours,
        Some(Ok(theirs)) if theirs.root() == ours.root() => {
            let sampled = ours.sampled().unwrap_or(Sampled::No);
            let header = theirs.with_sampled(sampled);
            ours.parent().map_or(header.clone(), |parent| header.with_parent(parent))
        }
        Some(_) => return,
    };
    insert(headers, &value);
}

fn record(node: &Node, result: &Result<HttpResponse, ConnectorError>) {
    match result {
        Ok(response) => {
            outcome::record_response(node, response);
            let status = response.status().as_u16();
            // The body is still on its way, and the caller's to read.
            if let (400.., Some(code)) = (status, service_error::header(response)) {
                outcome::record_service_error(node, status, code, "");
            }
        }
        Err(error) => {
            let message = outcome::chain(error);
            node.record_exception(ExceptionParts { kind: "DispatchFailure", message: &message, remote: false });
            node.mark(Flags { fault: true, ..Flags::default() });
        }
    }
}
