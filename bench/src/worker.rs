//! The measured process: one variant, installed for the whole process, driven by lines on standard input.
//!
//! | line | does | answers |
//! |---|---|---|
//! | `run N` | N requests | CPU time of the calling thread, nanoseconds |
//! | `allocations N` | N requests | allocations and bytes of all threads |
//! | `threads N` | N decisions on one thread, then on each of two | nanoseconds of a decision, twice |
//! | `open N` | opens N requests and keeps them open | bytes of heap they hold |
//! | `serve` | serves HTTP until `/quit` is asked for | the port, before it serves |
//!
//! Every [`BATCH`] requests what ended is flushed, outside the time that is measured: otherwise a loop without
//! pauses would measure how a full queue is refused.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use xray_core::{Emit, EmitError, LateCapture, Rules, SegmentLayer};

use crate::workload::{OpenRequest, Variant, Workload, request};
use crate::{aws, decision, http};

/// Runs until standard input ends. `sink`: where datagrams go, `host:port`.
pub fn run(variant: Variant, workload: Workload, sink: &str) -> Result<(), Box<dyn std::error::Error>> {
    install(variant, workload, sink)?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        if line == "serve" {
            http::serve(variant, |port| answer(&port.to_string()))?;
            continue;
        }
        let (command, count) = line.split_once(' ').ok_or("a command and a number")?;
        let count: usize = count.parse()?;
        match command {
            "run" => answer(&timed(variant, workload, count).to_string())?,
            "allocations" => {
                let region = Region::new(&INSTRUMENTED_SYSTEM);
                timed(variant, workload, count);
                let change = region.change();
                answer(&format!("{} {}", change.allocations + change.reallocations, change.bytes_allocated))?;
            }
            "threads" => {
                let [alone, together] = [1, 2].map(|threads| decision::side_by_side(threads, count));
                answer(&format!("{alone} {together}"))?;
            }
            "open" => {
                let mut open = Vec::with_capacity(count);
                let region = Region::new(&INSTRUMENTED_SYSTEM);
                open.extend((0..count).map(|_| OpenRequest::new(variant)));
                let change = region.change();
                answer(&(change.bytes_allocated - change.bytes_deallocated).to_string())?;
            }
            other => return Err(format!("unknown command {other}").into()),
        }
    }
    Ok(())
}

fn timed(variant: Variant, workload: Workload, count: usize) -> u64 {
    let mut nanoseconds = 0;
    let mut left = count;
    while left > 0 {
        let batch = left.min(BATCH);
        left -= batch;
        let start = thread_time();
        for _ in 0..batch {
            request(variant, workload);
        }
        nanoseconds += thread_time() - start;
        xray_core::flush(Duration::from_secs(10));
    }
    nanoseconds
}

fn install(variant: Variant, workload: Workload, sink: &str) -> Result<(), Box<dyn std::error::Error>> {
    if workload.is_decision() {
        return decision::install(workload);
    }
    if workload.calls_aws() {
        aws::install(variant)?;
    }
    let registry = tracing_subscriber::registry();
    match variant {
        Variant::F0 => {}
        Variant::F1 | Variant::F1Bare => tracing::subscriber::set_global_default(registry.with(Empty))?,
        Variant::Ours | Variant::OursBare | Variant::OursWrapped | Variant::OursUnsent => {
            let rules = if workload.is_unsampled() { Rules::none() } else { Rules::all() };
            let builder = SegmentLayer::builder("orders").without_environment().rules(rules);
            let builder = if workload.captures_late() {
                builder.late_capture(LateCapture::rules().with_faults().with_limit(u32::MAX))
            } else {
                builder
            };
            let builder = match variant {
                Variant::OursUnsent => builder.emitter(Unsent),
                _ => builder.daemon_address(sink),
            };
            tracing::subscriber::set_global_default(registry.with(builder.build()?))?;
        }
    }
    Ok(())
}

fn answer(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// CPU time of this thread, nanoseconds.
fn thread_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A layer that does nothing.
struct Empty;

impl<S: tracing::Subscriber> Layer<S> for Empty {}

/// Takes documents nowhere.
struct Unsent;

impl Emit for Unsent {
    fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
        std::hint::black_box(document);
        Ok(())
    }
}

/// Requests between flushes.
const BATCH: usize = 50;
