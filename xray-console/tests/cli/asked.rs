//! Commands that ask a console.

use expect_test::expect;

use super::{SINCE, Shop, now, with_input, xrc};

#[test]
fn traces_are_listed_newest_first() {
    let shop = Shop::open();
    expect![[r#"
        TIME      TRACE        REQUEST                STAT   RESPONSE           DURATION  FLAGS
        22:11:22  …a8ee577a73  shop-api POST /orders  429 T     105ms ███          105ms  throttle
        22:11:21  …1120b3d0ff  shop-api POST /orders  201       339ms ████████     439ms
        22:11:20  …808475f0b5  shop-api POST /orders  502 F     351ms ████████     453ms  fault
        3 of 3 traces looked at
        status 0
    "#]]
    .assert_eq(&shop.xrc(&[&["traces"], &SINCE[..]].concat()).all());
    expect![[r#"
        TIME      TRACE        REQUEST                STAT   RESPONSE           DURATION  FLAGS
        22:11:20  …808475f0b5  shop-api POST /orders  502 F     351ms ████████     453ms  fault
        1 of 3 traces looked at
        status 0
    "#]]
    .assert_eq(&shop.xrc(&[&["traces", "fault"], &SINCE[..]].concat()).all());

    let json = shop.xrc(&[&["traces", "--limit", "1", "--sort", "duration", "--format", "json"], &SINCE[..]].concat());
    let summary: xray_console::query::TraceSummary = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, summary.entry_point.unwrap().name.as_deref()), (0, Some("shop-api")));
}

#[test]
fn a_pipe_is_as_wide_as_columns_says() {
    let shop = Shop::open();
    for (columns, width) in [("40", 40), ("60", 60), ("1", 40), ("wide", 120)] {
        let said =
            with_input(&[&["--addr", &shop.address, "traces"], &SINCE[..]].concat(), &[("COLUMNS", columns)], "");
        let longest = said.out.lines().map(|line| line.chars().count()).max().unwrap();
        assert!((width - 20..=width).contains(&longest), "{columns}: {}", said.all());
    }
}

#[test]
fn traces_of_one_second_are_told_apart_by_what_a_list_shows_of_their_ids() {
    let shop = Shop::empty();
    let start = now().floor() - 60.0;
    for document in [17, 18].into_iter().flat_map(|number| xray_console::demo::shop(number, start)) {
        shop.put(&document);
    }
    let list = shop.xrc(&["traces"]).out;
    let shown: Vec<_> = list.lines().skip(1).take(2).filter_map(|line| line.split_whitespace().nth(1)).collect();
    let whole = |part: &str| shop.xrc(&["show", part]).out.split_whitespace().next().unwrap_or_default().to_owned();
    let ids: Vec<_> = shown.iter().map(|part| whole(part)).collect();
    assert!(
        ids[0].contains(&shown[0]['…'.len_utf8()..]) && ids[1].contains(&shown[1]['…'.len_utf8()..]),
        "{list}{ids:?}"
    );
    let time = shop.xrc(&["show", &ids[0][2..10]]);
    assert_eq!(time.code, 2, "both began then: {}", time.all());
    assert!(time.err.contains(" is a part of 1-"), "{}", time.err);
}

#[test]
fn what_is_wrong_with_an_expression_is_pointed_at() {
    expect![[r#"
        xrc: filter expression, column 8: unknown keyword "responsetme", expected a condition (such as fault, responsetime > 1 or service("name")); did you mean responsetime?
             ok AND responsetme > 5
                    ^
        status 2
    "#]].assert_eq(&Shop::open().xrc(&["traces", "ok AND responsetme > 5"]).all());
}

#[test]
fn finding_nothing_is_told_and_is_status_1() {
    let shop = Shop::empty();
    let said = [
        shop.xrc(&["traces"]),
        shop.xrc(&[&["traces", "service(\"none\")"], &SINCE[..]].concat()),
        shop.xrc(&["show"]),
        shop.xrc(&["show", "1-5759e988-bd862e3fe1be46a994272793"]),
        shop.xrc(&["show", "1-5759"]),
        shop.xrc(&["show", "\u{1b}[31m"]),
        shop.xrc(&["map"]),
        shop.xrc(&["export", "-"]),
    ];
    let said: Vec<_> = said.iter().map(super::Said::all).collect();
    expect![[r#"
        xrc: no traces in this time; xrc doctor looks for the reason
        status 1
        xrc: 0 of 0 traces match
        status 1
        xrc: no traces yet
        status 1
        xrc: nothing is known of trace 1-5759e988-bd862e3fe1be46a994272793: never received, not sampled, or evicted to make room
        status 1
        xrc: no trace of the last 6 hours has 1-5759 in its id
        status 1
        xrc: "\x1b[31m" is no trace id; expected 1-5759e988-bd862e3fe1be46a994272793, a part of it, 32 hex digits, a trace header, or last
        status 2
        xrc: no traces in this time; xrc doctor looks for the reason
        status 1
        xrc: no traces to export
        status 1
    "#]].assert_eq(&said.concat());
}

#[test]
fn a_trace_is_shown_by_any_form_of_its_id() {
    let shop = Shop::open();
    let id = first_id(17);
    let shown = shop.xrc(&["show", &id]);
    expect![[r#"
        1-5759e988-808475f0b5c7e924acf5315b  POST  /orders  502  FAULT
        2016-06-09 22:11:20 UTC  453ms  6 segments  8 subsegments
                                                           0ms       100ms      200ms      300ms      400ms
        shop-api POST /orders 502                F   351ms!██████████████████████████████████████
        └ order-service Invoke                   F   312ms! ███████████████████████████████████
          └ order-service                        F   308ms!  ██████████████████████████████████
            └ order-service                      F   306ms!  ██████████████████████████████████
              ├ DynamoDB GetItem orders             7.52ms!  ██
              ├ DynamoDB PutItem orders             7.52ms!    ██
              ├ SNS Publish                         14.1ms!     ███
              ├ payment-lambda Invoke            F   194ms!       ██████████████████████
              │ └ payment-lambda                 F   190ms!        █████████████████████
              │   └ payment-lambda               F   188ms!        █████████████████████
              │     └ api.stripe.com POST /v1/c… F   169ms!         ███████████████████
              └ SQS SendMessage orders-queue        6.00ms!                                 █
        orders-queue (queue wait)                   55.0ms                                  ·······
        shipping                                    84.6ms                                        █████░░░░░
        └ stock@db.shop.internal sql                25.0ms                                         ████
        annotations  cold_start=false  order_id="ORD-417"  queue="orders-queue"  queue_wait_ms=55
                     receive_count=1  user_id="user-117"  user_type="standard"
        fault        PaymentError: card processor answered 502 in payment-lambda
        status 0
    "#]]
    .assert_eq(&shown.all());
    let w3c = id[2..].replace('-', "");
    let header = format!("Root={id};Parent=53995c3f42cd8ad8;Sampled=1");
    for form in [w3c.as_str(), header.as_str()] {
        assert_eq!(shop.xrc(&["show", form]).out, shown.out, "{form}");
    }

    let raw = shop.xrc(&["show", &id, "--format", "json"]);
    let names: Vec<_> = raw.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
    assert_eq!(names[0]["name"], "shop-api");
}

#[test]
fn rows_of_a_trace_are_chosen() {
    let shop = Shop::open();
    let id = first_id(17);
    let rows = |options: &[&str]| {
        let said = shop.xrc(&[&["show", &id], options].concat());
        assert_eq!(said.code, 0, "{options:?}: {}", said.all());
        said.out
            .lines()
            .skip(3)
            .take_while(|line| !line.starts_with("annotations"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        rows(&["--depth", "1"]).len(),
        5,
        "root, call, queue, consumer, its call: {:#?}",
        rows(&["--depth", "1"])
    );
    assert!(rows(&["--min-duration", "10%"]).iter().all(|row| !row.contains("DynamoDB") && !row.contains("SNS")));
    assert!(rows(&["--min-duration", "10ms"]).iter().any(|row| row.contains("SNS")));
    let only = rows(&["--only", "http.url CONTAINS \"stripe\""]);
    assert!(only.last().unwrap().contains("api.stripe.com") && only.len() == 8, "{only:#?}");
    assert!(rows(&["--critical"]).iter().all(|row| !row.contains("queue wait")));
    assert!(rows(&["--gaps", "keep"]).len() > 10);
    let wrong = shop.xrc(&["show", &id, "--only", "falt"]);
    assert!(wrong.code == 2 && wrong.err.contains("did you mean fault?"), "{}", wrong.all());
    assert!(
        shop.xrc(&["show", &id, "--min-duration", "5"])
            .err
            .contains("a time such as 1ms or 0.5s, or a share such as 2%")
    );
}

#[test]
fn one_segment_is_shown_with_all_its_fields() {
    let shop = Shop::open();
    let id = first_id(17);
    let by_name = shop.xrc(&["segment", "api.stripe.com", "--trace", &id]);
    expect![[r#"
        api.stripe.com POST /v1/charges 502  FAULT  169ms
        id                    33d0b6215f393f12
        start_time            2016-06-09 22:11:20 UTC, 1465510280.08408
        end_time              2016-06-09 22:11:20 UTC, 1465510280.25328
        fault                 true
        http.request.method   POST
        http.request.url      https://api.stripe.com/v1/charges
        http.response.status  502
        namespace             remote
        status 0
    "#]]
    .assert_eq(&by_name.all());
    let document = shop.xrc(&["segment", "api.stripe.com", "--trace", &id, "--format", "json"]).out;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["name"], "api.stripe.com");
    let by_id = shop.xrc(&["segment", document["id"].as_str().unwrap(), "--trace", &id]);
    assert_eq!(by_id.all(), by_name.all());
    let several = shop.xrc(&["segment", "DynamoDB", "--trace", &id]);
    assert!(several.code == 2 && several.err.contains("holds 2 of DynamoDB; say the id:"), "{}", several.all());
    let none = shop.xrc(&["segment", "0123456789abcdef"]);
    assert!(
        none.code == 1 && none.err.contains("no trace of the last 6 hours holds 0123456789abcdef"),
        "{}",
        none.all()
    );

    // Without its trace, among those of the last hours.
    for document in xray_console::demo::shop(18, now() - 60.0) {
        shop.put(&document);
    }
    let recent: serde_json::Value = serde_json::from_str(&xray_console::demo::shop(18, now())[0]).unwrap();
    let found = shop.xrc(&["segment", recent["id"].as_str().unwrap(), "--format", "json"]);
    assert!(found.code == 0 && found.out.contains("shop-api"), "{}", found.all());
}

#[test]
fn traces_are_counted_by_what_they_have_in_common() {
    let shop = Shop::open();
    let by = |by: &str| shop.xrc(&[&["traces", "--group-by", by], &SINCE[..]].concat()).all();
    expect![[r#"
        GROUP                                 TRACES  OK  ERROR  THROTTLE  FAULT    P50    P99
        POST https://api.shop.example/orders       3   1      0         1      1  339ms  351ms
        1 group of 3 traces
        status 0
        GROUP     TRACES  OK  ERROR  THROTTLE  FAULT    P50    P99
        shop-api       3   1      0         1      1  339ms  351ms
        1 group of 3 traces
        status 0
        GROUP     TRACES  OK  ERROR  THROTTLE  FAULT    P50    P99
        standard       3   1      0         1      1  339ms  351ms
        1 group of 3 traces
        status 0
        GROUP  TRACES  OK  ERROR  THROTTLE  FAULT    P50    P99
        -           3   1      0         1      1  339ms  351ms
        1 group of 3 traces
        status 0
    "#]]
    .assert_eq(&(by("url") + &by("service") + &by("annotation.user_type") + &by("annotation.none")));
    let narrow = ["--addr", &shop.address, "traces", "--group-by", "url"];
    expect![[r#"
        GROUP                         TRACES  FAULT    P50
        POST https://api.shop.examp…       3      1  339ms
        1 group of 3 traces
    "#]]
    .assert_eq(&with_input(&[&narrow[..], &SINCE[..]].concat(), &[("COLUMNS", "50")], "").out);
    let json = shop.xrc(&[&["traces", "fault", "--group-by", "service", "--format", "json"], &SINCE[..]].concat());
    assert!(json.out.contains(r#"{"Group":"shop-api","TraceCount":1,"OkCount":0,"#), "{}", json.out);
    assert!(by("color").contains("expected url, service or annotation.KEY"));
}

#[test]
fn the_map_of_the_traces_that_an_expression_means() {
    let shop = Shop::open();
    let map = |rest: &[&str]| shop.xrc(&[&["map"], &SINCE[..], rest].concat());
    let failed = map(&["fault"]);
    assert!(failed.out.contains("shop-api (ApiGateway Stage)") && failed.out.contains("F 100 %"), "{}", failed.all());
    assert!(!failed.out.contains("T 33"), "{}", failed.all());
    assert_eq!(
        map(&["ok OR !ok", "--format", "json"]).out.lines().count(),
        map(&["--format", "json"]).out.lines().count()
    );
    assert_eq!(map(&["service(\"none\")"]).all(), "xrc: 0 of 3 traces match\nstatus 1\n");
    assert!(map(&["falt"]).err.contains("did you mean fault?"));
}

/// The id of the trace of the shop's request of this number.
fn first_id(number: u64) -> String {
    let documents = xray_console::demo::shop(number, 1_465_510_280.0);
    documents[0].split('"').find(|part| part.starts_with("1-57")).unwrap().to_owned()
}

#[test]
fn the_map_of_all_and_of_one_trace() {
    let shop = Shop::open();
    expect![[r#"
        (client)
        └▶ shop-api (ApiGateway Stage)            [▇▇TTTFFF]  p50  339ms  p99  351ms  33.3 % ok  T 33.3 %
           └▶ order-service (Lambda)              [▇▇TTTFFF]  p50  296ms  p99  308ms  33.3 % ok  T 33.3 %
              └▶ order-service (Lambda Function)  [▇▇TTTFFF]  p50  294ms  p99  306ms  33.3 % ok  T 33.3 %
                 ├▶ SNS                           [▇▇▇▇▇▇▇▇]  p50 13.6ms  p99 14.1ms   100 % ok
                 ├▶ orders (DynamoDB Table)       [▇▇▇▇▇▇▇T]  p50 7.52ms  p99 36.0ms  83.3 % ok  T 16.7 %
                 ├▶ orders-queue (SQS Queue)      [▇▇▇▇▇▇▇▇]  p50 6.00ms  p99 6.00ms   100 % ok
                 │  └┄ shipping (ECS Container)   [▇▇▇▇▇▇▇▇]  p50 81.5ms  p99 84.6ms   100 % ok
                 │     └▶ stock@db.shop.interna…  [▇▇▇▇▇▇▇▇]  p50 25.0ms  p99 25.0ms   100 % ok
                 └▶ payment-lambda (Lambda)       [▇▇▇▇FFFF]  p50  183ms  p99  190ms  50.0 % ok  F 50.0 %
                    └▶ payment-lambda (Lambda F…  [▇▇▇▇FFFF]  p50  181ms  p99  188ms  50.0 % ok  F 50.0 %
                       └▶ api.stripe.com          [▇▇▇▇FFFF]  p50  163ms  p99  169ms  50.0 % ok  F 50.0 %

        11 nodes, 11 edges
        ▇ ok  E error (4xx)  F fault (5xx)  T throttle (429)
        status 0
    "#]]
    .assert_eq(&shop.xrc(&[&["map"], &SINCE[..]].concat()).all());
    let dot = shop.xrc(&[&["map", "--format", "dot"], &SINCE[..]].concat());
    assert!(dot.out.starts_with("digraph"), "{}", dot.out);
    assert!(shop.xrc(&["traces", "--format", "dot"]).all().contains("are for map"));
}

#[test]
fn who_reads_an_export_may_stop_reading() {
    let shop = Shop::open();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xrc"));
    command.args(["--addr", &shop.address, "export", "-", "--since", "36500d"]);
    let mut export = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(export.stdout.take());
    let output = export.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}

#[test]
fn exported_cleared_and_imported_traces_are_the_same() {
    let shop = Shop::open();
    let list = [&["traces"], &SINCE[..]].concat();
    let before = shop.xrc(&list).all();
    let file = std::env::temp_dir().join(format!("xrc-test-{}.gz", std::process::id()));
    let name = file.to_str().unwrap();

    let exported = shop.xrc(&[&["export", name], &SINCE[..]].concat());
    assert_eq!(exported.code, 0, "{}", exported.all());
    assert_eq!(shop.fixed(&shop.xrc(&["clear"])), "the console at CONSOLE has forgotten its traces\nstatus 0\n");
    assert_eq!(shop.xrc(&list).code, 1);
    let imported = shop.xrc(&["import", name]);
    let linted = xrc(&["lint", name]);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(imported.code, 0, "{}", imported.all());
    assert_eq!(linted.code, 0, "{}", linted.all());
    assert_eq!(shop.xrc(&list).all(), before);
}

#[test]
fn a_tail_shows_what_ends_after_it_began() {
    let shop = Shop::empty();
    let tail = {
        let address = shop.address.clone();
        std::thread::spawn(move || xrc(&["tail", "-n", "1", "fault", "--addr", &address]))
    };
    // It may begin before or after this is sent, so it is sent until it has been seen.
    let mut number = 0;
    while !tail.is_finished() {
        for document in xray_console::demo::shop(17 + 100 * number, now()) {
            shop.put(&document);
        }
        number += 1;
        std::thread::park_timeout(std::time::Duration::from_millis(100));
    }
    let said = tail.join().unwrap();
    assert!(said.out.contains("F 502") && said.out.contains("shop-api  POST /orders  1-"), "{}", said.all());
    assert_eq!((said.out.lines().count(), said.code), (1, 0));
}

#[test]
fn a_program_is_run_with_a_console_of_its_own() {
    let shop = Shop::empty();
    let sends = format!(
        "{} demo --seed 17 -n 2 --at 1465510280 --addr $AWS_XRAY_DAEMON_ADDRESS; exit $0",
        env!("CARGO_BIN_EXE_xrc")
    );
    let run = |options: &[&str], code: &str| shop.xrc(&[&["run"], options, &["--", "sh", "-c", &sends, code]].concat());

    let fine = run(&[], "0");
    assert_eq!(fine.code, 0, "{}", fine.all());
    assert_eq!(fine.out.matches("shop-api POST /orders").count(), 2, "{}", fine.out);
    assert_eq!(run(&[], "7").code, 7, "the program's own status");
    let bad = run(&["--fail-on", "http.status >= 500"], "0");
    assert_eq!(bad.code, 1);
    assert!(bad.err.contains("xrc: 1 trace matches http.status >= 500: 1-"), "{}", bad.err);
    assert_eq!(run(&["--fail-on", "partial"], "0").code, 0);
    assert_eq!(run(&["--fail-on", "fault"], "7").code, 7);
    assert_eq!(shop.console.store().counters().traces, 2, "the running console has a copy");

    let passes = shop.xrc(&["run", "--", "true"]);
    assert_eq!(passes.code, 0);
    assert!(
        passes.err.contains("nothing came; the program has to send to AWS_XRAY_DAEMON_ADDRESS"),
        "{}",
        passes.all()
    );
}

#[test]
fn nothing_from_the_network_reaches_a_terminal_raw() {
    let shop = Shop::empty();
    shop.put(
        r#"{"name":"shop","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":1,
            "end_time":2,"fault":true,"user":"\u001b[31m","annotations":{"tier":"\u001b]0;x\u0007"},
            "http":{"request":{"method":"\u001b[2J","url":"http://x/\u001b[1m\u202e"}},
            "cause":{"exceptions":[{"id":"53995c3f42cd8ad9","type":"\u001bA","message":"\u0000\u009b31m"}]}}"#,
    );
    for command in [
        &["traces", "--since", "36500d"][..],
        &["show", "1-5759e988-bd862e3fe1be46a994272793"],
        &["map", "--since", "36500d"],
    ] {
        for format in ["table", "json"] {
            let said = shop.xrc(&[command, &["--format", format]].concat());
            let raw = said.out.chars().find(|letter| letter.is_control() && *letter != '\n');
            assert_eq!((said.code, raw), (0, None), "{command:?} {format}: {:?}", said.out);
        }
    }
}

/// JSON lines with numbers to the microsecond: readers of JSON differ in the last bit.
fn rounded(lines: &str) -> Vec<serde_json::Value> {
    fn round(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Number(number) => *value = ((number.as_f64().unwrap() * 1e6).round() as i64).into(),
            serde_json::Value::Array(items) => items.iter_mut().for_each(round),
            serde_json::Value::Object(members) => members.values_mut().for_each(round),
            _ => {}
        }
    }
    let mut lines: Vec<_> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter_mut().for_each(round);
    lines
}

#[test]
fn aws_is_asked_as_a_console_is() {
    let shop = Shop::open();
    let endpoint = format!("http://{}", shop.address);
    let variables = [
        ("AWS_ENDPOINT_URL_XRAY", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "eu-central-1"),
    ];
    let list = [&["traces"], &SINCE[..]].concat();
    let aws = with_input(&[&list[..], &["--aws"]].concat(), &variables, "");
    assert_eq!(aws.all(), shop.xrc(&list).all());
    let json = ["traces", "--since", "36500d", "--format", "json"];
    let aws = with_input(&[&json[..], &["--aws"]].concat(), &variables, "");
    assert_eq!(rounded(&aws.out), rounded(&shop.xrc(&json).out));
    let map = ["map", "--since", "36500d", "--format", "json"];
    let aws = with_input(&[&map[..], &["--aws"]].concat(), &variables, "");
    assert_eq!(rounded(&aws.out), rounded(&shop.xrc(&map).out));
    let refused = with_input(&["traces", "falt", "--aws"], &variables, "");
    assert!(refused.err.starts_with("xrc: filter expression, column 1: unknown keyword \"falt\""), "{}", refused.all());
    assert_eq!(xrc(&["traces", "--aws"]).code, 3, "no region");
}

#[test]
fn a_doctor_finds_a_console_well_or_says_what_it_refused() {
    let shop = Shop::empty();
    let doctor = || {
        let variables = [("AWS_XRAY_DAEMON_ADDRESS", shop.address.as_str())];
        shop.fixed(&with_input(&["doctor", "--addr", &shop.address], &variables, ""))
    };
    expect![[r#"
        ok    a console at tcp CONSOLE answers, no traces of the last 6 hours yet
        ok    it has taken 0 documents
        ok    AWS_XRAY_DAEMON_ADDRESS is "CONSOLE"
        skip  not in AWS Lambda
        status 0
    "#]]
    .assert_eq(&doctor());

    for document in xray_console::demo::shop(17, now() - 60.0) {
        shop.put(&document);
    }
    let sender = xray_console::intake::Sender::Local("test");
    assert!(shop.console.intake().put(br#"{"name":"a"}"#, sender).is_err());
    let said = doctor();
    assert!(said.contains("answers, and it has traces\nok    the last trace began "), "{said}");
    assert!(said.contains("documents, 1 refused, the last "), "{said}");
    let warning =
        "warn  1 refused; the last from test: Invalid segment. ErrorCode: MissingTraceId. there is no trace_id\n";
    assert!(said.contains(warning) && said.ends_with("xrc: 1 warning\nstatus 1\n"), "{said}");
}

#[test]
fn rules_are_tried_on_the_traces_of_the_console() {
    let shop = Shop::empty();
    for number in 0..10 {
        for document in xray_console::demo::shop(number, now() - 60.0) {
            shop.put(&document);
        }
    }
    let rules = r#"{"version": 2, "default": {"fixed_target": 1, "rate": 0.05}, "rules": [
        {"description": "refunds", "host": "*", "http_method": "DELETE", "url_path": "/orders", "fixed_target": 0, "rate": 1},
        {"description": "orders", "host": "*", "http_method": "POST", "url_path": "/orders", "fixed_target": 0, "rate": 0.5}]}"#;
    let file = std::env::temp_dir().join(format!("xrc-test-{}-captured", std::process::id()));
    std::fs::write(&file, rules).unwrap();
    let said = shop.xrc(&["sampling", "dry-run", file.to_str().unwrap(), "--from", "captured", "--rps", "10"]);
    std::fs::remove_file(&file).unwrap();
    expect![[r#"
        rule (priority)  requests  reservoir   rate  sampled   share
        refunds                 0        0/s  100 %        0   0.0 %
        orders                 10        0/s   50 %        5  50.0 %
        Default                 0        1/s    5 %        0   0.0 %
        total                  10                          5  50.0 %
        1 s at 10 requests/s, 1 instance, spread evenly
        warn  rule "refunds" was never the first to match
        status 0
    "#]]
    .assert_eq(&said.all());
}
