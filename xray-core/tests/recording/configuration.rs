//! What a layer makes of its settings. Variables are tested beside the code that reads them: a test has no environment
//! of its own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt;
use xray_core::sampling::Rule;
use xray_core::{Capture, ConfigError, ContextMissing, Origin, Rules, SegmentLayer, SpanFields, Trust, segment};

use xray_test::ManualClock;

use crate::support::{captured, captured_with};

fn builder() -> xray_core::Builder {
    SegmentLayer::builder("orders").without_environment().on_diagnostic(|_| ())
}

#[test]
fn every_setting_is_explained_with_its_origin() {
    let layer = builder()
        .daemon_address("udp:localhost:2000 tcp:localhost:2001")
        .trust(Trust::JoinOnly)
        .context_missing(ContextMissing::IgnoreError)
        .root_spans(false)
        .span_fields(SpanFields::Only(vec!["order_id".into()]))
        .collect_sql_queries(true)
        .stream_after(7)
        .in_progress_after(Duration::from_secs(9))
        .rules(Rules::default().with_rule(Rule::new("health").with_path("/health").with_rate(0.0)))
        .build()
        .unwrap();
    let explained = layer.explain();
    for line in [
        "service = orders (from code)",
        "trust = join (from code)",
        "context missing = IGNORE_ERROR (from code)",
        "root spans = off (from code)",
        "span fields = order_id (from code)",
        "sql queries = true (from code)",
        "stream after = 7 (from code)",
        "in progress after = 9 (from code)",
        "diagnostics = warn (from default)",
        "in lambda = false (from default)",
    ] {
        assert!(explained.lines().any(|found| found == line), "{line} in\n{explained}");
    }
    assert!(explained.contains("sampling rules in effect:") && explained.contains("/health"), "{explained}");
    assert!(
        explained.lines().any(|line| line.starts_with("daemon address = ") && line.contains("2001")),
        "{explained}"
    );
}

#[test]
fn defaults_are_those_of_the_table() {
    let layer = builder().build().unwrap();
    for line in [
        "enabled = true (from default)",
        "daemon address = 127.0.0.1:2000 (from default)",
        "trust = full (from default)",
        "stream after = 100 (from default)",
        "in progress after = 5 (from default)",
    ] {
        assert!(layer.explain().lines().any(|found| found == line), "{line} in\n{}", layer.explain());
    }
}

#[test]
fn a_wrong_address_is_an_error_that_names_it() {
    let error = builder().daemon_address("localhost:port").build().unwrap_err();
    assert!(matches!(&error, ConfigError::DaemonAddress { origin: Origin::Code, .. }), "{error:?}");
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    assert!(text.contains("localhost:port") && text.contains("expected host:port"), "{text}");
}

#[test]
fn an_address_that_does_not_resolve_is_no_error() {
    assert!(builder().daemon_address("no-such-host.invalid:2000").build().is_ok());
}

#[test]
fn a_layer_that_is_switched_off_says_so_and_starts_nothing() {
    let layer = builder().enabled(false).build().unwrap();
    assert_eq!(layer.explain(), "X-Ray is switched off");
    assert!(layer.flush(Duration::ZERO));
}

#[test]
fn settings_reach_the_layer() {
    let xray = captured_with(|builder| builder.root_spans(false).stream_after(0));
    xray.run(|| {
        drop(tracing::info_span!("alone"));
        segment("orders").open().in_scope(|| {
            drop(tracing::info_span!("load"));
            assert_eq!(xray.all().len(), 1);
        });
    });
    assert_eq!(xray.all().len(), 2);
}

#[test]
fn layers_and_what_they_hand_out_can_be_shared_and_sent() {
    fn shared<T: Send + Sync + 'static>() {}
    fn sent<T: Send>(_: &T) {}
    shared::<SegmentLayer>();
    shared::<xray_core::Guard>();
    shared::<xray_core::Node>();
    shared::<xray_core::Diagnostic>();
    shared::<xray_core::StatsSnapshot>();
    shared::<xray_core::Instrumented<std::future::Ready<()>>>();
    let xray = captured();
    xray.run(|| sent(&segment("orders").open().instrument(async {})));
}

