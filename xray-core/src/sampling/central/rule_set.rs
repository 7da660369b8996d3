//! The rules of one refresh, in the order in which they are asked: never changed once they are there.
//!
//! Priority first, then name. The rule called `Default` comes last and matches everything, whatever its patterns say. A
//! name that comes twice counts once, for its first rule. At most [`Rules::MAX_RULES`] are kept, those asked first.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::LocalKey;

use super::skipped::Skipped;
use super::state::RuleState;
use super::wire::RuleRecord;
use crate::sampling::held::{Remembered, Seen};
use crate::sampling::wildcard::Pattern;
use crate::sampling::{Rule, Rules, SamplingRequest};

/// Rules, and when they were had.
#[derive(Debug)]
pub(super) struct RuleSet {
    rules: Box<[CentralRule]>,
    default: Option<CentralRule>,
    /// Those that can be boosted: usually none, so that the end of a segment costs no search.
    boosted: HashMap<Arc<str>, Arc<RuleState>>,
    /// Nanoseconds of monotonic time when the service was asked for them; `None` before it answered.
    pub(super) asked_at: Option<u64>,
}

impl Remembered for RuleSet {
    fn seen() -> &'static LocalKey<Seen<RuleSet>> {
        thread_local! {
            static SEEN: Seen<RuleSet> = const { RefCell::new(None) };
        }
        &SEEN
    }
}

/// A rule with its state.
#[derive(Debug)]
pub(super) struct CentralRule {
    /// Name and patterns. Its reservoir and rate are those of the state.
    rule: Rule,
    resource_arn: Pattern,
    pub(super) name: Arc<str>,
    pub(super) state: Arc<RuleState>,
}

impl RuleSet {
    /// Before the service has answered.
    pub(super) fn none() -> RuleSet {
        RuleSet { rules: Box::default(), default: None, boosted: HashMap::new(), asked_at: None }
    }

    /// From what the service answered. What is known by name keeps its state. Says which were left out.
    pub(super) fn new(
        mut records: Vec<RuleRecord>,
        before: Option<&RuleSet>,
        asked_at: u64,
        report_from: u64,
    ) -> (RuleSet, Skipped) {
        let mut skipped = Skipped::default();
        records.sort_by(|one, other| (one.priority, &one.name).cmp(&(other.priority, &other.name)));
        let mut names = HashSet::new();
        records.retain(|record| {
            let keeps = names.len() < Rules::MAX_RULES && names.insert(record.name.clone());
            if !keeps {
                skipped.add(Some(&record.name));
            }
            keeps
        });
        let known: HashMap<&str, &Arc<RuleState>> =
            before.into_iter().flat_map(RuleSet::all).map(|rule| (&*rule.name, &rule.state)).collect();
        let mut default = None;
        let mut rules = Vec::with_capacity(records.len());
        let mut boosted = HashMap::new();
        for record in &records {
            let state = match known.get(&*record.name) {
                Some(state) => {
                    state.update(record);
                    Arc::clone(state)
                }
                None => Arc::new(RuleState::new(record, report_from)),
            };
            let rule = CentralRule::new(record, state);
            if record.boosts {
                boosted.insert(Arc::clone(&rule.name), Arc::clone(&rule.state));
            }
            if *record.name == *Rules::DEFAULT_NAME { default = Some(rule) } else { rules.push(rule) }
        }
        (RuleSet { rules: rules.into(), default, boosted, asked_at: Some(asked_at) }, skipped)
    }

    /// The first rule that matches, else the default one. The resource is the one the program runs as.
    pub(super) fn find(&self, request: &SamplingRequest<'_>, resource: Option<&str>) -> Option<&CentralRule> {
        self.rules.iter().find(|rule| rule.matches(request, resource)).or(self.default.as_ref())
    }

    /// The rules, in order, the default one last.
    pub(super) fn all(&self) -> impl Iterator<Item = &CentralRule> {
        self.rules.iter().chain(&self.default)
    }

    /// The state of a rule that can be boosted.
    pub(super) fn boosted(&self, name: &str) -> Option<&RuleState> {
        self.boosted.get(name).map(|state| &**state)
    }
}

impl CentralRule {
    fn new(record: &RuleRecord, state: Arc<RuleState>) -> CentralRule {
        let patterns = Rule::new(&record.name)
            .with_service(&record.service)
            .with_service_type(&record.service_type)
            .with_host(&record.host)
            .with_method(&record.method)
            .with_path(&record.path);
        let attributes = record.attributes.iter();
        let rule = attributes.fold(patterns, |rule, (name, pattern)| rule.with_attribute(name, pattern));
        CentralRule { name: rule.shared_name(), rule, resource_arn: Pattern::new(&record.resource_arn), state }
    }

