//! A decision by central rules allocates nothing. One test, for the allocator counts every thread of the process.
#![cfg(feature = "central-sampling")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panics

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use xray_core::DaemonAddress;
use xray_core::sampling::{CentralSampler, Sample, SamplingRequest};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// 24 rules and the default one; the service's own limit is 25.
fn rules() -> String {
    let rule = |name: &str, path: &str| {
        format!(
            r#"{{"SamplingRule":{{"RuleName":"{name}","ResourceARN":"*","Priority":100,"FixedRate":0.5,"ReservoirSize":5,
            "ServiceName":"*","ServiceType":"*","Host":"*","HTTPMethod":"GET","URLPath":"{path}","Version":1}}}}"#
        )
    };
    let paths = (0..24).map(|at| rule(&format!("rule-{at}"), &format!("/api/v{at}/*")));
    let records: Vec<String> = paths.chain([rule("Default", "*")]).collect();
    format!(r#"{{"SamplingRuleRecords":[{}]}}"#, records.join(","))
}

/// Answers one request with the rules.
fn serve(listener: &TcpListener) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(&stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0);
    }
    reader.read_exact(&mut [0; 2]).unwrap();
    let body = rules();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
}

#[test]
fn a_decision_by_25_rules_allocates_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let sampler = CentralSampler::new(&DaemonAddress::parse(&listener.local_addr().unwrap().to_string()).unwrap());
    let request =
        SamplingRequest::new("orders").with_host("shop.example.com").with_method("GET").with_path("/checkout/7");
    assert_eq!(sampler.rule_names().len(), 0);
    let _starts = sampler.sample(&request);
    serve(&listener);
    let deadline = Instant::now() + Duration::from_secs(10);
    while sampler.rule_names().len() < 25 {
        assert!(Instant::now() < deadline, "no rules came");
        std::thread::yield_now();
    }
    // The first decision of a thread sets up what the thread keeps. A moment later the sampling thread is at rest.
    let _first = sampler.sample(&request);
    let counts = (0..20).map(|_| {
        let region = Region::new(ALLOCATOR);
        for _ in 0..1000 {
            let _ = sampler.sample(&request);
        }
        region.change().allocations
    });
    assert_eq!(counts.min(), Some(0), "in each of 20 times 1,000 decisions something was allocated");
}
