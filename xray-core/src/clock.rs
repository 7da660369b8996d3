//! Where times come from.
//!
//! A segment tree reads the wall clock once, when its segment opens; every later time in the tree is
//! that reading plus the monotonic time since, so a child never ends before it starts, whatever is
//! done to the wall clock meanwhile. The reservoirs of [sampling](crate::sampling) count by wall seconds.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of wall and monotonic time. Tests pass a manual one (`xray_test::ManualClock`).
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

    fn monotonic(&self) -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        let since = START.get_or_init(Instant::now).elapsed();
        // Begins anew after 584 years. Read three times a span: whatever looks out for that is a quarter of the cost.
        // rustix would read the clock at a third of the instructions (2 % of a request's), and bring three crates along.
        since.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(since.subsec_nanos()))
    }
}

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
    fn monotonic_time_never_goes_back_and_is_one_for_all_threads() {
        let before = SystemClock.monotonic();
        let elsewhere = std::thread::spawn(|| SystemClock.monotonic()).join().unwrap();
        let after = SystemClock.monotonic();
        assert!(before <= elsewhere && elsewhere <= after, "{before} {elsewhere} {after}");
    }
}
