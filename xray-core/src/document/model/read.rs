//! Reading members into fields without losing what does not fit.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A type that some JSON values become, and others do not.
pub(super) trait Field: Sized {
    /// Whether [`read`](Field::read) will take this value.
    fn fits(value: &Value) -> bool;

    /// The value as this type; none only where it does not fit.
    fn read(value: Value) -> Option<Self>;
}

/// A type whose empty value is written as an absent member.
pub(super) trait NonEmpty: Field + Default {
    /// Whether the member may be left out.
    fn is_empty_value(&self) -> bool;

    /// The member of that name, taken out; the empty value if it is absent, does not fit or is empty.
    /// In the last two cases it stays where it was.
    fn take(from: &mut Map<String, Value>, name: &str) -> Self {
        if from.get(name).is_some_and(is_empty_json) {
            return Self::default();
        }
        take(from, name).unwrap_or_default()
    }
}

/// The member of that name, taken out; none and untouched if it is absent or does not fit.
pub(super) fn take<T: Field>(from: &mut Map<String, Value>, name: &str) -> Option<T> {
    if !from.get(name).is_some_and(T::fits) {
        return None;
    }
    T::read(from.remove(name)?)
}

/// Gives the value to the field, or back if it does not fit.
pub(super) fn set<T: Field>(field: &mut Option<T>, value: Value) -> Result<(), Value> {
    if !T::fits(&value) {
        return Err(value);
    }
    *field = T::read(value);
    Ok(())
}

/// Gives the value to the field, or back if it does not fit or is empty.
pub(super) fn fill<T: NonEmpty>(field: &mut T, value: Value) -> Result<(), Value> {
    if is_empty_json(&value) || !T::fits(&value) {
        return Err(value);
    }
    *field = T::read(value).unwrap_or_default();
    Ok(())
}

/// For `skip_serializing_if`.
pub(super) fn is_absent<T: NonEmpty>(value: &T) -> bool {
    value.is_empty_value()
}

fn is_empty_json(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

impl Field for String {
    fn fits(value: &Value) -> bool {
        value.is_string()
    }

    fn read(value: Value) -> Option<String> {
        if let Value::String(text) = value { Some(text) } else { None }
    }
}

impl NonEmpty for String {
    fn is_empty_value(&self) -> bool {
        self.is_empty()
    }
}

impl Field for bool {
    fn fits(value: &Value) -> bool {
        value.is_boolean()
    }

    fn read(value: Value) -> Option<bool> {
        value.as_bool()
    }
}

impl NonEmpty for bool {
    fn is_empty_value(&self) -> bool {
        !self
    }
}

impl Field for f64 {
    fn fits(value: &Value) -> bool {
        value.is_number()
    }

    fn read(value: Value) -> Option<f64> {
        value.as_f64()
    }
}

impl Field for i64 {
    fn fits(value: &Value) -> bool {
        whole(value).is_some()
    }

    fn read(value: Value) -> Option<i64> {
        whole(&value)
    }
}

/// A whole number, also written with an exponent or, as some senders do, in a string.
fn whole(value: &Value) -> Option<i64> {
    /// Up to here every whole `f64` is exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let value = number.as_f64()?;
            (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

impl<T: Field> Field for Vec<T> {
    fn fits(value: &Value) -> bool {
        value.as_array().is_some_and(|items| items.iter().all(T::fits))
    }

    fn read(value: Value) -> Option<Vec<T>> {
        if let Value::Array(items) = value { items.into_iter().map(T::read).collect() } else { None }
    }
}

impl<T: Field> NonEmpty for Vec<T> {
    fn is_empty_value(&self) -> bool {
        self.is_empty()
    }
}

impl Field for Map<String, Value> {
    fn fits(value: &Value) -> bool {
        value.is_object()
    }

    fn read(value: Value) -> Option<Map<String, Value>> {
        if let Value::Object(members) = value { Some(members) } else { None }
    }
}

impl NonEmpty for Map<String, Value> {
    fn is_empty_value(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn fits(value: &Value) -> bool {
        value.as_object().is_some_and(|members| members.values().all(T::fits))
    }

    fn read(value: Value) -> Option<BTreeMap<String, T>> {
        let members = Map::read(value)?.into_iter();
        members.map(|(name, value)| Some((name, T::read(value)?))).collect()
    }
}

impl<T: Field> NonEmpty for BTreeMap<String, T> {
    fn is_empty_value(&self) -> bool {
        self.is_empty()
    }
}

/// Lets types with a `read(Map) -> Self` of their own, which takes any object, be read as members and
/// by serde.
macro_rules! object {
    ($type:ty) => {
        impl $crate::document::model::read::Field for $type {
            fn fits(value: &serde_json::Value) -> bool {
                value.is_object()
            }

            fn read(value: serde_json::Value) -> Option<$type> {
                if let serde_json::Value::Object(members) = value { Some(<$type>::read(members)) } else { None }
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                serde_json::Map::deserialize(from).map(<$type>::read)
            }
        }
    };
}

pub(super) use object;
