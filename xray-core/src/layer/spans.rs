//! What a callback does: a span becomes a node, another name for one, or nothing; values and events are recorded.

use std::num::NonZeroU64;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::callsite::Callsite;
use super::fields::{ErrorValues, EventFields, EventTexts, Findings, SpanFields, Texts};
use super::table::{Found, Taken};
use super::{Shared, climb};
use crate::diagnostics::{Code, messages};
use crate::node::{self, Frame, Handle, Kind, NO_SPAN, Place, flag, give_back, take_draft, with_draft};
use crate::sampling::SamplingRequest;
use crate::stats::Counter;

impl Shared {
    pub(super) fn climb<'a, S: LookupSpan<'a>>(&self, registry: &'a S, span: u64) -> Option<Handle> {
        let id = NonZeroU64::new(span).map(Id::from_non_zero_u64)?;
        registry.span(&id)?.scope().find_map(|span| self.spans.get(span.id().into_u64()))
    }

    /// A span becomes a node, another name for one, or nothing: where it is not simply below what the thread is in.
    #[inline(never)]
    pub(super) fn new_span<S>(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Above { handle: above, by_span } = self.above(attributes.parent(), attributes.is_root(), &context);
        if above.is_recorded() {
            self.open_span(attributes, id, above.as_own());
        } else if above == Handle::NOTHING {
            self.open_root(attributes, id);
        } else if above != Handle::QUIET && !by_span {
            self.stand_for_unsampled(id, above);
        }
    }

