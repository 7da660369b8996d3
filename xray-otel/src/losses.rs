//! What a mapping could not carry as it came.

use std::ops::AddAssign;

/// Counts of what was lost or changed between OpenTelemetry and X-Ray, because one of them cannot hold it.
///
/// # Examples
///
/// ```
/// use xray_otel::{Losses, Mapping, Span};
///
/// let mut losses = Losses::default();
/// let nobody = Span::new([0; 16], [1; 8], "no trace id");
/// assert!(Mapping::new("orders").document(&nobody, &mut losses).is_none());
/// assert_eq!(losses.spans_refused, 1);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Losses {
    /// Spans without a trace id or a span id, which no document can be made of.
    pub spans_refused: u64,
    /// Spans that came twice in a batch; the first counts.
    pub spans_repeated: u64,
    /// Spans that were their own parent, or their parent's parent: they were taken out of the circle.
    pub parents_mended: u64,
    /// Spans without a start, or that ended before they started.
    pub times_mended: u64,
    /// Names with characters that X-Ray refuses, or too long.
    pub names_changed: u64,
    /// Values that were cut, or of a type that JSON has not.
    pub values_changed: u64,
    /// Values under names that look like secrets.
    pub values_masked: u64,
    /// Annotations that became metadata: beyond the fiftieth of a trace, or not a scalar.
    pub annotations_moved: u64,
    /// Events beyond those that are kept.
    pub events_dropped: u64,
    /// Links to nothing, to the span itself, or beyond those that are kept.
    pub links_dropped: u64,
    /// Attributes, events and links that the sender had already left out.
    pub dropped_by_sender: u64,
    /// Documents that lost metadata to fit.
    pub documents_trimmed: u64,
    /// Documents that do not fit even so.
    pub documents_lost: u64,
}

impl Losses {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        *self == Losses::default()
    }
}

impl AddAssign for Losses {
    fn add_assign(&mut self, other: Losses) {
        self.spans_refused += other.spans_refused;
        self.spans_repeated += other.spans_repeated;
        self.parents_mended += other.parents_mended;
        self.times_mended += other.times_mended;
        self.names_changed += other.names_changed;
        self.values_changed += other.values_changed;
        self.values_masked += other.values_masked;
        self.annotations_moved += other.annotations_moved;
        self.events_dropped += other.events_dropped;
        self.links_dropped += other.links_dropped;
        self.dropped_by_sender += other.dropped_by_sender;
        self.documents_trimmed += other.documents_trimmed;
        self.documents_lost += other.documents_lost;
    }
}
