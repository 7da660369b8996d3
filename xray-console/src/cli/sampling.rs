//! `xrc sampling`: rules files checked, explained and tried out.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use serde_json::{Value, json};
use xray_core::sampling::{Pattern, Rule, Rules, SamplingRequest};

use super::args::{DryRun, Explain, Sampling};
use super::failure::{Done, Failure};
use super::output::{Output, columns, counted, grouped};

/// Requests read for a dry run.
const REQUESTS: usize = 1_000_000;

pub(crate) fn run(what: &Sampling, captured: impl FnOnce() -> Result<Vec<Request>, Failure>, to: &mut Output) -> Done {
    match what {
        Sampling::Check { file } => check(&read(file)?, to),
        Sampling::Explain(options) => explain(&read(&options.file)?, options, to),
        Sampling::DryRun(options) => {
            let rules = read(&options.file)?;
            let requests = if options.from == "captured" { captured()? } else { requests(&options.from)? };
            dry_run(&rules, options, &requests, to)
        }
    }
}

fn read(file: &std::path::Path) -> Result<Rules, Failure> {
    Rules::from_file(file).map_err(Failure::usage)
}

fn check(rules: &Rules, to: &mut Output) -> Done {
    let warnings = rules.warnings();
    let listed = rules.to_string();
    let value = json!({"rules": listed.lines().collect::<Vec<_>>(), "warnings": warnings});
    to.either(&value, |to| {
        listed.lines().try_for_each(|line| to.line(line))?;
        warnings.iter().try_for_each(|warning| to.line(format!("warn  {warning}")))
    })?;
    match warnings.len() {
        0 => Ok(()),
        1 => Err(Failure::found("1 warning")),
        many => Err(Failure::found(format!("{many} warnings"))),
    }
}

fn explain(rules: &Rules, options: &Explain, to: &mut Output) -> Done {
    let attributes: Vec<_> = options.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let mut request = SamplingRequest::new(&options.service).with_attributes(&attributes);
    let parts = [
        ("service_name", Some(options.service.as_str())),
        ("service_type", options.kind.as_deref()),
        ("host", options.host.as_deref()),
        ("http_method", options.method.as_deref()),
        ("url_path", options.path.as_deref()),
    ];
    if let Some(host) = &options.host {
        request = request.with_host(host);
    }
    if let Some(method) = &options.method {
        request = request.with_method(method);
    }
    if let Some(path) = &options.path {
        request = request.with_path(path);
    }
    if let Some(kind) = &options.kind {
        request = request.with_service_type(kind);
    }
    let (place, rule) = decides(rules, &request);
    // Of the rules before it, what does not fit.
    let passed: Vec<String> = rules
        .rules()
        .iter()
        .take(place)
        .enumerate()
        .map(|(index, rule)| format!("rule {} {:?}  {}", index + 1, rule.name(), unfit(rule, &parts)))
        .collect();
    let fits: Vec<String> = patterns(rule)
        .into_iter()
        .zip(parts)
        .filter(|((_, pattern), (_, value))| *pattern != "*" || value.is_some())
        .map(|((field, pattern), (_, value))| format!("{field} {pattern} ~ {}", value.unwrap_or("(none)")))
        .collect();
    let name = if place < rules.rules().len() {
        format!("rule {} {:?}", place + 1, rule.name())
    } else {
        "default".to_owned()
    };
    let value = json!({
        "rule": rule.name(), "fixed_target": rule.fixed_target(), "rate": rule.rate(), "fits": fits, "passed_over": passed,
    });
    to.either(&value, |to| {
        passed.iter().try_for_each(|line| to.line(line))?;
        to.line(format!("{name}  {}", fits.join("   ")))?;
        to.line(format!("decision: {} the incoming trace header's Sampled=0 or Sampled=1 would have won", terms(rule)))
    })
}

fn terms(rule: &Rule) -> String {
    let rate = rule.rate() * 100.0;
    match rule.fixed_target() {
        0 => format!("{rate} % are sampled;"),
        target => format!("the first {target} of each second are sampled, {rate} % of the rest;"),
    }
}

/// The rule that decides and its place; the default's is past the last.
fn decides<'a>(rules: &'a Rules, request: &SamplingRequest<'_>) -> (usize, &'a Rule) {
    let found = rules.rules().iter().enumerate().find(|(_, rule)| rule.matches(request));
    found.unwrap_or((rules.rules().len(), rules.default_rule()))
}

