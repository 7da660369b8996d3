//! What changes about a rule while it is in force: its rate, its quota, and what has been counted.
//!
//! All of it is atomics, each a cache line's neighbour of its own rule only: a decision takes no lock. Who reads two
//! of them may see one from before a change and one from after; the next decision sees both.
//!
//! One word counts what was taken in a second, be it of the quota or borrowed. So the second in which a quota arrives or
//! ends gives no more than the larger of the two, where the SDKs, which keep two counts, give their sum.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::boost::BoostCounts;
use super::wire::{RuleRecord, Target};
use crate::sampling::reservoir::Reservoir;
use crate::sampling::{Reason, RuleCounts};

/// The state of one rule, kept from one set of rules to the next as long as its name is there.
#[derive(Debug)]
#[repr(align(64))] // busy rules do not slow down their neighbours
pub(super) struct RuleState {
    /// Bits of the share 0.0–1.0.
    rate: AtomicU64,
    /// Second until which the quota holds (upper 32 bits) and the quota (lower 32); 0 before there was any.
    quota: AtomicU64,
    /// 0: nothing is taken or borrowed.
    reservoir_size: AtomicU32,
    /// Second before which the boost holds.
    boost_until: AtomicU32,
    boost_rate: AtomicU64,
    taken: Reservoir,
    taken_by_background: Reservoir,
    requests: AtomicU64,
    sampled: AtomicU64,
    borrowed: AtomicU64,
    /// What was reported, in all.
    reported: Reported,
    /// Nanoseconds of monotonic time from which the service wants to hear of this rule.
    report_from: AtomicU64,
    /// How requests went; counted for rules that can be boosted.
    pub(super) boost: BoostCounts,
}

/// Counts of all reports.
#[derive(Debug, Default)]
struct Reported {
    requests: AtomicU64,
    sampled: AtomicU64,
    borrowed: AtomicU64,
}

/// How a rule decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) sampled: bool,
    pub(super) reason: Reason,
    /// Traces of this second that were there to be taken.
    pub(super) fixed_target: u32,
    /// Share of the rest.
    pub(super) rate: f64,
}

/// Counts since the last report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) requests: u64,
    pub(super) sampled: u64,
    pub(super) borrowed: u64,
}

impl RuleState {
    /// Of a rule that was not there before. It is reported from `report_from` on.
    pub(super) fn new(record: &RuleRecord, report_from: u64) -> RuleState {
        let state = RuleState {
            rate: AtomicU64::new(0),
            quota: AtomicU64::new(0),
            reservoir_size: AtomicU32::new(0),
            boost_until: AtomicU32::new(0),
            boost_rate: AtomicU64::new(0),
            taken: Reservoir::default(),
            taken_by_background: Reservoir::default(),
            requests: AtomicU64::new(0),
            sampled: AtomicU64::new(0),
            borrowed: AtomicU64::new(0),
            reported: Reported::default(),
            report_from: AtomicU64::new(report_from),
            boost: BoostCounts::default(),
        };
        state.update(record);
        state
    }

    /// The rule was changed, or read again.
    pub(super) fn update(&self, record: &RuleRecord) {
        self.rate.store(record.rate.to_bits(), Ordering::Relaxed);
        self.reservoir_size.store(record.reservoir_size, Ordering::Relaxed);
    }

    /// The service has allotted something; it wants the next report `interval` nanoseconds after `now`, both of
    /// monotonic time.
    pub(super) fn allot(&self, target: &Target, now: u64) {
        if let Some(rate) = target.rate {
            self.rate.store(rate.to_bits(), Ordering::Relaxed);
        }
        let before = self.quota.load(Ordering::Relaxed);
        let quota = target.quota.unwrap_or(before as u32);
        let until = target.quota_until.unwrap_or((before >> 32) as u32);
        // A time without a quota, of a rule that never had one, grants nothing.
        if target.quota.is_some() || before != 0 {
            self.quota.store(u64::from(until) << 32 | u64::from(quota), Ordering::Relaxed);
        }
        let interval = target.interval.map_or(INTERVAL, |seconds| Duration::from_secs(seconds.clamp(1, 3600).into()));
        self.report_from.store(now.saturating_add(interval.as_nanos() as u64), Ordering::Relaxed);
        let (rate, until) = target.boost.unwrap_or_default();
        self.boost_until.store(0, Ordering::Relaxed);
        self.boost_rate.store(rate.to_bits(), Ordering::Relaxed);
        self.boost_until.store(until, Ordering::Relaxed);
    }

