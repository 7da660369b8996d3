//! Links that write the filter: chips for how traces went, and what the traces of the list have in common.

use maud::{Markup, html};

use super::found::{Counts, Found};
use super::histogram::number;
use crate::query::AnnotationValue;
use crate::text::duration;
use crate::web::condition::{self, equals, service};
use crate::web::shown;

/// Values listed of a kind; how many there are besides is told.
const VALUES: usize = 12;

/// A condition's address, and whether it is in force.
pub(super) type Toggle<'a> = dyn Fn(&str) -> (String, bool) + 'a;

/// How traces went, and what is hidden.
pub(super) fn chips(found: &Found, toggle: &Toggle<'_>) -> Markup {
    let [faults, errors, throttles, open] = found.chips;
    html! {
        (chip(toggle, "fault", "fault", Some(faults), "fault"))
        (chip(toggle, "error", "error", Some(errors), "error"))
        (chip(toggle, "throttle", "throttle", Some(throttles), "throttle"))
        @if let Some(limit) = found.percentile(0.95) {
            (chip(toggle, &format!("responsetime > {}", number(limit)), &format!("slow: over {}", duration(limit)), None, ""))
        }
        (chip(toggle, "partial", "in progress", Some(open), ""))
    }
}

fn chip(toggle: &Toggle<'_>, condition: &str, name: &str, count: Option<usize>, class: &str) -> Markup {
    let (href, is_on) = toggle(condition);
    html! {
        li {
            a.chip href=(href) aria-current=[is_on.then_some("true")] {
                span class=[(!is_on && !class.is_empty()).then_some(class)] { (name) }
                @if let Some(count) = count { b { (count) } }
            }
        }
    }
}

/// What the traces of the list have in common.
pub(super) fn refine(found: &Found, toggle: &Toggle<'_>) -> Markup {
    let plain = |name: &str, counts: &Counts, condition: &dyn Fn(&str) -> String| {
        let values: Vec<_> =
            counts.first(VALUES).into_iter().map(|(value, count)| (value, count, condition(value))).collect();
        kind(name, counts.len(), &values, toggle)
    };
    html! {
        div.refine {
            span.dim { "Refine by" }
            (plain("service", &found.services, &service))
            (plain("URL", &found.urls, &|url| equals("http.url", url)))
            (plain("status", &found.statuses, &|status| format!("http.status = {status}")))
            @for (key, values) in &found.annotations {
                @let values_of = values.first(VALUES);
                @let conditions: Vec<_> = values_of.iter().filter_map(|(said, count, value)| {
                    Some((*said, *count, annotation(key, value)?))
                }).collect();
                (kind(&format!("annotation {}", shown(key)), values.len(), &conditions, toggle))
            }
            (plain("user", &found.users, &|user| equals("user", user)))
        }
    }
}

fn annotation(key: &str, value: &AnnotationValue) -> Option<String> {
    condition::annotation(key, value)
}

/// One kind: its values, each with its count and its condition.
fn kind(name: &str, all: usize, values: &[(&str, usize, String)], toggle: &Toggle<'_>) -> Markup {
    if values.is_empty() {
        return html! {};
    }
    html! {
        details name="refine" {
            summary { (name) " " span.dim { "(" (all) ")" } }
            ul {
                @for (value, count, condition) in values {
                    @let (href, is_on) = toggle(condition);
                    li {
                        a href=(href) aria-current=[is_on.then_some("true")] {
                            @if value.is_empty() { "(empty)" } @else { (shown(value)) }
                        }
                        " " span.dim { (count) }
                    }
                }
                @if all > values.len() { li.dim { "and " (all - values.len()) " more" } }
            }
        }
    }
}
