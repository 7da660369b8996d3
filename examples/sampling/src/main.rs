//! The rules of a shop under load: errors at 100 %, health checks at 1 %, the rest at 5 %. See README.md.
#![allow(clippy::print_stdout)]

mod cost;
mod load;

use std::error::Error;
use std::fmt::Write;

use xray_core::Rules;

use crate::load::{Outcome, REQUESTS_A_SECOND, SECONDS};

/// The file a service would be given by `XRAY_SAMPLING_RULES=rules.json`.
const RULES: &str = include_str!("../rules.json");

fn main() -> Result<(), Box<dyn Error>> {
    let rules = Rules::parse(RULES)?;
    let outcomes = [load::run(Rules::all())?, load::run(Rules::default())?, load::run(rules.clone())?];
    print!("{}", report(&rules, &outcomes)?);
    Ok(())
}

/// What came of the load when everything was recorded, under the default rule, and under the shop's rules.
fn report(rules: &Rules, [all, default, shop]: &[Outcome; 3]) -> Result<String, std::fmt::Error> {
    let mut text = format!("The rules, in the order in which they are asked:\n\n{rules}\n\n");
    let requests = SECONDS * REQUESTS_A_SECOND;
    writeln!(text, "{requests} requests in {SECONDS} s, 2 % of them failing, 10 % health checks.\n")?;
    text.push_str(&table(shop)?);

    writeln!(text, "\n{:<38}{:>9}{:>15}{:>12}", "rules", "traces", "faults seen", "a month")?;
    for (name, outcome) in [("everything", all), ("1 a second, then 5 % (the default)", default), ("these rules", shop)]
    {
        let faults = format!("{} of {}", outcome.faults_recorded, outcome.faults);
        let month = dollars(cost::a_month_of_an_account(outcome.recorded, SECONDS));
        writeln!(text, "{name:<38}{:>9}{faults:>15}{month:>12}", outcome.recorded)?;
    }
    if let Some(document) = shop.kept() {
        writeln!(text, "\nOne that was not sampled when it began, and was kept for how it ended:\n\n{document}")?;
    }
    Ok(text)
}

/// A row for each rule.
fn table(outcome: &Outcome) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(
        text,
        "{:<30}{:>10}{:>10}{:>10}{:>8}{:>12}",
        "rule", "requests", "sampled", "borrowed", "late", "a month"
    )?;
    let mut sums = (0, 0);
    for rule in &outcome.rules {
        let recorded = rule.sampled + rule.late;
        let month = dollars(cost::a_month(recorded, SECONDS));
        writeln!(
            text,
            "{:<30}{:>10}{:>10}{:>10}{:>8}{month:>12}",
            rule.rule, rule.requests, rule.sampled, rule.borrowed, rule.late
        )?;
        sums = (sums.0 + rule.sampled, sums.1 + rule.late);
    }
    let month = dollars(cost::a_month_of_an_account(sums.0 + sums.1, SECONDS));
    writeln!(text, "{:<40}{:>10}{:>10}{:>8}{month:>12}", "all, 100,000 a month free", sums.0, "", sums.1)?;
    Ok(text)
}

fn dollars(amount: f64) -> String {
    format!("${amount:.2}")
}

#[cfg(test)]
mod tests {
    use xray_console::Trace;
    use xray_core::document::Document;

    use super::*;

    #[test]
    fn every_fault_is_recorded_the_bill_stays_small_and_the_readme_shows_it() {
        let rules = Rules::parse(RULES).unwrap();
        let outcomes = [Rules::all(), Rules::default(), rules.clone()].map(|rules| load::run(rules).unwrap());
        let [all, default, shop] = &outcomes;
        assert_eq!((all.recorded, all.faults_recorded), (12_000, 240));
        assert_eq!((shop.faults_recorded, shop.faults), (240, 240));
        assert!(default.faults_recorded < 30, "{}", default.faults_recorded);
        assert!(shop.recorded < default.recorded + 240);
        // Each rule's own count of what it recorded is what went out.
        let counted: u64 = shop.rules.iter().map(|rule| rule.sampled + rule.late).sum();
        assert_eq!(counted, shop.recorded);
        for document in &shop.documents {
            let document = Document::parse(document).unwrap();
            let id = document.trace_id.clone().unwrap();
            assert_eq!(Trace::assemble(&id, [document]).orphans, [], "each is a trace of its own");
        }

        let readme = include_str!("../README.md");
        let report = report(&rules, &outcomes).unwrap();
        for line in report.lines().filter(|line| !line.starts_with('{') && !line.is_empty()) {
            assert!(readme.contains(line.trim_end()), "not in README.md: {line}");
        }
    }
}
