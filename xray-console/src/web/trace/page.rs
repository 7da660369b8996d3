//! The page around the waterfall: what the request came to, the minimap, what to look for.

use std::fmt::Write;

use maud::{Markup, html};

use super::super::shown;
use super::detail;
use super::rows;
use super::sheet::Sheet;
use crate::text::{self, label};
use crate::timeline::{Bucket, Mark, RowKind};
use crate::web::query::Query;

/// Columns of the minimap: each is two to four pixels wide.
const BUCKETS: usize = 200;
/// Its height, in units of its own.
const HEIGHT: f64 = 32.0;

/// The whole of it.
pub(super) fn body(sheet: &Sheet<'_>) -> Markup {
    html! {
        section #trace data-id=(sheet.looked.trace.id) data-revision=(sheet.looked.revision) {
            (head(sheet))
            (tools(sheet))
            div.trace-body {
                div.waterfall { (rows::treegrid(sheet)) }
                (side(sheet))
            }
            p #trace-status.status role="status" {}
            noscript { p.note { "Zoom, folding of rows and what is still under way need JavaScript." } }
        }
    }
}

/// What was asked for, what became of it, and the minimap.
pub(super) fn head(sheet: &Sheet<'_>) -> Markup {
    let timeline = &sheet.timeline;
    let trace = &sheet.looked.trace;
    let (request, outcome, mark) = summary(sheet);
    let of = |kinds: &[RowKind]| timeline.rows.iter().filter(|row| kinds.contains(&row.kind)).count();
    let (segments, parts) = (of(&[RowKind::Segment]), of(&[RowKind::Subsegment, RowKind::Call]));
    let failed = timeline.rows.iter().filter(|row| row.mark != Mark::Ok).count();
    html! {
        header #trace-head data-title=(title(sheet)) {
            h1 { (request) " " span class={ "badge " (class(mark)) } { (outcome) } }
            p.facts {
                time { (text::date_time(timeline.start)) " UTC" }
                " · " @if is_open(sheet) { "under way" }
                @else if timeline.gaps.is_empty() { (text::duration(timeline.length)) }
                @else { (text::duration(timeline.active())) " active, " (text::duration(timeline.length)) " in all" }
                " · " (count(segments, "segment")) ", " (count(parts, "subsegment"))
                @if failed > 0 { " · " (failed) " failed" }
                " · " code #trace-id { (shown(&trace.id)) }
                " · " a href=(Query::default().with("trace", &trace.id).href("/map")) { "map" }
                " · " a href=(sheet.href(&sheet.query.with("part", "raw"))) { "raw" }
            }
            @if !trace.orphans.is_empty() {
                p.note { "? " (count(trace.orphans.len(), "subsegment")) " whose parent has not arrived. AWS X-Ray would not show it." }
            }
            (minimap(sheet))
        }
    }
}

/// The request, what became of it in words, and its mark.
fn summary(sheet: &Sheet<'_>) -> (String, String, Mark) {
    let Some(root) = sheet.looked.trace.root() else {
        return ("Subsegments without a segment".to_owned(), "ORPHANS".to_owned(), Mark::Error);
    };
    let document = &root.document;
    let request = document.http.as_ref().and_then(|http| http.request.as_ref());
    let method = request.and_then(|request| request.method.as_deref());
    let path = request.and_then(|request| request.url.as_deref()).map(label::path);
    let said: Vec<_> = [method, path].into_iter().flatten().map(|text| shown(text).into_owned()).collect();
    let request = if said.is_empty() { shown(&document.name).into_owned() } else { said.join(" ") };
    let mark = Mark::of(document);
    let word = match mark {
        Mark::Ok if document.in_progress => "IN PROGRESS",
        Mark::Ok => "OK",
        Mark::Error => "ERROR",
        Mark::Throttle => "THROTTLE",
        Mark::Fault => "FAULT",
    };
    let status = document.http_status().map(|status| format!("{status} ")).unwrap_or_default();
    (request, format!("{status}{word}"), mark)
}

