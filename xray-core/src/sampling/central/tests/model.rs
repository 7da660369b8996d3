//! The sampler through days of simulated time, against a service that grants, withdraws, changes its mind and fails.
//!
//! Nothing here waits or has a thread: the test moves the clock a second at a time and makes the calls that are due. The
//! service is a model of X-Ray's own: it shares a rule's reservoir out so that what is granted never exceeds it, whatever
//! was granted before and has not run out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::super::poller::{Call, Operation, Poller, Step};
use super::super::sampler::CentralSampler;
use crate::emit::DaemonAddress;
use crate::emit::manual_clock::ManualClock;
use crate::sampling::{Reason, Sample, SamplingRequest, SegmentEnd};
use crate::{Clock, Entropy};

/// Random numbers that are the same in every run (SplitMix64).
struct Seeded(AtomicU64);

impl Entropy for Seeded {
    fn next_u64(&self) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A rule as the service has it.
#[derive(Clone)]
struct Set {
    name: &'static str,
    path: &'static str,
    rate: f64,
    reservoir: u32,
}

/// The service.
struct Service {
    now: u64,
    rules: Vec<Set>,
    modified: u64,
    /// No answer at all.
    down: bool,
    /// Quotas: shared out, withheld, or zero.
    grants: Grants,
    quota_seconds: u64,
    /// By rule and client: the quota, and the last second it holds.
    granted: HashMap<(String, String), (u32, u64)>,
    /// By client: when it last reported.
    seen: BTreeMap<String, u64>,
    /// Boost for each rule that is reported: rate and last second.
    boost: Option<(f64, u64)>,
    /// Added up from the reports that were answered.
    requests: u64,
    sampled: u64,
    borrowed: u64,
    /// The same of reports that were not.
    lost: u64,
    boosts: Vec<Value>,
    refreshes: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Grants {
    Shared,
    Withheld,
    Zero,
}

impl Service {
    fn new(rules: Vec<Set>) -> Service {
        Service {
            now: 0,
            rules,
            modified: 0,
            down: false,
            grants: Grants::Shared,
            quota_seconds: 60,
            granted: HashMap::new(),
            seen: BTreeMap::new(),
            boost: None,
            requests: 0,
            sampled: 0,
            borrowed: 0,
            lost: 0,
            boosts: Vec::new(),
            refreshes: 0,
        }
    }

    fn answer(&mut self, call: &Call) -> Result<Vec<u8>, ()> {
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        let answer = match call.operation {
            Operation::Rules if self.down => return Err(()),
            Operation::Rules => {
                self.refreshes += 1;
                let rule = |(priority, set): (usize, &Set)| {
                    json!({"SamplingRule": {
                        "RuleName": set.name, "ResourceARN": "*", "Priority": priority + 1, "FixedRate": set.rate,
                        "ReservoirSize": set.reservoir, "ServiceName": "*", "ServiceType": "*", "Host": "*",
                        "HTTPMethod": "*", "URLPath": set.path, "Version": 1, "SamplingRateBoost": {"MaxRate": 1.0},
                    }})
                };
                json!({ "SamplingRuleRecords": self.rules.iter().enumerate().map(rule).collect::<Vec<_>>() })
            }
            Operation::Targets => {
                let documents = body["SamplingStatisticsDocuments"].as_array().unwrap();
                assert!(documents.len() <= 25);
                let count =
                    |field: &str| documents.iter().map(|document| document[field].as_u64().unwrap()).sum::<u64>();
                if self.down {
                    self.lost += count("RequestCount");
                    return Err(());
                }
                self.requests += count("RequestCount");
                self.sampled += count("SampledCount");
                self.borrowed += count("BorrowCount");
                self.boosts.extend(body["SamplingBoostStatisticsDocuments"].as_array().into_iter().flatten().cloned());
                let targets: Vec<Value> = documents.iter().filter_map(|document| self.target(document)).collect();
                json!({ "SamplingTargetDocuments": targets, "LastRuleModification": self.modified })
            }
        };
        Ok(answer.to_string().into_bytes())
    }

    fn target(&mut self, document: &Value) -> Option<Value> {
        let (rule, client) = (document["RuleName"].as_str().unwrap(), document["ClientID"].as_str().unwrap());
        assert!(document["RequestCount"].as_u64() > Some(0), "a rule that nobody asked is not reported");
        let set = self.rules.iter().find(|set| set.name == rule)?.clone();
        self.seen.insert(client.to_owned(), self.now);
        let mut target = json!({"RuleName": rule, "FixedRate": set.rate, "Interval": 10});
        if self.grants != Grants::Withheld {
            let key = (rule.to_owned(), client.to_owned());
            let quota = if self.grants == Grants::Shared { self.share(&set, &key) } else { 0 };
            let until = self.now + self.quota_seconds;
            self.granted.insert(key, (quota, until));
            target["ReservoirQuota"] = json!(quota);
            target["ReservoirQuotaTTL"] = json!(until);
        }
        if let Some((rate, until)) = self.boost {
            target["SamplingBoost"] = json!({"BoostRate": rate, "BoostRateTTL": until});
        }
        Some(target)
    }

