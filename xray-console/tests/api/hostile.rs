//! What is no request, or none that is to be answered.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::http::{Server, exchange, read};

/// The server still answers.
fn is_well(server: &Server) {
    assert_eq!(server.post("/GetSamplingRules", "{}").status, 200);
}

#[test]
fn garbage_is_answered_with_an_error_or_an_end_and_harms_nobody() {
    let server = Server::start();
    let long_header = format!("POST /Traces HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(1_000_000));
    let many_headers = format!("POST /Traces HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(10_000));
    let garbage: [&[u8]; 8] = [
        b"",
        b"\0\0\0\0",
        b"{\"format\":\"json\",\"version\":1}\n{}\n\n\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", // TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        long_header.as_bytes(),
        many_headers.as_bytes(),
    ];
    for bytes in garbage {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let shown = String::from_utf8_lossy(bytes.get(..40).unwrap_or(bytes)).into_owned();
        assert!(answer.is_empty() || read(&answer).status >= 400, "{shown:?}: {}", String::from_utf8_lossy(&answer));
        is_well(&server);
    }
}

#[test]
fn half_requests_hold_nobody_up() {
    let server = Server::start();
    let halves: Vec<TcpStream> = [
        "",
        "POST",
        "POST /Traces HTTP/1.1\r\nHost: l",
        "POST /Traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{",
    ]
    .iter()
    .flat_map(|half| std::iter::repeat_n(half, 10))
    .map(|half| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(half.as_bytes()).unwrap();
        stream
    })
    .collect();
    is_well(&server);
    drop(halves);
    is_well(&server);
}

#[test]
fn long_bodies_that_do_not_come_hold_up_nobody() {
    let server = Server::start();
    let head = "POST /TraceSegments HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8388608\r\n\r\n";
    let slow = |sent: usize| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b' '; sent]).unwrap();
        stream
    };
    let put = |length: usize| {
        let body = format!(r#"{{"TraceSegmentDocuments":[]{}}}"#, " ".repeat(length));
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(15))).unwrap();
        let length = body.len();
        let head = format!("Host: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(format!("POST /TraceSegments HTTP/1.1\r\n{head}").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map(|_| read(&answer).status).ok()
    };
    let silent: Vec<TcpStream> = (0..20).map(|_| slow(1)).collect();
    assert_eq!((put(10), put(2_000_000)), (Some(200), Some(200)));
    // Those that have begun take their share of what long bodies may, which is not that of the short ones.
    let begun: Vec<TcpStream> = (0..8).map(|_| slow(100_000)).collect();
    assert_eq!(put(10), Some(200));
    drop((silent, begun));
}

#[test]
fn a_body_longer_than_its_bound_is_refused_unread() {
    let server = Server::start();
    let post = |path: &str, rest: &str| {
        read(&exchange(server.address(), format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{rest}").as_bytes()))
    };
    let announced = post("/Traces", "Content-Length: 99999999999\r\n\r\n");
    assert_eq!((announced.status, announced.error.as_deref()), (413, Some("RequestEntityTooLargeException")));
    // Half a megabyte more than is taken, of which nothing was announced.
    let chunk = format!("80000\r\n{}\r\n", "x".repeat(0x80000));
    let chunked = post("/Traces", &format!("Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(3)));
    assert_eq!(chunked.status, 413);
    // Segments may be larger.
    let segments = format!(r#"{{"TraceSegmentDocuments": ["{}"]}}"#, "x".repeat(3_000_000));
    assert_eq!(server.post("/TraceSegments", &segments).status, 200);
    is_well(&server);
}

#[test]
fn an_unknown_path_or_method_is_no_operation() {
    let server = Server::start();
    for request in
        ["POST /Nothing", "POST /", "GET /Traces", "OPTIONS /Traces", "DELETE /Groups", "POST /traces", "POST /Traces/"]
    {
        let bytes = exchange(
            server.address(),
            format!("{request} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        );
        let answer = read(&bytes);
        assert_eq!((answer.status, answer.error.as_deref()), (404, Some("UnknownOperationException")), "{request}");
    }
}

#[test]
fn strangers_and_their_pages_are_refused_before_their_body_is_read() {
    let server = Server::start();
    let ask = |path: &str, headers: &str| {
        let request = format!("POST {path} HTTP/1.1\r\n{headers}\r\nContent-Length: 50\r\n\r\n");
        let answer = read(&exchange(server.address(), request.as_bytes()));
        (answer.status, answer.error.unwrap_or_default())
    };
    let denied = (403, "AccessDeniedException".to_owned());
    assert_eq!(ask("/Traces", "Host: evil.example"), denied);
    assert_eq!(ask("/Traces", "Host: localhost\r\nOrigin: https://evil.example"), denied);
    assert_eq!(ask("/TraceSegments", "Host: localhost\r\nOrigin: https://evil.example"), denied);
    assert_eq!(ask("/TraceSegments", "Host: sidecar\r\nSec-Fetch-Site: cross-site"), denied);
}

#[test]
fn what_is_no_request_of_the_operation_is_refused_with_the_reason() {
    let server = Server::start();
    for (path, body, reason) in [
        ("/Traces", "", "the body is no BatchGetTraces request: missing field `TraceIds`"),
        ("/Traces", "[", "the body is no BatchGetTraces request: EOF while parsing"),
        ("/Traces", r#"{"TraceIds": "x"}"#, "the body is no BatchGetTraces request: invalid type: string"),
        ("/Traces", r#"{"TraceIds": null}"#, "the body is no BatchGetTraces request: invalid type: null"),
        ("/Groups", r#"{"NextToken": "nonsense"}"#, "NextToken is none that GetGroups has given"),
        ("/Groups", &format!(r#"{{"NextToken": "{}"}}"#, "A".repeat(5_000)), "NextToken is none"),
    ] {
        let answer = server.post(path, body);
        assert_eq!((answer.status, answer.error.as_deref()), (400, Some("InvalidRequestException")), "{path} {body}");
        let message = answer.body["Message"].as_str().unwrap();
        assert!(message.starts_with(reason), "{message}");
    }
    // Deep nesting is a text like any other.
    assert_eq!(server.post("/Groups", &"[".repeat(1_000_000)).status, 400);
    is_well(&server);
}

#[test]
fn a_port_in_use_is_told_with_its_holder() {
    let server = Server::start();
    let error = xray_console::Console::builder().address(server.address()).start().unwrap_err();
    let message = error.to_string();
    let expected = format!("{} (TCP) is in use", server.address());
    assert!(message.starts_with(&expected), "{message}");
    #[cfg(target_os = "linux")]
    assert!(message.contains(&format!("by process {}", std::process::id())), "{message}");
}

#[test]
fn what_is_dropped_stops_listening() {
    let server = Server::start();
    let address = server.address();
    let open = TcpStream::connect(address).unwrap();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    drop(open);
    xray_console::Console::builder().address(address).start().unwrap();
}
