//! What the rules would have sampled of the requests whose traces are here.
//!
//! Each request meets the first rule that fits, as it would have in an SDK; of those of one second and rule the reservoir
//! takes the first, the rate its share of the rest. So it is `xrc sampling dry-run` for one instance, with the seconds in
//! which the requests came in place of an even spread. What was never recorded is not known here: under rules that sample
//! less than everything, more requests came.

use std::collections::HashMap;

use super::Request;
use crate::query::Label;
use crate::sampling::SamplingRule;
use crate::store::{Row, Window};
use crate::text::path;
use crate::{Store, query::Facts};

/// Requests looked at, the newest: the page is asked for again every other second, and this takes a few milliseconds.
const REQUESTS: usize = 10_000;

/// What came of the requests.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// How many there are.
    pub(super) requests: u64,
    /// Of each rule, by its place.
    pub(super) by_rule: Vec<Met>,
    /// Seconds since the epoch of the first and the last.
    span: Option<(f64, f64)>,
}

/// The requests that met a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Met {
    pub(super) requests: u64,
    /// How many of them are sampled on average.
    pub(super) sampled: f64,
}

impl Replay {
    pub(super) fn of(store: &Store, rules: &[SamplingRule]) -> Replay {
        let mut replay = Replay { by_rule: vec![Met::default(); rules.len()], ..Replay::default() };
        // Requests of each rule and second.
        let mut seconds: HashMap<(usize, i64), u32> = HashMap::new();
        store.scan(&Window::ALL, |row: &Row| {
            replay.add(&row.facts, rules, &mut seconds);
            replay.requests < REQUESTS as u64
        });
        for ((place, _), count) in seconds {
            if let (Some(met), Some(rule)) = (replay.by_rule.get_mut(place), rules.get(place)) {
                let count = f64::from(count);
                let first = f64::from(u32::try_from(rule.reservoir_size).unwrap_or(0)).min(count);
                met.sampled += first + rule.fixed_rate * (count - first);
            }
        }
        replay
    }

    fn add(&mut self, facts: &Facts, rules: &[SamplingRule], seconds: &mut HashMap<(usize, i64), u32>) {
        let (Some(root), Some(start)) = (facts.root(), facts.start_time()) else { return };
        let url = facts.label(0, Label::Url).unwrap_or_default();
        let request = Request {
            service: facts.text(root.name).unwrap_or_default(),
            kind: facts.text(root.kind).unwrap_or_default(),
            host: host(url),
            method: facts.label(0, Label::Method).unwrap_or_default(),
            path: path(url),
        };
        self.requests += 1;
        let (first, last) = self.span.unwrap_or((start, start));
        self.span = Some((first.min(start), last.max(start)));
        let Some(place) = rules.iter().position(|rule| request.unfit(rule).is_none()) else { return };
        if let Some(met) = self.by_rule.get_mut(place) {
            met.requests += 1;
        }
        // Times beyond what seconds can count are all one.
        #[allow(clippy::cast_possible_truncation)]
        let second = seconds.entry((place, start as i64)).or_default();
        *second = second.saturating_add(1);
    }

    /// How many are sampled on average.
    pub(super) fn sampled(&self) -> f64 {
        self.by_rule.iter().map(|met| met.sampled).sum()
    }

    /// Requests a second; none of what came within one.
    pub(super) fn rate(&self) -> Option<f64> {
        let (first, last) = self.span?;
        #[allow(clippy::cast_precision_loss)]
        let rate = self.requests as f64 / (last - first);
        (last - first >= 1.0).then_some(rate)
    }
}

/// The host of an address; of a path alone nothing.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use xray_core::document::Document;

    use super::*;

    fn store(requests: &[(f64, &str)]) -> Store {
        let store = Store::new();
        for (number, (start, url)) in requests.iter().enumerate() {
            let document = format!(
                r#"{{"name":"shop","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-{number:024x}","start_time":{start},
                    "end_time":{start},"http":{{"request":{{"method":"GET","url":"{url}"}}}}}}"#
            );
            store.put(&Document::parse(document).unwrap());
        }
        store
    }

    fn rule(path: &str, reservoir: i64, rate: f64) -> SamplingRule {
        let value = serde_json::json!({
            "RuleName": path, "Priority": 1, "ReservoirSize": reservoir, "FixedRate": rate, "ServiceName": "*",
            "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": path, "ResourceARN": "*", "Version": 1,
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn each_second_has_a_reservoir_of_its_own_and_the_rest_a_share() {
        let requests: Vec<_> = [10.0, 10.1, 10.2, 10.9, 11.5]
            .map(|start| (start, "https://shop.example/orders?x=1"))
            .into_iter()
            .chain([(20.0, "/health")])
            .collect();
        let rules = [rule("/health", 0, 0.0), rule("/orders", 1, 0.5), rule("*", 5, 1.0)];
        let replay = Replay::of(&store(&requests), &rules);
        let met = |requests, sampled| Met { requests, sampled };
        // 1 of the first second and half of the other 3, 1 of the second.
        assert_eq!(replay.by_rule, [met(1, 0.0), met(5, 3.5), met(0, 0.0)]);
        assert_eq!((replay.requests, replay.sampled(), replay.rate()), (6, 3.5, Some(0.6)));
        assert_eq!(Replay::of(&Store::new(), &rules).rate(), None);
    }

    #[test]
    fn hosts_are_those_of_whole_addresses() {
        for (url, expected) in
            [("https://a.example:8080/x", "a.example:8080"), ("http://a?b", "a"), ("/x", ""), ("", "")]
        {
            assert_eq!(host(url), expected);
        }
    }
}
