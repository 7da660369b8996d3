//! Functions that go on from a snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use tower::ServiceExt;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::prelude::*;
use xray_core::{Emit, EmitError, SegmentLayer};

use super::{event, trace_in};
use crate::settings::Environment;

/// Counts openings of the connection, and documents.
#[derive(Clone, Debug, Default)]
struct Connection(Arc<[AtomicUsize; 2]>);

impl Emit for Connection {
    fn emit(&self, _: &[u8]) -> Result<(), EmitError> {
        self.0[1].fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn reopen(&self) {
        assert_eq!(self.0[1].load(Ordering::Relaxed), 0, "before the first document");
        self.0[0].fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_connection_is_opened_anew_once_and_only_after_a_restore() {
    for (snap_start, expected) in [(true, 1), (false, 0)] {
        let connection = Connection::default();
        let layer = SegmentLayer::builder("orders").without_environment().lambda(true).emitter(connection.clone());
        let subscriber = tracing_subscriber::registry().with(layer.build().unwrap());
        let environment = Environment { snap_start, ..Environment::default() };
        let handler = trace_in(environment, service_fn(|_: LambdaEvent<u8>| async { Ok::<_, Error>(()) }));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let twice = async {
            for _ in 0..2 {
                handler.clone().oneshot(event(1)).await.unwrap().into_inner();
            }
        };
        runtime.block_on(twice.with_subscriber(subscriber));
        let [reopened, documents] = connection.0.each_ref().map(|count| count.load(Ordering::Relaxed));
        assert_eq!((reopened, documents), (expected, 2));
    }
}
