//! What can be said of an open [`Node`]: annotations, metadata, errors, the `http` block and the rest.
//!
//! All of it is written into a draft outside every lock ([`record`]), and lost, cheaply, where nothing is recorded.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use serde::Serialize;

use super::guard::Node;
use super::items::{Class, Draft};
use super::parts::{AnnotationValue, ExceptionParts, Flags, HttpRequestParts};
use super::record::{self, Place};
use super::tree::flag;
use crate::diagnostics::{Code, messages};
use crate::document::{escape, names};
use crate::stats::Counter;
use crate::{SegmentId, TraceId};

impl Node {
    /// Sets an annotation: indexed, for filter expressions. Key: letters, digits and `_`, others become `_`.
    /// A trace holds 50; the rest become metadata.
    pub fn annotate<'v>(&self, key: &str, value: impl Into<AnnotationValue<'v>>) -> &Self {
        if let Some(inner) = self.recorded() {
            let valid = names::annotation_key(key);
            if valid != key {
                inner.recorder.stats().add(Counter::KeysChanged, 1);
                inner.recorder.report(Code::Xr009, || messages::key_changed(key, &valid));
            }
            self.fill(|draft| record::annotation(draft, &valid, value.into()));
        }
        self
    }

    /// Sets metadata in the namespace `default`: any JSON up to 16 KiB, not indexed.
    pub fn add_metadata(&self, key: &str, value: impl Serialize) -> &Self {
        self.add_metadata_in("", key, value)
    }

    /// Sets metadata in a namespace. Names starting with `AWS.` are X-Ray's own.
    ///
    /// A value that fails to serialise, or is longer than 16 KiB as JSON, is replaced by a mark that says so.
    pub fn add_metadata_in(&self, namespace: &str, key: &str, value: impl Serialize) -> &Self {
        if self.is_recording() {
            let namespace = if namespace == "default" { "" } else { namespace };
            self.fill(|draft| {
                if !record::metadata(draft, namespace, key, &|out| record::serialized(out, &value)) {
                    let mark = "[removed: not serialisable, or longer than 16 KiB]";
                    record::metadata(draft, namespace, key, &|out| !record::text_value(out, mark, mark.len()));
                    draft.losses.values_cut += 1;
                }
            });
        }
        self
    }

    /// Records an error with the chain of its sources, and marks the node as fault.
    ///
    /// A `dyn Error` does not know its type; the name is taken from the start of its `Debug` text where that
    /// looks like one, and is `error` otherwise. [`ResultExt::record_err`](crate::ResultExt::record_err) knows it.
    pub fn record_error(&self, error: &(dyn Error + 'static)) -> &Self {
        self.record_error_of(error, None, Place::default())
    }

    pub(crate) fn record_error_of(&self, error: &(dyn Error + 'static), kind: Option<&str>, place: Place) -> &Self {
        self.note(flag::FAULT, None);
        if let Some(inner) = self.recorded() {
            self.set_flags(flag::FAULT);
            let admitted = inner.recorder.admit_exceptions(inner.handle, record::chain_length(error));
            if admitted.taken > 0 {
                let new_id = || inner.recorder.new_id();
                self.fill(|draft| record::error_chain(draft, error, kind, admitted, place, &new_id));
            }
        }
        self
    }

    /// Records a failure of which no more than a text is known, and marks the node as fault: for errors that are no
    /// [`Error`] themselves. 512 bytes of the text kept, and no more of it formatted; one that panics leaves a mark.
    ///
    /// # Examples
    ///
    /// ```
    /// let refused = "card refused";
    /// xray_core::current().record_failure("PaymentError", format_args!("{refused}"));
    /// ```
    pub fn record_failure(&self, kind: &str, text: fmt::Arguments<'_>) -> &Self {
        self.note(flag::FAULT, None);
        if self.is_recording() {
            self.set_flags(flag::FAULT);
            let message = record::bounded_text(&text, record::MESSAGE_BYTES);
            self.record_exception(ExceptionParts { kind, message: &message, remote: false });
        }
        self
    }

    /// Records an exception by its parts. Sets no flag.
    pub fn record_exception(&self, exception: ExceptionParts<'_>) -> &Self {
        if let Some(inner) = self.recorded() {
            if inner.recorder.admit_exceptions(inner.handle, 1).taken == 1 {
                let id = inner.recorder.new_id();
                self.fill(|draft| record::exception(draft, id, &exception, None, 0, Place::default()));
            }
        }
        self
    }

    /// Sets the segment's user; on a subsegment, that of its segment. 250 bytes kept.
    pub fn set_user(&self, user: &str) -> &Self {
        self.fill_segment(|draft| record::member(draft, Class::Member, br#""user":"#, user, record::HTTP_BYTES))
    }

    /// Links the segment to another trace: for work that many traces caused, as a batch of messages.
    /// 20 traces and 100 links are kept.
    pub fn link(&self, trace: TraceId, id: SegmentId) -> &Self {
        let mut link = br#"{"trace_id":""#.to_vec();
        link.extend_from_slice(trace.as_bytes());
        link.push(b'"');
        if self.with_tree(|tree, _| tree.admits_link(&link)) == Some(false) {
            if let Some(inner) = self.recorded() {
                inner.recorder.stats().add(Counter::LinksDropped, 1);
            }
            return self;
        }
        self.fill_segment(|draft| {
            let out = draft.start();
            out.extend_from_slice(&link);
            out.extend_from_slice(br#","id":""#);
            out.extend_from_slice(id.as_bytes());
            out.extend_from_slice(br#""}"#);
            draft.finish(Class::Link);
        })
    }

    /// Names a subsegment that had to end before this one could begin.
    pub fn add_precursor(&self, id: SegmentId) -> &Self {
        if self.is_recording() {
            self.fill(|draft| {
                let out = draft.start();
                out.push(b'"');
                out.extend_from_slice(id.as_bytes());
                out.push(b'"');
                draft.finish(Class::Precursor);
            });
        }
        self
    }

    /// The ARN of the AWS resource that the segment runs as. 250 bytes kept.
    pub fn set_resource_arn(&self, arn: &str) -> &Self {
        self.fill_segment(|draft| record::member(draft, Class::Member, br#""resource_arn":"#, arn, record::HTTP_BYTES))
    }

    /// Renames the node. Characters that X-Ray refuses are left out, which is told (XR008), and 200 kept.
    pub fn set_name(&self, name: &str) -> &Self {
        if let Some(inner) = self.recorded() {
            let valid = names::segment_name(name);
            if valid != name {
                inner.recorder.stats().add(Counter::NamesChanged, 1);
                inner.recorder.report(Code::Xr008, || messages::name_changed(name, &valid, false));
            }
            self.rename(&valid);
        }
        self
    }

    /// The same, with a name that is valid.
    pub(super) fn rename(&self, valid: &str) {
        self.fill(|draft| {
            escape::string(draft.start(), valid);
            draft.finish(Class::Name);
        });
    }

    /// Sets the request side of the `http` block.
    pub fn set_http_request(&self, request: HttpRequestParts<'_>) -> &Self {
        if self.is_recording() {
            self.fill(|draft| record::http_request(draft, &request, None));
        }
        self
    }

    /// Sets the response side of the `http` block, and the flags that go with the status.
    pub fn set_http_response(&self, status: Option<u16>, content_length: Option<u64>) -> &Self {
        let flags = status.map(Flags::of_status).unwrap_or_default();
        self.note(flags.bits(), status);
        if self.is_recording() {
            self.fill_and_mark(flags.bits(), |draft| {
                if let Some(status) = status.filter(|status| (100..=999).contains(status)) {
                    record::number(draft, Class::HttpResponse, br#""status":"#, u64::from(status));
                }
                if let Some(length) = content_length {
                    record::number(draft, Class::HttpResponse, br#""content_length":"#, length);
                }
            });
        }
        self
    }

    /// Sets flags; none is taken back.
    pub fn mark(&self, flags: Flags) -> &Self {
        let bits = flags.bits();
        if bits != 0 {
            self.note(bits, None);
            self.with_tree(|tree, node| tree.mark(node, bits));
        }
        self
    }

    /// Sets a member of the `sql` block: `url`, `database_type`, `sanitized_query`, … 16 KiB kept. Of `url` and
    /// `connection_string` user, password and parameters are left out.
    pub fn set_sql(&self, key: &str, value: &str) -> &Self {
        if self.is_recording() {
            let mut name = Vec::with_capacity(key.len() + 3);
            escape::string(&mut name, key);
            name.push(b':');
            let value = match key {
                "url" | "connection_string" => names::connection(value),
                _ => Cow::Borrowed(value),
            };
            self.fill(|draft| record::member(draft, Class::Sql, &name, &value, record::METADATA_BYTES));
        }
        self
    }

    pub(crate) fn fill(&self, fill: impl FnOnce(&mut Draft)) -> &Self {
        self.fill_and_mark(0, fill)
    }

    fn fill_and_mark(&self, flags: u16, fill: impl FnOnce(&mut Draft)) -> &Self {
        if let Some(inner) = self.recorded() {
            record::with_draft(|draft| {
                fill(draft);
                inner.recorder.append(inner.handle, draft, flags, true);
            });
        }
        self
    }

    /// As [`Node::fill`], on the segment above.
    fn fill_segment(&self, fill: impl FnOnce(&mut Draft)) -> &Self {
        if let Some(inner) = self.recorded() {
            record::with_draft(|draft| {
                fill(draft);
                inner.recorder.append(inner.handle.at_node(0), draft, 0, true);
            });
        }
        self
    }

    pub(crate) fn set_flags(&self, bits: u16) {
        self.with_tree(|tree, node| tree.mark(node, bits));
    }
}
