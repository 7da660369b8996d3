//! What X-Ray adds to a function: to its start, and to each invocation, as ratios to the same function without it.
//!
//! `cargo bench -p lambda-local` builds the function with optimisations and runs it with log lines alone, as
//! lambda_runtime's own subscriber writes them; with none either; and with X-Ray and log lines, not sampled and sampled.
//! The handler does nothing. Two tables come out:
//!
//! - Instructions in user space, counted by callgrind: they hardly depend on what else the machine does. *Start* is from the
//!   creation of the process to its first answer; *invocation* is what the later ones cost each, HTTP included.
//!   Missing where valgrind is not installed.
//! - Times, of which the best of many rounds is taken, the kinds in turn: what disturbs a round only adds. *Start* is to
//!   the first question for an invocation; *invocation* from its hand-out to its answer.

mod counted;

use std::error::Error;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use lambda_local::{Function, Invocation, RuntimeApi};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    if counted::possible() {
        let mut rows = Vec::new();
        for kind in KINDS {
            rows.push((kind, counted::instructions(kind)?));
        }
        print("instructions", &rows);
    } else {
        println!("instructions are not counted: valgrind is not installed\n");
    }
    let mut rows = KINDS.map(|kind| (kind, [f64::MAX; 2]));
    for _ in 0..ROUNDS {
        for (kind, best) in &mut rows {
            let times = round(kind)?;
            *best = [best[0].min(times[0]), best[1].min(times[1])];
        }
    }
    print("microseconds", &rows);
    Ok(())
}

fn print(unit: &str, rows: &[(Kind, [f64; 2])]) {
    let Some((_, base)) = rows.first() else { return };
    println!("{unit:16} {:>14} {:>8} {:>14} {:>8}", "start", "ratio", "invocation", "ratio");
    for (kind, [start, invocation]) in rows {
        println!(
            "{:16} {start:>14.0} {:>8.3} {invocation:>14.1} {:>8.3}",
            kind.name,
            start / base[0],
            invocation / base[1]
        );
    }
    println!();
}

/// One line of a table.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    /// As the variable `FUNCTION` says.
    function: &'static str,
    sampled: u8,
}

impl Kind {
    fn invocation(&self, event: &str) -> Invocation {
        let sampled = self.sampled;
        let header = format!("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled={sampled}");
        Invocation::new(event).trace(header)
    }
}

/// Microseconds to the first question, and of one invocation.
fn round(kind: &Kind) -> Outcome<[f64; 2]> {
    let api = RuntimeApi::start()?;
    // Never read: what does not fit its buffer is dropped by the system, at the same cost to the sender.
    let daemon = UdpSocket::bind("127.0.0.1:0")?;
    let began = Instant::now();
    let _function = Function::start(FUNCTION, &api, daemon.local_addr()?, |command| {
        command.env("FUNCTION", kind.function);
    })?;
    if !api.polled(1, PATIENCE) {
        return Err("the function does not start".into());
    }
    let start = began.elapsed();
    // The first ones warm the function up.
    api.invoke(kind.invocation(EVENT));
    api.answers(1, PATIENCE).map_err(|_| "the function does not answer")?;
    let began = Instant::now();
    for _ in 0..INVOCATIONS {
        api.invoke(kind.invocation(EVENT));
    }
    api.answers(1 + INVOCATIONS, PATIENCE).map_err(|_| "the function does not answer")?;
    let each = began.elapsed() / u32::try_from(INVOCATIONS)?;
    Ok([start, each].map(|time| time.as_secs_f64() * 1e6))
}

const FUNCTION: &str = env!("CARGO_BIN_EXE_bootstrap");
const KINDS: [Kind; 4] = [
    Kind { name: "log lines alone", function: "logs", sampled: 1 },
    Kind { name: "no subscriber", function: "bare", sampled: 1 },
    Kind { name: "not sampled", function: "quick", sampled: 0 },
    Kind { name: "sampled", function: "quick", sampled: 1 },
];
const EVENT: &str = r#"{"order":7}"#;
const ROUNDS: usize = 11;
const INVOCATIONS: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(60);