/// What a rule asks of a request, attributes aside, as rules files name it.
fn patterns(rule: &Rule) -> [(&'static str, &str); 5] {
    [
        ("service_name", rule.service()),
        ("service_type", rule.service_type()),
        ("host", rule.host()),
        ("http_method", rule.method()),
        ("url_path", rule.path()),
    ]
}

fn unfit(rule: &Rule, parts: &[(&str, Option<&str>); 5]) -> String {
    if rule.is_late() {
        return "decides when a request has ended, by its response".to_owned();
    }
    let wrong = patterns(rule).into_iter().zip(parts).find(|((_, pattern), (_, value))| match value {
        Some(value) => !Pattern::new(pattern).matches(value),
        None => *pattern != "*",
    });
    match wrong {
        Some(((field, pattern), (_, Some(value)))) => format!("no: {field} {pattern} does not match {value}"),
        Some(((field, pattern), (_, None))) => format!("no: {field} {pattern}, and the request has none"),
        None => "no: an attribute does not match".to_owned(),
    }
}

/// A request, as far as rules ask about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) service: String,
    pub(crate) method: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) host: Option<String>,
}

fn requests(from: &str) -> Result<Vec<Request>, Failure> {
    let reader: Box<dyn BufRead> = if from == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(from).map_err(|error| Failure::io(format!("{from}: {error}")))?))
    };
    let mut requests = Vec::new();
    for (number, line) in reader.lines().take(REQUESTS).enumerate() {
        let line = line.map_err(|error| Failure::io(format!("{from}, line {}: {error}", number + 1)))?;
        if line.trim().is_empty() {
            continue;
        }
        let request = request(&line).ok_or_else(|| {
            let expected = "{\"method\":…,\"path\":…} or the common log format (… \"GET /path HTTP/1.1\" …)";
            Failure::usage(format!("{from}, line {}: not a request; expected {expected}", number + 1))
        })?;
        requests.push(request);
    }
    Ok(requests)
}

fn request(line: &str) -> Option<Request> {
    if line.trim_start().starts_with('{') {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let service = text("service").unwrap_or_default();
        return Some(Request { service, method: text("method"), path: text("path"), host: text("host") });
    }
    let quoted = line.split('"').nth(1)?;
    let mut words = quoted.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let path = target.split(['?', '#']).next()?;
    Some(Request { method: Some(method.to_owned()), path: Some(path.to_owned()), ..Request::default() })
}

fn dry_run(rules: &Rules, options: &DryRun, requests: &[Request], to: &mut Output) -> Done {
    if requests.is_empty() {
        return Err(Failure::found("no requests to try the rules on"));
    }
    let mut hits = vec![0_usize; rules.rules().len() + 1];
    for request in requests {
        let mut asked = SamplingRequest::new(&request.service);
        if let Some(method) = &request.method {
            asked = asked.with_method(method);
        }
        if let Some(path) = &request.path {
            asked = asked.with_path(path);
        }
        if let Some(host) = &request.host {
            asked = asked.with_host(host);
        }
        let (place, _) = decides(rules, &asked);
        if let Some(hit) = hits.get_mut(place) {
            *hit += 1;
        }
    }
    let count = |number: usize| number as f64;
    let seconds = count(requests.len()) / options.rps;
    let mut rows =
        vec![["rule (priority)", "requests", "reservoir", "rate", "sampled", "share"].map(str::to_owned).to_vec()];
    let mut values = Vec::new();
    let (mut total, mut never) = (0.0, Vec::new());
    for (rule, hit) in rules.rules().iter().chain([rules.default_rule()]).zip(&hits) {
        let requests_per_second = count(*hit) / seconds;
        // Requests are taken to come evenly, to all instances alike.
        let reservoir = (f64::from(rule.fixed_target()) * f64::from(options.instances)).min(requests_per_second);
        let sampled = (reservoir + rule.rate() * (requests_per_second - reservoir)) * seconds;
        let share = if *hit == 0 { 0.0 } else { sampled / count(*hit) * 100.0 };
        let name = match rule.priority() {
            Some(priority) => format!("{} ({priority})", rule.name()),
            None => rule.name().to_owned(),
        };
        if *hit == 0 && !rule.is_late() && rule.name() != rules.default_rule().name() {
            never.push(rule.name());
        }
        total += sampled;
        values.push(json!({"rule": rule.name(), "requests": hit, "sampled": sampled.round(), "share": share / 100.0}));
        rows.push(vec![
            name,
            grouped(count(*hit)),
            format!("{}/s", rule.fixed_target()),
            format!("{} %", rule.rate() * 100.0),
            grouped(sampled),
            format!("{share:.1} %"),
        ]);
    }
    let all = count(requests.len());
    rows.push(vec![
        "total".to_owned(),
        grouped(all),
        String::new(),
        String::new(),
        grouped(total),
        format!("{:.1} %", total / all * 100.0),
    ]);
    let value = json!({"rules": values, "requests": requests.len(), "sampled": total.round(), "never_matched": never});
    to.either(&value, |to| {
        columns(&rows, &[1, 2, 3, 4, 5]).iter().try_for_each(|line| to.line(line))?;
        to.line(format!(
            "{seconds:.0} s at {} requests/s, {}, spread evenly",
            options.rps,
            counted(options.instances, "instance")
        ))?;
        if options.instances > 1 {
            to.line("note  each instance has its own reservoir (central rules share one quota)")?;
        }
        never.iter().try_for_each(|rule| to.line(format!("warn  rule {rule:?} was never the first to match")))
    })
}
