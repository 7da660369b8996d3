//! Visiting a document and everything beneath it.

use super::Document;

/// A document and everything beneath it, depth first. Made by [`Document::walk`].
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    /// Still to visit, the next one last.
    open: Vec<&'a Document>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(from: &'a Document) -> Walk<'a> {
        Walk { open: vec![from] }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = &'a Document;

    fn next(&mut self) -> Option<&'a Document> {
        let next = self.open.pop()?;
        self.open.extend(next.subsegments.iter().rev());
        Some(next)
    }
}

impl std::iter::FusedIterator for Walk<'_> {}
