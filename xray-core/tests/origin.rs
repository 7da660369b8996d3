//! Where the program runs, found in the background and written to its segments.
//!
//! The address of the metadata service is a variable of the process, so the program under test is this binary once more.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tracing_subscriber::prelude::*;
use xray_core::document::Document;
use xray_core::sampling::{Rule, Rules};
use xray_core::{Capture, SegmentLayer};

#[test]
fn segments_say_where_they_run_as_soon_as_it_is_known_and_nothing_waits_for_it() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", service.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for mut stream in service.incoming().map_while(Result::ok) {
            let lines = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let put = lines.collect::<Vec<_>>().first().is_some_and(|line| line.starts_with("PUT"));
            let body = if put { "T" } else { r#"{"instanceId": "i-7", "accountId": "123456789012"}"# };
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            *count.lock().unwrap() += 1;
        }
    });
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_program", "--ignored", "--nocapture"])
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)
        .env("XRAY_ORIGIN", "auto")
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env_remove("ECS_CONTAINER_METADATA_URI_V4")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env_remove("AWS_LOG_GROUP")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(*asked.lock().unwrap(), 2, "asked once, by token and document");
    let said = text.lines().find_map(|line| line.strip_prefix("said: ")).expect("what the last segment said");
    assert_eq!(said, r#"Some("AWS::EC2::Instance") Some({"instance_id":"i-7"}) Some("123456789012") instances"#);
}

#[test]
#[ignore = "run by the test above, with its variables"]
fn the_program() {
    let documents = Capture::new();
    let rules = Rules::none().with_rule(Rule::new("instances").with_service_type("AWS::EC2::*").with_rate(1.0));
    let rules = rules.with_rule(Rule::new("unknown").with_rate(1.0));
    let layer = SegmentLayer::builder("orders").emitter(documents.clone()).rules(rules).synchronous().build().unwrap();
    let _scope = tracing_subscriber::registry().with(layer).set_default();
    let deadline = Instant::now() + Duration::from_secs(10);
    let known = AtomicBool::new(false);
    while !known.load(Ordering::Relaxed) && Instant::now() < deadline {
        drop(xray_core::segment("orders").open());
        let last = documents.take().pop().expect("no segment waits for the answer");
        let last = Document::parse(last).unwrap();
        let aws = last.aws.clone().expect("an aws member");
        if last.origin.is_some() && aws.sampling_rule() == Some("instances") {
            known.store(true, Ordering::Relaxed);
            let ec2 = aws.0.get("ec2").map(ToString::to_string);
            println!(
                "said: {:?} Some({}) {:?} {}",
                last.origin.as_deref(),
                ec2.unwrap_or_default(),
                aws.text("account_id").map(ToString::to_string),
                aws.sampling_rule().unwrap_or_default()
            );
        }
        std::thread::yield_now();
    }
    assert!(known.load(Ordering::Relaxed), "never known");
}
