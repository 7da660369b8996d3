//! What a span costs as requests get larger, deeper and more: `cargo run --release -- --scaling`.
//!
//! Linear means the last column of a table stays where it is. The empty layer stands beside, because the registry is not
//! linear everywhere: its stack of entered spans is searched from one end to the other.

use crate::process::{self, Contestant, Outcome, Sink, Worker};
use crate::table::{Table, spread, times, whole};
use crate::workload::{Variant, Workload};

pub fn print() -> Outcome<()> {
    if cfg!(debug_assertions) {
        return Err("this is a debug build, whose numbers mean nothing: cargo run --release -- --scaling".into());
    }
    let scaling = Scaling {
        sink: Sink::start()?,
        empty: Contestant::own(Variant::F1)?,
        ours: Contestant::own(Variant::Ours)?,
        counts: process::has_valgrind(),
    };
    if !scaling.counts {
        println!("NO INSTRUCTIONS: valgrind is not installed.\n");
    }
    println!("## Subsegments in a segment, beside each other (sent early beyond 100)\n");
    scaling.shapes(&[1, 10, 50, 90, 100, 110, 200, 1_000, 10_000].map(|spans| (spans, Workload::Flat(spans))))?;
    println!("## Subsegments in a segment, each in the one before\n");
    scaling.shapes(&[1, 10, 100, 200, 500].map(|spans| (spans, Workload::Deep(spans))))?;
    println!("## W2, while other requests are open\n");
    scaling.shapes(&[0, 1, 10, 100, 1_000, 10_000].map(|open| (open, Workload::Beside(open))))?;
    println!("## Threads: CPU time a request of W2\n");
    scaling.threads()
}

struct Scaling {
    sink: Sink,
    empty: Contestant,
    ours: Contestant,
    counts: bool,
}

impl Scaling {
    fn shapes(&self, shapes: &[(u32, Workload)]) -> Outcome<()> {
        let heads = ["", "F1", "ours, caller", "ours, all", "x F1", "caller ns", "x F1", "datagrams", "bytes", ""];
        let mut table = Table::new(&heads);
        for (size, workload) in shapes {
            let spans = spans(*workload);
            // Enough requests that one is not all, few enough that callgrind comes to an end.
            let requests = (20_000 / spans).clamp(4, 400);
            let per_span = |number: f64| number / spans as f64;
            let counted = if self.counts {
                let (few, many) = (requests / 4, requests);
                let count = |who| process::instructions(who, *workload, &self.sink, few, many);
                let (empty, ours) = (count(&self.empty)?, count(&self.ours)?);
                let numbers = [empty.all, ours.caller, ours.all].map(|number| whole(per_span(number)));
                [&numbers[..], &[times(ours.all / empty.all)]].concat()
            } else {
                vec!["-".to_owned(); 4]
            };
            let mut workers = Vec::new();
            for who in [&self.empty, &self.ours] {
                let mut worker = Worker::start(who, *workload, &self.sink)?;
                worker.number(&format!("run {requests}"))?;
                workers.push(worker);
            }
            let (before, received) = (workers.last_mut().ok_or("no worker")?.number("left 0")?, self.sink.settled());
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                let mut taken = Vec::new();
                for worker in &mut workers {
                    taken.push(worker.number(&format!("run {requests}"))? as f64 / requests as f64);
                }
                let [empty, ours] = taken[..] else { return Err("two workers".into()) };
                rounds.push((ours, ours / empty));
            }
            // What has left is known to the worker; the socket here may lose some of it on a busy machine.
            let left = workers.last_mut().ok_or("no worker")?.number("left 0")? - before;
            let (datagrams, bytes) = self.sink.settled();
            let datagram = (bytes - received.1) as f64 / (datagrams - received.0).max(1) as f64;
            workers.into_iter().try_for_each(Worker::end)?;
            let documents = left as f64 / (requests * ROUNDS) as f64;
            let cells = [
                whole(per_span(spread(rounds.iter().map(|round| round.0).collect()).1)),
                times(spread(rounds.iter().map(|round| round.1).collect()).1),
                times(documents),
                whole(documents * datagram),
            ];
            table.row(&whole(f64::from(*size)), &[&counted[..], &cells[..]].concat(), "");
        }
        println!("Instructions and time of a span, datagrams and bytes of a request.\n");
        table.print();
        Ok(())
    }

    fn threads(&self) -> Outcome<()> {
        let mut table = Table::new(&["", "ns on one", "ns on each of two", "two / one", ""]);
        for who in [&self.empty, &self.ours] {
            let mut worker = Worker::start(who, Workload::W2, &self.sink)?;
            worker.number("run 1000")?;
            let (mut alone, mut together, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let [one, two] = worker.ask("threads 2000")?[..] else { return Err("two numbers".into()) };
                alone.push(one as f64);
                together.push(two as f64);
                ratios.push(two as f64 / one.max(1) as f64);
            }
            worker.end()?;
            let cells = [whole(spread(alone).1), whole(spread(together).1), times(spread(ratios).1)];
            table.row(who.variant, &cells, "");
        }
        table.print();
        Ok(())
    }
}

/// Spans of a request, its own not counted.
fn spans(workload: Workload) -> u64 {
    match workload {
        Workload::Flat(spans) | Workload::Deep(spans) => u64::from(spans),
        _ => 10,
    }
}

const ROUNDS: u64 = 7;
