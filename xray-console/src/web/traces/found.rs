//! What a look at the traces of a time finds: a page of them, and what is told about all.

use std::collections::HashMap;

use xray_core::TraceId;

use crate::Store;
use crate::filter::Filter;
use crate::query::{AnnotationValue, Facts, Flags, Label, Value};
use crate::store::{Row, Window};
use crate::timeline::Mark;
use crate::web::health::is_health_check;
use crate::web::item::{Item, mark};

/// Matches that are counted by service, URL and so on: the newest.
const COUNTED: usize = 20_000;
/// Different values that are counted; further ones are not.
const VALUES: usize = 1_000;
/// Different annotation keys that are counted.
const KEYS: usize = 50;

/// Conditions that the list offers with their counts, the gravest first: each counts what its filter finds, so a trace may
/// count for several. A root that was throttled is an error, too, and `throttle` also finds what was throttled within.
pub(super) const CHIPS: [&str; 4] = ["fault", "error", "throttle", "partial"];

/// In which order traces are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// The newest first.
    #[default]
    Time,
    /// The slowest answer first.
    Response,
    /// The most segments first.
    Segments,
}

/// What is looked for.
pub(super) struct Wanted<'a> {
    pub(super) window: Window,
    pub(super) filter: Option<&'a Filter>,
    /// Health checks, too.
    pub(super) health: bool,
    pub(super) sort: Sort,
    /// Lines at most.
    pub(super) most: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Traces of the time.
    pub(super) looked_at: usize,
    /// Of these, such as fit the filter and are shown.
    pub(super) matched: usize,
    /// Health checks that fit the filter and are folded away.
    pub(super) folded: usize,
    /// Of the matches, how many fit each of [`CHIPS`].
    pub(super) chips: [usize; CHIPS.len()],
    pub(super) items: Vec<Item>,
    /// Seconds of each answer, shortest first, and how it ended.
    pub(super) responses: Vec<(f64, Mark)>,
    pub(super) services: Counts,
    pub(super) urls: Counts,
    pub(super) statuses: Counts,
    pub(super) users: Counts,
    /// By key, in the order in which they were met.
    pub(super) annotations: Vec<(String, Annotated)>,
}

/// How many traces have a value.
#[derive(Debug, Default)]
pub(super) struct Counts(HashMap<String, usize>);

/// Values of one annotation key: how many traces have each, and what it is.
#[derive(Debug, Default)]
pub(super) struct Annotated(HashMap<String, (usize, AnnotationValue)>);

impl Counts {
    fn add(&mut self, value: &str) {
        if let Some(count) = self.0.get_mut(value) {
            *count += 1;
        } else if self.0.len() < VALUES {
            self.0.insert(value.to_owned(), 1);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The commonest first.
    pub(super) fn first(&self, most: usize) -> Vec<(&str, usize)> {
        let mut all: Vec<(&str, usize)> = self.0.iter().map(|(value, count)| (value.as_str(), *count)).collect();
        all.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(right.0)));
        all.truncate(most);
        all
    }
}

impl Annotated {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The commonest first, each with what it says.
    pub(super) fn first(&self, most: usize) -> Vec<(&str, usize, &AnnotationValue)> {
        let mut all: Vec<_> =
            self.0.iter().map(|(said, (count, value))| (said.trim_start_matches('\0'), *count, value)).collect();
        all.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(right.0)));
        all.truncate(most);
        all
    }
}

