//! What goes over the wire: the JSON of GetSamplingRules and GetSamplingTargets.
//!
//! Answers come from the network and are read with suspicion: each rule and target is looked at by itself, and what
//! breaks the schema is left out without taking the rest along. Unknown members are ignored. Numbers that must be whole
//! may be written `5.0`. Lengths are bounded at [`MAX_TEXT`], not at the schema's own (32 to 500), which may be raised.
//!
//! Source: X-Ray API Reference, GetSamplingRules and GetSamplingTargets; members and required ones as in its model.

use serde::Serialize;
use serde_json::Value;

use super::skipped::Skipped;

/// One page of rules.
#[derive(Debug, Default)]
pub(super) struct RulesPage {
    pub(super) rules: Vec<RuleRecord>,
    /// Records that could not be used.
    pub(super) skipped: Skipped,
    pub(super) next_token: Option<String>,
}

/// A sampling rule as the service states it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RuleRecord {
    pub(super) name: Box<str>,
    /// Lowest first.
    pub(super) priority: u32,
    /// Share of requests beyond the reservoir, 0.0–1.0.
    pub(super) rate: f64,
    /// Traces a second of all instances together; here only whether there are any.
    pub(super) reservoir_size: u32,
    pub(super) service: String,
    pub(super) service_type: String,
    pub(super) host: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) resource_arn: String,
    pub(super) attributes: Vec<(String, String)>,
    /// The service may raise its rate for a while, and wants to know of anomalies.
    pub(super) boosts: bool,
}

/// What GetSamplingTargets answers.
#[derive(Debug, Default)]
pub(super) struct Targets {
    pub(super) targets: Vec<Target>,
    /// Targets that could not be used.
    pub(super) skipped: Skipped,
    /// When the rules last changed, seconds since the Unix epoch.
    pub(super) rules_modified: Option<f64>,
}

/// What the service allots to this instance for one rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    pub(super) rule: String,
    pub(super) rate: Option<f64>,
    /// Traces a second.
    pub(super) quota: Option<u32>,
    /// Second since the Unix epoch until which the quota holds, itself included.
    pub(super) quota_until: Option<u32>,
    /// Seconds until the service wants the next report.
    pub(super) interval: Option<u32>,
    /// A raised rate, and the second before which it holds.
    pub(super) boost: Option<(f64, u32)>,
}

/// What happened under one rule since the last report.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statistics<'a> {
    pub(super) rule_name: &'a str,
    #[serde(rename = "ClientID")]
    pub(super) client_id: &'a str,
    pub(super) timestamp: u64,
    pub(super) request_count: u64,
    pub(super) sampled_count: u64,
    pub(super) borrow_count: u64,
}

/// How requests of one service went under a rule that can be boosted.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BoostStatistics<'a> {
    pub(super) rule_name: &'a str,
    pub(super) service_name: &'a str,
    pub(super) timestamp: u64,
    pub(super) anomaly_count: u64,
    pub(super) total_count: u64,
    pub(super) sampled_anomaly_count: u64,
}

/// The body of GetSamplingRules.
pub(super) fn rules_request(token: Option<&str>) -> Vec<u8> {
    match token {
        Some(token) => serde_json::json!({ "NextToken": token }).to_string().into_bytes(),
        None => b"{}".to_vec(),
    }
}

/// The body of GetSamplingTargets.
pub(super) fn targets_request(statistics: &[Statistics<'_>], boosts: &[BoostStatistics<'_>]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(rename = "SamplingStatisticsDocuments")]
        statistics: &'a [Statistics<'a>],
        #[serde(rename = "SamplingBoostStatisticsDocuments", skip_serializing_if = "<[_]>::is_empty")]
        boosts: &'a [BoostStatistics<'a>],
    }
    // Texts and numbers always serialise.
    serde_json::to_vec(&Body { statistics, boosts }).unwrap_or_default()
}

