//! `/sampling`: the rules that SDKs are given, what they say they decided, and a request to try them on.
//!
//! The request is in the address: `service`, `type`, `host`, `method`, `path`. Beside what SDKs say they decided stands
//! what these rules would have sampled of the requests that are [here](replay).

mod replay;

use std::collections::BTreeMap;

use maud::{Markup, html};
use xray_core::sampling::Pattern;

use super::answer::Answer;
use super::asked::Asked;
use super::frame::{Frame, Section};
use super::shown;
use crate::sampling::{GetSamplingRules, GetSamplingStatisticSummaries, SamplingRule};
use replay::Replay;

/// Seconds that the recent counts are of.
const RECENT: f64 = 300.0;
/// Pages of answers read; each holds a thousand.
const PAGES: usize = 10;

/// What SDKs decided by a rule.
#[derive(Clone, Copy, Default)]
struct Decided {
    requests: i64,
    sampled: i64,
    borrowed: i64,
    /// Of these, within the last [`RECENT`].
    recent: i64,
}

pub(super) fn show(asked: &Asked) -> Answer {
    let (rules, decided) = (rules(asked), decided(asked));
    let title = "Sampling";
    let body = html! {
        div #view {
            h1 { "Sampling" }
            @match &rules {
                Ok(rules) => {
                    p.dim {
                        "X-Ray SDKs that sample centrally fetch these rules from here and tell what they decided; counts are of the last hour."
                    }
                    @let replay = Replay::of(asked.store(), rules);
                    (table(rules, &decided, &replay, asked))
                    (dry_run(&replay))
                    (form(asked))
                }
                Err(message) => { p.notice { (shown(message)) } }
            }
        }
    };
    if asked.part().is_some() {
        return Answer::part(html! { title { (title) " - xrc" } (body) });
    }
    let frame = Frame {
        title,
        command: "xrc sampling --help",
        styles: &["panels.css"],
        scripts: &["panels.js"],
        ..Frame::new(Section::Sampling)
    };
    asked.page(&frame, body)
}

/// The rules in the order in which they are asked.
fn rules(asked: &Asked) -> Result<Vec<SamplingRule>, String> {
    if asked.api().upstream().is_some() {
        // Not asked for them: a page that is open would do so every other second.
        return Err("SDKs are given the rules of AWS X-Ray, to which this console passes their calls on".to_owned());
    }
    let mut rules = Vec::new();
    let mut next = GetSamplingRules::default();
    for _ in 0..PAGES {
        let answer = asked.api().call(next).map_err(|error| error.to_string())?;
        rules.extend(answer.sampling_rule_records.into_iter().filter_map(|record| record.sampling_rule));
        let Some(token) = answer.next_token else { break };
        next = GetSamplingRules { next_token: Some(token) };
    }
    Ok(rules)
}

/// By rule.
fn decided(asked: &Asked) -> BTreeMap<String, Decided> {
    let since = asked.now() - RECENT;
    let mut decided: BTreeMap<String, Decided> = BTreeMap::new();
    let mut next = GetSamplingStatisticSummaries::default();
    for _ in 0..PAGES {
        let Ok(answer) = asked.api().call(next) else { break };
        for summary in answer.sampling_statistic_summaries {
            let of_rule = decided.entry(summary.rule_name.unwrap_or_default()).or_default();
            let requests = summary.request_count.unwrap_or(0);
            of_rule.requests = of_rule.requests.saturating_add(requests);
            of_rule.sampled = of_rule.sampled.saturating_add(summary.sampled_count.unwrap_or(0));
            of_rule.borrowed = of_rule.borrowed.saturating_add(summary.borrow_count.unwrap_or(0));
            if summary.timestamp.is_some_and(|time| time >= since) {
                of_rule.recent = of_rule.recent.saturating_add(requests);
            }
        }
        let Some(token) = answer.next_token else { break };
        next = GetSamplingStatisticSummaries { next_token: Some(token) };
    }
    decided
}

/// What the rules would have made of the requests that are here, in all, and what says the price.
fn dry_run(replay: &Replay) -> Markup {
    if replay.requests == 0 {
        return html! {};
    }
    let count = i64::try_from(replay.requests).unwrap_or(i64::MAX);
    #[allow(clippy::cast_possible_truncation)]
    let sampled = replay.sampled().round() as i64;
    html! {
        p.dim {
            "Of the " (replay.requests) " requests that are here these rules would sample about " (sampled)
            " (" (share(sampled, count)) "), if one instance decided. Of other rules: "
            code { "xrc sampling dry-run FILE" }
            @if let Some(rate) = replay.rate() {
                ". At " (format!("{rate:.2}")) " requests/s, the price of a month: "
                code { "xrc cost --rps " (format!("{rate:.2}")) " --rules FILE" }
            }
        }
    }
}

