//! Rules from JSON: what is accepted, and what each fault is told as.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn default() -> Value {
    json!({"fixed_target": 1, "rate": 0.05})
}

/// A rule of version 2 that is complete, with these fields besides or instead.
fn complete(fields: Value) -> Value {
    let mut rule = json!({"host": "*", "http_method": "*", "url_path": "*", "fixed_target": 2, "rate": 0.5});
    merge(&mut rule, fields);
    rule
}

/// A rule of version 1 that is complete, with these fields besides or instead.
fn complete_1(fields: Value) -> Value {
    let mut rule = json!({"service_name": "*", "http_method": "*", "url_path": "*", "fixed_target": 2, "rate": 0.5});
    merge(&mut rule, fields);
    rule
}

/// Puts fields in; `null` takes one out.
fn merge(object: &mut Value, fields: Value) {
    for (field, value) in fields.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(field);
        } else {
            object[field] = value.clone();
        }
    }
}

fn parse(version: u32, rule: Value) -> Result<Rules, RulesError> {
    Rules::parse(&json!({"version": version, "rules": [rule], "default": default()}).to_string())
}

fn message(result: Result<Rules, RulesError>) -> String {
    let message = result.unwrap_err().to_string();
    message.strip_prefix("sampling rules: ").unwrap().to_owned()
}

