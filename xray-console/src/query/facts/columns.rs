//! The facts of some traces, each kind of all of them in one list.
//!
//! A filter over a hundred thousand traces asks little of each. Where each has its facts to itself, the processor waits
//! for memory with every one of them; side by side it reads ahead, and the last trace of many costs what the first of few
//! does. Texts that traces have in common are kept once, too.

use std::fmt;
use std::mem::size_of_val;
use std::sync::Arc;

use super::text::{Collector, Texts};
use super::tree::u32_of;
use super::{Annotation, Call, Cause, Entity, Exception, Facts, Owned, Segment, Text, Value};

/// The facts of some traces.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(super) heads: Box<[Head]>,
    pub(super) texts: Texts,
    pub(super) segments: Box<[Segment]>,
    pub(super) calls: Box<[Call]>,
    pub(super) labels: Box<[Owned]>,
    pub(super) annotations: Box<[Annotation]>,
    pub(super) causes: Box<[Cause]>,
    pub(super) entities: Box<[Entity]>,
    pub(super) exceptions: Box<[Exception]>,
}

/// What every question needs of a trace, and where its part of each list ends. It begins where the trace before ends; what
/// is in it counts from there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Seconds since the epoch; NaN where it is not known.
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) partial: bool,
    pub(super) throttled: bool,
    pub(super) segments: u32,
    pub(super) calls: u32,
    pub(super) labels: u32,
    pub(super) annotations: u32,
    pub(super) causes: u32,
    pub(super) entities: u32,
    pub(super) exceptions: u32,
}

impl Columns {
    /// The same facts side by side, in this order.
    pub(crate) fn pack(all: &[Facts]) -> Columns {
        let mut texts = Collector::default();
        let mut heads = Vec::with_capacity(all.len());
        let (mut segments, mut calls, mut labels, mut annotations) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut causes, mut entities, mut exceptions) = (Vec::new(), Vec::new(), Vec::new());
        for facts in all {
            let mut moved = |text: Text| texts.add_if(facts.text(text));
            segments.extend(facts.segments().iter().map(|segment| Segment {
                name: moved(segment.name),
                kind: moved(segment.kind),
                account: moved(segment.account),
                ..*segment
            }));
            calls.extend_from_slice(facts.calls());
            labels.extend(facts.owned_labels().iter().map(|owned| Owned { text: moved(owned.text), ..*owned }));
            annotations.extend(facts.annotations().iter().map(|annotation| Annotation {
                key: moved(annotation.key),
                value: if let Value::Text(text) = annotation.value {
                    Value::Text(moved(text))
                } else {
                    annotation.value
                },
                ..*annotation
            }));
            causes.extend_from_slice(facts.causes());
            entities.extend(facts.entities().iter().map(|entity| Entity { name: moved(entity.name), ..*entity }));
            exceptions.extend(
                facts
                    .all_exceptions()
                    .iter()
                    .map(|exception| Exception { name: moved(exception.name), message: moved(exception.message) }),
            );
            heads.push(Head {
                segments: u32_of(segments.len()),
                calls: u32_of(calls.len()),
                labels: u32_of(labels.len()),
                annotations: u32_of(annotations.len()),
                causes: u32_of(causes.len()),
                entities: u32_of(entities.len()),
                exceptions: u32_of(exceptions.len()),
                ..facts.head()
            });
        }
        Columns {
            heads: heads.into(),
            texts: texts.finish(),
            segments: segments.into(),
            calls: calls.into(),
            labels: labels.into(),
            annotations: annotations.into(),
            causes: causes.into(),
            entities: entities.into(),
            exceptions: exceptions.into(),
        }
    }

    /// The facts of the trace at this place.
    pub(crate) fn facts(self: &Arc<Columns>, at: usize) -> Facts {
        Facts { columns: Arc::clone(self), at }
    }

    /// Bytes of memory they take, themselves included.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self)
            + size_of_val(&*self.heads)
            + self.texts.bytes()
            + size_of_val(&*self.segments)
            + size_of_val(&*self.calls)
            + size_of_val(&*self.labels)
            + size_of_val(&*self.annotations)
            + size_of_val(&*self.causes)
            + size_of_val(&*self.entities)
            + size_of_val(&*self.exceptions)
    }
}

impl Facts {
    /// All facts that lie beside these, and these.
    pub(crate) fn into_columns(self) -> Arc<Columns> {
        self.columns
    }

    /// Becomes those of the trace at another place of the same columns.
    pub(crate) fn turn(&mut self, at: usize) {
        self.at = at;
    }

    pub(super) fn head(&self) -> Head {
        const NONE: Head = Head {
            start: f64::NAN,
            end: f64::NAN,
            partial: false,
            throttled: false,
            segments: 0,
            calls: 0,
            labels: 0,
            annotations: 0,
            causes: 0,
            entities: 0,
            exceptions: 0,
        };
        self.columns.heads.get(self.at).copied().unwrap_or(NONE)
    }

    /// This trace's part of a list.
    pub(super) fn part<'a, T>(&self, list: &'a [T], end: impl Fn(&Head) -> u32) -> &'a [T] {
        let before = self.at.checked_sub(1).and_then(|before| self.columns.heads.get(before));
        let from = before.map_or(0, &end);
        super::part(list, (from, self.columns.heads.get(self.at).map_or(from, end)))
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.segments().iter().filter_map(|segment| self.text(segment.name));
        to.debug_struct("Facts")
            .field("start", &self.start_time())
            .field("end", &self.end_time())
            .field("segments", &texts.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
