//! OpenTelemetry spans: over HTTP as OTLP, in datagrams and PutTraceSegments behind the mark `T1S`.
//!
//! Spans become documents by [`xray_otel::Mapping`]; how much of them had no place there is counted like a repair. Over
//! HTTP both encodings and gzip are taken, [`BODY_BYTES`] at most once unpacked. How much is in a request is counted
//! before it is read (`size.rs`); what is in a mark may be as long as a document.
//!
//! Sources: OpenTelemetry protocol specification, "OTLP/HTTP"; the UDP exporters of AWS's OpenTelemetry distributions.

mod json;
mod size;
mod spans;
mod wire;

use std::borrow::Cow;
use std::fmt::Write;
use std::io::Read;
use std::sync::atomic::Ordering::Relaxed;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use prost::Message;
use xray_otel::Losses;

use super::check::{self, DOCUMENT_BYTES, Refusal, RefusalCode};
use super::{Intake, Sender, TroubleKind};
use wire::{ExportTraceServiceRequest, ExportTraceServiceResponse, PartialSuccess, RpcStatus};

/// Largest request taken, bytes once unpacked. AWS's own endpoint takes 5 MB.
pub const BODY_BYTES: usize = 20_000_000;

/// An answer to an OTLP request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtlpAnswer {
    /// Status of HTTP.
    pub status: u16,
    /// The encoding of the body, that of the request.
    pub content_type: &'static str,
    /// What to send.
    pub body: Vec<u8>,
}

/// The two encodings.
#[derive(Clone, Copy, PartialEq)]
enum Encoding {
    Protobuf,
    Json,
}

impl Intake {
    /// Takes the body of a `POST /v1/traces`: spans as OTLP, of this `Content-Type` and `Content-Encoding`.
    ///
    /// What cannot be taken is said in the answer, and counted. What is taken is on disk before, if the store has a file;
    /// this [blocks](crate::Store::flush) for that.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_console::intake::{Intake, Sender};
    /// use xray_console::Store;
    ///
    /// let request = br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
    ///     "scopeSpans":[{"spans":[{"traceId":"5759e988bd862e3fe1be46a994272793","spanId":"53995c3f42cd8ad8","kind":2,
    ///     "name":"GET /","startTimeUnixNano":"1465510280500000000","endTimeUnixNano":"1465510281000000000"}]}]}]}"#;
    /// let intake = Intake::new(Store::new());
    ///
    /// let answer = intake.otlp(request, "application/json", None, Sender::Local("example"));
    /// assert_eq!((answer.status, answer.body.as_slice()), (200, b"{}".as_slice()));
    /// let trace = intake.store().trace("1-5759e988-bd862e3fe1be46a994272793").unwrap();
    /// assert_eq!(trace.segments[0].document.name, "shop");
    /// ```
    pub fn otlp(&self, body: &[u8], content_type: &str, encoding: Option<&str>, sender: Sender) -> OtlpAnswer {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let kind = match essence.as_str() {
            "application/json" => Encoding::Json,
            _ => Encoding::Protobuf,
        };
        let taken = match essence.as_str() {
            "application/json" | "application/x-protobuf" => self.request(body, kind, encoding, sender),
            _ => Err((415, "content type is neither application/x-protobuf nor application/json".to_owned())),
        };
        match taken {
            Ok(rejected) => {
                let error_message = "spans without ids, or whose documents X-Ray would refuse".to_owned();
                let partial = PartialSuccess { rejected_spans: rejected, error_message };
                let response = ExportTraceServiceResponse { partial_success: (rejected > 0).then_some(partial) };
                answer(200, kind, &response)
            }
            Err((status, message)) => {
                let code = RefusalCode::InvalidOpenTelemetry.as_str();
                drop(self.trouble(TroubleKind::Refused, code, message.clone(), sender, body));
                // INVALID_ARGUMENT of google.rpc.Code.
                answer(status, kind, &RpcStatus { code: 3, message })
            }
        }
    }

    fn request(
        &self,
        body: &[u8],
        kind: Encoding,
        encoding: Option<&str>,
        sender: Sender,
    ) -> Result<i64, (u16, String)> {
        let body = unpacked(body, encoding.unwrap_or_default())?;
        match kind {
            Encoding::Protobuf => size::protobuf(&body),
            Encoding::Json => size::json(&body),
        }
        .map_err(|too_much| (413, too_much.to_string()))?;
        let malformed = |error: &dyn std::fmt::Display| (400, format!("not an ExportTraceServiceRequest: {error}"));
        let request = match kind {
            Encoding::Protobuf => ExportTraceServiceRequest::decode(&*body).map_err(|error| malformed(&error))?,
            Encoding::Json => json_request(&body).map_err(|error| malformed(&error))?,
        };
        let rejected = self.spans(request, sender);
        // 503 tells the sender to try again.
        self.store().flush().map_err(|error| (503, error.to_string()))?;
        Ok(rejected)
    }

