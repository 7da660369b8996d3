use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use http_body_util::BodyExt;
use serde_json::Value;
use xray_core::document::Document;

use super::super::Pages;
use super::*;
use crate::timeline::Timeline;
use crate::{Console, Store, demo};

const ID: &str = "1-5759e988-bd862e3fe1be46a994272793";

/// A console that holds these documents.
fn console(documents: &[&str]) -> Console {
    let console = Console::start().unwrap();
    for document in documents {
        console.store().put(&Document::parse(document).unwrap()).unwrap();
    }
    console
}

/// Status, type (or where it leads) and text of what this address answers.
fn get(console: &Console, address: &str) -> (StatusCode, String, String) {
    let here = SocketAddr::from(([127, 0, 0, 1], 2000));
    let pages = Arc::new(Pages::new(console.api(), here, here));
    let uri: Uri = address.parse().unwrap();
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/html"))]);
    let asked = Asked::new(pages, &uri, &headers);
    let (page, rest) = crate::web::Page::at(&asked.path).unwrap();
    let asked = Asked { rest: rest.to_owned(), ..asked };
    let response = (page.show)(&asked).into_response(&asked);
    let (head, body) = response.into_parts();
    let body = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(body.collect()).unwrap();
    let said = head.headers.get(LOCATION).or(head.headers.get(CONTENT_TYPE)).unwrap().to_str().unwrap().to_owned();
    (head.status, said, String::from_utf8(body.to_bytes().to_vec()).unwrap())
}

const SHOP: &str = r#"{"name":"shop","id":"000000000000000a","trace_id":"1-5759e988-bd862e3fe1be46a994272793",
    "start_time":1465510280.0,"end_time":1465510290.0,"fault":true,
    "http":{"request":{"method":"POST","url":"https://shop.example/orders?x=1"},"response":{"status":500}},
    "cause":"00000000000000e2","subsegments":[
        {"name":"quick","id":"000000000000000b","start_time":1465510280.1,"end_time":1465510280.101},
        {"name":"pay","id":"000000000000000c","start_time":1465510281.0,"end_time":1465510289.0,"fault":true,
         "namespace":"remote","annotations":{"tier":"gold","odd key":2,"ok":true},"metadata":{"default":{"cart":["Card"]}},
         "cause":{"exceptions":[
            {"id":"00000000000000e1","type":"Refused","message":"no","cause":"00000000000000e2"},
            {"id":"00000000000000e3","type":"Unrelated"},
            {"id":"00000000000000e2","type":"TimedOut","message":"after 8 s","stack":[{"path":"pay.rs","line":7,"label":"charge"}]}]}}]}"#;