/// Reads a page of rules; `None` when it is none.
pub(super) fn rules_page(answer: &[u8]) -> Option<RulesPage> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let records = answer.get("SamplingRuleRecords")?.as_array()?;
    let mut page =
        RulesPage { next_token: text(&answer, "NextToken", MAX_TOKEN).map(str::to_owned), ..RulesPage::default() };
    for record in records {
        match record.get("SamplingRule").and_then(rule) {
            Some(rule) => page.rules.push(rule),
            None => page.skipped.add(name_of(record.pointer("/SamplingRule/RuleName"))),
        }
    }
    page.next_token = page.next_token.filter(|token| !token.is_empty());
    Some(page)
}

/// What is called so, as far as it says that.
fn name_of(name: Option<&Value>) -> Option<&str> {
    name.and_then(Value::as_str).filter(|name| !name.is_empty() && name.len() <= MAX_TEXT)
}

/// A rule that has all it needs, within its ranges.
fn rule(rule: &Value) -> Option<RuleRecord> {
    let part = |field| text(rule, field, MAX_TEXT).map(str::to_owned);
    let name = text(rule, "RuleName", MAX_TEXT).filter(|name| !name.is_empty())?;
    if whole(rule.get("Version")?)? != 1 {
        return None;
    }
    let attributes = match rule.get("Attributes") {
        None | Some(Value::Null) => Vec::new(),
        Some(attributes) => attributes_of(attributes)?,
    };
    Some(RuleRecord {
        name: name.into(),
        priority: whole(rule.get("Priority")?)?,
        rate: share(rule.get("FixedRate")?)?,
        reservoir_size: whole(rule.get("ReservoirSize")?)?,
        service: part("ServiceName")?,
        service_type: part("ServiceType")?,
        host: part("Host")?,
        method: part("HTTPMethod")?,
        path: part("URLPath")?,
        resource_arn: part("ResourceARN")?,
        attributes,
        boosts: rule.get("SamplingRateBoost").is_some_and(Value::is_object),
    })
}

fn attributes_of(attributes: &Value) -> Option<Vec<(String, String)>> {
    let attributes = attributes.as_object().filter(|attributes| attributes.len() <= MAX_ATTRIBUTES)?;
    let pattern = |value: &Value| value.as_str().filter(|value| value.len() <= MAX_TEXT).map(str::to_owned);
    let read = |(name, value): (&String, &Value)| {
        (name.len() <= MAX_TEXT).then_some(())?;
        Some((name.clone(), pattern(value)?))
    };
    attributes.iter().map(read).collect()
}

/// Reads targets; `None` when the answer is none.
pub(super) fn targets(answer: &[u8]) -> Option<Targets> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let documents = answer.get("SamplingTargetDocuments")?.as_array()?;
    let rules_modified = answer.get("LastRuleModification").and_then(Value::as_f64);
    let mut targets = Targets { rules_modified, ..Targets::default() };
    for document in documents {
        match target(document) {
            Some(target) => targets.targets.push(target),
            None => targets.skipped.add(name_of(document.get("RuleName"))),
        }
    }
    Some(targets)
}

/// A target with a rule's name. A member that is absent says nothing; one that is wrong makes the whole unusable.
fn target(document: &Value) -> Option<Target> {
    let boost = match document.get("SamplingBoost") {
        None | Some(Value::Null) => None,
        Some(boost) => Some((share(boost.get("BoostRate")?)?, second(boost.get("BoostRateTTL")?)?)),
    };
    Some(Target {
        rule: text(document, "RuleName", MAX_TEXT)?.to_owned(),
        rate: optional(document, "FixedRate", share)?,
        quota: optional(document, "ReservoirQuota", whole)?,
        quota_until: optional(document, "ReservoirQuotaTTL", second)?,
        interval: optional(document, "Interval", whole)?,
        boost,
    })
}

/// `None` when it is there and wrong.
#[allow(clippy::option_option)] // absent and wrong are two things
fn optional<T>(object: &Value, field: &str, read: impl Fn(&Value) -> Option<T>) -> Option<Option<T>> {
    match object.get(field) {
        None | Some(Value::Null) => Some(None),
        Some(value) => read(value).map(Some),
    }
}

