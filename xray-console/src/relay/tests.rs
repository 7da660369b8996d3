//! The relay against a stand-in of AWS X-Ray that behaves as badly as one can.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::Console;
use crate::sampling::{GetSamplingRules, GetSamplingTargets};

/// What becomes of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Take,
    Throttle,
    Fail,
    /// All but the first document, which is throttled by itself.
    TakeSome,
    /// Closes before it has read anything.
    Hang,
    /// Takes, and never answers.
    Stall,
    /// Takes, and answers half.
    Half,
    /// Takes, and closes.
    Close,
}

#[derive(Default)]
struct State {
    acts: VecDeque<Act>,
    always: Option<Act>,
    /// Documents taken, and whether that was answered whole.
    taken: Vec<(String, bool)>,
    puts: usize,
    telemetry: Vec<Value>,
}

#[derive(Clone)]
struct StandIn {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl StandIn {
    fn start(acts: impl IntoIterator<Item = Act>) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stand_in = StandIn {
            address: listener.local_addr().unwrap(),
            state: Arc::new(Mutex::new(State { acts: acts.into_iter().collect(), ..State::default() })),
        };
        let serving = stand_in.clone();
        // Ends with the test's process; it holds nothing but its port.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                thread::spawn(move || serving.answer(stream));
            }
        });
        stand_in
    }

    fn answer(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let (mut line, mut length) = (String::new(), 0);
        reader.read_line(&mut line).ok()?;
        let path = line.split(' ').nth(1)?.to_owned();
        let put = path == "/TraceSegments";
        let act = {
            let mut state = self.state.lock().unwrap();
            let always = state.always;
            state.puts += usize::from(put);
            always.or_else(|| if put { state.acts.pop_front() } else { None }).unwrap_or(Act::Take)
        };
        if act == Act::Hang {
            return None;
        }
        loop {
            line.clear();
            reader.read_line(&mut line).ok()?;
            let header = line.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (status, answer) = self.decide(&path, act, &body);
        match act {
            Act::Stall => drop(reader.read_to_end(&mut Vec::new())), // until the other side gives up
            Act::Close => {}
            _ => {
                let answer = answer.to_string();
                let whole = format!(
                    "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                    answer.len()
                );
                let sent = if act == Act::Half { whole.len() - 5 } else { whole.len() };
                (&stream).write_all(&whole.as_bytes()[..sent]).ok()?;
            }
        }
        Some(())
    }

    fn decide(&self, path: &str, act: Act, body: &Value) -> (u16, Value) {
        let mut state = self.state.lock().unwrap();
        let error = |status, code: &str| (status, json!({"__type": code, "message": "told to"}));
        match (path, act) {
            (_, Act::Throttle) => return error(429, "ThrottledException"),
            (_, Act::Fail) => return error(500, "InternalFailure"),
            ("/TelemetryRecords", _) => state.telemetry.push(body.clone()),
            ("/GetSamplingRules", _) => {
                let rule = json!({"RuleName": "Default", "ResourceARN": "*", "Priority": 10000, "FixedRate": 0.05, "ReservoirSize": 1,
                    "ServiceName": "*", "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "*", "Version": 1});
                return (
                    200,
                    json!({"SamplingRuleRecords": [{"SamplingRule": rule, "CreatedAt": 5.0, "ModifiedAt": 6.5}]}),
                );
            }
            ("/SamplingTargets", _) => {
                let rule = body["SamplingStatisticsDocuments"][0]["RuleName"].clone();
                let target = json!({"RuleName": rule, "FixedRate": 0.5, "ReservoirQuota": 7, "ReservoirQuotaTTL": 8.0, "Interval": 10});
                return (
                    200,
                    json!({"SamplingTargetDocuments": [target], "LastRuleModification": 9.0, "UnprocessedStatistics": []}),
                );
            }
            ("/TraceSegments", _) => {
                let documents: Vec<String> = serde_json::from_value(body["TraceSegmentDocuments"].clone()).unwrap();
                assert!(documents.len() <= 50, "{} documents", documents.len());
                if documents.iter().any(|document| document.contains("poison")) {
                    return error(400, "InvalidRequestException");
                }
                let throttled = (act == Act::TakeSome).then(|| documents[0].clone());
                let answered = !matches!(act, Act::Stall | Act::Half | Act::Close);
                let mut unprocessed = Vec::new();
                for document in documents {
                    let id = serde_json::from_str::<Value>(&document).unwrap()["id"].clone();
                    if document.contains("unwanted") {
                        unprocessed.push(json!({"Id": id, "ErrorCode": "InvalidName", "Message": "no such name"}));
                    } else if throttled.as_ref() == Some(&document) {
                        unprocessed.push(json!({"Id": id, "ErrorCode": "ThrottledException", "Message": "later"}));
                    } else {
                        state.taken.push((document, answered));
                    }
                }
                return (200, json!({"UnprocessedTraceSegments": unprocessed}));
            }
            _ => {}
        }
        (200, json!({}))
    }

    fn config(&self, folder: &Folder) -> RelayConfig {
        let mut config =
            RelayConfig::new(&folder.0).with_region("eu-west-1").with_endpoint(format!("http://{}", self.address));
        config.credentials = Some(aws_sdk_xray::config::Credentials::new("id", "secret", None, None, "test"));
        config.pace = config::Pace {
            linger: Duration::from_millis(20),
            first_pause: Duration::from_millis(2),
            longest_pause: Duration::from_millis(20),
            answer: Duration::from_millis(500),
            telemetry: Duration::from_millis(20),
        };
        config
    }

    fn always(&self, act: Option<Act>) {
        self.state.lock().unwrap().always = act;
    }

    /// How often each document was taken; and no more than once with an answer.
    fn taken(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        let mut answered = BTreeMap::new();
        for (document, was_answered) in &self.state.lock().unwrap().taken {
            *counts.entry(document.clone()).or_insert(0) += 1;
            *answered.entry(document.clone()).or_insert(0) += usize::from(*was_answered);
        }
        assert!(answered.values().all(|count| *count == 1), "a document that was answered for is not sent again");
        counts
    }
}

fn document(number: usize, name: &str) -> String {
    json!({"name": name, "id": format!("{number:016x}"), "trace_id": "1-6955b900-0000000000000000000000aa", "start_time": 1, "end_time": 2})
        .to_string()
}

fn until(what: &str, mut met: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !met() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// A folder of its own, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("xray-relay-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn whatever_the_service_does_nothing_is_lost_and_only_lost_answers_double() {
    use Act::*;
    for (number, acts) in [
        vec![],
        vec![Throttle, Throttle, Throttle, Throttle],
        vec![Fail, Take, Fail],
        vec![Hang, Hang, Hang, Hang],
        vec![TakeSome, TakeSome],
        vec![Stall, Take, Stall],
        vec![Half, Half],
        vec![Close, Close, Close],
        vec![Throttle, Half, Close, Hang, TakeSome, Fail, Stall],
    ]
    .into_iter()
    .enumerate()
    {
        let folder = Folder::new(&format!("acts-{number}"));
        let stand_in = StandIn::start(acts.clone());
        let relay = Relay::start(stand_in.config(&folder)).unwrap();
        (0..120).for_each(|number| relay.push(document(number, "shop").as_bytes()));
        until("the spool is empty", || relay.counters().waiting == 0);
        let taken = stand_in.taken();
        assert_eq!(taken.len(), 120, "{acts:?}");
        let counters = relay.counters();
        assert_eq!(
            (counters.received, counters.sent, counters.refused, counters.dropped),
            (120, 120, 0, 0),
            "{acts:?}"
        );
        assert_eq!(relay.reports(), [], "{acts:?}");
        let puts = stand_in.state.lock().unwrap().puts;
        assert!(!acts.is_empty() || puts <= 5, "{puts} calls for 120 documents");
    }
}

#[test]
fn what_the_service_refuses_is_reported_and_holds_up_nothing() {
    let folder = Folder::new("refused");
    let stand_in = StandIn::start([]);
    let relay = Relay::start(stand_in.config(&folder)).unwrap();
    for number in 0..60 {
        let name = match number {
            7 | 41 => "poison",
            13 => "unwanted",
            _ => "shop",
        };
        relay.push(document(number, name).as_bytes());
    }
    relay.push(b"\xff");
    until("the spool is empty", || relay.counters().waiting == 0);
    assert_eq!(stand_in.taken().len(), 57);
    let mut reports: Vec<String> =
        relay.reports().iter().map(|report| format!("{:?} {}: {}", report.id, report.code, report.message)).collect();
    reports.sort();
    assert_eq!(
        reports,
        [
            "None InvalidDocument: the document is not UTF-8, which no request can hold",
            "None InvalidRequestException: told to",
            "None InvalidRequestException: told to",
            "Some(\"000000000000000d\") InvalidName: no such name",
        ]
    );
    assert_eq!(relay.counters().refused, 4);
}

#[test]
fn an_outage_and_a_restart_lose_nothing_and_double_nothing() {
    let folder = Folder::new("outage");
    let stand_in = StandIn::start([]);
    stand_in.always(Some(Act::Throttle));
    let relay = Relay::start(stand_in.config(&folder)).unwrap();
    (0..10).for_each(|number| relay.push(document(number, "shop").as_bytes()));
    until("it tries", || relay.counters().retries > 0);
    // What a process leaves that is killed now.
    let killed = Folder::new("killed");
    std::fs::create_dir_all(&killed.0).unwrap();
    for file in std::fs::read_dir(&folder.0).unwrap().flatten() {
        std::fs::copy(file.path(), killed.0.join(file.file_name())).unwrap();
    }
    drop(relay);
    stand_in.always(None);
    for folder in [&folder, &killed] {
        let relay = Relay::start(stand_in.config(folder)).unwrap();
        until("the spool is empty", || relay.counters().waiting == 0);
        assert!(stand_in.taken().into_values().all(|count| count == 1));
        assert_eq!(stand_in.taken().len(), 10);
        stand_in.state.lock().unwrap().taken.clear();
    }
}

#[test]
fn a_console_passes_on_documents_and_sampling_calls_and_answers_no_query() {
    let folder = Folder::new("console");
    let stand_in = StandIn::start([]);
    let console = Console::builder().relay(stand_in.config(&folder)).start().unwrap();
    let datagram = format!("{{\"format\":\"json\",\"version\":1}}\n{}", document(1, "by udp"));
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().send_to(datagram.as_bytes(), console.address()).unwrap();
    let ask = |path: &str, body: &str| {
        let mut stream = TcpStream::connect(console.address()).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let put = json!({"TraceSegmentDocuments": [document(2, "by tcp")]}).to_string();
    assert_eq!(ask("/TraceSegments", &put), "200");
    assert_eq!(ask("/ServiceGraph", r#"{"StartTime": 1, "EndTime": 2}"#), "403");
    let relay = console.relay().unwrap();
    until("both have gone on", || relay.counters().sent == 2);
    assert_eq!(
        stand_in.taken().into_keys().collect::<Vec<_>>(),
        [document(2, "by tcp"), document(1, "by udp")].iter().rev().cloned().collect::<Vec<_>>()
    );

    assert_eq!(console.store().counters().put, 0, "nobody may ask for them, so they are not kept");

    let rules = console.call(GetSamplingRules::default()).unwrap().sampling_rule_records;
    assert_eq!((rules[0].sampling_rule.as_ref().unwrap().fixed_rate, rules[0].modified_at), (0.05, Some(6.5)));
    let statistics = json!({"RuleName": "Default", "ClientID": "0123456789abcdef01234567", "Timestamp": 1.5, "RequestCount": 1, "SampledCount": 1});
    let request: GetSamplingTargets =
        serde_json::from_value(json!({"SamplingStatisticsDocuments": [statistics]})).unwrap();
    let targets = console.call(request).unwrap();
    assert_eq!(
        (targets.sampling_target_documents[0].reservoir_quota, targets.last_rule_modification),
        (Some(7), Some(9.0))
    );
    stand_in.always(Some(Act::Fail));
    assert_eq!(ask("/GetSamplingRules", "{}"), "503");
    stand_in.always(None);

    let told = || {
        stand_in
            .state
            .lock()
            .unwrap()
            .telemetry
            .iter()
            .map(|record| {
                record["TelemetryRecords"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|record| record["SegmentsSentCount"].as_i64().unwrap())
                    .sum::<i64>()
            })
            .sum::<i64>()
    };
    until("AWS is told of two segments", || told() == 2);
}
