//! The highest even rate of requests that is recorded without loss, of those who drop what they recorded and of those who
//! send it: two different questions, whose answers stand in one table and not beside each other.
//!
//! A rate is held for [`TRIAL`], then flushed once. Lost is what has not left by then, be it dropped (ours and the SDK's
//! processor refuse what does not fit their queues) or still waiting (fastrace's callers keep it in a list without a
//! bound). The rate is doubled until something is lost or the caller cannot make it, then raised in smaller steps from
//! the highest that was held. Everyone gets the same trials.

use crate::process::{Contestant, Outcome, Sink, Worker};
use crate::table::{Table, spread, times, whole};
use crate::workload::{Variant, Workload};

/// Measures all and prints the tables.
pub fn print(sink: &Sink) -> Outcome<()> {
    println!("## The highest even rate of W2 without loss, beside one thread that records and nothing else\n");
    let rows = rows()?;
    let start = |row: &Row| Worker::start(&row.contestant, Workload::W2, sink);
    let mut workers = rows.iter().map(start).collect::<Outcome<Vec<_>>>()?;
    let spent = spent(&mut workers)?;
    let empty = *spent.first().ok_or("no F1")?;
    println!("A span costs F1 {empty:.0} ns here.\n");
    let mut found = Vec::new();
    for (row, worker) in rows.iter().zip(&mut workers) {
        eprint!(".");
        let one = search(|rate| held(worker, rate, 1))?;
        let two = if row.by_two { Some(search(|rate| held(worker, rate, 2))?) } else { None };
        found.push((one, two));
    }
    workers.into_iter().try_for_each(Worker::end)?;

    let heads = ["", "spans/s", "x what F1 can make", "the caller alone could make", "what ends it", "aim"];
    let mut table = Table::new(&heads);
    for ((row, (one, _)), spent) in rows.iter().zip(&found).zip(spent).skip(1) {
        let cells =
            [whole(one.rate), format!("{:.3}", one.rate * empty / 1e9), whole(1e9 / spent), one.ended_by().to_owned()];
        table.row(&row.label(), &cells, row.aim);
    }
    table.print();

    let nested = rows.iter().zip(&found).find(|(row, _)| row.contestant.variant == "P6n");
    let nested = nested.and_then(|(_, (_, two))| two.as_ref()).ok_or("no P6n")?.rate;
    let mut table = Table::new(&["two calling threads", "spans/s", "x one thread", "x P6n", "what ends it", "aim"]);
    for (row, (one, two)) in rows.iter().zip(&found) {
        if let Some(two) = two {
            let cells =
                [whole(two.rate), times(two.rate / one.rate), times(two.rate / nested), two.ended_by().to_owned()];
            let aim = if row.is_ours() { ">= 20 x P6n" } else { "" };
            table.row(&row.label(), &cells, aim);
        }
    }
    table.print();
    Ok(())
}

/// Who is measured.
struct Row {
    contestant: Contestant,
    /// What becomes of what it records.
    leaves: &'static str,
    aim: &'static str,
    /// By two calling threads as well.
    by_two: bool,
}

impl Row {
    fn label(&self) -> String {
        format!("{}, {}", self.contestant.variant, self.leaves)
    }

    fn is_ours(&self) -> bool {
        self.contestant.variant.starts_with("ours")
    }
}

/// All of them, F1 first: what `tracing` itself lets a thread make.
fn rows() -> Outcome<Vec<Row>> {
    let row = |contestant: Outcome<Contestant>, leaves, aim, by_two| -> Outcome<Row> {
        Ok(Row { contestant: contestant?, leaves, aim, by_two })
    };
    [
        row(Contestant::own(Variant::F1), "nothing recorded", "", true),
        row(Contestant::own(Variant::OursUnsent), "documents dropped", ">= 3 x P3, >= 5 x P1, >= 20 x P6n, 1 M", true),
        row(Contestant::peer("peer-fastrace", "P3"), "spans dropped", "", true),
        row(Contestant::peer("peer-otel", "P1"), "spans dropped", "", false),
        row(Contestant::own(Variant::Ours), "sent by UDP", ">= 20 x P6n", true),
        row(Contestant::peer("peer-otel", "P6"), "sent by UDP", "", false),
        row(Contestant::peer("peer-otel", "P6n"), "sent by UDP", "", true),
        row(Contestant::peer("peer-xray-lite", "P4"), "sent by UDP", "", false),
    ]
    .into_iter()
    .collect()
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
#[derive(Debug, PartialEq)]
struct Held {
    /// Spans a second.
    rate: f64,
    /// More could not be made; otherwise more was lost.
    is_caller: bool,
}

impl Held {
    fn ended_by(&self) -> &'static str {
        if self.is_caller { "the caller" } else { "loss" }
    }
}

