//! Many calls at once.

use std::collections::HashMap;

use futures_util::future::join_all;
use tracing::instrument::WithSubscriber;
use xray_core::segment;

use crate::support::{Service, captured, dynamodb};

/// 100 segments of 10 calls each on 2 threads, interleaved at every wait.
#[test]
fn a_thousand_calls_find_their_parents() {
    let xray = captured();
    let mut service = Service::ok();
    service.pending = 3;
    let client = dynamodb(&service);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let requests = (0..SEGMENTS).map(|request| {
        let client = client.clone();
        let work = async move {
            let web = segment(format!("web-{request}")).open();
            web.instrument(async {
                let calls = (0..CALLS).map(|call| {
                    let table = format!("web-{request}.{call}");
                    client.scan().table_name(table).send()
                });
                join_all(calls).await.into_iter().for_each(|result| drop(result.unwrap()));
            })
            .await;
        };
        runtime.spawn(work.with_subscriber(xray.dispatch().clone()))
    });
    let requests: Vec<_> = requests.collect();
    runtime.block_on(async { join_all(requests).await.into_iter().for_each(|joined| joined.unwrap()) });

    // Where each table's call is, and below what.
    let mut parents = HashMap::new();
    for document in xray.all() {
        assert!(document.name.starts_with("web-") && document.subsegments.len() == CALLS, "{}", document.name);
        for call in &document.subsegments {
            let table = call.aws.as_ref().unwrap().text("table_name").unwrap().to_owned();
            assert_eq!(table.split('.').next(), Some(&*document.name));
            assert!(parents.insert(table, (document.trace_id.clone().unwrap(), call.id.clone())).is_none());
        }
    }
    assert_eq!(parents.len(), SEGMENTS * CALLS);
    for request in service.seen() {
        let header = request.trace_header().unwrap();
        let (_, table) = request.body.split_once("\"TableName\":\"").unwrap();
        let (trace_id, id) = &parents[table.split('"').next().unwrap()];
        assert_eq!((header.root().as_str(), header.parent().unwrap().as_str()), (&**trace_id, &**id));
    }
}

const SEGMENTS: usize = 100;
const CALLS: usize = 10;
