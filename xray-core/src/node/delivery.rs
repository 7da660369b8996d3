//! The sender's side of a recorder: takes trees, writes their documents, hands them to the emitter.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::head::Head;
use super::reload::Reload;
use super::slots::Slots;
use super::tree::Tree;
use crate::clock::Clock;
use crate::diagnostics::{Code, Diagnostics, messages, without_tracing};
use crate::document::DAEMON_HEADER;
use crate::document::limits::DOCUMENT_BYTES;
use crate::document::split;
use crate::document::writer::Stamp;
use crate::emit::outlet::Outlet;
use crate::emit::pipeline::Work;
use crate::stats::{Counter, Stats};

/// What the sender thread works on.
pub(crate) struct Delivery {
    /// Names the segments in diagnostics.
    pub(crate) service: Box<str>,
    pub(crate) slots: Slots,
    pub(crate) pool: Pool,
    pub(crate) outlet: Outlet,
    pub(crate) stats: Arc<Stats>,
    pub(crate) diagnostics: Arc<Diagnostics>,
    pub(crate) clock: Arc<dyn Clock>,
    stamp: Stamp,
    /// Takes the place of `stamp` once it is known where the program runs.
    #[cfg(feature = "origins")]
    detected: std::sync::OnceLock<Stamp>,
    /// Nanoseconds after which an open node is announced; `None` never.
    pub(crate) announce_after: Option<u64>,
    /// A file of rules that may change.
    pub(crate) reload: Option<Reload>,
    /// Largest document, bytes; lowered when the transport carries less.
    limit: AtomicUsize,
    /// Documents are written here; kept between trees.
    buffer: Mutex<Vec<u8>>,
}

impl Delivery {
    pub(crate) fn new(
        service: &str,
        outlet: Outlet,
        stats: Arc<Stats>,
        diagnostics: Arc<Diagnostics>,
        clock: Arc<dyn Clock>,
        stamp: Stamp,
        announce_after: Option<Duration>,
    ) -> Delivery {
        let nanoseconds = |after: Duration| u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        Delivery {
            service: service.into(),
            slots: Slots::new(),
            pool: Pool::default(),
            outlet,
            stats,
            diagnostics,
            clock,
            stamp,
            #[cfg(feature = "origins")]
            detected: std::sync::OnceLock::new(),
            announce_after: announce_after.map(nanoseconds),
            reload: None,
            limit: AtomicUsize::new(DOCUMENT_BYTES - DAEMON_HEADER.len()),
            buffer: Mutex::default(),
        }
    }

    /// The same, looking after a file of rules.
    pub(crate) fn with_reload(mut self, reload: Option<Reload>) -> Delivery {
        self.reload = reload;
        self
    }

    /// Whether the sender has something to look after that nobody will push.
    pub(crate) fn looks_by_itself(&self) -> bool {
        self.announce_after.is_some() || self.reload.as_ref().is_some_and(Reload::is_timed)
    }

    /// Writes and emits a tree's documents; says how many went out.
    pub(crate) fn deliver_now(&self, mut tree: Box<Tree>) -> usize {
        // Not held while emitting: an emitter may open nodes of its own on this thread.
        let mut buffer = std::mem::take(&mut *self.buffer.lock().unwrap_or_else(PoisonError::into_inner));
        let mut sent = 0;
        let divided = split::documents(&mut tree, self.stamp(), self.limit(), &mut buffer, &mut |document| {
            // One document each: a foreign emitter's panic loses no other of the tree.
            match catch_unwind(AssertUnwindSafe(|| self.outlet.send(document))) {
                Ok(Ok(left)) => {
                    sent += usize::from(left);
                    None
                }
                Ok(Err(too_large)) => Some(self.lower_limit(too_large.limit, document.len())),
                Err(_) => {
                    self.stats.add(Counter::DroppedPanicked, 1);
                    None
                }
            }
        });
        if buffer.capacity() <= KEPT_BUFFER {
            *self.buffer.lock().unwrap_or_else(PoisonError::into_inner) = buffer;
        }
        if divided.largest > 0 && divided.was_needed() {
            self.account(&divided);
        }
        self.pool.give_back(tree);
        sent
    }

