//! Commands that ask nobody, and what is said where nobody answers.

use expect_test::expect;

use super::{Said, Shop, with_input, xrc};

/// A file of this text, while it is held.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let path = std::env::temp_dir().join(format!("xrc-test-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        File(path)
    }

    fn name(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// Messages without the folder and the process's number.
    fn fixed(&self, said: &Said) -> String {
        said.all().replace(self.name(), "FILE")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const RULES: &str = r#"{"version": 2, "rules": [
    {"description": "health", "host": "*", "http_method": "GET", "url_path": "/health*", "fixed_target": 0, "rate": 0, "priority": 10},
    {"description": "orders-write", "host": "*", "http_method": "POST", "url_path": "/orders*", "fixed_target": 1, "rate": 0.5, "priority": 100},
    {"description": "orders-read", "host": "*", "http_method": "POST", "url_path": "/orders/x", "fixed_target": 1, "rate": 0.5, "priority": 101}],
    "default": {"fixed_target": 1, "rate": 0.05}}"#;

#[test]
fn cost_shows_its_arithmetic() {
    expect![[r#"
        rule Default: 1/s reservoir, then 5 %      250 requests/s, one instance
          sampled  1 + 0.05 x 249 = 13.45/s  ->  34,862,400 traces / 30 days
          recorded   (34,862,400 - 100,000 free) x $5.00/M = $173.81
          retrieved  (34,862,400 x 0.25 = 8,715,600 - 1,000,000 free) x $0.50/M = $3.86
          total      $177.67 a month
        compare  every request: 648,000,000 traces -> $3239.50 recorded
        prices of us-east-1, November 2026; yours: --recorded-price, --retrieved-price
        status 0
    "#]]
    .assert_eq(&xrc(&["cost", "--rps", "250"]).all());
    // The example of AWS's own price page: 48,800 billable traces, $0.24.
    let example = xrc(&["cost", "--traces-per-month", "148800", "--days", "31", "--scan-factor", "5.2"]);
    assert!(example.out.contains("= $0.24\n") && example.out.contains("total      $0.24 a month"), "{}", example.all());
    assert_eq!(xrc(&["cost"]).code, 2);
    assert!(xrc(&["cost", "--rps", "-1"]).err.contains("expected a number above 0"));
}

#[test]
fn rules_are_checked_and_explained() {
    let rules = File::new("rules", RULES);
    let said = [
        xrc(&["sampling", "check", rules.name()]),
        xrc(&[
            "sampling",
            "explain",
            rules.name(),
            "--method",
            "POST",
            "--path",
            "/orders",
            "--host",
            "api.example.com",
        ]),
        xrc(&["sampling", "explain", rules.name(), "--path", "/x"]),
    ];
    expect![[r#"
        rule "health" (priority 10): http_method "GET", url_path "/health*"; fixed_target 0, rate 0
        rule "orders-write" (priority 100): http_method "POST", url_path "/orders*"; fixed_target 1, rate 0.5
        rule "orders-read" (priority 101): http_method "POST", url_path "/orders/x"; fixed_target 1, rate 0.5
        default: any request; fixed_target 1, rate 0.05
        status 0
        rule 1 "health"  no: http_method GET does not match POST
        rule 2 "orders-write"  service_name * ~ service   host * ~ api.example.com   http_method POST ~ POST   url_path /orders* ~ /orders
        decision: the first 1 of each second are sampled, 50 % of the rest; the incoming trace header's Sampled=0 or Sampled=1 would have won
        status 0
        rule 1 "health"  no: http_method GET, and the request has none
        rule 2 "orders-write"  no: http_method POST, and the request has none
        rule 3 "orders-read"  no: http_method POST, and the request has none
        default  service_name * ~ service   url_path * ~ /x
        decision: the first 1 of each second are sampled, 5 % of the rest; the incoming trace header's Sampled=0 or Sampled=1 would have won
        status 0
    "#]].assert_eq(&said.iter().map(|said| rules.fixed(said)).collect::<String>());

    let wrong = File::new("wrong", r#"{"version": 2, "rules": [], "default": {"fixed_target": 1, "rate": 2}}"#);
    let said = [xrc(&["sampling", "check", wrong.name()]), xrc(&["sampling", "check", "/nowhere/rules.json"])];
    expect![[r#"
        xrc: sampling rules in FILE: default rule: rate is 2; expected a number from 0.0 to 1.0
        status 2
        xrc: sampling rules in /nowhere/rules.json: the file cannot be read (entity not found)
        status 2
    "#]]
    .assert_eq(&said.iter().map(|said| wrong.fixed(said)).collect::<String>());
}

#[test]
fn rules_are_tried_on_traffic() {
    let rules = File::new("dry-rules", RULES);
    let mut traffic = "{\"method\":\"GET\",\"path\":\"/health\"}\n".repeat(400);
    traffic += &"192.0.2.1 - - [10/Jun/2016:00:00:00] \"POST /orders?x=1 HTTP/1.1\" 201 7\n".repeat(60);
    traffic += &"{\"method\":\"GET\",\"path\":\"/\"}\n".repeat(540);
    let dry_run = ["sampling", "dry-run", rules.name(), "--rps", "250", "--instances", "4", "--from", "-"];
    expect![[r#"
        rule (priority)     requests  reservoir  rate  sampled   share
        health (10)              400        0/s   0 %        0   0.0 %
        orders-write (100)        60        1/s  50 %       38  63.3 %
        orders-read (101)          0        1/s  50 %        0   0.0 %
        Default                  540        1/s   5 %       42   7.8 %
        total                  1,000                        80   8.0 %
        4 s at 250 requests/s, 4 instances, spread evenly
        note  each instance has its own reservoir (central rules share one quota)
        warn  rule "orders-read" was never the first to match
        status 0
    "#]]
    .assert_eq(&with_input(&dry_run, &[], &traffic).all());
    expect![[r#"
        xrc: -, line 1: not a request; expected {"method":…,"path":…} or the common log format (… "GET /path HTTP/1.1" …)
        status 2
    "#]].assert_eq(&with_input(&dry_run, &[], "root:x:0:0\n").all());
}

#[test]
fn lint_says_why_a_document_would_be_refused() {
    let documents = r#"{"format":"json","version":1}
{"name":"a (b)","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":1,"end_time":2}
{"name":"a","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":2,"end_time":1,"http":7,"annotations":{"a b":1}}
nonsense
[{"name":"a","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-bd862e3fe1be46a994272793"}]
{"name":"lost","id":"53995c3f42cd8ad9","trace_id":"1-5759e988-bd862e3fe1be46a994272794","parent_id":"53995c3f42cd8ad8","type":"subsegment","start_time":2,"end_time":3}
T1Sxx
"#;
    expect![[r#"
        -:2  refused  InvalidName  Invalid segment. ErrorCode: InvalidName. name is "a (b)", with '('; taken are letters, digits, spaces and _ . : / % & # = + \ - @
        -:3  warn  InvalidMember  http was removed: it is a number
        -:3  warn  InvalidAnnotation  annotations: "a b" was removed: a key is 1 to 500 letters, digits, _ and dots
        -:3  warn  Time  "a" ends before it starts
        -:4  refused  InvalidDocument  document is not JSON: expected ident at line 1 column 2
        -:5  refused  MissingStartTime  Invalid segment. ErrorCode: MissingStartTime. there is no start_time
        -:7  refused  InvalidOpenTelemetry  Invalid segment. ErrorCode: InvalidOpenTelemetry. T1S: Invalid padding
        warn  NoSegment  trace 1-5759e988-bd862e3fe1be46a994272794 has subsegments and no segment here: X-Ray shows nothing of it until that comes
        xrc: 5 documents, 4 refused, 4 warnings
        status 1
    "#]].assert_eq(&with_input(&["lint"], &[], documents).all());
    let fine = r#"{"name":"a","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":1,"end_time":2}"#;
    assert_eq!(with_input(&["lint", "-"], &[], fine).all(), "1 document, 0 refused, 0 warnings\nstatus 0\n");
    assert_eq!(with_input(&["lint"], &[], "").all(), "xrc: -: no documents\nstatus 1\n");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let demo = |seed: &str| xrc(&["demo", "--seed", seed, "-n", "3", "--at", "1465510280", "--print"]).out;
    assert_eq!(demo("7"), demo("7"));
    assert_ne!(demo("7"), demo("8"));
    let big = with_input(&["lint"], &[], &xrc(&["demo", "-n", "1", "--at", "1465510280", "--big", "--print"]).out);
    assert_eq!(big.code, 0, "{}", big.all());
}

/// An address of this machine where nobody listens.
fn free() -> String {
    Shop::empty().address
}

#[test]
fn where_nobody_answers_it_is_said_how_to_start_a_console() {
    let address = free();
    for command in [&["traces"][..], &["show"], &["map"], &["tail"], &["clear"], &["export", "-"]] {
        let said = xrc(&[command, &["--addr", &address]].concat());
        assert_eq!(said.code, 3, "{command:?} {}", said.all());
        assert!(said.err.starts_with(&format!("xrc: nobody answers at tcp {address} (")), "{}", said.err);
        assert!(said.err.ends_with("start a console with: xrc up\n"), "{}", said.err);
    }
    let doctor = xrc(&["doctor", "--addr", &address]);
    assert!(
        doctor.out.contains(&format!("warn  nobody listens on {address} -> start a console: xrc up")),
        "{}",
        doctor.all()
    );
    assert_eq!(doctor.code, 1);
}

#[test]
fn a_console_is_found_by_the_name_of_its_machine() {
    let shop = Shop::empty();
    let said = xrc(&["traces", "--addr", &shop.address.replace("127.0.0.1", "localhost")]);
    assert_eq!(said.all(), "xrc: no traces in this time; xrc doctor looks for the reason\nstatus 1\n");
    let said = xrc(&["traces", "--addr", "2000"]);
    assert!(said.err.contains("\"2000\": expected an address such as 127.0.0.1:2000"), "{}", said.err);
}

#[cfg(feature = "db")]
#[test]
fn a_file_that_cannot_be_a_store_is_told_with_the_way_out() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    for (file, said) in [
        (folder.to_owned(), format!("{folder} is a directory; --db takes a file, which is made if it is not there")),
        (
            format!("{folder}/nowhere/x.db"),
            format!("{folder}/nowhere/x.db: there is no directory {folder}/nowhere; make it first"),
        ),
    ] {
        let up = xrc(&["up", "--addr", "127.0.0.1:0", "--db", &file]);
        assert_eq!(up.all(), format!("xrc: {said}\nstatus 4\n"));
    }
}

#[test]
fn a_port_that_is_taken_names_its_holder_and_the_way_out() {
    let shop = Shop::empty();
    let said = shop.xrc(&["up"]);
    assert_eq!(said.code, 4);
    assert!(said.err.contains(&format!("{} (TCP) is in use", shop.address)), "{}", said.err);
    assert!(
        said.err.contains(", such as --addr 127.0.0.1:") && said.err.contains("set AWS_XRAY_DAEMON_ADDRESS="),
        "{}",
        said.err
    );
    #[cfg(target_os = "linux")]
    assert!(said.err.contains(&format!("by process {}", std::process::id())), "{}", said.err);
}

#[test]
fn wrong_usage_is_status_2() {
    for arguments in [
        &["nonsense"][..],
        &["traces", "--since", "15"],
        &["traces", "--addr", "localhost"],
        &["traces", "--limit", "0"],
        &["tail", "-n", "0"],
        &["show", "--only", "falt"],
        &["show", "--only", "falt", "--format", "json"],
        &["cost", "--rps", "1", "--traces-per-month", "1"],
        &["run"],
        &["run", "--fail-on", "falt", "--", "true"],
        &["run", "--", "/nowhere/program"],
        &["clear", "--aws"],
    ] {
        let said = xrc(arguments);
        assert_eq!(said.code, 2, "{arguments:?} {}", said.all());
    }
}
