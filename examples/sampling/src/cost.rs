//! What traces cost in a month, by AWS's public price list.

/// US dollars for a million traces that are recorded. Source: AWS X-Ray pricing.
const DOLLARS_A_MILLION: f64 = 5.0;
/// Traces recorded each month that cost nothing. Source: the same.
const FREE_A_MONTH: f64 = 100_000.0;
/// Seconds of a month of 30 days.
const MONTH: f64 = 30.0 * 86_400.0;

/// Dollars for a month that goes on like these seconds, before anything is free.
pub(crate) fn a_month(recorded: u64, seconds: u64) -> f64 {
    dollars(traces_a_month(recorded, seconds))
}

/// The same for an account, of which the first traces are free.
pub(crate) fn a_month_of_an_account(recorded: u64, seconds: u64) -> f64 {
    dollars((traces_a_month(recorded, seconds) - FREE_A_MONTH).max(0.0))
}

fn traces_a_month(recorded: u64, seconds: u64) -> f64 {
    recorded as f64 / seconds as f64 * MONTH
}

fn dollars(traces: f64) -> f64 {
    traces / 1e6 * DOLLARS_A_MILLION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_a_second_at_five_percent_are_648_dollars() {
        assert_eq!(a_month(50, 1), 648.0);
        assert_eq!(a_month(1000, 1), 12_960.0);
        assert_eq!(a_month_of_an_account(50, 1), 647.5);
        assert_eq!(a_month_of_an_account(1, 3600), 0.0);
    }
}
