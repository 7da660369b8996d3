//! Decisions by local rules, at the start and at the end, and rules that are replaced.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::sampling::{Reason, Rule};

/// A clock set by the test, in seconds.
#[derive(Default)]
struct TestClock(AtomicU64);

impl TestClock {
    fn set(&self, second: u64) {
        self.0.store(second, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn wall(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> u64 {
        unreachable!("sampling counts by the wall clock")
    }
}

/// The middles of a thousand equal parts of all numbers, over and over: shares come out exact.
#[derive(Default)]
struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn next_u64(&self) -> u64 {
        let part = self.0.fetch_add(1, Ordering::Relaxed) % 1000;
        u64::MAX / 2000 * (2 * part + 1)
    }
}

fn sampler(rules: Rules) -> (LocalSampler, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    clock.set(1_465_510_280);
    (LocalSampler::new(rules, clock.clone(), Arc::new(TestEntropy::default())), clock)
}

fn sampled(sampler: &LocalSampler, request: &SamplingRequest<'_>, times: usize) -> usize {
    (0..times).filter(|_| sampler.sample(request).sampled()).count()
}

#[test]
fn without_rules_one_a_second_is_recorded_and_then_five_percent() {
    let (sampler, clock) = sampler(Rules::default());
    let request = SamplingRequest::new("orders");
    let first = sampler.sample(&request);
    let rule: Arc<str> = Rules::DEFAULT_NAME.into();
    let by = |sampled, reason| Decision::new(sampled, reason).with_rule(rule.clone()).with_terms(1, 0.05);
    assert_eq!(first, by(true, Reason::Reservoir));
    assert_eq!(sampled(&sampler, &request, 1000), 50);
    assert_eq!(sampled(&sampler, &request, 50), 50, "the lowest draws come first");
    assert_eq!(sampler.sample(&request), by(false, Reason::Rate));
    clock.set(1_465_510_281);
    assert_eq!(sampler.sample(&request).reason(), Reason::Reservoir);
    assert_eq!(sampler.sample(&request).reason(), Reason::Rate);
}

#[test]
fn the_first_rule_that_matches_decides_and_names_itself() {
    let rules = Rules::default()
        .with_rule(Rule::new("api").with_path("/api/*").with_fixed_target(0).with_rate(1.0))
        .with_rule(Rule::new("all api").with_path("/api*").with_fixed_target(0).with_rate(0.0))
        .with_rule(Rule::new("gold").with_priority(1).with_attribute("tenant", "gold").with_fixed_target(3));
    let (sampler, _) = sampler(rules);
    let decided = |request: &SamplingRequest<'_>| {
        let decision = sampler.sample(request);
        (decision.rule().map(str::to_owned), decision.sampled(), decision.reason())
    };
    let api = SamplingRequest::new("orders").with_path("/api/7");
    let by = |name: &str, sampled, reason| (Some(name.to_owned()), sampled, reason);
    assert_eq!(decided(&api), by("api", true, Reason::Rate));
    assert_eq!(decided(&api.with_path("/api")), by("all api", false, Reason::Rate));
    assert_eq!(decided(&api.with_attributes(&[("tenant", "gold")])), by("gold", true, Reason::Reservoir));
    assert_eq!(decided(&api.with_path("/")), by("Default", true, Reason::Reservoir));
}

#[test]
fn all_records_everything_and_none_nothing() {
    let request = SamplingRequest::new("orders");
    assert_eq!(sampled(&sampler(Rules::all()).0, &request, 3000), 3000);
    assert_eq!(sampled(&sampler(Rules::none()).0, &request, 3000), 0);
    for draw in [0, u64::MAX] {
        let decided = |rules| {
            let clock = Arc::new(TestClock::default());
            LocalSampler::new(rules, clock, Arc::new(Always(draw))).sample(&request)
        };
        assert!(decided(Rules::all()).sampled(), "{draw}");
        assert!(!decided(Rules::none()).sampled(), "{draw}");
    }
}

/// The same number every time.
struct Always(u64);

impl Entropy for Always {
    fn next_u64(&self) -> u64 {
        self.0
    }
}

#[test]
fn rates_are_shares_of_what_the_reservoir_leaves() {
    for (rate, expected) in [(0.0, 0), (0.001, 1), (0.25, 250), (0.5, 500), (0.999, 999), (1.0, 1000)] {
        let (sampler, _) = sampler(Rules::default().with_default(10, rate));
        let request = SamplingRequest::new("orders");
        assert_eq!(sampled(&sampler, &request, 1010), 10 + expected, "{rate}");
    }
}

#[test]
fn background_work_does_not_drain_the_reservoir_of_requests() {
    let rules = Rules::default()
        .with_default(2, 0.0)
        .with_rule(Rule::new("jobs").with_service("job").with_fixed_target(3).with_rate(0.0));
    let (sampler, _) = sampler(rules);
    for (service, fixed_target) in [("job", 3), ("orders", 2)] {
        let request = SamplingRequest::new(service);
        assert_eq!(sampled(&sampler, &request.with_background(true), 10), fixed_target);
        assert_eq!(sampled(&sampler, &request, 10), fixed_target);
    }
}

#[test]
fn each_rule_has_a_reservoir_of_its_own() {
    let rules = Rules::default()
        .with_default(1, 0.0)
        .with_rule(Rule::new("a").with_path("/a").with_fixed_target(2).with_rate(0.0))
        .with_rule(Rule::new("b").with_path("/b").with_fixed_target(0).with_rate(0.0));
    let (sampler, clock) = sampler(rules);
    for second in [10, 11, 5, 6] {
        clock.set(second);
        for (path, fixed_target) in [("/a", 2), ("/b", 0), ("/c", 1)] {
            let request = SamplingRequest::new("orders").with_path(path);
            assert_eq!(sampled(&sampler, &request, 10), fixed_target, "{path} in {second}");
        }
    }
}

#[test]
fn many_threads_get_exactly_the_target_in_one_second() {
    let (sampler, _) = sampler(Rules::default().with_default(100, 0.0));
    let total: usize = std::thread::scope(|scope| {
        let takers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| sampled(&sampler, &SamplingRequest::new("orders"), 500))).collect();
        takers.into_iter().map(|taker| taker.join().unwrap()).sum()
    });
    assert_eq!(total, 100);
}

