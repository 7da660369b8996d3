//! Requests to X-Ray's own OTLP endpoint, signed with Signature Version 4.
//!
//! The endpoint takes OTLP over HTTP/1.1: at most 5 MB and 10,000 spans a request and 200 kB a span, started at most 14
//! days ago, and within 24 hours of each other. [`OtelEmitter`](crate::OtelEmitter) makes its batches so. It takes
//! nothing until the account keeps spans in CloudWatch Logs, which AWS calls Transaction Search.
//!
//! Source: AWS X-Ray Developer Guide and Amazon CloudWatch User Guide, "OTLP endpoints".

use std::fmt;
use std::io::Write;
use std::mem::{Discriminant, discriminant};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::Handle;

/// The address of X-Ray's OTLP endpoint in a region.
///
/// # Examples
///
/// ```
/// assert_eq!(xray_otel::endpoint("eu-central-1"), "https://xray.eu-central-1.amazonaws.com/v1/traces");
/// assert_eq!(xray_otel::endpoint("cn-north-1"), "https://xray.cn-north-1.amazonaws.com.cn/v1/traces");
/// ```
pub fn endpoint(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://xray.{region}.{domain}/v1/traces")
}

/// An HTTP client that signs what another one sends.
///
/// For `opentelemetry-otlp`: `.with_http_client(SigningClient::new(…))`. The client inside must speak HTTP/1.1 and bring
/// its own time-out. Credentials come from any provider, the standard chain of `aws-config` among them, and are kept
/// until five minutes before they expire. Providers of `aws-config` need a tokio runtime: make this within one, and it
/// is used from whatever thread exports.
///
/// # Examples
///
/// ```
/// use aws_credential_types::Credentials;
/// use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
/// use xray_otel::{OtelEmitter, SigningClient};
///
/// # fn standard_chain() -> Credentials { Credentials::new("AKIDEXAMPLE", "secret", None, None, "example") }
/// // In a program: aws_config::load_defaults(…).await.credentials_provider()
/// let credentials = standard_chain();
/// let http = reqwest::blocking::Client::builder().timeout(std::time::Duration::from_secs(10)).build()?;
/// let exporter = SpanExporter::builder()
///     .with_http()
///     .with_endpoint(xray_otel::endpoint("eu-central-1"))
///     .with_http_client(SigningClient::new(http, "eu-central-1", credentials))
///     .build()?;
/// let layer = xray_core::SegmentLayer::builder("orders").emitter(OtelEmitter::new("orders", exporter)).build()?;
/// # drop(layer);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SigningClient<C> {
    inner: C,
    region: String,
    provider: SharedCredentialsProvider,
    runtime: Option<Handle>,
    kept: Mutex<Option<(Credentials, SystemTime)>>,
    handler: Option<Handler>,
    told: Mutex<Vec<Discriminant<SigningError>>>,
}

/// What refusals are handed to instead of standard error.
type Handler = Box<dyn Fn(&SigningError) + Send + Sync>;

impl<C: HttpClient> SigningClient<C> {
    /// Signs for this region with credentials of this provider, and sends by `inner`.
    pub fn new(
        inner: C,
        region: impl Into<String>,
        credentials: impl ProvideCredentials + 'static,
    ) -> SigningClient<C> {
        SigningClient {
            inner,
            region: region.into(),
            provider: SharedCredentialsProvider::new(credentials),
            runtime: Handle::try_current().ok(),
            kept: Mutex::new(None),
            handler: None,
            told: Mutex::default(),
        }
    }

    /// Takes what is wrong, each time, instead of standard error, which is told each kind once. Called on the thread
    /// that exports.
    ///
    /// `opentelemetry-otlp` makes "network error" of any error of its client, and of a status no more than its number:
    /// what to do about it would be lost.
    #[must_use]
    pub fn on_refusal(mut self, handler: impl Fn(&SigningError) + Send + Sync + 'static) -> SigningClient<C> {
        self.handler = Some(Box::new(handler));
        self
    }

