//! The part that knows `tracing`: spans become nodes, events and fields what is recorded on them.
//!
//! Callbacks run inside somebody else's work. They do no I/O and wait for nothing but a tree's lock, which is
//! never held while a value of the host's is formatted. Three structures answer all questions:
//!
//! - [`table`]: what an open span stands for. No entry means: below an unsampled node, and not asked about since.
//! - the frames of the thread (`node::current`): which span or wrapper is innermost, so that a new span finds its
//!   parent without a look into the registry.
//! - [`callsite`]: what there is to know about a callsite, worked out once.
//!
//! | a new span's parent is | the callsite counts | it becomes |
//! |---|---|---|
//! | a recorded node | yes | a subsegment |
//! | a recorded node | no | another name for that node: children climb over it |
//! | unsampled | any | nothing; an entry only where the registry's own parent chain would not lead to one |
//! | nothing | yes | an implicit segment with one subsegment |
//! | nothing | no | an entry that says so |

mod assemble;
mod builder;
mod callsite;
mod ext;
mod fields;
mod guard;
#[cfg(feature = "fmt")]
pub mod log;
mod rules;
mod spans;
mod table;

use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use tracing::dispatcher::WeakDispatch;
use tracing::span::{Attributes, Id, Record};
#[cfg(feature = "fmt")]
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

pub use builder::{Builder, layer, try_layer};
pub use ext::{ResultExt, SpanExt};
pub use guard::{Guard, flush, shutdown};

use self::callsite::Callsites;
use self::table::SpanTable;
use crate::diagnostics::{Code, messages};
use crate::header::Incoming;
use crate::node::{self, Below, Handle, Recorder};
use crate::sampling::RulesError;
use crate::stats::StatsSnapshot;

/// A `tracing_subscriber` layer that turns spans into X-Ray segments and subsegments.
///
/// Made by [`layer`], [`try_layer`] or [`SegmentLayer::builder`]. It can stand anywhere among the layers of a
/// registry, also in an `Option` or a `Vec`, and behind a filter of its own; not inside `reload`, where other
/// code cannot find it.
///
/// A clone is the same layer, for [`stats`](SegmentLayer::stats), [`flush`](SegmentLayer::flush) and the like. Add it to
/// one registry at a time: ids of spans are a registry's own, so the requests of two that are in use at once would be
/// taken for each other's. Each registry beside another gets a layer of its own, by a further `build`.
///
/// # Examples
///
/// ```
/// use tracing_subscriber::prelude::*;
/// use xray_core::emit::Capture;
///
/// let capture = Capture::new();
/// let layer = xray_core::SegmentLayer::builder("orders").emitter(capture.clone()).synchronous().sample_all().build()?;
/// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
///     tracing::info_span!("import", rows = 3).in_scope(|| tracing::info!("read"));
/// });
/// let [document] = &capture.documents()[..] else { panic!("one segment") };
/// assert!(document.contains(r#""name":"import""#));
/// # Ok::<(), xray_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SegmentLayer {
    /// `None`: switched off by configuration.
    shared: Option<Arc<Shared>>,
}

/// What [`SegmentLayer::find`] finds.
#[derive(Debug)]
#[non_exhaustive]
pub struct SpanNode {
    /// The node: a view, which does not end it.
    pub node: node::Node,
    /// It is the span's own; else the span is transparent, and this is what is above it.
    pub own: bool,
}

#[derive(Debug)]
struct Shared {
    recorder: Arc<Recorder>,
    spans: SpanTable,
    callsites: Callsites,
    /// The subscriber this layer is part of, for where the current one cannot be asked.
    subscriber: Mutex<Option<WeakDispatch>>,
    /// What was configured, for [`SegmentLayer::explain`].
    explanation: String,
}

/// All layers there are. Within a callback the current subscriber cannot be asked (it is told to be none) while there is
/// a scoped one anywhere in the process, our sender's own included; a frame's tag leads to the layer all the same.
static LAYERS: RwLock<Vec<Weak<Shared>>> = RwLock::new(Vec::new());

impl Shared {
    /// Makes the layer known.
    fn published(self) -> Arc<Shared> {
        let shared = Arc::new(self);
        let mut layers = LAYERS.write().unwrap_or_else(PoisonError::into_inner);
        layers.retain(|layer| layer.strong_count() > 0);
        layers.push(Arc::downgrade(&shared));
        shared
    }

