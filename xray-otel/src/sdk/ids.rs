//! Ids that X-Ray takes: the first 32 bits of a trace id are the time.

use std::fmt;
use std::sync::Arc;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;
use xray_core::{Clock, Entropy, SystemClock, ThreadEntropy};

/// Makes ids for the SDK from the same source as `xray-core` does.
///
/// X-Ray refused trace ids whose first digits are no time of the last 30 days until 2023, and what stands between a program
/// and X-Ray may still do so; random ids mostly are such.
///
/// # Examples
///
/// ```
/// use opentelemetry_sdk::trace::{IdGenerator, SdkTracerProvider};
/// use xray_otel::XrayIdGenerator;
///
/// let ids = XrayIdGenerator::default();
/// assert_ne!(ids.new_trace_id(), ids.new_trace_id());
/// let provider = SdkTracerProvider::builder().with_id_generator(ids).build();
/// # drop(provider);
/// ```
#[derive(Clone)]
pub struct XrayIdGenerator {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl XrayIdGenerator {
    /// Ids of this clock and these numbers.
    pub fn new(clock: impl Clock, entropy: impl Entropy) -> XrayIdGenerator {
        XrayIdGenerator { clock: Arc::new(clock), entropy: Arc::new(entropy) }
    }
}

impl Default for XrayIdGenerator {
    fn default() -> XrayIdGenerator {
        XrayIdGenerator::new(SystemClock, ThreadEntropy)
    }
}

impl IdGenerator for XrayIdGenerator {
    fn new_trace_id(&self) -> TraceId {
        #[cfg(feature = "layer")]
        if let Some(id) = super::same_ids::trace_id() {
            return id;
        }
        let seconds = self.clock.wall().as_secs() as u32;
        let random = (u128::from(self.entropy.next_u64()) << 64) | u128::from(self.entropy.next_u64());
        TraceId::from((u128::from(seconds) << 96) | (random >> 32))
    }

    fn new_span_id(&self) -> SpanId {
        #[cfg(feature = "layer")]
        if let Some(id) = super::same_ids::span_id() {
            return id;
        }
        // A source may say 0, which is no id; no other number comes as rarely.
        SpanId::from(self.entropy.next_u64().max(1))
    }
}

impl fmt::Debug for XrayIdGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XrayIdGenerator").finish_non_exhaustive()
    }
}
