//! Where times come from.
//!
//! A segment tree reads the wall clock once, when its segment opens; every later time in the tree is
//! that reading plus the monotonic time since, so a child never ends before it starts, whatever is
//! done to the wall clock meanwhile. The reservoirs of [sampling](crate::sampling) count by wall seconds.

use std::hash::{Hash, Hasher};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of wall and monotonic time; [`SystemClock`] is the usual one. Tests pass a manual one (`xray_test::ManualClock`).
///
/// Called on the host's threads: must not block or panic.
pub trait Clock: Send + Sync + 'static {
    /// Time since the Unix epoch. May go back when someone sets the clock.
    fn wall(&self) -> Duration;

    /// Nanoseconds since a fixed, arbitrary moment; never goes backwards.
    fn monotonic(&self) -> u64;
}

/// The machine's clocks: [`SystemTime`] and [`Instant`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> Duration {
        // A clock set before 1970 counts as 1970.
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    #[inline(always)]
    fn monotonic(&self) -> u64 {
        /// Where time begins, on machines whose readings are no two words; worked out once.
        static START: OnceLock<Option<Instant>> = OnceLock::new();
        let now = Instant::now();
        match START.get_or_init(|| (!Words::are_time(now)).then_some(now)) {
            None => Words::of(now).nanoseconds(),
            Some(start) => nanoseconds(now.saturating_duration_since(*start)),
        }
    }
}

/// What a reading of the clock hashes as: seconds and nanoseconds, as the operating system gave them.
///
/// Subtracting a beginning from a reading takes 50 instructions, of the 87 that asking for the time took, three times a
/// span; taking its two words takes 5, and bought 3 % of what a request of ten spans costs. The standard library does
/// not promise that a reading hashes as these words: that they are the time is tried out once, and where they are not
/// there is the subtraction. (rustix would read them as such, and bring three crates along.)
#[derive(Default)]
struct Words {
    seconds: Option<u64>,
    nanoseconds: Option<u32>,
    /// There was anything else.
    others: bool,
}

impl Words {
    #[inline(always)]
    fn of(reading: Instant) -> Words {
        let mut words = Words::default();
        reading.hash(&mut words);
        words
    }

    #[inline(always)]
    fn nanoseconds(&self) -> u64 {
        let (seconds, nanoseconds) = (self.seconds.unwrap_or_default(), self.nanoseconds.unwrap_or_default());
        seconds.wrapping_mul(SECOND).wrapping_add(u64::from(nanoseconds))
    }

    /// Whether the words of later readings are later by exactly as much.
    fn are_time(reading: Instant) -> bool {
        let first = Words::of(reading);
        let is_later_by = |nanoseconds: u64| {
            let Some(later) = reading.checked_add(Duration::from_nanos(nanoseconds)) else { return false };
            Words::of(later).nanoseconds().wrapping_sub(first.nanoseconds()) == nanoseconds
        };
        let two_words = first.seconds.is_some() && first.nanoseconds.is_some() && !first.others;
        two_words && [1, 999, SECOND - 1, SECOND, SECOND + 1, 86_400 * SECOND + 7].into_iter().all(is_later_by)
    }
}

impl Hasher for Words {
    #[inline(always)]
    fn write_i64(&mut self, word: i64) {
        self.write_u64(word as u64);
    }

    #[inline(always)]
    fn write_u64(&mut self, word: u64) {
        self.others |= self.seconds.replace(word).is_some();
    }

    #[inline(always)]
    fn write_u32(&mut self, word: u32) {
        self.others |= self.nanoseconds.replace(word).is_some();
    }

    fn write(&mut self, _: &[u8]) {
        self.others = true;
    }

    fn finish(&self) -> u64 {
        self.nanoseconds()
    }
}

/// Begins anew after 584 years.
fn nanoseconds(since: Duration) -> u64 {
    since.as_secs().wrapping_mul(SECOND).wrapping_add(u64::from(since.subsec_nanos()))
}

const SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_counts_from_the_unix_epoch() {
        // 2020-01-01 and 2100-01-01.
        let sane = Duration::from_secs(1_577_836_800)..Duration::from_secs(4_102_444_800);
        assert!(sane.contains(&SystemClock.wall()), "{:?}", SystemClock.wall());
    }

    #[test]
    fn words_of_a_reading_are_as_far_apart_as_the_readings() {
        let first = Instant::now();
        // Where they are not, the slower way is taken; on the systems we test on the faster one is to be.
        assert!(Words::are_time(first));
        for apart in [0, 1, 999_999_999, 1_000_000_000, 3_600_000_000_001] {
            let later = first + Duration::from_nanos(apart);
            assert_eq!(Words::of(later).nanoseconds() - Words::of(first).nanoseconds(), apart);
        }
    }

    #[test]
    fn monotonic_time_never_goes_back_and_is_one_for_all_threads() {
        let before = SystemClock.monotonic();
        let elsewhere = std::thread::spawn(|| SystemClock.monotonic()).join().unwrap();
        let after = SystemClock.monotonic();
        assert!(before <= elsewhere && elsewhere <= after, "{before} {elsewhere} {after}");
    }
}
