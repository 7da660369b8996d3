//! How requests ended, as a ring of four arcs, and in words.

use maud::{Markup, html};

use crate::graph::{Health, SummaryStatistics};
use crate::text::percent;

/// One way in which requests end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// The keyword of filter expressions, and the class of what is drawn.
    pub(super) word: &'static str,
    /// The mark beside the colour.
    pub(super) letter: &'static str,
    pub(super) count: u64,
}

/// Ok, throttle, error and fault, in the ring's order from the top.
pub(super) fn shares(statistics: &SummaryStatistics) -> [Share; 4] {
    let errors = statistics.error_statistics;
    [
        Share { word: "ok", letter: "✓", count: statistics.ok_count },
        Share { word: "throttle", letter: "T", count: errors.throttle_count },
        Share { word: "error", letter: "E", count: errors.other_count },
        Share { word: "fault", letter: "F", count: statistics.fault_statistics.total_count },
    ]
}

/// What went wrong, with its share: `F 3.1 %`.
pub(super) fn failures(statistics: &SummaryStatistics) -> Vec<(Share, String)> {
    let failed = shares(statistics).into_iter().skip(1).filter(|share| share.count > 0);
    failed.map(|share| (share, format!("{} {}", share.letter, percent(share.count, statistics.total_count)))).collect()
}

/// The class of a node or an edge.
pub(super) fn health(statistics: Option<&SummaryStatistics>) -> &'static str {
    match statistics.map_or(Health::Idle, SummaryStatistics::health) {
        Health::Idle => "idle",
        Health::Green => "green",
        Health::Yellow => "yellow",
        Health::Red => "red",
    }
}

/// Length of the ring in its own unit.
const WHOLE: u64 = 1_000;
/// Shortest arc of what happened at all.
const LEAST: u64 = 20;

/// Start and length of each arc, of [`WHOLE`]; whatever happened has an arc that can be seen.
pub(super) fn arcs(statistics: &SummaryStatistics) -> Vec<(Share, u64, u64)> {
    let total = u128::from(statistics.total_count);
    if total == 0 {
        return Vec::new();
    }
    let happened: Vec<Share> = shares(statistics).into_iter().filter(|share| share.count > 0).collect();
    let length = |share: &Share| {
        let exact = (u128::from(share.count) * u128::from(WHOLE) + total / 2) / total;
        u64::try_from(exact).unwrap_or(WHOLE).clamp(LEAST, WHOLE)
    };
    let mut lengths: Vec<u64> = happened.iter().map(length).collect();
    // The longest gives what the shortest got beyond their share, or takes what rounding left.
    let others = |lengths: &[u64], at: usize| lengths.iter().sum::<u64>() - lengths.get(at).copied().unwrap_or(0);
    if let Some(longest) = (0..lengths.len()).max_by_key(|at| lengths.get(*at)) {
        let rest = WHOLE.saturating_sub(others(&lengths, longest));
        lengths.get_mut(longest).into_iter().for_each(|length| *length = rest);
    }
    let mut start = 0;
    let arc = |(share, length): (Share, u64)| {
        start += length;
        (share, start - length, length)
    };
    happened.into_iter().zip(lengths).map(arc).collect()
}

/// The ring around a node at the origin.
pub(super) fn ring(statistics: Option<&SummaryStatistics>, radius: u32) -> Markup {
    let arcs = statistics.map(arcs).unwrap_or_default();
    html! {
        circle.ring r=(radius) {}
        @for (share, start, length) in arcs {
            circle class={ "ring " (share.word) } r=(radius) pathLength=(WHOLE) transform="rotate(-90)"
                stroke-dasharray={ (length) " " (WHOLE) } stroke-dashoffset={ "-" (start) } {}
        }
    }
}
