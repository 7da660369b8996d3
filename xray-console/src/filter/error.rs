//! Why an expression is not understood.

use std::fmt;

/// Why a text is not a filter expression: where, what was expected there, and what was probably meant.
///
/// # Examples
///
/// ```
/// use xray_console::Filter;
///
/// let error = Filter::parse("ok AND responsetme > 5").unwrap_err();
/// assert_eq!((error.position(), error.column()), (7, 8));
/// assert_eq!(error.nearest(), Some("responsetime"));
/// assert_eq!(
///     error.to_string(),
///     "filter expression, column 8: unknown keyword \"responsetme\", expected a condition (such as fault, \
///      responsetime > 1 or service(\"name\")); did you mean responsetime?"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct FilterError {
    pub(super) position: usize,
    pub(super) column: usize,
    pub(super) found: String,
    pub(super) expected: String,
    pub(super) nearest: Option<&'static str>,
}

impl FilterError {
    /// Bytes before the place.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Characters up to the place, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What would have been right there.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// The word of the language that is most like the one found.
    pub fn nearest(&self) -> Option<&'static str> {
        self.nearest
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "filter expression, column {}: ", self.column)?;
        self.reason(to)
    }
}

impl FilterError {
    /// The message without the place.
    pub(super) fn reason(&self, to: &mut impl fmt::Write) -> fmt::Result {
        to.write_str(&self.found)?;
        if !self.expected.is_empty() {
            write!(to, ", expected {}", self.expected)?;
        }
        match self.nearest {
            Some(nearest) => write!(to, "; did you mean {nearest}?"),
            None => Ok(()),
        }
    }
}

/// What somebody wrote, for a message: no control characters, and not too much of it.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown: String = text.chars().take(MOST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    let visible = shown.chars().flat_map(|letter| match letter {
        // Marks that turn the direction of writing can make a message say something else.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            letter.escape_unicode().collect::<Vec<_>>()
        }
        letter if letter.is_control() => letter.escape_default().collect(),
        letter => vec![letter],
    });
    format!("\"{}\"", visible.collect::<String>())
}