/// The page's title: `500 FAULT POST /orders 1.284s`, without a duration while there is none.
pub(super) fn title(sheet: &Sheet<'_>) -> String {
    let (request, outcome, _) = summary(sheet);
    if is_open(sheet) {
        return format!("{outcome} {request}");
    }
    format!("{outcome} {request} {}", text::duration(sheet.timeline.active()))
}

fn is_open(sheet: &Sheet<'_>) -> bool {
    sheet.timeline.rows.iter().any(|row| row.in_progress)
}

/// The class of a mark.
pub(super) fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Ok => "ok",
        Mark::Error => "error",
        Mark::Throttle => "throttle",
        Mark::Fault => "fault",
    }
}

/// `1 row`, `2 rows`.
pub(super) fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// How much was active when: one path for each mark, so that it costs few elements however long the trace is.
fn minimap(sheet: &Sheet<'_>) -> Markup {
    let buckets = sheet.timeline.minimap(BUCKETS);
    let most = buckets.iter().map(|bucket| bucket.active).max().unwrap_or(0).max(1);
    html! {
        svg #minimap.minimap viewBox={ "0 0 " (buckets.len()) " " (HEIGHT) } preserveAspectRatio="none" role="img"
            aria-label="How much was active when. Drag to zoom, double-click to see all." {
            @for mark in [Mark::Ok, Mark::Error, Mark::Throttle, Mark::Fault] {
                @let path = path(&buckets, mark, most);
                @if !path.is_empty() { path class=(class(mark)) d=(path) {} }
            }
        }
    }
}

/// The columns of one mark, those of equal height as one. Heights go by the square root: one call beside five hundred is
/// still to be seen.
fn path(buckets: &[Bucket], mark: Mark, most: usize) -> String {
    #[allow(clippy::cast_precision_loss)]
    let height = |active: usize| ((active as f64 / most as f64).sqrt() * (HEIGHT - 2.0)).max(2.0);
    let mut path = String::new();
    let mut place = 0;
    for run in buckets.chunk_by(|left, right| left == right) {
        if let Some(bucket) = run.first().filter(|bucket| bucket.active > 0 && bucket.mark == mark) {
            let (width, height) = (run.len(), height(bucket.active));
            // Writing to memory cannot fail.
            let _ = write!(path, "M{place} {:.1}h{width}v{height:.1}h-{width}z", HEIGHT - height);
        }
        place += run.len();
    }
    path
}

/// What is looked for and what is left out. A form, so that it works without script.
fn tools(sheet: &Sheet<'_>) -> Markup {
    let view = &sheet.view;
    let kept = ["q", "w", "sel", "z", "closed", "open"].map(|name| (name, sheet.query.get(name)));
    let min = (view.min_millis > 0.0).then(|| view.min_millis.to_string());
    html! {
        form #trace-tools.trace-tools action={ "/t/" (sheet.looked.trace.id) } method="get" aria-label="What is shown" {
            @for (name, value) in kept {
                @if let Some(value) = value { input type="hidden" name=(name) value=(value); }
            }
            label { "Find " input #find name="find" type="text" value=(view.find) autocomplete="off" spellcheck="false"; }
            output #matches for="find" { @if !view.find.is_empty() { (count(sheet.found.len(), "match").replace("matchs", "matches")) } }
            button #find-previous type="button" hidden title="Previous match (N)" { "▲" }
            button #find-next type="button" hidden title="Next match (n)" { "▼" }
            label { input #only name="only" type="checkbox" value="1" checked[view.only]; " only matches" }
            label { "at least " input #min name="min" type="number" min="0" step="any" value=[min]; " ms" }
            label { input #critical name="critical" type="checkbox" value="1" checked[view.critical]; " critical path" }
            label { input #unfolded name="fold" type="checkbox" value="0" checked[!view.fold]; " gaps in full" }
            button #apply type="submit" { "Apply" }
            button #zoom-out type="button" hidden title="See all (0)" { "Reset zoom" }
        }
    }
}

/// The side panel; empty until a row is selected.
fn side(sheet: &Sheet<'_>) -> Markup {
    html! {
        aside #detail.detail aria-label="Details" tabindex="-1" hidden[sheet.selected.is_none()] {
            @if let Some(row) = sheet.selected { (detail::of(sheet, row)) }
        }
    }
}
