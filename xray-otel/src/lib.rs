//! OpenTelemetry and X-Ray side by side.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod losses;
mod mapping;
mod span;
mod spans;

pub use losses::Losses;
pub use mapping::Mapping;
pub use span::{Attributes, Event, Kind, Link, Resource, Scope, Span, Status, Value};
pub use spans::spans;
