//! What is left out of an answer.

/// Names kept, to be told.
const NAMES: usize = 3;

/// How many rules or targets were left out, and the first few by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) count: usize,
    pub(super) names: Vec<String>,
}

impl Skipped {
    /// One more; without a name where that cannot be read.
    pub(super) fn add(&mut self, name: Option<&str>) {
        self.count += 1;
        self.names.extend(name.filter(|_| self.names.len() < NAMES).map(str::to_owned));
    }

    pub(super) fn append(&mut self, other: Skipped) {
        self.count += other.count;
        let room = NAMES.saturating_sub(self.names.len());
        self.names.extend(other.names.into_iter().take(room));
    }
}
