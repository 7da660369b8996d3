//! JSON that keeps what a map would hide: repeated keys, and the order of all of them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use xray_core::document::names;

/// Any JSON value. Keys may repeat.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// The last member of that name.
pub(super) fn get<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
}

impl Json {
    pub(super) fn as_str(&self) -> Option<&str> {
        if let Json::String(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_f64(&self) -> Option<f64> {
        if let Json::Number(number) = self { number.as_f64() } else { None }
    }

    pub(super) fn as_i64(&self) -> Option<i64> {
        if let Json::Number(number) = self { number.as_i64() } else { None }
    }
}

/// Short, for people.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Characters of a text worth showing.
        const SHOWN: usize = 60;
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(number) => write!(f, "{number}"),
            Json::String(text) => write!(f, "{:?}", names::text(text, SHOWN)),
            Json::Array(items) => write!(f, "a list of {}", items.len()),
            Json::Object(members) if members.is_empty() => f.write_str("an empty object"),
            Json::Object(_) => f.write_str("an object"),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Json, D::Error> {
        from.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // JSON has no other numbers than finite ones.
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = from.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn repeated_keys_are_kept_in_order() {
        let Json::Object(members) = read(r#"{"b": 1, "a": null, "b": [true, -2.5, "x"]}"#) else { panic!("an object") };
        let keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["b", "a", "b"]);
        let items = vec![Json::Bool(true), read("-2.5"), Json::String("x".into())];
        assert_eq!(get(&members, "b"), Some(&Json::Array(items)));
        assert_eq!(get(&members, "c"), None);
    }

    #[test]
    fn values_are_shown_short() {
        for (text, shown) in [
            ("null", "null"),
            ("true", "true"),
            ("1.5", "1.5"),
            ("18446744073709551615", "18446744073709551615"),
            (r#""a\"b""#, r#""a\"b""#),
            ("[1, 2]", "a list of 2"),
            ("{}", "an empty object"),
            (r#"{"a": 1}"#, "an object"),
        ] {
            assert_eq!(read(text).to_string(), shown);
        }
        assert_eq!(read(&format!("{:?}", "x".repeat(100))).to_string().chars().count(), 62);
    }
}
