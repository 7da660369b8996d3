//! Where the traces are seen: a console within this program, in the place of the X-Ray daemon and the service behind it.
//!
//! `xrc` is the same for programs of any language; a test uses `Console` as this file does.

use std::net::SocketAddr;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use xray_console::store::Change;
use xray_console::{Console, StartError, Trace};

/// A console, and what changes in it.
pub(crate) struct Inbox {
    console: Console,
    changes: broadcast::Receiver<Change>,
}

impl Inbox {
    /// On a free port of this machine.
    pub(crate) fn open() -> Result<Inbox, StartError> {
        let console = Console::start()?;
        let changes = console.store().subscribe();
        Ok(Inbox { console, changes })
    }

    /// Where to send documents.
    pub(crate) fn address(&self) -> SocketAddr {
        self.console.address()
    }

    /// The id of the next trace that something arrives for; `None` when nothing can.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            match self.changes.recv().await {
                Ok(Change::Put { id, .. }) => return Some(id.to_string()),
                // Traces are shown whole, so what was missed is shown with the next change.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The trace as far as it has arrived.
    pub(crate) fn trace(&self, id: &str) -> Option<Trace> {
        self.console.store().trace(id)
    }
}
