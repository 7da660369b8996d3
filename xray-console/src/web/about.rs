//! `/about`: which program this is, and its keys.

use maud::{Markup, html};

use super::answer::Answer;
use super::asked::Asked;
use super::frame::{Frame, Section};

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

pub(super) fn show(asked: &Asked) -> Answer {
    if asked.part() == Some("keys") {
        return Answer::part(keys());
    }
    let body = html! {
        h1 { "xrc " (env!("CARGO_PKG_VERSION")) }
        p {
            "AWS X-Ray on this machine: segments come in by UDP at " code { (asked.pages.address) }
            ", what they say is here. Nothing on these pages asks any other host for anything."
        }
        h2 { "Keys" }
        (keys())
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
