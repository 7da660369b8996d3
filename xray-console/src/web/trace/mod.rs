//! `/t/ID`: one trace along time.
//!
//! The page is whole without script: a waterfall in pages of [`rows::PAGE`] rows, each a link to its details. The script
//! (`ui/trace.js`) asks for the parts below, draws the rows that are in sight from [`Columns`], and looks again when the
//! console's events say that something of the trace came. Not every second: a page that is open costs nothing, and what
//! comes minutes later, as from a queue, is seen too.
//!
//! | `part` | what |
//! |---|---|
//! | `columns` | all rows as columns; only whether there is anything new, if `have` is the revision of now |
//! | `rows` | the rows that the address means: `sel`, `closed`, `open` |
//! | `ids` | ids of `rows` (`1,5,7`) of `revision`, as an address names them; 409 if the trace has changed since |
//! | `head` | what the request came to, and the minimap |
//! | `detail` | the side panel for `row` of `revision`; 409 if the trace has changed since |
//! | `find` | the rows that hold the text of `find` |
//! | `raw` | all documents as they came: a JSON array |
//!
//! The id may be X-Ray's, W3C's, or a trace header.

mod columns;
mod detail;
mod exceptions;
mod find;
mod json;
mod page;
mod recent;
mod rows;
mod sheet;
#[cfg(test)]
mod tests;
mod view;

use http::StatusCode;
use maud::html;
use serde::Serialize;
use xray_core::TraceId;
use xray_core::header::{Sampled, TraceHeader};

use super::answer::Answer;
use super::asked::Asked;
use super::frame::{Frame, Section};
use super::query::Query;
use super::shown;
use crate::text;

use columns::Columns;
use recent::Looked;
pub(super) use recent::Recent;
use sheet::{Pulse, Sheet};

pub(super) fn show(asked: &Asked) -> Answer {
    // As a parameter it is freed of the address's escapes.
    let said = Query::parse(&format!("id={}", asked.rest));
    let meant = Meant::read(said.get("id").unwrap_or_default());
    let Some(id) = meant.id else { return missing(asked, &meant) };
    if id != asked.rest {
        let query = meant.parent.iter().fold(asked.query.clone(), |query, parent| query.with("sel", parent));
        return Answer::redirect(&query.href(&format!("/t/{id}")));
    }
    let has = asked.query.get("have").and_then(|revision| revision.parse().ok());
    let now = asked.store().info(&id).map(|info| info.revision);
    if asked.part() == Some("columns") && has.is_some() && has == now {
        // Not put together again for every second that somebody looks at it.
        return Answer::data(&unchanged(asked, &id));
    }
    match asked.pages.recent.get(asked.store(), &id) {
        Some(looked) => part(asked, &looked),
        None => missing(asked, &Meant { id: Some(id), ..meant }),
    }
}

fn part(asked: &Asked, looked: &Looked) -> Answer {
    let number = |name| asked.query.get(name).and_then(|number| number.parse::<usize>().ok());
    match asked.part() {
        Some("raw") => raw(asked, looked),
        Some("detail" | "ids") if asked.query.get("revision") != Some(&looked.revision.to_string()) => {
            Answer::text("the trace has changed".to_owned()).with_status(StatusCode::CONFLICT)
        }
        part => {
            let sheet = Sheet::of(asked, looked);
            match part {
                Some("columns") => Answer::data(&State {
                    revision: looked.revision,
                    pulse: sheet.pulse,
                    pointed: Pointed::of(&sheet),
                    columns: Columns::of(&sheet.timeline),
                }),
                Some("rows") => Answer::data(&Pointed::of(&sheet)),
                Some("ids") => {
                    Answer::data(&Ids { ids: view::keys(&sheet.timeline, asked.query.get("rows").unwrap_or_default()) })
                }
                Some("find") => Answer::data(&Found { revision: looked.revision, rows: &sheet.found }),
                Some("head") => Answer::part(page::head(&sheet)),
                Some("detail") => Answer::part(detail::of(&sheet, number("row").unwrap_or(usize::MAX))),
                _ => whole(asked, &sheet),
            }
        }
    }
}

fn whole(asked: &Asked, sheet: &Sheet<'_>) -> Answer {
    let view = &sheet.view;
    let mut command = format!("xrc show {}", sheet.looked.trace.id);
    if view.min_millis > 0.0 {
        command += &format!(" --min-duration {}ms", view.min_millis);
    }
    command += if view.critical { " --critical" } else { "" };
    command += if view.fold { "" } else { " --gaps keep" };
    let frame = Frame {
        title: &page::title(sheet),
        command: &command,
        styles: &["trace.css"],
        scripts: &["trace.js"],
        ..Frame::new(Section::Traces)
    };
    asked.page(&frame, page::body(sheet))
}

