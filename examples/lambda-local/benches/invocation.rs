//! What tracing adds to a function: to its start, and to each invocation, as ratios to the same function without it.
//!
//! `cargo bench -p lambda-local` builds the function with optimisations and runs both kinds in turn, so that what else
//! the machine does meets both alike. Of each figure the best is taken: what disturbs a round only adds. The start counts from the creation of the
//! process to its first question for an invocation; an invocation from its hand-out to its answer, HTTP included, which
//! in Lambda costs about as much.

use std::error::Error;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use lambda_local::{Function, Invocation, RuntimeApi};

fn main() -> Result<(), Box<dyn Error>> {
    let mut kinds = [
        Kind::new("without tracing", "plain", 1),
        Kind::new("not sampled", "quick", 0),
        Kind::new("sampled", "quick", 1),
    ];
    for _ in 0..ROUNDS {
        for kind in &mut kinds {
            let (start, invocation) = round(kind.function, kind.sampled)?;
            kind.start = kind.start.min(start);
            kind.invocation = kind.invocation.min(invocation);
        }
    }
    println!("{:16} {:>12} {:>8} {:>14} {:>8}", "", "cold start", "ratio", "invocation", "ratio");
    let [plain, ..] = &kinds;
    for kind in &kinds {
        println!(
            "{:16} {:>9.2} ms {:>8.3} {:>11.1} µs {:>8.3}",
            kind.name,
            kind.start.as_secs_f64() * 1e3,
            kind.start.as_secs_f64() / plain.start.as_secs_f64(),
            kind.invocation.as_secs_f64() * 1e6,
            kind.invocation.as_secs_f64() / plain.invocation.as_secs_f64(),
        );
    }
    Ok(())
}

/// One line of the table.
struct Kind {
    name: &'static str,
    function: &'static str,
    sampled: u8,
    start: Duration,
    invocation: Duration,
}

impl Kind {
    fn new(name: &'static str, function: &'static str, sampled: u8) -> Kind {
        Kind { name, function, sampled, start: Duration::MAX, invocation: Duration::MAX }
    }
}

/// The time to the first question, and the time of one invocation.
fn round(function: &str, sampled: u8) -> Result<(Duration, Duration), Box<dyn Error>> {
    let api = RuntimeApi::start()?;
    // Never read: what does not fit its buffer is dropped by the system, at the same cost to the sender.
    let daemon = UdpSocket::bind("127.0.0.1:0")?;
    let began = Instant::now();
    let _function = Function::start(env!("CARGO_BIN_EXE_bootstrap"), &api, daemon.local_addr()?, |command| {
        command.env("FUNCTION", function);
    })?;
    if !api.polled(1, PATIENCE) {
        return Err("the function does not start".into());
    }
    let start = began.elapsed();
    let header = format!("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled={sampled}");
    let invocation = Invocation::new(r#"{"order":7}"#).trace(header);
    // The first ones warm the function up.
    api.invoke(invocation.clone());
    api.answers(1, PATIENCE).map_err(|_| "the function does not answer")?;
    let began = Instant::now();
    for _ in 0..INVOCATIONS {
        api.invoke(invocation.clone());
    }
    api.answers(1 + INVOCATIONS, PATIENCE).map_err(|_| "the function does not answer")?;
    Ok((start, began.elapsed() / u32::try_from(INVOCATIONS)?))
}

const ROUNDS: usize = 21;
const INVOCATIONS: usize = 2000;
const PATIENCE: Duration = Duration::from_secs(60);
