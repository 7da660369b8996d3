//! What a recorded request costs, as ratios to an empty layer on the registry in the same run.
//!
//! | argument | does |
//! |---|---|
//! | none | prints the tables of our own variants |
//! | `--quick` | the same in fewer rounds |
//! | `--peers` | the comparison with other tracing libraries |
//! | `--rate` | of that, only the highest rate without loss |
//! | `--scaling` | what a span costs as requests get larger, deeper and more |
//! | `--check [--renew]` | compares hot paths with `guard.toml`, or writes it anew |
//! | `--aws`, `--decision` | only the AWS SDK, only sampling decisions |
//!
//! See README.md for the method.

mod aws;
mod decision;
mod guard;
mod http;
mod pace;
mod peers;
mod process;
mod profile;
mod report;
mod scaling;
mod table;
mod worker;
mod workload;

use std::process::ExitCode;

use crate::workload::Variant;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [] => report::print(&report::FULL),
        ["--quick"] => report::print(&report::QUICK),
        ["--aws"] => report::print_aws(&report::FULL),
        ["--decision"] => report::print_decision(&report::FULL),
        ["--peers"] => peers::print(),
        ["--rate"] => peers::print_rate(),
        ["--scaling"] => scaling::print(),
        ["--check"] => guard::check(false),
        ["--check", "--renew"] => guard::check(true),
        ["worker", variant, workload, sink] => match (Variant::from_name(variant), workload.parse()) {
            (Some(variant), Ok(workload)) => worker::run(variant, workload, sink),
            _ => Err("unknown variant or workload".into()),
        },
        _ => Err(
            "usage: cargo run --release [-- --quick | --peers | --rate | --scaling | --check [--renew] | --aws | --decision]"
                .into(),
        ),
    };
    xray_harness::ended(result)
}