    fn by_tag(tag: u32) -> Option<Arc<Shared>> {
        let layers = LAYERS.read().unwrap_or_else(PoisonError::into_inner);
        layers.iter().filter_map(Weak::upgrade).find(|shared| shared.recorder.tag == tag)
    }

    fn subscriber(&self) -> Option<Dispatch> {
        self.subscriber.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.upgrade()
    }
}

impl SegmentLayer {
    /// Starts a layer with settings of its own; [`Builder::build`] makes it.
    pub fn builder(service: impl Into<String>) -> Builder {
        Builder::new(service.into())
    }

    /// The settings in effect and where each came from, a line each; then the local rules of sampling that the layer began
    /// with. A file that has changed since shows in [`stats`](SegmentLayer::stats), as `rules_reloaded`, not here.
    pub fn explain(&self) -> &str {
        self.shared.as_deref().map_or("X-Ray is switched off", |shared| &shared.explanation)
    }

    /// What was recorded, sent and lost so far. All zero when switched off.
    pub fn stats(&self) -> StatsSnapshot {
        let Some(shared) = self.shared.as_deref() else { return StatsSnapshot::default() };
        let mut snapshot = shared.recorder.stats().snapshot();
        snapshot.subsegments_opened = shared.recorder.delivery.slots.opened();
        snapshot.rules = shared.recorder.sampler.rule_counts();
        snapshot
    }

    /// Waits until all that has ended was handed to the emitter, at most `timeout`; false when time ran out.
    pub fn flush(&self, timeout: std::time::Duration) -> bool {
        self.shared.as_deref().is_none_or(|shared| shared.recorder.flush(timeout))
    }

    /// Sends what is still open as in progress, drains the queue and ends the sender thread, within `timeout`. False when
    /// time ran out.
    ///
    /// Requests that are open then go on to pass their trace on, under the decision they have: their segments were sent,
    /// as far as they had come. What ends afterwards is lost, counted (`dropped_shutdown`). A synchronous layer has no
    /// thread to end, and goes on: what was sent as in progress is replaced by how it ended.
    pub fn shutdown(&self, timeout: std::time::Duration) -> bool {
        self.shared.as_deref().is_none_or(|shared| shared.recorder.shutdown(timeout))
    }

    /// Looks, now, whether the file of sampling rules has changed; true when new rules are in force.
    ///
    /// The sender thread does this by itself; synchronous layers, which have none, call it. Reads a file.
    ///
    /// # Errors
    ///
    /// The first time that a changed file cannot be used; the rules in force stay, and XR028 says so too.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = xray_core::layer("orders");
    /// assert_eq!(layer.reload_rules().ok(), Some(false)); // no file
    /// ```
    pub fn reload_rules(&self) -> Result<bool, RulesError> {
        let Some(shared) = self.shared.as_deref() else { return Ok(false) };
        let delivery = &shared.recorder.delivery;
        let Some(reload) = &delivery.reload else { return Ok(false) };
        let looked = reload.look(&delivery.stats, &delivery.diagnostics);
        delivery.diagnostics.deliver_queued();
        looked
    }

    /// Announces, now, what has been open longer than the configured time and was not announced yet.
    ///
    /// The sender thread does this by itself; tests and synchronous layers call it.
    pub fn announce_open(&self) {
        if let Some(shared) = &self.shared {
            shared.recorder.delivery.announce();
        }
    }

    /// After the process was restored from a snapshot that many are restored from (Lambda SnapStart): ids are drawn
    /// anew ([`ThreadEntropy::reseed`](crate::ThreadEntropy::reseed)) and the emitter opens its connections anew.
    pub fn restored(&self) {
        crate::ThreadEntropy::reseed();
        if let Some(shared) = &self.shared {
            shared.recorder.delivery.outlet.reopen();
        }
    }

