//! Rules with what they have given out and counted so far.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::LocalKey;

use super::held::{Remembered, Seen};
use super::late::LateRules;
use super::reservoir::Reservoir;
use super::{Decision, Reason, Rule, RuleCounts, Rules, SamplingRequest, SegmentEnd};
use crate::{Clock, Entropy};

/// A set of rules in force.
pub(super) struct RuleSet {
    rules: Arc<Rules>,
    /// Of `rules.rules()`, in the same order.
    states: Box<[Arc<RuleState>]>,
    default_state: Arc<RuleState>,
    /// Places of the rules on the response among all rules, rising; [`Rules::MAX_LATE`] at most.
    late: Box<[usize]>,
}

/// What a rule has given out and counted. Outlives the rule's set: a rule that is read again under the same name goes on.
#[derive(Default)]
pub(super) struct RuleState {
    requests: Reservoir,
    background: Reservoir,
    asked: AtomicU64,
    sampled: AtomicU64,
    late: AtomicU64,
}

impl Remembered for RuleSet {
    fn seen() -> &'static LocalKey<Seen<RuleSet>> {
        thread_local! {
            static SEEN: Seen<RuleSet> = const { RefCell::new(None) };
        }
        &SEEN
    }
}

impl RuleSet {
    /// With full reservoirs, but for the rules that `before` has under the same names: theirs go on.
    pub(super) fn new(rules: Rules, before: Option<&RuleSet>) -> RuleSet {
        // Each state is given to one rule only, in order, should several have one name.
        let mut known: Vec<(&str, &Arc<RuleState>)> = before.map(RuleSet::named_states).unwrap_or_default();
        let mut state_of = |rule: &Rule| {
            let found = known.iter().position(|(name, _)| *name == rule.name());
            found.map_or_else(Arc::default, |place| Arc::clone(known.remove(place).1))
        };
        let states = rules.rules().iter().map(&mut state_of).collect();
        let late = rules.rules().iter().enumerate().filter(|(_, rule)| rule.is_late()).map(|(place, _)| place);
        let late = late.take(Rules::MAX_LATE).collect();
        let default_state = before.map(|before| Arc::clone(&before.default_state)).unwrap_or_default();
        RuleSet { rules: Arc::new(rules), states, default_state, late }
    }

    pub(super) fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    fn named_states(&self) -> Vec<(&str, &Arc<RuleState>)> {
        self.rules.rules().iter().map(Rule::name).zip(&self.states).collect()
    }

    /// Decides for a request that begins.
    pub(super) fn decide(
        self: &Arc<RuleSet>,
        request: &SamplingRequest<'_>,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Decision {
        let rules = self.rules.rules();
        let place = rules.iter().position(|rule| rule.matches(request));
        let found = place.and_then(|place| rules.get(place).zip(self.states.get(place)));
        let (rule, state) = found.unwrap_or((self.rules.default_rule(), &self.default_state));
        let reservoir = if request.background { &state.background } else { &state.requests };
        state.asked.fetch_add(1, Ordering::Relaxed);
        let decision = draw(rule, reservoir, clock, entropy);
        if decision.sampled() {
            state.sampled.fetch_add(1, Ordering::Relaxed);
            return decision;
        }
        if self.late.is_empty() {
            return decision;
        }
        decision.with_late_rules(self.late_for(request, place.unwrap_or(usize::MAX)))
    }

    /// The rules on the response that this request, decided by the rule at `decided`, may come to.
    pub(super) fn late_for(self: &Arc<RuleSet>, request: &SamplingRequest<'_>, decided: usize) -> Option<LateRules> {
        let rules = self.rules.rules();
        let mut asked = 0;
        for (bit, place) in self.late.iter().enumerate().take_while(|(_, place)| **place < decided) {
            if rules.get(*place).is_some_and(|rule| rule.matches_start(request)) {
                asked |= 1 << bit;
            }
        }
        (asked != 0).then(|| LateRules { set: Arc::clone(self), asked })
    }

    /// The rules on the response that these bits name, in order.
    pub(super) fn late_rules(&self, asked: u64) -> impl Iterator<Item = (&Rule, &RuleState)> {
        let places = self.late.iter().enumerate().filter(move |(bit, _)| asked & (1 << bit) != 0);
        places.filter_map(|(_, place)| Some((self.rules.rules().get(*place)?, &**self.states.get(*place)?)))
    }

    pub(super) fn counts(&self) -> Vec<RuleCounts> {
        let default = (self.rules.default_rule(), &self.default_state);
        let all = self.rules.rules().iter().zip(&self.states).chain([default]);
        RuleCounts::bounded(all.map(|(rule, state)| {
            let mut counts = RuleCounts::new(rule.shared_name());
            counts.requests = state.asked.load(Ordering::Relaxed);
            counts.sampled = state.sampled.load(Ordering::Relaxed);
            counts.late = state.late.load(Ordering::Relaxed);
            counts
        }))
    }
}

impl LateRules {
    /// Decides for a request that has ended: by the first of the rules that its end matches, for or against. `None`
    /// where none does.
    pub(super) fn decide(&self, end: &SegmentEnd<'_>, clock: &dyn Clock, entropy: &dyn Entropy) -> Option<Decision> {
        let (rule, state) = self.set.late_rules(self.asked).find(|(rule, _)| rule.matches_end(end))?;
        state.asked.fetch_add(1, Ordering::Relaxed);
        let kept = draw(rule, &state.requests, clock, entropy).sampled();
        state.late.fetch_add(u64::from(kept), Ordering::Relaxed);
        let decision = Decision::new(kept, Reason::Late).with_rule(rule.shared_name());
        Some(decision.with_terms(rule.fixed_target(), rule.rate()))
    }
}

/// The reservoir first, then the rate.
fn draw(rule: &Rule, reservoir: &Reservoir, clock: &dyn Clock, entropy: &dyn Entropy) -> Decision {
    let (fixed_target, rate) = (rule.fixed_target(), rule.rate());
    // The clock is not read for an empty reservoir.
    let decision = if fixed_target > 0 && reservoir.take(fixed_target, clock.wall()) {
        Decision::new(true, Reason::Reservoir)
    } else {
        Decision::new(share(entropy.next_u64()) < rate, Reason::Rate)
    };
    decision.with_rule(rule.shared_name()).with_terms(fixed_target, rate)
}

/// A number of [0, 1) from random bits: the upper 53, as many as an `f64` holds exactly. Never 1, so a rate of 1.0
/// takes every draw, and never below 0, so a rate of 0.0 takes none.
pub(super) fn share(bits: u64) -> f64 {
    const STEPS: f64 = (1_u64 << 53) as f64;
    (bits >> 11) as f64 / STEPS
}
