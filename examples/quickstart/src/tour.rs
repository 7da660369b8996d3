//! Seven requests, and the trace that each becomes.

use std::error::Error;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use tokio::time::timeout;
use xray_console::Trace;
use xray_tower::xray_core::{Sampled, SegmentLayer, StatsSnapshot, ThreadEntropy, TraceHeader, TraceId};

use crate::Http;
use crate::inbox::Inbox;
use crate::picture;

/// One request.
struct Stop {
    title: &'static str,
    path: &'static str,
    /// How long the client waits for the answer.
    patience: Duration,
    /// What its trace header says about sampling.
    sampled: Option<Sampled>,
    /// Segments that the trace has in the end: one for each service that it touched.
    segments: usize,
}

/// The usual: a patient client that leaves the decision to the rules, and one service.
const STOP: Stop = Stop { title: "", path: "", patience: Duration::from_secs(30), sampled: None, segments: 1 };

const STOPS: [Stop; 7] = [
    Stop { title: "Work inside a service, and a call to another", path: "/orders/7", segments: 2, ..STOP },
    Stop { title: "Not found: the caller's mistake, an error", path: "/orders/99", ..STOP },
    Stop { title: "A failure in the other service: faults, and why", path: "/orders/13", segments: 2, ..STOP },
    Stop { title: "Too many requests: a throttle", path: "/report", ..STOP },
    Stop {
        title: "A caller that says Sampled=0: served, not recorded",
        path: "/orders/7",
        sampled: Some(Sampled::No),
        segments: 0,
        ..STOP
    },
    Stop { title: "A slow request, rendered on another thread", path: "/orders/7/invoice", ..STOP },
    Stop {
        title: "A client that gives up after half a second",
        path: "/orders/7/updates",
        patience: Duration::from_millis(500),
        ..STOP
    },
];

/// Sends the requests and shows what arrives; false when something is missing or too much.
pub(crate) async fn take(
    http: &Http,
    orders: SocketAddr,
    xray: &SegmentLayer,
    mut inbox: Option<Inbox>,
) -> Result<bool, Box<dyn Error>> {
    let mut complete = true;
    let mut shown = None;
    for (number, stop) in (1..).zip(&STOPS) {
        println!("{number}. {}\n", stop.title);
        let root = TraceId::new(epoch_seconds(), &ThreadEntropy);
        println!("   GET {}  {}\n", stop.path, send(http, orders, stop, root).await?);
        let Some(inbox) = &mut inbox else {
            println!("   trace {root}\n");
            continue;
        };
        // Whatever comes meanwhile belongs to this request or is too much.
        let (trace, strangers) = arrive(inbox, root.as_str(), stop.segments).await;
        let sent = trace.iter().flat_map(|trace| &trace.segments).filter(|segment| !segment.document.inferred).count();
        if let Some(trace) = &trace {
            picture::print("   ", trace);
        }
        let orphans = trace.as_ref().map_or(0, |trace| trace.orphans.len());
        if sent != stop.segments || strangers > 0 || orphans > 0 {
            println!("   MISSING: expected {} segments of trace {root} and no orphans", stop.segments);
            complete = false;
        } else if stop.segments == 0 {
            println!("   nothing arrives");
        }
        println!();
        shown = shown.or_else(|| Some(trace?.root()?.document.clone()));
    }

    // The service that was given up on may notice it a moment after the client.
    let expected: u64 = STOPS.iter().map(|stop| stop.segments as u64).sum();
    let made = |stats: &StatsSnapshot| stats.documents_sent + stats.dropped();
    for _ in 0..PATIENCE {
        xray.flush(Duration::from_secs(1));
        if made(&xray.stats()) >= expected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stats = xray.stats();
    if let Some(document) = shown {
        println!("The document that orders sent for the first request:\n\n{}\n", document.to_string_pretty());
    }
    let (made, lost, unsampled) = (made(&stats), stats.dropped() + stats.dropped_refused, stats.segments_unsampled);
    println!("{made} of {expected} documents made, {lost} lost on the way; {unsampled} segments not sampled");
    Ok(complete && lost == 0 && made == expected)
}

/// Sends a request as a load balancer passes one on: with a trace id, and no decision.
async fn send(http: &Http, orders: SocketAddr, stop: &Stop, root: TraceId) -> Result<String, Box<dyn Error>> {
    let header = TraceHeader::new(root);
    let header = stop.sampled.map_or(header.clone(), |sampled| header.with_sampled(sampled));
    let request = Request::get(format!("http://{orders}{}", stop.path))
        .header("x-amzn-trace-id", header.to_string())
        .body(Body::empty())?;
    let Ok(response) = timeout(stop.patience, http.request(request)).await else {
        return Ok("no answer".to_owned());
    };
    let response = response?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    Ok(format!("{status}  {}", String::from_utf8_lossy(&body)).trim_end().to_owned())
}

/// The trace when `count` documents have arrived for it, or those that come in time; and how many came for others.
async fn arrive(inbox: &mut Inbox, root: &str, count: usize) -> (Option<Trace>, usize) {
    let (mut arrived, mut strangers) = (0, 0);
    while arrived < count {
        match timeout(Duration::from_millis(10) * PATIENCE, inbox.next()).await {
            Ok(Some(id)) if id == root => arrived += 1,
            Ok(Some(_)) => strangers += 1,
            Ok(None) | Err(_) => break,
        }
    }
    (inbox.trace(root), strangers)
}

fn epoch_seconds() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

/// Hundredths of a second.
const PATIENCE: u32 = 500;