    /// A fair share of the reservoir, as far as others leave it.
    fn share(&self, set: &Set, key: &(String, String)) -> u32 {
        let live = self.seen.iter().filter(|(_, seen)| **seen + 30 >= self.now);
        let (place, live) =
            (live.clone().position(|(client, _)| *client == key.1).unwrap() as u32, live.count() as u32);
        let fair = set.reservoir / live + u32::from(place < set.reservoir % live);
        let others = self
            .granted
            .iter()
            .filter(|((rule, client), (_, until))| *rule == key.0 && *client != key.1 && *until >= self.now);
        let taken: u32 = others.map(|(_, (quota, _))| quota).sum();
        fair.min(set.reservoir.saturating_sub(taken))
    }
}

/// An instance of a program.
struct Instance {
    sampler: CentralSampler,
    poller: Poller,
}

/// Instances, the service, and the time they all live in.
struct World {
    clock: Arc<ManualClock>,
    entropy: Arc<Seeded>,
    service: Service,
    instances: Vec<Instance>,
}

/// What one second brought, by instance and rule.
#[derive(Default)]
struct Second {
    reservoir: BTreeMap<(usize, String), u32>,
    borrowed: BTreeMap<(usize, String), u32>,
    /// Decided by the rate: all, and those sampled.
    drawn: u64,
    kept: u64,
    /// Decided by central rules, and left to the local ones.
    decided: u64,
    left: u64,
}

const START: u64 = 1_465_510_280;

impl World {
    fn new(instances: usize, rules: Vec<Set>) -> World {
        let clock = ManualClock::new();
        clock.advance(Duration::from_secs(START));
        let entropy = Arc::new(Seeded(AtomicU64::new(7)));
        let instance = |_| Instance {
            sampler: CentralSampler::with_sources(&DaemonAddress::default(), clock.clone(), entropy.clone()),
            poller: Poller::new(entropy.clone()),
        };
        let instances = (0..instances).map(instance).collect();
        World { clock, entropy, service: Service::new(rules), instances }
    }

    /// Makes every call that is due.
    fn poll(&mut self) {
        self.service.now = self.clock.wall().as_secs();
        for Instance { sampler, poller } in &mut self.instances {
            let shared = sampler.shared();
            let mut calls = 0;
            while let Step::Call(call) = poller.next(shared.rules().as_deref(), shared.now()) {
                let answer = self.service.answer(&call);
                let outcome = poller.answered(call.operation, answer, shared.rules().as_deref(), shared.now());
                if let Some(rules) = outcome.rules {
                    shared.set_rules(rules);
                }
                calls += 1;
                assert!(calls < 10, "calls without end");
            }
        }
    }