fn text<'a>(object: &'a Value, field: &str, longest: usize) -> Option<&'a str> {
    object.get(field)?.as_str().filter(|text| text.len() <= longest)
}

/// A whole number from 0, also one written as `5.0`.
fn whole(value: &Value) -> Option<u32> {
    let number = value.as_f64()?;
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
}

/// A share, 0.0–1.0.
fn share(value: &Value) -> Option<f64> {
    value.as_f64().filter(|share| (0.0..=1.0).contains(share))
}

/// A moment, in whole seconds since the Unix epoch; those beyond 2106 count as then.
fn second(value: &Value) -> Option<u32> {
    value.as_f64().filter(|second| *second >= 0.0).map(|second| second as u32)
}

/// Bytes of a name or pattern.
const MAX_TEXT: usize = 1000;
/// Attributes of a rule; the service allows 5.
const MAX_ATTRIBUTES: usize = 20;
/// Bytes of a token for the next page.
const MAX_TOKEN: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> Value {
        json!({
            "RuleName": "checkout", "RuleARN": "arn:aws:xray:eu-west-1:1:sampling-rule/checkout", "ResourceARN": "*",
            "Priority": 10, "FixedRate": 0.25, "ReservoirSize": 5, "ServiceName": "orders", "ServiceType": "*",
            "Host": "*", "HTTPMethod": "POST", "URLPath": "/checkout/*", "Version": 1, "Attributes": {"tenant": "gold"},
        })
    }

    fn page_with(record: Value) -> RulesPage {
        let answer = json!({ "SamplingRuleRecords": [{ "SamplingRule": record }], "NextToken": null });
        rules_page(answer.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_rule_is_read_as_the_service_writes_it() {
        let page = page_with(record());
        assert_eq!((page.skipped, page.next_token), (Skipped::default(), None));
        let [rule] = &page.rules[..] else { panic!("one rule") };
        assert_eq!((&*rule.name, rule.priority, rule.rate, rule.reservoir_size), ("checkout", 10, 0.25, 5));
        assert_eq!((&*rule.path, &*rule.method, rule.boosts), ("/checkout/*", "POST", false));
        assert_eq!(rule.attributes, [("tenant".to_owned(), "gold".to_owned())]);
    }

    #[test]
    fn what_breaks_the_schema_is_skipped_and_counted() {
        let long = "x".repeat(MAX_TEXT + 1);
        let wrong = [
            ("RuleName", json!("")),
            ("RuleName", json!(7)),
            ("RuleName", json!(long)),
            ("Version", json!(2)),
            ("Version", json!("1")),
            ("Priority", json!(-1)),
            ("Priority", json!("10")),
            ("FixedRate", json!(2.0)),
            ("FixedRate", json!(-0.1)),
            ("FixedRate", json!("0.5")),
            ("ReservoirSize", json!(-1)),
            ("ReservoirSize", json!(1.5)),
            ("ReservoirSize", json!(1e10)),
            ("Host", json!(null)),
            ("URLPath", json!(long)),
            ("URLPath", json!(["/"])),
            ("Attributes", json!([])),
            ("Attributes", json!({"tenant": 1})),
            ("Attributes", (0..=MAX_ATTRIBUTES).map(|key| (key.to_string(), json!("*"))).collect()),
        ];
        for (field, value) in wrong {
            let mut record = record();
            record[field] = value;
            let page = page_with(record.clone());
            assert_eq!((page.rules.len(), page.skipped.count), (0, 1), "{field}: {record}");
        }
        for field in [
            "RuleName",
            "Version",
            "Priority",
            "FixedRate",
            "ReservoirSize",
            "ServiceName",
            "ServiceType",
            "Host",
            "HTTPMethod",
            "URLPath",
            "ResourceARN",
        ] {
            let mut record = record();
            record.as_object_mut().unwrap().remove(field);
            assert_eq!(page_with(record).skipped.count, 1, "without {field}");
        }
        assert_eq!(page_with(json!("a text")).skipped, Skipped { count: 1, names: Vec::new() });
    }

    #[test]
    fn what_is_unusual_and_harmless_is_read() {
        for (field, value) in [
            ("Priority", json!(10.0)),
            ("Attributes", json!(null)),
            ("SamplingRateBoost", json!({"MaxRate": 0.5, "CooldownWindowMinutes": 10})),
            ("Colour", json!("blue")),
        ] {
            let mut record = record();
            record[field] = value;
            assert_eq!(page_with(record).rules.len(), 1, "{field}");
        }
    }

    #[test]
    fn answers_that_are_none_are_told_apart_from_empty_ones() {
        for answer in
            ["", "{}", "[]", "null", "{\"SamplingRuleRecords\":{}}", "<html>", "{\"SamplingRuleRecords\":[{", "\u{0}"]
        {
            assert!(rules_page(answer.as_bytes()).is_none(), "{answer}");
            assert!(targets(answer.as_bytes()).is_none(), "{answer}");
        }
        assert!(rules_page(b"{\"SamplingRuleRecords\":[\xff]}").is_none());
        assert!(rules_page("[".repeat(100_000).as_bytes()).is_none());
        assert_eq!(rules_page(b"{\"SamplingRuleRecords\":[]}").unwrap().rules, []);
    }

    #[test]
    fn targets_say_only_what_is_there() {
        let answer = json!({
            "LastRuleModification": 1465510280.5,
            "SamplingTargetDocuments": [
                {"RuleName": "all", "FixedRate": 0.1, "ReservoirQuota": 3, "ReservoirQuotaTTL": 1465510580.0, "Interval": 10,
                 "SamplingBoost": {"BoostRate": 0.5, "BoostRateTTL": 1465510340}},
                {"RuleName": "few"},
                {"FixedRate": 0.1},
                {"RuleName": "wrong", "ReservoirQuota": -1},
                {"RuleName": "wrong", "SamplingBoost": {"BoostRate": 3}},
            ],
            "UnprocessedStatistics": [],
        });
        let read = targets(answer.to_string().as_bytes()).unwrap();
        assert_eq!((read.skipped.count, read.rules_modified), (3, Some(1_465_510_280.5)));
        let [all, few] = &read.targets[..] else { panic!("two targets") };
        assert_eq!((all.quota, all.quota_until, all.interval), (Some(3), Some(1_465_510_580), Some(10)));
        assert_eq!((all.rate, all.boost), (Some(0.1), Some((0.5, 1_465_510_340))));
        assert_eq!((few.rate, few.quota, few.quota_until, few.interval, few.boost), (None, None, None, None, None));
    }

    #[test]
    fn requests_are_written_as_the_service_reads_them() {
        assert_eq!(rules_request(None), b"{}");
        assert_eq!(rules_request(Some("a\"b")), br#"{"NextToken":"a\"b"}"#);
        let statistics = Statistics {
            rule_name: "all",
            client_id: "0123456789abcdef01234567",
            timestamp: 1_465_510_280,
            request_count: 3,
            sampled_count: 1,
            borrow_count: 2,
        };
        let boost = BoostStatistics {
            rule_name: "all",
            service_name: "orders",
            timestamp: 1_465_510_280,
            anomaly_count: 1,
            total_count: 3,
            sampled_anomaly_count: 0,
        };
        let plain = targets_request(std::slice::from_ref(&statistics), &[]);
        let expected = r#"{"SamplingStatisticsDocuments":[{"RuleName":"all","ClientID":"0123456789abcdef01234567","Timestamp":1465510280,"RequestCount":3,"SampledCount":1,"BorrowCount":2}]}"#;
        assert_eq!(String::from_utf8(plain).unwrap(), expected);
        let boosted = String::from_utf8(targets_request(&[], &[boost])).unwrap();
        let expected = r#"{"SamplingStatisticsDocuments":[],"SamplingBoostStatisticsDocuments":[{"RuleName":"all","ServiceName":"orders","Timestamp":1465510280,"AnomalyCount":1,"TotalCount":3,"SampledAnomalyCount":0}]}"#;
        assert_eq!(boosted, expected);
    }
}
