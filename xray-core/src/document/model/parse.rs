//! From text and datagrams to documents.

use serde::Deserialize;
use serde_json::Value;

use super::Document;

impl Document {
    /// Reads one document.
    ///
    /// # Errors
    ///
    /// [`Json`](ParseDocumentError::Json) if the text is not one JSON value, or nests more than 127 objects
    /// and arrays (see [`limits::NESTED_SUBSEGMENTS`](crate::document::limits::NESTED_SUBSEGMENTS));
    /// [`NotAnObject`](ParseDocumentError::NotAnObject) if the value is something else;
    /// [`OpenTelemetry`](ParseDocumentError::OpenTelemetry) if it is that. No member makes it fail.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::document::{Document, ParseDocumentError};
    ///
    /// let document = Document::parse(br#"{"name": "orders", "Dummy": false}"#)?;
    /// assert_eq!(document.name, "orders");
    /// assert_eq!(document.other["Dummy"], false);
    ///
    /// assert!(matches!(Document::parse("[]"), Err(ParseDocumentError::NotAnObject)));
    /// # Ok::<(), ParseDocumentError>(())
    /// ```
    pub fn parse(json: impl AsRef<[u8]>) -> Result<Document, ParseDocumentError> {
        let json = json.as_ref();
        if OPEN_TELEMETRY.iter().any(|mark| json.starts_with(mark)) {
            return Err(ParseDocumentError::OpenTelemetry);
        }
        // By way of a value, so that no error repeats the sender's text.
        match serde_json::from_slice(json).map_err(ParseDocumentError::Json)? {
            Value::Object(members) => Ok(Document::read(members)),
            _ => Err(ParseDocumentError::NotAnObject),
        }
    }

    /// Reads one datagram as sent to the daemon: a header line, then a document.
    ///
    /// The header line is a JSON object with `format` `json` (in either case) and `version` 1; other
    /// members, spaces and a carriage return do not matter, as to the daemon itself.
    ///
    /// # Errors
    ///
    /// [`NoHeader`](ParseDocumentError::NoHeader) or [`Header`](ParseDocumentError::Header), else as
    /// [`parse`](Document::parse).
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::document::Document;
    ///
    /// let datagram = b"{\"format\": \"json\", \"version\": 1}\n{\"name\": \"orders\"}";
    /// assert_eq!(Document::parse_datagram(datagram)?.name, "orders");
    /// # Ok::<(), xray_core::document::ParseDocumentError>(())
    /// ```
    pub fn parse_datagram(datagram: &[u8]) -> Result<Document, ParseDocumentError> {
        Document::parse(Document::datagram_body(datagram)?)
    }

    /// What follows the header line of a datagram; a document, or OpenTelemetry data.
    ///
    /// # Errors
    ///
    /// [`NoHeader`](ParseDocumentError::NoHeader) or [`Header`](ParseDocumentError::Header).
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::document::Document;
    ///
    /// let datagram = b"{\"format\": \"json\", \"version\": 1}\nT1SCkQK";
    /// assert_eq!(Document::datagram_body(datagram)?, b"T1SCkQK");
    /// # Ok::<(), xray_core::document::ParseDocumentError>(())
    /// ```
    pub fn datagram_body(datagram: &[u8]) -> Result<&[u8], ParseDocumentError> {
        let end = datagram.iter().position(|byte| *byte == b'\n');
        let (header, rest) = end.and_then(|end| datagram.split_at_checked(end)).ok_or(ParseDocumentError::NoHeader)?;
        let header: Header = serde_json::from_slice(header).map_err(|_| ParseDocumentError::Header)?;
        if !header.format.eq_ignore_ascii_case("json") || header.version != 1 {
            return Err(ParseDocumentError::Header);
        }
        Ok(rest.strip_prefix(b"\n").unwrap_or(rest))
    }
}

/// How the bodies begin that AWS's OpenTelemetry distributions send through the same port: sampled
/// and unsampled spans, and metrics.
const OPEN_TELEMETRY: [&[u8]; 3] = [b"T1S", b"T1U", b"M1"];

/// The first line of a datagram.
#[derive(Deserialize)]
struct Header {
    format: String,
    version: u64,
}

/// Why bytes are not a document.
///
/// The bytes are not repeated: they came from the network and may hold anything.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseDocumentError {
    /// The datagram has no line end, so no header line.
    #[error("datagram has no header line")]
    NoHeader,
    /// The first line of the datagram is not a header of format json, version 1.
    #[error("datagram header is not {{\"format\":\"json\",\"version\":1}}")]
    Header,
    /// Not JSON, or nested too deep.
    #[error("document is not JSON")]
    Json(#[source] serde_json::Error),
    /// JSON, but not an object.
    #[error("document is not a JSON object")]
    NotAnObject,
    /// OpenTelemetry data (`T1S…`, `T1U…`, `M1…`), which AWS's distributions send to the same port.
    #[error("body is OpenTelemetry data, not a segment document")]
    OpenTelemetry,
}
