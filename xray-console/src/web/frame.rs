//! What is around every page: the rail, the filter box, the time window, and the command that prints the same.

use maud::{DOCTYPE, Markup, html};

use super::asked::{Asked, Theme};
use super::query::{DEFAULT_SPAN, Query};

/// What a page tells its frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// The state in a few words, for the window's title: `3 faults - Traces`.
    pub(super) title: &'a str,
    pub(super) active: Section,
    /// The line for `xrc` that prints the same; nothing where there is none.
    pub(super) command: &'a str,
    /// What is wrong with the filter, if it is.
    pub(super) error: Option<&'a Markup>,
    /// Names of assets, besides `base.css`.
    pub(super) styles: &'a [&'a str],
    /// Names of assets: ES modules, besides `base.js`.
    pub(super) scripts: &'a [&'a str],
}

/// The pages of the rail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Traces,
    Map,
    Live,
    Sampling,
    Diagnostics,
    None,
}

impl<'a> Frame<'a> {
    /// Without anything of the page's own.
    pub(super) fn new(active: Section) -> Frame<'a> {
        Frame { title: active.name(), active, command: "", error: None, styles: &[], scripts: &[] }
    }
}

impl Section {
    const RAIL: [Section; 5] = [Section::Traces, Section::Map, Section::Live, Section::Sampling, Section::Diagnostics];

    pub(super) fn name(self) -> &'static str {
        match self {
            Section::Traces => "Traces",
            Section::Map => "Map",
            Section::Live => "Live",
            Section::Sampling => "Sampling",
            Section::Diagnostics => "Diagnostics",
            Section::None => "",
        }
    }

    pub(super) fn path(self) -> &'static str {
        match self {
            Section::Traces | Section::None => "/traces",
            Section::Map => "/map",
            Section::Live => "/live",
            Section::Sampling => "/sampling",
            Section::Diagnostics => "/diagnostics",
        }
    }

    /// Whether it shows what the filter box says.
    fn is_filtered(self) -> bool {
        matches!(self, Section::Traces | Section::Map | Section::Live)
    }
}

/// Spans to choose from.
const SPANS: [(&str, &str); 7] = [
    ("5m", "5 minutes"),
    ("15m", "15 minutes"),
    ("1h", "1 hour"),
    ("6h", "6 hours"),
    ("24h", "24 hours"),
    ("7d", "7 days"),
    ("all", "all there is"),
];

/// The whole page.
pub(super) fn frame(asked: &Asked, around: &Frame<'_>, body: &Markup) -> Markup {
    let theme = match asked.theme {
        Theme::System => None,
        Theme::Light => Some("light"),
        Theme::Dark => Some("dark"),
    };
    let carried = asked.query.carried();
    let counters = asked.api().intake().counters();
    let troubles = counters.refused + counters.dropped + counters.kernel_drops.unwrap_or(0);
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[theme] data-now=(format!("{:.3}", asked.now())) {
            (head(around.title, around.styles, &[&["filter.js"], around.scripts].concat()))
            body {
                a.skip href="#main" { "Skip to content" }
                header.rail {
                    a.logo href="/traces" { "xrc" }
                    nav aria-label="Pages" {
                        @for section in Section::RAIL {
                            @let current = (section == around.active).then_some("page");
                            @let query = if section.is_filtered() { carried.clone() } else { Query::default() };
                            a href=(query.href(section.path())) aria-current=[current] {
                                (section.name())
                                @if section == Section::Diagnostics && troubles > 0 { " " span.count { (troubles) } }
                            }
                        }
                    }
                    div.tools {
                        button #theme type="button" hidden { "Theme" }
                        a #help href="/about" title="Help and keys (?)" { "?" }
                    }
                }
                (filter(around, &asked.query))
                main #main tabindex="-1" { (body) }
                @if !around.command.is_empty() {
                    footer.command {
                        span { "Same in a terminal:" } " "
                        code #command { (around.command) } " "
                        button type="button" data-copy="#command" hidden { "Copy" }
                    }
                }
            }
        }
    }
}

/// A page for who is not let in: nothing of the console.
pub(super) fn bare(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title, &[], &[]))
            body.bare { main #main { (body) } }
        }
    }
}

fn head(title: &str, styles: &[&str], scripts: &[&str]) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) @if !title.is_empty() { " - " } "xrc" }
            link rel="icon" href="data:,";
            @for style in ["base.css"].iter().chain(styles) { link rel="stylesheet" href={ "/assets/" (style) }; }
            @for script in ["base.js"].iter().chain(scripts) { script type="module" src={ "/assets/" (script) } {} }
        }
    }
}

/// The filter box; on pages that show no list it leads to that of traces.
fn filter(around: &Frame<'_>, query: &Query) -> Markup {
    let action = if around.active.is_filtered() { around.active.path() } else { "/traces" };
    let span = query.span(0.0);
    let word = span.word.as_deref().unwrap_or(DEFAULT_SPAN);
    let fixed = query.get("from").zip(query.get("to")).filter(|_| query.get("w").is_none());
    let kept = ["sort", "health", "from", "to"].map(|name| (name, query.get(name)));
    let invalid = around.error.map(|_| "true");
    let described = around.error.map(|_| "filter-error");
    html! {
        search {
            form #filter action=(action) method="get" {
                label.hidden for="q" { "Filter expression" }
                input #q name="q" type="text" value=(query.get("q").unwrap_or_default())
                    placeholder=r#"filter: fault AND service("checkout")  (press / )"#
                    autocomplete="off" autocapitalize="off" spellcheck="false"
                    aria-invalid=[invalid] aria-describedby=[described];
                label.hidden for="w" { "Time" }
                select #w name="w" {
                    @if fixed.is_some() { option value="" selected { "chosen time" } }
                    @if fixed.is_none() && SPANS.iter().all(|(known, _)| *known != word) {
                        option value=(word) selected { (word) }
                    }
                    @for (value, name) in SPANS {
                        option value=(value) selected[fixed.is_none() && value == word] { (name) }
                    }
                }
                @for (name, value) in kept.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                    input type="hidden" name=(name) value=(value);
                }
                button type="submit" { "Filter" }
            }
            div #filter-error role="alert" { @if let Some(error) = around.error { (error) } }
        }
    }
}
