//! The waterfall as HTML: what a page without script shows, and what one with script shows until it has the columns.
//!
//! Positions are attributes of SVG, for the page's policy allows no style attribute; the script draws the same elements.

use maud::{Markup, html};

use super::sheet::Sheet;
use crate::text::{self, label};
use crate::timeline::{Axis, Mark, Row, RowKind, Stretch};

/// Rows of a page without script.
pub(super) const PAGE: usize = 100;

/// Levels of indentation; what is deeper says how deep it is.
const LEVELS: usize = 12;

/// Hundredths of the width that a bar has at least: what is of no width is not drawn at all.
const THIN: f64 = 0.05;

/// The part of the drawing that is looked at: all of it, or what is zoomed to.
pub(super) struct Scale {
    axis: Axis,
    from: f64,
    to: f64,
    window: Stretch,
}

impl Scale {
    pub(super) fn of(sheet: &Sheet<'_>) -> Scale {
        let axis = sheet.view.axis(&sheet.timeline);
        let whole = Stretch { start: 0.0, end: sheet.timeline.length };
        let window = sheet.view.zoom.unwrap_or(whole);
        let (from, to) = (axis.position(window.start), axis.position(window.end));
        // A zoom to nothing is none.
        match to - from > 1e-9 {
            true => Scale { axis, from, to, window },
            false => Scale { axis, from: 0.0, to: 1.0, window: whole },
        }
    }

    /// Hundredths of the width at which a moment lies; below 0 and above 100 outside of the window.
    fn percent(&self, moment: f64) -> f64 {
        (self.axis.position(moment) - self.from) / (self.to - self.from) * 100.0
    }

    /// From where it lasts and how wide it is; none where nothing of it is in the window.
    fn extent(&self, stretch: Stretch) -> Option<(String, String)> {
        let (from, to) = (self.percent(stretch.start), self.percent(stretch.end));
        let (from, to) = (from.max(-1.0), to.min(101.0));
        (to >= 0.0 && from <= 100.0).then(|| (percent(from), percent((to - from).max(THIN))))
    }
}

fn percent(value: f64) -> String {
    format!("{value:.3}%")
}

/// Position among its siblings, from 1, and how many there are.
#[derive(Clone, Copy, Default)]
struct Place {
    position: usize,
    count: usize,
    has_children: bool,
}

/// The rows of a page without script, and the head above them.
pub(super) fn treegrid(sheet: &Sheet<'_>) -> Markup {
    let shown = sheet.view.shown(&sheet.timeline, &sheet.found);
    let places = places(sheet, &shown);
    let scale = Scale::of(sheet);
    let first = sheet.view.first.min(shown.len().saturating_sub(1)) / PAGE * PAGE;
    let page: Vec<usize> = shown.iter().skip(first).take(PAGE).copied().collect();
    html! {
        div #grid.treegrid role="treegrid" aria-label="Segments and subsegments along time" aria-rowcount=(shown.len() + 1) {
            div.head role="row" aria-rowindex="1" {
                span role="columnheader" { "Name" }
                span role="columnheader" title="How it failed: F fault, T throttle, E error; ~ in progress" { "!" }
                span role="columnheader" { "Duration" }
                span.ruler role="columnheader" { span.sr { "Time" } (ruler(&scale)) }
            }
            div #rows.rows role="rowgroup" {
                (folds(&scale))
                @for (number, index) in page.iter().enumerate() {
                    (row(sheet, &scale, *index, places.get(*index).copied().unwrap_or_default(), first + number))
                }
            }
        }
        @if page.len() < shown.len() || shown.len() < sheet.timeline.rows.len() {
            nav #pages.pages aria-label="Rows" { (pages(sheet, first, page.len(), shown.len())) }
        }
    }
}

fn pages(sheet: &Sheet<'_>, first: usize, count: usize, shown: usize) -> Markup {
    let page = |first: usize| sheet.href(&sheet.query.with("first", &first.to_string()));
    let hidden = sheet.timeline.rows.len() - shown;
    html! {
        span { "rows " (first + 1) " to " (first + count) " of " (shown) @if hidden > 0 { ", " (hidden) " hidden" } }
        @if first > 0 { " " a href=(page(first.saturating_sub(PAGE))) rel="prev" { "previous " (PAGE) } }
        @if first + count < shown { " " a href=(page(first + PAGE)) rel="next" { "next " (PAGE) } }
    }
}

fn places(sheet: &Sheet<'_>, shown: &[usize]) -> Vec<Place> {
    let rows = &sheet.timeline.rows;
    let mut places = vec![Place::default(); rows.len()];
    // Children of each row so far; the last counts those of none.
    let mut counts = vec![0_usize; rows.len() + 1];
    let above = |index: usize| rows.get(index).and_then(|row| row.parent).unwrap_or(rows.len());
    for index in shown {
        if let Some((count, place)) = counts.get_mut(above(*index)).zip(places.get_mut(*index)) {
            *count += 1;
            place.position = *count;
        }
    }
    for index in shown {
        if let Some(place) = places.get_mut(*index) {
            place.count = counts.get(above(*index)).copied().unwrap_or(0);
            place.has_children = counts.get(*index).is_some_and(|count| *count > 0);
        }
    }
    places
}

