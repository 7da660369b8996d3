//! The sender thread: take, deliver, rest, again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::sync::{self, MutexGuard, Ordering, Since};
use super::{Phase, Queue, Shared, Work};
use crate::stats::Counter;

/// Runs until the queue is stopped.
pub(super) fn run<W: Work>(shared: &Shared<W>) {
    let _leaving = Leaving(shared);
    let mut round = shared.first_round();
    loop {
        let idle_due = round.called
            || round.flushes.is_some()
            || round.stopping
            || round.naps_without_traffic == NAPS
            || round.since_idle.reaches(IDLE_PERIOD);
        if idle_due || !round.batch.is_empty() {
            sync::without_tracing(|| {
                shared.deliver_all(&mut round.batch);
                if idle_due {
                    shared.guarded(|| shared.work.idle());
                }
            });
        }
        if idle_due {
            round.since_idle = Since::now();
        }
        if !shared.rest_and_take(&mut round) {
            return;
        }
    }
}

/// What the sender carries from one round to the next.
struct Round<T> {
    batch: Vec<(T, usize)>,
    /// Flushes that this round serves.
    flushes: Option<u64>,
    called: bool,
    stopping: bool,
    naps_without_traffic: u32,
    since_idle: Since,
}

impl<W: Work> Shared<W> {
    fn first_round(&self) -> Round<W::Item> {
        let mut round = Round {
            batch: Vec::new(),
            flushes: None,
            called: false,
            stopping: false,
            naps_without_traffic: 0,
            since_idle: Since::now(),
        };
        let mut queue = self.lock();
        queue.sender = Some(sync::current());
        self.take(&mut queue, &mut round);
        round
    }

    /// Everything at once, so that pushes and deliveries never wait for each other. The two vectors change places,
    /// and with them their memory is used again.
    fn take(&self, queue: &mut Queue<W::Item>, round: &mut Round<W::Item>) {
        std::mem::swap(&mut queue.items, &mut round.batch);
        self.taken_items.store(round.batch.len(), Ordering::Relaxed);
        self.taken_bytes.store(std::mem::take(&mut queue.bytes), Ordering::Relaxed);
        round.called = std::mem::take(&mut queue.called);
        round.flushes = (queue.flushes != queue.flushed).then_some(queue.flushes);
        round.stopping = queue.phase == Phase::Stopping;
    }

    fn deliver_all(&self, batch: &mut Vec<(W::Item, usize)>) {
        let mut burst = 0;
        let mut left = batch.len();
        for (item, bytes) in batch.drain(..) {
            left -= 1;
            if self.abandoned.load(Ordering::Relaxed) {
                self.count_lost(Counter::DroppedShutdown, [&item]);
            } else {
                match catch_unwind(AssertUnwindSafe(|| self.work.deliver(item))) {
                    Ok(documents) => burst += documents,
                    Err(_) => self.stats.add(Counter::DroppedPanicked, 1),
                }
            }
            self.taken_items.fetch_sub(1, Ordering::Relaxed);
            self.taken_bytes.fetch_sub(bytes, Ordering::Relaxed);
            // The nap that follows the last item is pause enough.
            if burst >= BURST && left > 0 {
                burst = 0;
                if !self.is_pressed() {
                    sync::pause(PAUSE);
                }
            }
        }
    }

    /// Ends the round, rests as long as is right, and takes what has come. `false` when the thread is to end.
    fn rest_and_take(&self, round: &mut Round<W::Item>) -> bool {
        let asleep_next = round.naps_without_traffic >= NAPS;
        let watched = asleep_next && self.guarded(|| self.work.watches()).unwrap_or(false);
        if asleep_next {
            // After a burst the memory for thousands of items is not kept through the night.
            round.batch.shrink_to(KEPT_ITEMS);
        }
        let mut queue = self.lock();
        if let Some(flushes) = round.flushes.take() {
            queue.flushed = flushes;
            self.done.notify_all();
        }
        if round.stopping {
            // Nothing was accepted since the stop, and everything before it was in this round.
            return false;
        }
        if !queue.is_urgent() {
            if asleep_next {
                queue = self.sleep(queue, if watched { WATCH_PERIOD } else { SLEEP_PERIOD });
            } else {
                queue = sync::nap(&self.queue, &self.wake, queue, NAP);
            }
        }
        let quiet = queue.items.is_empty() && !queue.called;
        round.naps_without_traffic = match (quiet, asleep_next) {
            (false, _) => 0,
            (true, false) => round.naps_without_traffic + 1,
            // A timer ended the sleep, or a flush: there is still no traffic.
            (true, true) => NAPS,
        };
        self.take(&mut queue, round);
        true
    }

    fn sleep<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue<W::Item>>,
        period: Duration,
    ) -> MutexGuard<'a, Queue<W::Item>> {
        // What was pushed while this round was delivered did not find the sender asleep.
        if queue.items.is_empty() && !queue.called {
            queue.items.shrink_to(KEPT_ITEMS);
            queue.asleep = true;
            let deadline = sync::Deadline::after(period);
            while queue.asleep {
                let Some(left) = deadline.left() else { break };
                queue = sync::wait(&self.wake, queue, left);
            }
            queue.asleep = false;
        }
        queue
    }

    /// Foreign code outside a document.
    fn guarded<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let result = catch_unwind(AssertUnwindSafe(work));
        if result.is_err() {
            self.stats.add(Counter::PanicsCaught, 1);
        }
        result.ok()
    }
}

/// Tells everyone that the thread has ended, however it did.
struct Leaving<'a, W: Work>(&'a Shared<W>);

impl<W: Work> Drop for Leaving<'_, W> {
    fn drop(&mut self) {
        let shared = self.0;
        let mut queue = shared.lock();
        queue.phase = match queue.phase {
            Phase::Stopping | Phase::Stopped => Phase::Stopped,
            // Nothing known gets here. Should it happen, the next push starts another thread.
            Phase::Fresh | Phase::Running => {
                queue.wanted_starts = 0;
                shared.started.store(false, Ordering::Relaxed);
                Phase::Fresh
            }
        };
        queue.sender = None;
        queue.asleep = false;
        shared.taken_items.store(0, Ordering::Relaxed);
        shared.taken_bytes.store(0, Ordering::Relaxed);
        drop(queue);
        shared.done.notify_all();
    }
}

/// Documents between pauses. A receiver's default socket buffer of 212,992 bytes holds 48 of 2.3 kB.
const BURST: usize = 40;
/// Time for the receiver to read a burst at some 5 µs a document; about 250 µs as timers go.
const PAUSE: Duration = Duration::from_micros(200);
/// Rest between rounds while there is traffic; a document waits so long at most.
const NAP: Duration = Duration::from_millis(2);
/// Naps without traffic before deep sleep: 40 ms. A model needs only to see that there are two kinds of rest.
const NAPS: u32 = if cfg!(all(test, xray_loom)) { 1 } else { 20 };
/// Rest of `idle` under traffic.
const IDLE_PERIOD: Duration = Duration::from_millis(100);
/// Deep sleep at most while something is open.
const WATCH_PERIOD: Duration = Duration::from_millis(500);
/// Deep sleep at most otherwise: opening a segment wakes nobody, so the sender looks by itself, in time for an
/// announcement after 5 s.
const SLEEP_PERIOD: Duration = Duration::from_secs(2);
/// Items of queue memory kept through deep sleep.
const KEPT_ITEMS: usize = 64;
