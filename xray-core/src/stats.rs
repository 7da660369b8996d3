//! Counters of the tracer's own health.
//!
//! Everything that is lost, shortened or changed on its way out is counted here, by cause; nothing is lost
//! uncounted. Counters only grow and are relaxed atomics: each is exact, but a snapshot taken while
//! requests run may show one of a pair a moment before the other.
//!
//! Once the sender has come to rest, documents made = `documents_sent` + [`StatsSnapshot::dropped`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::sampling::RuleCounts;

/// Declares [`Counter`] and [`StatsSnapshot`] from one table, so that they cannot drift apart.
macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $counter:ident $field:ident,)+) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Counter {
            $($(#[doc = $doc])+ $counter,)+
        }

        impl Counter {
            /// All of them, in the order of the fields of [`StatsSnapshot`].
            pub const ALL: &'static [Counter] = &[$(Counter::$counter),+];

            /// Its name: the field of [`StatsSnapshot`].
            pub const fn name(self) -> &'static str {
                match self {
                    $(Counter::$counter => stringify!($field),)+
                }
            }
        }

        /// The counters at one moment.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct StatsSnapshot {
            $($(#[doc = $doc])+ pub $field: u64,)+
            /// What each sampling rule decided; see [`RuleCounts`]. Those of a layer's sampler, filled in by
            /// [`SegmentLayer::stats`](crate::SegmentLayer::stats).
            pub rules: Vec<RuleCounts>,
            /// The latest trouble on the way out, in words.
            pub last_error: Option<String>,
        }

        impl StatsSnapshot {
            /// The value of one counter.
            pub const fn get(&self, counter: Counter) -> u64 {
                match counter {
                    $(Counter::$counter => self.$field,)+
                }
            }
        }

        impl Stats {
            /// All counters now.
            pub fn snapshot(&self) -> StatsSnapshot {
                StatsSnapshot {
                    $($field: self.get(Counter::$counter),)+
                    rules: Vec::new(),
                    last_error: self.lock_error().clone(),
                }
            }
        }
    };
}

counters! {
    /// Segments opened, sampled or not.
    SegmentsOpened segments_opened,
    /// Segments that are recorded.
    SegmentsSampled segments_sampled,
    /// Segments that are not recorded, only propagated.
    SegmentsUnsampled segments_unsampled,
    /// Of those not sampled, recorded in memory until their end, for late capture.
    LateRecorded late_recorded,
    /// Of those, sent after all for how they ended.
    LateCaptured late_captured,
    /// Of those, not sent although they met a condition: beyond so many a second.
    LateOverLimit late_over_limit,
    /// Not recorded for late capture, or given up: the memory for it was used up.
    LateNoRoom late_no_room,
    /// Times that a file of sampling rules was read again and is in force.
    RulesReloaded rules_reloaded,
    /// Times that a changed file of sampling rules could not be used.
    RulesRefused rules_refused,
    /// Subsegments opened beneath segments that are recorded; counted where they are opened, and added up by
    /// [`SegmentLayer::stats`](crate::SegmentLayer::stats).
    SubsegmentsOpened subsegments_opened,
    /// Segments not recorded because the incoming header said `Sampled=0`.
    UpstreamUnsampled upstream_unsampled,
    /// Calls for central sampling rules or their targets that failed or brought nothing of use.
    SamplingCallsFailed sampling_calls_failed,
    /// Central sampling rules and targets that could not be used, each time they came.
    SamplingRulesSkipped sampling_rules_skipped,
    /// Incoming headers that could not be used.
    MalformedHeaders malformed_headers,
    /// Incoming trace ids older than X-Ray takes, or from the future.
    StaleTraceIds stale_trace_ids,
    /// Subsegments asked for where no segment was open.
    ContextMissing context_missing,
    /// Spans with nothing above them that opened no segment: in AWS Lambda, or where root spans are switched off.
    OrphanSpans orphan_spans,
    /// Root segments given up unsent because an explicit segment was opened beneath them.
    AbandonedRoots abandoned_roots,
    /// Subsegments that ended after their segment was sent, and were sent alone.
    LateSubsegments late_subsegments,
    /// Annotations beyond the 50 of a trace, kept as metadata.
    AnnotationsMoved annotations_moved,
    /// Names with characters X-Ray refuses, made valid.
    NamesChanged names_changed,
    /// Annotation keys with characters X-Ray refuses, made valid.
    KeysChanged keys_changed,
    /// Events beyond the 32 of a subsegment.
    EventsDropped events_dropped,
    /// Exceptions beyond the 16 of a subsegment, or the 8 of a chain of causes.
    ExceptionsDropped exceptions_dropped,
    /// Links beyond the 100, or to more than 20 traces, of a segment.
    LinksDropped links_dropped,
    /// Values cut at their limit, or left out for it.
    ValuesTruncated values_truncated,
    /// Documents that lost metadata values or events to stay within their limit.
    MetadataTrimmed metadata_trimmed,
    /// Documents the emitter took.
    DocumentsSent documents_sent,
    /// Bytes of those documents, without header lines.
    BytesSent bytes_sent,
    /// Subsegments that left before their segment.
    SubsegmentsStreamed subsegments_streamed,
    /// Documents that announced work still in progress.
    InProgressAnnounced in_progress_announced,
    /// Lost: the queue to the sender was full.
    DroppedQueueFull dropped_queue_full,
    /// Lost: too large even after splitting.
    DroppedTooLarge dropped_too_large,
    /// Lost: the emitter failed, or the sender thread could not be started.
    DroppedSendFailed dropped_send_failed,
    /// Of the documents sent, those refused later because nobody listened. A lower bound.
    DroppedRefused dropped_refused,
    /// Lost: made after the shutdown, or still waiting when its time was up.
    DroppedShutdown dropped_shutdown,
    /// Subsegments not recorded: their segment was full.
    DroppedNodeLimit dropped_node_limit,
    /// Lost: the emitter panicked.
    DroppedPanicked dropped_panicked,
    /// Panics caught outside a document: in a diagnostics handler or between documents.
    PanicsCaught panics_caught,
}

