//! A store in a file: what was acknowledged is there after any end of the process, and a file that cannot be used says so.
#![cfg(feature = "db")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xray_console::Store;
use xray_console::intake::{Intake, Sender};
use xray_console::store::{DEFAULT_BOUND, OpenError, StorageError, Window};

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
        seen.push(row.id.to_string());
        true
    });
    assert_eq!(seen, [trace_id(1), trace_id(0)]);
    store.clear();
    // Without waiting: an orderly end writes what is left.
    drop(store);
    assert_eq!(Store::open(&path, DEFAULT_BOUND).unwrap().counters().documents, 0);
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
