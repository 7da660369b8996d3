//! One request as statistics see it: when it began, how long it took, how it ended.

use xray_core::document::Document;

/// How a request ended. Of several flags the gravest counts: fault, then throttle, then error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    Error,
    Throttle,
    Fault,
}

impl Outcome {
    pub(super) fn of(document: &Document) -> Outcome {
        match document {
            Document { fault: true, .. } => Outcome::Fault,
            Document { throttle: true, .. } => Outcome::Throttle,
            Document { error: true, .. } => Outcome::Error,
            _ => Outcome::Ok,
        }
    }
}

/// A completed request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Call {
    /// Seconds since the epoch at which it began.
    pub(super) start: f64,
    /// Microseconds times four, plus the outcome: it is held for each call of each trace.
    packed: u64,
}

impl Call {
    /// A completed one; none of what is in progress or has no times.
    pub(super) fn of(document: &Document) -> Option<Call> {
        Call::lasting(document, document.seconds()?)
    }

    /// The same, with another time in the place of its own.
    pub(super) fn lasting(document: &Document, seconds: f64) -> Option<Call> {
        if document.in_progress {
            return None;
        }
        document.end_time?;
        Some(Call::new(document.start_time?, seconds, Outcome::of(document)))
    }

    pub(super) fn new(start: f64, seconds: f64, outcome: Outcome) -> Call {
        Call { start, packed: (micros(seconds) << 2) | outcome as u64 }
    }

    /// Microseconds it took.
    pub(super) fn micros(self) -> u64 {
        self.packed >> 2
    }

    pub(super) fn outcome(self) -> Outcome {
        match self.packed & 3 {
            0 => Outcome::Ok,
            1 => Outcome::Error,
            2 => Outcome::Throttle,
            _ => Outcome::Fault,
        }
    }
}

/// Whole microseconds: what epoch seconds in an `f64` can tell. A time that runs backwards is none.
fn micros(seconds: f64) -> u64 {
    const LONGEST: f64 = 1e12; // 31,000 years, which leaves two bits
    let micros = (seconds * 1e6).round();
    // Bounds are checked, and NaN becomes zero.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let micros = micros.clamp(0.0, LONGEST * 1e6) as u64;
    micros.min(u64::MAX >> 2)
}
