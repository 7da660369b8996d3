//! Making names, annotation keys and URLs valid.
//!
//! X-Ray refuses a whole document for one wrong character in a name, so what a program calls its work
//! is made to fit rather than passed on. What is valid already is returned as it is, without a copy:
//! these functions are on the way of every document. Each is idempotent.
//!
//! Source: X-Ray Developer Guide, "Segment documents", and the JSON schema linked from it.

use std::borrow::Cow;

#[cfg(feature = "layer")]
use super::escape;
use super::letters;
use super::limits::{ANNOTATION_KEY_CHARS, NAME_CHARS, URL_CHARS};

/// What stands for a name of which nothing is left.
const NAMELESS: &str = "unknown";

/// The mark of a cut text.
const CUT: char = '…';

/// The name of a segment or subsegment as X-Ray takes it: 1 to [`NAME_CHARS`] characters.
///
/// Kept are Unicode letters, digits and separators and `_ . : / % & # = + \ - @`. Tabs and line ends
/// become spaces, all else is removed (also the marks some scripts write on their letters: they are
/// not letters to X-Ray), the rest is cut at the limit. If that leaves no more than spaces, the name
/// is `unknown`.
///
/// # Examples
///
/// ```
/// use xray_core::document::names::segment_name;
///
/// assert_eq!(segment_name("orders-api"), "orders-api");
/// assert_eq!(segment_name("GET /orders/{id}"), "GET /orders/id");
/// assert_eq!(segment_name("日本 (東京)"), "日本 東京");
/// assert_eq!(segment_name("?"), "unknown");
/// ```
pub fn segment_name(name: &str) -> Cow<'_, str> {
    let plain = name.len() <= NAME_CHARS && name.bytes().all(is_name_byte);
    if plain && name.bytes().any(|byte| byte != b' ') {
        return Cow::Borrowed(name);
    }
    mend_name(name)
}

#[cold]
fn mend_name(name: &str) -> Cow<'_, str> {
    if is_segment_name(name) && !is_blank(name) {
        return Cow::Borrowed(name);
    }
    let mended: String = name.chars().filter_map(name_char).take(NAME_CHARS).collect();
    if is_blank(&mended) { Cow::Borrowed(NAMELESS) } else { Cow::Owned(mended) }
}

/// Whether X-Ray takes this name.
///
/// # Examples
///
/// ```
/// use xray_core::document::names::is_segment_name;
///
/// assert!(is_segment_name("t:1/%&#=+-@."));
/// assert!(!is_segment_name("a(b)"));
/// assert!(!is_segment_name(""));
/// ```
pub fn is_segment_name(name: &str) -> bool {
    let mut chars = 0;
    for c in name.chars() {
        chars += 1;
        if chars > NAME_CHARS || !is_name_char(c) {
            return false;
        }
    }
    chars > 0
}

fn is_blank(name: &str) -> bool {
    name.chars().all(char::is_whitespace)
}

fn name_char(c: char) -> Option<char> {
    if is_name_char(c) {
        Some(c)
    } else if c.is_whitespace() {
        Some(' ')
    } else {
        None
    }
}

fn is_name_char(c: char) -> bool {
    match u8::try_from(c) {
        Ok(byte) if byte.is_ascii() => is_name_byte(byte),
        _ => letters::is_letter_digit_or_separator(c),
    }
}

fn is_name_byte(byte: u8) -> bool {
    // The guide lists the backslash, the schema may not: it escapes there. The SDKs that clean names keep it.
    byte.is_ascii_alphanumeric()
        || matches!(byte, b' ' | b'_' | b'.' | b':' | b'/' | b'%' | b'&' | b'#' | b'=' | b'+' | b'\\' | b'-' | b'@')
}

