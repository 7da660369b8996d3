//! A file of rules that is read again when it has changed.
//!
//! "Changed" is by time of modification and length, which a look costs a few microseconds. What is read is what was
//! there after that look, so a file that is written meanwhile is read once more. A version that cannot be used is told
//! once, and the rules in force stay.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::{Rules, RulesError};

/// A file and how it looked when it was last read.
#[derive(Debug)]
pub(super) struct RulesFile {
    path: PathBuf,
    seen: Mutex<Look>,
}

/// `None` where there is no file, or none that can be looked at.
type Look = Option<(Option<SystemTime>, u64)>;

impl RulesFile {
    /// Reads the file for the first time.
    pub(super) fn open(path: &Path) -> Result<(RulesFile, Rules), RulesError> {
        let seen = Mutex::new(look(path));
        let rules = Rules::from_file(path)?;
        Ok((RulesFile { path: path.to_owned(), seen }, rules))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The rules of a file that looks otherwise than when it was last read; `None` where it looks the same.
    pub(super) fn changed(&self) -> Result<Option<Rules>, RulesError> {
        let now = look(&self.path);
        let before = std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), now);
        if before == now { Ok(None) } else { Rules::from_file(&self.path).map(Some) }
    }
}

fn look(path: &Path) -> Look {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok(), metadata.len()))
}