    /// What a span stands for: its own node, or that of what is above it.
    ///
    /// For layers beside this one, in whose callbacks the current subscriber cannot be asked: from `on_new_span` until
    /// `on_close`, if this layer was added before theirs. None for a span this layer does not follow.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_subscriber::prelude::*;
    ///
    /// let layer = xray_core::SegmentLayer::builder("orders").without_environment().sample_all().build()?;
    /// tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.clone()), || {
    ///     let span = tracing::info_span!("import");
    ///     let found = layer.find(&span.id().expect("an enabled span")).expect("a recorded span");
    ///     assert!(found.own && found.node.is_recording());
    /// });
    /// # Ok::<(), xray_core::ConfigError>(())
    /// ```
    pub fn find(&self, span: &Id) -> Option<SpanNode> {
        let shared = self.shared.as_deref()?;
        let handle = shared.spans.get(span.into_u64()).filter(|handle| !handle.is_mark())?;
        let node = node::Node::view(&shared.recorder, handle.as_own());
        Some(SpanNode { node, own: !handle.is_alias() })
    }

    /// A guard that calls [`SegmentLayer::shutdown`] with 500 ms when dropped.
    pub fn guard(&self) -> Guard {
        Guard::new(self.clone())
    }
}

/// The recorder of the layer that is current on this thread.
pub(crate) fn find() -> Option<Arc<Recorder>> {
    tracing::dispatcher::get_default(|dispatch| Some(Arc::clone(&installed(dispatch)?.recorder)))
}

/// True when a layer is installed for this thread and switched on.
///
/// # Examples
///
/// ```
/// assert!(!xray_core::is_installed());
/// ```
pub fn is_installed() -> bool {
    tracing::dispatcher::get_default(|dispatch| installed(dispatch).is_some())
}

/// For middleware: says once in this process that no layer was found where `middleware` runs (XR002).
///
/// There is no layer to report through, so this one message goes to standard error by itself.
///
/// # Examples
///
/// ```
/// if !xray_core::is_installed() {
///     xray_core::report_missing_layer("ServerSegment");
/// }
/// ```
pub fn report_missing_layer(middleware: &str) {
    static TOLD: std::sync::Once = std::sync::Once::new();
    TOLD.call_once(|| crate::diagnostics::tell_now(Code::Xr002, messages::no_layer(middleware)));
}

/// For adapters: says through this thread's layer what happened and how to mend it, as often as such things are
/// told (once, then once a minute with a count). Without a layer nothing is said.
///
/// One line, lower case, no full stop; what came from the network only by its name and length. `message` is called
/// only when it is told.
///
/// # Examples
///
/// ```
/// use xray_core::{Code, report};
///
/// report(Code::Xr018, || "messages of queue \"orders\" came without attributes".to_owned());
/// ```
pub fn report(code: Code, message: impl FnOnce() -> String) {
    if let Some(recorder) = find() {
        recorder.report(code, message);
    }
}

/// For adapters that read headers which open no segment of their own, as those of a batch's messages: counts and tells one
/// that could not be used (XR012). Of any other nothing is said.
///
/// # Examples
///
/// ```
/// xray_core::report_malformed(&xray_core::Incoming::read_message(Some("dummy")));
/// ```
pub fn report_malformed(incoming: &Incoming) {
    if incoming.malformed().is_some() {
        if let Some(recorder) = find() {
            node::account(&recorder, incoming);
        }
    }
}

fn installed(dispatch: &Dispatch) -> Option<&Shared> {
    dispatch.downcast_ref::<SegmentLayer>()?.shared.as_deref()
}

/// The innermost node, for code that a callback runs: the format of log lines.
#[cfg(feature = "fmt")]
pub(crate) fn current_in_callback() -> node::Node {
    let recorder = tracing::dispatcher::get_default(|dispatch| match installed(dispatch) {
        Some(shared) => Some(Arc::clone(&shared.recorder)),
        None if dispatch.is::<NoSubscriber>() => {
            node::innermost_tag().and_then(Shared::by_tag).map(|shared| Arc::clone(&shared.recorder))
        }
        None => None,
    });
    recorder.map_or(node::Node::NONE, |recorder| node::current_of(&recorder))
}

