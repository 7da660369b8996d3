//! How a segment ended, for samplers that learn from it.

use std::time::Duration;

/// The end of a segment, sampled or not: what [`Sample::ended`](super::Sample::ended) is told.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use xray_core::sampling::SegmentEnd;
///
/// let end = SegmentEnd::new("orders", Duration::from_millis(12)).with_status(429);
/// assert_eq!((end.fault, end.error, end.throttle), (false, true, true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentEnd<'a> {
    /// Name the segment was opened under.
    pub service: &'a str,
    /// Our failure (5xx, an error that was recorded, a panic).
    pub fault: bool,
    /// The caller's mistake (4xx), or given up by whoever waited.
    pub error: bool,
    /// Told to slow down (429).
    pub throttle: bool,
    /// The HTTP status that was answered, if one was.
    pub status: Option<u16>,
    /// From its opening to its end.
    pub duration: Duration,
}

impl<'a> SegmentEnd<'a> {
    /// A segment that ended well, without an HTTP status.
    #[must_use]
    pub fn new(service: &'a str, duration: Duration) -> SegmentEnd<'a> {
        SegmentEnd { service, fault: false, error: false, throttle: false, status: None, duration }
    }

    /// With this HTTP status, and the flags that go with it: 4xx error, 429 error and throttle, 5xx fault.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> SegmentEnd<'a> {
        self.status = Some(status);
        self.error |= status / 100 == 4;
        self.throttle |= status == 429;
        self.fault |= status / 100 == 5;
        self
    }
}
