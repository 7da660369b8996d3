//! A clock that goes when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use xray_core::Clock;

/// A clock that stands still until a test moves it. Clones show and move the same time.
///
/// Time is kept in whole nanoseconds: from 1970 to the year 2554, where it stops. Its monotonic time
/// begins at zero.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use xray_core::Clock;
/// use xray_test::ManualClock;
///
/// let clock = ManualClock::at(1465510280.514);
/// clock.advance(Duration::from_millis(250));
/// assert_eq!(clock.wall(), Duration::from_millis(1_465_510_280_764));
/// assert_eq!(clock.monotonic(), 250_000_000);
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock {
    times: Arc<Times>,
}

#[derive(Debug)]
struct Times {
    /// Nanoseconds since the Unix epoch.
    wall: AtomicU64,
    /// Nanoseconds since the clock was made.
    monotonic: AtomicU64,
}

impl ManualClock {
    /// A clock at so many seconds since the Unix epoch, to the microsecond; before it counts as 0.
    pub fn at(seconds: f64) -> ManualClock {
        let wall = AtomicU64::new(nanoseconds(seconds));
        ManualClock { times: Arc::new(Times { wall, monotonic: AtomicU64::new(0) }) }
    }

    /// Time passes: wall and monotonic time go on together.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        for time in [&self.times.wall, &self.times.monotonic] {
            let later = |now: u64| Some(now.saturating_add(by));
            // The closure always answers, so this never fails.
            let _ = time.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
        }
    }

    /// Somebody sets the wall clock, to seconds since the Unix epoch; monotonic time does not notice.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use xray_core::Clock;
    /// use xray_test::ManualClock;
    ///
    /// let clock = ManualClock::at(1465510280.0);
    /// clock.advance(Duration::from_secs(1));
    /// clock.set_wall(1465500000.0);
    /// assert_eq!(clock.wall(), Duration::from_secs(1_465_500_000));
    /// assert_eq!(clock.monotonic(), 1_000_000_000);
    /// ```
    pub fn set_wall(&self, seconds: f64) {
        self.times.wall.store(nanoseconds(seconds), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Duration {
        Duration::from_nanos(self.times.wall.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> u64 {
        self.times.monotonic.load(Ordering::SeqCst)
    }
}

/// Rounded to the microsecond: an `f64` holds no more of today's seconds, and its last digits would
/// show in documents.
fn nanoseconds(seconds: f64) -> u64 {
    // Saturates: what is not a number becomes 0.
    let micros = (seconds * 1e6).round() as u64;
    micros.saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_exact_to_the_microsecond() {
        assert_eq!(ManualClock::at(1_465_510_280.514_123).wall(), Duration::new(1_465_510_280, 514_123_000));
    }

    #[test]
    fn clones_share_the_time() {
        let clock = ManualClock::at(10.0);
        clock.clone().advance(Duration::from_nanos(1));
        assert_eq!((clock.wall(), clock.monotonic()), (Duration::new(10, 1), 1));
        clock.clone().set_wall(3.0);
        assert_eq!((clock.wall(), clock.monotonic()), (Duration::from_secs(3), 1));
    }

    #[test]
    fn times_out_of_range_stop_at_its_ends() {
        for odd in [-1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(ManualClock::at(odd).wall(), Duration::ZERO);
        }
        let clock = ManualClock::at(f64::INFINITY);
        clock.advance(Duration::MAX);
        assert_eq!(clock.wall(), Duration::from_nanos(u64::MAX));
        assert_eq!(clock.monotonic(), u64::MAX);
    }
}
