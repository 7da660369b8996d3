//! All open trees of a recorder, found by slot number.
//!
//! Slots come in chunks that double in size and are never freed; a slot is used again when its tree is
//! done, under a new generation, so an old handle finds nothing. Each slot has a cache line of its own:
//! two busy threads whose slots shared one would double each other's cost.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use super::handle::Handle;
use super::head::Kind;
use super::tree::Tree;

/// The open trees. At most [`Handle::MAX_SLOTS`].
#[derive(Debug)]
pub(crate) struct Slots {
    chunks: [OnceLock<Box<[Slot]>>; CHUNKS],
    free: Mutex<FreeList>,
    /// Trees in the slots. Written with the free list locked, which spares the locked addition.
    used: AtomicU32,
    /// Those of them that were opened explicitly. The same.
    explicit: AtomicU32,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Slot {
    state: Mutex<State>,
    /// References to an unsampled tree, in the lower half; the generation, in the upper one. Apart from the tree, so that
    /// the spans directly below an unsampled node are counted without its lock: half of what they cost.
    claims: AtomicU64,
}

/// A tree whose lock is held.
pub(crate) struct Locked<'a> {
    state: MutexGuard<'a, State>,
}

impl Locked<'_> {
    #[inline(always)]
    pub(crate) fn tree(&mut self) -> Option<&mut Tree> {
        self.state.tree.as_deref_mut()
    }

    /// Counts a subsegment that was opened.
    #[inline(always)]
    pub(crate) fn count_opened(&mut self) {
        self.state.opened += 1;
    }
}

#[derive(Debug, Default)]
struct State {
    generation: u32,
    /// Subsegments opened in any of the trees that were here. Counted under a lock that is held anyway: a counter of all
    /// threads costs each of them an access to memory that the others write to, once a span.
    opened: u64,
    tree: Option<Box<Tree>>,
}

#[derive(Debug, Default)]
struct FreeList {
    returned: Vec<u32>,
    /// Slots below this were used before.
    next: u32,
}

impl Slots {
    pub(crate) fn new() -> Slots {
        Slots {
            chunks: [const { OnceLock::new() }; CHUNKS],
            free: Mutex::default(),
            used: AtomicU32::new(0),
            explicit: AtomicU32::new(0),
        }
    }

    /// Trees open now.
    pub(crate) fn used(&self) -> u32 {
        self.used.load(Ordering::Relaxed)
    }

    /// Trees open now that middleware or the program opened.
    pub(crate) fn explicit(&self) -> u32 {
        self.explicit.load(Ordering::Relaxed)
    }

    /// Subsegments opened so far.
    pub(crate) fn opened(&self) -> u64 {
        let slots = self.chunks.iter().filter_map(OnceLock::get).flat_map(|chunk| chunk.iter());
        slots.map(|slot| recovered(slot.state.lock()).opened).sum()
    }

    /// Gives a tree a slot; the handle names its first node, and is one reference to an unsampled tree. The tree comes back
    /// when no slot is left.
    pub(crate) fn insert(&self, tree: Box<Tree>) -> Result<Handle, Box<Tree>> {
        let (recorded, explicit) = (tree.head.is_recorded(), tree.head.kind == Kind::Explicit);
        let number = {
            let mut free = recovered(self.free.lock());
            let number = if let Some(number) = free.returned.pop() {
                number
            } else if free.next < Handle::MAX_SLOTS {
                free.next += 1;
                free.next - 1
            } else {
                return Err(tree);
            };
            add(&self.used, 1);
            add(&self.explicit, u32::from(explicit));
            number
        };
        let Some(slot) = self.slot(number).or_else(|| self.slot_of_new_chunk(number)) else { return Err(tree) };
        let mut state = recovered(slot.state.lock());
        // Generation 0 is for handles that name no tree.
        state.generation = if state.generation >= Handle::MAX_GENERATION { 1 } else { state.generation + 1 };
        state.tree = Some(tree);
        // The opener's own reference.
        slot.claims.store(u64::from(state.generation) << 32 | 1, Ordering::Relaxed);
        Ok(if recorded {
            Handle::new(number, state.generation, 0)
        } else {
            Handle::unsampled(number, state.generation)
        })
    }

