//! The commands on standard input.
//!
//! | line | does | answers |
//! |---|---|---|
//! | `run N` | N requests | CPU time of the calling thread, then of the process with its flushes, nanoseconds |
//! | `allocations N` | N requests | allocations and bytes of all threads |
//! | `threads N` | N requests on one thread, then on each of two at once | nanoseconds of CPU a request, twice |
//! | `pace RATE MILLISECONDS THREADS` | requests at this rate for so long, made by so many threads together | requests made, spans or documents that left and should have, microseconds |
//! | `left 0` | | spans or documents that have left so far |
//! | `open N` | opens N requests and keeps them open | bytes of heap they hold |
//! | `serve` | serves HTTP until `/quit` is asked for | the port, before it serves |
//!
//! After each batch what ended is flushed, outside the time that is measured: otherwise a loop without pauses would
//! measure how a full queue is refused. Only `pace` lets queues fill.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

use crate::counters::{process_time, thread_time};
use crate::{Subject, http};

/// Answers commands until standard input ends.
pub fn run(subject: &impl Subject) -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let command = words.next().unwrap_or_default();
        let numbers = words.map(str::parse).collect::<Result<Vec<usize>, _>>()?;
        let text = match (command, &numbers[..]) {
            ("serve", []) => {
                http::serve(subject.app(), |port| answer(&port.to_string()))?;
                subject.flush();
                continue;
            }
            ("run", [count]) => {
                let before = process_time();
                let caller = timed(subject, *count);
                format!("{caller} {}", process_time() - before)
            }
            ("allocations", [count]) => {
                let region = Region::new(&INSTRUMENTED_SYSTEM);
                timed(subject, *count);
                let change = region.change();
                format!("{} {}", change.allocations + change.reallocations, change.bytes_allocated)
            }
            ("threads", [count]) => {
                let [alone, together] = [1, 2].map(|threads| side_by_side(subject, threads, *count));
                format!("{alone} {together}")
            }
            ("pace", [rate, milliseconds, threads]) => {
                pace(subject, *rate, Duration::from_millis(*milliseconds as u64), *threads)
            }
            ("left", [_]) => subject.left().to_string(),
            ("open", [count]) => {
                let mut open = Vec::with_capacity(*count);
                let region = Region::new(&INSTRUMENTED_SYSTEM);
                open.extend((0..*count).map(|_| subject.open()));
                let change = region.change();
                (change.bytes_allocated - change.bytes_deallocated).to_string()
            }
            (command, [count]) => subject.answer(command, *count).ok_or(format!("unknown command {command}"))?,
            _ => return Err(format!("a command and a number, not {line:?}").into()),
        };
        answer(&text)?;
    }
    Ok(())
}

fn timed(subject: &impl Subject, count: usize) -> u64 {
    let mut nanoseconds = 0;
    let mut left = count;
    while left > 0 {
        let batch = left.min(subject.batch());
        left -= batch;
        let start = thread_time();
        for _ in 0..batch {
            subject.request();
        }
        nanoseconds += thread_time() - start;
        subject.flush();
    }
    nanoseconds
}

/// Nanoseconds of CPU that a request takes when `threads` make `count` each at the same time.
fn side_by_side(subject: &impl Subject, threads: usize, count: usize) -> u64 {
    let batch = subject.batch();
    let rounds = count.div_ceil(batch);
    let arrived = AtomicUsize::new(0);
    // Spins: a thread that is woken comes some 50 µs after the other, a third of a batch.
    let meet = |times: usize| {
        arrived.fetch_add(1, Ordering::AcqRel);
        let mut turns = 0_u32;
        while arrived.load(Ordering::Acquire) < times * threads {
            turns += 1;
            if turns.is_multiple_of(4096) { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    };
    let work = |first: bool| {
        let mut nanoseconds = 0;
        for round in 0..rounds {
            meet(2 * round + 1);
            let start = thread_time();
            for _ in 0..batch {
                subject.request();
            }
            nanoseconds += thread_time() - start;
            meet(2 * round + 2);
            if first {
                subject.flush();
            }
        }
        nanoseconds
    };
    let spent: u64 = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|number| scope.spawn(move || work(number == 0))).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_default()).sum()
    });
    spent / (threads * rounds * batch).max(1) as u64
}