    /// An event is recorded on the node that it happened in: where that is not simply what the thread is in.
    #[inline(never)]
    pub(super) fn event<S>(&self, event: &Event<'_>, context: Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let around = match event.parent() {
            Some(parent) => Some((self.at(parent, &context), false)),
            None if event.is_root() => None,
            None => node::top(self.recorder.tag).map(|frame| (frame.handle, frame.is_full())),
        };
        if let Some((handle, full)) = around.filter(|(handle, _)| handle.is_recorded()) {
            self.record_event(event, handle.as_own(), full);
        }
    }

    /// A span was left that stands for a recorded node.
    #[inline(never)]
    pub(super) fn left(&self, id: &Id, handle: Handle, was_unwinding: bool) {
        if !handle.is_alias() {
            self.spans.leave(id.into_u64(), self.recorder.now());
            if std::thread::panicking() && !was_unwinding {
                self.note_panic(handle);
            }
        }
    }

    /// A span was left whose frame is not the innermost, or is very deep.
    #[cold]
    #[inline(never)]
    pub(super) fn left_elsewhere(&self, id: &Id) {
        let frame = node::pop_span(self.recorder.tag, id.into_u64());
        if let Some(frame) = frame.filter(|frame| frame.handle.is_recorded()) {
            self.left(id, frame.handle, frame.was_unwinding());
        }
    }

    /// A span that stands for something is closed.
    #[inline(never)]
    pub(super) fn closed(&self, found: Found<'_>) {
        let Taken { handle, left } = found.take();
        if handle.is_recorded() && !handle.is_alias() {
            self.recorder.close_span(handle, left);
        } else if !handle.is_mark() {
            self.recorder.release(handle);
        }
    }

    /// The same, of one that stands for an unsampled node.
    #[inline(never)] // apart, a fifth cheaper: see the callbacks
    pub(super) fn closed_unsampled(&self, found: Found<'_>) {
        self.recorder.unclaim(found.take().handle);
    }

    /// A new span directly below an unsampled node has a trace to pass on, which the registry does not lead to.
    #[inline(never)] // apart, at half of what it takes in the function that opens nodes
    pub(super) fn stand_for_unsampled(&self, id: &Id, above: Handle) {
        if self.recorder.delivery.slots.claim(above) {
            self.insert_alias(id, above);
        }
    }

    /// What a new span is below.
    fn above<S>(&self, explicit: Option<&Id>, root: bool, context: &Context<'_, S>) -> Above
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if let Some(parent) = explicit {
            return Above { handle: self.at(parent, context), by_span: true };
        }
        let frame = if root { None } else { node::top(self.recorder.tag) };
        match frame {
            None => Above { handle: Handle::NOTHING, by_span: false },
            Some(Frame { span, handle, .. }) if handle.is_recorded() || span == NO_SPAN => {
                Above { handle, by_span: span != NO_SPAN }
            }
            // The registry's parent would be whatever span was entered between, perhaps of another request.
            Some(frame) if node::is_entered_again(self.recorder.tag, frame.span) => self.above_again(&frame, context),
            Some(Frame { handle, .. }) => Above { handle, by_span: true },
        }
    }

    /// What an explicit parent stands for.
    #[inline(never)]
    fn at<S>(&self, span: &Id, context: &Context<'_, S>) -> Handle
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let found = self.spans.get(span.into_u64()).or_else(|| self.hidden_entry(span, context));
        found.unwrap_or(Handle::NOTHING)
    }

    /// What a new span is below inside one that was entered before and not left.
    #[cold]
    fn above_again<S>(&self, frame: &Frame, context: &Context<'_, S>) -> Above
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let id = NonZeroU64::new(frame.span).map(Id::from_non_zero_u64);
        let found = self.spans.get(frame.span).or_else(|| self.hidden_entry(&id?, context));
        Above { handle: found.unwrap_or(Handle::QUIET), by_span: false }
    }

    /// What a span without an entry lies below: an unsampled node, or whatever this layer's own filter hides it from.
    #[cold]
    fn hidden_entry<S>(&self, span: &Id, context: &Context<'_, S>) -> Option<Handle>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        match context.span(span) {
            Some(span) => span.scope().find_map(|span| self.spans.get(span.id().into_u64())),
            None => climb(&self.recorder, span.into_u64()),
        }
    }

    /// A span opens below a node.
    #[inline(never)] // see the callbacks; what it calls on the usual way is inlined, which saves a sixth
    pub(super) fn open_span(&self, attributes: &Attributes<'_>, id: &Id, above: Handle) {
        let callsite = self.callsites.get(attributes.metadata(), &self.recorder);
        let opened = if callsite.selected { self.open_node(attributes, callsite, above) } else { None };
        let Some((opened, texts)) = opened else {
            return self.stand_for(id, above);
        };
        if !self.spans.insert(id.into_u64(), opened) {
            self.recorder.stats().add(Counter::DroppedNodeLimit, 1);
            return self.recorder.close(opened, Some(self.recorder.now()));
        }
        if let Some(texts) = texts {
            self.record_texts(opened, *texts, |errors| attributes.record(errors));
        }
    }

    /// A span's node with what its values say. `None` when there is no room, or the span says `xray = false`.
    #[inline(always)]
    fn open_node(
        &self,
        attributes: &Attributes<'_>,
        callsite: &'static Callsite,
        above: Handle,
    ) -> Option<(Handle, Option<Box<Texts>>)> {
        let start = self.recorder.now();
        // Values are rendered first: opening the node then takes the tree's lock once, with no code of the host's.
        let mut draft = take_draft();
        let mut fields = SpanFields::new(&mut draft, callsite);
        attributes.record(&mut fields);
        let Findings { bits, deselected, texts } = fields.finish();
        let opened = if deselected {
            None
        } else {
            self.recorder.open_child_with(above, Some(&callsite.label), start, bits, &mut draft)
        };
        give_back(draft);
        Some((opened?, texts))
    }

    /// A span that is not recorded is another name for what is above it.
    #[inline(never)]
    fn stand_for(&self, id: &Id, above: Handle) {
        let retained = self.recorder.delivery.slots.with(above, |tree| {
            // Of what late capture has forgotten there is still a trace to pass on.
            if tree.is_abandoned() && !tree.is_dropped() {
                return false;
            }
            tree.retain(above.node());
            true
        });
        if retained == Some(true) {
            self.insert_alias(id, above);
        }
    }

    /// The span has a reference to what it stands for. Without an entry it is quiet: nothing below it is recorded, and it
    /// starts no trace.
    #[inline(always)]
    fn insert_alias(&self, id: &Id, above: Handle) {
        if !self.spans.insert(id.into_u64(), above.as_alias()) {
            self.recorder.release(above);
        }
    }

    /// Nothing above: a command-line tool, a background job, or a span lost across `spawn`.
    #[cold]
    #[inline(never)]
    fn open_root(&self, attributes: &Attributes<'_>, id: &Id) {
        let recorder = &self.recorder;
        let callsite = self.callsites.get(attributes.metadata(), recorder);
        let selected = callsite.selected && !(callsite.has_switch && deselected(attributes, callsite));
        if !selected || recorder.rules.in_lambda || !recorder.rules.root_spans {
            if selected {
                recorder.stats().add(Counter::OrphanSpans, 1);
            }
            self.spans.insert(id.into_u64(), Handle::NOTHING);
            return;
        }
        if recorder.delivery.slots.explicit() > 0 {
            recorder.report(Code::Xr006, || messages::root_span(attributes.metadata().name()));
        }
        let request = SamplingRequest { service: &recorder.service, background: true, ..SamplingRequest::default() };
        let decision = recorder.decide(&request);
        let head = recorder.head(None, None, decision, Kind::Implicit);
        let Some(root) = recorder.open_tree(head) else {
            self.spans.insert(id.into_u64(), Handle::NOTHING);
            return;
        };
        if root.is_unsampled() {
            if !self.spans.insert(id.into_u64(), root) {
                recorder.unclaim(root);
            }
            return;
        }
        let Some((child, texts)) = self.open_node(attributes, callsite, root) else {
            return recorder.close(root, Some(recorder.now()));
        };
        if !self.spans.insert(id.into_u64(), child) {
            return recorder.close_span(child, None);
        }
        if let Some(texts) = texts {
            self.record_texts(child, *texts, |errors| attributes.record(errors));
        }
    }

    /// Adds values to a span that is open.
    pub(super) fn record_values(&self, handle: Handle, callsite: &'static Callsite, values: &Record<'_>) {
        let texts = with_draft(|draft| {
            let mut fields = SpanFields::new(draft, callsite);
            values.record(&mut fields);
            let Findings { bits, texts, .. } = fields.finish();
            self.recorder.append(handle, draft, bits, true);
            texts
        });
        if let Some(texts) = texts {
            self.record_texts(handle, *texts, |errors| values.record(errors));
        }
    }

    /// What few spans say: their user, an error, a name that had to be changed.
    #[cold]
    #[inline(never)]
    fn record_texts(&self, handle: Handle, texts: Texts, record_errors: impl FnOnce(&mut ErrorValues<'_>)) {
        if let Some(bytes) = texts.renamed {
            self.recorder.stats().add(Counter::NamesChanged, 1);
            self.recorder.report(Code::Xr008, || messages::field_name_changed(bytes));
        }
        if let Some(user) = texts.user {
            with_draft(|draft| {
                node::member(draft, node::Class::Member, br#""user":"#, &user, node::HTTP_BYTES);
                self.recorder.append(handle.at_node(0), draft, 0, true);
            });
        }
        if texts.message.is_some() || texts.kind.is_some() {
            let message = texts.message.as_deref().unwrap_or_default();
            self.record_exceptions(handle, texts.kind.as_deref(), message, Place::default(), record_errors);
        }
    }

    /// Exceptions from error values with their chains where there are any, else one from the text.
    fn record_exceptions(
        &self,
        handle: Handle,
        kind: Option<&str>,
        message: &str,
        place: Place,
        record_errors: impl FnOnce(&mut ErrorValues<'_>),
    ) {
        let recorder = &self.recorder;
        let new_id = || recorder.new_id();
        with_draft(|draft| {
            let mut chained = false;
            record_errors(&mut ErrorValues(&mut |error| {
                chained = true;
                let admitted = recorder.admit_exceptions(handle, node::chain_length(error));
                node::error_chain(draft, error, kind, admitted, place, &new_id);
            }));
            if !chained && recorder.admit_exceptions(handle, 1).taken == 1 {
                let parts = node::ExceptionParts { kind: kind.unwrap_or_default(), message, remote: false };
                node::exception(draft, new_id(), &parts, None, 0, place);
            }
            recorder.append(handle, draft, 0, false);
        });
    }

    /// An event is recorded on a node; `full`: which has all the events it keeps.
    #[inline(never)]
    pub(super) fn record_event(&self, event: &Event<'_>, handle: Handle, full: bool) {
        let recorder = &self.recorder;
        let callsite = self.callsites.get(event.metadata(), recorder);
        if !callsite.selected {
            return;
        }
        if full && !callsite.error {
            // Formatting what is not kept would be for nothing.
            return recorder.stats().add(Counter::EventsDropped, 1);
        }
        let now = recorder.now();
        let mut draft = take_draft();
        let mut fields = EventFields::new(&mut draft, callsite, now);
        event.record(&mut fields);
        let texts = fields.finish();
        let flags = if callsite.error { flag::FAULT } else { 0 };
        let dropped = recorder.append_event(handle, &mut draft, flags);
        give_back(draft);
        if dropped {
            node::mark_full(recorder.tag, handle);
        }
        if let Some(texts) = texts {
            self.record_error_event(event, handle, *texts);
        }
    }

    #[cold]
    #[inline(never)]
    fn record_error_event(&self, event: &Event<'_>, handle: Handle, texts: EventTexts) {
        let EventTexts { error, message, kind } = texts;
        let metadata = event.metadata();
        let place = Place { file: metadata.file(), line: metadata.line(), label: metadata.target() };
        let message = error.or(message).unwrap_or_default();
        self.record_exceptions(handle, kind.as_deref(), &message, place, |errors| event.record(errors));
    }

    /// A span was left because of a panic.
    #[cold]
    #[inline(never)]
    fn note_panic(&self, handle: Handle) {
        let first = self.recorder.delivery.slots.with(handle, |tree| {
            tree.mark(handle.node(), flag::FAULT);
            tree.note_panic(handle.node())
        });
        if first == Some(true) {
            self.record_exceptions(handle, Some("panic"), "left by a panic", Place::default(), |_| {});
        }
    }
}

/// What a new span is below.
struct Above {
    handle: Handle,
    /// A span is: the registry's parent chain leads there.
    by_span: bool,
}

/// The span says `xray = false`.
fn deselected(attributes: &Attributes<'_>, callsite: &'static Callsite) -> bool {
    with_draft(|draft| {
        let mut fields = SpanFields::new(draft, callsite);
        attributes.record(&mut fields);
        fields.finish().deselected
    })
}
