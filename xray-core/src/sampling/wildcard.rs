//! The patterns of sampling rules: `*` stands for any number of characters, `?` for exactly one.
//!
//! Letters match in either case, by ASCII or by the simple lower-case form that Unicode gives a character; a
//! letter outside ASCII never matches one inside. There are no classes and no escapes. The empty pattern matches
//! the empty text only.
//!
//! Matching never recurses and gives up one `*` for good when it meets the next, so no pattern can make a long
//! path from the network cost more than its length times the pattern's, and the usual ones cost much less.
//!
//! Source: X-Ray Developer Guide, "Configuring sampling rules"; the matchers of the official SDKs.

use std::fmt;
use std::str::Chars;

/// A wildcard pattern, prepared for matching: `*` stands for any number of characters, `?` for exactly one.
///
/// Letters match in either case. Any text is a pattern; the empty one matches the empty text only. Matching costs at
/// most the text's length times the pattern's, whatever the text.
///
/// # Examples
///
/// ```
/// use xray_core::sampling::Pattern;
///
/// let shops = Pattern::new("*.example.com");
/// assert!(shops.matches("Shop.example.com"));
/// assert!(!shops.matches("example.com"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    kind: Kind,
}

/// What kind of pattern it is; all but the last decode no characters.
#[derive(Clone, PartialEq, Eq)]
enum Kind {
    /// `*`: anything, even nothing at all.
    Any,
    /// ASCII without wildcards.
    Exact,
    /// ASCII with one `*`, at its end.
    Prefix,
    /// ASCII with one `*`, at its start.
    Suffix,
    /// ASCII with other places or numbers of `*`: bytes before the first and behind the last.
    Parts { start: usize, end: usize },
    /// Anything else: bytes of ASCII before the first wildcard, then folded characters.
    Wild { start: usize, rest: Box<[char]> },
}

impl Pattern {
    /// The pattern that matches everything, `*`.
    pub(super) fn any() -> Pattern {
        Pattern::new("*")
    }

