//! Watching what comes in: all of it is worth a word only when it goes on.

use super::Recorder;
use crate::TraceId;
use crate::diagnostics::{Code, messages};
use crate::node::head::Head;
use crate::stats::Counter;

impl Recorder {
    /// XR010 and XR011: nothing is sampled, here or by those who call.
    pub(crate) fn watch_sampling(&self, head: &Head) {
        if head.sampled {
            return;
        }
        if self.diagnostics().detail(Code::Xr010, || messages::not_sampled(&self.service, head.decision.rule())) {
            self.deliver_diagnostics();
        }
        let stats = self.stats();
        // This one is decided, and not opened yet.
        let (opened, sampled) = (stats.get(Counter::SegmentsOpened) + 1, stats.get(Counter::SegmentsSampled));
        if opened % LOOK_EVERY != 0 {
            return;
        }
        let upstream = stats.get(Counter::UpstreamUnsampled);
        if upstream * 10 >= opened * 9 {
            self.report(Code::Xr011, || messages::upstream_unsampled(upstream, opened));
        } else if sampled == 0 && stats.get(Counter::LateCaptured) == 0 {
            self.report(Code::Xr010, || messages::none_sampled(opened, head.decision.rule()));
        }
    }

    /// XR013: X-Ray drops traces that are too old or from the future.
    pub(crate) fn watch_age(&self, root: TraceId, head: &Head) {
        let now = head.origin.wrapping_add(head.start) / 1_000_000_000;
        let stamped = u64::from(root.epoch_seconds());
        if stamped + OLDEST < now || stamped > now + FURTHEST {
            self.stats().add(Counter::StaleTraceIds, 1);
            self.report(Code::Xr013, || messages::stale_trace_id(root.epoch_seconds(), now));
        }
    }
}

/// Requests between two looks at how many were sampled.
const LOOK_EVERY: u64 = 1000;
/// Seconds after which X-Ray drops a trace: 30 days. Source: X-Ray Developer Guide, "Concepts", retention.
const OLDEST: u64 = 30 * 24 * 3600;
/// Seconds by which another machine's clock may be ahead: a day, which no working clock is.
const FURTHEST: u64 = 24 * 3600;
