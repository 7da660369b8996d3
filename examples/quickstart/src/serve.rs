//! The two services for `curl`: traces are shown as they come.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;

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
    while let Some(first) = inbox.next().await {
        let mut changed = BTreeSet::from([first]);
        while let Ok(Some(next)) = timeout(QUIET, inbox.next()).await {
            changed.insert(next);
        }
        for trace in changed.iter().filter_map(|id| inbox.trace(id)) {
            println!();
            picture::print("", &trace);
        }
    }
}

/// How long nothing comes before a trace is drawn.
const QUIET: Duration = Duration::from_millis(300);