    /// Locks the tree of a handle, if it is still the one the handle was made for.
    #[inline(always)] // three times a span
    pub(crate) fn lock(&self, handle: Handle) -> Option<Locked<'_>> {
        let state = recovered(self.slot(handle.slot())?.state.lock());
        // A mark's generation is that of a slot which never had a tree.
        (state.generation == handle.generation()).then_some(Locked { state })
    }

    /// Runs `work` on the tree of a handle, if it is still the one the handle was made for.
    pub(crate) fn with<T>(&self, handle: Handle, work: impl FnOnce(&mut Tree) -> T) -> Option<T> {
        self.lock(handle)?.tree().map(work)
    }

    /// Unlocks a tree after work that may have been the last on it: then it comes out, and the slot is free.
    #[inline(always)] // once a span
    pub(crate) fn settle(&self, handle: Handle, mut locked: Locked<'_>) -> Option<Box<Tree>> {
        if locked.tree()?.is_done() { self.vacate(handle.slot(), locked.state) } else { None }
    }

    /// As [`Slots::with`], for work that may be the last on its tree.
    pub(crate) fn finish<T>(
        &self,
        handle: Handle,
        work: impl FnOnce(&mut Tree) -> T,
    ) -> Option<(T, Option<Box<Tree>>)> {
        let mut locked = self.lock(handle)?;
        let result = work(locked.tree()?);
        Some((result, self.settle(handle, locked)))
    }

    #[inline(never)] // once a tree, apart from what is done once a span
    fn vacate(&self, number: u32, mut state: MutexGuard<'_, State>) -> Option<Box<Tree>> {
        let done = state.tree.take()?;
        drop(state);
        let mut free = recovered(self.free.lock());
        free.returned.push(number);
        add(&self.used, 1_u32.wrapping_neg());
        add(&self.explicit, u32::from(done.head.kind == Kind::Explicit).wrapping_neg());
        drop(free);
        Some(done)
    }

    /// Takes a reference to an unsampled tree, without its lock: false when the handle's is gone.
    #[inline(always)] // once a span directly below an unsampled node
    pub(crate) fn claim(&self, handle: Handle) -> bool {
        let more = |claims: u64| is_claimed(claims, handle).then(|| claims + 1);
        self.slot(handle.slot())
            .is_some_and(|slot| slot.claims.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok())
    }

    /// Gives back a reference to an unsampled tree. With the last one the tree comes out, and the slot is free.
    #[inline(always)]
    pub(crate) fn unclaim(&self, handle: Handle) -> Option<Box<Tree>> {
        let less = |claims: u64| is_claimed(claims, handle).then(|| claims - 1);
        let slot = self.slot(handle.slot())?;
        let before = slot.claims.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less).ok()?;
        if before as u32 == 1 { self.vacate(handle.slot(), recovered(slot.state.lock())) } else { None }
    }

    /// Runs `work` on every tree that is not busy at this moment.
    pub(crate) fn each_idle(&self, mut work: impl FnMut(&mut Tree)) {
        for slot in self.chunks.iter().filter_map(OnceLock::get).flat_map(|chunk| chunk.iter()) {
            let mut state = match slot.state.try_lock() {
                Ok(state) => state,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => continue,
            };
            if let Some(tree) = state.tree.as_deref_mut() {
                work(tree);
            }
        }
    }

    /// Runs `work` on every tree, waiting for those that are busy.
    pub(crate) fn each(&self, mut work: impl FnMut(&mut Tree)) {
        for slot in self.chunks.iter().filter_map(OnceLock::get).flat_map(|chunk| chunk.iter()) {
            if let Some(tree) = recovered(slot.state.lock()).tree.as_deref_mut() {
                work(tree);
            }
        }
    }

    #[inline(always)] // three times a span
    fn slot(&self, number: u32) -> Option<&Slot> {
        // Most programs have fewer requests open at a time: without working out the chunk it is half the instructions.
        if number < FIRST_CHUNK { self.chunks.first()?.get()?.get(number as usize) } else { self.further_slot(number) }
    }

    #[inline(never)]
    fn further_slot(&self, number: u32) -> Option<&Slot> {
        let (chunk, offset) = place(number);
        self.chunks.get(chunk)?.get()?.get(offset)
    }

    #[cold]
    fn slot_of_new_chunk(&self, number: u32) -> Option<&Slot> {
        let (chunk, offset) = place(number);
        let size = FIRST_CHUNK << chunk;
        self.chunks.get(chunk)?.get_or_init(|| (0..size).map(|_| Slot::default()).collect()).get(offset)
    }
}

/// Adds to a count that one thread writes at a time.
fn add(count: &AtomicU32, change: u32) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(change), Ordering::Relaxed);
}

/// Whether a slot's claims are those of this handle's tree, and there are any.
fn is_claimed(claims: u64, handle: Handle) -> bool {
    claims >> 32 == u64::from(handle.generation()) && claims as u32 != 0
}

/// Chunk and offset of a slot: chunk `k` holds `FIRST_CHUNK << k` slots.
fn place(number: u32) -> (usize, usize) {
    let shifted = number + FIRST_CHUNK;
    let chunk = shifted.ilog2() - FIRST_CHUNK.ilog2();
    (chunk as usize, (shifted - (FIRST_CHUNK << chunk)) as usize)
}

/// No foreign code runs under these locks; should one be poisoned all the same, its content is still whole enough to go on.
fn recovered<'a, T>(lock: Result<MutexGuard<'a, T>, PoisonError<MutexGuard<'a, T>>>) -> MutexGuard<'a, T> {
    lock.unwrap_or_else(PoisonError::into_inner)
}

const FIRST_CHUNK: u32 = 64;
/// Enough chunks for all slots: 64 × (2^15 − 1) is more than 2^20.
const CHUNKS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::testing::head;

    #[test]
    fn places_follow_each_other_without_a_gap() {
        assert_eq!(
            [place(0), place(63), place(64), place(191), place(192)],
            [(0, 0), (0, 63), (1, 0), (1, 127), (2, 0)]
        );
        let (chunk, _) = place(Handle::MAX_SLOTS - 1);
        assert!(chunk < CHUNKS);
    }

    #[test]
    fn a_handle_of_an_earlier_life_finds_nothing() {
        let slots = Slots::new();
        let open = |slots: &Slots| {
            let mut tree = Box::new(Tree::new(head()));
            let node = tree.open_segment(1, 0, None).unwrap();
            tree.retain(node);
            slots.insert(tree).unwrap()
        };
        let first = open(&slots);
        let (_, done) = slots
            .finish(first, |tree| {
                tree.release(0);
                tree.end(0, 5, 100)
            })
            .unwrap();
        assert!(done.is_some());
        let second = open(&slots);
        assert_eq!(first.slot(), second.slot());
        assert!(slots.with(first, |_| ()).is_none());
        assert!(slots.with(second, |_| ()).is_some());
        assert_eq!(slots.used(), 1);
    }
}
