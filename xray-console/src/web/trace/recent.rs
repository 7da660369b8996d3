//! The traces somebody is looking at, put together.
//!
//! A page of a trace is followed by questions about the same trace: its rows, a row's details, where a text is. Putting
//! 50,000 documents together takes most of a second, so it is done once for each revision.
//!
//! Kept are the last [`TRACES`] of them, as long as their documents take at most [`BYTES`] together, else only the last;
//! all are let go when none was asked for in [`IDLE`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::{Store, Trace};

/// Most traces that are kept.
const TRACES: usize = 4;

/// Bytes of JSON that the documents of those kept take together; parsed they take some five times that.
const BYTES: usize = 4_000_000;

/// How long they are kept when nobody asks.
const IDLE: Duration = Duration::from_secs(60);

/// The traces looked at last.
#[derive(Clone, Debug, Default)]
pub(in crate::web) struct Recent {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The last to be asked for is the last.
    kept: Vec<Looked>,
    /// How often it was asked: who clears up looks whether it was since.
    asked: u64,
    /// Somebody will come to clear up.
    is_watched: bool,
}

/// A trace as it was at a revision.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    pub(super) trace: Arc<Trace>,
    pub(super) revision: u64,
    bytes: usize,
}

impl Recent {
    /// The trace of this id as it is now; none if the store has none.
    pub(super) fn get(&self, store: &Store, id: &str) -> Option<Looked> {
        // The revision first: what comes in between makes the next question put it together again.
        let info = store.info(id)?;
        if let Some(known) = self.take(id, info.revision) {
            self.keep(known.clone());
            return Some(known);
        }
        let trace = Arc::new(store.trace(id)?);
        let looked = Looked { trace, revision: info.revision, bytes: info.bytes };
        self.keep(looked.clone());
        Some(looked)
    }

    /// What is kept of this trace; other revisions of it go.
    fn take(&self, id: &str, revision: u64) -> Option<Looked> {
        let mut shared = self.lock();
        let place = shared.kept.iter().position(|looked| looked.trace.id == id)?;
        let known = shared.kept.remove(place);
        drop(shared);
        Some(known).filter(|known| known.revision == revision)
    }

    fn keep(&self, looked: Looked) {
        let mut shared = self.lock();
        shared.kept.retain(|known| known.trace.id != looked.trace.id);
        shared.kept.push(looked);
        let mut bytes = 0;
        let mut kept = 0;
        for looked in shared.kept.iter().rev() {
            bytes += looked.bytes;
            if kept > 0 && (kept == TRACES || bytes > BYTES) {
                break;
            }
            kept += 1;
        }
        let first = shared.kept.len() - kept;
        let gone: Vec<Looked> = shared.kept.drain(..first).collect();
        shared.asked += 1;
        // Outside of a runtime there is no server, and no memory that would be held for long.
        let runtime = tokio::runtime::Handle::try_current().ok().filter(|_| !shared.is_watched);
        shared.is_watched |= runtime.is_some();
        drop(shared);
        // Outside of the lock, for freeing memory takes its time.
        drop(gone);
        if let Some(runtime) = runtime {
            runtime.spawn(Recent::clear_up(Arc::downgrade(&self.shared)));
        }
    }

    /// Lets all go once nobody has asked for [`IDLE`].
    async fn clear_up(shared: Weak<Mutex<Shared>>) {
        let mut asked = None;
        loop {
            {
                let Some(shared) = shared.upgrade() else { return };
                let mut known = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if asked == Some(known.asked) {
                    known.is_watched = false;
                    let gone = std::mem::take(&mut known.kept);
                    drop(known);
                    drop(gone);
                    return;
                }
                asked = Some(known.asked);
            }
            tokio::time::sleep(IDLE).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