    /// Decides for one request at this wall time. `draw` is a number of [0, 1), asked for where the rate decides.
    pub(super) fn decide(&self, background: bool, wall: Duration, draw: impl FnOnce() -> f64) -> Outcome {
        // First, so that no report counts more sampled than asked.
        self.requests.fetch_add(1, Ordering::Relaxed);
        let second = u32::try_from(wall.as_secs()).unwrap_or(u32::MAX);
        let quota = self.quota.load(Ordering::Relaxed);
        let granted = (quota != 0 && second <= (quota >> 32) as u32).then_some(quota as u32);
        let borrows = || u32::from(self.reservoir_size.load(Ordering::Relaxed) > 0);
        let fixed_target = granted.unwrap_or_else(borrows);
        let rate = self.rate(second);
        let outcome = |sampled, reason| Outcome { sampled, reason, fixed_target, rate };
        if background {
            // The quota belongs to requests. Work without one has a trace a second of its own.
            if self.taken_by_background.take(borrows(), wall) {
                self.sampled.fetch_add(1, Ordering::Release);
                return outcome(true, Reason::Reservoir);
            }
        } else if self.taken.take(fixed_target, wall) {
            let (count, reason) = match granted {
                Some(_) => (&self.sampled, Reason::Reservoir),
                None => (&self.borrowed, Reason::Borrow),
            };
            count.fetch_add(1, Ordering::Release);
            return outcome(true, reason);
        }
        let sampled = draw() < rate;
        if sampled {
            self.sampled.fetch_add(1, Ordering::Release);
        }
        outcome(sampled, Reason::Rate)
    }

    /// The rate in force: boosted where the service boosts it above the usual.
    fn rate(&self, second: u32) -> f64 {
        let rate = f64::from_bits(self.rate.load(Ordering::Relaxed));
        if second >= self.boost_until.load(Ordering::Relaxed) {
            return rate;
        }
        rate.max(f64::from_bits(self.boost_rate.load(Ordering::Relaxed)))
    }

    /// True when the service wants to hear of this rule by `now`, and there was a request. A little early counts, or
    /// a round that comes a moment before its time would wait for the next.
    pub(super) fn is_due(&self, now: u64) -> bool {
        now.saturating_add(EARLY) >= self.report_from.load(Ordering::Relaxed)
            && self.requests.load(Ordering::Relaxed) > 0
    }

    /// Nanoseconds of monotonic time from which the service wants to hear of this rule.
    pub(super) fn report_from(&self) -> u64 {
        self.report_from.load(Ordering::Relaxed)
    }

    /// What was counted, which starts again from nothing. What is sampled at this moment may be counted with the next
    /// report, never before its request.
    pub(super) fn take_counts(&self) -> Counts {
        let borrowed = self.borrowed.swap(0, Ordering::Acquire);
        let sampled = self.sampled.swap(0, Ordering::Acquire);
        let requests = self.requests.swap(0, Ordering::Relaxed);
        self.reported.requests.fetch_add(requests, Ordering::Relaxed);
        self.reported.sampled.fetch_add(sampled, Ordering::Relaxed);
        self.reported.borrowed.fetch_add(borrowed, Ordering::Relaxed);
        Counts { requests, sampled, borrowed }
    }

    /// What was counted in all. During a report some of it may be missing for a moment.
    pub(super) fn totals(&self, name: &Arc<str>) -> RuleCounts {
        let sum = |reported: &AtomicU64, since: &AtomicU64| {
            reported.load(Ordering::Relaxed).saturating_add(since.load(Ordering::Relaxed))
        };
        let mut counts = RuleCounts::new(Arc::clone(name));
        counts.requests = sum(&self.reported.requests, &self.requests);
        counts.borrowed = sum(&self.reported.borrowed, &self.borrowed);
        // To the service, borrowed ones are not sampled ones; to us they are.
        counts.sampled = sum(&self.reported.sampled, &self.sampled).saturating_add(counts.borrowed);
        counts
    }
}

