//! How much is in a request before it is read: an empty span is two bytes of protobuf, and hundreds once it is read.
//!
//! Counted in a walk over the bytes that keeps nothing: spans, [`SPANS`] at most; and parts, which are all messages that
//! are repeated (spans, events, links, attributes, values of lists, groups by resource and by scope), [`PARTS`] at most.
//! That is more than the batches of any SDK or Collector. What is malformed ends the walk, as it ends the reading.
//!
//! In JSON every part is an object with a few members, so brackets and commas are counted, [`PER_PART`] of them as one
//! part; a span is what opens as the seventh: `{resourceSpans:[{scopeSpans:[{spans:[{`.

use prost::bytes::Buf;
use prost::encoding::{WireType, decode_key, decode_varint};

/// Most spans in a request. The OpenTelemetry Collector's batches have 8,192 by default, those of SDKs 512.
const SPANS: usize = 50_000;

/// Most parts in a request.
const PARTS: usize = 500_000;

/// Brackets and commas of an attribute in JSON: `{"key":"k","value":{"intValue":"1"}},`.
const PER_PART: usize = 4;

/// The bracket of JSON that opens a span, counted from the outermost.
const SPAN_DEPTH: usize = 7;

/// As deep as prost reads.
const DEPTH: usize = 100;

/// A request has more in it than is read at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the request has more than {SPANS} spans, or more than {PARTS} spans, events, links and attributes together; \
             send smaller batches (of an SDK by OTEL_BSP_MAX_EXPORT_BATCH_SIZE, of a Collector by send_batch_max_size)"
        )
    }
}

#[derive(Default)]
struct Count {
    spans: usize,
    parts: usize,
}

impl Count {
    fn add(&mut self, spans: usize, parts: usize) -> Result<(), TooMuch> {
        self.spans += spans;
        self.parts += parts;
        if self.spans > SPANS || self.parts > PARTS { Err(TooMuch) } else { Ok(()) }
    }
}

/// The messages that hold others which are repeated.
#[derive(Clone, Copy, PartialEq)]
enum Message {
    Request,
    ResourceSpans,
    Resource,
    ScopeSpans,
    Span,
    Event,
    Link,
    KeyValue,
    AnyValue,
    List,
    Map,
}

impl Message {
    /// The message in the field of this number. The numbers are those of `wire.rs`.
    fn within(self, field: u32) -> Option<Message> {
        Some(match (self, field) {
            (Message::Request, 1) => Message::ResourceSpans,
            (Message::ResourceSpans, 1) => Message::Resource,
            (Message::ResourceSpans, 2) => Message::ScopeSpans,
            (Message::ScopeSpans, 2) => Message::Span,
            (Message::Resource, 1) | (Message::Span, 9) | (Message::Event, 3) | (Message::Link, 4) => Message::KeyValue,
            (Message::Span, 11) => Message::Event,
            (Message::Span, 13) => Message::Link,
            (Message::KeyValue, 2) | (Message::List, 1) => Message::AnyValue,
            (Message::AnyValue, 5) => Message::List,
            (Message::AnyValue, 6) => Message::Map,
            (Message::Map, 1) => Message::KeyValue,
            _ => return None,
        })
    }
}

/// Refuses a request in protobuf that has too much in it.
pub(super) fn protobuf(bytes: &[u8]) -> Result<(), TooMuch> {
    let mut count = Count::default();
    walk(bytes, Message::Request, 0, &mut count).map(|_| ())
}

