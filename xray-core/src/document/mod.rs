//! Segment documents: the JSON that goes to X-Ray.
//!
//! Three kinds share one shape: a **segment**, an **in-progress** segment or subsegment
//! (`in_progress: true`, no `end_time`), and a **lone subsegment**, sent apart from its segment
//! (`type: "subsegment"` with `trace_id` and `parent_id`).
//!
//! [`Document`] reads and writes any of them, whoever sent it. [`names`] makes names, keys and URLs
//! valid, [`limits`] holds the numbers they are held to.
//!
//! Source: X-Ray Developer Guide, "Segment documents".

#[cfg(feature = "layer")]
pub(crate) mod escape;
mod letters;
pub mod limits;
mod model;
pub mod names;
#[cfg(feature = "layer")]
pub(crate) mod piece;
#[cfg(feature = "layer")]
pub(crate) mod split;
#[cfg(feature = "layer")]
pub(crate) mod writer;

pub use model::{
    Annotation, Aws, Cause, CauseObject, Document, Exception, Http, HttpRequest, HttpResponse, Link,
    ParseDocumentError, Service, Sql, StackFrame, Walk,
};

/// The line before every document on its way to the daemon, newline included.
///
/// Source: X-Ray Developer Guide, "Sending trace data to X-Ray".
pub const DAEMON_HEADER: &str = "{\"format\":\"json\",\"version\":1}\n";
