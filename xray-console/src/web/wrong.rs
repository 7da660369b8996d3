//! A filter that is not understood: where, why, and what was probably meant.

use maud::{Markup, html};

use super::asked::Asked;
use super::shown;
use crate::FilterError;
use crate::text::{columns, escape};

/// What is said of it, with a link to `path` that mends it if there is a nearest word.
pub(super) fn wrong(asked: &Asked, error: &FilterError, path: &str) -> Markup {
    let text = asked.query.get("q").map(str::trim).unwrap_or_default();
    let (before, after) = text.split_at_checked(error.position()).unwrap_or((text, ""));
    let (before, after) = (escape(before), escape(after));
    let mended = error.nearest().map(|nearest| mended(text, error.position(), nearest));
    html! {
        p { (shown(&error.to_string())) }
        pre { (before) (after) "\n" (" ".repeat(columns(&before))) "^" }
        p {
            @if let Some(mended) = mended {
                a href=(asked.query.without("part").with("q", &mended).href(path)) { code { (shown(&mended)) } } " · "
            }
            a href="/about#filter" { "The language" }
        }
    }
}

/// The text with the word at this place replaced.
fn mended(text: &str, position: usize, nearest: &str) -> String {
    let (before, after) = text.split_at_checked(position).unwrap_or((text, ""));
    let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-');
    let starts_with_word = after.chars().next().is_some_and(is_word);
    let end = after.find(|letter: char| is_word(letter) != starts_with_word || letter.is_whitespace());
    let rest = end.and_then(|end| after.get(end..)).unwrap_or_default();
    format!("{before}{nearest}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Filter;

    #[test]
    fn the_nearest_word_stands_where_the_wrong_one_was() {
        for (text, expected) in [
            ("ok AND responsetme > 5", "ok AND responsetime > 5"),
            ("falut", "fault"),
            ("ok && fault", "ok AND fault"),
            ("http.status == 500", "http.status = 500"),
        ] {
            let error = Filter::parse(text).unwrap_err();
            assert_eq!(mended(text, error.position(), error.nearest().unwrap()), expected);
        }
    }
}
