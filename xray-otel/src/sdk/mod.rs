//! What stands on the OpenTelemetry SDK.

mod convert;
mod emitter;
mod exporter;
mod ids;
mod propagator;
#[cfg(feature = "layer")]
mod same_ids;
mod sampler;
#[cfg(feature = "sigv4")]
mod sigv4;

pub use emitter::{EmitterCounts, OtelEmitter};
pub use exporter::{ExportCounters, ExportCounts, XrayExporter};
pub use ids::XrayIdGenerator;
pub use propagator::{XrayPropagator, propagators};
#[cfg(feature = "layer")]
pub use same_ids::SameIds;
pub use sampler::XraySampler;
#[cfg(feature = "sigv4")]
pub use sigv4::{SigningClient, SigningError, endpoint};
