//! The two services for `curl`: traces are shown as they come.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;
use xray_tower::xray_core::document::Document;

use crate::inbox::Inbox;
use crate::picture;

/// Says what to try and shows traces, until Ctrl-C.
pub(crate) async fn until_interrupted(
    orders: SocketAddr,
    payments: SocketAddr,
    inbox: Option<Inbox>,
) -> std::io::Result<()> {
    println!(
        "\
orders    http://{orders}
payments  http://{payments}

Try, in another terminal:

  curl -i http://{orders}/orders/7             # two services, one trace
  curl -i http://{orders}/orders/13            # a failure in the other service
  curl -m 7 http://{orders}/orders/7/updates   # announced after 5 s, given up after 7
  curl -i -X POST http://{payments}/charges/7 \\
       -H \"X-Amzn-Trace-Id: Root=1-$(printf %x $(date +%s))-bd862e3fe1be46a994272793;Sampled=?\"

Ctrl-C ends it.
"
    );
    match inbox {
        Some(inbox) => tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            () = show(inbox) => Ok(()),
        },
        None => tokio::signal::ctrl_c().await,
    }
}

/// Draws each trace when nothing has come for a moment, and again when there is more of it.
async fn show(mut inbox: Inbox) {
    let mut documents: Vec<Document> = Vec::new();
    while let Some(first) = inbox.next().await {
        let mut arrived = vec![first];
        while let Ok(Some(next)) = timeout(QUIET, inbox.next()).await {
            arrived.push(next);
        }
        let arrived: Vec<Document> = arrived.into_iter().flatten().collect();
        let mut traces: Vec<Option<String>> = arrived.iter().map(|document| document.trace_id.clone()).collect();
        traces.sort();
        traces.dedup();
        documents.extend(arrived);
        for trace in traces {
            println!("\ntrace {}", trace.as_deref().unwrap_or_default());
            let of_it = documents.iter().filter(|document| document.trace_id == trace);
            picture::print("", &of_it.cloned().collect::<Vec<_>>());
        }
        documents.drain(..documents.len().saturating_sub(KEPT));
    }
}

/// How long nothing comes before a trace is drawn.
const QUIET: Duration = Duration::from_millis(300);
/// Documents remembered, for traces of which more may come.
const KEPT: usize = 1000;
