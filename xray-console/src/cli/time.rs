//! Times as people write and read them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds of a span such as `30s`, `15m`, `6h`, `7d`.
pub(crate) fn parse_span(text: &str) -> Result<f64, String> {
    let expected = || "expected a number and a unit: 30s, 15m, 6h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(expected)?;
    let seconds = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3_600.0,
        'd' => 86_400.0,
        _ => return Err(expected()),
    };
    let number = text.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok());
    let span = number.map(|number| number * seconds).filter(|span| span.is_finite() && *span > 0.0);
    span.ok_or_else(expected)
}

/// Seconds since the epoch.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        assert_eq!(parse_span("15m"), Ok(900.0));
        assert_eq!(parse_span("1.5h"), Ok(5_400.0));
        for wrong in ["", "m", "15", "15 m", "-1s", "0s", "infs", "1é", "1e999d"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
    }
}
