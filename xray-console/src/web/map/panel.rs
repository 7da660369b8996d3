//! The panel beside the map: one node or one edge, in numbers, with links that write the filter.

use maud::{Markup, html};

use super::expression::{of_edge, of_node};
use super::histogram::histogram;
use super::links::Links;
use super::ring::shares;
use super::view::{Link, Node, Selected, View};
use super::words;
use crate::graph::{HistogramEntry, SummaryStatistics, percentile};
use crate::text::{cut, duration, escape, percent};

/// Edges that are listed in a node's panel, the first by place; the table has all.
const LISTED: usize = 20;

/// The panel of what is selected.
pub(super) fn panel(view: &View<'_>, selected: Selected<'_, '_>, links: &Links<'_>) -> Markup {
    html! {
        aside #map-panel aria-labelledby="map-panel-title" {
            a.close href=(links.unselected()) data-key="" aria-label="Close this panel" { "×" }
            @match selected {
                Selected::Node(node) => (of_a_node(view, node, links)),
                Selected::Edge(link) => (of_an_edge(view, link, links)),
            }
        }
    }
}

fn of_a_node(view: &View<'_>, node: &Node<'_>, links: &Links<'_>) -> Markup {
    let service = node.service;
    let state = match service.state.as_deref() {
        _ if service.is_client() => "who sent the first requests",
        Some("active") => "sends segments",
        _ => "no segment from it: known from its callers",
    };
    let expression = |block: Option<&str>| of_node(view, node, block);
    html! {
        h2 #map-panel-title { (words::title(service)) }
        p.dim {
            @if let Some(kind) = service.kind.as_deref().filter(|_| !service.is_client()) {
                (cut(&escape(kind), 80, false)) " · "
            }
            (state)
            @if let Some(account) = service.account_id.as_deref() { " · account " (cut(&escape(account), 40, false)) }
        }
        @if let Some(statistics) = service.summary_statistics {
            (numbers(&statistics, &service.response_time_histogram, links.seconds))
            (histogram(&service.response_time_histogram, &words::count(statistics.total_count, "request")))
            (outcomes(&statistics, |block| links.traces(expression(block), &service.name)))
            (slow(&service.response_time_histogram, |block| links.traces(expression(Some(block)), &service.name)))
        } @else {
            p { a href=[links.traces(expression(None), &service.name)] { "See the traces of " (cut(&escape(&service.name), 40, false)) } }
        }
        (edges("Calls", view.calls(node), |link| view.nodes.get(link.to), links))
        (edges("Called by", view.callers(node), |link| view.nodes.get(link.from), links))
    }
}

fn of_an_edge(view: &View<'_>, link: &Link<'_>, links: &Links<'_>) -> Markup {
    let Some((from, to)) = view.ends(link) else { return Markup::default() };
    let is_link = link.edge.is_link();
    let entries = if is_link { &link.edge.received_event_age_histogram } else { &link.edge.response_time_histogram };
    let url = |block: Option<&str>| links.traces(of_edge(view, link, block), &to.service.name);
    html! {
        h2 #map-panel-title {
            a href=(links.selected(&from.key)) data-key=(from.key) { (cut(&words::title(from.service), 60, false)) }
            " → "
            a href=(links.selected(&to.key)) data-key=(to.key) { (cut(&words::title(to.service), 60, false)) }
        }
        p.dim { (if is_link { "messages, by how long they waited" } else { "calls, as the caller saw them" }) }
        @if let Some(statistics) = link.edge.summary_statistics {
            (numbers(&statistics, entries, links.seconds))
            (histogram(entries, &words::count(statistics.total_count, if is_link { "message" } else { "call" })))
            (outcomes(&statistics, url))
            @if !is_link { (slow(entries, |block| url(Some(block)))) }
        }
        @if !link.edge.aliases.is_empty() {
            h3 { "Also called" }
            ul { @for alias in &link.edge.aliases { li { (cut(&escape(&alias.name), 80, false)) } } }
        }
    }
}

fn numbers(statistics: &SummaryStatistics, entries: &[HistogramEntry], seconds: f64) -> Markup {
    let at = |share: f64| percentile(entries, share).map_or_else(|| "-".to_owned(), duration);
    html! {
        dl.numbers {
            div { dt { "requests" } dd { (statistics.total_count) } }
            @if seconds > 0.0 { div { dt { "rate" } dd { (words::rate(statistics.total_count, seconds)) } } }
            @for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] { div { dt { (name) } dd { (at(share)) } } }
        }
    }
}

/// How requests ended, each with the traces of it.
fn outcomes(statistics: &SummaryStatistics, url: impl Fn(Option<&str>) -> Option<String>) -> Markup {
    html! {
        ul.outcomes {
            li { a href=[url(None)] { "See all " (words::count(statistics.total_count, "request")) } }
            @for share in shares(statistics).into_iter().filter(|share| share.count > 0) {
                li {
                    span class={ "mark " (share.word) } aria-hidden="true" { (share.letter) }
                    " "
                    a href=[url(Some(share.word))] { (share.count) " " (share.word) }
                    span.dim { " " (percent(share.count, statistics.total_count)) }
                }
            }
        }
    }
}

/// The slowest of them.
fn slow(entries: &[HistogramEntry], url: impl Fn(&str) -> Option<String>) -> Markup {
    let Some(limit) = percentile(entries, 0.9).filter(|limit| percentile(entries, 1.0) > Some(*limit)) else {
        return Markup::default();
    };
    html! { p { a href=[url(&format!("responsetime > {limit}"))] { "See those slower than " (duration(limit)) } } }
}

fn edges<'v, 's: 'v>(
    title: &str,
    edges: impl Iterator<Item = &'v Link<'s>>,
    other: impl Fn(&Link<'s>) -> Option<&'v Node<'s>>,
    links: &Links<'_>,
) -> Markup {
    let edges: Vec<&Link<'_>> = edges.collect();
    if edges.is_empty() {
        return Markup::default();
    }
    html! {
        h3 { (title) }
        ul.calls {
            @for link in edges.iter().take(LISTED) {
                @if let Some(node) = other(link) {
                    li {
                        a href=(links.selected(&link.key)) data-key=(link.key) { (cut(&words::title(node.service), 40, false)) }
                        @if let Some(kind) = words::kind(node.service) { span.dim { " " (cut(&kind, 24, false)) } }
                        @if let Some(statistics) = link.edge.summary_statistics {
                            span.dim { " " (words::rate(statistics.total_count, links.seconds)) }
                        }
                    }
                }
            }
        }
        @if edges.len() > LISTED { p.dim { "and " (edges.len() - LISTED) " more, in the table" } }
    }
}
