//! The protocol over real HTTP: what a daemon may answer, and that the sampler goes on with what it has.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::client::{CallError, Client};
use super::super::poller::{Call, Operation, Poller, Step};
use super::super::sampler::{CentralSampler, Report};
use super::super::worker::make;
use super::server::{Server, ok};
use crate::ThreadEntropy;
use crate::diagnostics::{Diagnostics, DiagnosticsLevel};
use crate::emit::DaemonAddress;
use crate::emit::manual_clock::ManualClock;
use crate::sampling::{Decision, Reason, Rule, Rules, Sample, SamplingRequest, SegmentEnd};
use crate::stats::{Counter, Stats};

/// A sampler whose calls the test makes itself, by a clock that the test moves.
struct Driven {
    sampler: CentralSampler,
    poller: Poller,
    client: Client,
    clock: Arc<ManualClock>,
    stats: Arc<Stats>,
    told: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Driven {
    fn new(address: &DaemonAddress) -> Driven {
        let (clock, entropy) = (ManualClock::new(), Arc::new(ThreadEntropy));
        clock.advance(Duration::from_secs(1_465_510_280));
        let told = Arc::<std::sync::Mutex<Vec<String>>>::default();
        let lines = Arc::clone(&told);
        let diagnostics = Diagnostics::new(clock.clone(), DiagnosticsLevel::Warn)
            .with_handler(Box::new(move |diagnostic| lines.lock().unwrap().push(diagnostic.to_string())));
        let stats = Arc::new(Stats::new());
        let report = Report { stats: Arc::clone(&stats), diagnostics: Arc::new(diagnostics) };
        let sampler = CentralSampler::with_sources(address, clock.clone(), entropy.clone()).with_report(report);
        Driven { sampler, poller: Poller::new(entropy), client: Client::new(address.tcp()), clock, stats, told }
    }

    /// Makes the calls that are due now; how many there were.
    fn make_due(&mut self) -> usize {
        for made in 0..200 {
            let shared = self.sampler.shared();
            match self.poller.next(shared.rules().as_deref(), shared.now()) {
                Step::Call(call) => make(shared, &self.client, &mut self.poller, &call),
                Step::Wait(_) => return made,
            }
        }
        panic!("calls without end");
    }

    fn pass(&mut self, seconds: u64) -> usize {
        self.clock.advance(Duration::from_secs(seconds));
        self.make_due()
    }

    fn names(&self) -> Vec<String> {
        self.sampler.rule_names().iter().map(|name| name.to_string()).collect()
    }
}

fn rule(name: &str, priority: u32) -> Value {
    json!({"SamplingRule": {
        "RuleName": name, "ResourceARN": "*", "Priority": priority, "FixedRate": 0.0, "ReservoirSize": 10,
        "ServiceName": "*", "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": format!("/{name}"), "Version": 1,
    }})
}

fn rules(names: &[&str]) -> String {
    let records: Vec<Value> = names.iter().zip(1..).map(|(name, priority)| rule(name, priority)).collect();
    json!({ "SamplingRuleRecords": records }).to_string()
}

#[test]
fn the_daemon_is_asked_as_the_official_sdks_ask_it() {
    let server = Server::answering(|asked| {
        match &*asked.path {
        "/GetSamplingRules" => rules(&["orders"]),
        _ => json!({
            "SamplingTargetDocuments": [
                {"RuleName": "orders", "FixedRate": 0.0, "ReservoirQuota": 3, "ReservoirQuotaTTL": 1_465_510_590, "Interval": 10},
                {"RuleName": "unknown", "FixedRate": 1.0},
            ],
            "LastRuleModification": 1_465_510_000,
            "UnprocessedStatistics": [{"RuleName": "x", "ErrorCode": "400", "Message": "no"}],
        })
        .to_string(),
    }
    });
    let mut driven = Driven::new(&server.address);
    let request = SamplingRequest::new("shop").with_path("/orders");
    assert_eq!(driven.sampler.decide(&request), None, "no rules yet");
    assert_eq!(driven.make_due(), 1);
    let reasons = |driven: &Driven| -> Vec<_> {
        let decisions = (0..5).map(|_| driven.sampler.decide(&request).unwrap());
        decisions.filter(|decision| decision.sampled()).map(|decision| decision.reason()).collect()
    };
    assert_eq!(reasons(&driven), [Reason::Borrow]);
    assert_eq!(driven.pass(9), 0, "not before its time");
    assert_eq!(driven.pass(2), 1);
    assert_eq!(reasons(&driven), [Reason::Reservoir; 3]);

    let asked = server.asked();
    let paths: Vec<&str> = asked.iter().map(|asked| &*asked.path).collect();
    assert_eq!(paths, ["/GetSamplingRules", "/SamplingTargets"]);
    assert!(asked.iter().all(|asked| asked.head.starts_with("post ") && !asked.head.contains("authorization")));
    assert_eq!(asked[0].body, "{}");
    let body: Value = serde_json::from_str(&asked[1].body).unwrap();
    let document = &body["SamplingStatisticsDocuments"][0];
    assert_eq!(document["RuleName"], "orders");
    assert_eq!(
        (&document["RequestCount"], &document["SampledCount"], &document["BorrowCount"]),
        (&json!(5), &json!(0), &json!(1))
    );
    let client_id = document["ClientID"].as_str().unwrap();
    assert!(client_id.len() == 24 && client_id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{client_id}");
    assert_eq!(driven.stats.get(Counter::SamplingCallsFailed), 0);
}

#[test]
fn local_rules_on_the_response_do_their_work_beside_the_rules_of_the_service() {
    let server = Server::answering(|_| rules(&["orders"]));
    let mut driven = Driven::new(&server.address);
    let errors = Rule::new("errors").with_attribute("fault", "true").with_fixed_target(1).with_rate(1.0);
    driven.sampler = driven.sampler.with_fallback(Rules::none().with_rule(errors));
    assert_eq!(driven.make_due(), 1);

    let request = SamplingRequest::new("shop").with_path("/orders");
    let decisions = [(); 3].map(|()| driven.sampler.sample(&request));
    assert_eq!(decisions.each_ref().map(Decision::reason), [Reason::Borrow, Reason::Rate, Reason::Rate]);
    let terms = (decisions[1].rule(), decisions[1].fixed_target(), decisions[1].rate());
    assert_eq!(terms, (Some("orders"), Some(1), Some(0.0)));
    assert_eq!(decisions[0].late_rules(), None, "it is sampled already");
    let failed = SegmentEnd::new("shop", Duration::ZERO).with_status(500);
    let kept = driven.sampler.sample_late(&decisions[1], &failed).unwrap();
    assert_eq!((kept.sampled(), kept.reason(), kept.rule()), (true, Reason::Late, Some("errors")));
    assert_eq!(driven.sampler.sample_late(&decisions[2], &SegmentEnd::new("shop", Duration::ZERO)), None);

    let counted =
        |driven: &Driven| -> Vec<String> { driven.sampler.rule_counts().iter().map(ToString::to_string).collect() };
    let expected = [r#""orders" requests=3 sampled=1 borrowed=1"#, r#""errors" requests=1 late=1"#];
    assert_eq!(counted(&driven), expected);
    assert_eq!(driven.pass(11), 1);
    assert_eq!(counted(&driven), expected, "a report takes nothing of these");
}

#[test]
fn every_page_of_rules_is_read() {
    let server = Server::answering(|asked| {
        let token: Value = serde_json::from_str(&asked.body).unwrap();
        let page = token["NextToken"].as_str().map_or(0, |token| token.parse::<usize>().unwrap());
        let records: Vec<Value> = (0..10).map(|at| rule(&format!("{page:02}{at}"), 1)).collect();
        let next = (page < 39).then(|| (page + 1).to_string());
        json!({ "SamplingRuleRecords": records, "NextToken": next }).to_string()
    });
    let mut driven = Driven::new(&server.address);
    assert_eq!(driven.make_due(), 40);
    assert_eq!(driven.names().len(), 400);
}

#[test]
fn a_page_that_points_to_itself_ends_the_list() {
    let server =
        Server::answering(|_| json!({ "SamplingRuleRecords": [rule("a", 1)], "NextToken": "again" }).to_string());
    let mut driven = Driven::new(&server.address);
    assert_eq!(driven.make_due(), 2);
    assert_eq!(driven.names(), ["a"]);
}

#[test]
fn more_than_25_statistics_go_in_several_calls() {
    let names: Vec<String> = (0..60).map(|at| format!("r{at:02}")).collect();
    let listed = names.clone();
    let server = Server::answering(move |asked| match &*asked.path {
        "/GetSamplingRules" => rules(&listed.iter().map(|name| &**name).collect::<Vec<_>>()),
        _ => json!({"SamplingTargetDocuments": [], "LastRuleModification": 0}).to_string(),
    });
    let mut driven = Driven::new(&server.address);
    driven.make_due();
    for name in &names {
        let path = format!("/{name}");
        assert!(driven.sampler.decide(&SamplingRequest::new("shop").with_path(&path)).is_some());
    }
    assert_eq!(driven.pass(11), 3);
    let bodies = server.asked().into_iter().skip(1).map(|asked| serde_json::from_str::<Value>(&asked.body).unwrap());
    let reported: Vec<Vec<String>> = bodies
        .map(|body| {
            let documents = body["SamplingStatisticsDocuments"].as_array().unwrap().clone();
            documents.iter().map(|document| document["RuleName"].as_str().unwrap().to_owned()).collect()
        })
        .collect();
    assert_eq!(reported.iter().map(Vec::len).collect::<Vec<_>>(), [25, 25, 10]);
    assert_eq!(reported.concat().into_iter().collect::<BTreeSet<_>>(), names.into_iter().collect());
    assert_eq!(driven.pass(11), 0, "nothing was asked since");
}

/// Answers first as it should, then as `script` does.
fn rules_then(script: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Server {
    let calls = AtomicUsize::new(0);
    Server::new(move |_, stream| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => ok(stream, &rules(&["orders"])),
        _ => script(stream),
    })
}

/// The rules stay in force whatever the daemon answers later; it is counted and told once, and tried again later.
#[track_caller]
fn goes_on_after(script: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> String {
    let server = rules_then(script);
    let mut driven = Driven::new(&server.address);
    driven.make_due();
    assert_eq!(driven.names(), ["orders"]);
    assert_eq!(driven.pass(306), 1);
    assert_eq!(driven.names(), ["orders"]);
    assert!(driven.sampler.decide(&SamplingRequest::new("shop").with_path("/orders")).is_some());
    assert_eq!(driven.make_due(), 0, "not again at once");
    assert_eq!(driven.stats.get(Counter::SamplingCallsFailed), 1);
    let told = driven.told.lock().unwrap().concat();
    told.replace(&server.address.tcp().to_string(), "ADDRESS")
}

#[test]
fn an_error_of_the_service_leaves_the_rules_in_force() {
    let told = goes_on_after(|stream| {
        let body = r#"{"Message":"\u001b[31m secret"}"#;
        write!(stream, "HTTP/1.1 500 Boom\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    });
    assert_eq!(
        told,
        "XR026: GetSamplingRules failed: the daemon at tcp ADDRESS answered with HTTP status 500; the last rules stay in \
         force. Start the X-Ray daemon, or correct AWS_XRAY_DAEMON_ADDRESS; its role needs xray:GetSamplingRules"
    );
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Server::answering(|_| rules(&["evil"]));
    let target = elsewhere.address.tcp().to_string();
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let target = target.clone();
        let told = goes_on_after(move |stream| {
            write!(
                stream,
                "HTTP/1.1 {status}\r\nlocation: http://{target}/GetSamplingRules\r\ncontent-length: 0\r\n\r\n"
            )
        });
        assert!(told.contains(&format!("answered with HTTP status {}", &status[..3])), "{told}");
    }
    assert_eq!(elsewhere.asked(), []);
}

#[test]
fn garbage_leaves_the_rules_in_force() {
    for garbage in
        ["", "\u{0}\u{1}\u{2}garbage\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", "SSH-2.0-OpenSSH\r\n"]
    {
        let told = goes_on_after(move |stream| stream.write_all(garbage.as_bytes()));
        assert!(told.contains("did not answer with whole HTTP"), "{told}");
    }
    for body in ["<html>not the daemon</html>", "{}", r#"{"SamplingRuleRecords":[]}"#, r#"{"SamplingRuleRecords":[{"#] {
        let told = goes_on_after(move |stream| ok(stream, body));
        assert!(told.contains("answered with something else"), "{told}");
    }
}

#[test]
fn an_answer_cut_off_leaves_the_rules_in_force() {
    let told = goes_on_after(|stream| write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{{\"Sampling"));
    assert!(told.contains("did not answer with whole HTTP"), "{told}");
    let told =
        goes_on_after(|stream| write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{{\"Samp"));
    assert!(told.contains("did not answer with whole HTTP"), "{told}");
}

#[test]
fn an_endless_answer_or_head_is_left_unread() {
    let told = goes_on_after(|stream| {
        let body = " ".repeat(10 * 1024 * 1024);
        ok(stream, &body)
    });
    assert!(told.contains("answered with more than 4194304 bytes"), "{told}");
    let told = goes_on_after(|stream| {
        write!(stream, "HTTP/1.1 200 OK\r\n")?;
        (0..100_000).try_for_each(|at| write!(stream, "x-{at}: {at}\r\n"))
    });
    assert!(told.contains("XR026"), "{told}");
}

#[test]
fn a_chunked_answer_in_small_pieces_is_read() {
    let server = Server::new(|_, stream| {
        stream.set_nodelay(true)?;
        write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        for piece in rules(&["orders", "health"]).as_bytes().chunks(7) {
            write!(stream, "{:x}\r\n", piece.len())?;
            stream.write_all(piece)?;
            write!(stream, "\r\n")?;
        }
        write!(stream, "0\r\n\r\n")
    });
    let mut driven = Driven::new(&server.address);
    assert_eq!(driven.make_due(), 1);
    assert_eq!(driven.names(), ["orders", "health"]);
}

#[test]
fn a_daemon_that_never_answers_is_given_up() {
    // A listener that accepts nothing: the connection stands in its backlog.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = DaemonAddress::parse(&listener.local_addr().unwrap().to_string()).unwrap();
    let call = Call { operation: Operation::Rules, body: Vec::new() };
    let client = Client::with_timeout(address.tcp(), Duration::from_millis(50));
    let since = Instant::now();
    assert_eq!(client.call(&call), Err(CallError::TimedOut));
    assert!(since.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_daemon_that_answers_by_drops_is_given_up() {
    let server = Server::new(|_, stream| {
        stream.set_nodelay(true)?;
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")?;
        // Until the client hangs up.
        loop {
            stream.write_all(b" ")?;
            std::thread::park_timeout(Duration::from_millis(5));
        }
    });
    let call = Call { operation: Operation::Rules, body: Vec::new() };
    let client = Client::with_timeout(server.address.tcp(), Duration::from_millis(100));
    assert_eq!(client.call(&call), Err(CallError::TimedOut));
}

#[test]
fn a_daemon_that_is_not_there_is_told_once_and_asked_ever_more_rarely() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut driven = Driven::new(&DaemonAddress::parse(&free.to_string()).unwrap());
    let calls: usize = (0..3600).map(|_| driven.pass(1)).sum();
    assert!((60..80).contains(&calls), "{calls} calls in an hour");
    assert_eq!(driven.stats.get(Counter::SamplingCallsFailed), calls as u64);
    let request = SamplingRequest::new("shop");
    assert_eq!(driven.sampler.decide(&request), None);
    let told = driven.told.lock().unwrap();
    assert!(told[0].contains("cannot be reached: connection refused; local rules decide"), "{told:?}");
}

#[test]
fn central_rules_that_break_the_schema_are_counted_and_the_rest_work() {
    let server = Server::answering(|_| {
        let mut wrong = rule("wrong", 1);
        wrong["SamplingRule"]["FixedRate"] = json!(2.0);
        json!({ "SamplingRuleRecords": [wrong, rule("good", 2), 7, rule("good", 3)] }).to_string()
    });
    let mut driven = Driven::new(&server.address);
    driven.make_due();
    assert_eq!(driven.names(), ["good"]);
    assert_eq!(driven.stats.get(Counter::SamplingRulesSkipped), 3);
    let expected = "XR027: 3 central sampling rules (\"wrong\", \"good\", 1 more) cannot be used, left out. Look at the \
         sampling rules in the X-Ray console: each needs every field, version 1, a rate from 0 to 1, a reservoir of 0 or more, a name of its own";
    assert_eq!(*driven.told.lock().unwrap(), [expected]);
}

#[test]
fn the_first_decision_starts_the_thread_and_waits_for_nothing() {
    let server = Server::answering(|_| rules(&["orders"]));
    let sampler = CentralSampler::new(&server.address);
    assert_eq!(server.asked(), []);
    let request = SamplingRequest::new("shop").with_path("/orders");
    assert_eq!(sampler.sample(&request).rule(), Some("Default"), "by the local rules");
    let deadline = Instant::now() + Duration::from_secs(10);
    while sampler.sample(&request).rule() != Some("orders") {
        assert!(Instant::now() < deadline, "no rules came");
        std::thread::yield_now();
    }
    assert_eq!(server.asked().len(), 1);
}
