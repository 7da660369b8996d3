//! A store in a file: what was acknowledged is there after any end of the process, and a file that cannot be used says so.
#![cfg(feature = "db")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xray_console::api::{
    ClearTraces, CreateGroup, EncryptionType, GetEncryptionConfig, GetGroups, GetIndexingRules,
    GetTraceSegmentDestination, ListResourcePolicies, ListTagsForResource, PutEncryptionConfig, PutResourcePolicy,
    TraceSegmentDestination, UpdateIndexingRule, UpdateTraceSegmentDestination,
};
use xray_console::intake::{Intake, Sender};
use xray_console::sampling::{CreateSamplingRule, DeleteSamplingRule, GetSamplingRules, ServedRules};
use xray_console::store::{DEFAULT_BOUND, OpenError, StorageError, Window};
use xray_console::{Console, Store};

/// A path of this test's own, where nothing is.
fn fresh(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    path
}

fn trace_id(trace: usize) -> String {
    format!("1-5759e988-{trace:024x}")
}

fn document(trace: usize, rest: &str) -> String {
    format!(
        r#"{{"name":"shop","id":"53995c3f42cd8ad8","trace_id":"{}","start_time":{}.5,{rest}}}"#,
        trace_id(trace),
        1_465_510_280 + trace
    )
}

fn put(store: &Store, trace: usize, rest: &str) {
    let unprocessed = Intake::new(store.clone()).put_segments(&[document(trace, rest)], Sender::Local("test"));
    assert_eq!(unprocessed, []);
}

