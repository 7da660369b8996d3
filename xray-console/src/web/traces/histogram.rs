//! How long answers took, as bars over a logarithmic axis. Each bar is a link that writes its limits into the filter;
//! with a script, any stretch can be dragged over.

use maud::{Markup, html};

use super::found::Found;
use crate::text::duration;
use crate::timeline::Mark;
use crate::web::item::mark_of;

/// Bars.
const BARS: usize = 40;
/// Height of the bars, and of what is beneath them.
const HEIGHT: f64 = 48.0;
/// Width of a bar.
const WIDTH: f64 = 10.0;
/// The shortest time that the axis tells apart, seconds.
const SHORTEST: f64 = 1e-6;

/// A stretch of the axis.
struct Bucket {
    /// Seconds, included.
    from: f64,
    /// Seconds, not included.
    to: f64,
    /// By mark: ok, error, throttle, fault.
    counts: [usize; 4],
}

/// The bars; nothing where there is nothing to compare. `link` makes the address of a condition; `rest` is what of the
/// filter stays when limits are added.
pub(super) fn histogram(found: &Found, rest: &str, link: impl Fn(&str) -> String) -> Markup {
    let buckets = buckets(&found.responses);
    let highest = buckets.iter().map(|bucket| bucket.counts.iter().sum::<usize>()).max().unwrap_or(0);
    let (Some(first), Some(last)) = (buckets.first(), buckets.last()) else { return html! {} };
    let shortest = found.responses.first().map_or(0.0, |(seconds, _)| *seconds);
    let longest = found.responses.last().map_or(0.0, |(seconds, _)| *seconds);
    html! {
        figure #histogram data-from=(first.from) data-to=(last.to) data-rest=(rest) {
            svg viewBox={ "0 0 " (BARS as f64 * WIDTH) " " (HEIGHT) } preserveAspectRatio="none" {
                @for (place, bucket) in buckets.iter().enumerate() {
                    @if bucket.counts != [0; 4] {
                        @let label = label(bucket);
                        a href=(link(&condition(bucket))) tabindex="-1" aria-label=(label) {
                            title { (label) }
                            (bar(place, bucket, highest))
                        }
                    }
                }
            }
            figcaption.dim {
                span { (duration(shortest)) }
                span {
                    "response time, logarithmic"
                    @for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
                        @if let Some(seconds) = found.percentile(share) { " · " (name) " " b { (duration(seconds)) } }
                    }
                }
                span { (duration(longest)) }
            }
        }
    }
}

/// The limits as a condition.
fn condition(bucket: &Bucket) -> String {
    format!("responsetime >= {} AND responsetime < {}", number(bucket.from), number(bucket.to))
}

/// Seconds to four digits: no more is told by a bar's edge.
pub(super) fn number(seconds: f64) -> String {
    if seconds < 1e-6 {
        return "0".to_owned();
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let decimals = (3.0 - seconds.log10().floor()).clamp(0.0, 10.0) as usize;
    let text = format!("{seconds:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn label(bucket: &Bucket) -> String {
    let all: usize = bucket.counts.iter().sum();
    let marks = [Mark::Error, Mark::Throttle, Mark::Fault].map(|mark| (mark_of(mark).1, mark as usize));
    let failed = marks.iter().filter_map(|(word, place)| {
        let count = bucket.counts.get(*place).copied().filter(|count| *count > 0)?;
        Some(format!(", {count} {word}"))
    });
    format!("{} to {}: {all}{}", duration(bucket.from), duration(bucket.to), failed.collect::<String>())
}

/// Stacked by mark, faults at the bottom; whatever there is can be seen.
fn bar(place: usize, bucket: &Bucket, highest: usize) -> Markup {
    let all: usize = bucket.counts.iter().sum();
    #[allow(clippy::cast_precision_loss)]
    let height = (all as f64 / highest.max(1) as f64 * (HEIGHT - 2.0)).max(2.0);
    #[allow(clippy::cast_precision_loss)]
    let (left, mut bottom) = (place as f64 * WIDTH, HEIGHT);
    html! {
        rect.hit x=(left) y="0" width=(WIDTH) height=(HEIGHT) {}
        @for mark in [Mark::Fault, Mark::Throttle, Mark::Error, Mark::Ok] {
            @let count = bucket.counts.get(mark as usize).copied().unwrap_or(0);
            @if count > 0 {
                @let part = share(count, all) * height;
                @let top = { bottom -= part; bottom };
                rect class={ (mark_of(mark).1) "-fill" } x=(left + 0.5) y=(format!("{top:.1}")) width=(WIDTH - 1.0)
                    height=(format!("{part:.1}")) {}
            }
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn share(count: usize, all: usize) -> f64 {
    count as f64 / all.max(1) as f64
}

/// Buckets of equal width on a logarithmic axis; `sorted` is by time. The last is a little longer, so that the longest
/// time is in it.
fn buckets(sorted: &[(f64, Mark)]) -> Vec<Bucket> {
    let (Some((first, _)), Some((last, _))) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let low = first.max(SHORTEST).log10();
    // Where all are alike, a tenth of a decade around them.
    let high = (last.max(SHORTEST) * 1.001).log10().max(low + 0.1);
    #[allow(clippy::cast_precision_loss)]
    let edge = |place: usize| 10_f64.powf(low + (high - low) * place as f64 / BARS as f64);
    let mut buckets: Vec<Bucket> =
        (0..BARS).map(|place| Bucket { from: edge(place), to: edge(place + 1), counts: [0; 4] }).collect();
    if let Some(shortest) = buckets.first_mut() {
        shortest.from = if *first <= SHORTEST { 0.0 } else { shortest.from * 0.999 };
    }
    for (seconds, mark) in sorted {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let place = ((seconds.max(SHORTEST).log10() - low) / (high - low) * BARS as f64) as usize;
        let bucket = buckets.get_mut(place.min(BARS - 1));
        if let Some(count) = bucket.and_then(|bucket| bucket.counts.get_mut(*mark as usize)) {
            *count += 1;
        }
    }
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_the_bar_whose_limits_hold_it() {
        let times = [0.0, 1e-9, 0.000_001, 0.003, 0.0031, 0.5, 0.5, 7.0, 4_000.0];
        let sorted: Vec<_> = times.iter().map(|seconds| (*seconds, Mark::Ok)).collect();
        for part in [&sorted[..], &sorted[3..4], &sorted[5..7], &sorted[8..]] {
            let buckets = buckets(part);
            assert_eq!(buckets.len(), BARS);
            let counted: usize = buckets.iter().map(|bucket| bucket.counts.iter().sum::<usize>()).sum();
            assert_eq!(counted, part.len());
            for (seconds, _) in part {
                let holding = buckets.iter().find(|bucket| bucket.from <= *seconds && *seconds < bucket.to).unwrap();
                assert!(holding.counts[0] > 0, "{seconds}");
            }
        }
        assert!(buckets(&[]).is_empty());
    }

    #[test]
    fn limits_are_numbers_that_filters_read() {
        for (seconds, expected) in [(0.0, "0"), (0.001_234_56, "0.001235"), (12.3456, "12.35"), (4_000.0, "4000")] {
            assert_eq!(number(seconds), expected);
        }
    }
}
