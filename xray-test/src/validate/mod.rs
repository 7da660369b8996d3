//! Whether X-Ray would take a document whole.
//!
//! The service is forgiving in a way that hides mistakes: it refuses some documents with a bare code and
//! removes from others, without a word, what does not fit. This check is strict instead. It asks of one
//! document all that can be asked without its trace: members and their types, lengths and characters,
//! which kind of document may have what, ids, times, counts and size. It also holds to the habits that
//! make a document small and readable: nothing empty, nothing unknown, nothing twice.
//!
//! Not checked, for want of a rule to check against: the values of `origin` (X-Ray adds to them),
//! further keys of `aws` and `service` (senders may add), what user values in `metadata` hold.
//!
//! Sources: X-Ray Developer Guide, "Segment documents" and "Add annotations and metadata to segments";
//! the JSON schema linked from the first.

mod check;
mod json;
mod path;
mod schema;
mod value;

use std::borrow::Cow;
use std::fmt;

use xray_core::document::{DAEMON_HEADER, limits};

use check::Check;
use json::Json;

/// One thing in a document that X-Ray does not take, or that ought not to be there: what [`validate()`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Where, such as `subsegments[2].name`; empty for the document as a whole.
    pub path: String,
    /// What is there, shortened.
    pub found: String,
    /// What may be there.
    pub allowed: Cow<'static, str>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "document" } else { &self.path };
        write!(f, "{path}: found {}, allowed: {}", self.found, self.allowed)
    }
}

/// Checks the text of one document, without the daemon's header line, against all that X-Ray states.
///
/// Takes a segment, an in-progress one, or a lone subsegment. Nested subsegments may repeat `trace_id`,
/// `parent_id` and `type`, as some SDKs do, if they say the same as what they are nested in.
///
/// # Errors
///
/// Every violation. A text that is not a JSON object, or nests deeper than 127 objects and arrays, has
/// just that one.
///
/// # Examples
///
/// ```
/// let json = r#"{"name": "orders(api)", "id": "53995c3f42cd8ad8", "start_time": 2.5, "end_time": 1,
///     "trace_id": "1-5759e988-bd862e3fe1be46a994272793"}"#;
/// let violations = xray_test::validate(json).unwrap_err();
///
/// assert_eq!(violations[0].path, "name");
/// assert_eq!(violations[1].to_string(), "end_time: found 1, allowed: start_time (2.5) or later");
/// ```
pub fn validate(json: impl AsRef<[u8]>) -> Result<(), Vec<Violation>> {
    let text = json.as_ref();
    let document = serde_json::from_slice(text).map_err(|error| whole(error.to_string(), "JSON"))?;
    let Json::Object(members) = document else {
        return Err(whole(document.to_string(), "an object"));
    };
    let mut check = Check::new();
    check.document(&members);
    let mut violations = check.violations;

    let bytes = DAEMON_HEADER.len() + text.len();
    if bytes > limits::DOCUMENT_BYTES {
        let found = format!("{bytes} bytes with the header line");
        violations.extend(whole(found, format!("at most {}", limits::DOCUMENT_BYTES)));
    }
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}

fn whole(found: String, allowed: impl Into<Cow<'static, str>>) -> Vec<Violation> {
    vec![Violation { path: String::new(), found, allowed: allowed.into() }]
}

#[cfg(test)]
mod tests;
