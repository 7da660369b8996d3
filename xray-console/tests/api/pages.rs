//! The pages as browsers meet them: who sees them, what they say, and that nothing in them is anybody else's.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::json;
use xray_console::Console;
use xray_test::ManualClock;

use crate::http::{NOON, Server, exchange};

/// What a page was answered with.
struct Page {
    status: u16,
    head: String,
    body: String,
}

impl Page {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

const HTML: &str = "Host: localhost\r\nAccept: text/html";

fn ask(address: SocketAddr, request: &str, headers: &str) -> Page {
    let bytes = exchange(address, format!("{request} HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n").as_bytes());
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Page { status, head: head.to_owned(), body: body.to_owned() }
}

fn get(server: &Server, path: &str) -> Page {
    ask(server.address(), &format!("GET {path}"), HTML)
}

/// A segment that began ten seconds ago, with these members besides.
fn put(server: &Server, number: u32, name: &str, more: serde_json::Value) -> String {
    let trace = format!("1-{:08x}-{number:024x}", NOON as u64 - 10);
    let mut document = json!({
        "name": name, "id": format!("{:016x}", number + 1), "trace_id": trace,
        "start_time": NOON - 10.0 + f64::from(number) * 0.001, "end_time": NOON - 9.5,
    });
    let object = document.as_object_mut().unwrap();
    object.extend(more.as_object().unwrap().clone());
    let answer = server.ok("/TraceSegments", json!({"TraceSegmentDocuments": [document.to_string()]}));
    assert_eq!(answer["UnprocessedTraceSegments"], json!([]));
    trace
}

const EVERY: [&str; 8] =
    ["/traces", "/traces?q=fault", "/traces?q=faul", "/map", "/live", "/sampling?path=/x", "/diagnostics", "/about"];

#[test]
fn every_page_forbids_what_is_not_its_own_and_names_no_other_host() {
    let server = Server::start();
    put(&server, 0, "shop", json!({}));
    for path in EVERY.iter().chain(&["/t/1-00000000-000000000000000000000000", "/nothing"]) {
        let page = get(&server, path);
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{path}: {policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(page.header("referrer-policy"), Some("same-origin"), "{path}");
        assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
        assert!(page.body.starts_with("<!DOCTYPE html>"), "{path}");
        for inline in ["<style", " style=", " onclick", "javascript:", "src=\"http", "url(http", "<script>"] {
            assert!(!page.body.contains(inline), "{path} has {inline}");
        }
        assert_eq!(page.header("x-amzn-errortype"), None);
    }
}

#[test]
fn an_unknown_path_is_a_page_for_people_and_no_operation_for_programs() {
    let server = Server::start();
    let page = get(&server, "/nothing/a&b");
    assert_eq!(page.status, 404);
    assert!(page.body.contains("/nothing/a&amp;b"), "{}", page.body);
    let program = ask(server.address(), "GET /nothing", "Host: localhost");
    assert_eq!((program.status, program.header("x-amzn-errortype")), (404, Some("UnknownOperationException")));
    let home = get(&server, "/?q=fault");
    assert_eq!((home.status, home.header("location")), (303, Some("/traces?q=fault")));
}

#[test]
fn an_address_that_is_too_long_is_refused_and_says_so() {
    let server = Server::start();
    // As it came, and as links would write it.
    for query in ["q=".to_owned() + &"a".repeat(60_000), "x=1&".repeat(3_000), "q=".to_owned() + &"%22".repeat(2_731)] {
        let page = get(&server, &format!("/traces?{query}"));
        assert_eq!(page.status, 414);
        assert!(page.body.contains("at most 8192 bytes") && page.body.len() < 2_000, "{}", page.body);
    }
    let page = get(&server, &format!("/traces?{}", "x=1&".repeat(2_000)));
    assert_eq!((page.status, page.body.contains("x=1")), (200, false));
}

#[test]
fn diagnostics_say_who_sends() {
    let server = Server::start();
    assert!(!get(&server, "/diagnostics").body.contains("Senders"));
    put(&server, 0, "shop", json!({}));
    put(&server, 1, "billing", json!({}));
    server.ok("/TraceSegments", json!({"TraceSegmentDocuments": ["{}"]}));
    let page = get(&server, "/diagnostics").body;
    let row =
        "<th scope=\"row\">tcp 127.0.0.1</th><td>billing, shop</td><td class=\"num\">2</td><td class=\"num\">1</td>";
    assert!(page.contains(row), "{page}");
    let answer = server.ok("/Intake", json!({}));
    assert_eq!(
        (&answer["Senders"][0]["Sender"], &answer["Senders"][0]["Last"]),
        (&json!("tcp 127.0.0.1"), &json!(NOON))
    );
}

#[test]
fn whatever_documents_hold_is_shown_as_text() {
    let server = Server::start();
    let hostile = "<script>hit(1)</script>\" onload='x'\u{202e}\u{0}\u{1b}[2J&lt;";
    let more = json!({
        "user": hostile, "fault": true, "annotations": {"k": hostile, "n": 1, "b": true},
        "http": {"request": {"method": "<b>", "url": format!("http://x/{hostile}")}, "response": {"status": 500}},
        "cause": {"exceptions": [{"id": "0000000000000009", "type": hostile, "message": hostile}]},
        "subsegments": [{"name": "call", "id": "00000000000000ff", "start_time": NOON - 9.9, "end_time": NOON - 9.8,
                         "namespace": "remote", "fault": true}],
    });
    put(&server, 0, "shop", more);
    // Refused, and shown all the same.
    let refused = json!({"name": hostile, "id": "<script>", "trace_id": "<b>", "start_time": 1.0});
    server.ok("/TraceSegments", json!({"TraceSegmentDocuments": [refused.to_string(), "<script>hit(2)</script>"]}));
    let quoted = "/traces?q=user%20%3D%20%22%3Cscript%3Ehit(3)%3C%2Fscript%3E%22&sort=%22%3E%3Cscript%3E&w=%22%3E";
    let trace = format!("/t/1-{:08x}-{:024x}", NOON as u64 - 10, 0);
    let tried = "/sampling?service=%3Cscript%3Ehit(4)%3C/script%3E&path=%22%3E";
    for path in EVERY.iter().chain(&[quoted, &trace, tried, "/traces?q=%3Cscript%3E", "/traces?part=list"]) {
        let page = get(&server, path);
        let (_, body) = page.body.split_once("</head>").unwrap_or(("", &page.body));
        assert!(!body.contains("<script>"), "{path}: {body}");
        assert!(!body.contains("<b>\""), "{path}");
        for raw in ['\u{202e}', '\u{0}', '\u{1b}'] {
            assert!(!body.contains(raw), "{path} has {raw:?}");
        }
    }
    let list = get(&server, "/traces").body;
    assert!(list.contains("&lt;script&gt;hit(1)&lt;/script&gt;"), "{list}");
    assert!(list.contains(r"\u{202e}"), "{list}");
    assert!(get(&server, "/diagnostics").body.contains("&lt;script&gt;hit(2)&lt;/script&gt;"));
    // Cut, though with its escapes it is longer than all of it was.
    server.ok("/TraceSegments", json!({"TraceSegmentDocuments": ["\"".repeat(1_100)]}));
    assert!(get(&server, "/diagnostics").body.contains("…</pre>"));
}

#[test]
fn the_list_is_found_by_filter_time_and_order() {
    let server = Server::start();
    let status = |code: u16| json!({"http": {"request": {"url": "http://s/o?x=1"}, "response": {"status": code}}});
    put(&server, 0, "slow", json!({"end_time": NOON - 5.0}));
    put(&server, 1, "fast", status(200));
    let mut failed = status(500);
    failed["fault"] = json!(true);
    put(&server, 2, "failed", failed);
    put(&server, 3, "probe", json!({"http": {"request": {"method": "GET", "url": "http://s/healthz"}}}));
    let names = |path: &str| -> Vec<String> {
        let page = get(&server, path);
        let rows = page.body.split("<tr data-id=").skip(1);
        let name =
            |row: &str| row.split_once("<b>").and_then(|(_, rest)| rest.split_once("</b>")).unwrap().0.to_owned();
        rows.map(name).collect()
    };
    assert_eq!(names("/traces"), ["failed", "fast", "slow"], "newest first, without the health check");
    assert_eq!(names("/traces?health=1"), ["probe", "failed", "fast", "slow"]);
    assert_eq!(names("/traces?sort=response"), ["slow", "fast", "failed"]);
    assert_eq!(names("/traces?q=fault+OR+responsetime+%3E+1"), ["failed", "slow"]);
    assert_eq!(names("/traces?w=5s"), [""; 0]);
    assert_eq!(names(&format!("/traces?from={}&to={NOON}", NOON - 9.9995)), ["failed", "fast"]);
    let list = get(&server, "/traces?q=fault");
    assert!(list.body.contains("<title>1 fault - Traces - xrc</title>"), "{}", list.body);
    assert!(list.body.contains("<code id=\"command\">xrc traces fault</code>"), "{}", list.body);
    // Chips and refinements lead to the filter with and without their condition.
    assert!(list.body.contains("aria-current=\"true\"><span>fault"), "{}", list.body);
    assert!(list.body.contains("/traces?q=fault%20AND%20service%28%22failed%22%29"), "{}", list.body);
}

/// What stands between two texts, each time.
fn between<'a>(text: &'a str, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(from).skip(1).filter_map(move |rest| Some(rest.split_once(to)?.0))
}

#[test]
fn a_chip_counts_what_its_link_finds_and_a_trace_has_the_same_mark_everywhere() {
    let server = Server::start();
    let retried = |code: u16| {
        json!({"error": true, "http": {"response": {"status": code}}, "subsegments": [{
            "name": "table", "id": "00000000000000bb", "namespace": "aws", "error": true, "throttle": true,
            "start_time": NOON - 9.9, "end_time": NOON - 9.8,
        }]})
    };
    let ids = [
        put(&server, 0, "fine", json!({})),
        put(&server, 1, "missing", retried(404)),
        put(&server, 2, "told-to-wait", json!({"throttle": true})),
        put(&server, 3, "limited", json!({"error": true, "throttle": true})),
        put(&server, 4, "broken", json!({"fault": true, "error": true})),
    ];
    let list = get(&server, "/traces").body;
    let mut counted = Vec::new();
    for chip in between(&list, "<a class=\"chip\" href=\"", "</a>") {
        let (link, rest) = chip.split_once('"').unwrap();
        let Some(count) = between(rest, "<b>", "</b>").next() else { continue };
        let found = get(&server, link).body.matches("<tr data-id=").count();
        assert_eq!(count, found.to_string(), "{link}");
        counted.push(count);
    }
    assert_eq!(counted, ["1", "3", "3", "0"], "fault, error, throttle, in progress");
    assert!(list.contains("<title>1 fault - Traces"), "{list}");
    for (id, mark) in ids.iter().zip(["ok", "error", "throttle", "throttle", "fault"]) {
        let row = list.split_once(&format!("<tr data-id=\"{id}\"")).unwrap().1;
        assert_eq!(between(row, "data-mark=\"", "\"").next(), Some(mark), "{id}");
        let page = get(&server, &format!("/t/{id}")).body;
        assert_eq!(between(&page, "class=\"badge ", "\"").next(), Some(mark), "{id}");
    }
}

#[test]
fn what_is_empty_says_why() {
    let server = Server::start();
    let empty = get(&server, "/traces").body;
    for part in ["No segment yet", &server.address().to_string(), "xray_tower::init", "action=\"/demo\""] {
        assert!(empty.contains(part), "{part}: {empty}");
    }
    put(&server, 0, "shop", json!({"annotations": {"tenant": "acme"}}));
    let none = get(&server, "/traces?q=service(%22shop%22)+AND+annotation.tenant+%3D+%22x%22").body;
    assert!(none.contains("0 of 1 traces match"), "{none}");
    assert!(none.contains("<code>annotation.tenant = &quot;x&quot;</code>"), "{none}");
    assert!(none.contains("href=\"/traces?q=service%28%22shop%22%29\">1 trace<"), "{none}");
    // Where two conditions fail, no one of them is in the way; where too many are given, none is tried.
    let both = get(&server, "/traces?q=fault+AND+annotation.tenant+%3D+%22x%22").body;
    assert!(both.contains("0 of 1 traces match") && !both.contains("Without"), "{both}");
    let many = |count: usize| get(&server, &format!("/traces?q=fault{}", "+AND+ok".repeat(count))).body;
    assert!(many(19).contains("Without <code>fault</code>") && !many(20).contains("Without"));
    let older = get(&server, "/traces?w=1s").body;
    assert!(older.contains("No trace began in this time; one of another time is here"), "{older}");

    let wrong = get(&server, "/traces?q=ok+AND+responsetme+%3E+5");
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("<pre>ok AND responsetme &gt; 5\n       ^</pre>"), "{}", wrong.body);
    assert!(wrong.body.contains("/traces?q=ok%20AND%20responsetime%20%3E%205"), "{}", wrong.body);
    let map = get(&server, "/map?q=ok+AND").body;
    assert!(map.contains("<code>ok AND</code> is not understood") && !map.contains("matches"), "{map}");
    let part = get(&server, "/traces?part=list&q=ok+AND");
    assert_eq!(part.status, 200);
    assert!(part.body.starts_with("<div id=\"wrong\">"), "{}", part.body);
}

