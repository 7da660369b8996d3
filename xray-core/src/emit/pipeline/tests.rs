use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use proptest::prelude::*;

use super::*;

/// What the sender thread did, told as it happens.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Delivered(u32),
    Idle,
}

type Deliver = Box<dyn Fn(u32) -> usize + Send + Sync>;

struct Script {
    deliver: Deliver,
    idle: Box<dyn Fn() + Send + Sync>,
    watches: bool,
    events: Mutex<Sender<Event>>,
}

impl Work for Script {
    type Item = u32;

    fn deliver(&self, item: u32) -> usize {
        let documents = (self.deliver)(item);
        let _ = self.events.lock().unwrap().send(Event::Delivered(item));
        documents
    }

    fn documents(&self, _: &u32) -> u64 {
        1
    }

    fn idle(&self) {
        let _ = self.events.lock().unwrap().send(Event::Idle);
        (self.idle)();
    }

    fn watches(&self) -> bool {
        self.watches
    }
}

fn script(deliver: impl Fn(u32) -> usize + Send + Sync + 'static) -> (Script, Receiver<Event>) {
    let (events, received) = channel();
    let script =
        Script { deliver: Box::new(deliver), idle: Box::new(|| {}), watches: false, events: Mutex::new(events) };
    (script, received)
}

fn pipeline(script: Script, limits: Limits) -> (Pipeline<Script>, Arc<Stats>) {
    let stats = Arc::new(Stats::new());
    (Pipeline::new(Arc::new(script), limits, stats.clone()), stats)
}

/// A sender that says when it begins a delivery, and waits for a word before it goes on.
fn gated() -> (Script, Receiver<Event>, Receiver<()>, Sender<()>) {
    let (open, gate) = channel();
    let (begin, begun) = channel();
    let inside = Mutex::new((begin, gate));
    let (script, events) = script(move |_| {
        let inside = inside.lock().unwrap();
        inside.0.send(()).unwrap();
        inside.1.recv().unwrap();
        1
    });
    (script, events, begun, open)
}

