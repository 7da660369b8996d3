//! `/traces`: the list, what its traces have in common, and how long they took.
//!
//! | parameter | says |
//! |---|---|
//! | `q`, `w`, `from`, `to` | which traces ([`Query`]) |
//! | `sort` | `response` or `segments`; by time otherwise |
//! | `health=1` | health checks that went well, too |
//! | `n` | lines, at most [`MOST`] |
//! | `sel` | the selected trace, for the page's script |
//! | `part=list` | all but the frame; `part=words`: what the filter box may complete to |

mod empty;
mod found;
mod histogram;
mod refine;
mod words;

use maud::{Markup, html};

use super::answer::Answer;
use super::asked::Asked;
use super::condition::{but_limits, toggled};
use super::frame::{Frame, Section};
use super::item::{COLUMNS, Item, heading};
use super::query::Query;
use super::shown::quoted;
use super::wrong;
use crate::filter::Filter;

use empty::empty;
use found::{Found, Sort, Wanted};
use histogram::histogram;
use refine::{chips, refine};

/// Lines, unless more are asked for: what fits in 15 KB, compressed.
const LINES: usize = 50;
/// Lines at most: so much a browser shows without strain.
const MOST: usize = 1_000;

pub(super) fn show(asked: &Asked) -> Answer {
    if asked.part() == Some("words") {
        return Answer::data(&words::words(asked));
    }
    let filter = asked.query.filter().map(|text| asked.api().parsed(text)).transpose();
    let error = filter.as_ref().err().map(|error| wrong::wrong(asked, error, "/traces"));
    if let (Some(error), Some(_)) = (&error, asked.part()) {
        // No error of the protocol: browsers would write it to their console while somebody types.
        return Answer::part(html! { div #wrong { (error) } });
    }
    let command = command(asked);
    let (title, body) = match &filter {
        Ok(filter) => list(asked, filter.as_ref(), &command),
        Err(_) => ("Filter? - Traces".to_owned(), html! { div #view { h1.sr { "Traces" } } }),
    };
    if asked.part().is_some() {
        return Answer::part(html! { title { (title) " - xrc" } (body) });
    }
    let frame = Frame {
        title: &title,
        command: &command,
        error: error.as_ref(),
        styles: &["traces.css"],
        scripts: &["traces.js"],
        ..Frame::new(Section::Traces)
    };
    let answer = asked.page(&frame, body);
    if error.is_some() { answer.with_status(http::StatusCode::BAD_REQUEST) } else { answer }
}

fn list(asked: &Asked, filter: Option<&Filter>, command: &str) -> (String, Markup) {
    let span = asked.query.span(asked.now());
    let most = asked.query.get("n").and_then(|number| number.parse().ok()).unwrap_or(LINES).min(MOST);
    let sort = match asked.query.get("sort") {
        Some("response") => Sort::Response,
        Some("segments") => Sort::Segments,
        _ => Sort::Time,
    };
    let health = asked.query.get("health") == Some("1");
    let window = span.window();
    let found = Found::look(asked.store(), &Wanted { window, filter, health, sort, most });
    let link = |query: &Query| query.without("part").without("sel").without("n").href("/traces");
    let toggle = |condition: &str| {
        let (filter, has) = toggled(asked.query.filter(), condition, |text| asked.api().parsed(text));
        (link(&asked.query.with("q", &filter)), has)
    };
    let rest = but_limits(asked.query.filter(), |text| asked.api().parsed(text));
    let body = html! {
        div #view data-command=(command) data-now=(format!("{:.3}", asked.now())) {
            h1.sr { "Traces" }
            ul.chips aria-label="Filters" {
                (chips(&found, &toggle))
                @if health {
                    li { a.chip aria-current="true" href=(link(&asked.query.without("health"))) { "with health checks" } }
                } @else if found.folded > 0 {
                    li { a.chip href=(link(&asked.query.with("health", "1"))) { "health checks hidden " b { (found.folded) } } }
                }
                @if span.word.is_none() {
                    li { a.chip aria-current="true" href=(link(&asked.query.without("from").without("to"))) { "chosen time ✕" } }
                }
            }
            @if found.items.is_empty() {
                div.empty { (empty(asked, &found, &window, filter)) }
            } @else {
                (histogram(&found, &rest, |condition| toggle(condition).0))
                (table(&found.items, sort, &|sort: &str| link(&asked.query.with("sort", sort))))
                p.count {
                    (found.items.len()) " of " (found.matched) " traces"
                    @if found.looked_at > found.matched { ", of " (found.looked_at) " in this time" }
                    @if found.matched > found.items.len() && most < MOST {
                        @let more = (most * 4).min(MOST).to_string();
                        " · " a href=(asked.query.without("part").with("n", &more).href("/traces")) { "show more" }
                    }
                }
                (refine(&found, &toggle))
            }
        }
    };
    (title(&found), body)
}

fn title(found: &Found) -> String {
    let [faults, errors, throttles, _] = found.chips;
    let failed = [(faults, "fault"), (errors, "error"), (throttles, "throttle")];
    let gravest = failed.into_iter().find(|(count, _)| *count > 0);
    match gravest {
        Some((1, word)) => format!("1 {word} - Traces"),
        Some((count, word)) => format!("{count} {word}s - Traces"),
        None => "Traces".to_owned(),
    }
}

fn table(items: &[Item], sort: Sort, link: &dyn Fn(&str) -> String) -> Markup {
    let longest = items.iter().filter_map(|item| item.response).fold(0.0, f64::max);
    let sorts =
        [("Time", "", Sort::Time), ("Response", "response", Sort::Response), ("Segments", "segments", Sort::Segments)];
    html! {
        div.wide {
            table #list {
                thead {
                    tr {
                        @for (name, class) in COLUMNS {
                            @let by = sorts.iter().find(|(of, ..)| *of == name);
                            @let is_sorted = by.is_some_and(|(_, _, by)| *by == sort);
                            th scope="col" class=[(!class.is_empty()).then_some(class)]
                                aria-sort=[is_sorted.then_some("descending")] {
                                @match by {
                                    Some((_, word, _)) if !is_sorted => { a href=(link(word)) { (name) } }
                                    Some(_) => { (name) " ▼" }
                                    None => { (heading(name)) }
                                }
                            }
                        }
                    }
                }
                tbody { @for item in items { (item.row(longest)) } }
            }
        }
    }
}

/// The line that prints the same.
fn command(asked: &Asked) -> String {
    let now = asked.now();
    let expression = asked.query.filter().map(|filter| format!(" {}", quoted(filter))).unwrap_or_default();
    let sort = if asked.query.get("sort") == Some("response") { " --sort duration" } else { "" };
    format!("xrc traces{expression}{}{sort}", asked.query.span(now).option(now))
}
