//! The order of rules, what is set aside, and how rules are told and read.

use super::*;

fn names(rules: &Rules) -> Vec<&str> {
    rules.rules().iter().map(Rule::name).collect()
}

#[test]
fn rules_are_asked_by_priority_then_as_they_came() {
    let rules = Rules::default()
        .with_rule(Rule::new("none, first"))
        .with_rule(Rule::new("5, first").with_priority(5))
        .with_rule(Rule::new("none, second"))
        .with_rule(Rule::new("1").with_priority(1))
        .with_rule(Rule::new("5, second").with_priority(5))
        .with_rule(Rule::new("last").with_priority(u32::MAX));
    assert_eq!(names(&rules), ["1", "5, first", "5, second", "last", "none, first", "none, second"]);
}

#[test]
fn a_rate_out_of_range_in_code_is_brought_into_it_and_warned_about() {
    let rules = Rules::default()
        .with_rule(Rule::new("five percent?").with_rate(5.0))
        .with_rule(Rule::new("infinite").with_rate(f64::INFINITY))
        .with_default(1, f64::NAN);
    assert_eq!(rules.rules().iter().map(Rule::rate).collect::<Vec<_>>(), [1.0, 1.0]);
    assert_eq!(rules.default_rule().rate(), 0.0);
    assert_eq!(rules.warnings().len(), 3);
    assert_eq!(rules.warnings()[0], r#"rule "five percent?": rate 5 is not from 0.0 to 1.0; taken as 1.0"#);
    assert_eq!(Rules::default().with_default(1, -0.5).default_rule().rate(), 0.0);
}

#[test]
fn a_rule_that_can_never_match_is_set_aside_and_warned_about() {
    let rules = Rules::default()
        .with_rule(Rule::new("errors").with_attribute("http.status_code", "5*"))
        .with_rule(Rule::new("grpc").with_attribute("rpc.grpc.status_code", "14"))
        .with_rule(Rule::new("gold").with_attribute("tenant", "gold*"));
    assert_eq!(names(&rules), ["errors", "gold"]);
    assert_eq!(rules.set_aside()[0].name(), "grpc");
    assert_eq!(
        rules.warnings(),
        ["rule \"grpc\" is set aside: attribute \"rpc.grpc.status_code\" is of the response and can never match \
          \"14\"; expected what is known of a request's end: http.status_code, fault, error, throttle or duration \
          (gRPC's codes set the flags)"]
    );
}

#[test]
fn rules_on_the_response_beyond_the_limit_are_set_aside() {
    let mut rules = Rules::default();
    for _ in 0..=Rules::MAX_LATE {
        rules = rules.with_rule(Rule::new("errors").with_attribute("fault", "true"));
    }
    assert_eq!((rules.rules().len(), rules.set_aside().len()), (Rules::MAX_LATE, 1));
    assert_eq!(rules.warnings(), ["rule \"errors\" is set aside: there are more than 64 rules on the response"]);
}

#[test]
fn the_effective_rules_can_be_printed() {
    let rules = Rules::default()
        .with_rule(Rule::new("rest").with_rate(1.0))
        .with_rule(
            Rule::new("checkout")
                .with_priority(2)
                .with_service("orders")
                .with_service_type("AWS::EC2::Instance")
                .with_host("*.example.com")
                .with_method("POST")
                .with_path("/checkout\n")
                .with_attribute("tenant", "gold*")
                .with_fixed_target(10)
                .with_rate(0.5),
        )
        .with_rule(Rule::new("errors").with_attribute("fault", "true").with_priority(1))
        .with_rule(Rule::new("slow").with_attribute("duration", "2"));
    expect_test::expect![[r#"
        rule "errors" (priority 1, at the end): attribute "fault" "true"; fixed_target 1, rate 0.05
        rule "checkout" (priority 2): service_name "orders", service_type "AWS::EC2::Instance", host "*.example.com", http_method "POST", url_path "/checkout\n", attribute "tenant" "gold*"; fixed_target 10, rate 0.5
        rule "rest": any request; fixed_target 1, rate 1
        default: any request; fixed_target 1, rate 0.05
        set aside: rule "slow" (at the end): attribute "duration" "2"; fixed_target 1, rate 0.05"#]]
    .assert_eq(&rules.to_string());
}

#[test]
fn the_setting_is_a_word_json_or_a_file() {
    assert_eq!(Rules::from_setting(" ALL ").unwrap(), Rules::all());
    assert_eq!(Rules::from_setting("none\n").unwrap(), Rules::none());
    let json = r#" {"version": 2, "default": {"fixed_target": 3, "rate": 0}} "#;
    assert_eq!(Rules::from_setting(json).unwrap(), Rules::default().with_default(3, 0.0));

    let empty = Rules::from_setting("  ").unwrap_err();
    assert_eq!(
        empty.to_string(),
        "sampling rules: the setting is empty; expected \"all\", \"none\", the path of a JSON file, or JSON text"
    );
    let list = Rules::from_setting("[]").unwrap_err();
    assert_eq!(list.to_string(), "sampling rules: the text is []; expected an object");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = Rules::from_setting("no/such/rules.json").unwrap_err();
    assert_eq!(error.file(), Some(Path::new("no/such/rules.json")));
    assert_eq!(error.to_string(), "sampling rules in no/such/rules.json: the file cannot be read (entity not found)");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn rules_are_read_from_a_file_and_its_faults_name_it() {
    // A file that is always there and is no set of rules, whatever directory the tests run in.
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let error = Rules::from_file(manifest).unwrap_err();
    assert_eq!(error.file(), Some(Path::new(manifest)));
    assert_eq!(error.kind(), super::super::RulesErrorKind::NotJson);
}
