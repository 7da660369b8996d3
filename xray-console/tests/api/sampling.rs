//! Sampling as SDKs use it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{NOON, Server};

const CLIENT: &str = "0123456789abcdef01234567";

fn statistics(rule: &str, client: &str) -> Value {
    json!({"RuleName": rule, "ClientID": client, "Timestamp": NOON, "RequestCount": 10, "SampledCount": 3, "BorrowCount": 1})
}

fn rule(name: &str) -> Value {
    json!({"RuleName": name, "ResourceARN": "*", "Priority": 7, "FixedRate": 0.5, "ReservoirSize": 10, "ServiceName": "*",
        "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "/checkout", "Version": 1})
}

#[test]
fn the_default_rule_is_always_there_and_samples_everything() {
    let server = Server::start();
    // As the SDKs of Go, of botocore and of nobody ask.
    for body in [r#"{"NextToken": null}"#, "{}", ""] {
        let answer = server.post("/GetSamplingRules", body);
        assert_eq!(
            answer.body,
            json!({"SamplingRuleRecords": [{
                "SamplingRule": {
                    "RuleName": "Default", "RuleARN": "arn:aws:xray:local:000000000000:sampling-rule/Default",
                    "ResourceARN": "*", "Priority": 10000, "FixedRate": 1.0, "ReservoirSize": 1, "ServiceName": "*",
                    "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "*", "Version": 1, "Attributes": {}
                },
                "CreatedAt": NOON, "ModifiedAt": NOON
            }]})
        );
    }
}

#[test]
fn targets_split_the_reservoir_and_name_what_is_unknown() {
    let server = Server::start();
    server.ok("/CreateSamplingRule", json!({"SamplingRule": rule("checkout")}));
    let other = "fedcba9876543210fedcba98";
    let ask = |client: &str| {
        let documents = [statistics("checkout", client), statistics("nobody's", client)];
        server.ok("/SamplingTargets", json!({"SamplingStatisticsDocuments": documents}))
    };
    assert_eq!(
        ask(CLIENT),
        json!({
            "SamplingTargetDocuments": [
                {"RuleName": "checkout", "FixedRate": 0.5, "ReservoirQuota": 10, "ReservoirQuotaTTL": NOON + 300.0, "Interval": 10}
            ],
            "LastRuleModification": NOON,
            "UnprocessedStatistics": [
                {"RuleName": "nobody's", "ErrorCode": "RuleNotFound", "Message": "there is no sampling rule of this name"}
            ],
            "UnprocessedBoostStatistics": []
        })
    );
    let quota = |answer: &Value| answer["SamplingTargetDocuments"][0]["ReservoirQuota"].clone();
    assert_eq!((quota(&ask(other)), quota(&ask(CLIENT))), (json!(5), json!(5)));
    server.clock.advance(Duration::from_secs(31));
    assert_eq!(quota(&ask(CLIENT)), json!(10), "the other has fallen silent");
}

#[test]
fn targets_without_statistics_still_tell_when_rules_changed() {
    let server = Server::start();
    server.clock.advance(Duration::from_secs(5));
    server.ok("/UpdateSamplingRule", json!({"SamplingRuleUpdate": {"RuleName": "Default", "FixedRate": 0.1}}));
    let boost = json!({"RuleName": "Default", "ServiceName": "s", "Timestamp": NOON, "AnomalyCount": 1, "TotalCount": 2,
        "SampledAnomalyCount": 1});
    let answer = server.ok(
        "/SamplingTargets",
        json!({
            "SamplingStatisticsDocuments": [], "SamplingBoostStatisticsDocuments": [boost]
        }),
    );
    assert_eq!(answer["LastRuleModification"], json!(NOON + 5.0));
    assert_eq!(answer["UnprocessedBoostStatistics"], json!([]));
}

#[test]
fn statistics_are_summed_by_windows_of_ten_seconds() {
    let server = Server::start();
    let tell = || {
        let documents = [statistics("Default", CLIENT)];
        server.ok("/SamplingTargets", json!({"SamplingStatisticsDocuments": documents}));
    };
    tell();
    server.clock.advance(Duration::from_secs(9));
    tell();
    server.clock.advance(Duration::from_secs(1));
    tell();
    let window = |time: f64, times: i64| json!({"RuleName": "Default", "Timestamp": time, "RequestCount": 10 * times, "BorrowCount": times, "SampledCount": 3 * times});
    let expected = json!({"SamplingStatisticSummaries": [window(NOON, 2), window(NOON + 10.0, 1)]});
    assert_eq!(server.ok("/SamplingStatisticSummaries", json!({})), expected);
}

#[test]
fn rules_are_made_changed_and_removed_within_the_models_limits() {
    let server = Server::start();
    let made = server
        .ok("/CreateSamplingRule", json!({"SamplingRule": rule("checkout"), "Tags": [{"Key": "a", "Value": "b"}]}));
    let arn = made["SamplingRuleRecord"]["SamplingRule"]["RuleARN"].as_str().unwrap().to_owned();
    let tags = server.ok("/ListTagsForResource", json!({"ResourceARN": arn}));
    assert_eq!(tags, json!({"Tags": [{"Key": "a", "Value": "b"}]}));

    let refused = |change: &dyn Fn(&mut Value)| {
        let mut rule = rule("another");
        change(&mut rule);
        server.refused("/CreateSamplingRule", json!({"SamplingRule": rule}))
    };
    assert_eq!(
        refused(&|rule| rule["RuleName"] = "checkout".into()),
        "400 InvalidRequestException: there is a sampling rule \"checkout\" already"
    );
    assert_eq!(
        refused(&|rule| rule["Priority"] = 10_000.into()),
        "400 InvalidRequestException: Priority is 10000; expected 1 to 9999"
    );
    assert_eq!(
        refused(&|rule| rule["FixedRate"] = 1.5.into()),
        "400 InvalidRequestException: FixedRate is 1.5; expected 0 to 1"
    );
    assert_eq!(
        refused(&|rule| rule["Version"] = 2.into()),
        "400 InvalidRequestException: Version is 2; expected 1 to 1"
    );
    assert_eq!(
        refused(&|rule| rule["RuleName"] = "n".repeat(33).into()),
        "400 InvalidRequestException: RuleName has 33 characters; expected 1 to 32"
    );
    assert_eq!(
        refused(&|rule| rule["RuleARN"] = "arn".into()),
        "400 InvalidRequestException: RuleARN is given for a rule that is to be made; give RuleName alone"
    );
    assert_eq!(
        server.refused(
            "/CreateSamplingRule",
            json!({"SamplingRule": rule("x"), "Tags": [{"Key": "aws:x", "Value": ""}]})
        ),
        "400 InvalidRequestException: tag keys that begin with aws: are AWS's own"
    );
    assert_eq!(
        server.ok("/GetSamplingRules", json!({}))["SamplingRuleRecords"].as_array().unwrap().len(),
        2,
        "no rule without its tags"
    );

    server.clock.advance(Duration::from_secs(60));
    let changed = server.ok("/UpdateSamplingRule", json!({"SamplingRuleUpdate": {"RuleARN": arn, "ReservoirSize": 3}}));
    assert_eq!(changed["SamplingRuleRecord"]["SamplingRule"]["ReservoirSize"], 3);
    assert_eq!(changed["SamplingRuleRecord"]["ModifiedAt"], NOON + 60.0);
    assert_eq!(
        server.refused("/UpdateSamplingRule", json!({"SamplingRuleUpdate": {"RuleName": "Default", "URLPath": "/x"}})),
        "400 InvalidRequestException: of the Default rule only FixedRate and ReservoirSize can be changed"
    );
    assert_eq!(
        server.refused("/DeleteSamplingRule", json!({"RuleName": "Default"})),
        "400 InvalidRequestException: the Default rule cannot be deleted"
    );
    assert_eq!(
        server.refused("/DeleteSamplingRule", json!({"RuleName": "a", "RuleARN": "b"})),
        "400 InvalidRequestException: RuleName and RuleARN are both given; expected one of them"
    );

    server.ok("/DeleteSamplingRule", json!({"RuleName": "checkout"}));
    assert_eq!(
        server.refused("/ListTagsForResource", json!({"ResourceARN": arn})).split(':').next(),
        Some("404 ResourceNotFoundException")
    );
    for n in 0..25 {
        server.ok("/CreateSamplingRule", json!({"SamplingRule": rule(&format!("rule {n}"))}));
    }
    assert!(
        server
            .refused("/CreateSamplingRule", json!({"SamplingRule": rule("one more")}))
            .starts_with("400 RuleLimitExceededException")
    );
}
