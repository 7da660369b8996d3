//! What to ask the service next, and what its answers change: the sampler's protocol, without thread, socket or clock.
//!
//! Whoever drives it asks [`Poller::next`], makes the call it is given or waits, and hands the answer to
//! [`Poller::answered`]. Times are nanoseconds of monotonic time, and wall time where the service is told the time.
//!
//! | what | when |
//! |---|---|
//! | rules, all pages | at once, then every 300 s and up to 5 s; at once when the service says they have changed |
//! | targets, at most 25 statistics a call | every 10 s and up to 0.1 s, for rules that were asked and are due |
//! | after a call that failed | not before 1, 2, 4 … 60 s, a tenth more or less |
//!
//! Random amounts keep the instances of a service from asking all at once. What was counted under a call that fails is
//! lost, as with the official SDKs: the service shares its reservoirs out by what happened last, and old counts would
//! be taken for new ones.
//!
//! Source: official SDKs; X-Ray API Reference.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::boost::BoostCount;
use super::rule_set::RuleSet;
use super::skipped::Skipped;
use super::state::{Counts, INTERVAL};
use super::wire::{self, BoostStatistics, RuleRecord, Statistics};
use crate::Entropy;
use crate::sampling::Rules;

/// The course of the protocol.
pub(super) struct Poller {
    client_id: String,
    entropy: Arc<dyn Entropy>,
    rules_due: u64,
    report_due: u64,
    /// Nothing is asked before.
    retry_at: u64,
    /// Calls that failed since the last that did not.
    failures: u32,
    /// A refresh under way.
    refresh: Option<Refresh>,
    /// Bodies of the reports that are still to be made.
    reports: VecDeque<Vec<u8>>,
    /// Seconds since the Unix epoch when the rules in force were asked for.
    asked_wall: f64,
    /// What the service last said of when the rules were changed.
    modified: Option<f64>,
}

struct Refresh {
    asked_at: u64,
    asked_wall: f64,
    records: Vec<RuleRecord>,
    skipped: Skipped,
    pages: usize,
    bytes: usize,
    token: Option<String>,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Call(Call),
    /// Nothing before this moment of monotonic time.
    Wait(u64),
}

/// A call to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) operation: Operation,
    pub(super) body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Rules,
    Targets,
}

impl Operation {
    /// Where it is posted to.
    pub(super) fn path(self) -> &'static str {
        match self {
            Operation::Rules => "/GetSamplingRules",
            Operation::Targets => "/SamplingTargets",
        }
    }

    /// What it is called, in permissions too.
    pub(super) fn name(self) -> &'static str {
        match self {
            Operation::Rules => "GetSamplingRules",
            Operation::Targets => "GetSamplingTargets",
        }
    }
}

/// What came of an answer.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Rules that are in force from now on.
    pub(super) rules: Option<RuleSet>,
    /// The answer was of no use.
    pub(super) unusable: bool,
    /// Rules or targets that were left out.
    pub(super) skipped: Skipped,
}

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    /// Nanoseconds.
    pub(super) monotonic: u64,
    /// Since the Unix epoch.
    pub(super) wall: Duration,
}

impl Poller {
    pub(super) fn new(entropy: Arc<dyn Entropy>) -> Poller {
        let client_id = format!("{:016x}{:08x}", entropy.next_u64(), entropy.next_u64() as u32);
        Poller {
            client_id,
            entropy,
            rules_due: 0,
            report_due: 0,
            retry_at: 0,
            failures: 0,
            refresh: None,
            reports: VecDeque::new(),
            asked_wall: 0.0,
            modified: None,
        }
    }

