//! The trace store: documents by trace, in memory, within a bound; on request in a file as well (feature `db`).
//!
//! A document is kept as the JSON it came as, which is smaller than any parsed form of it, beside the few things needed
//! to place it. Traces are put together when somebody asks. What filters and maps need of a trace is worked out once for
//! each of its revisions and kept as a [`Row`]: by [`scan`](Store::scan) if need be, else by [`settle`](Store::settle)
//! when the trace has been quiet for a while, never on the way of a document in. Rows are then put side by side, 128 to a page,
//! so that a filter over a hundred thousand costs each of them what it does over a thousand.
//!
//! # Bounds
//!
//! All of a store's memory counts against its bound in bytes. At the bound the traces that came first go first, a few
//! documents at a time, so that no put waits for a large trace to be freed; which went and when is remembered for the
//! last [`EVICTIONS`]. One trace takes at most a [sixteenth](TRACE_SHARE) of the bound; further documents of it are
//! refused. Subscribers get a channel of [`CHANGES`]; who reads too slowly is told how many changes were missed.
//!
//! # Locks
//!
//! One lock, held for microseconds: scans take some pages at a time and visit their rows outside of it, traces are parsed
//! and put together outside of it.

#[cfg(feature = "db")]
mod db;
mod disk;
mod entry;
mod look;
mod packing;
mod page;
mod row;
mod state;
mod window;

#[cfg(feature = "db")]
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use xray_core::document::Document;
use xray_core::{Clock, SystemClock, TraceId};

use crate::Trace;

#[cfg(feature = "db")]
pub use db::{OpenError, UNWRITTEN_BYTES, WRITE_EVERY};
pub use entry::Received;
pub use row::Row;
pub use state::{Counters, Eviction, Outcome, TraceInfo};
pub use window::{TimeRangeType, Window};

use page::{Page, Slot};
use state::{Found, Stale, State};

/// Bytes that a store takes by default: 256 MB, some 100,000 documents of 2 KB.
pub const DEFAULT_BOUND: usize = 256_000_000;

/// The part of the bound that one trace may take: a sixteenth.
pub const TRACE_SHARE: usize = 16;

/// Bytes of documents from which a trace is marked `LimitExceeded`; unlike AWS X-Ray the store goes on taking them.
///
/// Source: AWS re:Post, on the size of traces; X-Ray API Reference, "Trace".
pub const TRACE_BYTES: usize = 500_000;

/// How many evicted traces are remembered.
pub const EVICTIONS: usize = 50_000;

/// How many changes a slow subscriber may be behind before it misses some.
pub const CHANGES: usize = 4_096;

/// All documents received, by trace. Clones are the same store.
///
/// # Examples
///
/// ```
/// use xray_console::Store;
/// use xray_console::store::Window;
/// use xray_core::document::Document;
///
/// let store = Store::new();
/// store.put(&Document::parse(
///     r#"{"name":"shop","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-bd862e3fe1be46a994272793",
///         "start_time":1465510280.5,"end_time":1465510281}"#,
/// )?);
///
/// let trace = store.trace("1-5759e988-bd862e3fe1be46a994272793").expect("just put");
/// assert_eq!(trace.segments[0].document.name, "shop");
///
/// let mut seen = 0;
/// store.scan(&Window::ALL, |_row| { seen += 1; true });
/// assert_eq!(seen, 1);
/// # Ok::<(), xray_core::document::ParseDocumentError>(())
/// ```
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    changes: broadcast::Sender<Change>,
    #[cfg(feature = "db")]
    file: Option<db::File>,
    /// What was kept beside the documents when the file was opened.
    #[cfg(feature = "db")]
    kept: Option<String>,
}

/// The store's file could not be written; what was put is in memory only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store's file could not be written: {0}")]
pub struct StorageError(String);

/// Something that happened in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A trace got a document.
    Put {
        /// The trace.
        id: TraceId,
        /// Its revision now; the first is 1.
        revision: u64,
    },
    /// A trace was evicted to make room.
    Evicted(TraceId),
    /// Everything was forgotten on request.
    Cleared,
}

impl Default for Store {
    fn default() -> Store {
        Store::new()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("counters", &self.counters()).finish_non_exhaustive()
    }
}

impl Store {
    /// A store of [`DEFAULT_BOUND`].
    pub fn new() -> Store {
        Store::with_bound(DEFAULT_BOUND)
    }

    /// A store that takes so many bytes of memory at most, and a few millions besides for what it remembers of evicted
    /// traces.
    pub fn with_bound(bytes: usize) -> Store {
        Store::with_clock(bytes, Arc::new(SystemClock))
    }

