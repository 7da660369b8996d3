//! A scoped X-Ray layer that keeps its documents, and small services to trace with it.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tracing::dispatcher::DefaultGuard;
use xray_core::{Builder, LateCapture, Rules};
use xray_test::{Captured, ManualClock, SeededEntropy};
use xray_tower::ServerSegmentLayer;
use xray_tower::server::ResponseBody;

/// The body of every request and response here.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

pub(crate) fn boxed<B>(body: B) -> Body
where
    B: http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    body.boxed_unsync()
}

pub(crate) fn text(text: &'static str) -> Body {
    boxed(Full::from(text).map_err(|never: Infallible| match never {}))
}

pub(crate) fn get(uri: &str) -> Request<Body> {
    Request::get(uri).body(text("")).unwrap()
}

pub(crate) fn respond(status: u16, body: &'static str) -> Response<Body> {
    Response::builder().status(status).body(text(body)).unwrap()
}

/// Serves one request by `handler` inside `layer`.
pub(crate) async fn serve<H, F>(
    layer: ServerSegmentLayer,
    request: Request<Body>,
    handler: H,
) -> Response<ResponseBody<Body>>
where
    H: FnMut(Request<Body>) -> F,
    F: Future<Output = Response<Body>>,
{
    let mut handler = handler;
    let service = service_fn(move |request| {
        let answer = handler(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    layer.layer(service).oneshot(request).await.unwrap()
}

/// Reads a response to its end and drops it, as a server does.
pub(crate) async fn finish<B>(response: Response<B>) -> Bytes
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    response.into_body().collect().await.unwrap().to_bytes()
}

/// The flags of a document or subsegment, in alphabetical order.
pub(crate) fn flags(node: &Value) -> String {
    let set = ["error", "fault", "throttle"].into_iter().filter(|flag| node[flag] == true);
    set.collect::<Vec<_>>().join(" ")
}

/// The first exception.
pub(crate) fn exception(node: &Value) -> &Value {
    &node["cause"]["exceptions"][0]
}

/// The messages of all exceptions, outermost first.
pub(crate) fn exceptions(node: &Value) -> Vec<&str> {
    let exceptions = node["cause"]["exceptions"].as_array().map(Vec::as_slice).unwrap_or_default();
    exceptions.iter().map(|exception| exception["message"].as_str().unwrap()).collect()
}

/// An X-Ray layer for this thread, and what it sent.
///
/// Tests run on runtimes of one thread, so that spawned tasks are under it too.
pub(crate) struct Traced {
    xray: Captured,
    _default: DefaultGuard,
}

impl Traced {
    /// Records everything, for a service called `test`.
    pub(crate) fn new() -> Traced {
        Traced::with(|layer| layer)
    }

    /// Records what headers ask for, and nothing else.
    pub(crate) fn sampling_nothing() -> Traced {
        Traced::with(|layer| layer.rules(Rules::none()))
    }

    /// Samples nothing, and keeps what ends in a fault.
    pub(crate) fn keeping_faults() -> Traced {
        Traced::with(|layer| layer.rules(Rules::none()).late_capture(LateCapture::rules().with_faults()))
    }

    /// Records everything, as a function on AWS Lambda.
    pub(crate) fn in_lambda() -> Traced {
        Traced::with(|layer| layer.lambda(true))
    }

    pub(crate) fn with(settings: impl FnOnce(Builder) -> Builder) -> Traced {
        let clock = ManualClock::at(1_465_510_280.514);
        let xray = Captured::with(clock, SeededEntropy::new(7), settings);
        let default = tracing::dispatcher::set_default(xray.dispatch());
        Traced { xray, _default: default }
    }

    /// The documents so far; each is one that X-Ray takes.
    fn documents(&self) -> Vec<Value> {
        self.xray.all();
        let texts = self.xray.texts();
        texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    /// The only document so far.
    pub(crate) fn segment(&self) -> Value {
        self.segments(1).remove(0)
    }

    /// Exactly `count` documents.
    pub(crate) fn segments(&self, count: usize) -> Vec<Value> {
        let documents = self.documents();
        assert_eq!(documents.len(), count, "documents: {documents:#?}");
        documents
    }

    /// No document yet.
    pub(crate) fn nothing(&self) {
        self.segments(0);
    }

    /// The documents with these names, when they are all there are.
    pub(crate) fn named<const N: usize>(&self, names: [&str; N]) -> [Value; N] {
        let documents = self.segments(N);
        names.map(|name| {
            let found = documents.iter().find(|document| document["name"] == name);
            found.cloned().unwrap_or_else(|| panic!("no {name:?} among {documents:#?}"))
        })
    }

    /// Waits until another task has finished `count` documents; 10 s at most, far beyond need.
    pub(crate) async fn wait_for(&self, count: usize) {
        let arrived = async {
            while self.xray.texts().len() < count {
                tokio::task::yield_now().await;
            }
        };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(10), arrived).await;
        self.segments(count);
    }
}