    fn matches(&self, request: &SamplingRequest<'_>, resource: Option<&str>) -> bool {
        self.rule.matches(request) && self.resource_arn.matches_part(resource)
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::tests::record;
    use super::*;

    fn set(records: Vec<RuleRecord>) -> RuleSet {
        RuleSet::new(records, None, 0, 0).0
    }

    fn found<'a>(set: &'a RuleSet, request: &SamplingRequest<'_>) -> Option<&'a str> {
        set.find(request, None).map(|rule| &*rule.name)
    }

    fn at(priority: u32, name: &str, path: &str) -> RuleRecord {
        RuleRecord { priority, path: path.to_owned(), ..record(name) }
    }

    #[test]
    fn priority_decides_then_the_name_and_default_comes_last() {
        let set = set(vec![
            RuleRecord { priority: 1, path: "/never".to_owned(), ..record("Default") },
            at(20, "b", "/api/*"),
            at(10, "z", "/api/7"),
            at(20, "a", "/api/*"),
        ]);
        let order: Vec<&str> = set.all().map(|rule| &*rule.name).collect();
        assert_eq!(order, ["z", "a", "b", "Default"]);
        let request = SamplingRequest::new("orders");
        assert_eq!(found(&set, &request.with_path("/api/7")), Some("z"));
        assert_eq!(found(&set, &request.with_path("/api/8")), Some("a"));
        assert_eq!(found(&set, &request), Some("Default"));
    }

    #[test]
    fn every_part_of_a_rule_has_to_match() {
        let rule = RuleRecord {
            service: "ord*".to_owned(),
            service_type: "AWS::ECS::*".to_owned(),
            host: "*.example.com".to_owned(),
            method: "GET".to_owned(),
            path: "/api/?".to_owned(),
            resource_arn: "arn:aws:ecs:*:cluster/shop".to_owned(),
            attributes: vec![("tenant".to_owned(), "gold*".to_owned())],
            ..record("all parts")
        };
        let set = set(vec![rule]);
        let arn = Some("arn:aws:ecs:eu-west-1:1:cluster/shop");
        let request = SamplingRequest::new("orders")
            .with_service_type("AWS::ECS::Container")
            .with_host("shop.example.com")
            .with_method("GET")
            .with_path("/api/7")
            .with_attributes(&[("region", "eu"), ("tenant", "gold-7")]);
        assert!(set.find(&request, arn).is_some());
        assert!(set.find(&request, None).is_none());
        assert!(set.find(&request, Some("arn:aws:ecs:eu-west-1:1:cluster/bank")).is_none());
        let others = [
            SamplingRequest { service: "billing", ..request },
            SamplingRequest { service_type: None, ..request },
            request.with_host("example.org"),
            request.with_method("POST"),
            request.with_path("/api/77"),
            request.with_attributes(&[("tenant", "tin")]),
            request.with_attributes(&[]),
        ];
        for other in others {
            assert!(set.find(&other, arn).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_rule_that_stays_keeps_its_state_and_takes_its_new_terms() {
        let before = set(vec![record("stays"), record("goes")]);
        let stays = Arc::clone(&before.all().last().unwrap().state);
        let (after, _) =
            RuleSet::new(vec![RuleRecord { rate: 1.0, ..record("stays") }, record("new")], Some(&before), 0, 0);
        let names: Vec<&str> = after.all().map(|rule| &*rule.name).collect();
        assert_eq!(names, ["new", "stays"]);
        let state = &after.all().last().unwrap().state;
        assert!(Arc::ptr_eq(state, &stays));
        assert_eq!(state.decide(true, std::time::Duration::from_secs(1), || 0.9).rate, 1.0);
    }

    #[test]
    fn doubles_and_rules_beyond_the_bound_are_left_out() {
        let (set, skipped) = RuleSet::new(vec![at(2, "twice", "/late"), at(1, "twice", "/first")], None, 0, 0);
        assert_eq!((set.all().count(), skipped.names), (1, vec!["twice".to_owned()]));
        assert_eq!(found(&set, &SamplingRequest::new("orders").with_path("/first")), Some("twice"));
        let many =
            (0..Rules::MAX_RULES as u32 + 7).map(|priority| at(priority, &format!("rule {priority}"), "/x")).collect();
        let (set, skipped) = RuleSet::new(many, None, 0, 0);
        assert_eq!((set.all().count(), skipped.count, skipped.names.len()), (Rules::MAX_RULES, 7, 3));
        assert_eq!(found(&set, &SamplingRequest::new("orders").with_path("/y")), None);
    }

    #[test]
    fn no_pattern_is_a_bomb() {
        let bombs = ["*?".repeat(500), "*a".repeat(500), "?*".repeat(500)];
        let rules = bombs
            .iter()
            .enumerate()
            .map(|(at, bomb)| RuleRecord { path: format!("{bomb}b"), ..record(&at.to_string()) });
        let set = set(rules.collect());
        assert_eq!(found(&set, &SamplingRequest::new("orders").with_path(&"a".repeat(8000))), None);
    }

    #[test]
    fn a_path_that_is_no_text_is_matched_as_it_came() {
        let set = set(vec![at(1, "escaped", "/%FF%C0*"), at(2, "replaced", "/?")]);
        let request = SamplingRequest::new("orders");
        assert_eq!(found(&set, &request.with_path("/%ff%c0/x")), Some("escaped"));
        assert_eq!(found(&set, &request.with_path("/\u{fffd}")), Some("replaced"));
    }
}
