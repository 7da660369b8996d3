//! xray-lite over UDP (P4).
//!
//! It knows subsegments of Lambda's segment alone: no segment, no annotation, metadata or event, no nesting. W1 is one
//! remote subsegment and W2 ten of them beside each other, each sent when it opens and again when it ends.

use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use xray_harness::{Subject, Workload, work};
use xray_lite::{Context, DaemonClient, RemoteNamespace, SubsegmentContext, SubsegmentSession};

fn main() -> ExitCode {
    xray_peers::main(Lite::install)
}

struct Lite {
    workload: Workload,
    context: SubsegmentContext<DaemonClient>,
    ended: AtomicU64,
}

impl Lite {
    /// Takes the trace header from `_X_AMZN_TRACE_ID`, which its parent sets: it can be given in no other way.
    fn install(variant: &str, workload: Workload, sink: &str) -> Result<Lite, Box<dyn Error>> {
        if variant != "P4" || matches!(workload, Workload::W4 | Workload::W9) {
            return Err(format!("no variant {variant} for {workload:?}").into());
        }
        let context = SubsegmentContext::from_lambda_env(DaemonClient::new(sink.parse()?)?)?;
        Ok(Lite { workload, context, ended: AtomicU64::new(0) })
    }

    fn subsegment(&self, name: &str) -> SubsegmentSession<DaemonClient, RemoteNamespace> {
        let mut subsegment =
            self.context.enter_subsegment(RemoteNamespace::new(black_box(name), work::METHOD, black_box(work::URL)));
        if let Some(namespace) = subsegment.namespace_mut() {
            namespace.response_status(black_box(200));
        }
        subsegment
    }
}

impl Subject for Lite {
    type Open = SubsegmentSession<DaemonClient, RemoteNamespace>;

    fn request(&self) {
        if self.workload == Workload::W1 {
            drop(self.subsegment("charge"));
        } else {
            for _ in 0..5 {
                drop((self.subsegment("charge"), self.subsegment("reserve")));
            }
        }
        self.ended.fetch_add(1, Ordering::Relaxed);
    }

    fn open(&self) -> Self::Open {
        drop(self.subsegment("charge"));
        self.subsegment("charge")
    }

    fn left(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }
}