/// A file of rules that records this share of everything.
fn rules_at(rate: &str) -> String {
    format!(r#"{{"version": 2, "default": {{"fixed_target": 0, "rate": {rate}}}}}"#)
}

#[test]
fn the_sender_reads_a_rules_file_again_when_it_has_changed_and_the_time_is_come() {
    let path = std::env::temp_dir().join(format!("xray-reloaded-{}.json", std::process::id()));
    std::fs::write(&path, rules_at("0.0")).unwrap();
    let clock = ManualClock::at(crate::support::START);
    let told = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&told);
    let layer = SegmentLayer::builder("orders")
        .without_environment()
        .emitter(Capture::new())
        .clock(clock.clone())
        .rules_file(&path)
        .reload_rules_every(Duration::from_secs(30))
        .on_diagnostic(move |diagnostic| lines.lock().unwrap().push(diagnostic.to_string()))
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer.clone()));
    let is_sampled = || tracing::dispatcher::with_default(&dispatch, || segment("orders").open().is_recording());
    // A flush waits for a round of the sender, which looks at the file when it is due.
    let after = |seconds| {
        clock.advance(Duration::from_secs(seconds));
        assert!(layer.flush(Duration::from_secs(10)));
    };
    assert!(layer.explain().contains("sampling rules at the start, before any change of the file:"));
    assert!(!is_sampled());
    std::fs::write(&path, rules_at("1")).unwrap();
    after(29);
    assert!(!is_sampled(), "it is not time yet");
    after(1);
    assert!(is_sampled());

    std::fs::write(&path, rules_at("2.0000")).unwrap();
    after(30);
    after(30);
    assert!(is_sampled(), "the rules in force stay");
    let told = told.lock().unwrap();
    let [line] = &told[..] else { panic!("told once: {told:?}") };
    assert!(line.starts_with("XR028: sampling rules in ") && line.contains("default rule: rate is 2.0"), "{line}");
    assert_eq!((layer.stats().rules_reloaded, layer.stats().rules_refused), (1, 1));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_layer_without_a_thread_reads_its_rules_file_when_it_is_asked_to() {
    let path = std::env::temp_dir().join(format!("xray-asked-{}.json", std::process::id()));
    std::fs::write(&path, rules_at("0.0")).unwrap();
    let xray = captured_with(|builder| builder.rules_file(&path));
    std::fs::write(&path, rules_at("1")).unwrap();
    assert!(xray.layer().reload_rules().unwrap());
    xray.run(|| segment("orders").open().end());
    let [_] = xray.documents();
    std::fs::remove_file(&path).unwrap();
    assert!(xray.layer().reload_rules().unwrap_err().to_string().contains("cannot be read"));
    assert!(!captured().layer().reload_rules().unwrap(), "no file");
}

#[test]
fn a_path_that_is_not_unicode_is_named_all_the_same() {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        let path = std::ffi::OsString::from_vec(b"no/\xff/rules.json".to_vec());
        let refused = builder().rules_file(path).build().unwrap_err();
        let told = format!("{refused:?}");
        assert!(told.contains("no/\u{fffd}/rules.json: the file cannot be read (entity not found)"), "{told}");
    }
}

#[test]
fn rules_know_what_the_service_runs_on() {
    let rules = Rules::none().with_rule(Rule::new("ecs").with_service_type("AWS::ECS::*").with_rate(1.0));
    for (origin, expected) in [("AWS::ECS::Container", true), ("AWS::EC2::Instance", false)] {
        let xray = captured_with(|builder| builder.rules(rules.clone()).origin(origin));
        xray.run(|| assert_eq!(segment("orders").open().is_recording(), expected));
    }
}
