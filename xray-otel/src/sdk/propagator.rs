//! X-Ray's trace header for OpenTelemetry's propagation.

use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use xray_core::header::NAME;
use xray_core::{Sampled, SegmentId, TraceHeader};

use crate::mapping::{absent_parent, hex};
use crate::spans::trace_bytes;

/// Reads and writes `X-Amzn-Trace-Id`.
///
/// Whatever the header says is kept: a header with `Root` alone, as a load balancer sends it, is joined; one without a
/// decision, or with `Sampled=?`, leaves it to [`XraySampler`](crate::XraySampler); `Lineage` travels on.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use opentelemetry::propagation::TextMapPropagator;
/// use opentelemetry::trace::TraceContextExt;
/// use xray_otel::XrayPropagator;
///
/// let text = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:1";
/// let request = HashMap::from([("x-amzn-trace-id".to_owned(), text.to_owned())]);
/// let context = XrayPropagator::new().extract(&request);
/// assert!(context.span().span_context().is_sampled());
///
/// let mut onward = HashMap::new();
/// XrayPropagator::new().inject_context(&context, &mut onward);
/// assert_eq!(onward["x-amzn-trace-id"], text);
/// ```
#[derive(Clone, Debug)]
pub struct XrayPropagator {
    fields: [String; 1],
}

impl XrayPropagator {
    /// A propagator for X-Ray's header alone.
    pub fn new() -> XrayPropagator {
        XrayPropagator { fields: [NAME.to_owned()] }
    }
}

impl Default for XrayPropagator {
    fn default() -> XrayPropagator {
        XrayPropagator::new()
    }
}

/// W3C `traceparent` and `X-Amzn-Trace-Id`, both read and both written; where both are there X-Ray's counts.
///
/// # Examples
///
/// ```
/// opentelemetry::global::set_text_map_propagator(xray_otel::propagators());
/// ```
pub fn propagators() -> TextMapCompositePropagator {
    TextMapCompositePropagator::new(vec![Box::new(TraceContextPropagator::new()), Box::new(XrayPropagator::new())])
}

/// What a header says that a span context cannot.
#[derive(Debug)]
pub(super) struct Carried {
    /// Nobody has decided yet.
    pub(super) undecided: bool,
    data: String,
}

impl TextMapPropagator for XrayPropagator {
    fn inject_context(&self, context: &Context, injector: &mut dyn Injector) {
        let span = context.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        let Ok(root) = xray_core::TraceId::from_w3c(&hex(&span.trace_id().to_bytes())) else { return };
        let carried = context.get::<Carried>();
        let mut header = TraceHeader::new(root);
        if span.span_id().to_bytes() != absent_parent(span.trace_id().to_bytes()) {
            header = header.with_parent(SegmentId::from_u64(u64::from_be_bytes(span.span_id().to_bytes())));
        }
        // Passed through without a span of our own, what was open stays open.
        if !(span.is_remote() && carried.is_some_and(|carried| carried.undecided)) {
            header = header.with_sampled(Sampled::from(span.is_sampled()));
        }
        if let Some(carried) = carried {
            header = header.with_data(&carried.data);
        }
        injector.set(NAME, header.to_string());
    }

    fn extract_with_context(&self, context: &Context, extractor: &dyn Extractor) -> Context {
        let Some(text) = extractor.get(NAME) else { return context.clone() };
        let Ok(header) = text.parse::<TraceHeader>() else { return context.clone() };
        if header.root().is_zero() {
            return context.clone();
        }
        let trace_id = TraceId::from_bytes(trace_bytes(&header.root()));
        let parent = header.parent().and_then(|parent| SpanId::from_hex(parent.as_str()).ok());
        let parent = parent.filter(|parent| *parent != SpanId::INVALID);
        let parent = parent.unwrap_or_else(|| SpanId::from_bytes(absent_parent(trace_id.to_bytes())));
        let decided = header.sampled().and_then(Sampled::decided);
        let flags = TraceFlags::default().with_sampled(decided == Some(true));
        let span = SpanContext::new(trace_id, parent, flags, true, TraceState::default());
        context
            .with_remote_span_context(span)
            .with_value(Carried { undecided: decided.is_none(), data: header.data().to_owned() })
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}
