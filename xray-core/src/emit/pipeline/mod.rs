//! From the threads of the host to the emitter: one bounded queue, one sender thread.
//!
//! Whoever ends a segment pushes an item and goes on. The cost that matters is not the queue but waking a
//! thread (5 to 12 µs for the waker), so a push wakes the sender only out of deep sleep:
//!
//! | the sender | until | a push |
//! |---|---|---|
//! | delivers | the queue it took by one swap is empty | is taken next time |
//! | naps 2 ms, while there is traffic | the time is over, or a flush or stop cuts it short | is taken next time |
//! | sleeps, after 40 ms without traffic | a push, wake, flush or stop; or 500 ms (2 s when nothing is watched) | wakes it |
//!
//! Receivers with default socket buffers hold about 48 documents of 2.3 kB, so it pauses after 40, shortly: some 80,000
//! documents a second. Once half of what may wait does, it pauses no more: what a full queue refuses is lost for
//! certain, what comes too fast for a receiver perhaps.
//!
//! **Bounds.** 4,096 items and 8 MiB wait at most, counting those taken and not yet delivered. Beyond, the newest
//! is refused and counted. **Failure.** A panic in foreign code is caught and counted, and the thread goes on; if no
//! thread can be started, items are refused and counted, and later pushes try again, ever more rarely. No lock is
//! held while items are delivered. The thread starts at the first use, never at start-up.

#[cfg(test)]
#[cfg(xray_loom)]
mod model;
mod sender;
mod sync;
#[cfg(test)]
#[cfg(not(xray_loom))] // without a model around them, loom's types cannot be used
mod tests;

use std::sync::Arc;
use std::time::Duration;

use self::sync::{AtomicBool, AtomicUsize, Condvar, Deadline, Mutex, MutexGuard, Ordering, PoisonError, ThreadId};
use crate::stats::{Counter, Stats};

/// What the sender thread does.
pub(crate) trait Work: Send + Sync + 'static {
    /// What is pushed.
    type Item: Send + 'static;

    /// Renders and emits one item. Returns how many documents left, for the pauses between bursts.
    fn deliver(&self, item: Self::Item) -> usize;

    /// How many documents an item would have been at least; asked of those that are lost.
    fn documents(&self, item: &Self::Item) -> u64;

    /// Whatever is to be done without an item: announcements, diagnostics, the emitter's own flush. Called after
    /// [`Pipeline::wake`], in every flush, before each deep sleep, and at least every 500 ms while
    /// [`Work::watches`]; under traffic every 100 ms.
    fn idle(&self);

    /// Whether time alone may bring work for [`Work::idle`]: a segment is open.
    fn watches(&self) -> bool;
}

/// What may wait at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Items.
    pub(crate) items: usize,
    /// Bytes, as those who push estimate them.
    pub(crate) bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { items: 4096, bytes: 8 * 1024 * 1024 }
    }
}

/// The queue and its sender. Dropping it lets the sender deliver what waits, and end.
pub(crate) struct Pipeline<W: Work> {
    shared: Arc<Shared<W>>,
}

struct Shared<W: Work> {
    work: Arc<W>,
    stats: Arc<Stats>,
    limits: Limits,
    /// Bytes of the sender's stack; `None` for the usual. Tests make a start fail by it.
    stack: Option<usize>,
    queue: Mutex<Queue<W::Item>>,
    /// The sender waits here.
    wake: Condvar,
    /// Those who flush or stop wait here.
    done: Condvar,
    /// Set once the thread has been asked for, so that [`Pipeline::start`] is one load.
    started: AtomicBool,
    /// Taken by the sender and not yet delivered. Set under the lock, lowered without it.
    taken_items: AtomicUsize,
    taken_bytes: AtomicUsize,
    /// A stop ran out of time: what the sender still holds is dropped.
    abandoned: AtomicBool,
}

struct Queue<T> {
    phase: Phase,
    items: Vec<(T, usize)>,
    bytes: usize,
    /// The sender is in deep sleep. Whoever clears it must notify.
    asleep: bool,
    /// `idle` was asked for.
    called: bool,
    /// Flushes asked for, and those whose items are delivered.
    flushes: u64,
    flushed: u64,
    sender: Option<ThreadId>,
    /// Pushes that wanted a thread since one could not be started.
    wanted_starts: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No thread.
    Fresh,
    /// A thread, or one about to start.
    Running,
    /// The thread delivers what is left.
    Stopping,
    /// For good.
    Stopped,
}

