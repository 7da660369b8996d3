//! Text of strangers, times and commands, as pages show them.

use std::borrow::Cow;

use crate::text::escape;

/// Characters shown of a text that may be as long as a document: names, URLs, messages in lists.
const MOST: usize = 200;

/// One line of text that came from anywhere: what is invisible becomes visible, what is long is cut. HTML is escaped by
/// maud, beyond this.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => Cow::Owned(format!("{}…", escape(text.get(..end).unwrap_or_default()))),
        None => escape(text),
    }
}

/// A word of a command line, quoted where a shell would make something else of it. What is invisible is written as
/// bash and zsh read it, so that what is copied is what was seen.
pub(super) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if escape(word) == word {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut quoted = String::from("$'");
    for letter in word.chars() {
        let code = u32::from(letter);
        match letter {
            '\'' | '\\' => quoted.extend(['\\', letter]),
            _ if escape(letter.encode_utf8(&mut [0; 4])).len() == letter.len_utf8() => quoted.push(letter),
            // No argument of a program holds a NUL.
            '\0' => {}
            _ if code < 0x80 => quoted.push_str(&format!("\\x{code:02x}")),
            _ => quoted.push_str(&format!("\\U{code:08x}")),
        }
    }
    quoted + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_invisible_is_shown_and_what_is_long_is_cut() {
        assert_eq!(shown("a\0b\u{202e}c\n"), r"a\x00b\u{202e}c\n");
        assert_eq!(shown(&"x".repeat(1_000)).chars().count(), MOST + 1);
    }

    #[test]
    fn shells_take_quoted_words_as_they_are() {
        assert_eq!(quoted("1-5759e988-bd862e3fe1be46a994272793"), "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(quoted(r#"user = "o'hara" & $(x)"#), r#"'user = "o'\''hara" & $(x)'"#);
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a'\\\u{1b}[2J\u{202e}\0é"), r"$'a\'\\\x1b[2J\U0000202eé'");
    }
}