#[tokio::test]
async fn what_was_put_is_there_after_a_restart() {
    let path = fresh("restart.db");
    let store = Store::open(&path, DEFAULT_BOUND).unwrap();
    put(&store, 0, r#""in_progress":true"#);
    put(&store, 1, r#""end_time":1465510290"#);
    put(&store, 0, r#""end_time":1465510299"#);
    store.durable().await.unwrap();
    let (before, info) = (store.trace(&trace_id(0)), store.info(&trace_id(0)).unwrap());
    drop(store);

    let store = Store::open(&path, DEFAULT_BOUND).unwrap();
    assert_eq!(store.trace(&trace_id(0)), before);
    assert_eq!(store.info(&trace_id(0)).unwrap().documents, 1);
    assert_eq!(store.info(&trace_id(0)).unwrap().last.as_micros(), info.last.as_micros());
    let mut seen = Vec::new();
    store.scan(&Window::ALL, |row| {
        seen.push(row.id().to_string());
        true
    });
    assert_eq!(seen, [trace_id(1), trace_id(0)]);
    store.clear();
    // Without waiting: an orderly end writes what is left.
    drop(store);
    assert_eq!(Store::open(&path, DEFAULT_BOUND).unwrap().counters().documents, 0);
}

#[test]
fn what_calls_have_made_is_there_after_a_restart_too() {
    let path = fresh("kept.db");
    let start = |rules: Option<ServedRules>| {
        // Of a time that is the same once it was written and read: readers of JSON differ in the last bit.
        let builder = Console::builder().clock(xray_test::ManualClock::at(1_465_510_280.5));
        let builder = builder.store(Store::open(&path, DEFAULT_BOUND).unwrap());
        let builder = rules.into_iter().fold(builder, |builder, rules| builder.sampling_rules(rules));
        builder.start().unwrap()
    };
    let all = |console: &Console| {
        let groups = console.call(GetGroups::default()).unwrap().groups;
        let arn = groups.iter().find(|group| group.group_name.as_deref() == Some("slow")).unwrap().group_arn.clone();
        let tags = ListTagsForResource { resource_arn: arn.unwrap(), next_token: None };
        serde_json::json!([
            groups,
            console.call(GetSamplingRules::default()).unwrap(),
            console.call(tags).unwrap(),
            console.call(ListResourcePolicies::default()).unwrap(),
            console.call(GetEncryptionConfig {}).unwrap(),
            console.call(GetTraceSegmentDestination {}).unwrap(),
            console.call(GetIndexingRules::default()).unwrap(),
        ])
    };
    let console = start(None);
    let tag = serde_json::json!({"Key": "team", "Value": "shop"});
    let group = serde_json::json!({"GroupName": "slow", "FilterExpression": "responsetime > 5", "Tags": [tag]});
    console.call(serde_json::from_value::<CreateGroup>(group).unwrap()).unwrap();
    let rule = serde_json::json!({"SamplingRule": {"RuleName": "r", "ResourceARN": "*", "Priority": 7, "FixedRate": 0.1,
        "ReservoirSize": 3, "ServiceName": "*", "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "/x", "Version": 1}});
    console.call(serde_json::from_value::<CreateSamplingRule>(rule).unwrap()).unwrap();
    let policy = PutResourcePolicy {
        policy_name: "p".to_owned(),
        policy_document: r#"{"Statement": {"Effect": "Allow"}}"#.to_owned(),
        bypass_policy_lockout_check: Some(true),
        ..PutResourcePolicy::default()
    };
    console.call(policy).unwrap();
    console.call(PutEncryptionConfig { key_id: Some("key".to_owned()), r#type: EncryptionType::Kms }).unwrap();
    let destination = UpdateTraceSegmentDestination {
        destination: Some(TraceSegmentDestination::CloudWatchLogs),
        ..UpdateTraceSegmentDestination::default()
    };
    console.call(destination).unwrap();
    let indexing =
        serde_json::json!({"Name": "Default", "Rule": {"Probabilistic": {"DesiredSamplingPercentage": 25.0}}});
    console.call(serde_json::from_value::<UpdateIndexingRule>(indexing).unwrap()).unwrap();
    let before = all(&console);
    console.call(ClearTraces {}).unwrap();
    // What a process leaves that is killed now: all of it was acknowledged.
    let killed = fresh("kept-killed.db");
    for end in ["", "-wal"] {
        std::fs::copy(format!("{}{end}", path.display()), format!("{}{end}", killed.display())).unwrap();
    }
    drop(console);

    let console = start(None);
    assert_eq!(all(&console), before);
    let delete = DeleteSamplingRule { rule_name: Some("r".to_owned()), rule_arn: None };
    console.call(delete).unwrap();
    drop(console);
    let console = start(None);
    assert_eq!(console.call(GetSamplingRules::default()).unwrap().sampling_rule_records.len(), 1);
    drop(console);

    let store = Store::open(&killed, DEFAULT_BOUND).unwrap();
    assert_eq!(all(&Console::builder().store(store.clone()).start().unwrap()), before);
    // Rules that are asked for go before those that were made once.
    let console = Console::builder().store(store).sampling_rules(ServedRules::stock()).start().unwrap();
    assert_eq!(console.call(GetSamplingRules::default()).unwrap().sampling_rule_records.len(), 1);
}

#[test]
fn a_file_from_before_such_things_were_kept_is_opened_and_one_that_cannot_be_read_says_so() {
    let path = fresh("kept-unreadable.db");
    drop(Store::open(&path, DEFAULT_BOUND).unwrap());
    let sql = |sql: &str| rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    sql("DROP TABLE kept");
    let start = || Console::builder().store(Store::open(&path, DEFAULT_BOUND).unwrap()).start().unwrap();
    assert_eq!(start().intake().troubles(), []);
    sql("INSERT INTO kept (name, json) VALUES ('api', '{')");
    let troubles = start().intake().troubles();
    assert_eq!(troubles.len(), 1);
    assert!(
        troubles[0].message.starts_with("groups, sampling rules, tags, policies and settings of before cannot be read")
    );
}

#[tokio::test]
async fn the_bound_holds_in_the_file_too() {
    let path = fresh("bound.db");
    let store = Store::open(&path, 1_000_000).unwrap();
    let metadata = format!(r#""end_time":1465519999,"metadata":{{"default":{{"text":"{}"}}}}"#, "x".repeat(20_000));
    for trace in 0..300 {
        put(&store, trace, &metadata);
    }
    store.durable().await.unwrap();
    let kept = store.counters().traces;
    drop(store);
    assert!(kept < 60, "{kept}");
    assert!(std::fs::metadata(&path).unwrap().len() < 8_000_000);

    assert_eq!(Store::open(&path, 1_000_000).unwrap().counters().traces, kept);
    let smaller = Store::open(&path, 300_000).unwrap();
    assert!(smaller.counters().traces < kept / 2, "{:?}", smaller.counters());
    assert!(smaller.trace(&trace_id(299)).is_some());
    let left = smaller.counters().traces;
    drop(smaller);
    assert_eq!(Store::open(&path, DEFAULT_BOUND).unwrap().counters().traces, left, "evicted on disk as well");
}

#[test]
fn a_file_that_cannot_be_used_says_why() {
    let path = fresh("text.db");
    std::fs::write(&path, "a letter to a friend").unwrap();
    assert!(matches!(Store::open(&path, DEFAULT_BOUND), Err(OpenError::Foreign { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a letter to a friend");

    let path = fresh("foreign.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE letters (text TEXT)").unwrap();
    drop(other);
    let error = Store::open(&path, DEFAULT_BOUND).unwrap_err();
    assert!(error.to_string().ends_with("is not a trace store: name another file; this one was left as it is"));

    let path = fresh("used.db");
    let store = Store::open(&path, DEFAULT_BOUND).unwrap();
    assert!(matches!(Store::open(&path, DEFAULT_BOUND), Err(OpenError::InUse { .. })));
    drop(store);
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(newer);
    assert!(matches!(Store::open(&path, DEFAULT_BOUND), Err(OpenError::Newer { found: 99, .. })));

    let path = fresh("damaged.db");
    let store = Store::open(&path, DEFAULT_BOUND).unwrap();
    for trace in 0..500 {
        put(&store, trace, r#""end_time":1465519999"#);
    }
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8_192..].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let error = Store::open(&path, DEFAULT_BOUND).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");

    let error = Store::open("/nowhere/at/all.db", DEFAULT_BOUND).unwrap_err();
    assert_eq!(error.to_string(), "cannot open /nowhere/at/all.db");
}

/// Set for the child process of the test below: the file it writes.
const CHILD: &str = "XRAY_CONSOLE_TEST_DB";

/// Not a test by itself: puts documents, and says which are acknowledged, until it is killed.
#[test]
fn child_that_is_killed() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let store = Store::open(path, DEFAULT_BOUND).unwrap();
    for trace in 0.. {
        put(&store, trace, r#""end_time":1465519999"#);
        println!("acknowledged {trace}");
    }
}

#[test]
fn a_kill_loses_nothing_that_was_acknowledged() {
    let path = fresh("killed.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_is_killed", "--nocapture"])
        .env(CHILD, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let acknowledged = |line: std::io::Result<String>| line.unwrap().split_once("acknowledged ")?.1.parse().ok();
    let last: usize = lines.filter_map(acknowledged).nth(200).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let store = Store::open(&path, DEFAULT_BOUND).unwrap();
    for trace in 0..=last {
        assert!(store.trace(&trace_id(trace)).is_some(), "{trace} of {last}");
    }
}

#[tokio::test]
async fn a_store_without_a_file_has_nothing_to_wait_for() {
    assert_eq!(Store::new().durable().await, Ok::<(), StorageError>(()));
}