/// The key of an annotation as X-Ray indexes it: ASCII letters, digits and `_`, 1 to
/// [`ANNOTATION_KEY_CHARS`] of them.
///
/// Every other character becomes `_`, the dot too: only newer parts of X-Ray accept it, and a filter
/// expression would have to quote it. An empty key is `_`.
///
/// # Examples
///
/// ```
/// use xray_core::document::names::annotation_key;
///
/// assert_eq!(annotation_key("order_id"), "order_id");
/// assert_eq!(annotation_key("order.id"), "order_id");
/// ```
pub fn annotation_key(key: &str) -> Cow<'_, str> {
    if is_annotation_key(key) {
        return Cow::Borrowed(key);
    }
    if key.is_empty() {
        return Cow::Borrowed("_");
    }
    let valid = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    Cow::Owned(key.chars().map(valid).take(ANNOTATION_KEY_CHARS).collect())
}

/// Whether X-Ray takes this annotation key, in all its parts.
pub fn is_annotation_key(key: &str) -> bool {
    let length = 1..=ANNOTATION_KEY_CHARS;
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    length.contains(&key.len()) && key.bytes().all(valid)
}

/// A URL without what may be secret: query, fragment, user name and password are removed, the rest is
/// cut at [`URL_CHARS`].
///
/// Takes whole URLs, those without a scheme, and bare paths. It does not check that the text is a URL.
///
/// # Examples
///
/// ```
/// use xray_core::document::names::url;
///
/// assert_eq!(url("https://example.com/orders/7"), "https://example.com/orders/7");
/// assert_eq!(url("https://me:secret@example.com/orders?token=1#top"), "https://example.com/orders");
/// assert_eq!(url("/orders?token=1"), "/orders");
/// ```
pub fn url(url: &str) -> Cow<'_, str> {
    // Most have nothing to lose. Asked without a branch, which compilers turn into many bytes at a time: a fifth of the
    // instructions for 36 bytes.
    let suspect = url.bytes().fold(false, |found, byte| found | matches!(byte, b'?' | b'#' | b'@'));
    if suspect || url.len() > URL_CHARS { without_secrets(url) } else { Cow::Borrowed(url) }
}

/// Where a database is, without what may be secret: as [`url`], and without the parameters behind it, be it written as a URL
/// or as pairs.
///
/// # Examples
///
/// ```
/// use xray_core::document::names::connection;
///
/// assert_eq!(connection("postgres://me:secret@db:5432/orders?sslkey=secret"), "postgres://db:5432/orders");
/// assert_eq!(connection("Server=db;Password=secret"), "Server=db");
/// assert_eq!(connection("host=db password=secret"), "host=db");
/// ```
pub fn connection(text: &str) -> Cow<'_, str> {
    let end = text.find([';', '?', ' ']).unwrap_or(text.len());
    url(text.get(..end).unwrap_or(text))
}

/// Whether a URL has nothing that [`url`] removes, and nothing that JSON escapes; it may still be too long.
#[cfg(feature = "layer")]
pub(crate) fn is_plain_url(url: &[u8]) -> bool {
    escape::is_clean_without(url, [b'?', b'#', b'@'])
}

fn without_secrets(url: &str) -> Cow<'_, str> {
    let end = url.bytes().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(url.len());
    let mut whole = Cow::Borrowed(url.get(..end).unwrap_or(url));
    // Twice at most: what stood after a removed user may look like a URL of its own.
    while whole.as_bytes().contains(&b'@') {
        let Some(without) = without_user(&whole) else { break };
        whole = Cow::Owned(without);
    }
    match whole {
        Cow::Borrowed(text) => Cow::Borrowed(first_chars(text, URL_CHARS)),
        Cow::Owned(text) => Cow::Owned(first_chars(&text, URL_CHARS).to_owned()),
    }
}

/// `url` without the part up to the last `@` of its authority; none if there is no such part.
fn without_user(url: &str) -> Option<String> {
    let slash = url.find('/').unwrap_or(url.len());
    let (before, from_slash) = url.split_at_checked(slash)?;
    // In `scheme://authority/path` and `//authority/path` the authority lies behind the slashes.
    let scheme = before.is_empty() || (before.ends_with(':') && !before.contains('@'));
    let (scheme, rest) = match from_slash.strip_prefix("//") {
        Some(rest) if scheme => (before, rest),
        _ => return without_user_in(before).map(|host| format!("{host}{from_slash}")),
    };
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = without_user_in(authority)?;
    let path = rest.strip_prefix(authority).unwrap_or_default();
    Some(format!("{scheme}//{host}{path}"))
}

