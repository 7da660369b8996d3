//! Requests by which load balancers and orchestrators ask whether a service lives: many, alike, and of no interest as
//! long as they are answered.

use crate::query::{Facts, Label};
use crate::text::path;
use crate::timeline::Mark;
use crate::web::item::mark;

/// Last parts of paths that are asked for it.
const PATHS: [&str; 13] = [
    "health",
    "healthz",
    "healthcheck",
    "health-check",
    "health_check",
    "livez",
    "live",
    "liveness",
    "readyz",
    "ready",
    "readiness",
    "ping",
    "_health",
];

/// How the programs that ask call themselves, in the beginning of the user agent.
///
/// Sources: Elastic Load Balancing User Guide, "Health checks for your target groups"; Kubernetes documentation,
/// "Configure liveness, readiness and startup probes"; Route 53 Developer Guide.
const AGENTS: [&str; 4] =
    ["ELB-HealthChecker", "kube-probe", "Amazon-Route53-Health-Check-Service", "Consul Health Check"];

/// Whether a trace is a health check that went well.
pub(super) fn is_health_check(facts: &Facts) -> bool {
    if mark(facts) != Mark::Ok || facts.is_partial() {
        return false;
    }
    let asks =
        facts.label(0, Label::UserAgent).is_some_and(|agent| AGENTS.iter().any(|known| agent.starts_with(known)));
    let read = facts.label(0, Label::Method).is_none_or(|method| matches!(method, "GET" | "HEAD"));
    asks || (read && facts.label(0, Label::Url).is_some_and(is_asked_for))
}

fn is_asked_for(url: &str) -> bool {
    let last = path(url).trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    PATHS.iter().any(|known| known.eq_ignore_ascii_case(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_ask_for_health_are_told_from_others() {
        for url in ["http://a/health", "https://a:8080/api/v1/healthz/", "/ping?x=1", "http://a/actuator/Health"] {
            assert!(is_asked_for(url), "{url}");
        }
        for url in
            ["http://health/", "http://a/health/records", "http://a/shipping", "http://a/", "", "http://a/?q=/ping"]
        {
            assert!(!is_asked_for(url), "{url}");
        }
    }
}
