//! `Lineage` and the keys we do not know: carried on to the next service, within a bound.

use super::TraceHeader;

/// The parts of a header value: what stands between two `;`, as key and value.
///
/// Of a value beyond the bound, the part that the bound would cut through is not read either: half a value
/// may mean something else.
pub(super) fn parts(value: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let readable = match value.get(..=TraceHeader::MAX_READ) {
        None => value,
        Some(head) => {
            let end = head.iter().rposition(|byte| *byte == b';').unwrap_or(0);
            head.get(..end).unwrap_or_default()
        }
    };
    readable.split(|byte| *byte == b';').filter_map(cut)
}

/// A part cut at its first `=`, both sides trimmed and not empty.
fn cut(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = part.iter().position(|byte| *byte == b'=')?;
    let (key, value) = part.split_at_checked(equals)?;
    let key = key.trim_ascii();
    let value = value.get(1..)?.trim_ascii();
    (!key.is_empty() && !value.is_empty()).then_some((key, value))
}

/// The keys a header reads itself, in any case.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Root,
    Parent,
    Sampled,
    Itself,
    Other,
}

impl Key {
    pub(super) fn of(key: &[u8]) -> Key {
        match key.len() {
            4 if key.eq_ignore_ascii_case(b"root") => Key::Root,
            6 if key.eq_ignore_ascii_case(b"parent") => Key::Parent,
            7 if key.eq_ignore_ascii_case(b"sampled") => Key::Sampled,
            4 if key.eq_ignore_ascii_case(b"self") => Key::Itself,
            _ => Key::Other,
        }
    }
}

/// Collects `key=value;key=value` while a header is read.
///
/// Parts past the 64th are not looked at: no more can fit, and each costs a comparison with those already
/// kept, which a hostile header of thousands of parts must not turn into much work.
#[derive(Default)]
pub(super) struct Data {
    kept: String,
    seen: usize,
}

impl Data {
    /// The data in a text that holds nothing else.
    pub(super) fn of(text: &[u8]) -> Option<Box<str>> {
        let mut data = Data::default();
        for (key, value) in parts(text) {
            if let Key::Other = Key::of(key) {
                data.push(key, value);
            }
        }
        data.finish()
    }

    /// Keeps a part, unless it is not visible ASCII or does not fit. A key that came before is replaced.
    #[cold]
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) {
        if self.seen == MAX_PARTS {
            return;
        }
        self.seen += 1;
        let (Some(key), Some(value)) = (visible(key), visible(value)) else {
            return;
        };
        self.remove(key);
        let separator = usize::from(!self.kept.is_empty());
        // No part is longer than the header that is read, so the sum is small.
        let len = self.kept.len() + separator + key.len() + 1 + value.len();
        if len > TraceHeader::MAX_DATA {
            return;
        }
        if separator == 1 {
            self.kept.push(';');
        }
        self.kept.push_str(key);
        self.kept.push('=');
        self.kept.push_str(value);
    }

    pub(super) fn finish(self) -> Option<Box<str>> {
        (!self.kept.is_empty()).then(|| self.kept.into_boxed_str())
    }

    fn remove(&mut self, key: &str) {
        let is_key = |part: &str| part.split_once('=').is_some_and(|(kept, _)| kept == key);
        if self.kept.split(';').any(is_key) {
            let others: Vec<&str> = self.kept.split(';').filter(|part| !is_key(part)).collect();
            self.kept = others.join(";");
        }
    }
}

/// As many parts as [`TraceHeader::MAX_DATA`] bytes can hold: `k=v;` is the shortest.
const MAX_PARTS: usize = TraceHeader::MAX_DATA / 4;

fn visible(text: &[u8]) -> Option<&str> {
    if text.iter().all(u8::is_ascii_graphic) { std::str::from_utf8(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_cut_at_its_first_equals_sign_and_trimmed() {
        assert_eq!(cut(b" k = v=w "), Some((&b"k"[..], &b"v=w"[..])));
        for nothing in [&b""[..], b"  ", b"k", b"=", b"k=", b"k= ", b"=v", b" =v"] {
            assert_eq!(cut(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_skipped_and_the_next_that_does_is_kept() {
        let long = "v".repeat(TraceHeader::MAX_DATA);
        let fits = "v".repeat(TraceHeader::MAX_DATA - "a=1;b=".len());
        let text = format!("a=1;long={long};b={fits};c=3");
        assert_eq!(Data::of(text.as_bytes()).unwrap().as_ref(), format!("a=1;b={fits}"));
        let text = format!("a=1;b={fits}v;c=3");
        assert_eq!(Data::of(text.as_bytes()).unwrap().as_ref(), "a=1;c=3");
    }

    #[test]
    fn a_repeated_key_moves_to_where_it_came_last() {
        assert_eq!(Data::of(b"a=1;b=2;a=3").unwrap().as_ref(), "b=2;a=3");
        assert_eq!(Data::of(b"a=1;A=2").unwrap().as_ref(), "a=1;A=2");
    }

    #[test]
    fn at_most_64_unknown_parts_are_looked_at() {
        let many: String = (0..1000).map(|part| format!("k{part}=\u{7f};")).collect();
        assert_eq!(Data::of(format!("{many}a=1").as_bytes()), None);
        assert_eq!(Data::of(b"k=\x7f;a=1").unwrap().as_ref(), "a=1");
    }
}
