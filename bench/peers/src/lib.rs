//! What the peers' workers share.

use std::error::Error;
use std::process::ExitCode;

use xray_harness::Subject;

/// Runs a worker of the same protocol as ours: `worker VARIANT WORKLOAD SINK`. Without arguments it ends at once, which
/// is how long a program that only links the library takes; `install` ends when it is set up.
pub fn main<S: Subject>(install: impl FnOnce(&str, Workload, &str) -> Result<S, Box<dyn Error>>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [] => Ok(()),
        ["install", variant, sink] => install(variant, Workload::W1, sink).map(|subject| subject.flush()),
        ["worker", variant, workload, sink] => Workload::from_name(workload)
            .ok_or_else(|| format!("no workload {workload} for peers").into())
            .and_then(|workload| install(variant, workload, sink))
            .and_then(|subject| xray_harness::run(&subject)),
        _ => Err("usage: [install VARIANT SINK | worker VARIANT WORKLOAD SINK]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The workloads that peers are measured with; see the benchmark's README.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A segment with a subsegment.
    W1,
    /// A segment with ten.
    W2,
    /// W2, not sampled.
    W3,
    /// HTTP.
    W4,
}

impl Workload {
    fn from_name(name: &str) -> Option<Workload> {
        use Workload::{W1, W2, W3, W4};
        [W1, W2, W3, W4].into_iter().find(|workload| format!("{workload:?}") == name)
    }

    /// Spans of a request.
    pub fn spans(self) -> u64 {
        match self {
            Workload::W1 | Workload::W4 => 2,
            Workload::W2 => 11,
            Workload::W3 => 0,
        }
    }
}