    /// As [`Delivery::deliver_now`] on a thread of the host's: a foreign emitter's panics and spans stay with it.
    pub(crate) fn deliver_inline(&self, tree: Box<Tree>) {
        let delivered = catch_unwind(AssertUnwindSafe(|| without_tracing(|| self.deliver_now(tree))));
        if delivered.is_err() {
            self.stats.add(Counter::DroppedPanicked, 1);
        }
    }

    #[cold]
    fn account(&self, divided: &split::Divided) {
        self.stats.add(Counter::SubsegmentsStreamed, u64::from(divided.detached));
        self.stats.add(Counter::MetadataTrimmed, u64::from(divided.trimmed));
        self.stats.add(Counter::DroppedTooLarge, u64::from(divided.lost));
        self.diagnostics.report(Code::Xr007, || {
            messages::too_large(
                &self.service,
                divided.largest,
                self.limit(),
                divided.detached,
                divided.trimmed,
                divided.lost,
            )
        });
    }

    /// What segments say about the program, as far as it is known by now.
    pub(crate) fn stamp(&self) -> &Stamp {
        #[cfg(feature = "origins")]
        if let Some(stamp) = self.detected.get() {
            return stamp;
        }
        &self.stamp
    }

    /// It is known where the program runs.
    #[cfg(feature = "origins")]
    pub(crate) fn set_stamp(&self, stamp: Stamp) {
        // Set by the one thread that asked.
        let _ = self.detected.set(stamp);
    }

    fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// The transport refused a document of `refused` bytes: the bound that holds from now on.
    #[cold]
    fn lower_limit(&self, carries: Option<usize>, refused: usize) -> usize {
        // Without a number from the transport: three quarters of what it refused.
        let lower = carries.unwrap_or(refused / 4 * 3).min(refused.saturating_sub(1)).max(SMALLEST_LIMIT);
        self.limit.fetch_min(lower, Ordering::Relaxed);
        self.limit()
    }

    /// Announces what has been open for long.
    pub(crate) fn announce(&self) {
        let Some(after) = self.announce_after else { return };
        let now = self.clock.monotonic();
        let Some(before) = now.checked_sub(after) else { return };
        let mut waiting = Vec::new();
        let mut oldest = 0;
        self.slots.each_idle(|tree| {
            waiting.extend(tree.announce(before));
            if let Some(start) = tree.nodes().first().map(|node| node.start) {
                oldest = oldest.max(if tree.open_nodes() > 0 { now.saturating_sub(start) } else { 0 });
            }
        });
        if oldest > OPEN_FOR_EVER {
            let streamed = self.stats.get(Counter::SubsegmentsStreamed);
            self.diagnostics
                .report(Code::Xr024, || messages::open_long(&self.service, Duration::from_nanos(oldest), streamed));
        }
        self.stats.add(Counter::InProgressAnnounced, waiting.len() as u64);
        for tree in waiting {
            self.deliver_inline(tree);
        }
    }

    /// Copies of everything that is open, to be sent as it stands.
    #[allow(clippy::vec_box)] // trees travel boxed: in slots, in the queue, in the pool
    pub(crate) fn copy_open(&self) -> Vec<Box<Tree>> {
        let mut open = Vec::new();
        self.slots.each(|tree| open.extend(tree.copy_rest()));
        if !open.is_empty() {
            self.stats.add(Counter::InProgressAnnounced, open.len() as u64);
            self.diagnostics.report(Code::Xr024, || messages::open_at_shutdown(open.len() as u64));
        }
        open
    }
}

impl Work for Delivery {
    type Item = Box<Tree>;

    fn deliver(&self, tree: Box<Tree>) -> usize {
        self.deliver_now(tree)
    }

    fn documents(&self, tree: &Box<Tree>) -> u64 {
        tree.tops().count() as u64
    }

    fn idle(&self) {
        self.announce();
        if let Some(reload) = &self.reload {
            reload.when_due(self.clock.monotonic(), &self.stats, &self.diagnostics);
        }
        self.outlet.flush();
        self.diagnostics.deliver_queued();
        self.stats.add(Counter::PanicsCaught, self.diagnostics.take_panics());
    }