impl Found {
    pub(super) fn look(store: &Store, wanted: &Wanted<'_>) -> Found {
        let mut found = Found::default();
        let chips: Vec<Filter> = CHIPS.iter().filter_map(|chip| Filter::parse(chip).ok()).collect();
        // By what others than time are sorted.
        let mut keys: Vec<(f64, TraceId)> = Vec::new();
        store.scan(&wanted.window, |row| {
            found.looked_at += 1;
            if wanted.filter.is_some_and(|filter| !filter.matches(&row.facts)) {
                return true;
            }
            if !wanted.health && is_health_check(&row.facts) {
                found.folded += 1;
                return true;
            }
            found.count(row, &chips);
            match wanted.sort {
                Sort::Time if found.items.len() < wanted.most => found.items.push(Item::of(row)),
                Sort::Time => {}
                Sort::Response => keys.push((response(&row.facts).unwrap_or(-1.0), *row.id())),
                Sort::Segments => keys.push((sent(&row.facts), *row.id())),
            }
            true
        });
        // Stable: the newest first among equals.
        keys.sort_by(|left, right| right.0.total_cmp(&left.0));
        let rows = keys.iter().take(wanted.most).filter_map(|(_, id)| store.row(id.as_str()));
        found.items.extend(rows.map(|row| Item::of(&row)));
        found.responses.sort_by(|left, right| left.0.total_cmp(&right.0));
        found
    }

    fn count(&mut self, row: &Row, chips: &[Filter]) {
        let facts = &row.facts;
        let mark = mark(facts);
        self.matched += 1;
        for (count, chip) in self.chips.iter_mut().zip(chips) {
            *count += usize::from(chip.matches(facts));
        }
        if let Some(seconds) = response(facts) {
            self.responses.push((seconds, mark));
        }
        if self.matched > COUNTED {
            return;
        }
        let mut names: Vec<&str> = facts.segments().iter().filter_map(|segment| facts.text(segment.name)).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().for_each(|name| self.services.add(name));
        if let Some(url) = facts.label(0, Label::Url) {
            self.urls.add(url);
        }
        if let Some(status) = facts.root().and_then(|root| root.record.status()) {
            self.statuses.add(&status.to_string());
        }
        let mut users: Vec<&str> = facts.labels(Label::User).map(|(_, user)| user).collect();
        users.sort_unstable();
        users.dedup();
        users.into_iter().for_each(|user| self.users.add(user));
        self.annotate(facts);
    }

    fn annotate(&mut self, facts: &Facts) {
        for of_key in facts.annotations().chunk_by(|left, right| left.key == right.key) {
            let Some(key) = of_key.first().and_then(|annotation| facts.text(annotation.key)) else { continue };
            let place = self.annotations.iter().position(|(known, _)| known == key);
            let place = match place {
                None if self.annotations.len() >= KEYS => continue,
                None => {
                    self.annotations.push((key.to_owned(), Annotated::default()));
                    self.annotations.len() - 1
                }
                Some(place) => place,
            };
            let Some((_, values)) = self.annotations.get_mut(place) else { continue };
            // Usually one value for each key; several are counted by each annotation.
            for annotation in of_key {
                let (said, value) = match annotation.value {
                    Value::Text(text) => {
                        let text = facts.text(text).unwrap_or_default().to_owned();
                        (text.clone(), AnnotationValue::Text(text))
                    }
                    // Told apart from the text of the same spelling.
                    Value::Number(number) => (format!("\0{number}"), AnnotationValue::Number(number)),
                    Value::Bool(value) => (format!("\0{value}"), AnnotationValue::Bool(value)),
                };
                if let Some((count, _)) = values.0.get_mut(&said) {
                    *count += 1;
                } else if values.0.len() < VALUES {
                    values.0.insert(said, (1, value));
                }
            }
        }
    }

    /// Seconds within which this share (0.0 to 1.0) of the answers came.
    pub(super) fn percentile(&self, share: f64) -> Option<f64> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let place = (self.responses.len() as f64 * share).ceil() as usize;
        self.responses.get(place.saturating_sub(1)).map(|(seconds, _)| *seconds)
    }
}

fn response(facts: &Facts) -> Option<f64> {
    facts.root()?.record.seconds().filter(|seconds| seconds.is_finite())
}

/// How many segments were sent.
fn sent(facts: &Facts) -> f64 {
    let sent = facts.segments().iter().filter(|segment| !segment.record.flags.has(Flags::INFERRED)).count();
    u32::try_from(sent).map_or(f64::MAX, f64::from)
}