#[test]
fn the_page_is_whole_without_script() {
    let console = console(&[SHOP]);
    let (status, kind, page) = get(&console, &format!("/t/{ID}"));
    assert_eq!((status, &*kind), (StatusCode::OK, "text/html; charset=utf-8"));
    for part in [
        "<title>500 FAULT POST /orders 10.000s - xrc</title>",
        "10.000s · 1 segment, 2 subsegments · 2 failed",
        r#"role="treegrid" aria-label="Segments and subsegments along time" aria-rowcount="4""#,
        r#"<div class="row fault critical" role="row" aria-level="1" aria-posinset="1" aria-setsize="1" aria-rowindex="2" aria-expanded="true" data-row="0">"#,
        r#"<div class="row ok critical" role="row" aria-level="2" aria-posinset="1" aria-setsize="2" aria-rowindex="3" data-row="1">"#,
        r#"href="/t/1-5759e988-bd862e3fe1be46a994272793?sel=000000000000000c#detail">pay</a>"#,
        r#"<rect class="fill" x="10.000%" width="80.000%" y="5" height="14">"#,
        "xrc show 1-5759e988-bd862e3fe1be46a994272793",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(!page.contains("style="), "the policy forbids it");
}

#[test]
fn an_id_may_be_written_as_others_write_it() {
    let console = console(&[SHOP]);
    for (said, leads_to) in [
        ("5759e988bd862e3fe1be46a994272793", format!("/t/{ID}")),
        (&*format!("Root%3D{ID}%3BParent%3D000000000000000c%3BSampled%3D1"), format!("/t/{ID}?sel=000000000000000c")),
        (&*format!("%20{ID}?min=5"), format!("/t/{ID}?min=5")),
    ] {
        let (status, to, _) = get(&console, &format!("/t/{said}"));
        assert_eq!((status, to), (StatusCode::SEE_OTHER, leads_to), "{said}");
    }
}

#[test]
fn a_trace_that_is_not_here_is_explained() {
    let clock = xray_test::ManualClock::at(1_465_510_280.0);
    let console = Console::builder().bound(16_384).clock(clock).start().unwrap();
    for number in 0..200 {
        let id = format!("1-5759e988-{number:024x}");
        let document =
            format!(r#"{{"name":"shop","id":"000000000000000a","trace_id":"{id}","start_time":1465510280}}"#);
        console.store().put(&Document::parse(document).unwrap()).unwrap();
    }
    for (said, reason) in [
        ("nonsense%3Cb%3E", "This is no trace id."),
        ("1-5759e988-000000000000000000000000", "evicted at 22:11:20 UTC to make room"),
        (ID, "Never received."),
    ] {
        let (status, _, page) = get(&console, &format!("/t/{said}"));
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(page.contains(reason), "{page}");
        assert!(!page.contains("<b>"));
    }
    let sampled_out = format!("/t/Root%3D{ID}%3BSampled%3D0");
    assert_eq!(get(&console, &sampled_out).0, StatusCode::SEE_OTHER, "it may have come all the same");
}

#[test]
fn the_side_panel_tells_all_that_is_known() {
    let console = console(&[SHOP]);
    let (_, _, page) = get(&console, &format!("/t/{ID}?sel=000000000000000c&q=fault+OR+error&w=1h"));
    for part in [
        "<dt>took</dt><dd>8.000s</dd>",
        "<dt>began</dt><dd>2016-06-09 22:11:21 UTC, 1.000s in</dd>",
        "the answer waited for this",
        r#"href="/traces?w=1h&amp;q=%28fault%20OR%20error%29%20AND%20annotation.tier%20%3D%20%22gold%22""#,
        r#"annotation%5B%22odd%20key%22%5D%20%3D%202""#,
        "&quot;cart&quot;",
        r#"<code>charge</code> <span class="path">pay.rs:7</span>"#,
        r#"<h2>pay <span class="badge fault">fault</span></h2>"#,
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let order = ["Refused", "caused by", "TimedOut", "Unrelated"].map(|part| page.find(part).unwrap());
    assert!(order.is_sorted_by(|left, right| left <= right), "{order:?}");

    let revision = console.store().info(ID).unwrap().revision;
    let part = format!("/t/{ID}?part=detail&row=0&revision={revision}");
    let (_, _, panel) = get(&console, &part);
    assert!(panel.contains("caused by <a href=") && panel.contains("TimedOut"), "recorded beneath: {panel}");
    assert!(!panel.contains("<html"), "a part is no page");
    let (status, ..) = get(&console, &format!("/t/{ID}?part=detail&row=0&revision={}", revision + 1));
    assert_eq!(status, StatusCode::CONFLICT);
}

#[test]
fn text_of_strangers_is_text() {
    let evil = r#"</script><img src=x onerror=alert(1)>\"'\u0000\u001b[2J\u202e"#;
    let document = SHOP
        .replace("pay", evil)
        .replace("POST", evil)
        .replace("/orders?x=1", &format!("/{evil}"))
        .replace("gold", evil)
        .replace("odd key", evil)
        .replace("Card", evil)
        .replace("Refused", evil)
        .replace("after 8 s", evil)
        .replace("charge", evil);
    let console = console(&[&document]);
    for address in [
        format!("/t/{ID}?sel=000000000000000c&find={}&q={}", crate::web::escaped(evil), crate::web::escaped(evil)),
        format!("/t/{ID}?part=head"),
        format!("/t/{ID}?part=detail&row=1&revision=1"),
        format!("/t/{ID}?part=detail&row=2&revision=1"),
    ] {
        let (status, _, page) = get(&console, &address);
        assert_eq!(status, StatusCode::OK, "{address}");
        for forbidden in ["<img", "alert(1)</script>", "\0", "\u{1b}", "\u{202e}"] {
            assert!(!page.contains(forbidden), "{forbidden:?} in {address}\n{page}");
        }
    }
    let (_, kind, data) = get(&console, &format!("/t/{ID}?part=columns"));
    assert_eq!(kind, "application/json");
    let data: Value = serde_json::from_str(&data).unwrap();
    let labels = data["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap());
    assert!(labels.clone().any(|label| label.contains(r"\x00\x1b[2J\u{202e}")));
    assert!(labels.flat_map(str::chars).all(|character| !character.is_control() && character != '\u{202e}'));
}

#[test]
fn columns_tell_every_row_and_labels_once() {
    let documents = demo::shop(3, 1_465_510_280.0);
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    let console = console(&documents);
    let id = Document::parse(documents[0]).unwrap().trace_id.unwrap();
    let (_, _, text) = get(&console, &format!("/t/{id}?part=columns"));
    let data: Value = serde_json::from_str(&text).unwrap();

    let trace = console.store().trace(&id).unwrap();
    let timeline = Timeline::of(&trace);
    let column = |name: &str| -> Vec<i64> {
        data[name].as_array().unwrap_or_else(|| panic!("{name}")).iter().map(|value| value.as_i64().unwrap()).collect()
    };
    let (label, depth, begin, took, flags) =
        (column("label"), column("depth"), column("begin"), column("took"), column("flags"));
    let mut at = 0;
    for (index, row) in timeline.rows.iter().enumerate() {
        at += begin[index];
        let told = data["labels"][usize::try_from(label[index]).unwrap()].as_str().unwrap();
        assert_eq!(told, crate::text::label::of(row));
        assert_eq!(usize::try_from(depth[index]).unwrap(), row.depth);
        assert!((at as f64 / 1e6 - row.start).abs() < 1e-6 && (took[index] as f64 / 1e6 - row.seconds()).abs() < 2e-6);
        assert_eq!(flags[index] & 8 != 0, row.critical);
        assert_eq!(flags[index] & 3, row.mark as i64);
    }
    assert_eq!(label.len(), timeline.rows.len());
    let labels = data["labels"].as_array().unwrap();
    assert!(labels.len() < label.len(), "order-service stands there twice");
    assert_eq!(data["folds"].as_array().unwrap().len(), 1, "the wait");
    assert_eq!((&data["live"], &data["now"]), (&Value::Bool(true), &Value::Null), "fresh, and nothing is open");

    let revision = console.store().info(&id).unwrap().revision;
    let (_, _, again) = get(&console, &format!("/t/{id}?part=columns&have={revision}"));
    assert!(again.len() < 60 && again.contains(r#""live":true"#), "{again}");
}

#[test]
fn what_is_open_grows_until_nobody_has_said_anything_for_long() {
    assert_eq!(Pulse::of(true, 100.0, 130.0), Pulse { now: Some(130.0), is_live: true });
    assert_eq!(Pulse::of(true, 100.0, 500.0), Pulse { now: None, is_live: false });
    assert_eq!(Pulse::of(false, 100.0, 110.0), Pulse { now: None, is_live: true });
    assert_eq!(Pulse::of(false, 100.0, 130.0), Pulse { now: None, is_live: false });
}

#[test]
fn what_is_under_way_is_told_so() {
    let open =
        SHOP.replace(r#""end_time":1465510290.0,"#, r#""in_progress":true,"#).replace(r#""status":500"#, r#""x":1"#);
    let console = console(&[&open.replacen(r#""fault":true"#, r#""user":"eve""#, 1)]);
    let (_, _, page) = get(&console, &format!("/t/{ID}?sel=000000000000000a"));
    for part in [
        "<title>IN PROGRESS POST /orders - xrc</title>",
        " UTC</time> · under way · ",
        r#"aria-label="in progress">~</span><span class="took" role="gridcell">&gt;9.000s</span>"#,
        r#"<rect class="fill open" x="0.000%" width="100.000%""#,
        "<dt>user</dt><dd>eve</dd>",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
}

/// Names of the rows that an address shows.
fn names(console: &Console, query: &str) -> Vec<String> {
    let (_, _, page) = get(console, &format!("/t/{ID}?{query}"));
    let rows = page.split(r##"#detail">"##).skip(1);
    rows.map(|row| row.split("</a>").next().unwrap().to_owned()).collect()
}

#[test]
fn rows_are_left_out_as_the_address_says() {
    let console = console(&[SHOP]);
    for (query, expected) in [
        ("", "shop POST /orders 500,quick,pay"),
        ("min=5", "shop POST /orders 500,pay"),
        ("critical=1", "shop POST /orders 500,quick,pay"),
        ("find=CARD", "shop POST /orders 500,quick,pay"),
        ("find=CARD&only=1", "shop POST /orders 500,pay"),
        ("find=nothing+of+it&only=1", ""),
        ("min=x&z=5,1&first=-1&sel=none", "shop POST /orders 500,quick,pay"),
        ("closed=000000000000000a", "shop POST /orders 500"),
        ("closed=000000000000000c,,none", "shop POST /orders 500,quick,pay"),
        ("closed=all", "shop POST /orders 500"),
        ("closed=all&open=000000000000000a", "shop POST /orders 500,quick,pay"),
    ] {
        assert_eq!(names(&console, query).join(","), expected, "{query}");
    }
}

#[test]
fn rows_and_the_ids_that_an_address_has_of_them_lead_to_each_other() {
    let console = console(&[SHOP]);
    let revision = console.store().info(ID).unwrap().revision;
    let ids = |revision: u64| get(&console, &format!("/t/{ID}?part=ids&rows=2,0,x,99&revision={revision}"));
    assert_eq!(ids(revision).2, r#"{"ids":["000000000000000c","000000000000000a"]}"#);
    assert_eq!(ids(revision + 1).0, StatusCode::CONFLICT);
    for (query, rows) in [
        ("closed=000000000000000c,000000000000000a&sel=000000000000000b", r#"{"selected":1,"closed":[2,0]}"#),
        ("closed=all&open=000000000000000a", r#"{"selected":null,"closed":[0]}"#),
        ("", r#"{"selected":null,"closed":[]}"#),
    ] {
        assert_eq!(get(&console, &format!("/t/{ID}?part=rows&{query}")).2, rows);
    }
}

#[test]
fn a_trace_leads_to_its_map_and_back() {
    let console = console(&[SHOP, &SHOP.replace("1-5759e988", "1-5759e989").replace("shop", "other")]);
    let (_, _, page) = get(&console, &format!("/t/{ID}"));
    assert!(page.contains(&format!(r#"<a href="/map?trace={ID}">map</a>"#)), "{page}");
    let (_, _, map) = get(&console, &format!("/map?trace={ID}"));
    for part in [
        &*format!(r#"of trace <a href="/t/{ID}">{ID}</a>"#),
        &*format!("xrc map --trace {ID}"),
        &*format!(r#"trace={ID}&amp;sel="#),
    ] {
        assert!(map.contains(part), "{part}\n{map}");
    }
    assert!(!map.contains("other"), "only this one");
    let key = map.split("sel=").nth(1).unwrap().split('"').next().unwrap();
    let (_, _, panel) = get(&console, &format!("/map?trace={ID}&sel={key}"));
    assert!(panel.contains(&format!(r#"<a href="/t/{ID}?find=shop">See all"#)), "{panel}");
    let (status, _, none) = get(&console, "/map?trace=1-5759e988-000000000000000000000000");
    assert_eq!(status, StatusCode::OK);
    assert!(none.contains("Nothing is here of this trace"), "{none}");
}

#[test]
fn text_is_found_wherever_a_document_has_it() {
    let console = console(&[SHOP]);
    for (text, expected) in [
        ("SHOP.example", "[0]"),
        ("quick", "[1]"),
        ("gold", "[2]"),
        ("odd+key", "[2]"),
        ("card", "[2]"),
        ("pay.rs", "[2]"),
        ("000000000000000b", "[1]"),
        ("500", "[0]"),
        ("start_time", "[]"),
        ("", "[]"),
    ] {
        let (_, _, found) = get(&console, &format!("/t/{ID}?part=find&find={text}"));
        assert!(found.ends_with(&format!("\"rows\":{expected}}}")), "{text}: {found}");
    }
}

#[test]
fn a_page_without_script_shows_a_hundred_rows_and_leads_to_the_others() {
    let part = |number: usize| {
        format!(r#"{{"name":"n{number}","id":"{number:016x}","start_time":{number},"end_time":{}}}"#, number + 1)
    };
    let parts: Vec<String> = (1..=250).map(part).collect();
    let segment = format!(
        r#"{{"name":"shop","id":"00000000000000ff","trace_id":"{ID}","start_time":0,"end_time":300,"subsegments":[{}]}}"#,
        parts.join(",").replace("00000000000000ff", "0000000000000fff")
    );
    let console = console(&[&segment]);
    let second = names(&console, "first=100");
    assert_eq!((second.len(), &*second[0], &*second[99]), (100, "n100", "n199"));
    assert_eq!(names(&console, "first=100000").len(), 51, "the last page");
    let (_, _, page) = get(&console, &format!("/t/{ID}?first=100"));
    assert!(page.contains("rows 101 to 200 of 251"), "{page}");
    assert!(page.contains("first=0") && page.contains("first=200"));
}

#[test]
fn a_trace_is_put_together_once_for_each_revision() {
    let store = Store::new();
    store.put(&Document::parse(SHOP).unwrap());
    let recent = Recent::default();
    let first = recent.get(&store, ID).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first.trace, &recent.get(&store, ID).unwrap().trace));
    let other = SHOP.replace("000000000000000a", "00000000000000aa");
    store.put(&Document::parse(&other).unwrap());
    let second = recent.get(&store, ID).unwrap();
    assert_eq!((second.revision, second.trace.segments.len()), (2, 3), "the call has an inferred one");
    assert!(recent.get(&store, "1-5759e988-000000000000000000000000").is_none());
}
