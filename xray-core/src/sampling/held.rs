//! The rules in force, for samplers whose rules may be replaced.
//!
//! Every request asks for them and almost nothing changes them. A lock that all threads take would be felt; so each
//! thread keeps the set it saw last, and looks at one number to know whether it is still the one in force. A thread keeps
//! an old set until it next decides.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::LocalKey;

/// A set of rules that is replaced as a whole.
pub(super) struct Held<T> {
    /// Unique among all of the process, and new with each replacement.
    version: AtomicU64,
    current: RwLock<Arc<T>>,
}

/// Versions are never used twice, not even by different samplers: a thread remembers one of each kind.
static VERSIONS: AtomicU64 = AtomicU64::new(1);

/// A kind of rule set, with the place where a thread remembers the one it saw last.
pub(super) trait Remembered: Sized + 'static {
    fn seen() -> &'static LocalKey<Seen<Self>>;
}

/// A version, and the set of it.
pub(super) type Seen<T> = RefCell<Option<(u64, Arc<T>)>>;

impl<T: Remembered> Held<T> {
    pub(super) fn new(set: T) -> Held<T> {
        let version = AtomicU64::new(VERSIONS.fetch_add(1, Ordering::Relaxed));
        Held { version, current: RwLock::new(Arc::new(set)) }
    }

    /// The set in force.
    pub(super) fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this set decides.
    pub(super) fn replace(&self, set: T) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        // After the set: a thread that sees the new number finds the new set, or a newer one.
        self.version.store(VERSIONS.fetch_add(1, Ordering::Relaxed), Ordering::Release);
    }

    /// Runs `work` on the set in force.
    pub(super) fn with<R>(&self, work: impl FnOnce(&Arc<T>) -> R) -> R {
        let version = self.version.load(Ordering::Acquire);
        // Taken out while it is used: `work` may come back here, by a clock of the host's that opens a segment.
        let seen = T::seen().try_with(|seen| seen.try_borrow_mut().ok()?.take()).ok().flatten();
        let seen = seen.filter(|(of, _)| *of == version);
        let (version, set) = seen.unwrap_or_else(|| (version, self.current()));
        let result = work(&set);
        // Fails on a thread that is being torn down only, which needs no copy.
        let _ = T::seen().try_with(|seen| seen.try_borrow_mut().map(|mut seen| *seen = Some((version, set))));
        result
    }
}