    fn tell(&self, error: &SigningError) {
        if let Some(handler) = &self.handler {
            return handler(error);
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains(&discriminant(error)) {
            told.push(discriminant(error));
            // A program may have closed it.
            let _ = writeln!(std::io::stderr(), "xray-otel: {error}");
        }
    }

    async fn credentials(&self, now: SystemTime) -> Result<Credentials, SigningError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((credentials, _)) = kept.filter(|(_, until)| now < *until) {
            return Ok(credentials);
        }
        let provider = self.provider.clone();
        let found = match &self.runtime {
            Some(runtime) => {
                let asked = runtime.spawn(async move { provider.provide_credentials().await });
                asked.await.map_err(|error| SigningError::Credentials(error.into()))?
            }
            None => provider.provide_credentials().await,
        };
        let credentials = found.map_err(|error| SigningError::Credentials(error.into()))?;
        let until = match credentials.expiry() {
            Some(expiry) => expiry.checked_sub(EARLY).unwrap_or(now),
            None => now.checked_add(KEPT).unwrap_or(now),
        };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((credentials.clone(), until));
        Ok(credentials)
    }

    fn sign(
        &self,
        request: &mut Request<Bytes>,
        credentials: Credentials,
        now: SystemTime,
    ) -> Result<(), SigningError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| SigningError::Unsignable(error);
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("xray")
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(error.into()))?
            .into();
        let headers = request.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let uri = request.uri().to_string();
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new(request.method().as_str(), uri, headers, body)
            .map_err(|error| failed(error.into()))?;
        let (instructions, _) = sign(signable, &params).map_err(|error| failed(error.into()))?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

#[async_trait]
impl<C: HttpClient> HttpClient for SigningClient<C> {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let bytes = request.body().len();
        if bytes > REQUEST_BYTES {
            // The endpoint's own answer, without the way there: exporters try again after an error, not after this.
            self.tell(&SigningError::TooLarge { bytes });
            return Ok(Response::builder().status(StatusCode::PAYLOAD_TOO_LARGE).body(Bytes::new())?);
        }
        let now = SystemTime::now();
        let signed = self.credentials(now).await.and_then(|credentials| self.sign(&mut request, credentials, now));
        if let Err(error) = signed {
            self.tell(&error);
            return Err(error.into());
        }
        let response = self.inner.send_bytes(request).await?;
        if let Some(error) = refusal(response.status(), response.body()) {
            if matches!(error, SigningError::Forbidden) {
                // They may have been withdrawn before their time.
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
            self.tell(&error);
        }
        Ok(response)
    }
}

/// What is wrong for good, in words that say how to mend it. Of all other answers the exporter knows as much.
fn refusal(status: StatusCode, body: &[u8]) -> Option<SigningError> {
    let says = |text: &str| body.windows(text.len()).any(|window| window == text.as_bytes());
    match status {
        StatusCode::BAD_REQUEST if says("Trace Segment Destination") => Some(SigningError::Destination),
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Some(SigningError::Forbidden),
        _ => None,
    }
}

impl<C> fmt::Debug for SigningClient<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningClient").field("region", &self.region).finish_non_exhaustive()
    }
}

/// Why X-Ray's OTLP endpoint did not take a request.
///
/// What the endpoint said is not repeated: it came from the network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The provider has none.
    #[error("no AWS credentials to sign spans with")]
    Credentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The request or the credentials cannot be signed.
    #[error("spans cannot be signed")]
    Unsignable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More than the endpoint takes.
    #[error("a request of {bytes} bytes is more than the 5 MB that X-Ray's OTLP endpoint takes: make batches smaller")]
    TooLarge {
        /// Length of its body.
        bytes: usize,
    },
    /// The account keeps segments, not spans.
    #[error(
        "X-Ray's OTLP endpoint takes no spans in this account and region until its trace segment destination is \
         CloudWatch Logs: switch on Transaction Search, or run `aws xray update-trace-segment-destination \
         --destination CloudWatchLogs`"
    )]
    Destination,
    /// The signature was not accepted, or does not allow it.
    #[error(
        "AWS refused the signature: the role needs xray:PutTraceSegments (policy AWSXrayWriteOnlyAccess), the region must \
         be the endpoint's, and the clock right to five minutes"
    )]
    Forbidden,
}

