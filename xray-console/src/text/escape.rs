//! Text of strangers on a terminal.
//!
//! A name may hold the terminal's own commands (clear, retitle, answer back), line ends that forge lines of output, or
//! marks that turn the reading direction round and make text look like another. All of these are shown, none is sent.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with everything that a terminal would obey, and all that is invisible, as visible escapes.
///
/// What is ordinary text stays as it is, of any script.
///
/// # Examples
///
/// ```
/// use xray_console::text::escape;
///
/// assert_eq!(escape("Zahlung für 東京"), "Zahlung für 東京");
/// assert_eq!(escape("a\u{1b}[2Jb\nc\0"), r"a\x1b[2Jb\nc\x00");
/// assert_eq!(escape("user\u{202e}gpj"), r"user\u{202e}gpj");
/// assert_eq!(escape("a\u{3164}\u{ffa0}\u{fe00}\u{e0100}"), r"a\u{3164}\u{ffa0}\u{fe00}\u{e0100}");
/// assert_eq!(escape("❤\u{fe0f}"), "❤\u{fe0f}"); // how emoji are written
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            // Writing to memory cannot fail.
            unfit if is_unfit(unfit) && u32::from(unfit) < 0x80 => drop(write!(shown, "\\x{:02x}", u32::from(unfit))),
            unfit if is_unfit(unfit) => drop(write!(shown, "\\u{{{:x}}}", u32::from(unfit))),
            fit => shown.push(fit),
        }
    }
    Cow::Owned(shown)
}

/// Control characters (C0, DEL, C1), and of Unicode's format characters those that turn, hide or split text. Not the two
/// variation selectors that ask for a character as text or as emoji.
///
/// Source: Unicode Standard Annex 9, "Directional formatting characters"; Unicode Technical Report 36, "Visual spoofing".
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0d}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
                | '\u{e0100}'..='\u{e01ef}'
        )
}
