//! A sampling rule's reservoir: the first `fixed_target` requests of each second.
//!
//! Seconds are whole Unix seconds of [`Clock::wall`](crate::Clock::wall); the budget is per process, not shared
//! with other instances. A `fixed_target` of 0 is legal and always answers `false`; the rule's rate then decides
//! alone. Why before the rate: quiet services still get one trace a second, busy ones are not flooded.
//!
//! One word holds the second and what has been taken in it, so taking is one exchange and never waits. A reading
//! one second behind belongs to a thread that was late: it draws on the second that has begun, or late threads
//! would open the past again and let more than the target through. A reading further behind means that the clock
//! was set back: the reservoir follows it.
//!
//! Source: X-Ray Developer Guide, "Configuring sampling rules".

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The second last drawn on (upper 32 bits, wrapping in 2106) and how much was taken in it (lower 32).
#[derive(Debug, Default)]
pub(crate) struct Reservoir(AtomicU64);

impl Reservoir {
    /// Takes one of the `fixed_target` that the second `now` lies in has, if there is one left.
    pub(crate) fn take(&self, fixed_target: u32, now: Duration) -> bool {
        let second = now.as_secs() as u32;
        // Relaxed: the word is the whole state and guards no other memory.
        let mut state = self.0.load(Ordering::Relaxed);
        while let Some(next) = admit(state, second, fixed_target) {
            match self.0.compare_exchange_weak(state, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(current) => state = current,
            }
        }
        false
    }
}

/// The state after one more was taken, or `None` when none is left.
fn admit(state: u64, second: u32, fixed_target: u32) -> Option<u64> {
    let begun = (state >> 32) as u32;
    let taken = state as u32;
    let late = begun == second.wrapping_add(1);
    if begun == second || late {
        // No carry into the second: `taken` is less than another u32.
        (taken < fixed_target).then(|| state + 1)
    } else {
        (fixed_target > 0).then(|| u64::from(second) << 32 | 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(reservoir: &Reservoir, fixed_target: u32, second: u64) -> usize {
        let now = Duration::from_secs(second);
        (0..20).filter(|_| reservoir.take(fixed_target, now)).count()
    }

    #[test]
    fn exactly_the_target_is_taken_in_each_second() {
        for fixed_target in [1, 2, 15] {
            let reservoir = Reservoir::default();
            for second in [0, 1, 2, 3, 1_465_510_280, 1_465_510_281, u64::from(u32::MAX), 1 << 32] {
                assert_eq!(taken(&reservoir, fixed_target, second), fixed_target as usize, "{second}");
                assert_eq!(taken(&reservoir, fixed_target, second), 0, "{second} again");
            }
        }
    }

    #[test]
    fn a_second_ends_with_its_last_nanosecond() {
        let reservoir = Reservoir::default();
        assert!(reservoir.take(1, Duration::new(100, 0)));
        assert!(!reservoir.take(1, Duration::new(100, 999_999_999)));
        assert!(reservoir.take(1, Duration::new(101, 0)));
    }

    #[test]
    fn nothing_comes_from_an_empty_reservoir() {
        let reservoir = Reservoir::default();
        for second in [0, 5, 4, 6] {
            assert_eq!(taken(&reservoir, 0, second), 0);
        }
    }

    #[test]
    fn a_late_thread_draws_on_the_second_that_has_begun() {
        let reservoir = Reservoir::default();
        assert_eq!(taken(&reservoir, 3, 100), 3);
        assert!(reservoir.take(3, Duration::from_secs(101)));
        assert_eq!(taken(&reservoir, 3, 100), 2);
        assert_eq!(taken(&reservoir, 3, 101), 0);
    }

    #[test]
    fn the_clock_may_be_set_back() {
        let reservoir = Reservoir::default();
        for second in [1000, 900, 901, 0, 1, 1 << 31, 3] {
            assert_eq!(taken(&reservoir, 2, second), 2, "{second}");
        }
    }

    /// A taker between two of its steps: what `take` does to the shared word, one access at a time.
    #[derive(Clone, Copy)]
    enum Taker {
        Starts { second: u32 },
        Holds { second: u32, state: u64 },
        Done { granted: bool },
    }

    /// Runs every interleaving of the takers' steps; calls `check` with the number granted in each.
    fn interleave(word: u64, takers: &mut [Taker], fixed_target: u32, check: &mut impl FnMut(usize)) {
        let mut ended = true;
        for index in 0..takers.len() {
            let before = takers[index];
            let mut after_word = word;
            takers[index] = match before {
                Taker::Done { .. } => continue,
                Taker::Starts { second } => Taker::Holds { second, state: word },
                Taker::Holds { second, state } => match admit(state, second, fixed_target) {
                    None => Taker::Done { granted: false },
                    Some(next) if state == word => {
                        after_word = next;
                        Taker::Done { granted: true }
                    }
                    Some(_) => Taker::Holds { second, state: word },
                },
            };
            ended = false;
            interleave(after_word, takers, fixed_target, check);
            takers[index] = before;
        }
        if ended {
            check(takers.iter().filter(|taker| matches!(taker, Taker::Done { granted: true })).count());
        }
    }

    #[test]
    fn in_every_interleaving_exactly_the_target_is_taken() {
        let mut ways = 0;
        let mut takers = [Taker::Starts { second: 7 }; 4];
        interleave(0, &mut takers, 2, &mut |granted| {
            ways += 1;
            assert_eq!(granted, 2);
        });
        assert!(ways > 1000, "only {ways} interleavings");
    }

    #[test]
    fn in_no_interleaving_do_two_seconds_give_more_than_twice_the_target() {
        let start = |second| Taker::Starts { second };
        let mut most = 0;
        interleave(0, &mut [start(7), start(7), start(8), start(8)], 1, &mut |granted| {
            assert!((1..=2).contains(&granted), "{granted}");
            most = most.max(granted);
        });
        assert_eq!(most, 2);
    }

    #[test]
    fn many_threads_take_exactly_the_target() {
        let reservoir = Reservoir::default();
        let granted: usize = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..1000).filter(|_| reservoir.take(500, Duration::from_secs(9))).count()))
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(granted, 500);
    }
}
