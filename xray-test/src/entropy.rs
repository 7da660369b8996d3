//! Random numbers that are the same in every run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use xray_core::Entropy;

/// A fixed sequence of random numbers, chosen by a seed. Clones take from the same sequence.
///
/// The numbers are spread over all 64 bits, never zero, and none comes twice (before 2^64 are drawn):
/// ids made of them are distinct, which a test may then take for granted. Threads that draw at the
/// same time get different numbers, but which of them gets which is not fixed.
///
/// # Examples
///
/// ```
/// use xray_core::{SegmentId, Entropy};
/// use xray_test::SeededEntropy;
///
/// let entropy = SeededEntropy::new(7);
/// let id = SegmentId::from_u64(entropy.next_u64());
/// assert_eq!(id.as_str(), "63cbe1e459320dd7");
/// assert_ne!(entropy.next_u64(), entropy.next_u64());
/// ```
#[derive(Clone, Debug)]
pub struct SeededEntropy {
    state: Arc<AtomicU64>,
}

impl SeededEntropy {
    /// The sequence of this seed. Every seed, 0 too, is as good as another.
    pub fn new(seed: u64) -> SeededEntropy {
        SeededEntropy { state: Arc::new(AtomicU64::new(seed)) }
    }
}

impl Entropy for SeededEntropy {
    fn next_u64(&self) -> u64 {
        // SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"): a counter in
        // odd steps, put through a mixing that maps no two numbers to one. That is why nothing repeats,
        // which common generators do not promise.
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        loop {
            let counter = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
            let mixed = (counter ^ (counter >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let mixed = mixed ^ (mixed >> 31);
            if mixed != 0 {
                return mixed;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    fn draw(entropy: &SeededEntropy, count: usize) -> Vec<u64> {
        (0..count).map(|_| entropy.next_u64()).collect()
    }

    #[test]
    fn the_sequence_depends_on_the_seed_alone() {
        assert_eq!(draw(&SeededEntropy::new(7), 100), draw(&SeededEntropy::new(7), 100));
        assert_ne!(draw(&SeededEntropy::new(7), 100), draw(&SeededEntropy::new(8), 100));
    }

    #[test]
    fn it_is_the_published_sequence() {
        // The first numbers of seed 1234567 in the reference implementation.
        let first = draw(&SeededEntropy::new(1_234_567), 3);
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn clones_and_threads_never_draw_the_same() {
        let entropy = SeededEntropy::new(0);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let entropy = entropy.clone();
                thread::spawn(move || draw(&entropy, 5_000))
            })
            .collect();
        let mut drawn: HashSet<u64> = draw(&entropy, 5_000).into_iter().collect();
        drawn.extend(threads.into_iter().flat_map(|thread| thread.join().unwrap()));
        assert_eq!(drawn.len(), 25_000);
        assert!(!drawn.contains(&0));
    }

    #[test]
    fn zero_is_passed_over() {
        // The mixing maps 0, and so only 0, to 0: this seed would come there first.
        let entropy = SeededEntropy::new(0_u64.wrapping_sub(0x9e37_79b9_7f4a_7c15));
        assert_eq!(entropy.next_u64(), SeededEntropy::new(0).next_u64());
    }
}
