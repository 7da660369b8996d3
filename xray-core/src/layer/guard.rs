//! The end of the program: what is queued still leaves.

use std::time::{Duration, Instant};

use tracing::dispatcher::get_default;

use super::SegmentLayer;
use crate::diagnostics::{Code, messages};
use crate::stats::Counter;

/// Drains the layer when dropped: [`SegmentLayer::shutdown`] with 500 ms.
///
/// # Examples
///
/// ```
/// let layer = xray_core::layer("orders");
/// let _xray = layer.guard();   // until the end of `main`
/// ```
#[derive(Debug)]
#[must_use = "dropping the guard stops X-Ray: bind it, `let _xray = …`"]
pub struct Guard {
    layer: SegmentLayer,
    since: Instant,
}

impl Guard {
    pub(crate) fn new(layer: SegmentLayer) -> Guard {
        Guard { layer, since: Instant::now() }
    }

    /// The layer this guard drains.
    pub fn layer(&self) -> &SegmentLayer {
        &self.layer
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(shared) = &self.layer.shared {
            let recorder = &shared.recorder;
            let opened = recorder.stats().get(Counter::SegmentsOpened);
            if opened == 0 && self.since.elapsed() < AT_ONCE {
                recorder.report(Code::Xr022, || messages::guard_dropped(self.since.elapsed()));
            }
        }
        self.layer.shutdown(DRAIN);
    }
}

/// Waits until everything the current layer has ended was handed over, at most `timeout`; true when it was, or there is
/// no layer.
///
/// # Examples
///
/// ```
/// assert!(xray_core::flush(std::time::Duration::from_millis(100)));
/// ```
pub fn flush(timeout: Duration) -> bool {
    current_layer().is_none_or(|layer| layer.flush(timeout))
}

/// Shuts the current layer down, for programs that keep no [`Guard`]: [`SegmentLayer::shutdown`].
///
/// # Examples
///
/// ```
/// assert!(xray_core::shutdown(std::time::Duration::from_millis(100)));
/// ```
pub fn shutdown(timeout: Duration) -> bool {
    current_layer().is_none_or(|layer| layer.shutdown(timeout))
}

fn current_layer() -> Option<SegmentLayer> {
    get_default(|dispatch| dispatch.downcast_ref::<SegmentLayer>().cloned())
}

/// How long a dropped guard waits for the queue.
const DRAIN: Duration = Duration::from_millis(500);
/// A guard dropped within this time, with nothing opened, was hardly meant to be.
const AT_ONCE: Duration = Duration::from_millis(100);