    /// What to do now, under the rules in force.
    pub(super) fn next(&mut self, rules: Option<&RuleSet>, now: Now) -> Step {
        if now.monotonic < self.retry_at {
            return Step::Wait(self.retry_at);
        }
        if self.refresh.is_none() && self.reports.is_empty() && now.monotonic >= self.rules_due {
            self.refresh = Some(Refresh {
                asked_at: now.monotonic,
                asked_wall: now.wall.as_secs_f64(),
                records: Vec::new(),
                skipped: Skipped::default(),
                pages: 0,
                bytes: 0,
                token: None,
            });
        }
        if let Some(refresh) = &self.refresh {
            return call(Operation::Rules, wire::rules_request(refresh.token.as_deref()));
        }
        if let (Some(rules), true) = (rules, self.reports.is_empty() && now.monotonic >= self.report_due) {
            self.collect(rules, now);
            self.report_due = self.next_report(rules, now);
        }
        match self.reports.front() {
            Some(body) => call(Operation::Targets, body.clone()),
            // Without rules there is nothing to report.
            None if rules.is_none() => Step::Wait(self.rules_due),
            None => Step::Wait(self.rules_due.min(self.report_due)),
        }
    }

    /// The call that [`Poller::next`] gave was answered, or failed.
    pub(super) fn answered(
        &mut self,
        operation: Operation,
        answer: Result<Vec<u8>, ()>,
        rules: Option<&RuleSet>,
        now: Now,
    ) -> Outcome {
        let Ok(answer) = answer else {
            self.failed(now);
            return Outcome::default();
        };
        let understood = match operation {
            Operation::Rules => self.rules_answered(&answer, rules, now),
            Operation::Targets => self.targets_answered(&answer, rules, now),
        };
        let Some(outcome) = understood else {
            self.failed(now);
            return Outcome { unusable: true, ..Outcome::default() };
        };
        self.failures = 0;
        outcome
    }

