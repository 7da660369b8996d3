//! What was not kept as it came, counted.

use super::Recorder;
use crate::diagnostics::{Code, messages};
use crate::node::handle::Handle;
use crate::node::items::{Draft, Losses};
use crate::node::record::Admitted;
use crate::stats::Counter;

impl Recorder {
    #[inline(always)]
    pub(super) fn count(&self, draft: &Draft) {
        if !draft.losses.are_none() {
            self.count_losses(draft.losses);
        }
    }

    #[cold]
    #[inline(never)]
    fn count_losses(&self, losses: Losses) {
        let Losses { values_cut, annotations_moved, event_dropped, refused } = losses;
        if event_dropped {
            return self.stats().add(Counter::EventsDropped, 1);
        }
        self.stats().add(Counter::ValuesTruncated, u64::from(values_cut));
        if refused {
            self.stats().add(Counter::DroppedNodeLimit, 1);
        }
        if annotations_moved > 0 {
            self.stats().add(Counter::AnnotationsMoved, u64::from(annotations_moved));
            self.report(Code::Xr009, messages::annotations_moved);
        }
    }

    /// Counts a chain of exceptions in, and those that are left out.
    pub(crate) fn admit_exceptions(&self, handle: Handle, length: u8) -> Admitted {
        let admitted = self.delivery.slots.with(handle, |tree| tree.admit_exceptions(handle.node(), length));
        let admitted = admitted.unwrap_or_default();
        if admitted.skipped > 0 {
            self.stats().add(Counter::ExceptionsDropped, u64::from(admitted.skipped));
        }
        admitted
    }
}
