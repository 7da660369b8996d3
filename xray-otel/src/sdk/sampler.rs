//! X-Ray's sampling rules for the OpenTelemetry SDK.

use std::fmt;
use std::sync::Arc;

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};
use xray_core::{Sample, SamplingRequest};

use super::propagator::Carried;

/// Decides by X-Ray's rules: local ones, central ones, or whatever implements [`Sample`].
///
/// A span with a parent follows it, as with the SDK's `ParentBased`, which is not needed around this; only where the
/// parent came by an `X-Amzn-Trace-Id` without a decision, and was read by [`XrayPropagator`](crate::XrayPropagator), do
/// the rules decide. They match on what the span has when it starts: `http.request.method`, `url.path`,
/// `server.address` and the like must be given to the builder, not set later. The rule's name becomes the attribute
/// `aws.xray.sampling_rule`, which [`XrayExporter`](crate::XrayExporter) writes where X-Ray wants it.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use xray_core::{LocalSampler, Rules, SystemClock, ThreadEntropy};
/// use xray_otel::XraySampler;
///
/// let rules = LocalSampler::new(Rules::default(), Arc::new(SystemClock), Arc::new(ThreadEntropy));
/// let provider = SdkTracerProvider::builder().with_sampler(XraySampler::new("orders", rules)).build();
/// # drop(provider);
/// ```
#[derive(Clone)]
pub struct XraySampler {
    service: Arc<str>,
    service_type: Option<Arc<str>>,
    sampler: Arc<dyn Sample>,
}

impl XraySampler {
    /// The rules for this service.
    pub fn new(service: impl AsRef<str>, sampler: impl Sample) -> XraySampler {
        XraySampler { service: service.as_ref().into(), service_type: None, sampler: Arc::new(sampler) }
    }

    /// What the service runs on, in X-Ray's words: `AWS::ECS::Container`.
    #[must_use]
    pub fn with_service_type(mut self, service_type: impl AsRef<str>) -> XraySampler {
        self.service_type = Some(service_type.as_ref().into());
        self
    }

    fn decide(&self, kind: &SpanKind, attributes: &[KeyValue]) -> SamplingResult {
        let texts: Vec<(&str, std::borrow::Cow<'_, str>)> =
            attributes.iter().map(|pair| (pair.key.as_str(), pair.value.as_str())).collect();
        let text = |names: &[&str]| {
            let found = names.iter().find_map(|name| texts.iter().find(|(key, _)| key == name));
            found.map(|(_, text)| text.as_ref()).filter(|text| !text.is_empty())
        };
        let all: Vec<(&str, &str)> = texts.iter().map(|(key, text)| (*key, text.as_ref())).collect();
        let url = text(&["url.full", "http.url"]).and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
        let path = text(&["url.path", "http.target"]).or(url.and_then(|rest| rest.get(rest.find('/')?..)));
        let host = text(&["server.address", "http.host", "net.host.name"]);
        let host = host.or(url.map(|rest| rest.split('/').next().unwrap_or(rest)));
        let method = text(&["http.request.method", "http.method"]);
        let mut request = SamplingRequest::new(&self.service).with_attributes(&all);
        request.host = host;
        request.method = method;
        request.path = path.map(|path| path.split(['?', '#']).next().unwrap_or(path));
        request.service_type = self.service_type.as_deref();
        request.background = !matches!(kind, SpanKind::Server | SpanKind::Consumer);
        let decision = self.sampler.sample(&request);
        let rule = decision.rule().map(|rule| KeyValue::new("aws.xray.sampling_rule", rule.to_owned()));
        result(decision.sampled(), rule)
    }
}

impl ShouldSample for XraySampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        _: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        #[cfg(feature = "layer")]
        if let Some(sampled) = super::same_ids::sampled() {
            return result(sampled, None);
        }
        let Some(context) = parent.filter(|context| context.has_active_span()) else {
            return self.decide(kind, attributes);
        };
        let span = context.span();
        let span = span.span_context();
        let open = span.is_remote() && context.get::<Carried>().is_some_and(|carried| carried.undecided);
        let mut decided = match span.is_valid() {
            true if !open => result(span.is_sampled(), None),
            _ => self.decide(kind, attributes),
        };
        decided.trace_state = span.trace_state().clone();
        decided
    }
}

fn result(sampled: bool, rule: Option<KeyValue>) -> SamplingResult {
    SamplingResult {
        decision: if sampled { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop },
        attributes: rule.into_iter().collect(),
        trace_state: TraceState::default(),
    }
}

impl fmt::Debug for XraySampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XraySampler").field("service", &self.service).finish_non_exhaustive()
    }
}