    fn watches(&self) -> bool {
        self.announce_after.is_some() && self.slots.used() > 0
    }
}

/// Trees whose buffers wait for the next request.
#[derive(Debug, Default)]
#[allow(clippy::vec_box)] // as they come from the slots and go back to them
pub(crate) struct Pool {
    trees: Mutex<Vec<Box<Tree>>>,
}

impl Pool {
    /// An empty tree with this head.
    pub(crate) fn take(&self, head: Head) -> Box<Tree> {
        let pooled = self.trees.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match pooled {
            Some(mut tree) => {
                tree.reset(head);
                tree
            }
            None => Box::new(Tree::new(head)),
        }
    }

    /// Keeps a tree's buffers, unless they are larger than usual or there are enough.
    pub(crate) fn give_back(&self, tree: Box<Tree>) {
        if tree.capacity() > POOLED_BYTES {
            return;
        }
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if trees.len() < POOLED_TREES {
            trees.push(tree);
        }
    }
}

/// No transport carries less: a node without any metadata must always fit.
const SMALLEST_LIMIT: usize = 4_000;
/// Nanoseconds after which an open segment is worth a word: 15 minutes.
const OPEN_FOR_EVER: u64 = 15 * 60 * 1_000_000_000;
/// Bytes of the buffer for documents kept between trees: more than one that is sent as it is.
const KEPT_BUFFER: usize = 2 * DOCUMENT_BYTES;
const POOLED_TREES: usize = 256;
const POOLED_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::diagnostics::DiagnosticsLevel;
    use crate::emit::Capture;
    use crate::node::items::{Class, Draft};
    use crate::node::testing::head;

    fn delivery(capture: Capture, stamp: Stamp) -> Delivery {
        let stats = Arc::new(Stats::new());
        let diagnostics = Arc::new(Diagnostics::new(Arc::new(SystemClock), DiagnosticsLevel::Off));
        let outlet = Outlet::new(Arc::new(capture), Arc::clone(&stats), Arc::clone(&diagnostics), "a test");
        Delivery::new("orders", outlet, stats, diagnostics, Arc::new(SystemClock), stamp, None)
    }

    #[cfg(feature = "origins")]
    #[test]
    fn what_the_program_says_of_where_it_runs_takes_the_place_of_what_was_found() {
        let serde_json::Value::Object(found) = serde_json::json!({"account_id": "1", "ec2": {"instance_id": "i"}})
        else {
            panic!("an object")
        };
        let capture = Capture::new();
        let delivery = delivery(capture.clone(), Stamp::new(None, None).with_aws(&found));
        let mut tree = Box::new(Tree::new(head()));
        tree.open_segment(1, 0, None);
        let mut draft = Draft::new();
        for said in [r#""account_id":"2""#, r#""xray":{}"#, r#""account":3"#] {
            draft.push(Class::Aws, said.as_bytes());
        }
        tree.append(0, &mut draft, false);
        tree.end(0, 1, 100);
        delivery.deliver_now(tree);
        let text = &capture.documents()[0];
        assert!(text.ends_with(r#"},"ec2":{"instance_id":"i"},"account_id":"2","account":3}}"#), "{text}");
    }

    #[test]
    fn the_buffer_of_a_huge_tree_is_not_kept() {
        let delivery = delivery(Capture::new(), Stamp::new(None, None));
        let capacity = |items: usize| {
            let mut tree = Box::new(Tree::new(head()));
            tree.open_segment(1, 0, None);
            for _ in 0..items {
                let mut draft = Draft::new();
                draft.start().extend(std::iter::repeat_n(b'0', 10_000));
                draft.finish(Class::Precursor);
                tree.append(0, &mut draft, false);
            }
            tree.end(0, 1, 100);
            delivery.deliver_now(tree);
            delivery.buffer.lock().unwrap().capacity()
        };
        assert!((10_000..=KEPT_BUFFER).contains(&capacity(1)));
        assert_eq!(capacity(100), 0);
        assert_ne!(capacity(1), 0);
    }
}