impl<W: Work> Pipeline<W> {
    /// A queue for `work`. No thread is started yet.
    pub(crate) fn new(work: Arc<W>, limits: Limits, stats: Arc<Stats>) -> Pipeline<W> {
        Pipeline::with_stack(work, limits, stats, None)
    }

    fn with_stack(work: Arc<W>, limits: Limits, stats: Arc<Stats>, stack: Option<usize>) -> Pipeline<W> {
        let queue = Queue {
            phase: Phase::Fresh,
            items: Vec::new(),
            bytes: 0,
            asleep: false,
            called: false,
            flushes: 0,
            flushed: 0,
            sender: None,
            wanted_starts: 0,
        };
        Pipeline {
            shared: Arc::new(Shared {
                work,
                stats,
                limits,
                stack,
                queue: Mutex::new(queue),
                wake: Condvar::new(),
                done: Condvar::new(),
                started: AtomicBool::new(false),
                taken_items: AtomicUsize::new(0),
                taken_bytes: AtomicUsize::new(0),
                abandoned: AtomicBool::new(false),
            }),
        }
    }

    /// Queues an item of about `bytes`. `false` when it was refused; then it is counted.
    pub(crate) fn push(&self, item: W::Item, bytes: usize) -> bool {
        let shared = &*self.shared;
        let mut queue = shared.lock();
        if matches!(queue.phase, Phase::Stopping | Phase::Stopped) {
            drop(queue);
            shared.count_lost(Counter::DroppedShutdown, [&item]);
            return false;
        }
        let waiting = shared.waiting(&queue);
        if waiting.items >= shared.limits.items || waiting.bytes.saturating_add(bytes) > shared.limits.bytes {
            drop(queue);
            shared.count_lost(Counter::DroppedQueueFull, [&item]);
            return false;
        }
        let fresh = queue.phase == Phase::Fresh;
        if fresh && !queue.may_start() {
            drop(queue);
            shared.count_lost(Counter::DroppedSendFailed, [&item]);
            return false;
        }
        queue.items.push((item, bytes));
        queue.bytes = queue.bytes.saturating_add(bytes);
        let asleep = std::mem::take(&mut queue.asleep);
        drop(queue);
        if asleep {
            shared.wake.notify_one();
        }
        !fresh || self.spawn()
    }

    /// Starts the sender if it is not there yet, so that it watches over what is open. One load otherwise.
    pub(crate) fn start(&self) {
        if self.shared.started.load(Ordering::Relaxed) {
            return;
        }
        let mut queue = self.shared.lock();
        let fresh = queue.phase == Phase::Fresh && queue.may_start();
        drop(queue);
        if fresh {
            self.spawn();
        }
    }

    /// There is something for [`Work::idle`] to do. Does not wait for it.
    pub(crate) fn wake(&self) {
        let mut queue = self.shared.lock();
        queue.called = true;
        let asleep = std::mem::take(&mut queue.asleep);
        let fresh = queue.phase == Phase::Fresh && queue.may_start();
        drop(queue);
        if asleep {
            self.shared.wake.notify_one();
        }
        if fresh {
            self.spawn();
        }
    }