/// Counts what is in a message; false if it is malformed.
fn walk(mut bytes: &[u8], message: Message, depth: usize, count: &mut Count) -> Result<bool, TooMuch> {
    if depth > DEPTH {
        return Ok(false);
    }
    while bytes.has_remaining() {
        let Ok((field, kind)) = decode_key(&mut bytes) else { return Ok(false) };
        let length = match kind {
            WireType::Varint => decode_varint(&mut bytes).ok().map(|_| 0),
            WireType::SixtyFourBit => Some(8),
            WireType::ThirtyTwoBit => Some(4),
            WireType::LengthDelimited => decode_varint(&mut bytes).ok().and_then(|length| usize::try_from(length).ok()),
            // What is in a group nobody reads; here it is counted as if it were beside it.
            WireType::StartGroup | WireType::EndGroup => Some(0),
        };
        let Some((inner, rest)) = length.and_then(|length| bytes.split_at_checked(length)) else { return Ok(false) };
        bytes = rest;
        if kind != WireType::LengthDelimited {
            continue;
        }
        let Some(within) = message.within(field) else { continue };
        // The one value of an attribute is a part of it.
        let is_part = (message, within) != (Message::KeyValue, Message::AnyValue);
        count.add(usize::from(within == Message::Span), usize::from(is_part))?;
        if !walk(inner, within, depth + 1, count)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Refuses a request in JSON that has too much in it.
pub(super) fn json(bytes: &[u8]) -> Result<(), TooMuch> {
    let (mut spans, mut marks, mut depth) = (0, 0, 0_usize);
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                while let Some(byte) = bytes.next().filter(|byte| **byte != b'"') {
                    if *byte == b'\\' {
                        bytes.next();
                    }
                }
            }
            b'{' | b'[' => {
                depth += 1;
                marks += 1;
                spans += usize::from(depth == SPAN_DEPTH);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => marks += 1,
            _ => {}
        }
    }
    Count::default().add(spans, marks / PER_PART)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::super::wire;
    use super::*;

    fn repeated(head: &[u8], item: &[u8], times: usize) -> Vec<u8> {
        let inner = item.repeat(times);
        let mut bytes = head.to_vec();
        prost::encoding::encode_varint(inner.len() as u64, &mut bytes);
        bytes.extend(inner);
        bytes
    }

    /// In a span of the one group, as protobuf.
    fn in_span(inner: &[u8]) -> Vec<u8> {
        [0x12, 0x12, 0x0a].into_iter().fold(inner.to_vec(), |inner, tag| repeated(&[tag], &inner, 1))
    }

    #[test]
    fn empty_parts_are_counted_wherever_they_are() {
        let spans = |times| repeated(&[0x0a], &repeated(&[0x12], &[0x12, 0], times), 1);
        assert_eq!(protobuf(&spans(SPANS)), Ok(()));
        assert_eq!(protobuf(&spans(SPANS + 1)), Err(TooMuch));
        // Groups, attributes, events, links; and a list within a list, as the value of an attribute.
        let list = repeated(&[0x2a], &[0x0a, 0], PARTS);
        let value = repeated(&[0x4a], &repeated(&[0x12], &list, 1), 1);
        assert_eq!(protobuf(&[0x0a, 0].repeat(PARTS + 1)), Err(TooMuch));
        for inner in [[0x4a, 0].repeat(PARTS), [0x5a, 0].repeat(PARTS), [0x6a, 0].repeat(PARTS), value] {
            assert_eq!(protobuf(&in_span(&inner)), Err(TooMuch));
            assert!(wire::ExportTraceServiceRequest::decode(&*in_span(&inner)).is_ok());
        }
    }

    #[test]
    fn json_says_the_same_and_texts_are_not_counted() {
        let spans = |span: &str, times: usize| {
            let spans = vec![span; times].join(",");
            format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
        };
        let text = format!(r#"{{"name":"\"{}"}}"#, "{[,".repeat(PARTS * PER_PART));
        for (body, expected) in [
            (spans("{}", SPANS), Ok(())),
            (spans("{}", SPANS + 1), Err(TooMuch)),
            (spans("[]", SPANS + 1), Err(TooMuch)),
            (spans(&text, 1), Ok(())),
            (spans(&format!(r#"{{"flags":[1{}]}}"#, ",1".repeat(PARTS * PER_PART)), 1), Err(TooMuch)),
        ] {
            assert_eq!(json(body.as_bytes()), expected, "{}", body.get(..120).unwrap_or_default());
        }
    }

    #[test]
    fn what_is_malformed_ends_the_walk() {
        for broken in [&[0x0a][..], &[0x0a, 0xff], &[0x0a, 0x7f, 0x12], &[0xff; 30], &[0x0f]] {
            assert_eq!(protobuf(broken), Ok(()), "{broken:?}");
        }
        // Deeper than anybody reads.
        let deep = (0..2_000).fold(Vec::new(), |inner, _| repeated(&[0x2a], &repeated(&[0x0a], &inner, 1), 1));
        assert_eq!(protobuf(&in_span(&repeated(&[0x4a], &repeated(&[0x12], &deep, 1), 1))), Ok(()));
    }
}