fn end(status: u16) -> SegmentEnd<'static> {
    SegmentEnd::new("orders", Duration::from_millis(12)).with_status(status)
}

#[test]
fn a_rule_on_the_response_keeps_what_its_target_and_rate_let_through() {
    let errors = Rule::new("errors").with_priority(1).with_attribute("http.status_code", "5*");
    let rules = Rules::none().with_rule(errors.with_fixed_target(3).with_rate(0.5));
    let (sampler, clock) = sampler(rules);
    let request = SamplingRequest::new("orders");
    let start = sampler.sample(&request);
    assert_eq!((start.sampled(), start.rule()), (false, Some("Default")));

    let kept = sampler.sample_late(&start, &end(503)).unwrap();
    let expected = Decision::new(true, Reason::Late).with_rule("errors".into()).with_terms(3, 0.5);
    assert_eq!(kept, expected);
    assert_eq!(sampler.sample_late(&start, &end(200)), None, "no rule matches this end");
    let kept = |times: usize| (0..times).filter(|_| sampler.sample_late(&start, &end(500)).unwrap().sampled()).count();
    // One of three was taken above; one draw in all was made at the start.
    assert_eq!(kept(1002), 2 + 500);
    clock.set(1_465_510_281);
    assert_eq!(kept(3), 3);
    let counts = sampler.rule_counts();
    let rows: Vec<String> = counts.iter().map(ToString::to_string).collect();
    assert_eq!(rows, [r#""errors" requests=1006 late=506"#, r#""Default" requests=1"#]);
}

#[test]
fn a_rule_on_the_response_is_asked_for_what_no_rule_before_it_decides() {
    let late = |name: &str, path: &str| {
        Rule::new(name).with_path(path).with_attribute("fault", "true").with_fixed_target(0).with_rate(1.0)
    };
    let never = |name: &str, path: &str| Rule::new(name).with_path(path).with_fixed_target(0).with_rate(0.0);
    let rules = Rules::none()
        .with_rule(late("failed calls", "/api/*"))
        .with_rule(never("health", "/health"))
        .with_rule(late("failures", "*"));
    let (sampler, _) = sampler(rules);
    let by = |path: &str| {
        let start = sampler.sample(&SamplingRequest::new("orders").with_path(path));
        assert!(!start.sampled());
        let kept = sampler.sample_late(&start, &end(500));
        kept.and_then(|decision| decision.rule().map(str::to_owned))
    };
    assert_eq!(by("/api/1").as_deref(), Some("failed calls"));
    assert_eq!(by("/health"), None);
    assert_eq!(by("/").as_deref(), Some("failures"));
}

#[test]
fn what_is_sampled_at_the_start_is_not_asked_again() {
    let (sampler, _) = sampler(Rules::all().with_rule(Rule::new("errors").with_attribute("fault", "true")));
    let start = sampler.sample(&SamplingRequest::new("orders"));
    assert_eq!((start.sampled(), start.late_rules()), (true, None));
    // A caller's decision is gone against only by those who ask for it.
    assert!(sampler.late_rules(&SamplingRequest::new("orders")).is_some());
}

#[test]
fn a_file_that_changes_is_read_again_and_rules_of_the_same_name_go_on() {
    let file = TempFile::new("reload");
    let rules = |target: u32, rate: f64| {
        format!(
            r#"{{"version": 2, "default": {{"fixed_target": 1, "rate": 0}}, "rules": [{{"description": "api",
            "host": "*", "http_method": "*", "url_path": "/api*", "fixed_target": {target}, "rate": {rate}}}]}}"#
        )
    };
    file.write(&rules(2, 0.0));
    let clock = Arc::new(TestClock::default());
    let sampler = LocalSampler::from_file(&file.0, clock.clone(), Arc::new(TestEntropy::default())).unwrap();
    let api = SamplingRequest::new("orders").with_path("/api/7");
    assert_eq!(sampled(&sampler, &api, 10), 2);
    assert!(!sampler.reload().unwrap());

    file.write(&rules(30, 0.0));
    assert!(sampler.reload().unwrap());
    assert_eq!(sampled(&sampler, &api, 40), 28, "two of this second were given out before");
    assert_eq!(sampler.rule_counts()[0].to_string(), r#""api" requests=50 sampled=30"#);

    file.write(&rules(3, 2.0));
    let error = sampler.reload().unwrap_err();
    assert_eq!((error.file(), error.field()), (Some(&*file.0), Some("rate")));
    assert!(!sampler.reload().unwrap(), "told once");
    std::fs::remove_file(&file.0).unwrap();
    assert!(sampler.reload().is_err());
    assert!(!sampler.reload().unwrap(), "told once");
    assert_eq!(sampler.rules().rules()[0].fixed_target(), 30, "the rules in force stay");

    file.write(&rules(100, 1.0));
    assert!(sampler.reload().unwrap());
    assert_eq!(sampled(&sampler, &api, 200), 200);
    let elsewhere = std::thread::scope(|scope| scope.spawn(|| sampled(&sampler, &api, 5)).join().unwrap());
    assert_eq!(elsewhere, 5);
}