#[test]
fn the_button_brings_the_shop_but_not_for_other_pages() {
    let server = Server::start();
    for origin in ["https://evil.example", "null"] {
        let foreign = ask(server.address(), "POST /demo", &format!("Host: localhost\r\nOrigin: {origin}"));
        assert_eq!(foreign.status, 403, "{origin}");
    }
    assert!(get(&server, "/traces").body.contains("No segment yet"));
    let sent = ask(server.address(), "POST /demo", "Host: localhost\r\nContent-Length: 0");
    assert_eq!((sent.status, sent.header("location")), (303, Some("/traces")));
    assert!(get(&server, "/traces").body.contains("50 of 100 traces"));
}

#[test]
fn strangers_see_nothing_and_links_of_other_pages_lead_here() {
    let server = Server::start();
    put(&server, 0, "shop", json!({}));
    let see = |headers: &str| ask(server.address(), "GET /traces", &format!("{headers}\r\nAccept: text/html"));
    for stranger in [
        "Host: evil.example",
        "Host: localhost\r\nOrigin: https://evil.example",
        "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script",
        "Host: localhost\r\nSec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe",
    ] {
        let page = see(stranger);
        assert_eq!(page.status, 403, "{stranger}");
        assert!(!page.body.contains("shop"), "{stranger}");
    }
    let link = "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document";
    assert_eq!(see(link).status, 200);
    let events = ask(server.address(), "GET /live/events", "Host: evil.example");
    assert_eq!(events.status, 403);
}

