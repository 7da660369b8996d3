//! Every interleaving, within three preemptions, of push, rest, wake, flush and stop.
//!
//! `RUSTFLAGS="--cfg xray_loom" cargo test -p xray-core --lib --release loom_`

use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::*;

/// Counts what it is given, and lets a test wait for it.
struct Counted {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    items: usize,
    idles: usize,
}

impl Work for Counted {
    type Item = ();

    fn deliver(&self, (): ()) -> usize {
        self.seen.lock().unwrap().items += 1;
        self.changed.notify_all();
        1
    }

    fn documents(&self, (): &()) -> u64 {
        1
    }

    fn idle(&self) {
        self.seen.lock().unwrap().idles += 1;
        self.changed.notify_all();
    }

    fn watches(&self) -> bool {
        false
    }
}

impl Counted {
    fn wait_until(&self, reached: impl Fn(&Seen) -> bool) {
        let mut seen = self.seen.lock().unwrap();
        while !reached(&seen) {
            seen = self.changed.wait(seen).unwrap();
        }
    }

    fn items(&self) -> usize {
        self.seen.lock().unwrap().items
    }
}

type Parts = (Arc<Pipeline<Counted>>, Arc<Counted>, Arc<Stats>);

fn model(test: impl Fn(Parts) + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let work = Arc::new(Counted { seen: Mutex::default(), changed: Condvar::new() });
        let stats = Arc::new(Stats::new());
        let limits = Limits { items: 2, bytes: 100 };
        test((Arc::new(Pipeline::new(work.clone(), limits, stats.clone())), work, stats));
    });
}

const ANY: Duration = Duration::MAX;

#[test]
fn loom_a_push_reaches_the_sender_whatever_it_does() {
    // No flush and no timer helps: a lost wake-up is a deadlock here.
    model(|(pipeline, work, _)| {
        assert!(pipeline.push((), 1));
        work.wait_until(|seen| seen.items == 1);
        assert!(pipeline.push((), 1));
        work.wait_until(|seen| seen.items == 2);
    });
}

#[test]
fn loom_a_wake_reaches_the_sender_whatever_it_does() {
    model(|(pipeline, work, _)| {
        pipeline.start();
        pipeline.wake();
        work.wait_until(|seen| seen.idles > 0);
    });
}

#[test]
fn loom_a_flush_returns_after_what_was_pushed_before() {
    model(|(pipeline, work, _)| {
        let other = pipeline.clone();
        let thread = thread::spawn(move || {
            assert!(other.push((), 1));
            assert!(other.flush(ANY));
        });
        assert!(pipeline.push((), 1));
        assert!(pipeline.flush(ANY));
        assert!(work.items() >= 1);
        thread.join().unwrap();
        assert_eq!(work.items(), 2);
    });
}

#[test]
fn loom_a_stop_delivers_what_was_accepted_and_counts_the_rest() {
    model(|(pipeline, work, stats)| {
        let other = pipeline.clone();
        let thread = thread::spawn(move || usize::from(other.push((), 1)) + usize::from(other.push((), 1)));
        assert!(pipeline.stop(ANY));
        let delivered_at_stop = work.items();
        let accepted = thread.join().unwrap();
        assert_eq!(work.items(), accepted);
        assert_eq!(delivered_at_stop, accepted, "nothing is delivered after a stop");
        assert_eq!(stats.get(Counter::DroppedShutdown), 2 - accepted as u64);
        assert!(!pipeline.push((), 1));
    });
}

#[test]
fn loom_flush_and_stop_together_both_return() {
    model(|(pipeline, work, _)| {
        let other = pipeline.clone();
        assert!(pipeline.push((), 1));
        let thread = thread::spawn(move || other.flush(ANY));
        assert!(pipeline.stop(ANY));
        assert!(thread.join().unwrap());
        assert!(pipeline.stop(ANY));
        assert_eq!(work.items(), 1);
    });
}

#[test]
fn loom_a_push_beyond_the_bound_is_counted() {
    model(|(pipeline, work, stats)| {
        let accepted = (0..4).filter(|_| pipeline.push((), 1)).count();
        assert!(accepted >= 2);
        assert!(pipeline.flush(ANY));
        assert_eq!(work.items(), accepted);
        assert_eq!(stats.get(Counter::DroppedQueueFull), 4 - accepted as u64);
        assert!(pipeline.push((), 1), "an empty queue takes more");
    });
}

#[test]
fn loom_dropping_the_pipeline_ends_the_sender() {
    model(|(pipeline, work, _)| {
        assert!(pipeline.push((), 1));
        drop(pipeline);
        work.wait_until(|seen| seen.items == 1);
    });
}