#[test]
fn a_request_under_way_keeps_the_rules_it_began_with() {
    let file = TempFile::new("under-way");
    let rules = |code: &str| {
        format!(
            r#"{{"version": 2, "default": {{"fixed_target": 0, "rate": 0}}, "rules": [{{"description": "errors",
            "host": "*", "http_method": "*", "url_path": "*", "attributes": {{"http.status_code": "{code}"}},
            "fixed_target": 1, "rate": 1}}]}}"#
        )
    };
    file.write(&rules("5*"));
    let sampler =
        LocalSampler::from_file(&file.0, Arc::new(TestClock::default()), Arc::new(TestEntropy::default())).unwrap();
    let before = sampler.sample(&SamplingRequest::new("orders"));
    file.write(&rules("404"));
    assert!(sampler.reload().unwrap());
    let after = sampler.sample(&SamplingRequest::new("orders"));
    let kept = |start, status| sampler.sample_late(start, &end(status)).is_some();
    assert!(kept(&before, 500) && !kept(&before, 404));
    assert!(!kept(&after, 500) && kept(&after, 404));
}

/// A path of this test's own, removed in the end.
struct TempFile(std::path::PathBuf);

impl TempFile {
    fn new(name: &str) -> TempFile {
        TempFile(std::env::temp_dir().join(format!("xray-rules-{}-{name}.json", std::process::id())))
    }

    /// Each text that is written here has another length: time of modification may be too coarse to differ.
    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_sampler_prints_its_rules_and_can_be_shared() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    let (sampler, _) = sampler(Rules::all());
    shared(&sampler);
    assert_eq!(sampler.to_string(), sampler.rules().to_string());
    assert!(format!("{sampler:?}").starts_with("LocalSampler { rules: Rules"));
    let dynamic: Arc<dyn Sample> = Arc::new(sampler);
    assert!(dynamic.sample(&SamplingRequest::new("orders")).sampled());
}
