//! A stand-in for AWS behind the SDK's HTTP client, clients that call it, and a segment to call from.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use tracing::instrument::WithSubscriber;
use xray_core::document::Document;
use xray_core::{SegmentId, TraceHeader};
use xray_test::{Captured, ManualClock, SeededEntropy};

/// What the service does with one request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Status, headers, body.
    Http(u16, &'static [(&'static str, &'static str)], &'static str),
    /// Nobody listens.
    Refuse,
    /// No answer ever comes.
    Hang,
}

/// An AWS service: answers in this order, then the last one always; keeps what it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    answers: Arc<Vec<Answer>>,
    seen: Arc<Mutex<Vec<Request>>>,
    /// Polls that find nothing before an answer comes.
    pub(crate) pending: u32,
    /// How long an answer takes, by this clock.
    pub(crate) takes: Option<(ManualClock, Duration)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn trace_header(&self) -> Option<TraceHeader> {
        self.headers.get("x-amzn-trace-id").map(|value| value.parse().unwrap())
    }
}

impl Service {
    pub(crate) fn answering(answers: &[Answer]) -> Service {
        Service { answers: Arc::new(answers.to_vec()), seen: Arc::default(), pending: 0, takes: None }
    }

    /// An empty JSON object and a request id: a success for every JSON service.
    pub(crate) fn ok() -> Service {
        Service::answering(&[OK])
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// The trace headers of all requests, each of which had one.
    pub(crate) fn trace_headers(&self) -> Vec<TraceHeader> {
        self.seen().iter().map(|request| request.trace_header().expect("a trace header")).collect()
    }
}

pub(crate) const OK: Answer = Answer::Http(200, &[("x-amzn-requestid", "REQ1"), ("content-length", "2")], "{}");

impl HttpClient for Service {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Service {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let mut seen = self.seen.lock().unwrap();
        let answer = *self.answers.get(seen.len()).or(self.answers.last()).unwrap();
        seen.push(Request { headers, body });
        let mut pending = self.pending;
        let takes = self.takes.clone();
        HttpConnectorFuture::new(async move {
            poll_fn(|cx| {
                if pending == 0 {
                    return Poll::Ready(());
                }
                pending -= 1;
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            if let Some((clock, time)) = takes {
                clock.advance(time);
            }
            match answer {
                Answer::Http(status, headers, body) => {
                    let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
                    for (name, value) in headers {
                        response.headers_mut().insert(*name, *value);
                    }
                    Ok(response)
                }
                Answer::Refuse => Err(ConnectorError::io("connection refused".into())),
                Answer::Hang => std::future::pending().await,
            }
        })
    }
}

/// A client's configuration: a region and key, and this HTTP client.
macro_rules! bare {
    ($sdk:ident, $http_client:expr) => {
        $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::v2026_01_12())
            .region($sdk::config::Region::new("eu-central-1"))
            .credentials_provider($crate::support::key())
            .http_client($http_client)
    };
}
pub(crate) use bare;

/// The same with our interceptor.
macro_rules! config {
    ($sdk:ident, $http_client:expr) => {
        $crate::support::bare!($sdk, $http_client).interceptor(xray_aws_sdk::interceptor())
    };
}
pub(crate) use config;

pub(crate) fn key() -> Credentials {
    Credentials::new("AKID", "secret", None, None, "test")
}

pub(crate) fn dynamodb(service: &Service) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::from_conf(config!(aws_sdk_dynamodb, service.clone()).build())
}

/// A client without the interceptor.
pub(crate) fn bare_dynamodb(http_client: impl HttpClient + 'static) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::from_conf(bare!(aws_sdk_dynamodb, http_client).build())
}

pub(crate) async fn get_item(client: &aws_sdk_dynamodb::Client) -> Result<(), String> {
    let key = AttributeValue::S("7".to_owned());
    let sent = client.get_item().table_name("orders").key("id", key).send().await;
    sent.map(drop).map_err(|error| format!("{error:?}"))
}

/// A layer for one test.
pub(crate) fn captured() -> Captured {
    Captured::new(ManualClock::at(1465510280.5), SeededEntropy::new(7))
}

/// Runs a future on this thread under the layer; waits take no time.
pub(crate) fn run<F: Future>(xray: &Captured, work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(work.with_subscriber(xray.dispatch().clone()))
}

/// The same inside the segment `web`, whose document comes back.
pub(crate) fn in_segment<F: Future>(work: impl FnOnce() -> F) -> (Document, F::Output) {
    let xray = captured();
    let output = run(&xray, async { xray_core::segment("web").open().instrument(async { work().await }).await });
    let [document] = xray.documents();
    (document, output)
}

/// Gives a future up after so many polls. `None` then.
pub(crate) async fn give_up_after<F: Future>(polls: u32, work: F) -> Option<F::Output> {
    let mut work = Box::pin(work);
    let mut left = polls;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(cx).map(Some)
    })
    .await
}

pub(crate) fn id_of(document: &Document) -> SegmentId {
    document.id.parse().unwrap()
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