/// The counters of one layer, shared by everything that works for it.
#[derive(Debug)]
pub struct Stats {
    counters: [AtomicU64; Counter::ALL.len()],
    last_error: Mutex<Option<String>>,
}

impl Stats {
    /// All zero.
    pub(crate) fn new() -> Stats {
        Stats { counters: [const { AtomicU64::new(0) }; Counter::ALL.len()], last_error: Mutex::new(None) }
    }

    /// Counts `amount` more.
    pub(crate) fn add(&self, counter: Counter, amount: u64) {
        if let Some(value) = self.counters.get(counter as usize) {
            value.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// One counter now.
    pub fn get(&self, counter: Counter) -> u64 {
        self.counters.get(counter as usize).map_or(0, |value| value.load(Ordering::Relaxed))
    }

    /// Keeps `error` as the latest trouble. Not for text from the network.
    pub(crate) fn set_last_error(&self, error: String) {
        *self.lock_error() = Some(error);
    }

    fn lock_error(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StatsSnapshot {
    /// Documents that were made and did not leave, for any cause. Not among them: `dropped_refused`, which were
    /// sent before the refusal came, and `dropped_node_limit`, which never were in a document.
    pub fn dropped(&self) -> u64 {
        let causes = [
            self.dropped_queue_full,
            self.dropped_too_large,
            self.dropped_send_failed,
            self.dropped_shutdown,
            self.dropped_panicked,
        ];
        causes.into_iter().fold(0, u64::saturating_add)
    }
}

/// One line for a log: the counters that are not zero, as `name=count`, and behind each rule in quotes its own.
impl fmt::Display for StatsSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for counter in Counter::ALL {
            let value = self.get(*counter);
            if value > 0 {
                write!(f, "{separator}{}={value}", counter.name())?;
                separator = " ";
            }
        }
        for rule in &self.rules {
            write!(f, "{separator}rule {rule}")?;
            separator = "; ";
        }
        match &self.last_error {
            Some(error) => write!(f, "{separator}last_error={error:?}"),
            None if separator.is_empty() => f.write_str("nothing counted"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_own_cell_and_field() {
        let stats = Stats::new();
        for (index, counter) in Counter::ALL.iter().enumerate() {
            stats.add(*counter, index as u64 + 1);
        }
        let snapshot = stats.snapshot();
        for (index, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(*counter as usize, index);
            assert_eq!(snapshot.get(*counter), index as u64 + 1, "{}", counter.name());
            assert_eq!(stats.get(*counter), index as u64 + 1);
        }
    }

    #[test]
    fn the_line_shows_what_happened() {
        let stats = Stats::new();
        assert_eq!(stats.snapshot().to_string(), "nothing counted");
        stats.add(Counter::DocumentsSent, 3);
        stats.add(Counter::DroppedQueueFull, 1);
        stats.add(Counter::DroppedQueueFull, 1);
        assert_eq!(stats.snapshot().to_string(), "documents_sent=3 dropped_queue_full=2");
        stats.set_last_error("disk\nfull".to_owned());
        let line = r#"documents_sent=3 dropped_queue_full=2 last_error="disk\nfull""#;
        assert_eq!(stats.snapshot().to_string(), line);
    }

    #[test]
    fn dropped_leaves_out_what_was_sent_or_never_a_document() {
        let stats = Stats::new();
        for counter in Counter::ALL.iter().filter(|counter| counter.name().starts_with("dropped_")) {
            stats.add(*counter, 1);
        }
        assert_eq!(stats.snapshot().dropped(), 5);
    }
}
