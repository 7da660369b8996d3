//! Instructions, by callgrind.
//!
//! A function that is killed leaves no profile, so the last event tells it to end. The same function runs with few and
//! with many invocations; what the counts differ by is the invocations' own.

use std::env;
use std::net::UdpSocket;
use std::process::Command;

use lambda_local::{Function, RuntimeApi};

use super::{EVENT, FUNCTION, Kind, Outcome, PATIENCE};

pub(crate) fn possible() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Of the start with the first invocation, and of each later one.
pub(crate) fn instructions(kind: Kind) -> Outcome<[f64; 2]> {
    let few = run(kind, 1)?;
    let many = run(kind, 1 + MORE)?;
    Ok([few, (many - few) / MORE as f64])
}

/// Of a process that serves so many invocations.
fn run(kind: Kind, invocations: usize) -> Outcome<f64> {
    let api = RuntimeApi::start()?;
    let daemon = UdpSocket::bind("127.0.0.1:0")?;
    let profile = env::temp_dir().join(format!("lambda-local-{}-{}", std::process::id(), kind.function));
    for _ in 0..invocations {
        api.invoke(kind.invocation(EVENT));
    }
    api.invoke(kind.invocation(r#"{"end":true}"#));
    let function = Function::start("valgrind", &api, daemon.local_addr()?, |command| {
        command.args(["--tool=callgrind", "--quiet"]);
        command.arg(format!("--callgrind-out-file={}", profile.display())).arg(FUNCTION);
        command.env("FUNCTION", kind.function).env("PATH", env::var_os("PATH").unwrap_or_default());
    })?;
    api.answers(invocations, PATIENCE).map_err(|_| "the function does not answer")?;
    function.wait()?;
    let text = std::fs::read_to_string(&profile)?;
    std::fs::remove_file(&profile)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).ok_or("a profile without totals")?;
    Ok(total.trim().parse()?)
}

const MORE: usize = 400;