#[test]
fn a_token_in_the_address_becomes_a_cookie() {
    let token = "a b/ü;=\"x";
    let clock = ManualClock::at(NOON);
    let console = Console::builder().clock(clock).expose(token).start().unwrap();
    let link = format!("http://{}/?token=a%20b%2F%C3%BC%3B%3D%22x", console.address());
    assert_eq!(console.pages(), Some(link.as_str()));
    let see = |path: &str, more: &str| {
        ask(console.address(), &format!("GET {path}"), &format!("Host: build-box:2000\r\nAccept: text/html{more}"))
    };
    assert_eq!(see("/traces", "").status, 403);
    assert_eq!(see("/traces?token=wrong", "").status, 403);
    let welcome = see("/traces?q=fault&token=a%20b%2F%C3%BC%3B%3D%22x", "");
    assert_eq!(welcome.status, 200);
    assert!(welcome.body.contains("content=\"0;url=/traces?q=fault\""), "{}", welcome.body);
    let cookie = welcome.header("set-cookie").unwrap();
    let (pair, flags) = cookie.split_once(';').unwrap();
    // A console of the same host at another port has another.
    assert!(pair.starts_with("xrc-token-2000="), "{pair}");
    assert_eq!(flags, " Path=/; HttpOnly; SameSite=Strict");
    assert_eq!(see("/traces", &format!("\r\nCookie: other=1; {pair}")).status, 200);
    assert_eq!(see("/traces", "\r\nCookie: xrc-token-2000=wrong").status, 403);
    // Even with the cookie no page of another origin reaches anything.
    let foreign = format!("\r\nCookie: {pair}\r\nOrigin: https://evil.example");
    assert_eq!(see("/traces", &foreign).status, 403);
    // Nor does a path that means another host lead there.
    for path in ["//evil.example/x", "/\\evil.example", "/nothing"] {
        let welcome = see(&format!("{path}?token=a%20b%2F%C3%BC%3B%3D%22x"), "");
        assert!(welcome.body.contains("content=\"0;url=/traces\""), "{path}: {}", welcome.body);
        let refused = see(path, "");
        assert_eq!(refused.status, 403, "{path}");
        assert!(refused.body.contains("href=\"/traces\">Try again"), "{path}: {}", refused.body);
        assert_eq!(see(path, &format!("\r\nCookie: {pair}")).status, 404, "{path}");
    }
    // SDKs need none.
    let rules = ask(console.address(), "POST /GetSamplingRules", "Host: sidecar:2000\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!(rules.status, 200);
}

#[test]
fn where_queries_are_off_pages_are() {
    let console = Console::builder().queries(false).start().unwrap();
    assert_eq!(console.pages(), None);
    for path in ["/traces", "/assets/base.js", "/live/events", "/about"] {
        assert!(matches!(ask(console.address(), &format!("GET {path}"), HTML).status, 403 | 404), "{path}");
    }
}

#[test]
fn files_are_sent_once() {
    let server = Server::start();
    let first = get(&server, "/assets/base.js");
    assert_eq!((first.status, first.header("content-type")), (200, Some("text/javascript; charset=utf-8")));
    let tag = first.header("etag").unwrap();
    let again = ask(server.address(), "GET /assets/base.js", &format!("{HTML}\r\nIf-None-Match: {tag}"));
    assert_eq!((again.status, again.body.len()), (304, 0));
    for path in ["/assets/", "/assets/../Cargo.toml", "/assets/nothing.js"] {
        assert_eq!(get(&server, path).status, 404, "{path}");
    }
}

#[test]
fn what_happens_is_told_to_who_listens() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(b"GET /live/events?q=fault HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    // The store is followed from here on.
    assert!(lines.any(|line| line == "event: alive"));
    put(&server, 0, "fine", json!({}));
    let failed = put(&server, 1, "failed", json!({"fault": true}));
    assert!(lines.any(|line| line == "event: rows"));
    let data = lines.next().unwrap();
    assert!(data.contains(&format!("data-id=\"{failed}\"")) && !data.contains("fine"), "{data}");
    server.console.store().clear();
    assert!(lines.any(|line| line == "event: reload"));
}

#[test]
fn who_closes_a_page_gives_its_place_to_others() {
    let server = Server::start();
    let follow = || {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(b"GET /live/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let first = BufReader::new(&stream).lines().map(Result::unwrap).find(|line| line.starts_with("event: "));
        (first.unwrap() == "event: alive").then_some(stream)
    };
    let mut open: Vec<TcpStream> = std::iter::from_fn(&follow).take(100).collect();
    assert_eq!(open.len(), 32);
    open.pop();
    // The server sees it as soon as it looks; a sign of life, which finds who has gone otherwise, is 15 s away.
    assert!((0..10_000).any(|_| follow().is_some()));
}
