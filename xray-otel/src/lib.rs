//! OpenTelemetry and X-Ray side by side.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod losses;
mod mapping;
#[cfg(feature = "sdk")]
mod sdk;
mod span;
mod spans;

pub use losses::Losses;
pub use mapping::Mapping;
#[cfg(feature = "layer")]
pub use sdk::SameIds;
#[cfg(feature = "sdk")]
pub use sdk::{
    EmitterCounts, ExportCounters, ExportCounts, OtelEmitter, XrayExporter, XrayIdGenerator, XrayPropagator,
    XraySampler, propagators,
};
#[cfg(feature = "sigv4")]
pub use sdk::{SigningClient, SigningError, endpoint};
pub use span::{Attributes, Event, Kind, Link, Resource, Scope, Span, Status, Value};
pub use spans::spans;
