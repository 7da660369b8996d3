//! A message and a layer for the tests of consumers.

use std::collections::BTreeMap;
use std::future::Future;

use tracing::instrument::WithSubscriber;
use xray_core::Builder;
use xray_sqs::MessageExt;
use xray_test::{Captured, ManualClock, SeededEntropy};

/// When the tests begin.
pub(crate) const NOW_MILLIS: u64 = 1_465_510_280_514;
pub(crate) const SENDER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8";

/// A message with the system attributes of one that was asked for everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plain {
    pub(crate) id: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Plain {
    /// Sent 1.5 s before the tests begin, received for the second time.
    pub(crate) fn sent() -> Plain {
        Plain { id: Some("5fea7756".to_owned()), ..Plain::default() }
            .with("SentTimestamp", &(NOW_MILLIS - 1500).to_string())
            .with("ApproximateReceiveCount", "2")
    }

    pub(crate) fn of(header: &str) -> Plain {
        Plain::sent().with("AWSTraceHeader", header)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Plain {
        self.attributes.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl MessageExt for Plain {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn system_attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

pub(crate) fn captured(settings: impl FnOnce(Builder) -> Builder) -> Captured {
    Captured::with(ManualClock::at(1465510280.514), SeededEntropy::new(7), settings)
}

/// Runs a future to its end under the layer, on this thread.
pub(crate) fn run<F: Future>(xray: &Captured, future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(future.with_subscriber(xray.dispatch().clone()))
}
