use std::error::Error;

use expect_test::expect;

use super::*;

/// Reads with these variables and nothing else.
fn with(variables: &[(&str, &str)], settings: Settings) -> Result<Config, ConfigError> {
    let found = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Config::from_lookup(&found, settings)
}

fn config(variables: &[(&str, &str)]) -> Config {
    with(variables, Settings::default()).unwrap()
}

fn from<T>(value: T, name: &'static str) -> Sourced<T> {
    Sourced { value, origin: Origin::Variable(name) }
}

#[test]
fn defaults_are_explained_as_the_table_says() {
    let config = config(&[]);
    expect![[r#"
        service = service (from default)
        enabled = true (from default)
        daemon address = 127.0.0.1:2000 (from default)
        sampling = local (from default)
        sampling rules = 1 a second, then 5 % (from default)
        rules reloaded after = 10 (from default)
        late capture = rules (from default)
        trust = full (from default)
        context missing = LOG_ERROR (from default)
        root spans = on (from default)
        span fields = all (from default)
        sql queries = false (from default)
        stream after = 100 (from default)
        in progress after = 5 (from default)
        diagnostics = warn (from default)
        origin = not said (from default)
        in lambda = false (from default)
    "#]]
    .assert_eq(&config.explain());
    for (line, setting) in config.explain().lines().zip(SETTINGS) {
        assert_eq!(line, format!("{} = {} (from default)", setting.name, setting.default));
    }
}

#[test]
fn every_variable_is_heard_and_named_as_the_origin() {
    let config = config(&[
        ("AWS_XRAY_TRACING_NAME", " orders "),
        ("AWS_XRAY_SDK_DISABLED", "TRUE"),
        ("AWS_XRAY_DAEMON_ADDRESS", "tcp:a:1 udp:b:2"),
        ("XRAY_SAMPLING", "Central"),
        ("XRAY_SAMPLING_RULES", "all"),
        ("XRAY_SAMPLING_RELOAD", "0"),
        ("XRAY_LATE_CAPTURE", "error, slow=1.5"),
        ("XRAY_TRUST", "join"),
        ("AWS_XRAY_CONTEXT_MISSING", "ignore_error"),
        ("XRAY_ROOT_SPANS", "off"),
        ("XRAY_SPAN_FIELDS", "order, ,user.id"),
        ("AWS_XRAY_COLLECT_SQL_QUERIES", "true"),
        ("XRAY_STREAM_AFTER", "0"),
        ("XRAY_IN_PROGRESS_AFTER", "0.5"),
        ("XRAY_DIAG", "Verbose"),
        ("XRAY_ORIGIN", "AWS::EC2::Instance"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
    ]);
    expect![[r#"
        service = orders (from AWS_XRAY_TRACING_NAME)
        enabled = false (from AWS_XRAY_SDK_DISABLED)
        daemon address = udp:b:2 tcp:a:1 (from AWS_XRAY_DAEMON_ADDRESS)
        sampling = central (from XRAY_SAMPLING)
        sampling rules = all (from XRAY_SAMPLING_RULES)
        rules reloaded after = 0 (from XRAY_SAMPLING_RELOAD)
        late capture = off (from LAMBDA_TASK_ROOT)
        trust = join (from XRAY_TRUST)
        context missing = IGNORE_ERROR (from AWS_XRAY_CONTEXT_MISSING)
        root spans = off (from XRAY_ROOT_SPANS)
        span fields = order,user.id (from XRAY_SPAN_FIELDS)
        sql queries = true (from AWS_XRAY_COLLECT_SQL_QUERIES)
        stream after = 0 (from XRAY_STREAM_AFTER)
        in progress after = 0.5 (from XRAY_IN_PROGRESS_AFTER)
        diagnostics = verbose (from XRAY_DIAG)
        origin = AWS::EC2::Instance (from XRAY_ORIGIN)
        in lambda = true (from LAMBDA_TASK_ROOT)
    "#]]
    .assert_eq(&config.explain());
}

#[test]
fn variables_win_over_code_and_code_over_fallbacks() {
    let code = || Settings { service: Some("code".into()), enabled: Some(true), ..Settings::default() };
    let fallbacks =
        [("OTEL_SERVICE_NAME", "otel"), ("POWERTOOLS_SERVICE_NAME", "powertools"), ("OTEL_SDK_DISABLED", "true")];
    let config = with(&fallbacks, code()).unwrap();
    assert_eq!(config.service, Sourced { value: "code".into(), origin: Origin::Code });
    assert_eq!(config.enabled, Sourced { value: true, origin: Origin::Code });

    let config = with(&fallbacks, Settings::default()).unwrap();
    assert_eq!(config.service, from("powertools".into(), "POWERTOOLS_SERVICE_NAME"));
    assert_eq!(config.enabled, from(false, "OTEL_SDK_DISABLED"));

    let variables = [("AWS_XRAY_TRACING_NAME", "variable"), ("AWS_XRAY_SDK_ENABLED", "off")];
    let config = with(&variables, code()).unwrap();
    assert_eq!(config.service, from("variable".into(), "AWS_XRAY_TRACING_NAME"));
    assert_eq!(config.enabled, from(false, "AWS_XRAY_SDK_ENABLED"));
}

#[test]
fn typed_settings_come_from_code() {
    let settings = Settings {
        daemon: Some("[::1]:2000".into()),
        sampling: Some(Sampling::Central),
        sampling_rules: Some("rules.json".into()),
        reload_after: Some(Duration::from_secs(60)),
        late_capture: Some(LateCapture::rules().with_faults()),
        trust: Some(Trust::None),
        context_missing: Some(ContextMissing::RuntimeError),
        root_spans: Some(false),
        span_fields: Some(SpanFields::None),
        sql_queries: Some(true),
        stream_after: Some(7),
        in_progress_after: Some(Duration::ZERO),
        diagnostics: Some(DiagnosticsLevel::Off),
        origin: Some("AWS::EC2::Instance".into()),
        in_lambda: Some(true),
        service: Some("orders".into()),
        enabled: Some(false),
    };
    expect![[r#"
        service = orders (from code)
        enabled = false (from code)
        daemon address = [::1]:2000 (from code)
        sampling = central (from code)
        sampling rules = rules.json (from code)
        rules reloaded after = 60 (from code)
        late capture = off (from code)
        trust = none (from code)
        context missing = RUNTIME_ERROR (from code)
        root spans = off (from code)
        span fields = none (from code)
        sql queries = true (from code)
        stream after = 7 (from code)
        in progress after = 0 (from code)
        diagnostics = off (from code)
        origin = AWS::EC2::Instance (from code)
        in lambda = true (from code)
    "#]]
    .assert_eq(&with(&[], settings).unwrap().explain());
}

#[test]
fn an_empty_variable_is_absent() {
    let blank: Vec<_> = SETTINGS.iter().flat_map(|row| row.variables).map(|name| (*name, " ")).collect();
    assert_eq!(config(&blank), config(&[]));
}

#[test]
fn enabled_follows_the_official_value_sets() {
    for (text, enabled) in [("0", false), ("No", false), ("F", false), ("off", false), ("1", true), ("whatever", true)]
    {
        let config = config(&[("AWS_XRAY_SDK_ENABLED", text)]);
        assert_eq!(config.enabled, from(enabled, "AWS_XRAY_SDK_ENABLED"), "{text}");
    }
    for (text, enabled) in [("true", false), ("True", false), ("1", true), ("yes", true), ("false", true)] {
        let config = config(&[("AWS_XRAY_SDK_DISABLED", text)]);
        assert_eq!(config.enabled, from(enabled, "AWS_XRAY_SDK_DISABLED"), "{text}");
    }
    for (name, text, enabled) in [
        ("POWERTOOLS_TRACE_DISABLED", "1", false),
        ("POWERTOOLS_TRACE_DISABLED", "0", true),
        ("OTEL_SDK_DISABLED", "true", false),
        ("OTEL_SDK_DISABLED", "1", true),
    ] {
        assert_eq!(config(&[(name, text)]).enabled.value, enabled, "{name}={text}");
    }
    let both = config(&[("AWS_XRAY_SDK_ENABLED", "true"), ("AWS_XRAY_SDK_DISABLED", "true")]);
    assert_eq!(both.enabled, from(false, "AWS_XRAY_SDK_DISABLED"));
}

#[test]
fn diagnostics_hear_the_node_variables_after_ours() {
    use DiagnosticsLevel::*;
    let debug = ("AWS_XRAY_DEBUG_MODE", "1");
    assert_eq!(config(&[debug, ("AWS_XRAY_LOG_LEVEL", "silent")]).diagnostics, from(Verbose, "AWS_XRAY_DEBUG_MODE"));
    assert_eq!(config(&[debug, ("XRAY_DIAG", "off")]).diagnostics, from(Off, "XRAY_DIAG"));
    for (text, level) in [("debug", Verbose), ("INFO", Warn), ("error", Warn), ("silent", Off)] {
        assert_eq!(config(&[("AWS_XRAY_LOG_LEVEL", text)]).diagnostics, from(level, "AWS_XRAY_LOG_LEVEL"));
    }
    assert_eq!(config(&[("AWS_XRAY_LOG_LEVEL", "loud")]).diagnostics.origin, Origin::Default);
}

#[test]
fn sql_queries_need_a_clear_yes() {
    assert!(config(&[("AWS_XRAY_COLLECT_SQL_QUERIES", "1")]).sql_queries.value);
    assert!(!config(&[("AWS_XRAY_COLLECT_SQL_QUERIES", "maybe")]).sql_queries.value);
}

#[test]
fn errors_name_origin_value_and_what_is_expected() {
    let refused = [
        ("AWS_XRAY_DAEMON_ADDRESS", "udp:a:1"),
        ("XRAY_SAMPLING", "remote"),
        ("XRAY_SAMPLING_RELOAD", "never"),
        ("XRAY_LATE_CAPTURE", "faults"),
        ("XRAY_TRUST", "some"),
        ("AWS_XRAY_CONTEXT_MISSING", "PANIC"),
        ("XRAY_ROOT_SPANS", "perhaps"),
        ("XRAY_SPAN_FIELDS", ","),
        ("XRAY_STREAM_AFTER", "-1"),
        ("XRAY_IN_PROGRESS_AFTER", "NaN"),
        ("XRAY_DIAG", "loud"),
    ];
    let found = |name: &str| refused.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let code = Settings { trust: Some(Trust::None), ..Settings::default() };
    let (config, errors) = Config::from_lookup_lossy(&found, code);
    let told: Vec<_> = errors.iter().map(|error| crate::diagnostics::messages::Chain(error).to_string()).collect();
    expect![[r#"
        daemon address (from AWS_XRAY_DAEMON_ADDRESS) cannot be used: daemon address "udp:a:1" has only one of udp: and tcp:; expected host:port or "udp:host:port tcp:host:port", with IPv6 as [::1]:2000
        sampling is "remote" (from XRAY_SAMPLING), expected local or central
        rules reloaded after is "never" (from XRAY_SAMPLING_RELOAD), expected seconds from 0 to 86400
        late capture is "faults" (from XRAY_LATE_CAPTURE), expected off, rules, fault, error, throttle, slow=SECONDS (such as slow=2.5), limit=COUNT (such as limit=10), upstream, separated by commas
        trust is "some" (from XRAY_TRUST), expected full, join or none
        context missing is "PANIC" (from AWS_XRAY_CONTEXT_MISSING), expected LOG_ERROR, IGNORE_ERROR or RUNTIME_ERROR
        root spans is "perhaps" (from XRAY_ROOT_SPANS), expected on or off
        span fields is "," (from XRAY_SPAN_FIELDS), expected all, none, or field names separated by commas
        stream after is "-1" (from XRAY_STREAM_AFTER), expected a whole number
        in progress after is "NaN" (from XRAY_IN_PROGRESS_AFTER), expected seconds from 0 to 86400
        diagnostics is "loud" (from XRAY_DIAG), expected off, warn or verbose"#]].assert_eq(&told.join("\n"));
    assert_eq!(config, self::config(&[]), "the defaults hold");
    assert!(errors[0].source().is_some());
}

#[test]
fn a_bad_address_in_code_is_an_error_too() {
    let settings = Settings { daemon: Some("nowhere".into()), ..Settings::default() };
    assert!(matches!(with(&[], settings), Err(ConfigError::DaemonAddress { origin: Origin::Code, .. })));
}

#[test]
fn span_fields_allow_exact_names() {
    let only = SpanFields::Only(vec!["order".into()]);
    assert!(only.allow("order") && !only.allow("order.id") && !only.allow("Order"));
    assert!(SpanFields::All.allow("x") && !SpanFields::None.allow("x"));
}

#[test]
#[cfg(unix)]
fn a_variable_that_is_not_unicode_is_an_error_that_names_it() {
    use std::os::unix::ffi::OsStrExt;
    let value = std::ffi::OsStr::from_bytes(b"/etc/\xffrules.json");
    let told = |name| ConfigError::not_unicode(name, value).map(|error| error.to_string());
    let expected = "sampling rules is \"/etc/\u{fffd}rules.json\" (from XRAY_SAMPLING_RULES), expected text in UTF-8";
    assert_eq!(told("XRAY_SAMPLING_RULES").as_deref(), Some(expected));
    assert_eq!(told("PATH"), None);
}