/// What the script draws.
#[derive(Serialize)]
struct State {
    revision: u64,
    #[serde(flatten)]
    pulse: Pulse,
    #[serde(flatten)]
    pointed: Pointed,
    #[serde(flatten)]
    columns: Columns,
}

/// The rows that the address means.
#[derive(Serialize)]
struct Pointed {
    /// By `sel`.
    selected: Option<usize>,
    /// By `closed`, or by `open` where all others are closed.
    closed: Vec<usize>,
}

impl Pointed {
    fn of(sheet: &Sheet<'_>) -> Pointed {
        Pointed { selected: sheet.selected, closed: sheet.view.folded.rows(&sheet.timeline) }
    }
}

#[derive(Serialize)]
struct Ids {
    ids: Vec<String>,
}

#[derive(Serialize)]
struct Unchanged {
    revision: u64,
    #[serde(flatten)]
    pulse: Pulse,
}

#[derive(Serialize)]
struct Found<'a> {
    revision: u64,
    rows: &'a [usize],
}

fn unchanged(asked: &Asked, id: &str) -> Unchanged {
    let info = asked.store().info(id);
    let is_partial = asked.store().row(id).is_some_and(|row| row.facts.is_partial());
    let last = info.map_or(0.0, |info| info.last.as_secs_f64());
    Unchanged { revision: info.map_or(0, |info| info.revision), pulse: Pulse::of(is_partial, last, asked.now()) }
}

/// The documents as they came.
fn raw(asked: &Asked, looked: &Looked) -> Answer {
    let documents = asked.store().documents(&looked.trace.id).unwrap_or_default();
    let bytes = documents.iter().map(|document| document.len() + 2).sum::<usize>();
    let mut all = Vec::with_capacity(bytes + 2);
    for (place, document) in documents.iter().enumerate() {
        all.extend_from_slice(if place == 0 { b"[" } else { b",\n" });
        all.extend_from_slice(document);
    }
    all.extend_from_slice(if documents.is_empty() { b"[]" } else { b"]\n" });
    Answer::json(all)
}

/// What somebody wrote where an id belongs.
struct Meant {
    said: String,
    /// X-Ray's form of it; none if it is no id.
    id: Option<String>,
    /// A header's `Parent`.
    parent: Option<String>,
    is_sampled_out: bool,
}

impl Meant {
    fn read(said: &str) -> Meant {
        let said = said.trim();
        let header = if said.contains('=') { said.parse::<TraceHeader>().ok() } else { None };
        let id = said.parse::<TraceId>().or_else(|_| TraceId::from_w3c(said)).ok();
        Meant {
            said: said.to_owned(),
            id: header.as_ref().map(TraceHeader::root).or(id).map(|id| id.as_str().to_owned()),
            parent: header.as_ref().and_then(TraceHeader::parent).map(|parent| parent.as_str().to_owned()),
            is_sampled_out: header.and_then(|header| header.sampled()) == Some(Sampled::No),
        }
    }
}

/// Why there is nothing, as far as that is known.
fn missing(asked: &Asked, meant: &Meant) -> Answer {
    let evicted = meant.id.as_deref().and_then(|id| asked.store().evicted(id));
    #[allow(clippy::cast_precision_loss)]
    let megabytes = |bytes: usize| format!("{:.0} MB", bytes as f64 / 1e6);
    let body = html! {
        h1 { "No such trace" }
        p { code { (shown(&meant.said)) } }
        @match (&meant.id, evicted) {
            (None, _) => p {
                "This is no trace id. It has the form " code { "1-5759e988-bd862e3fe1be46a994272793" } ", 32 hex digits as W3C writes it, or stands in a trace header: "
                code { "Root=1-…;Parent=…;Sampled=1" } "."
            },
            (Some(_), Some(eviction)) => p {
                "It was here, and was evicted at " (text::clock(eviction.at.as_secs_f64())) " UTC to make room: traces take "
                (megabytes(eviction.bound)) " at most. " code { "xrc up --memory" } " sets more."
            },
            (Some(_), None) if meant.is_sampled_out => p { "The header says Sampled=0: nothing of it was sent." },
            (Some(_), None) => p {
                "Never received. Its program may not have sent it yet, may send to another address, or the request was not sampled. "
                code { "xrc doctor" } " looks for the reason."
            },
        }
        p { a href=(asked.query.carried().href("/traces")) { "All traces" } }
    };
    let frame = Frame { title: "No such trace", ..Frame::new(Section::Traces) };
    asked.page(&frame, body).with_status(StatusCode::NOT_FOUND)
}