    /// The same with a clock of the caller's, for tests.
    pub fn with_clock(bytes: usize, clock: Arc<dyn Clock>) -> Store {
        Store {
            shared: Arc::new(Shared {
                state: Mutex::new(State::new(bytes)),
                clock,
                changes: broadcast::channel(CHANGES).0,
                #[cfg(feature = "db")]
                file: None,
                #[cfg(feature = "db")]
                kept: None,
            }),
        }
    }

    /// A store that is kept in this file as well; what is in it is read back, as far as the bound allows.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, is in use, damaged, or not a trace store. It is left as it is then.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use xray_console::Store;
    /// use xray_console::store::DEFAULT_BOUND;
    ///
    /// let store = Store::open("traces.db", DEFAULT_BOUND)?;
    /// println!("{} traces from before", store.counters().traces);
    /// # Ok::<(), xray_console::store::OpenError>(())
    /// ```
    #[cfg(feature = "db")]
    #[cfg_attr(docsrs, doc(cfg(feature = "db")))]
    pub fn open(path: impl AsRef<Path>, bytes: usize) -> Result<Store, OpenError> {
        let mut state = State::new(bytes);
        let mut evicted = Vec::new();
        let connection = db::open(path.as_ref(), |db::Restored { received, at }| {
            let (_, garbage) = state.put(received, Now { wall: at, monotonic: 0 });
            evicted.extend(garbage.evicted);
        })?;
        let kept = db::kept(&connection, path.as_ref())?;
        let cannot_start = |error: std::io::Error| OpenError::Thread { source: error };
        let file = db::File::follow(connection).map_err(cannot_start)?;
        for id in evicted {
            file.evicted(id);
        }
        Ok(Store {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                clock: Arc::new(SystemClock),
                changes: broadcast::channel(CHANGES).0,
                file: Some(file),
                kept,
            }),
        })
    }

    /// Keeps a document. One without a trace id of X-Ray's form belongs nowhere and is not kept.
    ///
    /// Nothing is checked: what comes from a network goes through [`Intake`](crate::store).
    pub fn put(&self, document: &Document) -> Option<Outcome> {
        // Writing to memory cannot fail, and every key is a string.
        let json = serde_json::to_vec(document).unwrap_or_default();
        Some(self.put_received(Received::of(document, json.into())?))
    }

    /// Keeps a document as it came. Not a word of it is looked at but what `received` says of it.
    pub fn put_received(&self, received: Received) -> Outcome {
        #[cfg(feature = "db")]
        if let Some(file) = &self.shared.file {
            file.wait_for_room();
        }
        let now = Now { wall: self.shared.clock.wall(), monotonic: self.shared.clock.monotonic() };
        let id = received.trace_id;
        #[cfg(feature = "db")]
        let copy = self.shared.file.as_ref().map(|file| (file, received.clone()));
        let mut state = self.lock();
        let (outcome, garbage) = state.put(received, now);
        // Told under the lock, so that changes of a trace come in order. Nothing here waits.
        if let Some(revision) = outcome.revision() {
            self.announce(Change::Put { id, revision });
            #[cfg(feature = "db")]
            if let Some((file, copy)) = copy {
                file.put(copy, now.wall);
            }
        }
        self.tell_evicted(&garbage);
        drop(state);
        // Outside of the lock, for freeing memory takes its time.
        drop(garbage);
        outcome
    }

    fn tell_evicted(&self, garbage: &state::Garbage) {
        for id in &garbage.evicted {
            self.announce(Change::Evicted(*id));
            #[cfg(feature = "db")]
            if let Some(file) = &self.shared.file {
                file.evicted(*id);
            }
        }
    }

    fn announce(&self, change: Change) {
        // Without a subscriber there is nobody to tell.
        let _ = self.shared.changes.send(change);
    }

    /// The trace of this id (`1-{8 hex digits}-{24 hex digits}`) as far as it is known.
    pub fn trace(&self, id: &str) -> Option<Trace> {
        let documents = self.documents(id)?;
        Some(Trace::assemble(id, parsed(&documents)))
    }

    /// The documents of a trace as they came, but for those that another has replaced; in the order they came.
    pub fn documents(&self, id: &str) -> Option<Vec<Arc<[u8]>>> {
        self.lock().documents(&id.parse().ok()?)
    }

    /// What the store itself knows of a trace.
    pub fn info(&self, id: &str) -> Option<TraceInfo> {
        self.lock().info(&id.parse().ok()?)
    }

    /// When and why this trace was evicted last, as far as that is remembered; it may have come back since.
    pub fn evicted(&self, id: &str) -> Option<Eviction> {
        self.lock().evicted(&id.parse().ok()?)
    }

    /// The row of one trace.
    pub fn row(&self, id: &str) -> Option<Row> {
        let found = self.lock().find(&id.parse().ok()?)?;
        Some(match found {
            Found::Ready(slot) => Row::of(slot),
            Found::Stale(stale) => Row::of(self.work_out(&stale)),
        })
    }

    /// Shows the rows of all traces of the window to `visit`, the newest first (by start), until it answers false.
    ///
    /// What comes meanwhile may or may not be seen. Putting goes on while `visit` runs.
    pub fn scan(&self, window: &Window, mut visit: impl FnMut(&Row) -> bool) {
        let mut from = None;
        loop {
            let look = self.lock().look(window, from);
            let visit = |row: &Row| !window.holds(&row.facts) || visit(row);
            if !look.each(|stale| self.work_out(stale), visit) {
                return;
            }
            from = look.next();
            if from.is_none() {
                return;
            }
        }
    }

    /// The traces to which something came at this time (since the epoch) or later, in the order in which it came; none if
    /// that are more than `most`. Putting goes on while this looks.
    #[cfg(feature = "web")]
    pub(crate) fn changed_since(&self, at: Duration, most: usize) -> Option<Vec<TraceId>> {
        let mut changed = Vec::new();
        let mut behind = None;
        loop {
            let (more, last) = self.lock().changed(behind, at);
            changed.extend(more);
            if changed.len() > most {
                return None;
            }
            behind = last;
            if behind.is_none() {
                break;
            }
        }
        changed.sort_unstable_by_key(|(when, _)| *when);
        Some(changed.into_iter().map(|(_, id)| id).collect())
    }

    /// Works out the rows of traces that have been quiet for so long, so that queries find them ready, and packs rows; at
    /// most a few at a time. How many it did: with 0 there is nothing to do for now.
    ///
    /// [`Intake`](crate::store) calls this from a thread of its own.
    pub fn settle(&self, quiet: Duration) -> usize {
        let quiet = u64::try_from(quiet.as_nanos()).unwrap_or(u64::MAX);
        let before = self.shared.clock.monotonic().saturating_sub(quiet);
        let quiet = self.lock().quiet_since(before);
        for stale in &quiet {
            self.work_out(stale);
        }
        quiet.len() + self.pack()
    }

    /// Packs some rows. How many.
    fn pack(&self) -> usize {
        let slots = self.lock().next_to_pack();
        if slots.is_empty() {
            return 0;
        }
        let page = Page::pack(&slots);
        let mut state = self.lock();
        let garbage = state.keep_page(&page, self.shared.clock.wall());
        self.tell_evicted(&garbage);
        drop(state);
        drop(garbage);
        slots.len()
    }

    fn work_out(&self, stale: &Stale) -> Slot {
        let (_, id) = stale.position;
        let trace = Trace::assemble(id.as_str(), parsed(&stale.documents));
        let row = Slot::of(stale.position, stale.revision, stale.bytes > TRACE_BYTES, &trace);
        let mut state = self.lock();
        let garbage = state.keep_row(stale, &row, self.shared.clock.wall());
        self.tell_evicted(&garbage);
        drop(state);
        drop(garbage);
        row
    }

    /// What happens from now on. Bounded: who is more than [`CHANGES`] behind gets
    /// [`Lagged`](broadcast::error::RecvError::Lagged) with the number missed, then goes on with the oldest that is left.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.shared.changes.subscribe()
    }

    /// How full the store is and what became of what was put.
    pub fn counters(&self) -> Counters {
        let counters = self.lock().counters();
        #[cfg(feature = "db")]
        let counters = Counters { unwritten: self.shared.file.as_ref().map_or(0, db::File::lost), ..counters };
        counters
    }

    /// Forgets all traces.
    pub fn clear(&self) {
        let mut state = self.lock();
        let all = state.clear();
        self.announce(Change::Cleared);
        #[cfg(feature = "db")]
        if let Some(file) = &self.shared.file {
            file.cleared();
        }
        drop(state);
        drop(all);
    }

    /// The clock it goes by.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.shared.clock
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Now, by both clocks.
#[derive(Clone, Copy)]
struct Now {
    /// Since the epoch.
    wall: Duration,
    /// Nanoseconds.
    monotonic: u64,
}

fn parsed(documents: &[Arc<[u8]>]) -> impl Iterator<Item = Document> {
    // What does not parse did not come by `put`, nor through an `Intake`.
    documents.iter().filter_map(|json| Document::parse(json).ok())
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
