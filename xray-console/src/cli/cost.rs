//! `xrc cost`: what tracing costs a month, with the arithmetic shown.
//!
//! Prices and free amounts are those of AWS's price page for us-east-1 as of November 2026; they differ by region and are
//! options. Accounts with Transaction Search are billed by gigabytes instead.

use serde_json::json;
use xray_core::sampling::Rules;

use super::args::Cost;
use super::failure::{Done, Failure};
use super::output::{Output, grouped};

/// Traces recorded that cost nothing, a month.
const FREE_RECORDED: f64 = 100_000.0;
/// Traces retrieved or scanned that cost nothing, a month.
const FREE_RETRIEVED: f64 = 1_000_000.0;

pub(crate) fn run(options: &Cost, to: &mut Output) -> Done {
    let days = f64::from(options.days);
    let seconds = 86_400.0 * days;
    let mut lines = Vec::new();
    let traces = match (options.traces_per_month, options.rps) {
        (Some(traces), _) => {
            lines.push(format!("recorded {} traces in {} days", grouped(traces), options.days));
            traces
        }
        (None, rps) => {
            let rps = rps.unwrap_or(0.0);
            let rules = match &options.rules {
                Some(file) => Rules::from_file(file).map_err(Failure::usage)?,
                None => Rules::default(),
            };
            let rule = rules.default_rule();
            let instances = f64::from(options.instances);
            let reservoir = (f64::from(rule.fixed_target()) * instances).min(rps);
            let rest = rps - reservoir;
            let sampled = reservoir + rule.rate() * rest;
            let traces = sampled * seconds;
            let processes =
                if options.instances == 1 { "one instance" } else { &format!("{} instances", options.instances) };
            lines.push(format!(
                "rule {}: {}/s reservoir, then {} %      {rps} requests/s, {processes}",
                rule.name(),
                rule.fixed_target(),
                rule.rate() * 100.0
            ));
            lines.push(format!(
                "  sampled  {reservoir} + {} x {rest} = {}/s  ->  {} traces / {} days",
                rule.rate(),
                round(sampled),
                grouped(traces),
                options.days
            ));
            if rules.rules().iter().any(|rule| rule.fixed_target() > 0 || rule.rate() > 0.0) {
                lines.push(format!(
                    "  note     {} more rules in the file; how much traffic each takes: xrc sampling dry-run",
                    rules.rules().len()
                ));
            }
            traces
        }
    };
    let recorded = (traces - FREE_RECORDED).max(0.0) * options.recorded_price / 1e6;
    let looked_at = traces * options.scan_factor;
    let retrieved = (looked_at - FREE_RETRIEVED).max(0.0) * options.retrieved_price / 1e6;
    lines.push(format!(
        "  recorded   ({} - {} free) x ${:.2}/M = ${recorded:.2}",
        grouped(traces),
        grouped(FREE_RECORDED),
        options.recorded_price
    ));
    lines.push(format!(
        "  retrieved  ({} x {} = {} - {} free) x ${:.2}/M = ${retrieved:.2}",
        grouped(traces),
        options.scan_factor,
        grouped(looked_at),
        grouped(FREE_RETRIEVED),
        options.retrieved_price
    ));
    lines.push(format!("  total      ${:.2} a month", recorded + retrieved));
    let all = options.rps.map(|rps| {
        let all = rps * seconds;
        (all, (all - FREE_RECORDED).max(0.0) * options.recorded_price / 1e6)
    });
    if let Some((all, dollars)) = all {
        lines.push(format!("compare  every request: {} traces -> ${dollars:.2} recorded", grouped(all)));
    }
    lines.push("prices of us-east-1, November 2026; yours: --recorded-price, --retrieved-price".to_owned());
    let value = json!({
        "traces": traces, "recorded_dollars": recorded, "retrieved_dollars": retrieved,
        "total_dollars": recorded + retrieved, "every_request_dollars": all.map(|(_, dollars)| dollars),
    });
    to.either(&value, |to| lines.iter().try_for_each(|line| to.line(line)))
}

/// Without the noise of binary fractions.
fn round(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}
