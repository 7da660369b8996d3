//! Attributes in the making.

use std::collections::HashSet;

use serde_json::Value as Json;

use crate::span::Value;

/// Attributes, no key twice.
#[derive(Default)]
pub(super) struct Attributes {
    list: Vec<(String, Value)>,
    keys: HashSet<String>,
}

impl Attributes {
    /// Adds one, unless the key is taken.
    pub(super) fn put(&mut self, key: &str, value: Value) {
        if self.keys.insert(key.to_owned()) {
            self.list.push((key.to_owned(), value));
        }
    }

    pub(super) fn text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.put(key, Value::from(text));
        }
    }

    pub(super) fn int(&mut self, key: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.put(key, Value::Int(number));
        }
    }

    /// Adds one of the user's, and says whether it did: not if the key is taken, or is one that means something.
    pub(super) fn offer(&mut self, key: &str, value: Value) -> bool {
        if self.keys.contains(key) || is_reserved(key) {
            return false;
        }
        self.put(key, value);
        true
    }

    pub(super) fn into_inner(self) -> Vec<(String, Value)> {
        self.list
    }
}

/// Whether the way back could take an attribute of this name for something else than metadata.
fn is_reserved(key: &str) -> bool {
    const GROUPS: [&str; 18] = [
        "annotation.",
        "aws.",
        "client.",
        "cloud.",
        "db.",
        "enduser.",
        "error.",
        "exception.",
        "faas.",
        "http.",
        "messaging.",
        "metadata.",
        "net.",
        "network.",
        "peer.",
        "rpc.",
        "server.",
        "url.",
    ];
    GROUPS.iter().any(|group| key.starts_with(group))
        || matches!(key, "user.id" | "user_agent.original" | "service.peer.name")
}

/// JSON as an attribute's value.
pub(super) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Empty,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::Double(number),
            (None, None) => Value::Text(number.to_string()),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(value).collect()),
        Json::Object(members) => Value::Map(members.iter().map(|(key, json)| (key.clone(), value(json))).collect()),
    }
}
