//! The regression guard: `cargo run --release -- --check`.
//!
//! What the hot paths cost, as multiples of what a span with an event costs an empty layer on the registry in the same
//! run, must not be more than [`TOLERANCE`] above what `guard.toml` says, and no path may allocate more than it says.
//! Never times: instructions repeat to about half a percent whatever else the machine does.
//!
//! A path that got cheaper is no failure, but is said: a file that is not renewed lets the gain be lost again.

mod file;
pub mod paths;

use self::file::{File, Measured};
use crate::process::{self, Contestant, Outcome, Sink, Worker};
use crate::profile;
use crate::table::Table;
use crate::workload::{Variant, Workload};

/// Measures and compares; or writes the file anew.
pub fn check(renew: bool) -> Outcome<()> {
    if cfg!(debug_assertions) {
        return Err("this is a debug build, whose numbers mean nothing: cargo run --release -- --check".into());
    }
    if !process::has_valgrind() {
        return Err("NOT CHECKED: valgrind is not installed, so no instructions can be counted.\n\
                    On Debian: apt-get install --no-install-recommends valgrind libc6-dbg"
            .into());
    }
    let now = measure()?;
    if renew {
        file::write(&now)?;
        println!("{} is written anew; `git diff` shows what changed.", file::PLACE);
        return Ok(());
    }
    let known = file::read()?;
    print(&known, &now);
    let verdict = judge(&known, &now);
    for line in &verdict.cheaper {
        println!("{line}");
    }
    if verdict.dearer.is_empty() {
        println!("No hot path got dearer.");
        return Ok(());
    }
    let compiler = if known.rustc == now.rustc {
        String::new()
    } else {
        format!("\nThe file is of {}, this is {}: the compiler may be why.", known.rustc, now.rustc)
    };
    Err(format!(
        "HOT PATHS GOT DEARER\n{}{compiler}\nIf that is the price of something wanted, write the file anew and say so in \
         the commit:\n  cd bench && cargo run --release -- --check --renew && git diff guard.toml",
        verdict.dearer.join("\n")
    )
    .into())
}

/// A line for each path that changed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    dearer: Vec<String>,
    cheaper: Vec<String>,
}

fn judge(known: &File, now: &File) -> Verdict {
    let mut verdict = Verdict::default();
    for path in &now.paths {
        let Some(was) = known.path(&path.name) else {
            verdict.dearer.push(format!("  {}: measured, but not in {}", path.name, file::PLACE));
            continue;
        };
        let change = path.ratio / was.ratio - 1.0;
        let told = format!("  {}: {:.3} times the unit instead of {:.3}", path.name, path.ratio, was.ratio);
        if change > TOLERANCE {
            verdict.dearer.push(format!("{told}, {:.1} % more", change * 100.0));
        } else if change < -TOLERANCE {
            verdict.cheaper.push(format!("{told}, {:.1} % less: renew the file to keep it", change * -100.0));
        }
        if path.allocations > was.allocations + ROUNDING {
            let (now, was) = (path.allocations, was.allocations);
            verdict.dearer.push(format!("  {}: {now:.2} allocations instead of {was:.2}", path.name));
        }
    }
    let gone = known.paths.iter().filter(|was| now.path(&was.name).is_none());
    verdict.dearer.extend(gone.map(|was| format!("  {}: in {}, but no longer measured", was.name, file::PLACE)));
    verdict
}

fn print(known: &File, now: &File) {
    println!("Unit: a span with 3 values and 1 event in the empty layer, {:.0} instructions\n", now.unit);
    let mut table = Table::new(&["", "instructions", "x unit", "was", "allocations", "were", ""]);
    for path in &now.paths {
        let was = known.path(&path.name);
        let cells = [
            format!("{:.0}", path.ratio * now.unit),
            format!("{:.3}", path.ratio),
            was.map_or("-".into(), |was| format!("{:.3}", was.ratio)),
            format!("{:.2}", path.allocations),
            was.map_or("-".into(), |was| format!("{:.2}", was.allocations)),
        ];
        table.row(&path.name, &cells, "");
    }
    table.print();
}