/// Time between reports, unless the service says otherwise. Source: the official SDKs.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);
/// Nanoseconds by which a report may come early: half a second.
const EARLY: u64 = 500_000_000;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn record(name: &str) -> RuleRecord {
        let any = || "*".to_owned();
        RuleRecord {
            name: name.into(),
            priority: 100,
            rate: 0.0,
            reservoir_size: 10,
            service: any(),
            service_type: any(),
            host: any(),
            method: any(),
            path: any(),
            resource_arn: any(),
            attributes: Vec::new(),
            boosts: false,
        }
    }

    pub(crate) fn target(rule: &str) -> Target {
        Target { rule: rule.to_owned(), rate: None, quota: None, quota_until: None, interval: None, boost: None }
    }

    /// What so many requests of this second came to: of the quota, borrowed, by the rate.
    fn decided(state: &RuleState, second: u64, requests: usize, draw: f64) -> [usize; 3] {
        let outcomes: Vec<_> =
            (0..requests).map(|_| state.decide(false, Duration::from_secs(second), || draw)).collect();
        [Reason::Reservoir, Reason::Borrow, Reason::Rate]
            .map(|reason| outcomes.iter().filter(|outcome| outcome.sampled && outcome.reason == reason).count())
    }

    #[test]
    fn without_a_quota_one_is_borrowed_each_second_and_the_rate_decides_the_rest() {
        let state = RuleState::new(&RuleRecord { rate: 0.5, ..record("all") }, 0);
        assert_eq!(decided(&state, 100, 10, 0.4), [0, 1, 9]);
        assert_eq!(decided(&state, 101, 10, 0.5), [0, 1, 0]);
        assert_eq!(state.take_counts(), Counts { requests: 20, sampled: 9, borrowed: 2 });
        assert_eq!(state.take_counts(), Counts::default());
    }

    #[test]
    fn a_rule_without_a_reservoir_borrows_nothing() {
        let state = RuleState::new(&RuleRecord { reservoir_size: 0, ..record("all") }, 0);
        assert_eq!(decided(&state, 100, 10, 0.0), [0, 0, 0]);
        let background = state.decide(true, Duration::from_secs(100), || 0.0);
        assert_eq!((background.sampled, background.reason, background.fixed_target), (false, Reason::Rate, 0));
    }

    #[test]
    fn a_quota_holds_until_its_time_and_then_one_is_borrowed_again() {
        let state = RuleState::new(&record("all"), 0);
        state.allot(&Target { quota: Some(3), quota_until: Some(110), ..target("all") }, 0);
        assert_eq!(decided(&state, 109, 10, 0.0), [3, 0, 0]);
        assert_eq!(decided(&state, 110, 10, 0.0), [3, 0, 0]);
        assert_eq!(decided(&state, 111, 10, 0.0), [0, 1, 0]);
        state.allot(&Target { quota_until: Some(120), ..target("all") }, 0);
        assert_eq!(decided(&state, 120, 10, 0.0), [3, 0, 0], "the quota stays when only its time is new");
    }

    #[test]
    fn a_quota_of_nothing_is_a_quota() {
        let state = RuleState::new(&record("all"), 0);
        state.allot(&Target { quota: Some(0), quota_until: Some(200), ..target("all") }, 0);
        assert_eq!(decided(&state, 100, 10, 0.0), [0, 0, 0]);
        let never = RuleState::new(&record("all"), 0);
        never.allot(&Target { quota_until: Some(200), ..target("all") }, 0);
        assert_eq!(decided(&never, 100, 10, 0.0), [0, 1, 0], "a time alone grants nothing");
        let without_time = RuleState::new(&record("all"), 0);
        without_time.allot(&Target { quota: Some(5), ..target("all") }, 0);
        assert_eq!(decided(&without_time, 100, 10, 0.0), [0, 1, 0], "a quota without a time is over");
    }

    #[test]
    fn the_second_in_which_a_quota_arrives_gives_no_more_than_the_quota() {
        let state = RuleState::new(&record("all"), 0);
        assert_eq!(decided(&state, 100, 5, 0.0), [0, 1, 0]);
        state.allot(&Target { quota: Some(3), quota_until: Some(100), ..target("all") }, 0);
        assert_eq!(decided(&state, 100, 5, 0.0), [2, 0, 0]);
        assert_eq!(decided(&state, 101, 5, 0.0), [0, 1, 0]);
    }

    #[test]
    fn many_threads_take_exactly_the_quota_and_every_request_is_counted() {
        let state = RuleState::new(&RuleRecord { rate: 0.5, ..record("all") }, 0);
        state.allot(&Target { quota: Some(500), quota_until: Some(100), ..target("all") }, 0);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| decided(&state, 100, 1000, 0.9)[0])).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 500);
        assert_eq!(state.take_counts(), Counts { requests: 8000, sampled: 500, borrowed: 0 });
    }

    #[test]
    fn background_work_takes_nothing_of_the_quota() {
        let state = RuleState::new(&record("all"), 0);
        state.allot(&Target { quota: Some(2), quota_until: Some(200), ..target("all") }, 0);
        let background = |second| state.decide(true, Duration::from_secs(second), || 0.0).sampled;
        assert_eq!([background(100), background(100), background(101)], [true, false, true]);
        assert_eq!(decided(&state, 100, 10, 0.0), [2, 0, 0]);
        assert_eq!(state.take_counts(), Counts { requests: 13, sampled: 4, borrowed: 0 });
    }

    #[test]
    fn a_boost_raises_the_rate_for_its_time_and_never_lowers_it() {
        let state = RuleState::new(&RuleRecord { rate: 0.1, reservoir_size: 0, ..record("all") }, 0);
        let rate = |second| state.decide(false, Duration::from_secs(second), || 1.0).rate;
        state.allot(&Target { boost: Some((0.5, 160)), ..target("all") }, 0);
        assert_eq!([rate(100), rate(159), rate(160)], [0.5, 0.5, 0.1]);
        state.allot(&Target { boost: Some((0.05, 200)), ..target("all") }, 0);
        assert_eq!(rate(170), 0.1);
        state.allot(&Target { boost: Some((0.5, 200)), ..target("all") }, 0);
        state.allot(&target("all"), 0);
        assert_eq!(rate(170), 0.1, "an answer without a boost ends it");
    }

    #[test]
    fn the_service_hears_of_a_rule_when_it_was_asked_and_the_interval_is_over() {
        let second = 1_000_000_000;
        let state = RuleState::new(&record("all"), 10 * second);
        assert!(!state.is_due(20 * second), "no request");
        decided(&state, 100, 1, 0.0);
        assert!(!state.is_due(9 * second) && state.is_due(10 * second - 1));
        state.allot(&Target { interval: Some(30), ..target("all") }, 10 * second);
        assert!(!state.is_due(39 * second) && state.is_due(40 * second));
    }
}