    /// Prepares `text`.
    pub fn new(text: &str) -> Pattern {
        let literal = |text: &str| text.is_ascii() && !text.contains(['*', '?']);
        let kind = if !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
            Kind::Any
        } else if literal(text) {
            Kind::Exact
        } else if text.strip_suffix('*').is_some_and(literal) {
            Kind::Prefix
        } else if text.strip_prefix('*').is_some_and(literal) {
            Kind::Suffix
        } else if let Some((start, last)) = stars(text) {
            Kind::Parts { start, end: text.len() - last - 1 }
        } else {
            let special = |character: char| !character.is_ascii() || matches!(character, '*' | '?');
            let (start, rest) = text.split_at(text.find(special).unwrap_or(text.len()));
            Kind::Wild { start: start.len(), rest: rest.chars().map(fold).collect() }
        };
        Pattern { text: text.into(), kind }
    }

    /// True for `*`, which asks nothing of the text.
    pub(super) fn is_any(&self) -> bool {
        self.kind == Kind::Any
    }

    /// The pattern as it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        let pattern = self.text.as_bytes();
        match &self.kind {
            Kind::Any => true,
            Kind::Exact => same(text.as_bytes(), pattern),
            Kind::Prefix => starts_with(text, pattern.split_last().map(|(_, start)| start)),
            Kind::Suffix => ends_with(text, pattern.split_first().map(|(_, end)| end)),
            Kind::Parts { start, end } => matches_parts(pattern, text.as_bytes(), *start, *end),
            // Most texts differ in the start, which is compared without decoding characters.
            Kind::Wild { start, rest } => {
                starts_with(text, pattern.get(..*start))
                    && text.get(*start..).is_some_and(|text| matches_wild(rest, text))
            }
        }
    }

    /// Whether a part that the request may lack matches: what is absent is matched by `*` alone.
    pub(super) fn matches_part(&self, text: Option<&str>) -> bool {
        match text {
            Some(text) => self.matches(text),
            None => self.is_any(),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

fn starts_with(text: &str, start: Option<&[u8]>) -> bool {
    let Some(start) = start else { return false };
    text.as_bytes().get(..start.len()).is_some_and(|found| same(found, start))
}

fn ends_with(text: &str, end: Option<&[u8]>) -> bool {
    let Some(end) = end else { return false };
    let from = text.len().checked_sub(end.len());
    from.and_then(|from| text.as_bytes().get(from..)).is_some_and(|found| same(found, end))
}

/// Equal but for the case of ASCII letters. Quicker than `eq_ignore_ascii_case`: the case nearly always agrees, and
/// paths, which share their starts, are compared from the end. The cases of a letter differ in one bit.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .rev()
            .all(|(one, other)| one == other || (one ^ other == 0x20 && one.is_ascii_alphabetic()))
}

/// The first and the last `*` of a pattern in ASCII that has at least one, and no `?`.
fn stars(pattern: &str) -> Option<(usize, usize)> {
    (pattern.is_ascii() && !pattern.contains('?')).then_some(())?;
    pattern.find('*').zip(pattern.rfind('*'))
}

/// What stands before the first `*`, behind the last, and between them one after the other, each as early as it can.
fn matches_parts(pattern: &[u8], text: &[u8], start: usize, end: usize) -> bool {
    let (Some((first, parts, last)), Some((text_first, mut left, text_last))) =
        (cut(pattern, start, end), cut(text, start, end))
    else {
        return false;
    };
    same(text_first, first)
        && same(text_last, last)
        && parts.split(|byte| *byte == b'*').filter(|part| !part.is_empty()).all(|part| {
            let found = left.windows(part.len()).position(|place| same(place, part));
            left = found.and_then(|at| left.get(at + part.len()..)).unwrap_or_default();
            found.is_some()
        })
}

/// So many bytes at the start, what is between, and so many at the end.
fn cut(text: &[u8], start: usize, end: usize) -> Option<(&[u8], &[u8], &[u8])> {
    let (first, rest) = text.split_at_checked(start)?;
    let (between, last) = rest.split_at_checked(rest.len().checked_sub(end)?)?;
    Some((first, between, last))
}

/// Two positions walk forward; on a mismatch both return to the last `*`, which then takes one character more.
fn matches_wild(pattern: &[char], text: &str) -> bool {
    let mut pattern = pattern;
    let mut text = text.chars();
    // What follows the last `*`, and the text from which to try it next.
    let mut retry: Option<(&[char], Chars<'_>)> = None;
    loop {
        let mut ahead = text.clone();
        match (pattern.split_first(), ahead.next()) {
            (Some(('*', rest)), _) => {
                if rest.is_empty() {
                    return true;
                }
                pattern = rest;
                retry = Some((rest, text.clone()));
            }
            (Some((wanted, rest)), Some(found)) if *wanted == '?' || *wanted == fold(found) => {
                pattern = rest;
                text = ahead;
            }
            (None, None) => return true,
            // A later start would leave even less text.
            (Some(_), None) => return false,
            (_, Some(_)) => {
                let Some((after, from)) = &mut retry else {
                    return false;
                };
                from.next();
                pattern = after;
                text = from.clone();
            }
        }
    }
}

/// Lower case, where that is one character; nothing outside ASCII becomes a character inside it (the Kelvin
/// sign would become `k`), so that patterns in ASCII can be compared by bytes.
fn fold(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    let mut lower = character.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) if !one.is_ascii() => one,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_in_the_official_sdks() {
        let long = "a".repeat(2000);
        let cases = [
            // Exact, empty, case.
            ("", "", true),
            ("", "a", false),
            ("a", "", false),
            ("foo", "foo", true),
            ("foo", "foobar", false),
            ("foo", "barfoo", false),
            ("FoO", "fOo", true),
            ("/API/Orders", "/api/orders", true),
            // One character.
            ("?", "a", true),
            ("?", "", false),
            ("?", "ab", false),
            ("??", "ab", true),
            ("f?o", "foo", true),
            ("f?o", "fo", false),
            ("?o?se", "horse", true),
            ("?o?se", "hose", false),
            ("fo?", "FOO", true),
            // Any number of characters.
            ("*", "", true),
            ("*", "anything at all", true),
            ("**", "", true),
            ("foo*", "foo", true),
            ("foo*", "FOObar", true),
            ("foo*", "fo", false),
            ("*foo", "foo", true),
            ("*foo", "barFOO", true),
            ("*foo", "oo", false),
            ("*foo", "foobar", false),
            ("*foo*", "a foo b", true),
            ("*foo*", "a fo o b", false),
            ("*.example.com", "shop.example.com", true),
            ("*.example.com", "example.com", false),
            // Several.
            ("a*b*c", "abc", true),
            ("a*b*c", "axxbxxbxxc", true),
            ("a*b*c", "axxcxxb", false),
            ("*a*b*", "xxbxxa", false),
            ("/api/*/items/*", "/api/7/items/9", true),
            ("/api/*/items/*", "/api/7/item/9", false),
            ("a**c", "abc", true),
            ("ab*ab", "ab", false),
            ("ab*ab", "abab", true),
            // Mixed.
            ("?*", "", false),
            ("?*", "a", true),
            ("*?", "a", true),
            ("*?", "", false),
            ("a*?c", "ac", false),
            ("a*?c", "abbc", true),
            ("*?a?*", "xay", true),
            ("*?a?*", "ay", false),
            ("?o*se*", "moose eyes", true),
            // Nothing else is special.
            ("[ab]", "a", false),
            ("\\*", "*", false),
            ("\\*", "\\anything", true),
            ("a.c", "abc", false),
            // Beyond ASCII: a character is a character, in either case.
            ("caf?", "caf\u{e9}", true),
            ("caf??", "caf\u{e9}", false),
            ("CAF\u{c9}*", "caf\u{e9} noir", true),
            ("caf\u{e9}", "CAF\u{c9}", true),
            ("*\u{e9}", "caf", false),
            ("k", "\u{212a}", false),
            ("?\u{e9}k", "x\u{e9}\u{212a}", false),
            ("\u{130}*", "\u{130}x", true),
            // Long.
            ("a*a", &long, true),
            ("*b", &long, false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn what_is_absent_is_matched_by_a_star_alone() {
        for (pattern, expected) in [("*", true), ("**", true), ("", false), ("?*", false), ("a*", false)] {
            assert_eq!(Pattern::new(pattern).matches_part(None), expected, "{pattern:?}");
        }
        assert!(Pattern::new("").matches_part(Some("")));
    }

    #[test]
    fn no_pattern_blows_up() {
        // A matcher that tries every way of spreading the text over the stars would not return.
        let text = "a".repeat(20_000);
        for pattern in ["*a".repeat(30) + "b", "a*".repeat(30) + "b", "*?".repeat(30) + "b", "*a?*".repeat(30) + "b"] {
            assert!(!Pattern::new(&pattern).matches(&text), "{pattern}");
            assert!(Pattern::new(&pattern).matches(&format!("{text}b")), "{pattern}");
        }
    }

    /// The definition, letter by letter.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], text) => text.is_empty(),
            (['*', rest @ ..], text) => (0..=text.len()).any(|skip| by_definition(rest, &text[skip..])),
            (['?', rest @ ..], [_, text @ ..]) => by_definition(rest, text),
            ([wanted, rest @ ..], [found, text @ ..]) => {
                wanted.to_lowercase().eq(found.to_lowercase()) && by_definition(rest, text)
            }
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_its_definition(pattern in "[aAb\u{e9}*?]{0,8}", text in "[abB\u{c9}]{0,10}") {
            let expected = by_definition(
                &pattern.chars().collect::<Vec<_>>(),
                &text.chars().collect::<Vec<_>>(),
            );
            prop_assert_eq!(Pattern::new(&pattern).matches(&text), expected);
        }

        #[test]
        fn any_text_matches_itself_and_every_pattern_is_harmless(pattern in ".{0,20}", text in ".{0,40}") {
            prop_assert!(Pattern::new(&text.replace(['*', '?'], "x")).matches(&text.replace(['*', '?'], "x")));
            let start = format!("{}*", text.replace(['*', '?'], "x"));
            let followed = format!("{}{pattern}", text.replace(['*', '?'], "x"));
            prop_assert!(Pattern::new(&start).matches(&followed));
            let _harmless = Pattern::new(&pattern).matches(&text);
        }
    }
}
