//! Times, durations and widths.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How many columns of a terminal the text takes: wide characters two, combining marks none.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// A duration in at most seven columns, three digits of it at least where it has them: `350µs`, `8.25ms`, `912ms`,
/// `1.284s`, `4m12s`, `3h05m`, `2d04h`. `-` for what is no number.
///
/// # Examples
///
/// ```
/// use xray_console::text::duration;
///
/// assert_eq!([0.0, 0.00035, 0.00825, 0.0999996, 0.912].map(duration), ["0ms", "350µs", "8.25ms", "100ms", "912ms"]);
/// assert_eq!([0.9999, 1.2841, 59.9996, 252.2, 11_100.0].map(duration), ["1.000s", "1.284s", "1m00s", "4m12s", "3h05m"]);
/// assert_eq!([187_200.0, -0.5, f64::NAN].map(duration), ["2d04h", "-500ms", "-"]);
/// ```
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "-".to_owned();
    }
    if seconds < 0.0 {
        return format!("-{}", duration(-seconds));
    }
    // Whole microseconds first, so that a limit is not crossed by rounding afterwards. Casts saturate.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let micros = (seconds * 1e6).round() as u64;
    let rounded = |unit: u64| (micros + unit / 2) / unit;
    let pair = |large: u64, small: u64, names: (&str, &str)| {
        let count = rounded(small * 1_000_000);
        format!("{}{}{:02}{}", count / (large / small), names.0, count % (large / small), names.1)
    };
    match micros {
        0 => "0ms".to_owned(),
        1..1_000 => format!("{micros}µs"),
        1_000..9_995 => format!("{}.{:02}ms", rounded(10) / 100, rounded(10) % 100),
        9_995..99_950 => format!("{}.{}ms", rounded(100) / 10, rounded(100) % 10),
        99_950..999_500 => format!("{}ms", rounded(1_000)),
        999_500..59_999_500 => format!("{}.{:03}s", rounded(1_000) / 1_000, rounded(1_000) % 1_000),
        59_999_500..3_599_500_000 => pair(60, 1, ("m", "s")),
        3_599_500_000..86_370_000_000 => pair(3_600, 60, ("h", "m")),
        _ => pair(86_400, 3_600, ("d", "h")),
    }
}

/// The time of day in UTC, `14:02:31`, of seconds since the epoch.
pub fn clock(seconds: f64) -> String {
    date_time(seconds).split_once(' ').map_or_else(|| "-".to_owned(), |(_, time)| time.to_owned())
}

/// Date and time in UTC, `2016-06-09 22:11:20`, of seconds since the epoch; `-` outside the years 1970 to 9999.
///
/// # Examples
///
/// ```
/// use xray_console::text::{clock, date_time};
///
/// assert_eq!(date_time(1_465_510_280.514), "2016-06-09 22:11:20");
/// assert_eq!(date_time(951_782_400.0), "2000-02-29 00:00:00");
/// assert_eq!(clock(1_465_510_280.514), "22:11:20");
/// assert_eq!(date_time(-1.0), "-");
/// ```
pub fn date_time(seconds: f64) -> String {
    const LAST: f64 = 253_402_300_799.0;
    if !(0.0..=LAST).contains(&seconds) {
        return "-".to_owned();
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let seconds = seconds as u64;
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March have their leap day last. Source: Howard Hinnant, "chrono-compatible low-level date
    // algorithms", civil_from_days.
    let since_march = days + 719_468;
    let (era, day) = (since_march / 146_097, since_march % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", time / 3_600, time / 60 % 60, time % 60)
}

/// The text in exactly so many columns: blanks behind it, or an ellipsis in the place of its end.
pub(super) fn fit(text: &str, width: usize, ascii: bool) -> String {
    if fits(text, width) {
        return format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))));
    }
    let cut = cut(text, width, ascii);
    let rest = width.saturating_sub(columns(&cut));
    format!("{cut}{}", " ".repeat(rest))
}

/// Characters in a column at most: letters of every script have fewer marks, and of marks alone no column is ever full.
const PER_COLUMN: usize = 4;

fn fits(text: &str, width: usize) -> bool {
    columns(text) <= width && text.chars().nth(width * PER_COLUMN).is_none()
}

/// What stands in the place of what was cut off.
pub const CUT: [char; 2] = ['…', '~'];

/// The text in at most so many columns, an ellipsis ([`CUT`]) in the place of what is too much.
///
/// # Examples
///
/// ```
/// use xray_console::text::cut;
///
/// assert_eq!(cut("order-service", 8, false), "order-s…");
/// assert_eq!(cut("orders", 8, false), "orders");
/// ```
pub fn cut(text: &str, width: usize, ascii: bool) -> String {
    if fits(text, width) {
        return text.to_owned();
    }
    let ellipsis = if ascii { "~" } else { "…" };
    let mut taken = 0;
    let mut shown = String::new();
    for character in text.chars().take(width * PER_COLUMN) {
        taken += character.width().unwrap_or(0);
        if taken >= width {
            break;
        }
        shown.push(character);
    }
    if width > 0 {
        shown.push_str(ellipsis);
    }
    shown
}

/// The text against the right of so many columns.
pub(super) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_that_take_no_column_are_cut_too() {
        let name = format!("t{}", "\u{301}".repeat(10_000));
        assert_eq!(cut(&name, 5, false).chars().count(), 21);
        assert_eq!(columns(&fit(&name, 5, false)), 5);
        assert_eq!(cut("e\u{301}te\u{301}", 3, false), "e\u{301}te\u{301}");
    }
}
