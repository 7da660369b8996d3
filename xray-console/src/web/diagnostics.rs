//! `/diagnostics`: what came and from whom, what became of it, and of what was refused why and how it began.

use maud::{Markup, html};

use super::answer::Answer;
use super::asked::Asked;
use super::frame::{Frame, Section};
use super::item::time;
use super::shown;
use crate::intake::{SenderCounts, Trouble, TroubleKind};
use crate::text::escape;

/// Troubles shown; the intake keeps more.
const SHOWN: usize = 50;

pub(super) fn show(asked: &Asked) -> Answer {
    let intake = asked.api().intake();
    let (counters, store) = (intake.counters(), asked.store().counters());
    let troubles = intake.troubles();
    let none = "not told by this system".to_owned();
    let drops = counters.kernel_drops.map_or(none.clone(), |drops| drops.to_string());
    let buffer = counters.receive_buffer.map_or(none, size);
    let body = html! {
        div #view {
            h1 { "Diagnostics" }
            @if counters.documents == 0 && counters.refused == 0 {
                p.notice {
                    "Nothing has come yet. The console listens at UDP " code { (asked.pages.udp) } " and TCP "
                    code { (asked.pages.address) } "; "
                    code { "xrc doctor" } " looks for what keeps traces from coming."
                }
            }
            @if counters.kernel_drops.is_some_and(|drops| drops > 0) {
                p.notice {
                    "The kernel dropped datagrams because the receive buffer was full. A larger one: "
                    code { "sysctl net.core.rmem_max" }
                }
            }
            div.columns {
                (group("Came in", &[
                    ("datagrams", counters.datagrams.to_string()),
                    ("documents taken", counters.documents.to_string()),
                    ("bytes of these", size(usize::try_from(counters.bytes).unwrap_or(usize::MAX))),
                    ("OpenTelemetry spans", counters.spans.to_string()),
                    ("spans not sampled", counters.unsampled.to_string()),
                    ("metrics, not kept", counters.metrics.to_string()),
                ]))
                (group("Lost or changed", &[
                    ("refused", counters.refused.to_string()),
                    ("members removed", counters.repaired.to_string()),
                    ("dropped", counters.dropped.to_string()),
                    ("dropped by the kernel", drops),
                    ("receive buffer", buffer),
                ]))
                (group("Kept", &[
                    ("traces", store.traces.to_string()),
                    ("documents", store.documents.to_string()),
                    ("memory", format!("{} of {}", size(store.bytes), size(store.bound))),
                    ("traces evicted", store.evicted_traces.to_string()),
                    ("completed", store.completed.to_string()),
                    ("duplicates", store.duplicates.to_string()),
                    ("late, not kept", store.late.to_string()),
                    ("not written to the file", store.unwritten.to_string()),
                ]))
                @if !counters.by_code.is_empty() {
                    @let codes: Vec<_> = counters.by_code.iter().map(|(code, count)| (code.as_str(), count.to_string())).collect();
                    (group("By reason", &codes))
                }
            }
            (senders(&intake.senders()))
            (listed(&troubles))
        }
    };
    let title = if counters.refused > 0 {
        format!("{} refused - Diagnostics", counters.refused)
    } else {
        "Diagnostics".to_owned()
    };
    if asked.part().is_some() {
        return Answer::part(html! { title { (title) " - xrc" } (body) });
    }
    let frame = Frame {
        title: &title,
        command: "xrc doctor",
        styles: &["panels.css"],
        scripts: &["panels.js"],
        ..Frame::new(Section::Diagnostics)
    };
    asked.page(&frame, body)
}

fn group(name: &str, counts: &[(&str, String)]) -> Markup {
    html! {
        section {
            h2 { (name) }
            table { tbody { @for (what, count) in counts { tr { th scope="row" { (shown(what)) } td.num { (count) } } } } }
        }
    }
}

/// Who sent; nothing while nobody has.
fn senders(senders: &[SenderCounts]) -> Markup {
    let some = |count: u64| if count > 0 { count.to_string() } else { String::new() };
    html! {
        @if !senders.is_empty() {
            h2 { "Senders" }
            div.wide {
                table #senders {
                    thead { tr {
                        th scope="col" { "From" } th scope="col" { "Services" } th.num scope="col" { "Documents" }
                        th.num scope="col" { "Refused" } th.num scope="col" { "Dropped" } th scope="col" { "Last" }
                    } }
                    tbody {
                        @for sender in senders {
                            tr {
                                th scope="row" { (shown(&sender.sender)) }
                                td { (shown(&sender.services.join(", "))) }
                                td.num { (sender.documents) } td.num { (some(sender.refused)) } td.num { (some(sender.dropped)) }
                                td { (time(sender.last)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn listed(troubles: &[Trouble]) -> Markup {
    html! {
        h2 { "Refused, repaired, dropped, duplicate: the last " (troubles.len().min(SHOWN)) }
        @if troubles.is_empty() { p.dim { "Nothing was." } }
        @for trouble in troubles.iter().take(SHOWN) {
            @let (class, word) = match trouble.kind {
                TroubleKind::Refused => ("fault", "refused"),
                TroubleKind::Repaired => ("error", "repaired"),
                TroubleKind::Dropped => ("throttle", "dropped"),
                TroubleKind::Duplicate => ("dim", "duplicate"),
            };
            details.trouble {
                summary {
                    (time(trouble.timestamp)) " " b.(class) { (word) } " " code { (shown(&trouble.code)) } " "
                    (shown(&trouble.message))
                }
                p.dim {
                    "from " (shown(&trouble.sender)) ", " (size(trouble.bytes))
                    @if let Some(id) = &trouble.id { ", segment " code { (shown(id)) } }
                    @if let Some(id) = &trouble.trace_id { ", trace " a href={ "/t/" (super::escaped(id)) } { (shown(id)) } }
                }
                pre { (escape(&trouble.excerpt)) @if trouble.bytes > crate::intake::EXCERPT { "…" } }
            }
        }
    }
}

/// Bytes in a few digits.
fn size(bytes: usize) -> String {
    const UNITS: [(usize, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        #[allow(clippy::cast_precision_loss)]
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} B"),
    }
}
