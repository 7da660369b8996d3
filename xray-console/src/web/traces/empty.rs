//! What the list says where it has nothing to show: why, and what to do about it.

use maud::{Markup, html};

use super::found::Found;
use crate::filter::Filter;
use crate::store::Window;
use crate::web::asked::Asked;
use crate::web::{condition, shown};

/// Traces looked at to find out which condition leaves none; more would make somebody wait.
const LOOKED_AT: usize = 50_000;

/// Conditions tried at most, for each of these traces; nobody writes so many by hand.
const CONDITIONS: usize = 20;

/// Nothing to list.
pub(super) fn empty(asked: &Asked, found: &Found, window: &Window, filter: Option<&Filter>) -> Markup {
    let kept = asked.store().counters().traces;
    if found.folded > 0 {
        return html! {
            @match found.folded {
                1 => p { "The only matching trace is a health check that went well." },
                all => p { "All " (all) " matching traces are health checks that went well." },
            }
            p { a.button href=(asked.query.with("health", "1").href("/traces")) { "Show them" } }
        };
    }
    if found.looked_at > 0
        && let Some(filter) = filter
    {
        return none_match(asked, found, window, filter);
    }
    if kept > 0 {
        let all = asked.query.without("from").without("to").with("w", "all");
        return html! {
            @match kept {
                1 => p { "No trace began in this time; one of another time is here." },
                all => p { "No trace began in this time; " (all) " of other times are here." },
            }
            p { a.button href=(all.href("/traces")) { "Show all there is" } }
        };
    }
    nothing_yet(asked)
}

/// The condition but for which most traces would match.
struct InTheWay {
    condition: String,
    /// Traces that all other conditions hold for.
    matching: usize,
    /// The filter without it.
    rest: String,
}

/// Found in one look at each trace: which of the conditions fails, if only one does.
fn in_the_way(asked: &Asked, window: &Window, filter: &Filter) -> Option<InTheWay> {
    let parse = |text: &str| asked.api().parsed(text);
    let mut parts = condition::parts(Some(&filter.to_string()), parse)?;
    if !(2..=CONDITIONS).contains(&parts.len()) {
        return None;
    }
    let filters = parts.iter().map(|part| parse(part).ok()).collect::<Option<Vec<Filter>>>()?;
    let mut matching = vec![0_usize; filters.len()];
    let mut looked_at = 0;
    asked.store().scan(window, |row| {
        looked_at += 1;
        let mut failing = filters.iter().enumerate().filter(|(_, filter)| !filter.matches(&row.facts));
        if let (Some((place, _)), None) = (failing.next(), failing.next())
            && let Some(matching) = matching.get_mut(place)
        {
            *matching += 1;
        }
        looked_at < LOOKED_AT
    });
    let (place, matching) = matching.into_iter().enumerate().max_by_key(|(_, matching)| *matching)?;
    if matching == 0 || place >= parts.len() {
        return None;
    }
    let condition = parts.remove(place);
    Some(InTheWay { condition, matching, rest: condition::joined(&parts) })
}

fn none_match(asked: &Asked, found: &Found, window: &Window, filter: &Filter) -> Markup {
    let best = in_the_way(asked, window, filter);
    html! {
        p { b { "0 of " (found.looked_at) " traces match." } }
        @if let Some(InTheWay { condition, matching, rest }) = best {
            p {
                "Without " code { (shown(&condition)) } ": "
                a href=(asked.query.with("q", &rest).href("/traces")) { (traces(matching)) }
            }
        }
        p { a.button href=(asked.query.without("q").href("/traces")) { "Clear the filter" } }
    }
}

/// `1 trace`, `2 traces`.
fn traces(count: usize) -> String {
    format!("{count} {}", if count == 1 { "trace" } else { "traces" })
}

fn nothing_yet(asked: &Asked) -> Markup {
    let (udp, port) = (asked.pages.udp, asked.pages.address.port());
    let here = if udp.is_ipv6() { format!("[{}]", udp.ip()) } else { udp.ip().to_string() };
    let counters = asked.api().intake().counters();
    html! {
        h2 { "Listening on UDP " (udp) ". " @if counters.documents == 0 { "No segment yet." } @else { "No traces now." } }
        @if counters.refused > 0 {
            p.notice {
                (counters.refused) " documents came and were refused: " a href="/diagnostics" { "see why" } "."
            }
        }
        p { "An axum application sends a segment for each request with two lines:" }
        pre { (SNIPPET) }
        p {
            "Any X-Ray SDK does, of any language; 127.0.0.1:2000 is where they send by default. Elsewhere set "
            code { "AWS_XRAY_DAEMON_ADDRESS=" (asked.pages.daemon(&here)) } "; from a container "
            code { "AWS_XRAY_DAEMON_ADDRESS=" (asked.pages.daemon("host.docker.internal")) } ", with the console started by "
            code { "xrc up --addr 0.0.0.0:" (port) } "."
        }
        @if asked.pages.sends_demo() {
            form action="/demo" method="post" { button type="submit" { "Send demo traces" } }
        }
        p.dim {
            (counters.datagrams) " datagrams came so far, " (counters.documents) " documents were taken. "
            a href="/diagnostics" { "Diagnostics" }
        }
    }
}

const SNIPPET: &str = r#"let _xray = xray_tower::init("orders")?;
let app = Router::new()
    .route("/orders/{id}", get(order))
    .layer(xray_tower::server());"#;
