//! The comparison with other tracing libraries: `cargo run --release -- --peers`.
//!
//! One table: what is measured down, who is measured across; and small ones for what only some can be asked for. The
//! peers' workers are programs of a crate of their own (`peers/`), built from here, so that whoever does not ask for them
//! need not build them.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::http::Client;
use crate::pace;
use crate::process::{self, Contestant, Instructions, Outcome, Sink, Worker};
use crate::table::{Table, spread, times, whole};
use crate::workload::{Variant, Workload};

/// Builds the peers, measures all and prints the table.
pub fn print() -> Outcome<()> {
    build()?;
    let contest = Contest { sink: Sink::start()?, contestants: contestants()? };
    let heads: Vec<&str> = contest.contestants.iter().map(|contestant| contestant.variant).collect();
    let mut table = Table::new(&[&[""], &heads[..], &["aim for ours"]].concat());
    contest.instructions(&mut table)?;
    contest.memory(&mut table)?;
    contest.wire(&mut table)?;
    contest.time(&mut table)?;
    contest.http(&mut table)?;
    contest.threads(&mut table)?;
    contest.start(&mut table)?;
    table.print();
    contest.same_content()?;
    contest.incoming_header()?;
    pace::print(&contest.sink)
}

/// Builds the peers and prints only the highest rate without loss.
pub fn print_rate() -> Outcome<()> {
    build()?;
    pace::print(&Sink::start()?)
}

fn build() -> Outcome<()> {
    if cfg!(debug_assertions) {
        return Err("this is a debug build, whose numbers mean nothing: run with --release".into());
    }
    let program = std::env::current_exe()?;
    let target = program.parent().and_then(Path::parent).ok_or("no target directory")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "-p", "xray-peers", "--manifest-path", manifest, "--target-dir"]).arg(target);
    if command.status()?.success() { Ok(()) } else { Err("the peers' workers were not built".into()) }
}

fn contestants() -> Outcome<Vec<Contestant>> {
    Ok(vec![
        Contestant::own(Variant::F0)?,
        Contestant::own(Variant::F1)?,
        Contestant::own(Variant::Ours)?,
        Contestant::peer("peer-otel", "P1")?,
        Contestant::peer("peer-otel", "P6")?,
        Contestant::peer("peer-otel", "P6n")?,
        Contestant::peer("peer-fastrace", "P3")?,
        Contestant::peer("peer-xray-lite", "P4")?,
    ])
}

struct Contest {
    sink: Sink,
    contestants: Vec<Contestant>,
}

impl Contest {
    /// Does the same with each; what it gives none for is a dash.
    fn each<T>(&self, measure: impl Fn(&Contestant) -> Outcome<Option<T>>) -> Outcome<Vec<Option<T>>> {
        self.contestants
            .iter()
            .map(|contestant| {
                eprint!(".");
                measure(contestant).map_err(|error| format!("{}: {error}", contestant.variant).into())
            })
            .collect()
    }

