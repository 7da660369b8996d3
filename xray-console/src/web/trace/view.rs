//! How somebody looks at a trace: everything that is in the page's address.
//!
//! | name | meaning |
//! |---|---|
//! | `q` | the filter of the list one came from; annotations are added to it |
//! | `sel` | id of the segment or subsegment in the side panel; `wait:` and the id of the consumer's segment for a wait |
//! | `z` | zoom: from and to in seconds since the trace began, `0.2,0.9` |
//! | `fold` | `0`: gaps are not folded |
//! | `min` | rows that took less (milliseconds) are hidden, unless they or what is beneath them failed or is open |
//! | `find` | text that is looked for in all that documents hold |
//! | `only` | `1`: only rows that `find` finds, with what is above them |
//! | `critical` | `1`: only rows of the critical path |
//! | `closed` | ids, as `sel` has them, of rows beneath which nothing is shown, at most [`FOLDED`]; `all`: of every row |
//! | `open` | with `closed=all`: those that are not closed |
//! | `first` | without script: how many rows come before the first that is shown |

use std::collections::HashSet;

use crate::timeline::{Axis, Mark, Row, Stretch, Timeline};
use crate::web::query::Query;

/// Characters of a text that is looked for; looking takes time for each.
const FIND: usize = 200;

/// What is in the address.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    pub(super) selected: Option<String>,
    pub(super) zoom: Option<Stretch>,
    pub(super) fold: bool,
    pub(super) min_millis: f64,
    pub(super) find: String,
    pub(super) only: bool,
    pub(super) critical: bool,
    pub(super) folded: Folded,
    pub(super) first: usize,
}

/// Rows beneath which nothing is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Folded {
    /// All, but those that are named.
    is_all: bool,
    named: Vec<String>,
}

/// Most rows that are named in an address.
const FOLDED: usize = 50;

impl Folded {
    fn read(query: &Query) -> Folded {
        let is_all = query.get("closed") == Some("all");
        let named = query.get(if is_all { "open" } else { "closed" }).unwrap_or_default();
        Folded { is_all, named: named.split(',').take(FOLDED).map(str::to_owned).collect() }
    }

    /// The rows that are named.
    pub(super) fn rows(&self, timeline: &Timeline<'_>) -> Vec<usize> {
        self.named.iter().filter(|key| !key.is_empty()).filter_map(|key| row_of(timeline, key)).collect()
    }
}

/// Ids of these rows, for an address.
pub(super) fn keys(timeline: &Timeline<'_>, rows: &str) -> Vec<String> {
    let rows = rows.split(',').take(FOLDED).filter_map(|row| row.parse().ok());
    rows.filter_map(|row| key(timeline, row)).collect()
}

impl Default for View {
    fn default() -> View {
        View {
            selected: None,
            zoom: None,
            fold: true,
            min_millis: 0.0,
            find: String::new(),
            only: false,
            critical: false,
            folded: Folded::default(),
            first: 0,
        }
    }
}

impl View {
    /// What cannot be read is as if it were not there: an address is no place to be strict with.
    pub(super) fn read(query: &Query) -> View {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        let zoom = query.get("z").and_then(|zoom| {
            let (start, end) = zoom.split_once(',')?;
            Some(Stretch { start: number(start)?, end: number(end)? }).filter(|zoom| zoom.seconds() > 0.0)
        });
        let is_on = |name| query.get(name).is_some_and(|value| value == "1");
        View {
            selected: query.get("sel").map(str::to_owned),
            zoom,
            fold: query.get("fold") != Some("0"),
            min_millis: query.get("min").and_then(number).unwrap_or(0.0),
            find: query.get("find").unwrap_or_default().chars().take(FIND).collect(),
            only: is_on("only"),
            critical: is_on("critical"),
            folded: Folded::read(query),
            first: query.get("first").and_then(|first| first.parse().ok()).unwrap_or(0),
        }
    }

    pub(super) fn axis(&self, timeline: &Timeline<'_>) -> Axis {
        if self.fold { Axis::folded(timeline) } else { Axis::even(timeline) }
    }

    /// Indices of the rows that are shown, of which `found` are those that `find` finds.
    pub(super) fn shown(&self, timeline: &Timeline<'_>, found: &[usize]) -> Vec<usize> {
        let mut is_found = vec![!self.only || self.find.is_empty(); timeline.rows.len()];
        for index in found {
            if let Some(found) = is_found.get_mut(*index) {
                *found = true;
            }
        }
        let wanted = |(row, found): (&Row<'_>, bool)| found && self.wants(row);
        let mut shown: Vec<bool> = timeline.rows.iter().zip(is_found).map(wanted).collect();
        for (index, row) in timeline.rows.iter().enumerate().rev() {
            let is_shown = shown.get(index).copied().unwrap_or(false);
            if let Some(above) = row.parent.filter(|_| is_shown).and_then(|parent| shown.get_mut(parent)) {
                *above = true;
            }
        }
        let named: HashSet<usize> = self.folded.rows(timeline).into_iter().collect();
        // What is beneath a folded row; a row comes after the one it is beneath.
        let mut hidden = vec![false; timeline.rows.len()];
        for (index, row) in timeline.rows.iter().enumerate() {
            let Some(above) = row.parent else { continue };
            let is_hidden = hidden.get(above) == Some(&true) || named.contains(&above) != self.folded.is_all;
            if let Some(hidden) = hidden.get_mut(index) {
                *hidden = is_hidden;
            }
        }
        let shown = shown.iter().zip(hidden).enumerate();
        shown.filter(|(_, (shown, hidden))| **shown && !hidden).map(|(index, _)| index).collect()
    }

    fn wants(&self, row: &Row<'_>) -> bool {
        let is_long = row.seconds() * 1e3 >= self.min_millis || row.mark != Mark::Ok || row.in_progress;
        is_long && (row.critical || !self.critical)
    }
}

/// What `sel` is of a row.
pub(super) fn key(timeline: &Timeline<'_>, index: usize) -> Option<String> {
    let id = |index: usize| Some(timeline.rows.get(index)?.document?.id.as_str()).filter(|id| !id.is_empty());
    match timeline.rows.get(index)?.document {
        Some(_) => id(index).map(str::to_owned),
        // The consumer's segment is the next row.
        None => id(index + 1).map(|id| format!("wait:{id}")),
    }
}

/// The row that `sel` means.
pub(super) fn row_of(timeline: &Timeline<'_>, key: &str) -> Option<usize> {
    let is_of = |row: &Row<'_>, id: &str| row.document.is_some_and(|document| document.id == id);
    match key.strip_prefix("wait:") {
        Some(id) => {
            let consumer = timeline.rows.iter().skip(1).position(|row| is_of(row, id))?;
            Some(consumer).filter(|wait| timeline.rows.get(*wait).is_some_and(|row| row.document.is_none()))
        }
        None => timeline.rows.iter().position(|row| is_of(row, key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_to_find_is_cut() {
        let query = Query::default().with("find", &"é".repeat(5_000));
        assert_eq!(View::read(&query).find, "é".repeat(FIND));
    }
}
