//! `xrc demo`: the traces of a sample shop, sent as any program would.

use std::net::UdpSocket;
use std::time::Duration;

use serde_json::{Value, json};
use xray_console::demo::shop;
use xray_core::document::DAEMON_HEADER;

use super::args::{Demo, Global};
use super::failure::{Done, Failure};
use super::output::Output;
use super::time;

/// Seconds between two requests of the shop.
const BETWEEN: f64 = 0.5;
/// Datagrams between two pauses: a receive buffer of the usual size holds no more.
const BURST: usize = 40;
const PAUSE: Duration = Duration::from_millis(1);
/// Subsegments of the large trace, and of each of its documents.
const BIG: usize = 10_000;
const BIG_PART: usize = 100;

pub(crate) fn run(options: &Demo, global: &Global, to: &mut Output) -> Done {
    let end = options.at.unwrap_or_else(time::now);
    let requests = options.requests;
    let start = |index: u64| end - BETWEEN * (requests - 1 - index) as f64;
    let documents = (0..requests).flat_map(|index| shop(options.seed.wrapping_add(index), start(index)));
    let big = if options.big { big(end) } else { Vec::new() };
    let documents = documents.chain(big);
    if options.print {
        return documents.into_iter().try_for_each(|document| to.line(document));
    }
    let socket = UdpSocket::bind(if global.addr.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" });
    let failed = |error: std::io::Error| Failure::io(format!("cannot send to udp {}: {error}", global.addr));
    let socket = socket.map_err(failed)?;
    socket.connect(global.addr).map_err(failed)?;
    let mut sent = 0_usize;
    for document in documents {
        let datagram = format!("{DAEMON_HEADER}{document}");
        socket.send(datagram.as_bytes()).map_err(|error| {
            if error.kind() == std::io::ErrorKind::ConnectionRefused {
                return Failure::unreachable(format!(
                    "nobody listens on udp {}; start a console there: xrc up",
                    global.addr
                ));
            }
            failed(error)
        })?;
        sent += 1;
        if sent.is_multiple_of(BURST) {
            std::thread::sleep(PAUSE);
        }
    }
    let traces = requests + u64::from(options.big);
    let value = json!({"traces": traces, "documents": sent, "to": global.addr.to_string()});
    to.either(&value, |to| {
        to.line(format!("{sent} documents of {traces} traces sent to udp {}; see: xrc traces, xrc map", global.addr))
    })
}

/// One trace of many subsegments, in documents that fit a datagram.
fn big(start: f64) -> Vec<String> {
    let trace = format!("1-{:08x}-b16b16b16b16b16b16b16b16", start as u32);
    let id = |number: usize| format!("b16{number:013x}");
    let length = 30.0;
    let mut documents = vec![json!({
        "name": "big-import", "id": id(0), "trace_id": trace, "start_time": start, "end_time": start + length,
        "http": {"request": {"method": "POST", "url": "https://import.shop.example/rows"}, "response": {"status": 200}},
    })];
    for part in 0..BIG / BIG_PART {
        let first = part * BIG_PART;
        let at = |row: usize| start + length * row as f64 / BIG as f64;
        let rows: Vec<Value> = (first + 1..first + BIG_PART)
            .map(|row| json!({"name": format!("row {row}"), "id": id(row + 1), "start_time": at(row), "end_time": at(row + 1)}))
            .collect();
        documents.push(json!({
            "name": format!("rows from {first}"), "id": id(first + 1), "trace_id": trace, "parent_id": id(0), "type": "subsegment",
            "start_time": at(first), "end_time": at(first + BIG_PART), "subsegments": rows,
        }));
    }
    documents.iter().map(Value::to_string).collect()
}
