//! Measures and prints the tables.

use std::time::Instant;

use crate::aws::CALLS;
use crate::http::Client;
use crate::process::{self, Contestant, Instructions, Outcome, Sink, Worker};
use crate::table::{Table, spread, times, whole};
use crate::workload::{Variant, Workload};

/// How much is done.
pub struct Effort {
    /// Operations of the two runs under callgrind.
    operations: (u64, u64),
    /// Requests kept open at a time.
    open: u64,
    /// Interleaved rounds of time, and operations of each.
    rounds: usize,
    batch: u64,
}

pub const FULL: Effort = Effort { operations: (500, 1500), open: 10_000, rounds: 15, batch: 2000 };
pub const QUICK: Effort = Effort { operations: (200, 500), open: 10_000, rounds: 5, batch: 500 };

pub fn print(effort: &Effort) -> Outcome<()> {
    if cfg!(debug_assertions) {
        eprintln!("This is a debug build: the numbers mean nothing. Run with --release.\n");
    }
    let sink = Sink::start()?;
    instructions(effort, &sink)?;
    memory(effort, &sink)?;
    time(effort, &sink)?;
    wire(effort, &sink)?;
    http(effort, &sink)?;
    decision(effort, &sink)?;
    aws(effort, &sink)
}

/// Only what the AWS SDK's calls cost.
pub fn print_aws(effort: &Effort) -> Outcome<()> {
    aws(effort, &Sink::start()?)
}

/// Only what sampling decisions cost.
pub fn print_decision(effort: &Effort) -> Outcome<()> {
    decision(effort, &Sink::start()?)
}

fn decision(effort: &Effort, sink: &Sink) -> Outcome<()> {
    println!("## A sampling decision by 25 rules\n");
    let mut table = Table::new(&["", "instructions", "allocations", "CPU ns alone", "CPU ns on two threads", "aim"]);
    for (label, workload) in [("local rules", Workload::D1), ("central rules", Workload::D2)] {
        let instructions = if process::has_valgrind() {
            let (few, many) = effort.operations;
            whole(process::instructions(&Contestant::own(Variant::F0)?, workload, sink, few, many)?.caller)
        } else {
            "no valgrind".to_owned()
        };
        let mut worker = Worker::start(&Contestant::own(Variant::F0)?, workload, sink)?;
        worker.number("run 2000")?;
        let allocations = worker.number("allocations 2000")?;
        // Whoever else uses the machine only ever makes it slower.
        let rounds: Vec<Vec<u64>> =
            (0..effort.rounds).map(|_| worker.ask("threads 100000")).collect::<Outcome<Vec<_>>>()?;
        let least =
            |place: usize| rounds.iter().filter_map(|round| round.get(place)).min().copied().unwrap_or_default();
        let cells = [instructions, allocations.to_string(), least(0).to_string(), least(1).to_string()];
        table.row(label, &cells, "<= 3,000, 0");
        worker.end()?;
    }
    table.print();
    Ok(())
}

fn instructions(effort: &Effort, sink: &Sink) -> Outcome<()> {
    println!("## Instructions per request (user space; callgrind)\n");
    if !process::has_valgrind() {
        println!("NOT MEASURED: valgrind is not installed. These are the primary numbers; install it and run again.\n");
        return Ok(());
    }
    let (few, many) = effort.operations;
    let count = |variant, workload| process::instructions(&Contestant::own(variant)?, workload, sink, few, many);
    let mut table = Table::new(&["", "caller", "x F1", "all threads", "x F1", "aim"]);
    let mut row = |label: &str, counted: Instructions, base: Instructions, aim: &str| {
        let ratio = counted.caller / base.caller;
        let cells = [whole(counted.caller), times(ratio), whole(counted.all), times(counted.all / base.all)];
        table.row(label, &cells, aim);
    };
    let w1 = count(Variant::F1, Workload::W1)?;
    row("W1 F0", count(Variant::F0, Workload::W1)?, w1, "");
    row("W1 F1", w1, w1, "");
    row("W1 ours", count(Variant::Ours, Workload::W1)?, w1, "all <= 4 x F1");
    let w2 = count(Variant::F1, Workload::W2)?;
    row("W2 F0", count(Variant::F0, Workload::W2)?, w2, "");
    row("W2 F1", w2, w2, "");
    row("W2 F1, nothing for the request", count(Variant::F1Bare, Workload::W2)?, w2, "");
    row("W2 ours", count(Variant::Ours, Workload::W2)?, w2, "all <= 3.5 x F1");
    row("W3 ours (unsampled W2)", count(Variant::Ours, Workload::W3)?, w2, "all <= 1.15 x F1");
    row("W7 ours (W3, late capture, forgotten)", count(Variant::Ours, Workload::W7)?, w2, "");
    row("W8 ours (W3, late capture, kept)", count(Variant::Ours, Workload::W8)?, w2, "");
    table.print();
    let unsent = count(Variant::OursUnsent, Workload::W2)?;
    let mut table = Table::new(&["", "instructions", "aim"]);
    table.row("W2 document: queue, writer, pool; no send", &[whole(unsent.all - unsent.caller)], "<= 9,000");
    table.print();
    Ok(())
}