    /// Waits until everything pushed before is delivered and [`Work::idle`] has run. `false` when `timeout` came
    /// first, or when called by the sender itself, which cannot wait for itself.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let shared = &*self.shared;
        let deadline = Deadline::after(timeout);
        let mut queue = shared.lock();
        if queue.is_sender() {
            return false;
        }
        if !matches!(queue.phase, Phase::Running | Phase::Stopping) {
            return queue.items.is_empty();
        }
        queue.flushes += 1;
        let ticket = queue.flushes;
        queue.asleep = false;
        shared.wake.notify_one();
        let pending =
            |queue: &Queue<_>| queue.flushed < ticket && matches!(queue.phase, Phase::Running | Phase::Stopping);
        let queue = shared.wait_while(queue, &deadline, pending);
        // A stop's last round may have been under way already: it delivered what was pushed, and ended.
        queue.flushed >= ticket || queue.phase == Phase::Stopped && !shared.abandoned.load(Ordering::Relaxed)
    }

    /// Delivers what waits and ends the thread. Items pushed from now on are refused and counted, and so is what
    /// is left after `timeout`. `true` when nothing was left. May be called again.
    pub(crate) fn stop(&self, timeout: Duration) -> bool {
        let shared = &*self.shared;
        let deadline = Deadline::after(timeout);
        let queue = self.ask_to_stop();
        if queue.is_sender() {
            return false;
        }
        let mut queue = shared.wait_while(queue, &deadline, |queue| queue.phase != Phase::Stopped);
        if queue.phase != Phase::Stopped {
            shared.abandoned.store(true, Ordering::Relaxed);
            let left = std::mem::take(&mut queue.items);
            queue.bytes = 0;
            drop(queue);
            shared.count_lost(Counter::DroppedShutdown, left.iter().map(|(item, _)| item));
        }
        !shared.abandoned.load(Ordering::Relaxed)
    }

    fn ask_to_stop(&self) -> MutexGuard<'_, Queue<W::Item>> {
        let mut queue = self.shared.lock();
        match queue.phase {
            Phase::Fresh => queue.phase = Phase::Stopped,
            Phase::Running => queue.phase = Phase::Stopping,
            Phase::Stopping | Phase::Stopped => {}
        }
        queue.asleep = false;
        self.shared.started.store(true, Ordering::Relaxed);
        self.shared.wake.notify_one();
        queue
    }

    /// Starts the thread for a queue that was just set to running.
    fn spawn(&self) -> bool {
        let shared = self.shared.clone();
        self.shared.started.store(true, Ordering::Relaxed);
        let Err(error) = sync::spawn("xray-sender", self.shared.stack, move || sender::run(&shared)) else {
            return true;
        };
        let shared = &*self.shared;
        shared.started.store(false, Ordering::Relaxed);
        let mut queue = shared.lock();
        queue.phase = if queue.phase == Phase::Running { Phase::Fresh } else { Phase::Stopped };
        let left = std::mem::take(&mut queue.items);
        queue.bytes = 0;
        drop(queue);
        shared.done.notify_all();
        shared.count_lost(Counter::DroppedSendFailed, left.iter().map(|(item, _)| item));
        shared.stats.set_last_error(format!("the sender thread cannot be started: {error}"));
        false
    }
}

impl<W: Work> Drop for Pipeline<W> {
    fn drop(&mut self) {
        drop(self.ask_to_stop());
    }
}

impl<W: Work> Shared<W> {
    fn lock(&self) -> MutexGuard<'_, Queue<W::Item>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits, with what is taken and not yet delivered.
    #[inline(always)] // in every push
    fn waiting(&self, queue: &Queue<W::Item>) -> Limits {
        Limits {
            items: queue.items.len() + self.taken_items.load(Ordering::Relaxed),
            bytes: queue.bytes.saturating_add(self.taken_bytes.load(Ordering::Relaxed)),
        }
    }

    /// More than half of what may wait does.
    fn is_pressed(&self) -> bool {
        let Limits { items, bytes } = self.waiting(&self.lock());
        items > self.limits.items / 2 || bytes > self.limits.bytes / 2
    }

    #[cold]
    fn count_lost<'a>(&self, cause: Counter, items: impl IntoIterator<Item = &'a W::Item>) {
        let documents = items.into_iter().map(|item| self.work.documents(item)).sum();
        self.stats.add(cause, documents);
    }

    fn wait_while<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue<W::Item>>,
        deadline: &Deadline,
        pending: impl Fn(&Queue<W::Item>) -> bool,
    ) -> MutexGuard<'a, Queue<W::Item>> {
        while pending(&queue) {
            let Some(left) = deadline.left() else { break };
            queue = sync::wait(&self.done, queue, left);
        }
        queue
    }
}

impl<T> Queue<T> {
    /// Turns a fresh queue into a running one, unless too many starts have failed lately: a start that fails is
    /// not cheap, and happens on a thread of the host. Tries number 1, 2, 4, 8 and so on are made.
    fn may_start(&mut self) -> bool {
        self.wanted_starts = self.wanted_starts.saturating_add(1);
        let may = self.wanted_starts.is_power_of_two();
        if may {
            self.phase = Phase::Running;
        }
        may
    }

    fn is_sender(&self) -> bool {
        self.sender.is_some_and(|sender| sender == sync::current())
    }

    /// Someone waits for a round of the sender.
    fn is_urgent(&self) -> bool {
        self.flushes != self.flushed || self.phase == Phase::Stopping
    }
}
