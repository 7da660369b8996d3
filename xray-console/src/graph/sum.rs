//! Many requests as counts and a histogram.

use super::call::{Call, Outcome};
use super::shapes::{ErrorStatistics, FaultStatistics, HistogramEntry, SummaryStatistics};

/// Requests that are being summed.
///
/// Times are kept as they come, eight bytes each, and sorted when the histogram is asked for: for the graph of a hundred
/// thousand traces that is several times faster than counting each of them in a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    outcomes: [u64; 4],
    /// Microseconds. Whole numbers, so that the sum does not depend on the order of traces.
    total: u64,
    micros: Vec<u64>,
}

impl Sum {
    pub(super) fn add(&mut self, call: Call) {
        let [ok, error, throttle, fault] = &mut self.outcomes;
        *match call.outcome() {
            Outcome::Ok => ok,
            Outcome::Error => error,
            Outcome::Throttle => throttle,
            Outcome::Fault => fault,
        } += 1;
        self.total = self.total.saturating_add(call.micros());
        self.micros.push(call.micros());
    }

    pub(super) fn statistics(&self) -> SummaryStatistics {
        let [ok, error, throttle, fault] = self.outcomes;
        SummaryStatistics {
            ok_count: ok,
            error_statistics: ErrorStatistics {
                throttle_count: throttle,
                other_count: error,
                total_count: throttle + error,
            },
            fault_statistics: FaultStatistics { other_count: fault, total_count: fault },
            total_count: ok + error + throttle + fault,
            total_response_time: seconds(self.total),
        }
    }

    /// One entry for each distinct value, the smallest first.
    pub(super) fn histogram(&self) -> Vec<HistogramEntry> {
        let mut values: Vec<u64> = self.micros.iter().map(|micros| three_digits(*micros)).collect();
        values.sort_unstable();
        let runs = values.chunk_by(|left, right| left == right);
        runs.filter_map(|run| Some(HistogramEntry { value: seconds(*run.first()?), count: run.len() as u64 })).collect()
    }
}

/// The value that so large a share of requests does not exceed, of a histogram in order of values; none of an empty one.
///
/// # Examples
///
/// ```
/// use xray_console::graph::{HistogramEntry, percentile};
///
/// let entries: Vec<HistogramEntry> =
///     serde_json::from_str(r#"[{"Value":0.1,"Count":98},{"Value":0.4,"Count":1},{"Value":2.0,"Count":1}]"#).unwrap();
/// assert_eq!([0.0, 0.5, 0.99, 1.0].map(|share| percentile(&entries, share).unwrap()), [0.1, 0.1, 0.4, 2.0]);
/// assert_eq!(percentile(&[], 0.5), None);
/// ```
pub fn percentile(histogram: &[HistogramEntry], share: f64) -> Option<f64> {
    let total = histogram.iter().fold(0_u64, |total, entry| total.saturating_add(entry.count));
    // Counts beyond 2^53 lose their last digit.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rank = ((total as f64 * share).ceil() as u64).clamp(1, total.max(1));
    let mut counted = 0_u64;
    histogram.iter().find_map(|entry| {
        counted = counted.saturating_add(entry.count);
        (counted >= rank).then_some(entry.value)
    })
}

/// To three digits, or to the millisecond from one second on: clocks do not tell more, and the histogram of any number of
/// requests stays short.
fn three_digits(micros: u64) -> u64 {
    let step = match micros {
        0..1_000 => 1,
        1_000..10_000 => 10,
        10_000..100_000 => 100,
        _ => 1_000,
    };
    (micros + step / 2) / step * step
}

fn seconds(micros: u64) -> f64 {
    // Exact up to 2^53 microseconds, which are 285 years.
    #[allow(clippy::cast_precision_loss)]
    let micros = micros as f64;
    micros / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_at_least_the_millisecond() {
        for (micros, expected) in
            [(0, 0), (7, 7), (999, 999), (1_234, 1_230), (12_345, 12_300), (12_350, 12_400), (987_654, 988_000)]
        {
            assert_eq!(three_digits(micros), expected, "{micros}");
        }
        assert_eq!(three_digits(252_200_400), 252_200_000);
    }
}
