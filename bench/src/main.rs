//! What a recorded request costs, as ratios to an empty layer on the registry in the same run.
//!
//! `cargo run --release` prints the tables; `--quick` takes fewer rounds, `--aws` only the AWS SDK, `--decision` only sampling
//! decisions. See README.md for the method.

mod aws;
mod decision;
mod http;
mod process;
mod report;
mod worker;
mod workload;

use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::workload::{Variant, Workload};

/// Counts allocations; some ten instructions each.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [] => report::print(&report::FULL),
        ["--quick"] => report::print(&report::QUICK),
        ["--aws"] => report::print_aws(&report::FULL),
        ["--decision"] => report::print_decision(&report::FULL),
        ["worker", variant, workload, sink] => match (Variant::from_name(variant), Workload::from_name(workload)) {
            (Some(variant), Some(workload)) => worker::run(variant, workload, sink),
            _ => Err("unknown variant or workload".into()),
        },
        _ => Err("usage: cargo run --release [-- --quick | -- --aws | -- --decision]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
