//! What the peers' workers share.

use std::error::Error;
use std::process::ExitCode;

use xray_harness::{Subject, Workload};

/// Runs a worker of the same protocol as ours: `worker VARIANT WORKLOAD SINK`. Without arguments it ends at once, which
/// is how long a program that only links the library takes; `install` ends when it is set up.
pub fn main<S: Subject>(install: impl FnOnce(&str, Workload, &str) -> Result<S, Box<dyn Error>>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [] => Ok(()),
        ["install", variant, sink] => install(variant, Workload::W1, sink).map(|subject| subject.flush()),
        ["worker", variant, workload, sink] => match workload.parse() {
            Ok(workload) if Workload::is_for_all(workload) => {
                install(variant, workload, sink).and_then(|subject| xray_harness::run(&subject))
            }
            _ => Err(format!("no workload {workload} for peers").into()),
        },
        _ => Err("usage: [install VARIANT SINK | worker VARIANT WORKLOAD SINK]".into()),
    };
    xray_harness::ended(result)
}
