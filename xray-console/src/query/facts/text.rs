//! All texts of one trace in one allocation.
//!
//! A trace repeats its names; each is kept once. 4 GiB of text is the most; what comes after is absent.

use std::collections::HashMap;

/// Where a text is in [`Texts`], or that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    start: u32,
    len: u32,
}

impl Text {
    /// No text, which is not the empty one.
    pub(crate) const NONE: Text = Text { start: u32::MAX, len: 0 };

    /// Equal for equal texts of one trace only.
    pub(super) fn place(self) -> u64 {
        u64::from(self.start) << 32 | u64::from(self.len)
    }
}

/// The texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts(Box<str>);

impl Texts {
    pub(super) fn get(&self, text: Text) -> Option<&str> {
        let start = usize::try_from(text.start).ok()?;
        self.0.get(start..start.checked_add(usize::try_from(text.len).ok()?)?)
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// Collects texts.
#[derive(Debug, Default)]
pub(super) struct Collector<'a> {
    all: String,
    known: HashMap<&'a str, Text>,
}

impl<'a> Collector<'a> {
    pub(super) fn add(&mut self, text: &'a str) -> Text {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let place =
            (u32::try_from(self.all.len()), u32::try_from(text.len()), u32::try_from(self.all.len() + text.len()));
        let (Ok(start), Ok(len), Ok(_)) = place else { return Text::NONE };
        self.all.push_str(text);
        let place = Text { start, len };
        self.known.insert(text, place);
        place
    }

    pub(super) fn add_if(&mut self, text: Option<&'a str>) -> Text {
        text.map_or(Text::NONE, |text| self.add(text))
    }

    pub(super) fn finish(self) -> Texts {
        Texts(self.all.into_boxed_str())
    }
}
