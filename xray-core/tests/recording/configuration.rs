//! What a layer makes of its settings. Variables are tested beside the code that reads them: a test has no environment
//! of its own.

use std::time::Duration;

use xray_core::sampling::Rule;
use xray_core::{ConfigError, ContextMissing, Origin, Rules, SegmentLayer, SpanFields, Trust, segment};

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