    fn failed(&mut self, now: Now) {
        let wait = FIRST_RETRY.saturating_mul(1 << self.failures.min(16)).min(LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        let wait = wait.as_nanos() as u64;
        self.retry_at = now.monotonic.saturating_add(wait - wait / 10 + self.up_to(wait / 5));
        // A refresh begins again at its first page: tokens do not live long.
        self.refresh = None;
        self.reports.clear();
    }

    fn rules_answered(&mut self, answer: &[u8], before: Option<&RuleSet>, now: Now) -> Option<Outcome> {
        let page = wire::rules_page(answer)?;
        let mut refresh = self.refresh.take()?;
        refresh.pages += 1;
        refresh.bytes += answer.len();
        if refresh.bytes > Rules::MAX_BYTES {
            return None;
        }
        refresh.skipped.append(page.skipped);
        for rule in page.rules {
            if refresh.records.len() < Rules::MAX_RULES {
                refresh.records.push(rule);
            } else {
                refresh.skipped.add(Some(&rule.name));
            }
        }
        if page.next_token.is_some() && refresh.pages < MAX_PAGES {
            // The same token again would be the same page again.
            let goes_on = page.next_token != refresh.token;
            refresh.token = page.next_token;
            if goes_on {
                self.refresh = Some(refresh);
                return Some(Outcome::default());
            }
        }
        // The service always has a default rule: an empty list is a mistake of somebody's.
        if refresh.records.is_empty() {
            return None;
        }
        let report_from = now.monotonic.saturating_add(INTERVAL.as_nanos() as u64);
        let (rules, left_out) = RuleSet::new(refresh.records, before, refresh.asked_at, report_from);
        if before.is_none() {
            self.report_due = report_from.saturating_add(self.up_to(REPORT_SPREAD.as_nanos() as u64));
        }
        self.asked_wall = refresh.asked_wall;
        let period = RULES_PERIOD.as_nanos() as u64;
        self.rules_due = now.monotonic.saturating_add(period + self.up_to(RULES_SPREAD.as_nanos() as u64));
        let mut skipped = refresh.skipped;
        skipped.append(left_out);
        Some(Outcome { rules: Some(rules), skipped, unusable: false })
    }

    fn targets_answered(&mut self, answer: &[u8], rules: Option<&RuleSet>, now: Now) -> Option<Outcome> {
        let answer = wire::targets(answer)?;
        self.reports.pop_front();
        if let Some(rules) = rules {
            for target in &answer.targets {
                if let Some(rule) = rules.all().find(|rule| *rule.name == *target.rule) {
                    rule.state.allot(target, now.monotonic);
                }
            }
            self.report_due = self.report_due.min(self.next_report(rules, now));
        }
        if let Some(modified) = answer.rules_modified {
            let changed = match self.modified {
                // The first word is compared with our own clock, later ones with one another: clocks differ.
                None => modified > self.asked_wall,
                Some(known) => modified != known,
            };
            self.modified = Some(modified);
            if changed {
                self.rules_due = now.monotonic;
            }
        }
        Some(Outcome { skipped: answer.skipped, ..Outcome::default() })
    }

    /// When to look for due rules next: after the usual interval, sooner where a rule that was asked wants it.
    fn next_report(&self, rules: &RuleSet, now: Now) -> u64 {
        let usual = now.monotonic.saturating_add(INTERVAL.as_nanos() as u64);
        let shortest = now.monotonic.saturating_add(SHORTEST_REPORT.as_nanos() as u64);
        let wanted = rules.all().map(|rule| rule.state.report_from()).filter(|from| *from > now.monotonic).min();
        let next = usual.min(wanted.unwrap_or(usual)).max(shortest);
        next.saturating_add(self.up_to(REPORT_SPREAD.as_nanos() as u64))
    }

    /// Takes the counts of every rule that is due and puts them into as few calls as the service allows.
    fn collect(&mut self, rules: &RuleSet, now: Now) {
        let timestamp = now.wall.as_secs();
        let due: Vec<_> = rules.all().filter(|rule| rule.state.is_due(now.monotonic)).collect();
        let counts: Vec<Counts> = due.iter().map(|rule| rule.state.take_counts()).collect();
        let boosts: Vec<(&str, BoostCount)> =
            due.iter().flat_map(|rule| rule.state.boost.take().into_iter().map(|count| (&*rule.name, count))).collect();
        let statistics: Vec<Statistics<'_>> = due
            .iter()
            .zip(&counts)
            .map(|(rule, counts)| Statistics {
                rule_name: &rule.name,
                client_id: &self.client_id,
                timestamp,
                request_count: counts.requests,
                sampled_count: counts.sampled,
                borrow_count: counts.borrowed,
            })
            .collect();
        let boosts: Vec<BoostStatistics<'_>> = boosts
            .iter()
            .map(|(rule, count)| BoostStatistics {
                rule_name: rule,
                service_name: &count.service,
                timestamp,
                anomaly_count: count.anomalies,
                total_count: count.total,
                sampled_anomaly_count: count.sampled_anomalies,
            })
            .collect();
        let mut boosts = boosts.chunks(MAX_STATISTICS);
        let mut reports: VecDeque<Vec<u8>> = statistics
            .chunks(MAX_STATISTICS)
            .map(|statistics| wire::targets_request(statistics, boosts.next().unwrap_or_default()))
            .collect();
        reports.extend(boosts.map(|boosts| wire::targets_request(&[], boosts)));
        self.reports = reports;
    }

    /// A random number below or at `most`.
    fn up_to(&self, most: u64) -> u64 {
        self.entropy.next_u64() % most.saturating_add(1)
    }
}

fn call(operation: Operation, body: Vec<u8>) -> Step {
    Step::Call(Call { operation, body })
}

/// Time between two refreshes of the rules. Source: the official SDKs.
const RULES_PERIOD: Duration = Duration::from_secs(300);
/// What a refresh may come later.
const RULES_SPREAD: Duration = Duration::from_secs(5);
/// What a report may come later.
const REPORT_SPREAD: Duration = Duration::from_millis(100);
/// No two rounds of reports follow each other faster, whatever interval the service names.
const SHORTEST_REPORT: Duration = Duration::from_secs(1);
/// Wait after the first failure; each further one doubles it.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Short enough that a daemon that comes back is found soon; a call a minute costs nothing.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Statistics in one call. Source: X-Ray API Reference, GetSamplingTargets.
const MAX_STATISTICS: usize = 25;
/// Pages of one refresh: with the service's own page size far more than [`Rules::MAX_RULES`].
const MAX_PAGES: usize = 1000;
