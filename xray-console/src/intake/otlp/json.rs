//! How OTLP writes in JSON what JSON has no type for: whole numbers of 64 bits as texts, ids in hex, bytes in base64, enums
//! as numbers or by name. `null` stands for any member's default.
//!
//! Source: Protocol Buffers documentation, "ProtoJSON Format".

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

/// A list or a text; `null` is as good as leaving it out.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// A whole number, or its digits; nothing is 0.
pub(super) fn number<'de, D, N>(from: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: FromStr<Err: Display> + Default,
{
    let text = match Value::deserialize(from)? {
        Value::Null => return Ok(N::default()),
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => return Err(Error::custom("a whole number is neither a number nor a text")),
    };
    text.parse().map_err(|_| Error::custom("a whole number is out of range or has other characters"))
}

/// A number; `NaN` and the infinities as texts.
pub(super) fn double<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    match Value::deserialize(from)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| Error::custom("a number is none"))
}

/// An id in hex, in either case; nothing is no id.
pub(super) fn hex<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = Option::<String>::deserialize(from)?.unwrap_or_default();
    let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    bytes.filter(|_| text.len() % 2 == 0).ok_or_else(|| Error::custom("an id is not in hex"))
}

pub(super) fn base64<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    BASE64_STANDARD.decode(text).map_err(|_| Error::custom("bytes are not in base64"))
}

pub(super) fn kind<'de, D: Deserializer<'de>>(from: D) -> Result<i32, D::Error> {
    named(from, "SPAN_KIND_", &["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"])
}

pub(super) fn status<'de, D: Deserializer<'de>>(from: D) -> Result<i32, D::Error> {
    named(from, "STATUS_CODE_", &["UNSET", "OK", "ERROR"])
}

/// An enum by number or by name; an unknown name is 0, as an unknown number would be.
fn named<'de, D: Deserializer<'de>>(from: D, prefix: &str, names: &[&str]) -> Result<i32, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_i64().and_then(|number| i32::try_from(number).ok()).unwrap_or_default(),
        Value::String(text) => {
            let place = text.strip_prefix(prefix).and_then(|text| names.iter().position(|name| *name == text));
            place.and_then(|place| i32::try_from(place).ok()).unwrap_or_default()
        }
        _ => 0,
    })
}