/// What a span without an entry is below: the entry of its nearest ancestor that has one.
///
/// The one place that looks into the registry, past every filter; for questions asked once a request at most.
pub(crate) fn climb(recorder: &Recorder, span: u64) -> Option<Handle> {
    let climb_in = |shared: &Shared, dispatch: &Dispatch| shared.climb(dispatch.downcast_ref::<Registry>()?, span);
    let asked = tracing::dispatcher::get_default(|dispatch| {
        let shared = installed(dispatch).filter(|shared| shared.recorder.tag == recorder.tag)?;
        Some(climb_in(shared, dispatch))
    });
    asked.unwrap_or_else(|| {
        let shared = Shared::by_tag(recorder.tag)?;
        climb_in(&shared, &shared.subscriber()?)
    })
}

/// A span that is never recorded: it stands for the node that is innermost where it is made. None where it would stand
/// for nothing.
pub(crate) fn carrier_span() -> tracing::Span {
    let span = tracing::info_span!(target: "xray_carrier", "segment");
    let stands = span.with_subscriber(|(id, dispatch)| installed(dispatch)?.spans.get(id.into_u64()));
    if stands.flatten().is_some() {
        return span;
    }
    tracing::dispatcher::get_default(|dispatch| {
        if let Some(shared) = installed(dispatch) {
            // Hidden from everybody, or from this layer alone.
            shared.recorder.report(Code::Xr004, messages::spans_filtered);
        }
    });
    tracing::Span::none()
}

impl<S> tracing_subscriber::Layer<S> for SegmentLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        if let Some(shared) = self.shared.as_deref() {
            *shared.subscriber.lock().unwrap_or_else(PoisonError::into_inner) = Some(dispatch.downgrade());
        }
    }

    // Of an unsampled request the callbacks see everything, and have nothing to do for most of it: what they do otherwise
    // stands in functions of their own, which saves the registers that those need from being put aside.

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(shared) = self.shared.as_deref() else { return };
        if attributes.is_contextual() {
            match node::below(shared.recorder.tag) {
                Some(Below::Quiet) => return,
                Some(Below::Unsampled(above)) => return shared.stand_for_unsampled(id, above),
                Some(Below::Recorded(above)) => return shared.open_span(attributes, id, above.as_own()),
                None => {}
            }
        }
        shared.new_span(attributes, id, context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(shared) = self.shared.as_deref() else { return };
        let Some(handle) = shared.spans.get(id.into_u64()).filter(|handle| handle.is_recorded() && !handle.is_alias())
        else {
            return;
        };
        let Some(metadata) = context.metadata(id) else { return };
        let callsite = shared.callsites.get(metadata, &shared.recorder);
        shared.record_values(handle, callsite, values);
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: Context<'_, S>) {
        let Some(shared) = self.shared.as_deref() else { return };
        let recorded = |id: &Id| shared.spans.get(id.into_u64()).filter(|handle| handle.is_recorded());
        let (Some(handle), Some(followed)) = (recorded(id), recorded(follows)) else { return };
        if handle.slot() == followed.slot() {
            return;
        }
        let followed = node::Node::view(&shared.recorder, followed);
        if let (Some(trace), Some(id)) = (followed.trace_id(), followed.id()) {
            node::Node::view(&shared.recorder, handle).link(trace, id);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(shared) = self.shared.as_deref() else { return };
        let top = if event.is_contextual() { node::near_top(shared.recorder.tag) } else { None };
        if top.is_some_and(|frame| !frame.handle.is_recorded()) || callsite::is_minor(event.metadata()) {
            return;
        }
        match top {
            Some(frame) => shared.record_event(event, frame.handle.as_own(), frame.is_full()),
            None => shared.event(event, context),
        }
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        let Some(shared) = self.shared.as_deref() else { return };
        let id = id.into_u64();
        node::push(shared.recorder.tag, id, shared.spans.get(id).unwrap_or(Handle::QUIET));
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        let Some(shared) = self.shared.as_deref() else { return };
        match node::pop_near(shared.recorder.tag, id.into_u64()) {
            Some(frame) if frame.handle.is_recorded() => shared.left(id, frame.handle, frame.was_unwinding()),
            Some(_) => {}
            None => shared.left_elsewhere(id),
        }
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let Some(shared) = self.shared.as_deref() else { return };
        if let Some(found) = shared.spans.find(id.into_u64()) {
            if found.handle().is_unsampled() {
                shared.closed_unsampled(found);
            } else {
                shared.closed(found);
            }
        }
    }
}