fn memory(effort: &Effort, sink: &Sink) -> Outcome<()> {
    println!("## Allocations per request (all threads, steady state), heap per open request\n");
    let mut table = Table::new(&["", "allocations", "bytes", "aim"]);
    for (variant, workload, aim) in [
        (Variant::F1, Workload::W1, ""),
        (Variant::Ours, Workload::W1, "0"),
        (Variant::F1, Workload::W2, ""),
        (Variant::Ours, Workload::W2, "<= 1.1 (0.1 a span)"),
        (Variant::Ours, Workload::W3, "<= 2"),
        (Variant::Ours, Workload::W7, ""),
        (Variant::Ours, Workload::W8, ""),
    ] {
        let mut worker = Worker::start(&Contestant::own(variant)?, workload, sink)?;
        worker.number("run 2000")?;
        let operations = 2000;
        let answer = worker.ask(&format!("allocations {operations}"))?;
        let per_request = |index: usize| answer.get(index).map_or(f64::NAN, |n| *n as f64 / operations as f64);
        let label = format!("{} {}", workload, variant.name());
        table.row(&label, &[format!("{:.2}", per_request(0)), format!("{:.0}", per_request(1))], aim);
        worker.end()?;
    }
    table.print();
    let mut table = Table::new(&["", "bytes per open request", "aim"]);
    for (variant, aim) in [(Variant::F1, ""), (Variant::Ours, "<= 1,400")] {
        let mut worker = Worker::start(&Contestant::own(variant)?, Workload::W1, sink)?;
        worker.number("run 50")?;
        let bytes = worker.number(&format!("open {}", effort.open))?;
        table.row(variant.name(), &[whole(bytes as f64 / effort.open as f64)], aim);
        worker.end()?;
    }
    table.print();
    Ok(())
}

fn time(effort: &Effort, sink: &Sink) -> Outcome<()> {
    println!("## CPU time of the calling thread ({} interleaved rounds)\n", effort.rounds);
    let mut table = Table::new(&["", "ns (median)", "x F1 (median)", "lowest - highest", "aim"]);
    for (workload, variants, aim) in [
        (Workload::W1, &[Variant::F0, Variant::F1, Variant::Ours][..], ""),
        (Workload::W2, &[Variant::F0, Variant::F1, Variant::Ours], "<= 3.5 x F1"),
        (Workload::W3, &[Variant::F1, Variant::Ours], "<= 1.15 x F1"),
    ] {
        let mut workers = Vec::new();
        for variant in variants {
            let mut worker = Worker::start(&Contestant::own(*variant)?, workload, sink)?;
            worker.number(&format!("run {}", effort.batch))?;
            workers.push((*variant, worker, Vec::new(), Vec::new()));
        }
        for _ in 0..effort.rounds {
            let mut round = Vec::new();
            for (_, worker, _, _) in &mut workers {
                // Wakes the sender: between rounds it may have gone to sleep, under traffic it does not.
                worker.number("run 50")?;
                round.push(worker.number(&format!("run {}", effort.batch))? as f64 / effort.batch as f64);
            }
            let base = workers.iter().position(|(variant, ..)| *variant == Variant::F1).and_then(|at| round.get(at));
            let base = base.copied().ok_or("no F1")?;
            for ((_, _, times, ratios), time) in workers.iter_mut().zip(&round) {
                times.push(*time);
                ratios.push(time / base);
            }
        }
        for (variant, worker, times_taken, ratios) in workers {
            let (lowest, middle, highest) = spread(ratios);
            let label = format!("{} {}", workload, variant.name());
            let cells = [whole(spread(times_taken).1), times(middle), format!("{lowest:.2} - {highest:.2}")];
            table.row(&label, &cells, if variant.is_ours() { aim } else { "" });
            worker.end()?;
        }
    }
    table.print();
    Ok(())
}

fn wire(effort: &Effort, sink: &Sink) -> Outcome<()> {
    println!("## On the wire\n");
    let mut table = Table::new(&["", "bytes per datagram", "datagrams per request", "aim"]);
    for (workload, aim) in
        [(Workload::W1, "1 datagram"), (Workload::W2, "<= 2,908 bytes, 1 datagram"), (Workload::W3, "none")]
    {
        let mut worker = Worker::start(&Contestant::own(Variant::Ours)?, workload, sink)?;
        let (datagrams, bytes) = sink.settled();
        worker.number(&format!("run {}", effort.batch))?;
        let settled = sink.settled();
        let (datagrams, bytes) = (settled.0 - datagrams, settled.1 - bytes);
        let size = if datagrams == 0 { 0.0 } else { bytes as f64 / datagrams as f64 };
        let rate = datagrams as f64 / effort.batch as f64;
        table.row(&format!("{} ours", workload), &[whole(size), format!("{rate:.3}")], aim);
        worker.end()?;
    }
    table.print();
    Ok(())
}