#[test]
fn the_default_alone_is_a_set_of_rules() {
    for version in ["1", "2", "2.0"] {
        let text = format!(r#"{{"version": {version}, "default": {{"fixed_target": 0, "rate": 0}}}}"#);
        assert_eq!(Rules::parse(&text).unwrap(), Rules::none());
    }
    let text = "\u{feff}{\"version\": 2, \"rules\": [], \"default\": {\"fixed_target\": 1, \"rate\": 0.05}}\r\n";
    assert_eq!(Rules::parse(text).unwrap(), Rules::default());
}

#[test]
fn a_field_that_is_given_twice_is_refused_by_its_name() {
    let parse = |rule: &str| {
        let default = r#"{"fixed_target": 1, "rate": 0.05}"#;
        Rules::parse(&format!(r#"{{"version": 2, "default": {default}, "rules": [{}, {rule}]}}"#, complete(json!({}))))
    };
    let rest = r#""host": "*", "http_method": "*", "url_path": "*", "fixed_target": 2"#;
    for (rule, said) in [
        (
            format!(r#"{{"description": "orders", {rest}, "rate": 1, "rate": 0}}"#),
            r#"rule 2 ("orders"): rate is given twice"#,
        ),
        (format!(r#"{{{rest}, "rate": 1, "h\u006fst": "a"}}"#), "rule 2: host is given twice"),
        (
            format!(r#"{{{rest}, "rate": 1, "attributes": {{"tenant": "a", "tenant": "b"}}}}"#),
            "rule 2: attributes.tenant is given twice",
        ),
    ] {
        let error = parse(&rule).unwrap_err();
        assert_eq!(error.kind(), RulesErrorKind::Twice);
        assert_eq!(message(Err(error)), format!("{said}; expected it once"));
    }
    let default = r#"{"version": 2, "default": {"fixed_target": 1, "rate": 0.05, "rate": 0.05}}"#;
    assert_eq!(message(Rules::parse(default)), "default rule: rate is given twice; expected it once");
    let version = r#"{"version": 1, "version": 2, "default": {"fixed_target": 1, "rate": 0.05}}"#;
    assert_eq!(message(Rules::parse(version)), "version is given twice; expected it once");
}

#[test]
fn every_field_of_version_2_is_read() {
    let rule = complete(json!({
        "description": " gold ", "service_name": "orders", "service_type": "AWS::*", "host": "h", "http_method": "GET",
        "url_path": "/x", "attributes": {"tenant": "gold*"}, "priority": 7, "fixed_target": 10.0, "rate": 1
    }));
    let expected = Rule::new("gold")
        .with_service("orders")
        .with_service_type("AWS::*")
        .with_host("h")
        .with_method("GET")
        .with_path("/x")
        .with_attribute("tenant", "gold*")
        .with_priority(7)
        .with_fixed_target(10)
        .with_rate(1.0);
    let rules = parse(2, rule).unwrap();
    assert_eq!(rules, Rules::default().with_rule(expected));
    assert!(rules.warnings().is_empty());
}

#[test]
fn in_version_1_service_name_is_the_host() {
    let rules = parse(1, complete_1(json!({"service_name": "shop.example.com"}))).unwrap();
    let expected = Rule::new("rule 1").with_host("shop.example.com").with_fixed_target(2).with_rate(0.5);
    assert_eq!(rules, Rules::default().with_rule(expected));
}

#[test]
fn rules_without_a_description_are_named_by_their_number_in_the_text() {
    let list = json!([
        complete(json!({})),
        complete(json!({"description": ""})),
        complete(json!({"description": "first", "priority": 1}))
    ]);
    let text = json!({"version": 2, "rules": list, "default": default()}).to_string();
    let rules = Rules::parse(&text).unwrap();
    assert_eq!(rules.rules().iter().map(Rule::name).collect::<Vec<_>>(), ["first", "rule 1", "rule 2"]);
}

#[test]
fn the_rules_file_of_the_guide_works_as_it_is_written() {
    let rules = Rules::parse(include_str!("../../../../examples/sampling/rules.json")).unwrap();
    assert_eq!(
        rules.rules(),
        [
            Rule::new("High priority for errors")
                .with_service("*")
                .with_service_type("*")
                .with_attribute("http.status_code", "5*")
                .with_priority(1)
                .with_fixed_target(10)
                .with_rate(1.0),
            Rule::new("Low volume for health checks")
                .with_service("*")
                .with_service_type("*")
                .with_method("GET")
                .with_path("/health")
                .with_priority(2)
                .with_fixed_target(1)
                .with_rate(0.01),
        ]
    );
    assert!(rules.rules()[0].is_late());
    assert_eq!((rules.warnings().len(), rules.set_aside().len()), (0, 0));
}

#[test]
fn unknown_fields_are_warned_about_with_their_rule() {
    let rules = Rules::parse(
        &json!({
            "version": 2, "$schema": "x",
            "rules": [complete(json!({"comment": 1})), complete(json!({"owner": {}, "description": "b"}))],
            "default": {"fixed_target": 1, "rate": 0.05, "note": [], "description": "known"}
        })
        .to_string(),
    )
    .unwrap();
    assert_eq!(
        rules.warnings(),
        [
            r#"unknown field "$schema" is ignored"#,
            r#"default rule: unknown field "note" is ignored"#,
            r#"rule 1: unknown field "comment" is ignored"#,
            r#"rule 2 ("b"): unknown field "owner" is ignored"#,
        ]
    );
}

#[test]
fn faults_of_the_whole_are_told() {
    let cases = [
        ("[]", "the text is []; expected an object"),
        ("7", "the text is 7; expected an object"),
        ("{}", "version is missing; expected 1 or 2"),
        (r#"{"version": 3}"#, "version is 3; expected 1 or 2"),
        (r#"{"version": "2"}"#, "version is \"2\"; expected 1 or 2"),
        (r#"{"version": 1.5}"#, "version is 1.5; expected 1 or 2"),
        (r#"{"version": 2}"#, "default is missing; expected an object with fixed_target and rate"),
        (r#"{"version": 2, "default": 1}"#, "default is 1; expected an object"),
        (r#"{"Version": 2}"#, "\"Version\" is no known field; did you mean version"),
        (r#"{"version": 2, "defaults": {}}"#, "\"defaults\" is no known field; did you mean default"),
        (
            r#"{"version": 2, "default": {"rate": 1}}"#,
            "default rule: fixed_target is missing; expected a whole number of traces each second, 0 or more",
        ),
        (
            r#"{"version": 2, "default": {"fixed_target": 1}}"#,
            "default rule: rate is missing; expected a number from 0.0 to 1.0",
        ),
        (
            r#"{"version": 2, "default": {"fixed_target": 1, "rates": 1}}"#,
            "default rule: \"rates\" is no known field; did you mean rate",
        ),
        (
            r#"{"version": 2, "default": {"fixed_target": 1, "rate": 1}, "rules": {}}"#,
            "rules is {}; expected a list of rules",
        ),
        (
            r#"{"version": 2, "default": {"fixed_target": 1, "rate": 1}, "rules": [7]}"#,
            "rule 1: the rule is 7; expected an object",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(message(Rules::parse(text)), expected, "{text}");
    }
}

#[test]
fn what_is_not_json_is_told_with_line_and_column() {
    for (text, place) in [("", "line 1 column 0"), ("{", "line 1 column 1"), ("{}\n// x", "line 2 column 1")] {
        let error = Rules::parse(text).unwrap_err();
        assert_eq!(error.kind(), RulesErrorKind::NotJson);
        assert!(error.to_string().starts_with("sampling rules: the text is not JSON: "), "{error}");
        assert!(error.to_string().ends_with(place), "{error}");
    }
}

#[test]
fn the_default_rule_takes_no_patterns() {
    for field in ["host", "service_name", "service_type", "http_method", "url_path", "attributes", "priority"] {
        let mut default = default();
        default[field] = json!("*");
        let error = Rules::parse(&json!({"version": 2, "default": default}).to_string()).unwrap_err();
        assert_eq!(error.kind(), RulesErrorKind::Misplaced);
        assert_eq!((error.rule(), error.field()), (Some("default rule"), Some(field)));
    }
}

#[test]
fn each_fault_of_a_rule_is_told_with_field_value_and_mend() {
    let target = "expected a whole number of traces each second, 0 or more";
    let rate = "expected a number from 0.0 to 1.0";
    let pattern = "expected a pattern in quotes, such as \"*\"";
    let cases = [
        (json!({"rate": 2.0}), format!("rate is 2.0; {rate}")),
        (json!({"rate": -0.1}), format!("rate is -0.1; {rate}")),
        (json!({"rate": "0.5"}), format!("rate is \"0.5\"; {rate}")),
        (json!({"rate": null}), format!("rate is missing; {rate}")),
        (json!({"fixed_target": -1}), format!("fixed_target is -1; {target}")),
        (json!({"fixed_target": 0.5}), format!("fixed_target is 0.5; {target}")),
        (json!({"fixed_target": 4294967296_u64}), format!("fixed_target is 4294967296; {target}")),
        (json!({"fixed_target": "1"}), format!("fixed_target is \"1\"; {target}")),
        (json!({"fixed_target": null}), format!("fixed_target is missing; {target}")),
        (json!({"host": null}), format!("host is missing; {pattern}")),
        (json!({"http_method": null}), format!("http_method is missing; {pattern}")),
        (json!({"url_path": null}), format!("url_path is missing; {pattern}")),
        (json!({"host": 1}), format!("host is 1; {pattern}")),
        (json!({"url_path": ["/a", "/b"]}), format!("url_path is [\"/a\",\"/b\"]; {pattern}")),
        (json!({"service_name": true}), format!("service_name is true; {pattern}")),
        (json!({"service_type": {}}), format!("service_type is {{}}; {pattern}")),
        (
            json!({"priority": -3}),
            "priority is -3; expected a whole number, 0 or more; rules with the lowest are asked first".to_owned(),
        ),
        (
            json!({"attributes": []}),
            "attributes is []; expected an object of attribute names and patterns, such as {\"tenant\": \"gold*\"}"
                .to_owned(),
        ),
        (json!({"attributes": {"http.status_code": 500}}), format!("attributes.http.status_code is 500; {pattern}")),
        (
            json!({"attributes": {"http.status_code": "5xx"}}),
            "attributes.http.status_code is \"5xx\"; expected a pattern that an HTTP status can match, such as \"5*\""
                .to_owned(),
        ),
        (
            json!({"attributes": {"fault": "yes"}}),
            "attributes.fault is \"yes\"; expected \"true\" or \"false\"".to_owned(),
        ),
        (
            json!({"attributes": {"duration": "2s"}}),
            "attributes.duration is \"2s\"; expected \">\" or \">=\" and seconds from 0 to 86400, such as \">2.5\""
                .to_owned(),
        ),
        (json!({"fixedTarget": 1}), "\"fixedTarget\" is no known field; did you mean fixed_target".to_owned()),
        (json!({"fixed_taget": 1}), "\"fixed_taget\" is no known field; did you mean fixed_target".to_owned()),
        (json!({"rates": 1}), "\"rates\" is no known field; did you mean rate".to_owned()),
        (json!({"url-path": 1}), "\"url-path\" is no known field; did you mean url_path".to_owned()),
        (
            json!({"host": null, "service_name": "x"}),
            format!(
                "host is missing; {pattern} (service_name is the host only in version 1, and the segment's name in \
                 version 2)"
            ),
        ),
    ];
    for (fields, expected) in cases {
        let mut rule = complete(fields.clone());
        rule["description"] = json!("checkout");
        assert_eq!(message(parse(2, rule)), format!("rule 1 (\"checkout\"): {expected}"), "{fields}");
        let error = parse(2, complete(fields.clone())).unwrap_err();
        assert_eq!(error.rule(), Some("rule 1"), "{fields}");
        assert!(error.field().is_some(), "{fields}");
    }
    let error = parse(2, complete(json!({"description": 5}))).unwrap_err();
    assert_eq!(error.to_string(), "sampling rules: rule 1: description is 5; expected text");
}

#[test]
fn fields_of_version_2_have_no_place_in_version_1() {
    assert_eq!(
        message(parse(1, complete_1(json!({"host": "*"})))),
        "rule 1: host has no place here; version 1 calls the host service_name; use that, or version 2"
    );
    for field in ["service_type", "attributes", "priority"] {
        let error = parse(1, complete_1(json!({field: "*"}))).unwrap_err();
        assert_eq!((error.kind(), error.field()), (RulesErrorKind::Misplaced, Some(field)));
        assert!(error.to_string().ends_with("only version 2 knows it"), "{error}");
    }
    let error = parse(1, complete_1(json!({"service_name": null}))).unwrap_err();
    assert_eq!((error.kind(), error.field()), (RulesErrorKind::Missing, Some("service_name")));
}

#[test]
fn long_values_are_cut_in_messages() {
    let error = parse(2, complete(json!({"rate": "\u{e9}".repeat(1000)}))).unwrap_err();
    assert!(error.to_string().len() < 250, "{error}");
    let rule = complete(json!({"rate": 2, "description": "d".repeat(1000)}));
    assert!(parse(2, rule).unwrap_err().to_string().len() < 250);
}

#[test]
fn patterns_that_would_be_felt_are_refused() {
    let bomb = "*?".repeat(Rules::MAX_PATTERN);
    for field in ["host", "http_method", "url_path", "service_name", "service_type"] {
        let error = parse(2, complete(json!({field: bomb}))).unwrap_err();
        assert_eq!((error.kind(), error.field()), (RulesErrorKind::TooLarge, Some(field)));
        assert!(error.to_string().contains("a pattern of 1024 characters"), "{error}");
    }
    let error = parse(2, complete(json!({"attributes": {"tenant": bomb}}))).unwrap_err();
    assert_eq!(error.field(), Some("attributes.tenant"));
    let many: serde_json::Map<String, Value> =
        (0..=Rules::MAX_ATTRIBUTES).map(|number| (format!("a{number}"), json!("*"))).collect();
    let error = parse(2, complete(json!({"attributes": many}))).unwrap_err();
    assert_eq!(error.to_string(), "sampling rules: rule 1: attributes are 33; expected at most 32");

    // The longest that is read, against a long path: the text times the pattern would be four million steps.
    let longest = "*?".repeat(Rules::MAX_PATTERN / 2);
    let rules = parse(2, complete(json!({"url_path": longest}))).unwrap();
    let path = "/".repeat(8192);
    assert!(rules.rules()[0].matches(&crate::sampling::SamplingRequest::new("s").with_path(&path)));
}

#[test]
fn rules_on_the_response_are_bounded() {
    let late = complete(json!({"attributes": {"fault": "true"}}));
    let read = |count| {
        let rules = vec![late.clone(); count];
        Rules::parse(&json!({"version": 2, "rules": rules, "default": default()}).to_string())
    };
    assert_eq!(read(Rules::MAX_LATE).unwrap().rules().len(), Rules::MAX_LATE);
    let error = read(Rules::MAX_LATE + 1).unwrap_err();
    assert_eq!((error.kind(), error.field()), (RulesErrorKind::TooLarge, Some("rules")));
    assert_eq!(error.to_string(), "sampling rules: there are 65 rules on the response; at most 64 are read");
}

#[test]
fn what_exceeds_the_limits_is_refused() {
    let list = |length| {
        let rules = vec![complete(json!({})); length];
        Rules::parse(&json!({"version": 2, "rules": rules, "default": default()}).to_string())
    };
    assert_eq!(list(Rules::MAX_RULES).unwrap().rules().len(), Rules::MAX_RULES);
    let error = list(Rules::MAX_RULES + 1).unwrap_err();
    assert_eq!(error.kind(), RulesErrorKind::TooLarge);
    assert_eq!(error.to_string(), "sampling rules: there are 10001 rules; at most 10000 are read");

    let error = Rules::parse(&" ".repeat(Rules::MAX_BYTES + 1)).unwrap_err();
    assert_eq!(error.kind(), RulesErrorKind::TooLarge);
    let nested = "[".repeat(100_000);
    assert_eq!(Rules::parse(&nested).unwrap_err().kind(), RulesErrorKind::NotJson);
}

/// Any JSON value, a few levels deep.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map(".{0,8}", inner, 0..3).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_quietly(text in ".{0,200}") {
        let _quietly = Rules::parse(&text);
    }

    #[test]
    fn any_value_in_any_field_is_read_or_refused_with_its_rule(
        field in proptest::sample::select(RULE_2),
        value in any_value(),
    ) {
        match parse(2, complete(json!({field: value}))) {
            Ok(rules) => {
                for rule in rules.rules().iter().chain(rules.set_aside()) {
                    prop_assert!((0.0..=1.0).contains(&rule.rate()));
                }
                prop_assert_eq!(rules.rules().len() + rules.set_aside().len(), 1);
            }
            Err(error) => prop_assert!(error.rule().unwrap().starts_with("rule 1"), "{}", error),
        }
    }
}
