//! The sizes X-Ray holds documents to.
//!
//! "Characters" are Unicode scalar values, as in the JSON schema of the documents; bytes are bytes of
//! UTF-8 JSON. What lies beyond a limit is refused (names, size), dropped (annotations) or, by us,
//! cut before it is sent.

/// Longest name of a segment or subsegment, characters; the shortest is 1.
///
/// Source: X-Ray Developer Guide, "Segment documents", field `name`.
pub const NAME_CHARS: usize = 200;

/// Longest `http.request.url`, characters.
///
/// Source: the JSON schema linked from the X-Ray Developer Guide, "Segment documents".
pub const URL_CHARS: usize = 250;

/// Longest annotation key, characters.
///
/// Source: X-Ray Developer Guide, "Add annotations and metadata to segments", annotation requirements.
pub const ANNOTATION_KEY_CHARS: usize = 500;

/// Longest text value of an annotation, characters.
///
/// Source: X-Ray Developer Guide, "Add annotations and metadata to segments", annotation requirements.
pub const ANNOTATION_TEXT_CHARS: usize = 1_000;

/// Annotations of one trace, over all its segments and subsegments; those beyond are not indexed.
///
/// Source: X-Ray Developer Guide, "Segment documents", "Annotations".
pub const ANNOTATIONS: usize = 50;

/// Largest document with its [daemon header line](super::DAEMON_HEADER), bytes.
///
/// The service takes 64 kB, which the guide does not define to the byte; a UDP datagram carries
/// 65,507 bytes. 64,000 is below every reading of the two.
///
/// Source: X-Ray Developer Guide, "Segment documents".
pub const DOCUMENT_BYTES: usize = 64_000;

/// Traces one segment may link to.
///
/// Source: X-Ray Developer Guide, on the linked traces of event-driven applications.
pub const LINKED_TRACES: usize = 20;

/// Links of one trace.
///
/// Source: X-Ray Developer Guide, on the linked traces of event-driven applications.
pub const LINKS: usize = 100;

/// Nested subsegments that fit in a document read by [`Document::parse`](super::Document::parse).
///
/// The JSON reader stops at 127 nested objects and arrays, and a subsegment is one of each; what
/// remains is for a subsegment's own members (a stack frame lies five deep). X-Ray states no limit.
pub const NESTED_SUBSEGMENTS: usize = 60;
