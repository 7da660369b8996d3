//! The rows of a timeline: who caused whom, and when.

use std::borrow::Cow;
use std::collections::HashMap;

use xray_core::document::Document;

use super::{Mark, Row, RowKind};
use crate::Trace;
use crate::graph::{Callers, callers};
use crate::trace::Node;

/// A document that has yet to get its row.
#[derive(Clone, Copy)]
struct Item<'a> {
    kind: RowKind,
    document: &'a Document,
    segment: Option<usize>,
    parent: Option<usize>,
    depth: usize,
}

/// All rows, and the start (seconds since the epoch) and the length (seconds) of the whole.
pub(super) fn of(trace: &Trace) -> (Vec<Row<'_>>, f64, f64) {
    // Nobody sends a message to what is known of its caller alone.
    let callers = callers(trace, |segment| !segment.document.inferred);
    let (mut beneath, tops) = places(trace, &callers);
    let mut rows = Vec::with_capacity(trace.segments.len());
    let mut open: Vec<Item<'_>> = Vec::new();
    let mut children: Vec<Item<'_>> = Vec::new();
    for top in tops {
        wait(top, sender(trace, top.segment, &callers), &mut rows);
        open.push(top);
        while let Some(item) = open.pop() {
            let (parent, depth) = (Some(rows.len()), item.depth + 1);
            rows.push(row(item));
            let nested = item.document.subsegments.iter();
            let nested = nested.map(|document| Item { kind: kind(item, document), document, parent, depth, ..item });
            children.extend(nested);
            // Almost nothing has anything beneath it that is not nested in it: not worth the hash of every id.
            let others = if beneath.is_empty() { None } else { beneath.remove(item.document.id.as_str()) };
            children.extend(others.into_iter().flatten().map(|other| Item { parent, depth, ..other }));
            // The last of the list is the next to get its row.
            children.sort_by(|left, right| start(right.document).total_cmp(&start(left.document)));
            open.append(&mut children);
        }
    }
    let (start, length) = settle(&mut rows);
    (rows, start, length)
}

/// What is beneath a document without being nested in it, by that document's id; and what is beneath nothing.
fn places<'a>(trace: &'a Trace, callers: &Callers<'a>) -> (HashMap<&'a str, Vec<Item<'a>>>, Vec<Item<'a>>) {
    let mut beneath: HashMap<&str, Vec<Item<'_>>> = HashMap::new();
    let mut tops = Vec::new();
    for (index, segment) in trace.segments.iter().enumerate() {
        if segment.document.inferred {
            continue;
        }
        let item = |document, kind| Item { kind, document, segment: Some(index), parent: None, depth: 0 };
        let whole = item(&segment.document, RowKind::Segment);
        match &segment.parent {
            Some(parent) if waited(&segment.document).is_none() && sender(trace, Some(index), callers).is_none() => {
                beneath.entry(&parent.id).or_default().push(whole);
            }
            _ => tops.push(whole),
        }
        for deep in &segment.deeper {
            let parent = deep.parent_id.as_deref().unwrap_or_default();
            beneath.entry(parent).or_default().push(item(deep, kind(whole, deep)));
        }
    }
    let orphan = |document| Item { kind: RowKind::Orphan, document, segment: None, parent: None, depth: 0 };
    tops.extend(trace.orphans.iter().map(orphan));
    (beneath, tops)
}

fn kind(above: Item<'_>, document: &Document) -> RowKind {
    match document.namespace.as_deref() {
        _ if above.kind == RowKind::Orphan => RowKind::Orphan,
        Some("aws" | "remote") => RowKind::Call,
        _ => RowKind::Subsegment,
    }
}

/// The call that put the message into a queue on which a segment worked, and the queue's name.
fn sender<'a>(trace: &'a Trace, segment: Option<usize>, callers: &Callers<'a>) -> Option<(&'a Document, String)> {
    let parent = trace.segments.get(segment?)?.parent.as_ref()?;
    let call = *callers.get(parent.id.as_str())?;
    Some((call, Node::of_queue(call)?.name))
}

/// Seconds the message of a consumer's segment waited, as it says.
fn waited(segment: &Document) -> Option<f64> {
    let millis = segment.annotations.get("queue_wait_ms")?.as_f64()?;
    Some(millis / 1e3).filter(|seconds| makes_sense(seconds) && *seconds >= 0.0)
}

/// The row for the time a message waited, before the segment of its consumer.
fn wait<'a>(item: Item<'a>, sender: Option<(&'a Document, String)>, rows: &mut Vec<Row<'a>>) {
    let (Some(_), Some(end)) = (item.segment, item.document.start_time.filter(makes_sense)) else { return };
    let sent = sender.as_ref().and_then(|(call, _)| call.end_time).filter(|sent| makes_sense(sent) && *sent <= end);
    let told = waited(item.document).map(|seconds| end - seconds);
    let Some(start) = told.or(sent) else { return };
    let named = item.document.annotations.get("queue").and_then(|queue| queue.as_str());
    let name = named.map(Cow::Borrowed).or(sender.map(|(_, queue)| Cow::Owned(queue)));
    rows.push(Row {
        kind: RowKind::Wait,
        name: name.unwrap_or(Cow::Borrowed("queue")),
        document: None,
        start,
        end,
        in_progress: false,
        mark: Mark::Ok,
        ..row(item)
    });
}

fn row(item: Item<'_>) -> Row<'_> {
    let Item { kind, document, segment, parent, depth } = item;
    let start = start(document);
    let end = document.end_time.filter(|_| !document.in_progress).filter(makes_sense);
    Row {
        kind,
        name: Cow::Borrowed(&document.name),
        document: Some(document),
        segment,
        parent,
        depth,
        start,
        // Of what has no end it is put in when the end of the whole is known.
        end: end.map_or(f64::NAN, |end| end.max(start)),
        in_progress: end.is_none(),
        mark: Mark::of(document),
        critical: false,
        idle: None,
    }
}

/// Seconds since the epoch; infinity where it is not told.
fn start(document: &Document) -> f64 {
    document.start_time.filter(makes_sense).unwrap_or(f64::INFINITY)
}

/// Within 30,000 years of the epoch: senders can write any number, and differences must stay finite.
fn makes_sense(seconds: &f64) -> bool {
    seconds.abs() < 1e12
}

/// Turns times since the epoch into times since the start of the whole.
fn settle(rows: &mut [Row<'_>]) -> (f64, f64) {
    let starts = rows.iter().map(|row| row.start).filter(|start| start.is_finite());
    let Some(first) = starts.clone().reduce(f64::min) else {
        for row in rows {
            (row.start, row.end) = (0.0, 0.0);
        }
        return (0.0, 0.0);
    };
    let ends = rows.iter().map(|row| row.end).filter(|end| end.is_finite());
    let last = starts.chain(ends).fold(first, f64::max);
    let length = last - first;
    for row in rows {
        row.start = if row.start.is_finite() { row.start - first } else { 0.0 };
        row.end = if row.end.is_finite() { row.end - first } else { length };
    }
    (first, length)
}
