//! Root causes: the paths on which failures and lost time came to the client.
//!
//! X-Ray publishes the shape of root causes, not how it finds them; this way is ours.
//!
//! - **Fault and error.** A segment or subsegment that carries the flag is a *culprit* if nothing beneath it carries
//!   it: neither its subsegments nor the services they called. Each culprit gives a path, from the first segment
//!   through every segment and subsegment down to it, whether those carry the flag or not; culprits in the order of
//!   the trace, of equal paths one. `ClientImpacting` says that the root segment carries the flag too.
//! - **Response time.** One path for each trace whose root has ended: from the root down into the child that fills the
//!   most of its parent's time, as long as that is at least half. Where it ends is where the time was spent. Only time
//!   within the root's own counts, so what a queue's consumer does later is nobody's delay. Coverage is the share of the
//!   root's time.
//!
//! At most [`CAUSES`] of a kind are kept for a trace, and of a path longer than [`ENTITIES`] the first and the last half of
//! that many.
//!
//! Source of the shapes: X-Ray API Reference, "FaultRootCause", "ResponseTimeRootCause".

use std::collections::HashSet;

use xray_core::document::Document;

use super::text::Collector;
use super::tree::{NONE, Place, Tree, u32_of, usize_of};
use super::{Cause, CauseKind, Entity, Exception};

/// Root causes of one kind kept for a trace.
const CAUSES: usize = 10;
/// Segments and subsegments kept of one path.
const ENTITIES: usize = 200;
/// Exceptions kept of one segment or subsegment.
const EXCEPTIONS: usize = 10;

/// The root causes of a trace.
#[derive(Default)]
pub(super) struct Causes {
    pub(super) causes: Vec<Cause>,
    pub(super) entities: Vec<Entity>,
    pub(super) exceptions: Vec<Exception>,
}

pub(super) fn causes<'a>(tree: &Tree<'a>, texts: &mut Collector<'a>) -> Causes {
    let mut causes = Causes::default();
    let root = tree.segment(0).and_then(|root| tree.get(root));
    for kind in [CauseKind::Fault, CauseKind::Error] {
        let flag = if kind == CauseKind::Fault { is_fault } else { is_error };
        let impacts_client = root.is_some_and(|root| flag(root.document));
        let mut known = HashSet::new();
        for culprit in culprits(tree, flag) {
            let path = path_to(tree, culprit);
            let names: Vec<_> = path.iter().filter_map(|at| tree.get(*at)).map(name).collect();
            if known.insert(names) {
                causes.add(tree, texts, kind, impacts_client, &path, |_| 0.0);
            }
            if known.len() == CAUSES {
                break;
            }
        }
    }
    if let Some((start, end)) = root.and_then(|root| time(root.document)) {
        let coverage = |place: &Place<'_>| within(place.document, start, end) / (end - start);
        let path = slowest(tree, start, end);
        causes.add(tree, texts, CauseKind::ResponseTime, true, &path, coverage);
    }
    causes
}

fn is_fault(document: &Document) -> bool {
    document.fault
}

fn is_error(document: &Document) -> bool {
    document.error
}

fn name<'a>(place: &Place<'a>) -> (u32, &'a str) {
    (place.segment, place.document.name.as_str())
}

/// Those that carry the flag and have nothing beneath them that does, in the order of the trace.
fn culprits(tree: &Tree<'_>, flag: fn(&Document) -> bool) -> Vec<u32> {
    let flagged = |place: &Place<'_>| flag(place.document) && !tree.is_orphan(place);
    if !tree.places().iter().any(flagged) {
        return Vec::new();
    }
    let mut above_one = vec![false; tree.places().len()];
    for place in tree.places().iter().filter(|place| flagged(place)) {
        let mut at = place.above;
        // What is marked has marked all above it; circles end there too.
        while let Some(mark) = above_one.get_mut(usize_of(at)) {
            if std::mem::replace(mark, true) {
                break;
            }
            at = tree.get(at).map_or(NONE, |place| place.above);
        }
    }
    let places = tree.places().iter().zip(above_one).zip(0..);
    places.filter(|((place, above_one), _)| flagged(place) && !above_one).map(|(_, at)| at).collect()
}

/// From the first segment down to this place.
fn path_to(tree: &Tree<'_>, culprit: u32) -> Vec<u32> {
    let mut path = Vec::new();
    let mut at = culprit;
    // A path cannot be longer than the trace has places, unless it is a circle.
    while let Some(place) = tree.get(at)
        && path.len() < tree.places().len()
    {
        path.push(at);
        at = place.above;
    }
    path.reverse();
    path
}

/// From the root into whatever took most of the time.
fn slowest(tree: &Tree<'_>, start: f64, end: f64) -> Vec<u32> {
    let mut longest: Vec<(u32, f64)> = vec![(NONE, 0.0); tree.places().len()];
    for (place, at) in tree.places().iter().zip(0..) {
        let seconds = within(place.document, start, end);
        if let Some(child) = longest.get_mut(usize_of(place.above))
            && (seconds > child.1 || child.0 == NONE)
        {
            *child = (at, seconds);
        }
    }
    let mut path = Vec::new();
    let mut at = tree.segment(0).unwrap_or(NONE);
    while let Some(place) = tree.get(at)
        && path.len() < tree.places().len()
    {
        path.push(at);
        let own = within(place.document, start, end);
        at = match longest.get(usize_of(at)) {
            Some((child, seconds)) if own > 0.0 && *seconds >= own / 2.0 => *child,
            _ => NONE,
        };
    }
    path
}

fn time(document: &Document) -> Option<(f64, f64)> {
    document.start_time.zip(document.end_time).filter(|(start, end)| start < end)
}

/// Seconds of it that lie within these.
fn within(document: &Document, start: f64, end: f64) -> f64 {
    time(document).map_or(0.0, |(from, to)| (to.min(end) - from.max(start)).max(0.0))
}

impl Causes {
    fn add<'a>(
        &mut self,
        tree: &Tree<'a>,
        texts: &mut Collector<'a>,
        kind: CauseKind,
        impacts_client: bool,
        path: &[u32],
        coverage: impl Fn(&Place<'a>) -> f64,
    ) {
        let first = self.entities.len();
        let left_out = ENTITIES / 2..path.len().saturating_sub(ENTITIES / 2);
        for (position, at) in path.iter().enumerate() {
            let Some(place) = tree.get(*at).filter(|_| !left_out.contains(&position)) else { continue };
            let exceptions = self.exceptions.len();
            if kind != CauseKind::ResponseTime {
                let kept = place.document.exceptions().iter().take(EXCEPTIONS);
                self.exceptions.extend(kept.map(|exception| Exception {
                    name: texts.add_if(exception.kind.as_deref()),
                    message: texts.add_if(exception.message.as_deref()),
                }));
            }
            self.entities.push(Entity {
                name: texts.add(&place.document.name),
                segment: place.segment,
                coverage: coverage(place),
                remote: matches!(place.document.namespace.as_deref(), Some("aws" | "remote")),
                exceptions: (u32_of(exceptions), u32_of(self.exceptions.len())),
            });
        }
        let entities = (u32_of(first), u32_of(self.entities.len()));
        self.causes.push(Cause { kind, impacts_client, entities });
    }
}