fn measure() -> Outcome<File> {
    let sink = Sink::start()?;
    let empty = Run::new(Variant::F1, &sink)?;
    let ours = Run::new(Variant::OursUnsent, &sink)?;
    let at_once = Run::new(Variant::OursAtOnce, &sink)?;
    let spans = paths::SPANS as f64;
    let parts = ["counted_new_spans", "counted_events", "counted_close"];
    let unit = parts.iter().map(|part| empty.instructions(part)).sum::<Outcome<f64>>()? / spans;
    let mut measured = Vec::new();
    let mut path = |name: &str, instructions: f64, allocations: f64| {
        measured.push(Measured { name: name.to_owned(), ratio: instructions / unit, allocations });
    };
    for (name, function, per) in [
        ("open_segment", "counted_open_segment", 1.0),
        ("new_span", "counted_new_spans", spans),
        ("enter_event_exit", "counted_events", spans),
        ("close_span", "counted_close", spans),
        ("end_segment", "counted_end_segment", 1.0),
        ("unsampled_child", "counted_unsampled", spans),
        ("header_parse", "counted_header", 1.0),
        ("decision_of_25_rules", "counted_decision", 1.0),
    ] {
        path(name, ours.instructions(function)? / per, ours.allocations(function)? / per);
    }
    // What writing adds where it is not left to the sender, and the middleware to a request.
    for (name, (with, function), (without, bare)) in [
        ("document_of_11_nodes", (&at_once, "counted_end_segment"), (&ours, "counted_end_segment")),
        ("server_middleware", (&ours, "counted_server"), (&ours, "counted_bare_server")),
    ] {
        let instructions = with.instructions(function)? - without.instructions(bare)?;
        path(name, instructions, with.allocations(function)? - without.allocations(bare)?);
    }
    // The SDK's calls are hundreds of thousands of instructions that differ by more than ours from one process to the
    // next (its hash maps have random seeds): only what happens beneath the interceptor counts.
    let calls = ours.beneath("counted_call").calls as f64;
    let hooks = ours.beneath("xray_aws_sdk").instructions as f64 / calls;
    path("aws_interceptor", hooks, ours.allocations("counted_call")? - ours.allocations("counted_bare_call")?);
    Ok(File { rustc: file::rustc()?, unit, paths: measured })
}

/// What one variant's walks took: the caller's profile, and allocations a walk.
struct Run {
    profile: String,
    allocations: Vec<(String, f64)>,
}

impl Run {
    fn new(variant: Variant, sink: &Sink) -> Outcome<Run> {
        let contestant = Contestant::own(variant)?;
        let profiles = process::profiles(&contestant, Workload::Guard, sink, WALKS)?;
        let profile = profiles.into_iter().next().ok_or("no profile")?;
        let mut worker = Worker::start(&contestant, Workload::Guard, sink)?;
        let text = worker.line(&format!("guard {WALKS}"))?;
        worker.end()?;
        let mut allocations = Vec::new();
        let mut words = text.split_whitespace();
        while let (Some(name), Some(sum)) = (words.next(), words.next()) {
            allocations.push((name.to_owned(), sum.parse::<f64>()? / WALKS as f64));
        }
        Ok(Run { profile, allocations })
    }

    fn beneath(&self, name: &str) -> profile::Beneath {
        profile::beneath(&self.profile, |function| function.contains(name))
    }

    /// Of one call.
    fn instructions(&self, function: &str) -> Outcome<f64> {
        let beneath = self.beneath(function);
        if beneath.calls == 0 {
            return Err(format!("{function} is not in the profile").into());
        }
        Ok(beneath.instructions as f64 / beneath.calls as f64)
    }

    /// Of one call.
    fn allocations(&self, function: &str) -> Outcome<f64> {
        let found = self.allocations.iter().find(|(name, _)| name == function);
        Ok(found.ok_or_else(|| format!("{function} was not counted"))?.1)
    }
}

/// How much dearer a path may get: a share.
const TOLERANCE: f64 = 0.05;

/// Allocations that come of growing something once in many requests.
const ROUNDING: f64 = 0.05;

/// Requests of a run.
const WALKS: u64 = 400;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(ratio: f64, allocations: f64) -> File {
        File { rustc: String::new(), unit: 1.0, paths: vec![Measured { name: "new_span".into(), ratio, allocations }] }
    }

    #[test]
    fn a_path_may_get_five_percent_dearer_and_allocate_no_more() {
        let known = file(2.0, 1.0);
        for (ratio, allocations, dearer, cheaper) in
            [(2.09, 1.0, 0, 0), (2.2, 1.0, 1, 0), (1.8, 1.0, 0, 1), (2.0, 2.0, 1, 0), (2.2, 2.0, 2, 0)]
        {
            let verdict = judge(&known, &file(ratio, allocations));
            assert_eq!((verdict.dearer.len(), verdict.cheaper.len()), (dearer, cheaper), "{ratio} {allocations}");
        }
        let missing = judge(&known, &File { paths: Vec::new(), ..file(1.0, 0.0) });
        assert_eq!(missing.dearer.len(), 1, "a path that is no longer measured is not let go");
    }
}