fn table(rules: &[SamplingRule], decided: &BTreeMap<String, Decided>, replay: &Replay, asked: &Asked) -> Markup {
    let request = Request::of(asked);
    let winner = request.as_ref().and_then(|request| rules.iter().position(|rule| request.unfit(rule).is_none()));
    html! {
        @if let (Some(request), Some(rule)) = (&request, winner.and_then(|place| rules.get(place))) {
            p.notice role="status" {
                b { (shown(request.method)) " " (shown(request.path)) } " is decided by rule "
                b { (shown(rule.rule_name.as_deref().unwrap_or_default())) } ": " (terms(rule))
                ". Sampled=0 or Sampled=1 in the caller's trace header wins over any rule."
            }
        }
        div.wide {
            table #rules {
                thead {
                    tr {
                        th scope="col" { "Rule" } th.num scope="col" { "Priority" } th scope="col" { "Matches" }
                        th.num scope="col" { "Reservoir" } th.num scope="col" { "Rate" }
                        th.num scope="col" { "Requests" } th.num scope="col" { "Sampled" } th.num scope="col" { "Borrowed" }
                        th.num scope="col" { "Last 5 min" }
                        @if replay.requests > 0 { th.num scope="col" { "Here" } th.num scope="col" { "Would sample" } }
                        @if request.is_some() { th scope="col" { "The request" } }
                    }
                }
                tbody {
                    @for (place, rule) in rules.iter().enumerate() {
                        @let name = rule.rule_name.as_deref().unwrap_or_default();
                        @let counts = decided.get(name).copied().unwrap_or_default();
                        tr aria-current=[(winner == Some(place)).then_some("true")] {
                            th scope="row" { (shown(name)) }
                            td.num { (rule.priority) }
                            td { (matches(rule)) }
                            td.num { (rule.reservoir_size) "/s" }
                            td.num { (percent(rule.fixed_rate)) }
                            td.num { (counts.requests) }
                            td.num {
                                (counts.sampled)
                                @if counts.requests > 0 { " " span.dim { (share(counts.sampled, counts.requests)) } }
                            }
                            td.num { (counts.borrowed) }
                            td.num { (counts.recent) }
                            @if replay.requests > 0 {
                                @let met = replay.by_rule.get(place).copied().unwrap_or_default();
                                td.num { (met.requests) }
                                td.num { (format!("{:.0}", met.sampled)) }
                            }
                            @if let Some(request) = &request {
                                td {
                                    @match (request.unfit(rule), winner) {
                                        (Some(why), _) => { span.dim { (why) } }
                                        (None, Some(first)) if first == place => { b.ok { "decides" } }
                                        (None, _) => { span.dim { "would match, comes later" } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What a rule asks for, where it asks for anything.
fn matches(rule: &SamplingRule) -> Markup {
    let asked: Vec<_> = patterns(rule).into_iter().filter(|(_, pattern)| *pattern != "*").collect();
    let attributes: Vec<_> = rule.attributes.iter().flatten().collect();
    html! {
        @if asked.is_empty() && attributes.is_empty() { span.dim { "everything" } }
        @for (name, pattern) in asked { code { (name) " " (shown(pattern)) } " " }
        @for (key, value) in attributes { code { "attribute " (shown(key)) "=" (shown(value)) } " " }
    }
}

fn patterns(rule: &SamplingRule) -> [(&'static str, &str); 6] {
    [
        ("service", &rule.service_name),
        ("type", &rule.service_type),
        ("host", &rule.host),
        ("method", &rule.http_method),
        ("path", &rule.url_path),
        ("ARN", &rule.resource_arn),
    ]
}

fn terms(rule: &SamplingRule) -> String {
    match rule.reservoir_size {
        ..=0 => format!("{} are sampled", percent(rule.fixed_rate)),
        size => format!("the first {size} of each second are sampled, {} of the rest", percent(rule.fixed_rate)),
    }
}

fn percent(rate: f64) -> String {
    // Without the traces of a share that binary numbers cannot hold.
    format!("{} %", (rate * 1e6).round() / 1e4)
}

fn share(part: i64, all: i64) -> String {
    #[allow(clippy::cast_precision_loss)]
    let share = part as f64 / all as f64 * 100.0;
    format!("{share:.1} %")
}

/// A request to try the rules on.
struct Request<'a> {
    service: &'a str,
    kind: &'a str,
    host: &'a str,
    method: &'a str,
    path: &'a str,
}

impl<'a> Request<'a> {
    /// None if nothing was filled in.
    fn of(asked: &'a Asked) -> Option<Request<'a>> {
        let get = |name| asked.query.get(name).unwrap_or_default();
        let any = FIELDS.iter().any(|(name, ..)| asked.query.get(name).is_some());
        any.then(|| Request {
            service: get("service"),
            kind: get("type"),
            host: get("host"),
            method: get("method"),
            path: get("path"),
        })
    }

    /// Why a rule passes it over; none if it decides.
    fn unfit(&self, rule: &SamplingRule) -> Option<String> {
        let values = [self.service, self.kind, self.host, self.method, self.path];
        let wrong =
            patterns(rule).into_iter().zip(values).find(|((_, pattern), value)| !Pattern::new(pattern).matches(value));
        if let Some(((name, pattern), value)) = wrong {
            let value = if value.is_empty() { "nothing".into() } else { shown(value) };
            return Some(format!("{name} {} does not match {value}", shown(pattern)));
        }
        if rule.resource_arn != "*" {
            return Some("SDKs pass rules over that ask for an ARN".to_owned());
        }
        let attributes = rule.attributes.iter().flatten().count();
        (attributes > 0).then(|| "SDKs pass rules over that ask for attributes".to_owned())
    }
}

/// Name, label, example.
const FIELDS: [(&str, &str, &str); 5] = [
    ("service", "Service", "orders"),
    ("type", "Type", "AWS::ECS::Container"),
    ("host", "Host", "api.example.com"),
    ("method", "Method", "GET"),
    ("path", "Path", "/orders/7"),
];

fn form(asked: &Asked) -> Markup {
    html! {
        h2 { "Try a request" }
        form.try action="/sampling" method="get" {
            @for (name, label, example) in FIELDS {
                label { (label) " " input name=(name) value=(asked.query.get(name).unwrap_or_default()) placeholder=(example); }
            }
            button type="submit" { "Try" }
        }
    }
}