/// Makes requests at an even rate, on `threads` threads by turns: each makes its share, a part of a period after the one
/// before it. The first is this one, so that with one thread nothing is different from everywhere else.
fn pace(subject: &impl Subject, rate: usize, whole: Duration, threads: usize) -> String {
    let before = subject.left();
    let threads = u32::try_from(threads.max(1)).unwrap_or(u32::MAX);
    let apart = Duration::from_secs(1).div_f64(rate.max(1) as f64);
    let start = Instant::now();
    let caller = |number: u32| paced(subject, start + apart * number, apart * threads, start + whole);
    let made: u64 = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|number| scope.spawn(move || caller(number))).collect();
        caller(0) + others.into_iter().map(|thread| thread.join().unwrap_or_default()).sum::<u64>()
    });
    let spent = start.elapsed().as_micros();
    subject.flush();
    format!("{made} {} {} {spent}", subject.left() - before, made * subject.per_request())
}

/// One thread's share of the requests. Who falls behind by more than [`BEHIND`] does not catch up: a burst would fill
/// queues that the rate alone does not.
fn paced(subject: &impl Subject, first: Instant, between: Duration, end: Instant) -> u64 {
    let (mut made, mut due) = (0, first);
    while due < end {
        let now = Instant::now();
        if now < due {
            // As a server's thread that waits for requests, it leaves its core to others: to who sends, for one.
            match (due - now).checked_sub(SLEEPS_LATE) {
                Some(rest) if rest >= SHORTEST_SLEEP => std::thread::sleep(rest),
                _ => std::hint::spin_loop(),
            }
            continue;
        }
        due = if now - due > BEHIND { now } else { due } + between;
        subject.request();
        made += 1;
    }
    made
}

fn answer(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// A quarter of what a queue of 2,048 spans takes at 50,000 requests of 11 spans a second.
const BEHIND: Duration = Duration::from_millis(1);
/// By as much a sleep may end too late: Linux gathers timers over 50 µs.
const SLEEPS_LATE: Duration = Duration::from_micros(60);
/// What is shorter is not worth the way into the kernel and back.
const SHORTEST_SLEEP: Duration = Duration::from_micros(20);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicU64;
    use std::thread::{self, ThreadId};

    use super::*;

    /// Counts requests and who makes them; sends all of them when flushed.
    #[derive(Default)]
    struct Counted {
        made: AtomicU64,
        left: AtomicU64,
        callers: Mutex<HashSet<ThreadId>>,
    }

    impl Subject for Counted {
        type Open = ();

        fn request(&self) {
            self.made.fetch_add(1, Ordering::Relaxed);
            self.callers.lock().unwrap().insert(thread::current().id());
        }

        fn open(&self) {}

        fn flush(&self) {
            self.left.store(2 * self.made.load(Ordering::Relaxed), Ordering::Relaxed);
        }

        fn left(&self) -> u64 {
            self.left.load(Ordering::Relaxed)
        }

        fn per_request(&self) -> u64 {
            2
        }
    }

    #[test]
    fn a_rate_is_made_by_as_many_threads_as_asked_for_and_no_more_than_it_says() {
        for threads in [1, 2, 3] {
            let subject = Counted::default();
            let answer = pace(&subject, 3_000, Duration::from_millis(20), threads);
            let numbers: Vec<u64> = answer.split(' ').map(|number| number.parse().unwrap()).collect();
            let [made, left, due, microseconds] = numbers[..] else { panic!("{answer}") };
            // Sixty fit, and one more on each thread by rounding; a busy machine makes fewer.
            assert!((threads as u64..=63).contains(&made), "{answer}");
            assert_eq!((left, due), (2 * made, 2 * made));
            // The last is due a period before the end.
            assert!(microseconds >= 20_000 - 334 * threads as u64, "{answer}");
            let callers = subject.callers.into_inner().unwrap();
            assert_eq!((callers.len(), callers.contains(&thread::current().id())), (threads, true));
        }
    }
}