fn without_user_in(authority: &str) -> Option<&str> {
    authority.rsplit_once('@').map(|(_user, host)| host)
}

/// A text of at most `max` characters: the text itself, or its beginning and the mark `…`.
///
/// # Examples
///
/// ```
/// use xray_core::document::names::text;
///
/// assert_eq!(text("card refused", 512), "card refused");
/// assert_eq!(text("card refused", 5), "card…");
/// ```
pub fn text(text: &str, max: usize) -> Cow<'_, str> {
    // As many bytes as characters at least, so short texts need no counting.
    if text.len() <= max || text.chars().nth(max).is_none() {
        return Cow::Borrowed(text);
    }
    let Some(kept) = max.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    let mut cut = first_chars(text, kept).to_owned();
    cut.push(CUT);
    Cow::Owned(cut)
}

/// Whether values under this name are nobody's business, whatever a privacy setting says: it contains
/// `authorization`, `password`, `passwd`, `secret`, `token`, `cookie`, `api_key`, `apikey`, `credential` or
/// `private_key`, in any case. [`MASK`] is written in their place.
///
/// # Examples
///
/// ```
/// use xray_core::document::names::is_secret;
///
/// assert!(is_secret("annotation.apiToken"));
/// assert!(!is_secret("order_id"));
/// ```
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|part| name.contains(part))
}

/// What stands for a value that is not written.
pub const MASK: &str = "[masked]";

const SECRETS: [&str; 10] = [
    "authorization",
    "password",
    "passwd",
    "secret",
    "token",
    "cookie",
    "api_key",
    "apikey",
    "credential",
    "private_key",
];