    fn of<'v, T>(&self, variant: &str, values: &'v [Option<T>]) -> Outcome<&'v T> {
        let place = self.contestants.iter().position(|contestant| contestant.variant == variant);
        let value = place.and_then(|place| values.get(place)).and_then(Option::as_ref);
        value.ok_or_else(|| format!("nothing was measured of {variant}").into())
    }

    fn worker(&self, contestant: &Contestant, workload: Workload) -> Outcome<Worker> {
        let mut worker = Worker::start(contestant, workload, &self.sink)?;
        worker.number(&format!("run {WARM}"))?;
        Ok(worker)
    }

    fn instructions(&self, table: &mut Table) -> Outcome<()> {
        if !process::has_valgrind() {
            eprintln!(
                "NO INSTRUCTIONS: valgrind is not installed. They are the primary numbers; install it and run again."
            );
            return Ok(());
        }
        let count = |workload| {
            self.each(|contestant| {
                if workload == Workload::W4 && !serves(contestant) {
                    return Ok(None);
                }
                let (few, many) = OPERATIONS;
                process::instructions(contestant, workload, &self.sink, few, many).map(Some)
            })
        };
        let mut base = None;
        for (workload, aim) in [
            (Workload::W1, "all <= 4 x F1"),
            (Workload::W2, "all <= 3.5 x F1"),
            (Workload::W3, "all <= 1.15 x F1 of W2"),
        ] {
            let counted = count(workload)?;
            if workload != Workload::W3 {
                base = Some(*self.of("F1", &counted)?);
            }
            let base = base.ok_or("no F1")?;
            let row = |number: fn(&Instructions) -> f64| map(&counted, |counted| whole(number(counted)));
            table.row(&format!("{workload} instructions, caller"), &row(|counted| counted.caller), "");
            table.row(&format!("{workload} instructions, all threads"), &row(|counted| counted.all), "");
            let ratio = map(&counted, |counted| times(counted.all / base.all));
            table.row(&format!("{workload} instructions, all threads, x F1"), &ratio, aim);
        }
        let counted = count(Workload::W4)?;
        let (bare, otel) = (self.of("F0", &counted)?.caller, self.of("P1", &counted)?.caller);
        let added = map(&counted, |counted| whole(counted.caller - bare));
        table.row("W4 instructions added, server thread", &added, "");
        let share = map(&counted, |counted| times((counted.caller - bare) / (otel - bare)));
        table.row("W4 instructions added, x P1", &share, "<= 0.33 x P1");
        Ok(())
    }

    fn memory(&self, table: &mut Table) -> Outcome<()> {
        for (workload, aim) in [(Workload::W2, "<= 1.1 (0.1 a span)"), (Workload::W3, "<= 2")] {
            let counted = self.each(|contestant| {
                let mut worker = self.worker(contestant, workload)?;
                let counted = worker.ask(&format!("allocations {WARM}"))?;
                worker.end()?;
                Ok(Some(counted))
            })?;
            let row = |place: usize| {
                let cell = |counted: &Vec<u64>| {
                    let number = counted.get(place).copied().unwrap_or_default() as f64 / WARM as f64;
                    if number < 10.0 { format!("{number:.1}") } else { whole(number) }
                };
                map(&counted, cell)
            };
            table.row(&format!("{workload} allocations, all threads"), &row(0), aim);
            table.row(&format!("{workload} bytes allocated"), &row(1), "");
        }
        let held = self.each(|contestant| {
            let mut worker = Worker::start(contestant, Workload::W1, &self.sink)?;
            worker.number("run 50")?;
            let bytes = worker.number(&format!("open {OPEN}"))?;
            worker.end()?;
            Ok(Some(bytes as f64 / OPEN as f64))
        })?;
        table.row("heap per open request, bytes", &map(&held, |bytes| whole(*bytes)), "<= 1,400");
        Ok(())
    }

    fn wire(&self, table: &mut Table) -> Outcome<()> {
        let sent = self.each(|contestant| self.sent(contestant, Workload::W2))?;
        table.row("W2 datagrams", &map(&sent, |sent| times(sent.0)), "1");
        table.row("W2 bytes on the wire, P6 and P6n without the events", &map(&sent, |sent| whole(sent.1)), "");
        Ok(())
    }

    /// Datagrams and bytes of a request; `None` of who sends nothing.
    fn sent(&self, contestant: &Contestant, workload: Workload) -> Outcome<Option<(f64, f64)>> {
        let mut worker = self.worker(contestant, workload)?;
        let before = self.sink.settled();
        // Few at a time: what is sent in one flush must fit the socket's buffer, here as at a daemon.
        for _ in 0..WARM / 5 {
            worker.number("run 5")?;
        }
        let after = self.sink.settled();
        worker.end()?;
        let per_request = |number: u64| number as f64 / WARM as f64;
        let sent = (per_request(after.0 - before.0), per_request(after.1 - before.1));
        Ok((sent.0 > 0.0).then_some(sent))
    }

    /// Bytes of documents that say the same: W2 without the events, which P6 and P6n leave out.
    fn same_content(&self) -> Outcome<()> {
        let mut table = Table::new(&["W9, a request on the wire", "bytes", "ours / this", "aim for ours"]);
        let mut ours = f64::NAN;
        for (contestant, note, aim) in [
            (Contestant::own(Variant::Ours)?, "", ""),
            (Contestant::peer("peer-otel", "P6")?, "", ""),
            (Contestant::peer("peer-otel", "P6n")?, "", "<= 0.55"),
            (Contestant::peer("peer-otel", "P6n-lean")?, ", without location, thread, target and busy time", ""),
        ] {
            let Some((datagrams, bytes)) = self.sent(&contestant, Workload::W9)? else { continue };
            // What the socket loses makes no document shorter: by the documents that came, of which P6 has one a span.
            let documents = if contestant.variant == "P6" { 11.0 } else { 1.0 };
            let bytes = bytes / datagrams * documents;
            if ours.is_nan() {
                ours = bytes;
            }
            table.row(&format!("{}{note}", contestant.variant), &[whole(bytes), times(ours / bytes)], aim);
        }
        table.print();
        Ok(())
    }

    fn time(&self, table: &mut Table) -> Outcome<()> {
        for (workload, aim) in
            [(Workload::W1, ""), (Workload::W2, "<= 3.5 x F1, <= 0.25 x P1"), (Workload::W3, "<= 1.15 x F1")]
        {
            let mut workers = Vec::new();
            for contestant in &self.contestants {
                workers.push(self.worker(contestant, workload)?);
            }
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                let mut round = Vec::new();
                for worker in &mut workers {
                    // Wakes who went to sleep between rounds; under traffic they do not.
                    worker.number("run 50")?;
                    let taken = worker.ask(&format!("run {TIMED}"))?;
                    round.push(taken.iter().map(|time| *time as f64 / TIMED as f64).collect::<Vec<f64>>());
                }
                rounds.push(round);
            }
            workers.into_iter().try_for_each(Worker::end)?;
            let f1 = self.contestants.iter().position(|contestant| contestant.variant == "F1").ok_or("no F1")?;
            // `which`: 0 is the calling thread, 1 all of the process.
            let at = |round: &Vec<Vec<f64>>, place: usize, which: usize| {
                round.get(place).and_then(|taken| taken.get(which)).copied().unwrap_or(f64::NAN)
            };
            let median = |value: &dyn Fn(&Vec<Vec<f64>>, usize) -> f64| -> Vec<f64> {
                let places = 0..self.contestants.len();
                places.map(|place| spread(rounds.iter().map(|round| value(round, place)).collect()).1).collect()
            };
            let cells = |values: Vec<f64>, text: fn(f64) -> String| values.into_iter().map(text).collect::<Vec<_>>();
            let row = median(&|round, place| at(round, place, 0));
            table.row(&format!("{workload} CPU time of the caller, ns"), &cells(row, whole), "");
            let row = median(&|round, place| at(round, place, 0) / at(round, f1, 0));
            table.row(&format!("{workload} CPU time of the caller, x F1"), &cells(row, times), aim);
            let row = median(&|round, place| at(round, place, 1));
            table.row(&format!("{workload} CPU time of all threads, ns"), &cells(row, whole), "");
        }
        Ok(())
    }

    fn http(&self, table: &mut Table) -> Outcome<()> {
        let mut serving = Vec::new();
        for contestant in &self.contestants {
            serving.push(if serves(contestant) {
                let mut worker = Worker::start(contestant, Workload::W4, &self.sink)?;
                let client = Client::connect(u16::try_from(worker.number("serve")?)?)?;
                Some((worker, client, Vec::new()))
            } else {
                None
            });
        }
        for round in 0..=ROUNDS {
            for (_, client, rates) in serving.iter_mut().flatten() {
                let start = Instant::now();
                for _ in 0..TIMED {
                    client.get_order()?;
                }
                // The first round warms up.
                if round > 0 {
                    rates.push(TIMED as f64 / start.elapsed().as_secs_f64());
                }
            }
        }
        let mut all = Vec::new();
        for served in serving {
            all.push(match served {
                Some((worker, client, rates)) => {
                    client.quit()?;
                    worker.end()?;
                    Some(rates)
                }
                None => None,
            });
        }
        let base = self.of("F1", &all)?;
        table.row("W4 requests/s", &map(&all, |rates| whole(spread(rates.clone()).1)), "");
        let share =
            map(&all, |rates| times(spread(rates.iter().zip(base).map(|(rate, base)| rate / base).collect()).1));
        table.row("W4 requests/s, x F1", &share, ">= 0.93 x F1");
        Ok(())
    }

    fn threads(&self, table: &mut Table) -> Outcome<()> {
        let ratios = self.each(|contestant| {
            let mut worker = self.worker(contestant, Workload::W2)?;
            let mut ratios = Vec::new();
            for _ in 0..ROUNDS {
                let [alone, together] = worker.ask(&format!("threads {TIMED}"))?[..] else { return Ok(None) };
                ratios.push(together as f64 / alone.max(1) as f64);
            }
            worker.end()?;
            Ok(Some(spread(ratios).1))
        })?;
        table.row("W2 CPU time a request, two threads / one", &map(&ratios, |ratio| times(*ratio)), "<= 1.10");
        Ok(())
    }

    /// From spawning a process to its end, beyond one that links `tracing` and the registry.
    fn start(&self, table: &mut Table) -> Outcome<()> {
        let bare = Contestant::peer("start-bare", "bare")?;
        let mut starts = Vec::new();
        for contestant in &self.contestants {
            starts.push(match contestant.variant {
                "F0" | "F1" => None,
                "ours" => Some(Starts::of(Contestant::peer("start-ours", "ours")?)),
                _ => Some(Starts::of(contestant.clone())),
            });
        }
        let sink = self.sink.address.to_string();
        let milliseconds = |taken: Duration| taken.as_secs_f64() * 1e3;
        let mut nothing = Vec::new();
        for _ in 0..STARTS {
            nothing.push(milliseconds(bare.start_and_end(&[])?));
            for Starts { contestant, linked, installed } in starts.iter_mut().flatten() {
                linked.push(milliseconds(contestant.start_and_end(&[])?));
                installed.push(milliseconds(contestant.start_and_end(&["install", contestant.variant, &sink])?));
            }
        }
        // The shortest: whoever else uses the machine only makes it longer.
        let nothing = spread(nothing).0;
        let row = |which: fn(&Starts) -> &Vec<f64>| {
            map(&starts, |start| format!("{:.2}", spread(which(start).clone()).0 - nothing))
        };
        table.row("start of the process when linked, ms more", &row(|start| &start.linked), "<= 0.1");
        table.row("start and end when set up, ms more", &row(|start| &start.installed), "");
        Ok(())
    }

    /// Whether requests that belong to a trace already come through.
    fn incoming_header(&self) -> Outcome<()> {
        let mut table = Table::new(&["W4, a hundred requests with X-Amzn-Trace-Id", "datagrams", ""]);
        for (contestant, note) in [
            (Contestant::own(Variant::Ours)?, ""),
            (Contestant::peer("peer-otel", "P6")?, "one for each span"),
            (Contestant::peer("peer-otel", "P6n")?, ""),
            (Contestant::peer("peer-otel", "P6n-plain")?, "P6n, the request's span not said to be a server's"),
        ] {
            let mut worker = Worker::start(&contestant, Workload::W4, &self.sink)?;
            let mut client = Client::connect(u16::try_from(worker.number("serve")?)?)?.with_trace_header();
            let before = self.sink.settled().0;
            for _ in 0..100 {
                client.get_order()?;
            }
            client.quit()?;
            // An exporter's thread that panics does not fail the process: what counts is what arrived.
            worker.end()?;
            table.row(contestant.variant, &[(self.sink.settled().0 - before).to_string()], note);
        }
        table.print();
        Ok(())
    }
}

/// How long processes lived, milliseconds.
struct Starts {
    contestant: Contestant,
    /// That only link the library.
    linked: Vec<f64>,
    /// That set it up.
    installed: Vec<f64>,
}

impl Starts {
    fn of(contestant: Contestant) -> Starts {
        Starts { contestant, linked: Vec::new(), installed: Vec::new() }
    }
}

/// Those without a middleware of their own or the ecosystem's are not asked to serve.
fn serves(contestant: &Contestant) -> bool {
    contestant.variant != "P4"
}

fn map<T>(values: &[Option<T>], text: impl Fn(&T) -> String) -> Vec<String> {
    values.iter().map(|value| value.as_ref().map_or("-".to_owned(), &text)).collect()
}

/// Operations of the two runs under callgrind.
const OPERATIONS: (u64, u64) = (100, 300);
/// Requests before something is measured, and requests of what is no time.
const WARM: u64 = 1000;
/// Interleaved rounds of time, and requests of each.
const ROUNDS: usize = 9;
const TIMED: u64 = 1000;
/// Requests kept open at a time.
const OPEN: u64 = 10_000;
/// Processes started of each kind.
const STARTS: usize = 60;
