//! What `xrc up` says while it runs: on standard error, or in a file as the X-Ray daemon keeps one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
#[cfg(any(feature = "relay", test))]
use std::path::Path;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::ValueEnum;
use xray_console::text;

use super::time;

/// Bytes at which a file becomes the old one and a new one is begun. Source: aws-xray-daemon 3.6.6.
const FILE: u64 = 50 * 1024 * 1024;

/// From which weight on something is said. `dev` and `debug` say what `info` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Level {
    /// All there is.
    #[value(alias = "dev", alias = "debug", alias = "prod")]
    #[default]
    Info,
    /// What does not go well.
    Warn,
    /// What is lost.
    Error,
}

/// Where it is said, and how much of it.
#[derive(Debug, Default)]
pub(crate) struct Log {
    level: Level,
    file: Option<Mutex<Rolling>>,
}

#[derive(Debug)]
struct Rolling {
    path: PathBuf,
    file: File,
    bytes: u64,
    rolls: bool,
}

impl Log {
    /// On standard error.
    pub(crate) fn new(level: Level) -> Log {
        Log { level, file: None }
    }

    /// In this file, at its end; with one old file beside it, if it rolls.
    #[cfg(any(feature = "relay", test))]
    pub(crate) fn to_file(level: Level, path: &Path, rolls: bool) -> io::Result<Log> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Log { level, file: Some(Mutex::new(Rolling { path: path.to_owned(), file, bytes, rolls })) })
    }

    pub(crate) fn say(&self, level: Level, line: &str) {
        if level < self.level {
            return;
        }
        let written = self.file.as_ref().map(|file| {
            let stamped = format!("{}Z [{level:?}] {line}\n", text::date_time(time::now()).replace(' ', "T"));
            file.lock().unwrap_or_else(PoisonError::into_inner).write(stamped.as_bytes())
        });
        // A file that cannot be written to is no reason to be silent.
        if !matches!(written, Some(Ok(()))) {
            eprintln!("{line}");
        }
    }
}

impl Rolling {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.rolls && self.bytes + line.len() as u64 > FILE {
            let mut old = self.path.clone().into_os_string();
            old.push(".1");
            fs::rename(&self.path, old)?;
            self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
            self.bytes = 0;
        }
        self.bytes += line.len() as u64;
        self.file.write_all(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_what_is_grave_enough_and_rolls_once_it_is_full() {
        let folder = std::env::temp_dir().join(format!("xrc-log-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("xrc.log");
        let log = Log::to_file(Level::Warn, &path, true).unwrap();
        log.say(Level::Info, "quiet");
        log.say(Level::Warn, "first");
        log.file.as_ref().unwrap().lock().unwrap().bytes = FILE;
        log.say(Level::Error, "second");
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let (old, new) = (read("xrc.log.1"), read("xrc.log"));
        fs::remove_dir_all(&folder).unwrap();
        assert!(old.ends_with("Z [Warn] first\n") && old.lines().count() == 1, "{old}");
        assert!(new.ends_with("Z [Error] second\n") && new.lines().count() == 1, "{new}");
    }
}
