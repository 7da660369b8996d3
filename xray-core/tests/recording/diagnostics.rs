//! What the tracer says, and when. XR002 and XR003 are the middleware's.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use expect_test::{Expect, expect};
use tracing::info_span;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry;
use xray_core::sampling::{Rule, SamplingRequest};
use xray_core::{
    Builder, ContextMissing, DiagnosticsLevel, Incoming, Rules, SegmentLayer, TraceHeader, segment, subsegment,
};
use xray_test::Captured;

use crate::support::{START, captured, captured_with, timed};

#[track_caller]
fn told(xray: &Captured, lines: Expect) {
    lines.assert_debug_eq(&xray.diagnostics());
}

/// A layer whose messages are kept, for what a [`Captured`] cannot be.
fn telling() -> (Builder, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&told);
    let builder = SegmentLayer::builder("test")
        .without_environment()
        .sample_all()
        .on_diagnostic(move |diagnostic| lines.lock().unwrap().push(diagnostic.to_string()));
    (builder, told)
}

fn header(text: &str) -> TraceHeader {
    text.parse().unwrap()
}

#[test]
fn xr001_nobody_listens() {
    // Nobody else can take the port, and a connected socket refuses all but its peer.
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
    closed.connect("127.0.0.1:9").unwrap();
    let address = closed.local_addr().unwrap();
    let (builder, told) = telling();
    let layer = builder.daemon_address(address.to_string()).synchronous().build().unwrap();
    tracing::subscriber::with_default(registry().with(layer.clone()), || {
        // The system tells of a refusal with the next datagram.
        (0..10).for_each(|_| drop(segment("orders").open()));
        layer.flush(Duration::ZERO);
    });
    let told = told.lock().unwrap();
    let expected = format!("XR001: nothing is listening on udp {address} (from code); ");
    assert!(told[0].starts_with(&expected), "{told:?}");
    assert!(told[0].ends_with("lost. Start the X-Ray daemon, or set AWS_XRAY_DAEMON_ADDRESS"), "{told:?}");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(layer.stats().dropped_refused > 0, "{}", layer.stats());
}

