//! Which requests that were not sampled are kept for how they end.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Late capture: requests that were not sampled when they began are recorded in memory, and sent after all when they end
/// in one of these ways.
///
/// By itself it keeps what rules on the response ask for, and nothing where there are none. What is asked for here
/// besides is kept for every request, at most [`with_limit`](LateCapture::with_limit) a second. Services that were called
/// meanwhile were told `Sampled=0`: a trace kept late has this service's part alone.
///
/// The text form is that of `XRAY_LATE_CAPTURE`: `off`, `rules`, or conditions and limits separated by commas.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use xray_core::LateCapture;
///
/// let late = LateCapture::rules().with_faults().with_slower_than(Duration::from_secs(2)).with_limit(20);
/// assert_eq!(late.to_string(), "fault,slow=2,limit=20");
/// assert_eq!("fault, slow=2, limit=20".parse(), Ok(late));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "settings do nothing until they are given to a layer"]
pub struct LateCapture {
    pub(crate) rules: bool,
    pub(crate) faults: bool,
    pub(crate) errors: bool,
    pub(crate) throttles: bool,
    pub(crate) slower_than: Option<Duration>,
    pub(crate) limit: u32,
    pub(crate) upstream: bool,
    pub(crate) segments: u32,
    pub(crate) bytes: usize,
}

impl LateCapture {
    /// Segments sent a second, unless said: those that conditions keep, not those that rules do.
    pub const DEFAULT_LIMIT: u32 = 10;

    /// Segments that are recorded at one time, unless said.
    pub const DEFAULT_SEGMENTS: u32 = 4096;

    /// Bytes of all segments that are recorded at one time, unless said: 16 MiB.
    pub const DEFAULT_BYTES: usize = 16 * 1024 * 1024;

    /// What rules on the response ask for. The default.
    pub const fn rules() -> LateCapture {
        LateCapture {
            rules: true,
            faults: false,
            errors: false,
            throttles: false,
            slower_than: None,
            limit: LateCapture::DEFAULT_LIMIT,
            upstream: false,
            segments: LateCapture::DEFAULT_SEGMENTS,
            bytes: LateCapture::DEFAULT_BYTES,
        }
    }

    /// Nothing, not even what rules ask for.
    pub const fn off() -> LateCapture {
        LateCapture { rules: false, ..LateCapture::rules() }
    }

    /// Keeps what ends in a fault: 5xx, an error that was recorded on the segment, a panic.
    pub const fn with_faults(self) -> LateCapture {
        LateCapture { rules: true, faults: true, ..self }
    }

    /// Keeps what ends in an error: 4xx, or given up by whoever waited. There are usually many.
    pub const fn with_errors(self) -> LateCapture {
        LateCapture { rules: true, errors: true, ..self }
    }

    /// Keeps what was told to slow down: 429.
    pub const fn with_throttles(self) -> LateCapture {
        LateCapture { rules: true, throttles: true, ..self }
    }

    /// Keeps what took longer than this.
    pub const fn with_slower_than(self, time: Duration) -> LateCapture {
        LateCapture { rules: true, slower_than: Some(time), ..self }
    }

    /// Segments a second that the conditions keep at most; further ones are counted (`late_over_limit`).
    pub const fn with_limit(self, a_second: u32) -> LateCapture {
        LateCapture { limit: a_second, ..self }
    }

    /// Keeps also requests whose caller had decided `Sampled=0`. The caller's part of such a trace is missing.
    pub const fn with_upstream(self) -> LateCapture {
        LateCapture { upstream: true, ..self }
    }

    /// Segments, and bytes of all of them together, that are recorded at one time; further ones are not, and one that
    /// grows beyond is given up, counted (`late_no_room`).
    pub const fn with_memory(self, segments: u32, bytes: usize) -> LateCapture {
        LateCapture { segments, bytes, ..self }
    }

    /// Something other than a rule may keep a request.
    pub(crate) const fn has_conditions(&self) -> bool {
        self.faults || self.errors || self.throttles || self.slower_than.is_some()
    }
}

impl Default for LateCapture {
    fn default() -> LateCapture {
        LateCapture::rules()
    }
}

impl fmt::Display for LateCapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.rules {
            return f.write_str("off");
        }
        let mut parts = Vec::new();
        let flags = [(self.faults, "fault"), (self.errors, "error"), (self.throttles, "throttle")];
        parts.extend(flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name.to_owned()));
        parts.extend(self.slower_than.map(|time| format!("slow={}", time.as_secs_f64())));
        if !self.has_conditions() {
            parts.push("rules".to_owned());
        } else if self.limit != LateCapture::DEFAULT_LIMIT {
            parts.push(format!("limit={}", self.limit));
        }
        if self.upstream {
            parts.push("upstream".to_owned());
        }
        f.write_str(&parts.join(","))
    }
}

/// Why a text is no setting of late capture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part:?} is not one of {EXPECTED}")]
pub struct ParseLateCaptureError {
    part: String,
}

/// What a text may hold.
pub(crate) const EXPECTED: &str = "off, rules, fault, error, throttle, slow=SECONDS (such as slow=2.5), \
     limit=COUNT (such as limit=10), upstream, separated by commas";

impl FromStr for LateCapture {
    type Err = ParseLateCaptureError;

    fn from_str(text: &str) -> Result<LateCapture, ParseLateCaptureError> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("off") {
            return Ok(LateCapture::off());
        }
        text.split(',').map(str::trim).try_fold(LateCapture::rules(), |late, part| {
            with_part(late, part).ok_or_else(|| ParseLateCaptureError { part: part.to_owned() })
        })
    }
}

fn with_part(late: LateCapture, part: &str) -> Option<LateCapture> {
    let (name, value) = part.split_once('=').map_or((part, None), |(name, value)| (name.trim(), Some(value.trim())));
    let name = name.to_ascii_lowercase();
    Some(match (name.as_str(), value) {
        ("rules", None) => late,
        ("fault", None) => late.with_faults(),
        ("error", None) => late.with_errors(),
        ("throttle", None) => late.with_throttles(),
        ("upstream", None) => late.with_upstream(),
        ("slow", Some(value)) => {
            let seconds: f64 = value.parse().ok()?;
            // What is no number is in no range.
            let in_range = (0.0..=86_400.0).contains(&seconds);
            late.with_slower_than(in_range.then(|| Duration::from_secs_f64(seconds))?)
        }
        ("limit", Some(value)) => late.with_limit(value.parse().ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_as_the_same() {
        let base = LateCapture::rules();
        for late in [
            base,
            LateCapture::off(),
            base.with_upstream(),
            base.with_faults().with_errors().with_throttles(),
            base.with_slower_than(Duration::from_millis(1500)).with_limit(3).with_upstream(),
        ] {
            assert_eq!(late.to_string().parse(), Ok(late), "{late}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_part() {
        for (text, part) in [
            ("", ""),
            ("on", "on"),
            ("fault,", ""),
            ("fault;error", "fault;error"),
            ("slow", "slow"),
            ("slow=2s", "slow=2s"),
            ("slow=-1", "slow=-1"),
            ("slow=nan", "slow=nan"),
            ("limit=-3", "limit=-3"),
            ("limit=99999999999", "limit=99999999999"),
            ("fault=1", "fault=1"),
            ("off,fault", "off"),
        ] {
            let error = text.parse::<LateCapture>().unwrap_err();
            assert_eq!(error, ParseLateCaptureError { part: part.to_owned() }, "{text}");
        }
    }
}