    /// A second passes: calls, then up to `most` requests to each of these paths in every instance.
    fn second(&mut self, paths: &[&str], most: u64) -> Second {
        self.clock.advance(Duration::from_secs(1));
        self.poll();
        let mut second = Second::default();
        for (number, instance) in self.instances.iter().enumerate() {
            for path in paths {
                for _ in 0..self.entropy.next_u64() % (most + 1) {
                    let request = SamplingRequest::new("orders").with_path(path);
                    let Some(decision) = instance.sampler.decide(&request) else {
                        second.left += 1;
                        continue;
                    };
                    second.decided += 1;
                    let key = (number, decision.rule().unwrap().to_owned());
                    match decision.reason() {
                        Reason::Reservoir => *second.reservoir.entry(key).or_default() += 1,
                        Reason::Borrow => *second.borrowed.entry(key).or_default() += 1,
                        Reason::Rate => {
                            second.drawn += 1;
                            second.kept += u64::from(decision.sampled());
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
        assert!(second.borrowed.values().all(|borrowed| *borrowed <= 1), "more than one borrowed in a second");
        second
    }
}

/// `kept` of `drawn` at `rate` is within 3 sigma.
#[track_caller]
fn within_three_sigma(kept: u64, drawn: u64, rate: f64) {
    let expected = drawn as f64 * rate;
    let sigma = (drawn as f64 * rate * (1.0 - rate)).sqrt();
    assert!((kept as f64 - expected).abs() <= 3.0 * sigma, "{kept} of {drawn} at {rate}: sigma {sigma}");
}

#[test]
fn thirty_instances_stay_within_the_reservoir_they_share() {
    let mut world = World::new(30, vec![Set { name: "Default", path: "*", rate: 0.05, reservoir: 50 }]);
    let (mut drawn, mut kept, mut taken) = (0, 0, 0_u32);
    for second in 0..2400 {
        // Granted; then the service is gone for ten minutes and what it granted runs out; then it is back.
        world.service.down = (900..1500).contains(&second);
        let now = world.second(&["/"], 6);
        let reservoir: u32 = now.reservoir.values().sum();
        assert!(reservoir <= 50, "{reservoir} in second {second}");
        // A quota and a loan in one second would be one trace too many.
        assert!(now.borrowed.keys().all(|key| !now.reservoir.contains_key(key)), "second {second}");
        if second > 60 && second < 900 {
            assert_eq!(now.borrowed.len(), 0, "second {second}: nothing is borrowed while a quota holds");
            taken += reservoir;
        }
        if (970..1500).contains(&second) {
            assert_eq!(reservoir, 0, "second {second}: quotas have run out");
        }
        drawn += now.drawn;
        kept += now.kept;
    }
    // 30 instances with 0 to 6 requests each leave some of their shares untouched, not most of them.
    assert!(taken / 839 > 35, "{taken}");
    within_three_sigma(kept, drawn, 0.05);
}

#[test]
fn quotas_are_granted_withdrawn_withheld_and_run_out() {
    let mut world = World::new(1, vec![Set { name: "Default", path: "*", rate: 0.0, reservoir: 4 }]);
    let mut sums = BTreeMap::new();
    let phases = [
        (Grants::Shared, "granted"),
        (Grants::Zero, "zero"),
        (Grants::Withheld, "withheld"),
        (Grants::Shared, "again"),
    ];
    for (grants, phase) in phases {
        world.service.grants = grants;
        for second in 0..400 {
            let now = world.second(&["/"], 20);
            if second >= 100 {
                let sum: &mut (u32, u32) = sums.entry(phase).or_default();
                sum.0 += now.reservoir.values().sum::<u32>();
                sum.1 += now.borrowed.values().sum::<u32>();
            }
        }
    }
    // Of 300 seconds some have fewer requests than there is quota.
    let (granted, none) = sums["granted"];
    assert!((1000..=1200).contains(&granted) && none == 0, "{sums:?}");
    assert_eq!(sums["zero"], (0, 0), "a quota of nothing is one: nothing is borrowed");
    let (none, borrowed) = sums["withheld"];
    assert!(none == 0 && (270..=300).contains(&borrowed), "{sums:?}");
    assert!(sums["again"].0 >= 1000 && sums["again"].1 == 0, "{sums:?}");
}

#[test]
fn two_days_of_changes_and_failures_lose_no_count_and_no_rule() {
    let rules = |rate| {
        vec![
            Set { name: "health", path: "/health", rate: 0.01, reservoir: 0 },
            Set { name: "Default", path: "*", rate, reservoir: 1 },
        ]
    };
    let mut world = World::new(1, rules(0.1));
    let (mut decided, mut left) = (0, 0);
    let mut by_rate: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for second in 0..2 * 86_400_u64 {
        let hour = second / 3600;
        if second % 3600 == 0 {
            // A change each hour, to 10, 20 … 90 %, that is seen by the next report.
            world.service.rules = rules((hour % 9 + 1) as f64 / 10.0);
            world.service.modified = START + second;
            world.service.grants = [Grants::Shared, Grants::Withheld, Grants::Zero][hour as usize / 2 % 3];
        }
        // Gone for a while each sixth hour, and once for three hours.
        world.service.down = (hour % 6 == 5 && second % 3600 > 1800) || (20..23).contains(&hour);
        let now = world.second(&["/"], 2);
        decided += now.decided;
        left += now.left;
        let stale = (21..23).contains(&hour) && second % 3600 > 310 || hour == 22;
        if stale {
            assert_eq!(now.decided, 0, "second {second}: rules of an hour ago do not decide");
        } else if second > 0 && !(20..=23).contains(&hour) {
            assert_eq!(now.left, 0, "second {second}: there are rules, and local ones are not asked");
        }
        // What was had before is in force while the service is away; the rate of an hour is judged when it is settled.
        if second % 3600 > 320 && !world.service.down && hour != 23 {
            let (drawn, kept) = by_rate.entry(hour % 9 + 1).or_default();
            *drawn += now.drawn;
            *kept += now.kept;
        }
    }
    assert!(left > 0);
    for (tenths, (drawn, kept)) in by_rate {
        assert!(drawn > 3000, "{drawn} at {tenths}");
        within_three_sigma(kept, drawn, tenths as f64 / 10.0);
    }
    // Every request is reported once, or in a call that failed, or waits.
    let rules = world.instances[0].sampler.shared().rules().unwrap();
    let waiting: u64 = rules.all().map(|rule| rule.state.take_counts().requests).sum();
    let service = &world.service;
    assert_eq!(service.requests + service.lost + waiting, decided);
    assert!(service.sampled + service.borrowed < service.requests && service.borrowed > 0);
    // Every 300 s and a little, once more for each change, less when the service is away.
    let refreshes = 45 * 3600 / 303 + 45;
    assert!(service.refreshes.abs_diff(refreshes) < refreshes / 5, "{} against {refreshes}", service.refreshes);
}

#[test]
fn a_change_is_in_force_with_the_next_report() {
    let set = |rate| vec![Set { name: "Default", path: "*", rate, reservoir: 0 }];
    let mut world = World::new(1, set(0.0));
    (0..100).for_each(|_| drop(world.second(&["/"], 5)));
    world.service.rules = vec![Set { name: "new", path: "/new", rate: 1.0, reservoir: 0 }, set(1.0).remove(0)];
    world.service.modified = START + 101;
    (0..11).for_each(|_| drop(world.second(&["/"], 5)));
    let names = world.instances[0].sampler.rule_names();
    assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["new", "Default"]);
    assert_eq!(world.service.refreshes, 2, "at the start, and for the change");
    let now = world.second(&["/", "/new"], 20);
    assert!(now.drawn > 0 && now.kept == now.drawn, "{} of {}", now.kept, now.drawn);
}

#[test]
fn instances_do_not_ask_all_at_once() {
    let mut world = World::new(30, vec![Set { name: "Default", path: "*", rate: 0.0, reservoir: 1 }]);
    let mut refreshes = Vec::new();
    for _ in 0..1300 {
        let before = world.service.refreshes;
        world.second(&["/"], 1);
        refreshes.push(world.service.refreshes - before);
    }
    assert_eq!(refreshes[0], 30, "at the start all have to");
    let most = refreshes[1..].iter().max().unwrap();
    assert!(*most < 15, "{most} of 30 in one second");
    assert_eq!(refreshes.iter().sum::<u64>(), 30 * 5);
}

#[test]
fn an_anomaly_is_reported_and_a_boost_lasts_as_long_as_it_is_told() {
    let mut world = World::new(1, vec![Set { name: "Default", path: "*", rate: 0.0, reservoir: 0 }]);
    world.second(&["/"], 1);
    let request = SamplingRequest::new("orders").with_path("/");
    let end = |fault| {
        let mut end = SegmentEnd::new("orders", Duration::from_millis(5));
        end.fault = fault;
        end
    };
    let sampler = &world.instances[0].sampler;
    for fault in [true, false, true, false, false] {
        let decision = sampler.decide(&request).unwrap();
        sampler.ended(&decision, &end(fault));
    }
    // What a caller decided is under no rule.
    sampler.ended(&crate::Decision::new(true, Reason::Header), &end(true));
    let now = START + 20;
    world.service.boost = Some((0.5, now + 60));
    (0..19).for_each(|_| drop(world.second(&["/"], 1)));
    let [reported] = &world.service.boosts[..] else { panic!("{:?}", world.service.boosts) };
    assert_eq!((&reported["RuleName"], &reported["ServiceName"]), (&json!("Default"), &json!("orders")));
    assert_eq!(
        (&reported["TotalCount"], &reported["AnomalyCount"], &reported["SampledAnomalyCount"]),
        (&json!(5), &json!(2), &json!(0))
    );
    let rate = |world: &mut World, seconds: u64| {
        let seconds: Vec<Second> = (0..seconds).map(|_| world.second(&["/"], 200)).collect();
        let sum = |of: fn(&Second) -> u64| seconds.iter().map(of).sum::<u64>();
        (sum(|second| second.kept), sum(|second| second.drawn))
    };
    let (kept, drawn) = rate(&mut world, 55);
    within_three_sigma(kept, drawn, 0.5);
    world.service.boost = None;
    rate(&mut world, 11);
    assert_eq!(rate(&mut world, 50).0, 0, "the boost is over");
}

#[test]
fn requests_that_came_with_a_decision_are_counted_nowhere() {
    let mut world = World::new(1, vec![Set { name: "Default", path: "*", rate: 1.0, reservoir: 9 }]);
    world.second(&["/"], 0);
    let sampler = &world.instances[0].sampler;
    sampler.ended(
        &crate::Decision::new(true, Reason::Header),
        &SegmentEnd::new("orders", Duration::ZERO).with_status(503),
    );
    (0..30).for_each(|_| drop(world.second(&["/"], 0)));
    assert_eq!((world.service.requests, world.service.boosts.len()), (0, 0));
}