fn first_chars(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = text.char_indices().nth(max).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_borrowed(text: Cow<'_, str>) -> bool {
        matches!(text, Cow::Borrowed(_))
    }

    #[test]
    fn valid_names_pass_without_a_copy() {
        let longest = "a".repeat(200);
        let longest_wide = "語".repeat(200);
        for name in ["a b", "日本", "t:1/%&#=+-@.", "Ünï_9", "a\\b", "½ Ⅷ", "a\u{a0}b", &longest, &longest_wide]
        {
            assert!(is_segment_name(name), "{name}");
            assert!(is_borrowed(segment_name(name)), "{name}");
            assert_eq!(segment_name(name), name);
        }
    }

    #[test]
    fn refused_names_are_mended() {
        for (name, mended) in [
            ("a(b)", "ab"),
            ("a,b", "ab"),
            ("a'b", "ab"),
            ("a?b", "ab"),
            ("a*b", "ab"),
            ("a\tb\r\nc", "a b  c"),
            ("GET /orders/{id}", "GET /orders/id"),
            ("orders<api>|x|\u{0}\u{7f}", "ordersapix"),
            ("na\u{301}me", "name"),
            ("ⓐ🙂b", "b"),
            ("", "unknown"),
            ("   ", "unknown"),
            ("\n", "unknown"),
            ("(*)", "unknown"),
        ] {
            assert!(!is_segment_name(name) || name.trim().is_empty(), "{name:?}");
            assert_eq!(segment_name(name), mended, "{name:?}");
        }
    }

    #[test]
    fn secrets_are_known_by_parts_of_their_names() {
        for name in
            ["password", "annotation.apiToken", "http.request.header.authorization", "Set-Cookie", "client_secret"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["order_id", "user", "path", "message"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn names_are_cut_between_characters() {
        assert_eq!(segment_name(&"a".repeat(201)), "a".repeat(200));
        assert_eq!(segment_name(&"語".repeat(201)), "語".repeat(200));
        assert_eq!(segment_name(&format!("{}b", " ".repeat(200))), "unknown");
    }

    #[test]
    fn annotation_keys_are_letters_digits_and_underscores() {
        for (key, mended) in [
            ("order_id", "order_id"),
            ("Order9", "Order9"),
            ("order-id", "order_id"),
            ("order.id", "order_id"),
            ("größe", "gr__e"),
            ("a b", "a_b"),
            ("", "_"),
        ] {
            assert_eq!(annotation_key(key), mended);
            assert_eq!(is_borrowed(annotation_key(key)), key == mended || key.is_empty(), "{key}");
        }
        assert_eq!(annotation_key(&"k".repeat(501)), "k".repeat(500));
        assert!(is_borrowed(annotation_key(&"k".repeat(500))));
    }

    #[test]
    fn urls_lose_query_fragment_and_user() {
        for (whole, kept) in [
            ("http://example.com/a/b", "http://example.com/a/b"),
            ("http://example.com/?q=1", "http://example.com/"),
            ("http://example.com?q=http://u:p@h/", "http://example.com"),
            ("http://example.com/#me@home", "http://example.com/"),
            ("http://u:p@example.com/a@b", "http://example.com/a@b"),
            ("http://u:p@w@example.com:80", "http://example.com:80"),
            ("http://u:p@[::1]:80/x", "http://[::1]:80/x"),
            ("//u@example.com/x", "//example.com/x"),
            ("u:p@example.com/x", "example.com/x"),
            ("example.com:443", "example.com:443"),
            ("/users/me@example.com", "/users/me@example.com"),
            ("u@http://v@example.com/", "http://example.com/"),
            ("", ""),
            ("*", "*"),
        ] {
            assert_eq!(url(whole), kept, "{whole}");
        }
        assert!(is_borrowed(url("http://example.com/a?b")));
    }

    #[test]
    fn urls_are_cut_between_characters() {
        let long = format!("http://example.com/{}", "ü".repeat(300));
        assert_eq!(url(&long).chars().count(), 250);
        assert!(long.starts_with(&*url(&long)));
    }

    #[test]
    fn texts_are_cut_with_a_mark() {
        for (whole, max, kept) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("ääää", 4, "ääää"),
            ("äääää", 4, "äää…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(text(whole, max), kept, "{whole} {max}");
        }
        assert!(is_borrowed(text("ääää", 4)));
    }

    /// Texts rich in the characters that matter here.
    fn awkward() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,300}",
            "[a-z:/@?#\\\\. \t-]{0,40}",
            "(//|[a-z]{0,3}:?//)?([a-z]?@){0,3}/{0,3}[a-z@:/]{0,10}",
            proptest::collection::vec(any::<char>(), 0..300).prop_map(String::from_iter),
        ]
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_valid_name(name in awkward()) {
            let once = segment_name(&name);
            prop_assert!(is_segment_name(&once));
            prop_assert_eq!(segment_name(&once), &*once);
            prop_assert!(is_borrowed(segment_name(&once)));
        }

        #[test]
        fn any_text_becomes_a_valid_annotation_key(key in awkward()) {
            let once = annotation_key(&key);
            prop_assert!(is_annotation_key(&once));
            prop_assert_eq!(annotation_key(&once), &*once);
        }

        #[test]
        fn any_text_becomes_a_url_without_secrets(whole in awkward()) {
            let once = url(&whole);
            prop_assert!(once.chars().count() <= URL_CHARS);
            prop_assert!(!once.contains(['?', '#']));
            prop_assert_eq!(url(&once), &*once);
        }

        #[test]
        fn no_user_survives(user in "[a-z:@]{0,8}", rest in "[a-z]{1,8}(/[a-z]{0,4}){0,3}") {
            let whole = format!("https://{user}@{rest}");
            prop_assert_eq!(url(&whole), format!("https://{rest}"));
        }

        #[test]
        fn any_text_is_cut_to_its_bound(whole in awkward(), max in 0_usize..300) {
            let once = text(&whole, max);
            prop_assert!(once.chars().count() <= max);
            prop_assert_eq!(text(&once, max), &*once);
            prop_assert_eq!(is_borrowed(once.clone()) && max > 0, whole.chars().count() <= max && max > 0);
        }
    }
}
