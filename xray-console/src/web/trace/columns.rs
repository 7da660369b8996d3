//! The rows of a timeline as columns: what the page's script needs to draw any of them, in little space.
//!
//! A column is one list of numbers, labels stand once each in a list of their own, starts are told as differences. So a
//! trace of 10,000 rows is some tens of kilobytes once it is compressed, and its rows need not be objects in the browser.
//! Nothing else of a document is in it: what the side panel shows is asked for when it is opened.
//!
//! Times are whole microseconds: what senders write is hardly better (`f64` seconds since the epoch are to a quarter of
//! one).

use std::collections::HashMap;

use serde::Serialize;

use crate::text::label;
use crate::timeline::{RowKind, Stretch, Timeline};

/// All rows, in their order.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Columns {
    /// Seconds since the epoch at which the timeline starts.
    pub(super) start: f64,
    /// Microseconds.
    pub(super) length: i64,
    /// Every label once, fit to be shown.
    pub(super) labels: Vec<String>,
    /// Of each row: which label.
    pub(super) label: Vec<usize>,
    /// Of each row: how many rows it is beneath. The row above it is the nearest before it that is less deep.
    pub(super) depth: Vec<usize>,
    /// Of each row: microseconds from the start of the row before.
    pub(super) begin: Vec<i64>,
    /// Of each row: microseconds.
    pub(super) took: Vec<i64>,
    /// Of each row: the mark (0 to 3), and the bits below.
    pub(super) flags: Vec<u8>,
    /// Rows with an idle time: row, microseconds from its start to that of the idle time, microseconds it lasts.
    pub(super) idle: Vec<(usize, i64, i64)>,
    /// What is folded, from and to, in microseconds.
    pub(super) folds: Vec<(i64, i64)>,
}

/// The bit of what has not ended.
pub(super) const OPEN: u8 = 4;
/// The bit of the critical path.
pub(super) const CRITICAL: u8 = 8;
/// The bits of [`RowKind`]: its number, shifted by so many.
pub(super) const KIND: u8 = 4;

impl Columns {
    pub(super) fn of(timeline: &Timeline<'_>) -> Columns {
        let count = timeline.rows.len();
        let mut columns = Columns {
            start: timeline.start,
            length: micros(timeline.length),
            label: Vec::with_capacity(count),
            depth: Vec::with_capacity(count),
            begin: Vec::with_capacity(count),
            took: Vec::with_capacity(count),
            flags: Vec::with_capacity(count),
            folds: timeline.gaps.iter().map(|Stretch { start, end }| (micros(*start), micros(*end))).collect(),
            ..Columns::default()
        };
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut before = 0;
        for (index, row) in timeline.rows.iter().enumerate() {
            let next = known.len();
            columns.label.push(*known.entry(label::of(row)).or_insert(next));
            columns.depth.push(row.depth);
            let begin = micros(row.start);
            columns.begin.push(begin - before);
            columns.took.push(micros(row.end) - begin);
            before = begin;
            let bit = |set, bit| if set { bit } else { 0 };
            columns.flags.push(
                row.mark as u8 | bit(row.in_progress, OPEN) | bit(row.critical, CRITICAL) | (number(row.kind) << KIND),
            );
            if let Some(idle) = row.idle {
                columns.idle.push((index, micros(idle.start) - begin, micros(idle.seconds())));
            }
        }
        let mut labels: Vec<(String, usize)> = known.into_iter().collect();
        labels.sort_unstable_by_key(|(_, place)| *place);
        columns.labels = labels.into_iter().map(|(label, _)| label).collect();
        columns
    }
}

fn number(kind: RowKind) -> u8 {
    match kind {
        RowKind::Segment => 0,
        RowKind::Subsegment => 1,
        RowKind::Call => 2,
        RowKind::Wait => 3,
        RowKind::Orphan => 4,
    }
}

/// Seconds to microseconds. Times are within 30,000 years of the epoch, so differences of them do not overflow.
#[allow(clippy::cast_possible_truncation)]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}
