//! What the filter box may complete to: the language's words, and names that were seen lately.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::filter;
use crate::query::{Facts, Label, Value};
use crate::store::Window;
use crate::web::asked::Asked;

/// Traces whose names are offered: the newest.
const TRACES: usize = 2_000;
/// Names of a kind, and values of a key.
const NAMES: usize = 200;
/// Characters of a name that is offered; longer ones are nothing to pick from a list.
const LENGTH: usize = 120;

/// Words by what they may complete.
#[derive(Debug, Default, Serialize)]
pub(super) struct Words {
    keywords: Vec<&'static str>,
    services: BTreeSet<String>,
    urls: BTreeSet<String>,
    users: BTreeSet<String>,
    /// Values by annotation key, each as an expression writes it.
    annotations: BTreeMap<String, BTreeSet<String>>,
}

pub(super) fn words(asked: &Asked) -> Words {
    let mut words = Words { keywords: filter::words().collect(), ..Words::default() };
    let mut left = TRACES;
    asked.store().scan(&Window::ALL, |row| {
        words.add(&row.facts);
        left -= 1;
        left > 0
    });
    words
}

impl Words {
    fn add(&mut self, facts: &Facts) {
        for segment in facts.segments() {
            offer(&mut self.services, facts.text(segment.name));
        }
        offer(&mut self.urls, facts.label(0, Label::Url));
        facts.labels(Label::User).for_each(|(_, user)| offer(&mut self.users, Some(user)));
        for annotation in facts.annotations() {
            let Some(key) = facts.text(annotation.key).filter(|key| key.len() <= LENGTH) else { continue };
            if !self.annotations.contains_key(key) && self.annotations.len() >= NAMES {
                continue;
            }
            let value = match annotation.value {
                Value::Text(text) => facts.text(text).map(crate::web::condition::text),
                Value::Number(number) => number.is_finite().then(|| number.to_string()),
                Value::Bool(value) => Some(value.to_string()),
            };
            offer(self.annotations.entry(key.to_owned()).or_default(), value.as_deref());
        }
    }
}

fn offer(names: &mut BTreeSet<String>, name: Option<&str>) {
    let Some(name) = name.filter(|name| name.len() <= LENGTH && !name.is_empty()) else { return };
    if names.len() < NAMES && !names.contains(name) {
        names.insert(name.to_owned());
    }
}
