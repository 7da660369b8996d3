//! The highest even rate of requests that is recorded without loss, of those who drop what they recorded and of those who
//! send it: two different questions, whose answers stand in one table and not beside each other.
//!
//! A rate is held for [`TRIAL`], then flushed once. Lost is what has not left by then, be it dropped (ours and the SDK's
//! processor refuse what does not fit their queues) or still waiting (fastrace's callers keep it in a list without a
//! bound). The rate is doubled until something is lost or the caller cannot make it, then raised in smaller steps from
//! the highest that was held. Everyone gets the same trials.

use crate::process::{Contestant, Outcome, Sink, Worker};
use crate::table::{Table, spread, whole};
use crate::workload::{Variant, Workload};

/// Measures all and prints the table.
pub fn print(sink: &Sink) -> Outcome<()> {
    println!("## The highest even rate of W2 without loss, beside one thread that records and nothing else\n");
    let empty = Contestant::own(Variant::F1)?;
    let mut workers = vec![Worker::start(&empty, Workload::W2, sink)?];
    let rows = rows()?;
    for (contestant, ..) in &rows {
        workers.push(Worker::start(contestant, Workload::W2, sink)?);
    }
    let spent = spent(&mut workers)?;
    let (empty, spent) = spent.split_first().ok_or("no F1")?;
    println!("A span costs F1 {empty:.0} ns here.\n");
    let heads = ["", "spans/s", "x what F1 can make", "the caller alone could make", "what ends it", "aim"];
    let mut table = Table::new(&heads);
    for ((contestant, leaves, aim), (spent, worker)) in rows.iter().zip(spent.iter().zip(workers.iter_mut().skip(1))) {
        eprint!(".");
        let held = search(worker)?;
        let cells = [
            whole(held.rate),
            format!("{:.3}", held.rate * empty / 1e9),
            whole(1e9 / spent),
            if held.is_caller { "the caller" } else { "loss" }.to_owned(),
        ];
        table.row(&format!("{}, {leaves}", contestant.variant), &cells, aim);
    }
    workers.into_iter().try_for_each(Worker::end)?;
    table.print();
    Ok(())
}

/// Who is measured, what becomes of what they record, and the aim.
fn rows() -> Outcome<Vec<(Contestant, &'static str, &'static str)>> {
    Ok(vec![
        (Contestant::own(Variant::OursUnsent)?, "documents dropped", ">= 3 x P3, >= 5 x P1, >= 20 x P6n, 1 M"),
        (Contestant::peer("peer-fastrace", "P3")?, "spans dropped", ""),
        (Contestant::peer("peer-otel", "P1")?, "spans dropped", ""),
        (Contestant::own(Variant::Ours)?, "sent by UDP", ">= 20 x P6n"),
        (Contestant::peer("peer-otel", "P6")?, "sent by UDP", ""),
        (Contestant::peer("peer-otel", "P6n")?, "sent by UDP", ""),
        (Contestant::peer("peer-xray-lite", "P4")?, "sent by UDP", ""),
    ])
}

/// Nanoseconds of the calling thread that a span takes, of each, in rounds by turns.
fn spent(workers: &mut [Worker]) -> Outcome<Vec<f64>> {
    let mut taken = vec![Vec::new(); workers.len()];
    for _ in 0..ROUNDS {
        for (worker, taken) in workers.iter_mut().zip(&mut taken) {
            worker.number("run 50")?;
            taken.push(worker.number(&format!("run {TIMED}"))? as f64 / TIMED as f64 / SPANS);
        }
    }
    Ok(taken.into_iter().map(|taken| spread(taken).1).collect())
}

/// What a search found.
struct Held {
    /// Spans a second.
    rate: f64,
    /// More could not be made; otherwise more was lost.
    is_caller: bool,
}

fn search(worker: &mut Worker) -> Outcome<Held> {
    let (mut highest, mut kept, mut step) = (0.0_f64, FIRST, 2.0_f64);
    loop {
        let asked = kept * step;
        match held(worker, asked)? {
            Some(rate) if rate < highest * GROWS => {
                return Ok(Held { rate: highest.max(rate) * SPANS, is_caller: true });
            }
            Some(rate) => (highest, kept) = (highest.max(rate), asked),
            None if step < FINEST => return Ok(Held { rate: highest * SPANS, is_caller: false }),
            None => step = step.sqrt(),
        }
    }
}

/// The rate that was reached without loss, if it was in one of [`TRIES`].
fn held(worker: &mut Worker, asked: f64) -> Outcome<Option<f64>> {
    for _ in 0..TRIES {
        let answer = worker.ask(&format!("pace {asked:.0} {TRIAL}"))?;
        let [made, left, due, microseconds] = answer[..] else { return Err(format!("{answer:?}").into()) };
        if left as f64 >= due as f64 * (1.0 - LOST) {
            return Ok(Some(made as f64 / microseconds as f64 * 1e6));
        }
    }
    Ok(None)
}

/// Milliseconds: what queues can hold back is a few hundredths of what is made in it, and fastrace reports once a second.
const TRIAL: u64 = 1_000;
/// Tries before a rate counts as lost: others use the machine as well.
const TRIES: usize = 2;
/// The share that may be lost.
const LOST: f64 = 0.001;
/// How much more has to be made when more is asked for; otherwise it is the caller that cannot.
const GROWS: f64 = 1.04;
/// Requests a second, half of what is asked for first.
const FIRST: f64 = 500.0;
/// The finest step: a tenth.
const FINEST: f64 = 1.1;
/// Rounds of the caller's time, and requests of each.
const ROUNDS: usize = 7;
const TIMED: u64 = 1_000;
/// Spans of W2.
const SPANS: f64 = 11.0;
