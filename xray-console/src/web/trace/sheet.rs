//! The page as it was asked for: the trace, its rows, and how somebody looks at them.

use serde::Serialize;

use super::super::asked::Asked;
use super::find::find;
use super::recent::Looked;
use super::view::{View, key, row_of};
use crate::timeline::Timeline;
use crate::web::query::Query;

/// Everything the parts of the page are rendered from.
pub(super) struct Sheet<'a> {
    pub(super) looked: &'a Looked,
    pub(super) timeline: Timeline<'a>,
    pub(super) view: View,
    /// The address's parameters, without those that ask for a part.
    pub(super) query: Query,
    /// Rows that `find` finds.
    pub(super) found: Vec<usize>,
    /// The row in the side panel.
    pub(super) selected: Option<usize>,
    pub(super) pulse: Pulse,
}

/// Whether a trace is still under way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Pulse {
    /// Seconds since the epoch, if what is open is drawn up to now.
    pub(super) now: Option<f64>,
    /// Documents may yet come: the page looks again every second.
    #[serde(rename = "live")]
    pub(super) is_live: bool,
}

/// Seconds after its last document that an unfinished trace is drawn up to now. Work whose program has died stays open
/// for ever; up to now it would squeeze everything else to nothing.
const GROWS: f64 = 300.0;
/// Seconds after its last document that a trace whose segments have all ended may yet get others.
const SETTLES: f64 = 15.0;

impl Pulse {
    /// Of a trace whose last document came at this time (seconds since the epoch).
    pub(super) fn of(is_partial: bool, last: f64, now: f64) -> Pulse {
        let quiet = now - last;
        let grows = is_partial && quiet < GROWS;
        Pulse { now: grows.then_some(now), is_live: grows || quiet < SETTLES }
    }
}

impl<'a> Sheet<'a> {
    pub(super) fn of(asked: &Asked, looked: &'a Looked) -> Sheet<'a> {
        let timeline = Timeline::of(&looked.trace);
        let view = View::read(&asked.query);
        let found = find(&timeline, &view.find);
        let selected = view.selected.as_deref().and_then(|key| row_of(&timeline, key));
        let query = ["part", "row", "rows", "revision", "have"]
            .iter()
            .fold(asked.query.clone(), |query, name| query.without(name));
        let last = asked.store().info(&looked.trace.id).map_or(0.0, |info| info.last.as_secs_f64());
        let is_partial = timeline.rows.iter().any(|row| row.in_progress);
        let pulse = Pulse::of(is_partial, last, asked.now());
        Sheet { looked, timeline, view, query, found, selected, pulse }
    }

    /// This page otherwise: the trace has only characters that addresses take as they are.
    pub(super) fn href(&self, query: &Query) -> String {
        query.href(&format!("/t/{}", self.looked.trace.id))
    }

    /// This page with that row in the side panel.
    pub(super) fn href_of(&self, row: usize) -> String {
        let key = key(&self.timeline, row).unwrap_or_default();
        self.href(&self.query.with("sel", &key)) + "#detail"
    }
}
