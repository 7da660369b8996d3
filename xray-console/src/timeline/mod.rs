//! A trace along time: one row for each piece of work, in the order of who caused whom.
//!
//! [`Timeline::of`] is computed once for a trace, without recursion and in a time that grows with its size alone; what
//! draws it, text or pages, takes the rows of its window. A segment is beneath the subsegment that called it; whoever
//! took a message out of a queue stands at the margin, after a row for the time the message waited. Inferred segments
//! have no row: the call they are made of is one.
//!
//! Times are seconds from the start of the timeline. What is in progress lasts until the last moment that is known of.

mod axis;
mod critical;
mod idle;
mod rows;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use xray_core::document::Document;

use crate::Trace;
use crate::query::TraceSummary;

pub use axis::{Axis, Bucket};

/// A trace along time.
///
/// # Examples
///
/// ```
/// use xray_console::{Trace, timeline::Timeline};
/// use xray_core::document::Document;
///
/// let document = Document::parse(
///     r#"{"name":"shop","id":"000000000000000a","start_time":10.0,"end_time":12.0,"subsegments":[
///         {"name":"pay","id":"000000000000000b","start_time":10.5,"end_time":12.0,"fault":true}]}"#,
/// )
/// .unwrap();
/// let trace = Trace::assemble("1-5759e988-bd862e3fe1be46a994272793", [document]);
/// let timeline = Timeline::of(&trace);
///
/// let [shop, pay] = timeline.rows.as_slice() else { panic!("two rows") };
/// assert_eq!((shop.depth, pay.depth), (0, 1));
/// assert_eq!((pay.start, pay.end), (0.5, 2.0));
/// assert!(pay.critical, "shop ended when it did");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timeline<'a> {
    /// The rows, in the order to show them: parents before children, then by start.
    pub rows: Vec<Row<'a>>,
    /// Seconds since the epoch at which it starts.
    pub start: f64,
    /// Seconds from its start to its end.
    pub length: f64,
    /// Times in which nothing was active that are long enough to be folded: [`GAP_SHARE`] of the length at least.
    pub gaps: Vec<Stretch>,
}

/// A piece of work on a timeline.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row<'a> {
    /// What it is.
    pub kind: RowKind,
    /// Its name; that of the queue where it is a wait.
    pub name: Cow<'a, str>,
    /// The segment or subsegment; none of a wait.
    pub document: Option<&'a Document>,
    /// Index in the trace's segments of the one it is in; none of orphans.
    pub segment: Option<usize>,
    /// Index of the row it is beneath.
    pub parent: Option<usize>,
    /// How many rows it is beneath.
    pub depth: usize,
    /// Seconds.
    pub start: f64,
    /// Seconds; the end of the timeline while in progress.
    pub end: f64,
    /// It has not ended.
    pub in_progress: bool,
    /// How it failed.
    pub mark: Mark,
    /// The root would have answered earlier if this had taken less time.
    pub critical: bool,
    /// The longest time within it that none of its children was active, where that is [`IDLE_SHARE`] of it at least.
    /// Rows without children are never idle: the work is theirs.
    pub idle: Option<Stretch>,
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RowKind {
    /// The work of a service.
    Segment,
    /// A part of it.
    Subsegment,
    /// A call to another service.
    Call,
    /// A message that waited in a queue.
    Wait,
    /// A part of the work of a segment that has not arrived.
    Orphan,
}

/// How work failed: the gravest of its flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mark {
    /// It did not.
    #[default]
    Ok,
    /// The caller's mistake (4xx).
    Error,
    /// Told to slow down (429).
    Throttle,
    /// A failure of the service (5xx).
    Fault,
}

/// From one moment to another, seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Its beginning.
    pub start: f64,
    /// Its end.
    pub end: f64,
}

/// A gap is folded from this share of the timeline on.
pub const GAP_SHARE: f64 = 0.1;

/// A row is idle from this share of it on.
pub const IDLE_SHARE: f64 = 0.5;

impl<'a> Timeline<'a> {
    /// Computes it.
    pub fn of(trace: &'a Trace) -> Timeline<'a> {
        let (mut rows, start, length) = rows::of(trace);
        critical::mark(&mut rows);
        idle::mark(&mut rows);
        let gaps = axis::gaps(&rows, length);
        Timeline { rows, start, length, gaps }
    }

    /// Seconds in which something was active: its length without the [gaps](Timeline::gaps).
    pub fn active(&self) -> f64 {
        self.gaps.iter().fold(self.length, |active, gap| active - gap.seconds())
    }

    /// How much was active when, and the gravest mark of it, in so many buckets of equal width (at most 400), gaps folded.
    pub fn minimap(&self, buckets: usize) -> Vec<Bucket> {
        axis::minimap(self, buckets)
    }
}

impl Row<'_> {
    /// Seconds from its start to its end, or to the end of the timeline.
    pub fn seconds(&self) -> f64 {
        self.end - self.start
    }
}

impl Stretch {
    /// How long it is.
    pub fn seconds(self) -> f64 {
        self.end - self.start
    }
}

impl Mark {
    /// Of a segment or subsegment.
    pub fn of(document: &Document) -> Mark {
        Mark::of_flags(document.fault, document.throttle, document.error)
    }

    /// Of a trace, by the segment that began it.
    ///
    /// A summary says that something was throttled, which may be deep within: that the request itself was, its status
    /// says (429), and where it has none, that it failed.
    ///
    /// ```
    /// use xray_console::query::TraceSummary;
    /// use xray_console::timeline::Mark;
    ///
    /// let mut summary = TraceSummary::default();
    /// (summary.has_error, summary.has_throttle) = (true, true);
    /// summary.http.http_status = Some(404);
    /// assert_eq!(Mark::of_summary(&summary), Mark::Error);
    /// summary.http.http_status = Some(429);
    /// assert_eq!(Mark::of_summary(&summary), Mark::Throttle);
    /// ```
    pub fn of_summary(summary: &TraceSummary) -> Mark {
        let is_told = summary.http.http_status.map_or(summary.has_error, |status| status == 429);
        Mark::of_flags(summary.has_fault, summary.has_throttle && is_told, summary.has_error)
    }

    /// The gravest of the three: a throttle is an error too, whether or not that is set as well.
    pub(crate) fn of_flags(fault: bool, throttle: bool, error: bool) -> Mark {
        match (fault, throttle, error) {
            (true, ..) => Mark::Fault,
            (_, true, _) => Mark::Throttle,
            (_, _, true) => Mark::Error,
            _ => Mark::Ok,
        }
    }
}
