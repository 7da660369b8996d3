//! One span, two recorders, the same ids.
//!
//! `tracing-opentelemetry` gives a span its ids when it is first entered, by asking the SDK's id generator; that one is
//! told nothing of the span. Our layer gave it ids before, when it was made. So what surrounds the other layer's
//! callbacks here holds the ids of the span they are about where the generator and the sampler find them: on this
//! thread, from just before to just after.

use std::cell::Cell;

use crate::spans::trace_bytes;
use opentelemetry::trace::{SpanId, TraceId};
use tracing::Subscriber;
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, Layer, Layered};
use tracing_subscriber::registry::LookupSpan;
use xray_core::{Sampled, SegmentLayer};

/// Lets `tracing-opentelemetry` use the ids and decisions of a [`SegmentLayer`] in the same subscriber.
///
/// The SDK needs [`XrayIdGenerator`](crate::XrayIdGenerator) and [`XraySampler`](crate::XraySampler); our layer must be
/// added first. A span then has the same trace id and span id in both, and is recorded by both or by neither. Spans that
/// our layer does not record (below INFO, of infrastructure crates) get ids of their own in the same trace.
///
/// Where OpenTelemetry was given a parent by `set_parent`, that decides the trace id; hand both sides the same header.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use opentelemetry::trace::TracerProvider;
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use tracing_subscriber::prelude::*;
/// use xray_core::{LocalSampler, Rules, SystemClock, ThreadEntropy};
/// use xray_otel::{SameIds, XrayIdGenerator, XraySampler};
///
/// let rules = LocalSampler::new(Rules::all(), Arc::new(SystemClock), Arc::new(ThreadEntropy));
/// let provider = SdkTracerProvider::builder()
///     .with_id_generator(XrayIdGenerator::default())
///     .with_sampler(XraySampler::new("orders", rules))
///     .build();
/// let segments = xray_core::layer("orders");
/// let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("orders"));
/// let subscriber = tracing_subscriber::registry().with(segments.clone()).with(SameIds::of(segments).around(spans));
/// # drop(subscriber);
/// ```
#[derive(Clone, Debug)]
pub struct SameIds {
    segments: SegmentLayer,
}

impl SameIds {
    /// The ids that this layer gives.
    pub fn of(segments: SegmentLayer) -> SameIds {
        SameIds { segments }
    }

    /// A layer that does what `layer` does, with the ids of ours.
    pub fn around<S, L>(self, layer: L) -> Layered<After, Layered<L, Before, S>, S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        L: Layer<S>,
    {
        Before { segments: self.segments }.and_then(layer).and_then(After(()))
    }
}

/// What a span got from our layer.
#[derive(Clone, Copy, Debug)]
struct Ids {
    trace: TraceId,
    /// None: the span has no node of its own.
    span: Option<SpanId>,
    sampled: bool,
}

thread_local! {
    static CURRENT: Cell<Option<Ids>> = const { Cell::new(None) };
}

fn current() -> Option<Ids> {
    CURRENT.try_with(Cell::get).ok().flatten()
}

fn set(ids: Option<Ids>) {
    // Fails only while the thread ends, when nothing asks any more.
    let _ = CURRENT.try_with(|current| current.set(ids));
}

pub(super) fn trace_id() -> Option<TraceId> {
    current().map(|ids| ids.trace)
}

pub(super) fn span_id() -> Option<SpanId> {
    current()?.span
}

pub(super) fn sampled() -> Option<bool> {
    current().map(|ids| ids.sampled)
}

/// Runs before the other layer. Made by [`SameIds::around`].
#[derive(Clone, Debug)]
pub struct Before {
    segments: SegmentLayer,
}

impl Before {
    fn find(&self, id: &Id) -> Option<Ids> {
        let found = self.segments.find(id)?;
        // As it goes out: a segment that may yet be kept at its end is one that was not sampled.
        let header = found.node.trace_header()?;
        let sampled = header.sampled() == Some(Sampled::Yes);
        let own = found.node.id().filter(|_| found.own && sampled);
        Some(Ids {
            trace: TraceId::from_bytes(trace_bytes(&header.root())),
            span: own.and_then(|id| SpanId::from_hex(id.as_str()).ok()),
            sampled,
        })
    }
}

impl<S> Layer<S> for Before
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(ids) = self.find(id) {
            span.extensions_mut().replace(ids);
        }
        // The other layer may start the parent now, if nobody has entered it yet.
        let parent = match attributes.parent() {
            Some(parent) => context.span(parent),
            None if attributes.is_contextual() => context.lookup_current(),
            None => None,
        };
        set(parent.and_then(|parent| parent.extensions().get::<Ids>().copied()));
    }

    fn on_follows_from(&self, _: &Id, follows: &Id, context: Context<'_, S>) {
        set(context.span(follows).and_then(|span| span.extensions().get::<Ids>().copied()));
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        // Kept with the span: by the time it closes our layer has forgotten it.
        set(context.span(id).and_then(|span| span.extensions().get::<Ids>().copied()));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        set(context.span(&id).and_then(|span| span.extensions().get::<Ids>().copied()));
    }
}

/// Runs after the other layer. Made by [`SameIds::around`].
#[derive(Clone, Debug)]
pub struct After(());

impl<S: Subscriber> Layer<S> for After {
    fn on_new_span(&self, _: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        set(None);
    }

    fn on_follows_from(&self, _: &Id, _: &Id, _: Context<'_, S>) {
        set(None);
    }

    fn on_enter(&self, _: &Id, _: Context<'_, S>) {
        set(None);
    }

    fn on_close(&self, _: Id, _: Context<'_, S>) {
        set(None);
    }
}