/// Source: AWS X-Ray Developer Guide, limits of the OTLP endpoint (5 MB uncompressed).
const REQUEST_BYTES: usize = 5 * 1000 * 1000;
/// Credentials are asked for anew so long before they expire.
const EARLY: Duration = Duration::from_secs(5 * 60);
/// Credentials that do not say when they expire are kept so long.
const KEPT: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::provider::future;

    use super::*;

    /// Keeps what was sent, and answers.
    #[derive(Clone, Debug)]
    struct Endpoint {
        status: u16,
        body: &'static str,
        sent: Arc<Mutex<Vec<Request<Bytes>>>>,
    }

    impl Endpoint {
        fn new(status: u16, body: &'static str) -> Endpoint {
            Endpoint { status, body, sent: Arc::default() }
        }
    }

    #[async_trait]
    impl HttpClient for Endpoint {
        async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
            self.sent.lock().unwrap().push(request);
            Ok(Response::builder().status(self.status).body(Bytes::from_static(self.body.as_bytes()))?)
        }
    }

    #[derive(Clone, Debug, Default)]
    struct Counted(Arc<AtomicUsize>);

    impl ProvideCredentials for Counted {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.0.fetch_add(1, Ordering::Relaxed);
            let token = Some("session".to_owned());
            future::ProvideCredentials::ready(Ok(Credentials::new("AKIDEXAMPLE", "secret", token, None, "test")))
        }
    }

    fn send(client: &impl HttpClient, body: Vec<u8>) -> Result<Response<Bytes>, HttpError> {
        let request = Request::post(endpoint("eu-central-1")).header("content-type", "application/x-protobuf");
        futures_executor::block_on(client.send_bytes(request.body(Bytes::from(body)).unwrap()))
    }

    #[test]
    fn a_request_is_signed_for_xray_in_its_region() {
        let (inner, credentials) = (Endpoint::new(200, ""), Counted::default());
        let client = SigningClient::new(inner.clone(), "eu-central-1", credentials.clone());
        send(&client, vec![1, 2, 3]).unwrap();
        send(&client, vec![4]).unwrap();
        let sent = inner.sent.lock().unwrap();
        let header = |name: &str| sent[0].headers()[name].to_str().unwrap();
        assert!(header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
        assert!(header("authorization").contains("/eu-central-1/xray/aws4_request, SignedHeaders=content-type;host;"));
        assert_eq!((header("x-amz-security-token"), header("x-amz-date").len()), ("session", 16));
        assert_eq!(sent[0].body(), &[1, 2, 3][..]);
        assert_eq!(credentials.0.load(Ordering::Relaxed), 1, "kept");
    }

    #[test]
    fn refusals_say_how_to_mend_them() {
        let told = |status, body| {
            let (sender, told) = std::sync::mpsc::channel();
            let client = SigningClient::new(Endpoint::new(status, body), "eu-central-1", Counted::default())
                .on_refusal(move |error| sender.send(error.to_string()).unwrap());
            assert_eq!(send(&client, vec![1]).unwrap().status(), status);
            told.try_iter().collect::<Vec<String>>().join("\n")
        };
        let off = "\u{8}\u{3}The OTLP API is supported with CloudWatch Logs as a Trace Segment Destination.";
        assert!(told(400, off).contains("update-trace-segment-destination"));
        assert!(told(403, "secret text").contains("xray:PutTraceSegments"));
        assert!(!told(403, "secret text").contains("secret text"));
        assert_eq!([told(400, "other"), told(429, ""), told(200, "")], [""; 3]);
    }

    #[test]
    fn credentials_that_were_refused_are_not_kept() {
        let credentials = Counted::default();
        let client = SigningClient::new(Endpoint::new(403, ""), "eu-central-1", credentials.clone());
        send(&client, vec![1]).unwrap();
        send(&client, vec![1]).unwrap();
        assert_eq!(credentials.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn too_large_a_request_is_not_sent() {
        let inner = Endpoint::new(200, "");
        let client = SigningClient::new(inner.clone(), "eu-central-1", Counted::default());
        assert_eq!(send(&client, vec![0; REQUEST_BYTES + 1]).unwrap().status(), 413);
        assert!(inner.sent.lock().unwrap().is_empty());
    }

    #[test]
    fn without_credentials_nothing_is_sent_and_that_is_said() {
        #[derive(Debug)]
        struct Nobody;
        impl ProvideCredentials for Nobody {
            fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
            where
                Self: 'a,
            {
                let error = aws_credential_types::provider::error::CredentialsError::not_loaded("none");
                future::ProvideCredentials::ready(Err(error))
            }
        }
        let inner = Endpoint::new(200, "");
        let (sender, told) = std::sync::mpsc::channel();
        let client = SigningClient::new(inner.clone(), "eu-central-1", Nobody)
            .on_refusal(move |error| sender.send(error.to_string()).unwrap());
        send(&client, vec![1]).unwrap_err();
        assert_eq!(told.recv().unwrap(), "no AWS credentials to sign spans with");
        assert!(inner.sent.lock().unwrap().is_empty());
    }
}
