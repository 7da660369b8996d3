//! `/about`: which program this is, and its keys.

use maud::{Markup, html};

use super::answer::Answer;
use super::asked::Asked;
use super::frame::{Frame, Section};
use super::query::Query;

/// Keys and what they do; scripts of the pages bind them.
const KEYS: [(&str, &[(&str, &str)]); 3] = [
    (
        "Everywhere",
        &[
            ("/", "filter"),
            ("?", "this help"),
            ("g t", "traces"),
            ("g m", "map"),
            ("g l", "live"),
            ("g s", "sampling"),
            ("g d", "diagnostics"),
            ("t", "theme: as the system, light, dark"),
            ("Y", "copy the link to this view"),
            ("Esc", "close, leave the field"),
        ],
    ),
    (
        "Lists",
        &[
            ("j k", "next and previous row; arrows do, too"),
            ("Enter", "open"),
            ("e E", "next and previous fault"),
            ("y", "copy the trace id"),
            ("space", "pause or go on with live rows"),
        ],
    ),
    (
        "A trace",
        &[
            ("j k", "next and previous row"),
            ("h l", "collapse and expand; left and right do, too"),
            ("[ ]", "collapse and expand all"),
            ("e E", "next and previous fault"),
            ("n N", "next and previous match of the search"),
            ("w s", "zoom in and out"),
            ("a d", "earlier and later"),
            ("0", "the whole trace"),
            ("f", "fold gaps"),
            ("c", "critical path"),
            ("r", "raw documents"),
        ],
    ),
];

/// Expressions that show what there is. A test reads each.
const FILTERS: [(&str, &str); 10] = [
    ("fault", "whose first segment failed; also error, ok"),
    ("throttle", "in which anything was told to slow down"),
    ("partial", "that are in progress"),
    ("responsetime > 0.5 AND http.method = \"POST\"", "of slow POST requests, in seconds"),
    ("duration >= 60", "that took a minute or more in all"),
    ("http.status = 404 OR http.url CONTAINS \"/orders\"", "by status, or by a part of the URL"),
    ("service(\"orders\") { fault OR responsetime > 1 }", "in which this service failed or was slow"),
    ("edge(\"orders\", \"payments\") { fault }", "in which this call failed, as its caller saw it"),
    ("annotation.order_id = 7 AND !annotation.test", "by annotations"),
    ("rootcause.fault.exception { message CONTAINS \"refused\" }", "by the cause of a fault"),
];

pub(super) fn show(asked: &Asked) -> Answer {
    if asked.part() == Some("keys") {
        return Answer::part(keys());
    }
    let body = html! {
        h1 { "xrc " (env!("CARGO_PKG_VERSION")) }
        p {
            "AWS X-Ray on this machine: segments come in by UDP at " code { (asked.pages.udp) }
            ", what they say is here. Nothing on these pages asks any other host for anything."
        }
        h2 { "Keys" }
        (keys())
        h2 #filter { "The filter" }
        p {
            "X-Ray's filter expressions, the whole language. A keyword alone asks whether it is true or there; conditions are "
            "joined by " code { "AND" } " and " code { "OR" } ", turned round by " code { "!" } "."
        }
        table {
            thead { tr { th scope="col" { "Expression" } th scope="col" { "Finds traces" } } }
            tbody { @for (expression, finds) in FILTERS { tr { td { a href=(Query::default().with("q", expression).href("/traces")) { code { (expression) } } } td { (finds) } } } }
        }
        p { label { input #keys-off type="checkbox" disabled; " Single keys are off" } }
    };
    asked.page(&Frame { title: "Help", command: "xrc --help", ..Frame::new(Section::None) }, body)
}

fn keys() -> Markup {
    html! {
        div.keys {
            @for (place, keys) in KEYS {
                section {
                    h3 { (place) }
                    dl { @for (key, does) in keys { div { dt { @for key in key.split(' ') { kbd { (key) } " " } } dd { (does) } } } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Filter;

    #[test]
    fn the_expressions_shown_are_expressions() {
        for (expression, _) in FILTERS {
            assert!(Filter::parse(expression).is_ok(), "{expression}");
        }
    }
}
