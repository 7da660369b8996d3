//! Central sampling switched on in a layer, against a daemon of the test's own: rules and targets come over TCP, segments
//! say which rule kept them.
#![cfg(feature = "central-sampling")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests fail by panics

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use xray_core::sampling::{CentralSampler, SamplingRequest};
use xray_core::{Builder, Reason, segment};
use xray_test::{Captured, ManualClock, SeededEntropy};

/// Answers with these rules until the test's process ends; counts the calls.
fn daemon(rules: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(&stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).is_ok_and(|bytes| bytes > 0) {}
            let _ = reader.read_exact(&mut [0; 2]);
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = write!(&stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{rules}", rules.len());
        }
    });
    (address, calls)
}

fn layer(address: &str, settings: impl FnOnce(Builder) -> Builder) -> Captured {
    let address = address.to_owned();
    Captured::with(ManualClock::at(1_465_510_280.5), SeededEntropy::new(7), |builder| {
        settings(builder.central_sampling().daemon_address(address))
    })
}

const RULES: &str = r#"{"SamplingRuleRecords":[
    {"SamplingRule":{"RuleName":"checkout","ResourceARN":"*","Priority":1,"FixedRate":1.0,"ReservoirSize":0,"ServiceName":"*",
     "ServiceType":"AWS::ECS::*","Host":"*","HTTPMethod":"*","URLPath":"/checkout/*","Version":1}},
    {"SamplingRule":{"RuleName":"Default","ResourceARN":"*","Priority":10000,"FixedRate":0.0,"ReservoirSize":1,"ServiceName":"*",
     "ServiceType":"*","Host":"*","HTTPMethod":"*","URLPath":"*","Version":1}}]}"#;

/// Runs until a request is decided by the service's rule.
fn until_decided(xray: &Captured) {
    let request = SamplingRequest::default().with_path("/checkout/7");
    let deadline = Instant::now() + Duration::from_secs(10);
    while xray.run(|| segment("orders").sampling(request).open().decision()).unwrap().rule() != Some("checkout") {
        assert!(Instant::now() < deadline, "no rules came: {}", xray.stats());
        std::thread::yield_now();
    }
}

#[test]
fn a_layer_decides_by_the_services_rules_and_says_so_in_the_document() {
    let (address, _) = daemon(RULES);
    let xray = layer(&address, |builder| builder.origin("AWS::ECS::Container"));
    until_decided(&xray);
    xray.clear();
    let (first, second) = xray.run(|| {
        let open = || segment("orders").sampling(SamplingRequest::default().with_path("/")).open().decision().unwrap();
        (open(), open())
    });
    assert_eq!((first.rule(), first.sampled(), first.reason()), (Some("Default"), true, Reason::Borrow));
    assert_eq!((second.rule(), second.sampled(), second.reason()), (Some("Default"), false, Reason::Rate));
    let [document] = xray.documents();
    assert_eq!(document.aws.unwrap().sampling_rule(), Some("Default"));
    let layer = xray.layer();
    let explained = layer.explain();
    for beginning in ["sampling = central (from code)", "default: any request", "central sampling: the rules above"] {
        assert!(explained.lines().any(|line| line.starts_with(beginning)), "{beginning} in\n{explained}");
    }
}

#[test]
fn in_lambda_nobody_is_asked() {
    let (address, calls) = daemon(RULES);
    let xray = layer(&address, |builder| builder.lambda(true));
    xray.run(|| {
        let incoming = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let incoming = xray_core::Incoming::read(Some(incoming.as_bytes()), None);
        xray_core::invocation("handler", &incoming).in_scope(|| segment("orders").open().end());
    });
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[test]
fn a_sampler_made_by_hand_has_its_own_fallback() {
    let address = xray_core::DaemonAddress::parse("127.0.0.1:1").unwrap();
    let sampler = CentralSampler::new(&address).with_fallback(xray_core::Rules::none());
    let xray = Captured::with(ManualClock::at(0.0), SeededEntropy::new(7), |builder| builder.sampler(sampler));
    xray.run(|| segment("orders").open().end());
    let [] = xray.documents();
}
