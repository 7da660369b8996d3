//! The forms of a datagram's body: a document, or OpenTelemetry data behind a mark.
//!
//! | body | from | here |
//! |---|---|---|
//! | JSON | every X-Ray SDK | a document |
//! | `T1S` + base64 | AWS's OpenTelemetry distributions: sampled spans | documents |
//! | `T1U` + base64 | the same: spans not sampled, for statistics | counted |
//! | `M1` + … | the same: metrics | counted |

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;

use xray_core::document::Document;

use super::check::{Refusal, RefusalCode};
use super::{Intake, Sender, TroubleKind};

impl Intake {
    /// Takes a datagram as sent to the X-Ray daemon: a header line, then a body.
    pub fn datagram(&self, datagram: &[u8], from: SocketAddr) {
        let sender = Sender::Udp(from);
        self.shared.counts.datagrams.fetch_add(1, Relaxed);
        match Document::datagram_body(datagram) {
            // What is refused has been counted, and a datagram is not answered.
            Ok(body) => drop(self.body(body, sender)),
            Err(error) => {
                let message =
                    format!("{error}; it has to begin with {{\"format\":\"json\",\"version\":1}} and a line end");
                let code = RefusalCode::InvalidHeader.as_str();
                drop(self.trouble(TroubleKind::Refused, code, message, sender, datagram));
            }
        }
    }

    /// A document, or what stands in the place of one.
    pub(super) fn body(&self, body: &[u8], sender: Sender) -> Result<(), Refusal> {
        if let Some((onward, _)) = self.shared.onward.0.get() {
            onward(body);
        }
        let counts = &self.shared.counts;
        if let Some(spans) = body.strip_prefix(b"T1S") {
            return self.marked_spans(spans, sender);
        }
        if body.starts_with(b"T1U") {
            counts.unsampled.fetch_add(1, Relaxed);
        } else if body.starts_with(b"M1") {
            counts.metrics.fetch_add(1, Relaxed);
        } else {
            self.put(body, sender)?;
        }
        Ok(())
    }
}