fn delivered(events: &Receiver<Event>) -> Vec<u32> {
    let items = events.try_iter().filter_map(|event| match event {
        Event::Delivered(item) => Some(item),
        Event::Idle => None,
    });
    items.collect()
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn everything_is_delivered_in_order_and_idle_runs_before_a_flush_returns() {
    let (script, events) = script(|_| 1);
    let (pipeline, stats) = pipeline(script, Limits::default());
    assert!((0..1000).all(|item| pipeline.push(item, 100)));
    assert!(pipeline.flush(LONG));
    let seen: Vec<_> = events.try_iter().collect();
    assert_eq!(seen.last(), Some(&Event::Idle));
    let items: Vec<_> = seen.into_iter().filter(|event| *event != Event::Idle).collect();
    assert_eq!(items, (0..1000).map(Event::Delivered).collect::<Vec<_>>());
    assert_eq!(stats.snapshot(), Default::default());
}

#[test]
fn no_thread_runs_before_the_first_use() {
    let (script, events) = script(|_| 1);
    let (pipeline, _) = pipeline(script, Limits::default());
    assert!(pipeline.flush(LONG));
    assert_eq!(pipeline.shared.lock().phase, Phase::Fresh);
    pipeline.start();
    pipeline.start();
    assert!(pipeline.flush(LONG));
    assert_eq!(events.try_iter().last(), Some(Event::Idle));
}

#[test]
fn the_sender_has_its_name_and_no_subscriber() {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let (script, _events) = script(move |_| {
        let quiet = tracing::dispatcher::get_default(|dispatch| dispatch.is::<tracing::subscriber::NoSubscriber>());
        tell.lock().unwrap().send((thread::current().name().map(str::to_owned), quiet)).unwrap();
        1
    });
    let (pipeline, _) = pipeline(script, Limits::default());
    pipeline.push(1, 1);
    assert_eq!(told.recv_timeout(LONG), Ok((Some("xray-sender".to_owned()), true)));
}

#[test]
fn the_newest_is_refused_beyond_the_bound_of_items() {
    let (script, events, begun, open) = gated();
    let (pipeline, stats) = pipeline(script, Limits { items: 3, bytes: 1000 });
    assert!(pipeline.push(0, 1));
    begun.recv_timeout(LONG).unwrap();
    // The one that is being delivered still counts.
    let accepted = [1, 2, 3, 4].map(|item| pipeline.push(item, 1));
    assert_eq!(accepted, [true, true, false, false]);
    assert_eq!(stats.get(Counter::DroppedQueueFull), 2);
    (0..3).for_each(|_| open.send(()).unwrap());
    assert!(pipeline.flush(LONG));
    assert_eq!(delivered(&events), [0, 1, 2]);
    open.send(()).unwrap();
    assert!(pipeline.push(9, 1), "there is room again");
    assert!(pipeline.flush(LONG));
    assert_eq!(delivered(&events), [9]);
}

#[test]
fn the_newest_is_refused_beyond_the_bound_of_bytes() {
    let (script, events, begun, open) = gated();
    let (pipeline, stats) = pipeline(script, Limits { items: 100, bytes: 1000 });
    assert!(pipeline.push(0, 600));
    begun.recv_timeout(LONG).unwrap();
    let accepted = [401, 400, 1, usize::MAX].map(|bytes| pipeline.push(0, bytes));
    assert_eq!(accepted, [false, true, false, false]);
    assert_eq!(stats.get(Counter::DroppedQueueFull), 3);
    (0..3).for_each(|_| open.send(()).unwrap());
    assert!(pipeline.flush(LONG));
    assert!(pipeline.push(0, 1000));
    assert!(pipeline.flush(LONG));
    assert_eq!(delivered(&events).len(), 3);
}

#[test]
fn a_sender_is_pressed_once_more_than_half_of_what_may_wait_does() {
    let limits = [Limits { items: 10, bytes: usize::MAX }, Limits { items: usize::MAX, bytes: 10 }];
    for limits in limits {
        let (script, _events, begun, open) = gated();
        let (pipeline, _) = pipeline(script, limits);
        assert!(pipeline.push(0, 1));
        begun.recv_timeout(LONG).unwrap();
        assert!((1..5).all(|item| pipeline.push(item, 1)));
        assert!(!pipeline.shared.is_pressed());
        assert!(pipeline.push(5, 1));
        assert!(pipeline.shared.is_pressed());
        (0..6).for_each(|_| open.send(()).unwrap());
        assert!(pipeline.flush(LONG));
        assert!(!pipeline.shared.is_pressed());
    }
}

#[test]
fn a_panic_is_counted_and_the_sender_goes_on() {
    let (mut script, events) = script(|item| {
        if item == 1 {
            std::panic::resume_unwind(Box::new("the emitter failed"));
        }
        1
    });
    script.idle = Box::new(|| std::panic::resume_unwind(Box::new("idle failed")));
    let (pipeline, stats) = pipeline(script, Limits::default());
    assert!((0..3).all(|item| pipeline.push(item, 1)));
    assert!(pipeline.flush(LONG));
    assert_eq!(delivered(&events), [0, 2]);
    assert_eq!(stats.get(Counter::DroppedPanicked), 1);
    assert!(stats.get(Counter::PanicsCaught) >= 1);
}

#[test]
fn a_flush_gives_up_in_time() {
    let (script, events, _begun, open) = gated();
    let (pipeline, _) = pipeline(script, Limits::default());
    pipeline.push(1, 1);
    assert!(!pipeline.flush(Duration::from_millis(1)));
    open.send(()).unwrap();
    assert!(pipeline.flush(LONG));
    assert_eq!(delivered(&events), [1]);
}

#[test]
fn a_stop_delivers_the_rest_and_refuses_what_comes_later() {
    let (script, events) = script(|_| 1);
    let (pipeline, stats) = pipeline(script, Limits::default());
    assert!((0..100).all(|item| pipeline.push(item, 1)));
    assert!(pipeline.stop(LONG));
    assert_eq!(delivered(&events).len(), 100);
    assert!(!pipeline.push(0, 1));
    assert_eq!(stats.get(Counter::DroppedShutdown), 1);
    assert!(pipeline.stop(Duration::ZERO), "a second stop has nothing to wait for");
    assert!(pipeline.flush(Duration::ZERO));
}

#[test]
fn a_stop_before_the_first_use_starts_nothing() {
    let (script, events) = script(|_| 1);
    let (pipeline, stats) = pipeline(script, Limits::default());
    assert!(pipeline.stop(Duration::ZERO));
    pipeline.start();
    pipeline.wake();
    assert!(!pipeline.push(0, 1));
    assert_eq!(stats.get(Counter::DroppedShutdown), 1);
    assert_eq!(events.try_iter().count(), 0);
}

#[test]
fn a_stop_that_runs_out_of_time_counts_what_is_left() {
    let (script, events, begun, open) = gated();
    let (pipeline, stats) = pipeline(script, Limits::default());
    assert!((0..10).all(|item| pipeline.push(item, 1)));
    begun.recv_timeout(LONG).unwrap();
    assert!(!pipeline.stop(Duration::from_millis(1)));
    open.send(()).unwrap();
    assert!(!pipeline.stop(LONG), "waits for the end, and remembers that something was left");
    assert_eq!(pipeline.shared.lock().phase, Phase::Stopped);
    assert_eq!(delivered(&events), [0]);
    assert_eq!(stats.get(Counter::DroppedShutdown), 9);
}

#[test]
fn the_sender_cannot_wait_for_itself() {
    let own: Arc<Mutex<Option<Pipeline<Script>>>> = Arc::default();
    let (tell, told) = channel();
    let (inner, tell) = (own.clone(), Mutex::new(tell));
    let (script, _events) = script(move |_| {
        let pipeline = inner.lock().unwrap().take().unwrap();
        tell.lock().unwrap().send((pipeline.flush(LONG), pipeline.stop(LONG))).unwrap();
        1
    });
    let (pipeline, _) = pipeline(script, Limits::default());
    let mut slot = own.lock().unwrap();
    pipeline.push(1, 1);
    *slot = Some(pipeline);
    drop(slot);
    assert_eq!(told.recv_timeout(LONG), Ok((false, false)));
}

#[test]
fn without_a_thread_items_are_refused_and_counted() {
    let (script, events) = script(|_| 1);
    let stats = Arc::new(Stats::new());
    // No system has half of all addresses for a stack.
    let pipeline = Pipeline::with_stack(Arc::new(script), Limits::default(), stats.clone(), Some(usize::MAX / 2));
    assert!((0..10).all(|item| !pipeline.push(item, 1)));
    assert_eq!(stats.get(Counter::DroppedSendFailed), 10);
    let error = stats.snapshot().last_error.unwrap();
    assert!(error.starts_with("the sender thread cannot be started: "), "{error}");
    assert!(pipeline.flush(Duration::ZERO));
    assert!(pipeline.stop(Duration::ZERO));
    assert_eq!(events.try_iter().count(), 0);
}

#[test]
fn a_dropped_pipeline_delivers_what_waits() {
    let (script, events) = script(|_| 1);
    let (pipeline, _) = pipeline(script, Limits::default());
    (0..50).for_each(|item| assert!(pipeline.push(item, 1)));
    drop(pipeline);
    // The sender thread owns the other end, so the list ends when the thread does.
    let items: Vec<_> = events.iter().filter(|event| *event != Event::Idle).collect();
    assert_eq!(items.len(), 50);
}

/// Waits for deep sleep; what happened before is forgotten.
fn asleep(pipeline: &Pipeline<Script>, events: &Receiver<Event>) {
    pipeline.push(1, 1);
    while !pipeline.shared.lock().asleep {
        thread::yield_now();
    }
    let before: Vec<_> = events.try_iter().collect();
    assert!(before.ends_with(&[Event::Idle]), "idle runs before deep sleep");
}

#[test]
fn idle_runs_out_of_deep_sleep_while_something_is_open() {
    let (mut script, events) = script(|_| 1);
    script.watches = true;
    let (pipeline, _) = pipeline(script, Limits::default());
    asleep(&pipeline, &events);
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Idle));
}

