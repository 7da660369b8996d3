use std::net::UdpSocket;

use xray_core::document::DAEMON_HEADER;

use super::*;

const TRACE: &str = "1-5759e988-bd862e3fe1be46a994272793";

fn intake() -> Intake {
    Intake::new(Store::new())
}

/// A good document with members replaced; `null` takes one away.
fn document(changed: &str) -> String {
    let mut document: serde_json::Map<String, serde_json::Value> = serde_json::from_str(
        r#"{"name":"shop","id":"000000000000000a","trace_id":"1-5759e988-bd862e3fe1be46a994272793",
            "start_time":1465510280.5,"end_time":1465510281}"#,
    )
    .unwrap();
    for (name, value) in serde_json::from_str::<serde_json::Map<_, _>>(changed).unwrap() {
        match value {
            serde_json::Value::Null => drop(document.remove(&name)),
            value => drop(document.insert(name, value)),
        }
    }
    serde_json::to_string(&document).unwrap()
}

fn refused(json: &str) -> UnprocessedTraceSegment {
    intake().put_segments(&[json], Sender::Local("test")).pop().unwrap_or_default()
}

#[test]
fn what_x_ray_refuses_is_refused_with_its_code() {
    for (changed, code) in [
        ("{}", ""),
        (r#"{"end_time":null,"in_progress":true}"#, ""),
        (r#"{"type":"subsegment","parent_id":"00000000000000ff","namespace":"local","in_progress":false}"#, ""),
        (r#"{"start_time":1.46551028E9,"Dummy":false}"#, ""),
        (r#"{"name":null}"#, "MissingName"),
        (r#"{"name":""}"#, "InvalidName"),
        (r#"{"name":7}"#, "InvalidName"),
        (r#"{"name":"a(b)"}"#, "InvalidName"),
        (r#"{"id":null}"#, "MissingId"),
        (r#"{"id":"a"}"#, "InvalidId"),
        (r#"{"trace_id":null}"#, "MissingTraceId"),
        (r#"{"trace_id":"5759e988bd862e3fe1be46a994272793"}"#, "InvalidTraceId"),
        (r#"{"trace_id":[]}"#, "InvalidTraceId"),
        (r#"{"parent_id":"a"}"#, "InvalidParentId"),
        (r#"{"type":"subsegment"}"#, "MissingParentId"),
        (r#"{"type":"span"}"#, "InvalidSegment"),
        (r#"{"start_time":null}"#, "MissingStartTime"),
        (r#"{"start_time":"now"}"#, "InvalidTime"),
        (r#"{"start_time":1465510280514}"#, "InvalidTime"),
        (r#"{"start_time":-1}"#, "InvalidTime"),
        (r#"{"end_time":1e300}"#, "InvalidTime"),
        (r#"{"end_time":[]}"#, "InvalidTime"),
        (r#"{"end_time":null}"#, "MissingEndTime"),
        (r#"{"subsegments":[{"name":"a?b","id":"000000000000000b","start_time":1,"end_time":2}]}"#, "InvalidName"),
        (r#"{"subsegments":[{"name":"a","start_time":1,"end_time":2}]}"#, "MissingId"),
    ] {
        assert_eq!(refused(&document(changed)).error_code, code, "{changed}");
    }
    for (json, code) in [
        ("", "InvalidDocument"),
        ("[]", "InvalidDocument"),
        ("{\"name\":\"\u{0}\"}", "InvalidDocument"),
        (&"{\"a\":".repeat(1_000_000 / 5)[..60_000], "InvalidDocument"),
        (&"[".repeat(70_000), "InvalidSegment"),
    ] {
        assert_eq!(refused(json).error_code, code, "{:.20}", json);
    }
}

#[test]
fn a_refusal_says_where_and_what_is_wrong_without_a_control_character() {
    let bad = r#"{"subsegments":[{"name":"pay","id":"000000000000000b","start_time":1,"end_time":2,"subsegments":[
        {"name":"\u001b[31mred\u0000","id":"000000000000000c","start_time":1,"end_time":2}]}]}"#;
    let answer = refused(&document(bad));
    assert_eq!(answer.id.as_deref(), Some("000000000000000a"));
    assert_eq!(
        answer.message,
        "Invalid segment. ErrorCode: InvalidName. subsegments[0].subsegments[0].name is \"\\u{1b}[31mred\\0\", \
         with '\\u{1b}'; taken are letters, digits, spaces and _ . : / % & # = + \\ - @"
    );
    let lone = refused(&document(r#"{"type":"subsegment"}"#));
    assert!(lone.message.starts_with("Invalid subsegment. ErrorCode: MissingParentId. "), "{}", lone.message);
    assert_eq!(refused("{").id, None);
}

#[test]
fn what_x_ray_removes_is_removed_and_told() {
    let intake = intake();
    let odd = document(
        r#"{"fault":"yes","user":7,"Dummy":1,"error":false,
            "annotations":{"good.key":"x","bad-key":1,"list":[1],"none":null},
            "subsegments":[{"name":"a","id":"000000000000000b","start_time":1,"end_time":2,"http":"x"}]}"#,
    );
    assert_eq!(intake.put_segments(&[&odd], Sender::Local("test")), []);
    let trace = intake.store().trace(TRACE).unwrap();
    let root = &trace.segments[0].document;
    let mut left: Vec<&str> = root.other.keys().map(String::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["Dummy"], "`error` is false, which says nothing");
    assert_eq!(root.annotations.keys().collect::<Vec<_>>(), ["good.key", "none"]);
    let mut told: Vec<String> = intake.troubles().into_iter().map(|trouble| trouble.message).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "annotations: \"bad-key\" was removed: a key is 1 to 500 letters, digits, _ and dots",
            "annotations: \"list\" was removed: it is neither a text nor a number nor a boolean",
            "fault was removed: it is a text",
            "subsegments[0].http was removed: it is a text",
            "user was removed: it is a number",
        ]
    );
    let counters = intake.counters();
    assert_eq!((counters.documents, counters.repaired, counters.refused), (1, 5, 0));
}

#[test]
fn a_document_that_is_good_is_kept_as_it_came() {
    let intake = intake();
    let json = document(r#"{"start_time":1.4655102805E9,"Dummy":false,"in_progress":false}"#);
    intake.put(json.as_bytes(), Sender::Local("test")).unwrap();
    assert_eq!(&*intake.store().documents(TRACE).unwrap()[0], json.as_bytes());
    assert_eq!(intake.troubles(), []);
}

#[test]
fn the_last_troubles_are_kept_with_their_beginning() {
    let intake = intake();
    for _ in 0..TROUBLES {
        let _ = intake.put(b"{", Sender::Local("before"));
    }
    let from = "127.0.0.1:40000".parse().unwrap();
    intake.datagram(&[b"\x1b[2J\xff" as &[u8], &[b'x'; 60_000]].concat(), from);
    let troubles = intake.troubles();
    assert_eq!(troubles.len(), TROUBLES);
    let last = &troubles[0];
    assert_eq!((last.code.as_str(), last.sender.as_str()), ("InvalidHeader", "udp 127.0.0.1:40000"));
    assert!(last.excerpt.starts_with("\\x1b[2J\\xffxxx") && last.excerpt.len() < EXCERPT + 50, "{}", last.excerpt);
    assert_eq!(last.bytes, 60_005);
    assert_eq!(intake.counters().by_code["InvalidDocument"], TROUBLES as u64);
}

#[test]
fn a_duplicate_is_taken_and_told() {
    let intake = intake();
    let json = document("{}");
    assert_eq!(intake.put_segments(&[&json, &json], Sender::Local("test")), []);
    assert_eq!(intake.troubles()[0].code, "DuplicateId");
    let counters = intake.counters();
    assert_eq!((counters.documents, counters.duplicates, counters.dropped), (2, 1, 0), "nothing is lost by it");
}

#[test]
fn datagrams_of_all_senders_are_taken() {
    let intake = intake();
    let listener = intake.listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let send = |datagram: &str| socket.send_to(datagram.as_bytes(), listener.address()).unwrap();
    for (number, header) in [
        DAEMON_HEADER,
        "{\"format\": \"json\", \"version\": 1}\n",
        "{\"version\":1,\"format\":\"JSON\",\"more\":[]}\r\n",
    ]
    .into_iter()
    .enumerate()
    {
        send(&format!("{header}{}", document(&format!(r#"{{"id":"{:016x}"}}"#, number + 1))));
    }
    send(&format!("{DAEMON_HEADER}T1UCkQK"));
    send(&format!("{DAEMON_HEADER}M1CkQK"));
    send("not for a daemon");
    while intake.counters().datagrams < 6 {
        std::thread::yield_now();
    }
    assert_eq!(intake.counters().receive_buffer, Some(listener.receive_buffer()));
    assert!(listener.receive_buffer() > 100_000);
    #[cfg(target_os = "linux")]
    assert_eq!(intake.counters().kernel_drops, Some(0));
    drop(listener);
    let counters = intake.counters();
    assert_eq!((counters.documents, counters.unsampled, counters.metrics, counters.refused), (3, 1, 1, 1));
    assert_eq!(intake.store().info(TRACE).unwrap().documents, 3);
}

#[test]
fn an_address_that_is_taken_is_an_error_and_a_listener_that_is_dropped_frees_it() {
    let intake = intake();
    let first = intake.listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = first.address();
    let error = intake.listen(address).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    drop(first);
    assert_eq!(intake.listen(address).unwrap().address(), address);
}

#[test]
fn one_document_full_of_mistakes_leaves_room_for_others() {
    let intake = Intake::new(Store::new());
    let keys: serde_json::Map<_, _> = (0..3_000).map(|key| (format!("bad-{key}"), serde_json::json!(1))).collect();
    let document = serde_json::json!({
        "name": "shop", "id": "53995c3f42cd8ad8", "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
        "start_time": 1_465_510_280.5, "end_time": 1_465_510_281, "annotations": keys,
    });
    intake.put(document.to_string().as_bytes(), Sender::Local("test")).unwrap();
    let troubles = intake.troubles();
    assert_eq!((troubles.len(), troubles[0].message.as_str()), (21, "2980 more were removed"));
    let counters = intake.counters();
    assert_eq!((counters.repaired, counters.by_code["InvalidAnnotation"]), (3_000, 3_000));
}
