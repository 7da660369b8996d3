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

/// From how long on something is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Least {
    Seconds(f64),
    /// Of the time in which anything was active.
    Share(f64),
}

/// `1ms`, `0.5s`, `2m`, or `2%` of the whole.
pub(crate) fn parse_least(text: &str) -> Result<Least, String> {
    let number = |text: &str| text.trim_end().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    let least = match (text.strip_suffix('%'), text.strip_suffix("ms"), text.strip_suffix("us")) {
        (Some(share), ..) => number(share).filter(|share| *share <= 100.0).map(|share| Least::Share(share / 100.0)),
        (_, Some(millis), _) => number(millis).map(|millis| Least::Seconds(millis / 1e3)),
        (.., Some(micros)) => number(micros).map(|micros| Least::Seconds(micros / 1e6)),
        _ if text == "0" => Some(Least::Seconds(0.0)),
        _ => parse_span(text).ok().map(Least::Seconds),
    };
    least.ok_or_else(|| "expected a time such as 1ms or 0.5s, or a share such as 2%".to_owned())
}

/// Seconds since the epoch.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_times() {
        for (text, least) in [
            ("1ms", Least::Seconds(0.001)),
            ("250us", Least::Seconds(0.00025)),
            ("1.5s", Least::Seconds(1.5)),
            ("0", Least::Seconds(0.0)),
            ("2%", Least::Share(0.02)),
        ] {
            assert_eq!(parse_least(text), Ok(least), "{text}");
        }
        for wrong in ["", "ms", "-1ms", "101%", "NaN%", "1"] {
            assert!(parse_least(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans() {
        assert_eq!(parse_span("15m"), Ok(900.0));
        assert_eq!(parse_span("1.5h"), Ok(5_400.0));
        for wrong in ["", "m", "15", "15 m", "-1s", "0s", "infs", "1é", "1e999d"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
    }
}
