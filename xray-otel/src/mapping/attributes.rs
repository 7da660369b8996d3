//! Reading attributes: those that mean something are taken, the rest is metadata.
//!
//! An attribute is taken only where its value has the type its meaning needs. A status code that is a list stays an
//! attribute like any other, and is not lost.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Map, Number, Value as Json};
use xray_core::document::names;

use crate::losses::Losses;
use crate::span::Value;

/// A span's or a resource's attributes, and which of them are taken.
pub(super) struct Reader<'a> {
    attributes: &'a [(String, Value)],
    /// Where a key is; of a key that is there twice the last.
    index: HashMap<&'a str, usize>,
    taken: Vec<bool>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(attributes: &'a [(String, Value)]) -> Reader<'a> {
        let index = attributes.iter().enumerate().map(|(at, (key, _))| (key.as_str(), at)).collect();
        Reader { attributes, index, taken: vec![false; attributes.len()] }
    }

    /// Looks without taking.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let at = *self.index.get(key)?;
        self.attributes.get(at).map(|(_, value)| value)
    }

    /// Looks without taking: a text that is not empty.
    pub(super) fn peek(&self, keys: &[&str]) -> Option<&'a str> {
        keys.iter().find_map(|key| self.get(key)?.as_str().filter(|text| !text.is_empty()))
    }

    /// Takes every one of these keys whose value is a text that is not empty; the first of them.
    pub(super) fn text(&mut self, keys: &[&str]) -> Option<&'a str> {
        self.take(keys, |value| value.as_str().filter(|text| !text.is_empty()))
    }

    /// Takes every one of these keys whose value is a whole number, perhaps as a text; the first of them.
    pub(super) fn int(&mut self, keys: &[&str]) -> Option<i64> {
        self.take(keys, |value| match value {
            Value::Int(number) => Some(*number),
            Value::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        })
    }

    /// Takes a boolean.
    pub(super) fn bool(&mut self, key: &str) -> Option<bool> {
        self.take(&[key], |value| if let Value::Bool(value) = value { Some(*value) } else { None })
    }

    /// Takes a text or a list of texts.
    pub(super) fn texts(&mut self, keys: &[&str]) -> Option<Vec<&'a str>> {
        let texts = self.take(keys, |value| match value {
            Value::Text(text) => Some(vec![text.as_str()]),
            Value::List(items) => items.iter().map(Value::as_str).collect(),
            _ => None,
        })?;
        Some(texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>()).filter(|texts| !texts.is_empty())
    }

    /// Takes a key whatever its value.
    pub(super) fn any(&mut self, key: &str) -> Option<&'a Value> {
        self.take(&[key], Some)
    }

    pub(super) fn take<T>(&mut self, keys: &[&str], read: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let mut first = None;
        for key in keys {
            let Some(at) = self.index.get(key).copied() else { continue };
            let Some(value) = self.attributes.get(at).and_then(|(_, value)| read(value)) else { continue };
            if let Some(taken) = self.taken.get_mut(at) {
                *taken = true;
            }
            first = first.or(Some(value));
        }
        first
    }

    /// What was not taken, each key once.
    pub(super) fn rest(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let last = |at: usize, key: &str| self.index.get(key) == Some(&at);
        let free = |at: usize| self.taken.get(at) == Some(&false);
        let all = self.attributes.iter().enumerate();
        all.filter(move |(at, (key, _))| last(*at, key) && free(*at)).map(|(_, (key, value))| (key.as_str(), value))
    }
}

/// A value as JSON; cut where it is long, and its depth bounded.
pub(super) fn json(key: &str, value: &Value, losses: &mut Losses) -> Json {
    nested(key, value, DEPTH, losses)
}

/// A text as far as it may leave: where something is, without what may be secret.
pub(super) fn open_text<'a>(key: &str, text: &'a str) -> Cow<'a, str> {
    match key {
        "url.full" | "url.original" | "http.url" | "http.target" => names::url(text),
        "db.connection_string" => names::connection(text),
        _ => Cow::Borrowed(text),
    }
}

/// Whether a value is nobody's business; counted, unless the sender has masked it already.
pub(super) fn is_masked(key: &str, value: &Value, losses: &mut Losses) -> bool {
    let secret = names::is_secret(key) || key == "url.query";
    losses.values_masked += u64::from(secret && value.as_str() != Some(names::MASK));
    secret
}

fn nested(key: &str, value: &Value, depth: usize, losses: &mut Losses) -> Json {
    if is_masked(key, value, losses) {
        return Json::String(names::MASK.to_owned());
    }
    let Some(depth) = depth.checked_sub(1) else {
        losses.values_changed += 1;
        return Json::String("[nested too deep]".to_owned());
    };
    match value {
        Value::Empty => Json::Null,
        Value::Text(text) => Json::String(cut(&open_text(key, text), METADATA_CHARS, losses).into_owned()),
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) => Json::Number((*number).into()),
        Value::Double(number) => double(*number, losses),
        Value::Bytes(bytes) => {
            losses.values_changed += 1;
            Json::String(hex(bytes.get(..BYTES).unwrap_or(bytes)))
        }
        Value::List(items) => {
            let kept = items.iter().take(ITEMS);
            losses.values_changed += u64::from(items.len() > ITEMS);
            Json::Array(kept.map(|item| nested(key, item, depth, losses)).collect())
        }
        Value::Map(members) => {
            let mut map = Map::new();
            losses.values_changed += u64::from(members.len() > ITEMS);
            for (key, value) in members.iter().take(ITEMS) {
                map.insert(key.clone(), nested(key, value, depth, losses));
            }
            Json::Object(map)
        }
    }
}

/// A number; what JSON has no number for is a text.
pub(super) fn double(number: f64, losses: &mut Losses) -> Json {
    match Number::from_f64(number) {
        Some(number) => Json::Number(number),
        None => {
            losses.values_changed += 1;
            Json::String(number.to_string())
        }
    }
}

/// A text of at most `max` characters, counted where it was cut.
pub(super) fn cut<'a>(text: &'a str, max: usize, losses: &mut Losses) -> Cow<'a, str> {
    let kept = names::text(text, max);
    losses.values_changed += u64::from(matches!(kept, Cow::Owned(_)));
    kept
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Longest text of metadata, characters. Ours to choose, as the `tracing` layer's: a quarter of a document.
const METADATA_CHARS: usize = 16 * 1024;
/// Most items of a list or a map that are kept.
const ITEMS: usize = 1_000;
/// Most bytes of a byte value that are kept; twice as many digits.
const BYTES: usize = 1_024;
/// How deep a value may nest. With [`NESTED`](super::fit::NESTED) subsegments around it a document stays within
/// what JSON readers take.
const DEPTH: usize = 16;
