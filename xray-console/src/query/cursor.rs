//! The place between two pages of traces.
//!
//! Traces are shown newest first: by the start of the trace, then by id. A cursor is the last one shown, so a page
//! goes on from there whatever has arrived since: newer traces are not shown on later pages, none is shown twice.
//! A trace that grew backwards in time between two pages (an earlier segment came late) may be shown again.
//!
//! Its text (`NextToken` of X-Ray's API) is for machines and may change.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use xray_core::TraceId;

/// The last trace shown.
///
/// # Examples
///
/// ```
/// use xray_console::query::Cursor;
///
/// let shown = Cursor::after(1465510280.5, "1-5759e988-bd862e3fe1be46a994272793");
/// let token = shown.to_string();
/// let shown: Cursor = token.parse()?;
/// assert!(shown.is_before(1465510280.25, "1-5759e988-000000000000000000000000"));
/// assert!(!shown.is_before(1465510280.5, "1-5759e988-bd862e3fe1be46a994272793"));
/// # Ok::<(), xray_console::query::ParseCursorError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    start: f64,
    id: String,
}

impl Cursor {
    /// The place after this trace: its start in seconds since the epoch, and its id.
    pub fn after(start: f64, id: &str) -> Cursor {
        Cursor { start, id: id.to_owned() }
    }

    /// Whether this trace is still to be shown.
    pub fn is_before(&self, start: f64, id: &str) -> bool {
        newest_first((self.start, &self.id), (start, id)) == Ordering::Less
    }
}

/// The order in which traces are shown, each by its start and its id.
pub(crate) fn newest_first(left: (f64, &str), right: (f64, &str)) -> Ordering {
    right.0.total_cmp(&left.0).then_with(|| right.1.cmp(left.1))
}

impl fmt::Display for Cursor {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{:016x}.{}", self.start.to_bits(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(token: &str) -> Result<Cursor, ParseCursorError> {
        let (start, id) = token.split_once('.').ok_or(ParseCursorError)?;
        let bits = u64::from_str_radix(start, 16).map_err(|_| ParseCursorError)?;
        let id: TraceId = id.parse().map_err(|_| ParseCursorError)?;
        Ok(Cursor { start: f64::from_bits(bits), id: id.to_string() })
    }
}

/// A `NextToken` that was not given out here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("NextToken is not one that this server gave out")]
#[non_exhaustive]
pub struct ParseCursorError;
