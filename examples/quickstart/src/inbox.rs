//! What stands in for the X-Ray daemon: a UDP socket that reads documents.
//!
//! A test uses `xray_test::FakeDaemon` instead.

use std::net::SocketAddr;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use xray_tower::xray_core::document::{Document, ParseDocumentError};

/// The documents that arrive, one datagram each.
pub(crate) struct Inbox {
    address: SocketAddr,
    arrivals: mpsc::Receiver<Result<Document, ParseDocumentError>>,
}

impl Inbox {
    /// Listens on a free port of this machine.
    pub(crate) async fn open() -> std::io::Result<Inbox> {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let address = socket.local_addr()?;
        let (sender, arrivals) = mpsc::channel(1000);
        tokio::spawn(async move {
            let mut buffer = vec![0; LARGEST_DATAGRAM];
            while let Ok(length) = socket.recv(&mut buffer).await {
                let datagram = buffer.get(..length).unwrap_or_default();
                if sender.send(Document::parse_datagram(datagram)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Inbox { address, arrivals })
    }

    /// Where to send documents.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next document; `None` when the socket is gone.
    pub(crate) async fn next(&mut self) -> Option<Result<Document, ParseDocumentError>> {
        self.arrivals.recv().await
    }
}

/// Bytes. Source: RFC 768 and 791.
const LARGEST_DATAGRAM: usize = 65_507;
