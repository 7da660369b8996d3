//! Fields that are given twice, of which JSON readers silently take one.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The first field of the text that its object has twice, and the object's place: `rules`, `2`, `attributes`. None also
/// where the text is no JSON, which others tell.
pub(super) fn find(json: &str) -> Option<(Vec<String>, String)> {
    let found = Cell::default();
    let mut reader = serde_json::Deserializer::from_str(json);
    let whole = Object { place: &Place { above: None, name: "" }, found: &found };
    // With the field found, the reader stops by an error.
    let _ = whole.deserialize(&mut reader);
    found.into_inner()
}

/// Where in the text, from the inside out.
struct Place<'a> {
    above: Option<&'a Place<'a>>,
    name: &'a str,
}

impl Place<'_> {
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            std::iter::successors(Some(self), |place| place.above).map(|place| place.name.to_owned()).collect();
        names.pop();
        names.reverse();
        names
    }
}

/// Reads a value for its keys alone.
struct Object<'a> {
    place: &'a Place<'a>,
    found: &'a Cell<Option<(Vec<String>, String)>>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = from.next_key::<String>()? {
            if keys.contains(&key) {
                self.found.set(Some((self.place.names(), key)));
                return Err(A::Error::custom("given twice"));
            }
            let place = Place { above: Some(self.place), name: &key };
            from.next_value_seed(Object { place: &place, found: self.found })?;
            keys.insert(key);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        for number in 1.. {
            let place = Place { above: Some(self.place), name: &number.to_string() };
            if from.next_element_seed(Object { place: &place, found: self.found })?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}