fn row(sheet: &Sheet<'_>, scale: &Scale, index: usize, place: Place, number: usize) -> Markup {
    let Some(row) = sheet.timeline.rows.get(index) else { return html! {} };
    let is_found = sheet.found.binary_search(&index).is_ok();
    let is_selected = sheet.selected == Some(index);
    let mut classes = format!("row {}", class(row));
    for (is_so, class) in [(row.critical, " critical"), (is_found, " found")] {
        classes.push_str(if is_so { class } else { "" });
    }
    let expanded = place.has_children.then_some("true");
    html! {
        div class=(classes) role="row" aria-level=(row.depth + 1)
            aria-posinset=(place.position) aria-setsize=(place.count) aria-rowindex=(number + 2)
            aria-expanded=[expanded] aria-selected=[is_selected.then_some("true")] data-row=(index) {
            span class={ "name d" (row.depth.min(LEVELS)) } role="gridcell" {
                a href=(sheet.href_of(index)) {
                    @if row.depth > LEVELS { "⋯" (row.depth) " " }
                    @if row.kind == RowKind::Orphan && row.depth == 0 { "? " }
                    (label::of(row))
                }
            }
            span.mark role="gridcell" aria-label=[word(row)] { (letter(row)) }
            span.took role="gridcell" { (took(row)) }
            (bar(scale, row))
        }
    }
}

/// What the bar of a row looks like.
fn class(row: &Row<'_>) -> &'static str {
    match (row.kind, row.mark) {
        (RowKind::Wait, _) => "wait",
        (_, Mark::Fault) => "fault",
        (_, Mark::Throttle) => "throttle",
        (_, Mark::Error) => "error",
        (_, Mark::Ok) => "ok",
    }
}

/// How it failed, in one letter.
pub(super) fn letter(row: &Row<'_>) -> &'static str {
    match row.mark {
        Mark::Fault => "F",
        Mark::Throttle => "T",
        Mark::Error => "E",
        Mark::Ok if row.in_progress => "~",
        Mark::Ok => "",
    }
}

/// The same in a word.
pub(super) fn word(row: &Row<'_>) -> Option<&'static str> {
    match row.mark {
        Mark::Fault => Some("fault"),
        Mark::Throttle => Some("throttle"),
        Mark::Error => Some("error"),
        Mark::Ok if row.in_progress => Some("in progress"),
        Mark::Ok => None,
    }
}

/// How long it took, so far where it has not ended.
pub(super) fn took(row: &Row<'_>) -> String {
    let so_far = if row.in_progress { ">" } else { "" };
    format!("{so_far}{}", text::duration(row.seconds()))
}

fn bar(scale: &Scale, row: &Row<'_>) -> Markup {
    let fill = scale.extent(Stretch { start: row.start, end: row.end });
    let idle = row.idle.and_then(|idle| scale.extent(idle));
    html! {
        svg.bar role="gridcell" aria-label={ "at " (text::duration(row.start)) } {
            @if let Some((x, width)) = fill {
                rect.fill.open[row.in_progress] x=(x) width=(width) y="5" height="14" {}
            }
            @if let Some((x, width)) = idle { rect.idle x=(x) width=(width) y="7" height="10" {} }
        }
    }
}

/// The times above the bars.
fn ruler(scale: &Scale) -> Markup {
    let apart = (scale.to - scale.from) / 8.0;
    let ticks = scale.axis.ticks(scale.window, apart);
    html! {
        svg #ruler aria-hidden="true" {
            @for tick in ticks {
                @let x = percent(scale.percent(tick));
                line x1=(x) x2=(x) y1="14" y2="20" {}
                text x=(x) y="12" { (text::duration(tick)) }
            }
            @for fold in scale.axis.folds() {
                @if let Some((x, width)) = scale.extent(*fold) {
                    rect.fold x=(x) width=(width) y="0" height="20" { title { (text::duration(fold.seconds())) " in which nothing was active" } }
                    text.folded x=(x) y="12" { "╱╱ " (text::duration(fold.seconds())) }
                }
            }
        }
    }
}

/// Gaps, behind all rows.
fn folds(scale: &Scale) -> Markup {
    html! {
        svg #folds.folds role="presentation" aria-hidden="true" {
            @for fold in scale.axis.folds() {
                @if let Some((x, width)) = scale.extent(*fold) { rect.fold x=(x) width=(width) y="0" height="100%" {} }
            }
        }
    }
}