#[test]
fn a_wake_brings_idle_out_of_deep_sleep() {
    let (script, events) = script(|_| 1);
    let (pipeline, _) = pipeline(script, Limits::default());
    asleep(&pipeline, &events);
    pipeline.wake();
    assert_eq!(events.recv_timeout(LONG), Ok(Event::Idle));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_is_pushed_is_delivered_or_counted(
        pushes in prop::collection::vec((1_usize..400, prop::bool::weighted(0.1)), 0..60),
        stop_at in 0_usize..80,
    ) {
        let (script, events) = script(|_| 3);
        let (pipeline, stats) = pipeline(script, Limits { items: 8, bytes: 1000 });
        let mut accepted = Vec::new();
        for (index, (bytes, flush)) in pushes.iter().enumerate() {
            if index == stop_at {
                prop_assert!(pipeline.stop(LONG));
            }
            if pipeline.push(index as u32, *bytes) {
                accepted.push(index as u32);
            }
            if *flush {
                prop_assert!(pipeline.flush(LONG));
            }
        }
        prop_assert!(pipeline.stop(LONG));
        prop_assert_eq!(delivered(&events), accepted.clone());
        prop_assert_eq!(stats.snapshot().dropped(), (pushes.len() - accepted.len()) as u64);
    }
}
