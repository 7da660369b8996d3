//! Where ids and sampling draws come from.
//!
//! Random enough that ids of a large fleet do not meet, cheap enough for every span, and not secret: whoever
//! sees a few ids may guess the next. Nothing here is fit for keys or tokens.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random numbers; [`ThreadEntropy`] is the usual one. Tests pass a seeded one (`xray_test::SeededEntropy`).
///
/// Numbers must differ across processes and threads. Called on the host's threads: must not block or panic.
pub trait Entropy: Send + Sync + 'static {
    /// 64 random bits.
    fn next_u64(&self) -> u64;
}

/// A generator per thread, each seeded from the operating system's randomness.
///
/// Two generators are mixed: one alone has 64 bits of state, and then two threads of a large fleet
/// could come to walk the same sequence. A process that forks without `exec` continues the same
/// sequences in both halves.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThreadEntropy;

/// Added to every number: 0 until [`ThreadEntropy::reseed`].
static SALT: AtomicU64 = AtomicU64::new(0);

impl ThreadEntropy {
    /// Lets the numbers of this process differ from those of every copy of it, from now on.
    ///
    /// For processes that go on from a snapshot in many places (Lambda SnapStart): without it each copy would draw the
    /// same ids. Takes a fresh key from the operating system, by way of a thread that ends at once.
    pub fn reseed() {
        // Keys are drawn once per thread, so the calling thread's own are part of the snapshot.
        let fresh = std::thread::Builder::new().spawn(seeds).ok().and_then(|thread| thread.join().ok());
        let (salt, _) = fresh.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            (now.as_nanos() as u64, 0)
        });
        SALT.fetch_xor(salt, Ordering::Relaxed);
    }
}

thread_local! {
    // Holds nothing that needs dropping, so it can be used for as long as the thread runs anything.
    static GENERATORS: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

impl Entropy for ThreadEntropy {
    fn next_u64(&self) -> u64 {
        GENERATORS.with(|cell| {
            let (first, second) = cell.get().unwrap_or_else(seeds);
            let mut first = fastrand::Rng::with_seed(first);
            let mut second = fastrand::Rng::with_seed(second);
            let value = first.u64(..) ^ second.u64(..).rotate_left(32);
            cell.set(Some((first.get_seed(), second.get_seed())));
            value ^ SALT.load(Ordering::Relaxed)
        })
    }
}

/// Seeds for this thread. `RandomState` is keyed by the operating system, once per thread.
#[cold]
fn seeds() -> (u64, u64) {
    use std::hash::{BuildHasher, RandomState};
    let state = RandomState::new();
    (state.hash_one(0_u8), state.hash_one(1_u8))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_differ_within_a_thread_and_across_threads() {
        let draw = || (0..1000).map(|_| ThreadEntropy.next_u64()).collect::<Vec<_>>();
        let other = std::thread::spawn(draw).join().unwrap();
        let all: HashSet<u64> = draw().into_iter().chain(other).collect();
        assert_eq!(all.len(), 2000);
    }

    #[test]
    fn a_reseeded_process_draws_other_numbers() {
        let before = SALT.load(Ordering::Relaxed);
        ThreadEntropy::reseed();
        assert_ne!(SALT.load(Ordering::Relaxed), before);
    }

    #[test]
    fn every_bit_takes_both_values() {
        let (mut ones, mut zeros) = (0, 0);
        for _ in 0..200 {
            let number = ThreadEntropy.next_u64();
            ones |= number;
            zeros |= !number;
        }
        assert_eq!((ones, zeros), (u64::MAX, u64::MAX));
    }
}
