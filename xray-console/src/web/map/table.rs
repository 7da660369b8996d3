//! The same graph as tables, for those who read it rather than look at it.

use maud::{Markup, html};

use super::links::Links;
use super::ring::shares;
use super::view::View;
use super::words;
use crate::graph::{HistogramEntry, SummaryStatistics, percentile};
use crate::text::{cut, duration, percent};

/// Columns of a name.
const NAME: usize = 60;

/// Nodes, then edges.
pub(super) fn tables(view: &View<'_>, links: &Links<'_>) -> Markup {
    html! {
        section #map-tables aria-labelledby="map-tables-title" {
            h2 #map-tables-title { "The same as tables" }
            div.wide {
                table {
                    caption { "Nodes" }
                    thead { tr { th scope="col" { "Node" } th scope="col" { "Type" } (heads()) } }
                    tbody {
                        @for node in view.in_reading_order() {
                            tr {
                                th scope="row" {
                                    a href=(links.selected(&node.key)) data-key=(node.key) { (cut(&words::title(node.service), NAME, false)) }
                                }
                                td { (words::kind(node.service).map(|kind| cut(&kind, NAME, false)).unwrap_or_default()) }
                                (cells(node.service.summary_statistics.as_ref(), &node.service.response_time_histogram, links))
                            }
                        }
                    }
                }
            }
            div.wide {
                table {
                    caption { "Edges" }
                    thead { tr { th scope="col" { "From" } th scope="col" { "To" } (heads()) } }
                    tbody {
                        @for link in &view.edges {
                            @if let Some((from, to)) = view.ends(link) {
                                @let entries = if link.edge.is_link() { &link.edge.received_event_age_histogram } else { &link.edge.response_time_histogram };
                                tr {
                                    th scope="row" { (cut(&words::title(from.service), NAME, false)) }
                                    td {
                                        a href=(links.selected(&link.key)) data-key=(link.key) { (cut(&words::title(to.service), NAME, false)) }
                                        @if link.edge.is_link() { span.dim { " (message, times are waits)" } }
                                    }
                                    (cells(link.edge.summary_statistics.as_ref(), entries, links))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn heads() -> Markup {
    html! {
        @for head in ["Requests", "Rate", "p50", "p90", "p99", "OK", "Throttle", "Error", "Fault"] {
            th.num scope="col" { (head) }
        }
    }
}

fn cells(statistics: Option<&SummaryStatistics>, entries: &[HistogramEntry], links: &Links<'_>) -> Markup {
    let Some(statistics) = statistics else {
        return html! { td.num colspan="9" { "-" } };
    };
    let at = |share: f64| percentile(entries, share).map_or_else(|| "-".to_owned(), duration);
    html! {
        td.num { (statistics.total_count) }
        td.num { (words::rate(statistics.total_count, links.seconds)) }
        @for share in [0.5, 0.9, 0.99] { td.num { (at(share)) } }
        @for share in shares(statistics) {
            td.num {
                @if share.count == 0 { "0" } @else { (percent(share.count, statistics.total_count)) }
            }
        }
    }
}
