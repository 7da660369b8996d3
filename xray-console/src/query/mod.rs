//! What queries know of a trace: computed once for each of its revisions, small, without JSON.
//!
//! [`Facts`] holds everything that filter expressions ask and summaries show. [`TraceSummary`] and what it holds are the
//! shapes of X-Ray's API, written by the server and read back by its clients. [`Cursor`] is the place between two pages
//! of traces, newest first.
//!
//! Source: X-Ray API Reference, "TraceSummary", "GetTraceSummaries".

mod cursor;
mod facts;
mod shapes;
mod summary;
#[cfg(test)]
mod tests;

pub use cursor::{Cursor, ParseCursorError};
pub use facts::Facts;
pub(crate) use facts::{Cause, CauseKind, Columns, Entity, Flags, Label, Record, Segment, Value};
pub use shapes::{
    AnnotationValue, AvailabilityZone, HttpSummary, InstanceId, ResourceArn, RootCause, RootCauseEntity,
    RootCauseException, RootCauseService, ServiceId, TraceSummary, TraceUser, ValueWithServiceIds,
};
pub(crate) use summary::root_cause;