/// The highest rate that is held. `held` tries one, requests a second, and says how many were made, if none were lost.
/// Where no more were made, or some lost, the next step is smaller: a machine that is disturbed once ends no search.
fn search(mut held: impl FnMut(f64) -> Outcome<Option<f64>>) -> Outcome<Held> {
    let (mut highest, mut kept, mut step) = (0.0_f64, FIRST, 2.0_f64);
    loop {
        let asked = kept * step;
        let made = held(asked)?;
        let grows = made.is_some_and(|rate| rate >= highest * GROWS);
        highest = highest.max(made.unwrap_or_default());
        if grows {
            kept = asked;
        } else if step < FINEST {
            return Ok(Held { rate: highest * SPANS, is_caller: made.is_some() });
        } else {
            step = step.sqrt();
        }
    }
}

/// The highest rate that so many threads together reached without loss in [`TRIES`], if they did in any.
fn held(worker: &mut Worker, asked: f64, threads: usize) -> Outcome<Option<f64>> {
    let mut highest: Option<f64> = None;
    for _ in 0..TRIES {
        let answer = worker.ask(&format!("pace {asked:.0} {TRIAL} {threads}"))?;
        let [made, left, due, microseconds] = answer[..] else { return Err(format!("{answer:?}").into()) };
        if left as f64 >= due as f64 * (1.0 - LOST) {
            let reached = made as f64 / microseconds as f64 * 1e6;
            highest = Some(highest.map_or(reached, |highest| highest.max(reached)));
            if reached >= asked * WHOLE {
                break;
            }
        }
    }
    Ok(highest)
}

/// Milliseconds: what queues can hold back is a few hundredths of what is made in it, and fastrace reports once a second.
const TRIAL: u64 = 1_000;
/// Tries before a rate counts as lost, or as more than the caller can make: others use the machine as well.
const TRIES: usize = 2;
/// The share that may be lost.
const LOST: f64 = 0.001;
/// The share of what was asked for that needs no other try.
const WHOLE: f64 = 0.98;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate found, in requests a second, of a caller that can make so many and a way out that takes so many, where one
    /// trial is disturbed.
    fn found_beside(makes: f64, takes: f64, disturbed: usize) -> (f64, bool) {
        let mut trials = 0;
        let held = search(|asked| {
            trials += 1;
            let made = if trials == disturbed { asked / 10.0 } else { asked.min(makes) };
            Ok((made <= takes).then_some(made))
        });
        let Held { rate, is_caller } = held.unwrap();
        (rate / SPANS, is_caller)
    }

    fn found(makes: f64, takes: f64) -> (f64, bool) {
        found_beside(makes, takes, 0)
    }

    #[test]
    fn a_search_ends_a_step_below_what_is_lost() {
        for takes in [1_001.0, 9_500.0, 123_456.0] {
            let (rate, is_caller) = found(f64::INFINITY, takes);
            assert!(!is_caller && rate <= takes && rate * FINEST > takes, "{rate} of {takes}");
        }
    }

    #[test]
    fn a_search_ends_at_what_the_caller_can_make() {
        for makes in [1_001.0, 9_500.0, 123_456.0] {
            assert_eq!(found(makes, f64::INFINITY), (makes, true));
            // Who loses only what nobody makes loses nothing.
            assert_eq!(found(makes, makes), (makes, true));
        }
    }

    #[test]
    fn one_disturbed_trial_ends_no_search() {
        for disturbed in 1..6 {
            assert_eq!(found_beside(9_500.0, f64::INFINITY, disturbed), (9_500.0, true));
        }
    }
}