fn http(effort: &Effort, sink: &Sink) -> Outcome<()> {
    println!("## W4: axum over loopback, one connection, 2 spans per request\n");
    let variants = [Variant::F0, Variant::F1, Variant::Ours];
    if process::has_valgrind() {
        let (few, many) = effort.operations;
        let count = |variant| process::instructions(&Contestant::own(variant)?, Workload::W4, sink, few, many);
        let base = count(Variant::F0)?;
        let tracing = count(Variant::F1)?;
        let ours = count(Variant::Ours)?;
        let mut table = Table::new(&["", "server thread", "added to F0", "x F1's", "all threads", "aim"]);
        for (label, counted, aim) in [
            ("W4 F0", base, ""),
            ("W4 F1 and TraceLayer", tracing, ""),
            ("W4 ours", ours, "<= 9,800 added, <= 2.4 x F1's"),
        ] {
            let added = counted.caller - base.caller;
            let ratio = added / (tracing.caller - base.caller);
            table.row(label, &[whole(counted.caller), whole(added), times(ratio), whole(counted.all)], aim);
        }
        table.print();
    }
    let mut workers = Vec::new();
    for variant in variants {
        let mut worker = Worker::start(&Contestant::own(variant)?, Workload::W4, sink)?;
        let client = Client::connect(u16::try_from(worker.number("serve")?)?)?;
        workers.push((variant, worker, client, Vec::new(), Vec::new()));
    }
    for round in 0..=effort.rounds {
        for (_, worker, client, rates, cpu) in &mut workers {
            let (start, before) = (Instant::now(), worker.main_thread_time());
            for _ in 0..effort.batch {
                client.get_order()?;
            }
            // The first round warms up.
            if round > 0 {
                rates.push(effort.batch as f64 / start.elapsed().as_secs_f64());
                if let (Some(before), Some(after)) = (before, worker.main_thread_time()) {
                    cpu.push((after - before) as f64 / effort.batch as f64);
                }
            }
        }
    }
    let mut table = Table::new(&["", "requests/s", "x F1 (median)", "server thread ns", "x F1 (median)", "aim"]);
    let base = workers
        .iter()
        .find(|(variant, ..)| *variant == Variant::F1)
        .map(|(_, _, _, rates, cpu)| (rates.clone(), cpu.clone()));
    let (base_rates, base_cpu) = base.ok_or("no F1")?;
    for (variant, worker, client, rates, cpu) in workers {
        let ratio = |values: &[f64], base: &[f64]| spread(values.iter().zip(base).map(|(a, b)| a / b).collect()).1;
        let (rate_ratio, cpu_ratio) = (ratio(&rates, &base_rates), ratio(&cpu, &base_cpu));
        let cells = [whole(spread(rates).1), times(rate_ratio), whole(spread(cpu).1), times(cpu_ratio)];
        let aim = if variant.is_ours() { ">= 0.93 x F1's requests/s" } else { "" };
        table.row(&format!("W4 {}", variant.name()), &cells, aim);
        client.quit()?;
        worker.end()?;
    }
    table.print();
    Ok(())
}

fn aws(effort: &Effort, sink: &Sink) -> Outcome<()> {
    println!("## W5, W6: GetItem by the AWS SDK without a network, per call ({CALLS} in a request)\n");
    if !process::has_valgrind() {
        println!("NOT MEASURED: valgrind is not installed.\n");
        return Ok(());
    }
    let (few, many) = (effort.operations.0 / CALLS, effort.operations.1 / CALLS);
    let measure = |variant, workload| -> Outcome<(f64, f64)> {
        let counted = process::instructions(&Contestant::own(variant)?, workload, sink, few, many)?;
        let mut worker = Worker::start(&Contestant::own(variant)?, workload, sink)?;
        worker.number("run 200")?;
        let allocations = worker.number("allocations 200")? as f64 / (200 * CALLS) as f64;
        worker.end()?;
        Ok((counted.caller / CALLS as f64, allocations))
    };
    let mut table = Table::new(&["", "caller", "added", "x without", "allocations", "added", ""]);
    let mut row = |label: &str, call: (f64, f64), without: (f64, f64), note: &str| {
        let cells = [whole(call.0), whole(call.0 - without.0), times(call.0 / without.0)];
        let allocations = [format!("{:.2}", call.1), format!("{:.2}", call.1 - without.1)];
        table.row(label, &[&cells[..], &allocations[..]].concat(), note);
    };
    let f1 = measure(Variant::F1, Workload::W5)?;
    row("W5 F1, without", f1, f1, "");
    let without = measure(Variant::OursBare, Workload::W5)?;
    row("W5 ours, without", without, f1, "added to F1: a tenth of the segment");
    row("W5 ours, interceptor", measure(Variant::Ours, Workload::W5)?, without, "added to ours without");
    row("W5 ours, http_client", measure(Variant::OursWrapped, Workload::W5)?, without, "added to ours without");
    let without = measure(Variant::OursBare, Workload::W6)?;
    row("W6 ours, without (unsampled W5)", without, f1, "added to F1");
    row("W6 ours, interceptor", measure(Variant::Ours, Workload::W6)?, without, "added to ours without");
    table.print();
    Ok(())
}
