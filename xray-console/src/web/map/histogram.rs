//! How long requests took, as bars over a logarithmic scale: services answer in microseconds and in minutes, and both
//! have a shape.

use maud::{Markup, html};

use crate::graph::{HistogramEntry, percentile};
use crate::text::duration;

/// Bars at most.
const BARS: usize = 30;
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 72.0;
/// Shortest bar of what happened at all.
const LEAST: f64 = 2.0;
/// Seconds; shorter times are drawn as this one.
const SHORTEST: f64 = 1e-6;

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bar {
    at: usize,
    count: u64,
}

/// The picture, with the percentiles as lines and as text.
pub(super) fn histogram(entries: &[HistogramEntry], what: &str) -> Markup {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Markup::default() };
    let bars = bars(entries);
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(1);
    // Counts beyond 2^53 lose their last digit, which no picture shows.
    #[allow(clippy::cast_precision_loss)]
    let (width, height) = (WIDTH / BARS as f64, |count: u64| (count as f64 / most as f64 * HEIGHT).max(LEAST));
    #[allow(clippy::cast_precision_loss)]
    let x = |at: usize| at as f64 * width;
    let marks: Vec<(&str, f64)> = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)]
        .into_iter()
        .filter_map(|(name, share)| Some((name, percentile(entries, share)?)))
        .collect();
    let said = marks.iter().map(|(name, value)| format!("{name} {}", duration(*value))).collect::<Vec<_>>().join(", ");
    let range = format!("{what} from {} to {}: {said}", duration(first.value), duration(last.value));
    let place = |value: f64| scale(value, first.value, last.value) * WIDTH;
    html! {
        svg.histogram viewBox={ "0 -4 " (WIDTH) " " (HEIGHT + 22.0) } role="img" aria-label=(range) {
            @for bar in bars {
                rect x={ (format!("{:.1}", x(bar.at) + 0.5)) } y={ (format!("{:.1}", HEIGHT - height(bar.count))) }
                    width={ (format!("{:.1}", width - 1.0)) } height={ (format!("{:.1}", height(bar.count))) } {}
            }
            @for (name, value) in &marks {
                line.mark x1={ (format!("{:.1}", place(*value))) } x2={ (format!("{:.1}", place(*value))) } y1="-4"
                    y2=(HEIGHT) { title { (name) " " (duration(*value)) } }
            }
            line.axis x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
            text x="0" y=(HEIGHT + 14.0) { (duration(first.value)) }
            @if last.value > first.value {
                text.end x=(WIDTH) y=(HEIGHT + 14.0) { (duration(last.value)) }
            }
        }
    }
}

/// Where a value stands between the least and the largest, 0 to 1.
fn scale(value: f64, least: f64, largest: f64) -> f64 {
    let log = |value: f64| value.max(SHORTEST).ln();
    let range = log(largest) - log(least);
    if range > 0.0 { ((log(value) - log(least)) / range).clamp(0.0, 1.0) } else { 0.5 }
}

/// Counts by bar, only of bars that have any.
fn bars(entries: &[HistogramEntry]) -> Vec<Bar> {
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Vec::new() };
    let mut bars: Vec<Bar> = Vec::new();
    for entry in entries {
        // A share of 0 to 1 of a few bars.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let at = ((scale(entry.value, first.value, last.value) * BARS as f64) as usize).min(BARS - 1);
        match bars.last_mut().filter(|bar| bar.at == at) {
            Some(bar) => bar.count = bar.count.saturating_add(entry.count),
            None => bars.push(Bar { at, count: entry.count }),
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(values: &[(f64, u64)]) -> Vec<HistogramEntry> {
        values.iter().map(|(value, count)| HistogramEntry { value: *value, count: *count }).collect()
    }

    #[test]
    fn no_request_is_lost_between_bars_and_the_ends_are_at_the_ends() {
        for values in [&[(0.0, 3)][..], &[(0.0, 1), (1e12, 2)], &[(0.001, 5), (0.0011, 5), (0.1, 1), (60.0, 9)]] {
            let entries = entries(values);
            let bars = bars(&entries);
            let counted: u64 = bars.iter().map(|bar| bar.count).sum();
            assert_eq!(counted, values.iter().map(|value| value.1).sum::<u64>(), "{values:?}");
            assert!(bars.windows(2).all(|pair| pair[0].at < pair[1].at), "{bars:?}");
            if values.len() > 1 {
                assert_eq!((bars[0].at, bars.last().unwrap().at), (0, BARS - 1), "{values:?}");
            }
        }
    }

    #[test]
    fn it_says_what_it_shows() {
        let shown = histogram(&entries(&[(0.008, 98), (0.5, 2)]), "100 requests").into_string();
        assert!(
            shown.contains(r#"aria-label="100 requests from 8.00ms to 500ms: p50 8.00ms, p90 8.00ms, p99 500ms""#),
            "{shown}"
        );
        assert_eq!(histogram(&[], "0 requests").into_string(), "");
    }
}