#[test]
fn xr004_a_filter_on_the_subscriber_hides_the_carrier() {
    let xray = captured();
    let subscriber = registry().with(EnvFilter::new("orders=debug")).with(xray.layer());
    tracing::subscriber::with_default(subscriber, || {
        let orders = segment("orders").open();
        assert!(orders.carrier().is_disabled());
        assert!(orders.carrier().is_disabled());
    });
    told(
        &xray,
        expect![[r#"
            [
                "XR004: a filter on the whole subscriber hides spans: a task spawned .in_current_span() loses its segment, and INFO spans that the filter hides are not recorded. Put it on the log layer: fmt::layer().with_filter(EnvFilter::from_default_env())",
            ]
        "#]],
    );
}

#[test]
fn xr005_a_subsegment_without_a_segment() {
    for (strategy, lines) in
        [(ContextMissing::LogError, 1), (ContextMissing::RuntimeError, 3), (ContextMissing::IgnoreError, 0)]
    {
        let xray = captured_with(|builder| builder.context_missing(strategy));
        xray.run(|| {
            for _ in 0..3 {
                let call = subsegment("DynamoDB").open();
                assert!(!call.is_active());
                call.annotate("a", 1);
            }
        });
        assert_eq!(xray.stats().context_missing, 3);
        let told = xray.diagnostics();
        assert_eq!(told.len(), lines, "{strategy}");
        let expected = "XR005: subsegment \"DynamoDB\" has no open segment and is not recorded. Open one around it by \
                        xray_core::segment(\"job\"), or set AWS_XRAY_CONTEXT_MISSING=IGNORE_ERROR";
        assert!(told.iter().all(|line| line == expected), "{told:?}");
        let [] = xray.documents();
    }
}

#[test]
fn xr005_is_told_again_after_a_minute_with_its_count() {
    let (xray, clock) = timed(|builder| builder);
    xray.run(|| {
        (0..3).for_each(|_| drop(subsegment("DynamoDB").open()));
        clock.advance(Duration::from_secs(60));
        drop(subsegment("DynamoDB").open());
    });
    let told = xray.diagnostics();
    assert_eq!(told.len(), 2);
    assert!(told[1].ends_with("(2 more since the last report)"), "{told:?}");
}

#[test]
fn xr006_a_span_loses_its_segment_across_spawn() {
    let xray = captured();
    xray.run(|| {
        drop(info_span!("start-up"));
        let orders = segment("orders").open();
        drop(info_span!("fetch"));
        drop(orders);
    });
    told(
        &xray,
        expect![[r#"
            [
                "XR006: span \"fetch\" has no parent and opened a segment of its own. If it runs in a spawned task add .in_current_span() to the task; XRAY_ROOT_SPANS=off stops such segments",
            ]
        "#]],
    );
}

#[test]
fn xr007_a_document_is_too_large() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        (0..5).for_each(|_| {
            subsegment("load").parent(&orders).open().add_metadata("text", "x".repeat(16_000));
        });
    });
    told(
        &xray,
        expect![[r#"
            [
                "XR007: a document of \"test\" is 80934 bytes, limit 63970; sent 2 subsegments separately. Record less metadata, or lower XRAY_STREAM_AFTER",
            ]
        "#]],
    );
}

#[test]
fn xr008_a_name_is_made_valid() {
    let xray = captured_with(|builder| builder.diagnostics(DiagnosticsLevel::Verbose));
    xray.run(|| {
        drop(segment("orders(api)").open());
        drop(info_span!("load?"));
        drop(info_span!("request", otel.name = "GET /orders/{id}"));
        segment("orders").open().set_name("orders{}");
        segment("orders").open().in_scope(|| drop(subsegment("a\u{7}b").open()));
        // Beside an incoming header a name may be the request's host: it is not repeated.
        let incoming = Incoming::from(header("Root=1-5759e988-bd862e3fe1be46a994272793"));
        drop(segment("<evil>.example.com").incoming(incoming).open());
        // So may one without such a header.
        let request = SamplingRequest::default().with_host("{Evil}.example.com:80");
        drop(segment("{evil}.example.com").sampling(request).open());
    });
    assert_eq!(xray.stats().names_changed, 7);
    told(
        &xray,
        expect![[r#"
            [
                "XR008: segment name \"orders(api)\" is not valid and was sent as \"ordersapi\". Use at most 200 letters, digits, blanks and _ . : / % & # = + \\ - @",
                "XR008: segment name \"load?\" is not valid and was sent as \"load\". Use at most 200 letters, digits, blanks and _ . : / % & # = + \\ - @",
                "XR008: a name in a span's field otel.name (16 bytes) is not valid and was changed. Use at most 200 letters, digits, blanks and _ . : / % & # = + \\ - @",
                "XR008: segment name \"orders{}\" is not valid and was sent as \"orders\". Use at most 200 letters, digits, blanks and _ . : / % & # = + \\ - @",
                "XR008: segment name \"a\\u{7}b\" is not valid and was sent as \"ab\". Use at most 200 letters, digits, blanks and _ . : / % & # = + \\ - @",
                "XR008: a segment name from a request (18 bytes) is not valid and was changed. Use at most 200 letters, digits, blanks and _ . : / % & # = + \\ - @",
                "XR008: a segment name from a request (18 bytes) is not valid and was changed. Use at most 200 letters, digits, blanks and _ . : / % & # = + \\ - @",
            ]
        "#]],
    );
    let (builder, told) = telling();
    let service = SegmentLayer::builder("service?").without_environment().build().unwrap();
    drop((builder, service));
    assert!(told.lock().unwrap().is_empty());
}

#[test]
fn xr010_many_requests_and_none_sampled() {
    let rules = Rules::default().with_rule(Rule::new("quiet").with_fixed_target(0).with_rate(0.0));
    let xray = captured_with(|builder| builder.rules(rules));
    xray.run(|| {
        (0..999).for_each(|_| drop(segment("orders").open()));
        assert_eq!(xray.diagnostics(), [""; 0]);
        drop(segment("orders").open());
    });
    told(
        &xray,
        expect![[r#"
            [
                "XR010: 1000 requests, none sampled; the last was decided by rule \"quiet\". Raise its fixed target or rate, or set XRAY_SAMPLING_RULES=all while developing",
            ]
        "#]],
    );
}

#[test]
fn xr010_tells_of_single_requests_when_verbose() {
    let xray = captured_with(|builder| builder.rules(Rules::none()).diagnostics(DiagnosticsLevel::Verbose));
    xray.run(|| drop(segment("orders").open()));
    let told = xray.diagnostics();
    assert!(told[0].starts_with("XR010: segment \"") && told[0].contains("is not sampled by rule"), "{told:?}");
}

#[test]
fn xr011_the_callers_sample_nothing() {
    let xray = captured();
    let unsampled = header("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0");
    xray.run(|| (0..1_000).for_each(|_| drop(segment("orders").parent(unsampled.clone()).open())));
    assert_eq!(xray.stats().upstream_unsampled, 1_000);
    told(
        &xray,
        expect![[r#"
            [
                "XR011: 1000 of 1000 requests arrived with Sampled=0, so the rules here do not apply to them. Change the caller's sampling, or set XRAY_TRUST=join to decide here",
            ]
        "#]],
    );
}

#[test]
fn xr012_a_header_cannot_be_used_and_is_never_repeated() {
    let secret = "hunter2-\u{1b}[31m";
    for (ours, w3c) in [
        (format!("Root=1-{secret};Sampled=1"), None),
        (format!("{secret}={secret}"), None),
        (String::new(), Some(format!("00-{secret}-01"))),
        (secret.repeat(2_000), Some(secret.to_owned())),
    ] {
        let xray = captured_with(|builder| builder.diagnostics(DiagnosticsLevel::Verbose));
        xray.run(|| {
            let incoming = Incoming::read(Some(ours.as_bytes()), w3c.as_deref().map(str::as_bytes));
            let orders = segment("orders").incoming(incoming).open();
            // The request goes on, in a new trace.
            assert!(orders.trace_id().is_some());
            assert!(!format!("{orders:?}").contains("hunter2"));
        });
        let told = xray.diagnostics();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("XR012: request header "), "{told:?}");
        assert!(told[0].ends_with("; a new trace was started"), "{told:?}");
        assert!(!told[0].contains("hunter2") && !told[0].contains('\u{1b}'), "{told:?}");
        assert_eq!(xray.stats().malformed_headers, 1);
        assert!(xray.texts().iter().all(|text| !text.contains("hunter2")));
    }
}

#[test]
fn xr013_a_trace_id_is_too_old_or_from_the_future() {
    for (seconds, what) in
        [(START as u32 - 31 * 86_400, "31 days old"), (START as u32 + 2 * 86_400, "172800 seconds ahead of this clock")]
    {
        let xray = captured();
        let stale = header(&format!("Root=1-{seconds:08x}-bd862e3fe1be46a994272793;Sampled=1"));
        xray.run(|| drop(segment("orders").parent(stale).open()));
        assert_eq!(
            xray.diagnostics(),
            [format!(
                "XR013: an incoming trace id is {what}, and X-Ray drops such traces. Look for a replayed header or a \
                 wrong clock (here it is 1465510280 s since 1970)"
            )]
        );
        assert_eq!(xray.stats().stale_trace_ids, 1);
    }
    let xray = captured();
    let recent = header(&format!("Root=1-{:08x}-bd862e3fe1be46a994272793", START as u32 - 29 * 86_400));
    xray.run(|| drop(segment("orders").parent(recent).open()));
    // The first digits of a W3C trace id are no time.
    let foreign = Incoming::read(None, Some(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    xray.run(|| drop(segment("orders").incoming(foreign).open()));
    assert_eq!((xray.diagnostics(), xray.stats().stale_trace_ids), (Vec::new(), 0));
}

#[test]
fn xr022_the_guard_is_dropped_at_once() {
    let (builder, told) = telling();
    let layer = builder.emitter(xray_core::Capture::new()).build().unwrap();
    let _ = layer.guard();
    let told = told.lock().unwrap();
    assert!(told[0].starts_with("XR022: shut down "), "{told:?}");
    assert!(told[0].ends_with(" ms after the start, before any segment: the program ended, or the guard was not kept (let _xray = …, not let _ = …)"));
}

#[test]
fn xr022_is_not_told_of_a_guard_that_was_kept() {
    let xray = captured();
    let guard = xray.layer().guard();
    xray.run(|| drop(segment("orders").open()));
    drop(guard);
    assert_eq!(xray.diagnostics(), [""; 0]);
}

#[test]
fn xr024_a_segment_is_open_for_very_long() {
    let (xray, clock) = timed(|builder| builder);
    xray.run(|| {
        let worker = segment("worker").open();
        clock.advance(Duration::from_secs(15 * 60));
        xray.layer().announce_open();
        assert_eq!(xray.diagnostics(), [""; 0]);
        clock.advance(Duration::from_secs(1));
        xray.layer().announce_open();
        xray.layer().flush(Duration::ZERO);
        drop(worker);
    });
    told(
        &xray,
        expect![[r#"
            [
                "XR024: segment \"test\" has been open for 901 s; 0 subsegments left ahead of their segments so far. Use one segment for each job",
            ]
        "#]],
    );
}

#[test]
fn xr024_segments_are_open_at_shutdown() {
    let xray = captured();
    let (one, two) = xray.run(|| (segment("one").open(), segment("two").open()));
    xray.layer().shutdown(Duration::ZERO);
    told(
        &xray,
        expect![[r#"
            [
                "XR024: 2 segments still open at shutdown, sent as in progress",
            ]
        "#]],
    );
    drop((one, two));
}

#[test]
fn xr025_a_setting_is_refused() {
    let (builder, told) = telling();
    let layer = builder.daemon_address("daemon").synchronous().build_lossy();
    assert!(layer.explain().contains("daemon address = "), "{}", layer.explain());
    expect![[r#"
        [
            "XR025: daemon address (from code) cannot be used: daemon address \"daemon\" has no port between 1 and 65535; expected host:port or \"udp:host:port tcp:host:port\", with IPv6 as [::1]:2000; the default is used",
        ]
    "#]]
    .assert_debug_eq(&told.lock().unwrap());
}

#[test]
fn xr025_rules_that_may_be_a_mistake() {
    let rules = Rules::default().with_default(1, 7.0);
    let xray = captured_with(|builder| builder.rules(rules));
    let told = xray.diagnostics();
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("XR025: sampling rules: "), "{told:?}");
}

#[test]
fn nothing_is_told_where_that_is_switched_off() {
    let xray = captured_with(|builder| builder.diagnostics(DiagnosticsLevel::Off));
    xray.run(|| {
        drop(subsegment("call").open());
        drop(segment("?").open());
    });
    assert_eq!(xray.diagnostics(), [""; 0]);
    assert_eq!((xray.stats().context_missing, xray.stats().names_changed), (1, 1));
}

#[test]
fn a_handler_that_traces_and_panics_does_no_harm() {
    let layer = SegmentLayer::builder("test")
        .without_environment()
        .emitter(xray_core::Capture::new())
        .synchronous()
        .sample_all()
        .on_diagnostic(|_| {
            tracing::error!("told");
            drop(segment("within").open());
            std::panic::resume_unwind(Box::new("handler failed"));
        })
        .build()
        .unwrap();
    tracing::subscriber::with_default(registry().with(layer.clone()), || {
        segment("orders").open().in_scope(|| {
            drop(info_span!("load", annotation.a.b = 1));
            tracing::info!("goes on");
        });
        drop(subsegment("call").open());
    });
    let stats = layer.stats();
    assert_eq!((stats.segments_opened, stats.documents_sent), (1, 1), "{stats}");
}
