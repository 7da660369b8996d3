//! Many requests in one task, each with its own children and decision.

use std::collections::HashMap;
use std::convert::Infallible;

use futures_util::stream::{FuturesUnordered, StreamExt};
use http::Request;
use tower::{Layer, ServiceExt, service_fn};
use tracing::Instrument;

use crate::support::{Body, Traced, finish, get, respond};

/// Requests in flight at once.
const REQUESTS: usize = 2_000;

#[tokio::test]
async fn requests_polled_in_turns_keep_their_own_children() {
    let traced = Traced::new();
    let handler = service_fn(async |request: Request<Body>| {
        let path = request.uri().path().to_owned();
        for step in 0..3 {
            let work = async { tokio::task::yield_now().await };
            work.instrument(tracing::info_span!("step", metadata.of = %path, metadata.step = step)).await;
        }
        Ok::<_, Infallible>(respond(200, "hello"))
    });
    let service = xray_tower::server().layer(handler);
    let mut serving: FuturesUnordered<_> =
        (0..REQUESTS).map(|number| service.clone().oneshot(get(&format!("/{number}")))).collect();
    while let Some(response) = serving.next().await {
        finish(response.unwrap()).await;
    }

    let segments = traced.segments(REQUESTS);
    for segment in segments {
        let path = &segment["http"]["request"]["url"];
        let steps = segment["subsegments"].as_array().unwrap();
        assert_eq!(steps.len(), 3, "{segment}");
        assert!(steps.iter().all(|step| step["metadata"]["default"]["of"] == *path), "{segment}");
    }
}

#[tokio::test]
async fn calls_between_two_services_find_their_own_parents() {
    let traced = Traced::new();
    let back = xray_tower::server().name("back").layer(service_fn(async |_: Request<Body>| {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(respond(200, "hello"))
    }));
    let front = xray_tower::server().name("front").layer(service_fn(move |_: Request<Body>| {
        let back = xray_tower::client().layer(back.clone());
        async move {
            tokio::task::yield_now().await;
            let answer = back.oneshot(get("http://back/")).await?;
            finish(answer).await;
            Ok::<_, Infallible>(respond(200, "hello"))
        }
    }));
    let mut serving: FuturesUnordered<_> = (0..REQUESTS).map(|_| front.clone().oneshot(get("/"))).collect();
    while let Some(response) = serving.next().await {
        finish(response.unwrap()).await;
    }

    let segments = traced.segments(2 * REQUESTS);
    let (fronts, backs): (Vec<_>, Vec<_>) = segments.iter().partition(|segment| segment["name"] == "front");
    let calls: HashMap<_, _> = fronts
        .iter()
        .map(|front| (front["subsegments"][0]["id"].as_str().unwrap(), front["trace_id"].as_str().unwrap()))
        .collect();
    assert_eq!(calls.len(), REQUESTS, "every call has an id of its own");
    let mut answered: Vec<_> = backs.iter().map(|back| back["parent_id"].as_str().unwrap()).collect();
    assert!(backs.iter().all(|back| calls[back["parent_id"].as_str().unwrap()] == back["trace_id"]));
    answered.sort_unstable();
    answered.dedup();
    assert_eq!(answered.len(), REQUESTS, "every call is answered once");
}

#[tokio::test]
async fn a_decision_does_not_leak_into_the_request_beside_it() {
    let traced = Traced::new();
    let handler = service_fn(async |_: Request<Body>| {
        for _ in 0..3 {
            tokio::task::yield_now().instrument(tracing::info_span!("step")).await;
        }
        Ok::<_, Infallible>(respond(200, ""))
    });
    let service = xray_tower::server().layer(handler);
    let mut serving: FuturesUnordered<_> = (0..REQUESTS)
        .map(|number| {
            let mut request = get("/");
            let header = format!("Sampled={}", number % 2);
            request.headers_mut().insert("x-amzn-trace-id", header.parse().unwrap());
            service.clone().oneshot(request)
        })
        .collect();
    while let Some(response) = serving.next().await {
        finish(response.unwrap()).await;
    }
    for segment in traced.segments(REQUESTS / 2) {
        assert_eq!(segment["subsegments"].as_array().unwrap().len(), 3, "{segment}");
    }
}