    /// What stands behind the mark `T1S`: base64 of a request in protobuf.
    pub(super) fn marked_spans(&self, marked: &[u8], sender: Sender) -> Result<(), Refusal> {
        let refused = |detail: String| {
            let refusal = Refusal::whole(RefusalCode::InvalidOpenTelemetry, detail);
            let code = refusal.code.as_str();
            drop(self.trouble(TroubleKind::Refused, code, refusal.to_string(), sender, marked));
            refusal
        };
        if marked.len() > DOCUMENT_BYTES {
            return Err(refused(format!("T1S: {} bytes, where at most {DOCUMENT_BYTES} are taken", marked.len())));
        }
        let request = BASE64_STANDARD.decode(marked.trim_ascii()).map_err(|error| refused(format!("T1S: {error}")))?;
        let request = ExportTraceServiceRequest::decode(&*request);
        let rejected = self.spans(request.map_err(|error| refused(format!("T1S: {error}")))?, sender);
        if rejected == 0 {
            return Ok(());
        }
        Err(Refusal::whole(RefusalCode::InvalidOpenTelemetry, format!("T1S: {rejected} spans could not be taken")))
    }

    /// Keeps spans as documents; the number of those that could not be.
    fn spans(&self, request: ExportTraceServiceRequest, sender: Sender) -> i64 {
        let mut losses = Losses::default();
        let mut rejected = 0;
        for (mapping, spans) in spans::by_resource(request) {
            self.shared.counts.spans.fetch_add(spans.len() as u64, Relaxed);
            for document in mapping.documents(&spans, &mut losses) {
                // Writing to memory cannot fail, and every key is a string.
                let json = serde_json::to_vec(&document).unwrap_or_default();
                let kept = check::refuse(&document).and_then(|()| self.keep(&document, json.as_slice().into(), sender));
                if let Err(refusal) = kept {
                    rejected += 1;
                    self.trouble(TroubleKind::Refused, refusal.code.as_str(), refusal.to_string(), sender, &json)
                        .with_ids(refusal.id, refusal.trace_id);
                }
            }
        }
        let refused = losses.spans_refused + losses.documents_lost;
        if refused > 0 {
            let message = format!("{refused} OpenTelemetry spans without ids, or too large");
            let code = RefusalCode::InvalidOpenTelemetry.as_str();
            drop(self.trouble(TroubleKind::Refused, code, message, sender, &[]));
        }
        let lost = described(&losses);
        if !lost.is_empty() {
            drop(self.trouble(TroubleKind::Repaired, "OpenTelemetry", lost, sender, &[]));
        }
        rejected + i64::try_from(refused).unwrap_or(i64::MAX)
    }
}

fn json_request(body: &[u8]) -> Result<ExportTraceServiceRequest, serde_json::Error> {
    serde_json::from_slice(body)
}

/// The body, unpacked if need be, within [`BODY_BYTES`].
fn unpacked<'a>(body: &'a [u8], encoding: &str) -> Result<Cow<'a, [u8]>, (u16, String)> {
    let body = match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Cow::Borrowed(body),
        "gzip" => {
            let mut unpacked = Vec::new();
            let read = flate2::read::MultiGzDecoder::new(body).take(BODY_BYTES as u64 + 1).read_to_end(&mut unpacked);
            read.map_err(|error| (400, format!("body is not gzip: {error}")))?;
            Cow::Owned(unpacked)
        }
        _ => return Err((415, "content encoding is neither gzip nor identity".to_owned())),
    };
    if body.len() > BODY_BYTES {
        return Err((413, format!("body has more than {BODY_BYTES} bytes")));
    }
    Ok(body)
}

fn answer<M: Message + serde::Serialize>(status: u16, kind: Encoding, message: &M) -> OtlpAnswer {
    match kind {
        Encoding::Protobuf => {
            OtlpAnswer { status, content_type: "application/x-protobuf", body: message.encode_to_vec() }
        }
        Encoding::Json => {
            // Writing to memory cannot fail, and every key is a string.
            let body = serde_json::to_vec(message).unwrap_or_default();
            OtlpAnswer { status, content_type: "application/json", body }
        }
    }
}

/// What had to be changed, in words; empty if nothing that its sender would want to know.
fn described(losses: &Losses) -> String {
    let mut text = String::new();
    for (count, what) in [
        (losses.spans_repeated, "spans came twice"),
        (losses.parents_mended, "spans were their own parent"),
        (losses.times_mended, "spans ended before they started"),
        (losses.names_changed, "names had characters that X-Ray refuses"),
        (losses.values_changed, "values were cut or converted"),
        (losses.annotations_moved, "annotations were one too many for a trace, or not scalars"),
        (losses.events_dropped, "events were dropped"),
        (losses.links_dropped, "links were dropped"),
        (losses.documents_trimmed, "documents lost metadata to fit"),
    ] {
        if count > 0 {
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing to memory cannot fail.
            let _ = write!(text, "{comma}{count} {what}");
        }
    }
    text
}

#[cfg(test)]
mod tests;
