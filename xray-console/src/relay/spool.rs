//! Documents on their way to AWS, on disk: what has been put here survives a kill of the process.
//!
//! A folder of files with rising numbers, each a run of records: length and checksum (4 bytes each, little-endian), then
//! the document. The file `sent` says up to where everything has been dealt with; it is replaced whole, so it is never
//! half written. A record that was cut off is skipped: only the last of a process can be.
//!
//! Each record is handed to the operating system before [`push`](Spool::push) returns. That survives the process,
//! however it ends. A power cut takes what the system has not written to the disk yet: what was pushed since the last
//! [`sync`](Spool::sync). The file `sent` is not synced: an old one makes documents go twice, none get lost.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes from which a new file is begun, unless the bound wants smaller ones.
const FILE: u64 = 8_000_000;
/// Bytes before each document.
const HEAD: usize = 8;
/// The longest document that is believed when it is read back, bytes; a datagram or a request brings less.
const LONGEST: u32 = 16_000_000;

/// The spool of one process.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    bound: u64,
    state: Mutex<State>,
    /// Held as long as this process has the spool.
    _lock: File,
}

/// A place between two records: number of the file, bytes into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    file: u64,
    offset: u64,
}

#[derive(Debug)]
struct State {
    files: BTreeMap<u64, Contents>,
    /// Written to: the last of the files.
    open: Arc<File>,
    /// Written to since they were synced last; the open one is the last of them.
    unsynced: Vec<Arc<File>>,
    /// The open file ends in half a record, for the disk is full or broken: what comes needs another file, or it could
    /// not be read back.
    torn: bool,
    sent: Place,
}

/// What is in a file.
#[derive(Clone, Copy, Debug, Default)]
struct Contents {
    bytes: u64,
    documents: u64,
}

/// What [`Spool::peek`] found.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) documents: Vec<Vec<u8>>,
    /// Behind the last of them.
    pub(super) end: Place,
}

impl Spool {
    /// Opens the spool in this folder, which is made if there is none, with what is left there.
    pub(super) fn open(folder: &Path, bound: u64) -> io::Result<Spool> {
        fs::create_dir_all(folder)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => io::Error::new(io::ErrorKind::AddrInUse, "another process has this spool"),
            fs::TryLockError::Error(error) => error,
        })?;
        let sent = read_place(folder).unwrap_or_default();
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder)?.flatten() {
            let Some(number) = entry.file_name().to_str().and_then(number_of) else { continue };
            if number < sent.file {
                fs::remove_file(entry.path())?;
                continue;
            }
            let from = if number == sent.file { sent.offset } else { 0 };
            let (records, _) = records(&entry.path(), from, usize::MAX)?;
            files.insert(number, Contents { bytes: entry.metadata()?.len(), documents: records.len() as u64 });
        }
        // Always a new file: the last one may end in half a record.
        let number = files.keys().next_back().copied().unwrap_or(sent.file) + 1;
        let open = create(folder, number)?;
        files.insert(number, Contents::default());
        let state = Mutex::new(State { files, unsynced: vec![Arc::clone(&open)], open, torn: false, sent });
        Ok(Spool { folder: folder.to_owned(), bound, state, _lock: lock })
    }

    /// Keeps a document. How many of the oldest had to go to make room.
    pub(super) fn push(&self, document: &[u8]) -> io::Result<u64> {
        let length = u32::try_from(document.len()).ok().filter(|length| *length <= LONGEST);
        let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the document is too long"))?;
        let mut record = Vec::with_capacity(HEAD + document.len());
        record.extend_from_slice(&length.to_le_bytes());
        record.extend_from_slice(&checksum(document).to_le_bytes());
        record.extend_from_slice(document);
        let mut state = self.lock();
        let full = state.files.last_entry().is_some_and(|last| last.get().bytes >= FILE.min(self.bound / 4));
        if full || state.torn {
            let number = state.files.keys().next_back().copied().unwrap_or_default() + 1;
            state.open = create(&self.folder, number)?;
            state.torn = false;
            state.files.insert(number, Contents::default());
        }
        let mut dropped = 0;
        while state.files.values().map(|file| file.bytes).sum::<u64>() + record.len() as u64 > self.bound {
            if state.files.len() < 2 {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "the spool is too small for the document"));
            }
            let Some((number, oldest)) = state.files.pop_first() else { break };
            fs::remove_file(path(&self.folder, number))?;
            dropped += oldest.documents;
            state.sent = state.sent.max(Place { file: number + 1, offset: 0 });
        }
        if let Err(error) = (&*state.open).write_all(&record) {
            state.torn = true;
            return Err(error);
        }
        if !state.unsynced.last().is_some_and(|last| Arc::ptr_eq(last, &state.open)) {
            let open = Arc::clone(&state.open);
            state.unsynced.push(open);
        }
        if let Some(mut last) = state.files.last_entry() {
            last.get_mut().bytes += record.len() as u64;
            last.get_mut().documents += 1;
        }
        Ok(dropped)
    }

    /// Waits until all that was pushed is on the disk, if anything was since the last time. Pushes go on meanwhile.
    pub(super) fn sync(&self) -> io::Result<()> {
        let unsynced = std::mem::take(&mut self.lock().unsynced);
        if unsynced.is_empty() {
            return Ok(());
        }
        let synced = unsynced.iter().try_for_each(|file| file.sync_data());
        // A new file is found after a power cut only if its folder is on the disk, too; not all systems let one ask.
        #[cfg(unix)]
        let synced = synced.and_then(|()| File::open(&self.folder)?.sync_all());
        synced
    }

    /// The oldest documents that have not been dealt with, at most so many.
    pub(super) fn peek(&self, most: usize) -> io::Result<Waiting> {
        let (sent, files) = {
            let state = self.lock();
            (state.sent, state.files.keys().copied().collect::<Vec<_>>())
        };
        let mut waiting = Waiting { end: sent, ..Waiting::default() };
        for number in files.into_iter().filter(|number| *number >= sent.file) {
            let from = if number == sent.file { sent.offset } else { 0 };
            let left = most - waiting.documents.len();
            let (documents, end) = match records(&path(&self.folder, number), from, left) {
                Ok(found) => found,
                // Made room since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            waiting.documents.extend(documents);
            waiting.end = Place { file: number, offset: end };
            if waiting.documents.len() == most {
                break;
            }
        }
        Ok(waiting)
    }

    /// Everything before this place has been dealt with.
    pub(super) fn done(&self, place: Place, documents: usize) -> io::Result<()> {
        let mut state = self.lock();
        if place <= state.sent {
            return Ok(()); // room was made beyond it meanwhile
        }
        let new = self.folder.join("sent.new");
        fs::write(&new, format!("{} {}", place.file, place.offset))?;
        fs::rename(new, self.folder.join("sent"))?;
        state.sent = place;
        let kept = state.files.split_off(&place.file);
        let past = std::mem::replace(&mut state.files, kept);
        let in_past = past.values().map(|file| file.documents).sum::<u64>();
        if let Some(first) = state.files.get_mut(&place.file) {
            first.documents = first.documents.saturating_sub((documents as u64).saturating_sub(in_past));
        }
        for number in past.into_keys() {
            fs::remove_file(path(&self.folder, number))?;
        }
        Ok(())
    }

    /// Documents that have not been dealt with.
    pub(super) fn len(&self) -> u64 {
        self.lock().files.values().map(|file| file.documents).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The whole records of a file from a place on, at most so many, and where the last of them ends.
fn records(path: &Path, from: u64, most: usize) -> io::Result<(Vec<Vec<u8>>, u64)> {
    let mut file = io::BufReader::new(File::open(path)?);
    file.seek(SeekFrom::Start(from))?;
    let (mut found, mut end) = (Vec::new(), from);
    while found.len() < most {
        let (mut length, mut sum) = ([0; 4], [0; 4]);
        if file.read_exact(&mut length).and_then(|()| file.read_exact(&mut sum)).is_err() {
            break;
        }
        let length = u32::from_le_bytes(length);
        let mut document = Vec::new();
        let whole = length <= LONGEST
            && file.by_ref().take(u64::from(length)).read_to_end(&mut document)? == length as usize
            && checksum(&document) == u32::from_le_bytes(sum);
        if !whole {
            break;
        }
        end += HEAD as u64 + u64::from(length);
        found.push(document);
    }
    Ok((found, end))
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.spool"))
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_suffix(".spool")?.parse().ok()
}

fn create(folder: &Path, number: u64) -> io::Result<Arc<File>> {
    OpenOptions::new().create_new(true).append(true).open(path(folder, number)).map(Arc::new)
}

fn read_place(folder: &Path) -> Option<Place> {
    let text = fs::read_to_string(folder.join("sent")).ok()?;
    let (file, offset) = text.split_once(' ')?;
    Some(Place { file: file.parse().ok()?, offset: offset.parse().ok()? })
}

/// FNV-1a, 32 bits: tells a record that was cut off, not one that was forged.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(waiting: &Waiting) -> Vec<String> {
        waiting.documents.iter().map(|document| String::from_utf8(document.clone()).unwrap()).collect()
    }

    #[test]
    fn what_was_pushed_is_there_after_a_restart_until_it_is_done() {
        let folder = Folder::new("restart");
        let spool = Spool::open(&folder.0, 1_000_000).unwrap();
        for document in ["a", "b", "c"] {
            assert_eq!(spool.push(document.as_bytes()).unwrap(), 0);
        }
        let first = spool.peek(2).unwrap();
        assert_eq!((texts(&first), spool.len()), (vec!["a".to_owned(), "b".to_owned()], 3));
        spool.done(first.end, 2).unwrap();
        assert!(Spool::open(&folder.0, 1_000_000).is_err(), "one process at a time");
        drop(spool);
        let spool = Spool::open(&folder.0, 1_000_000).unwrap();
        spool.push(b"d").unwrap();
        assert_eq!((texts(&spool.peek(10).unwrap()), spool.len()), (vec!["c".to_owned(), "d".to_owned()], 2));
    }

    #[test]
    fn a_record_that_was_cut_off_costs_only_itself() {
        let folder = Folder::new("torn");
        let spool = Spool::open(&folder.0, 1_000_000).unwrap();
        spool.push(b"whole").unwrap();
        spool.push(b"cut off").unwrap();
        drop(spool);
        let file = OpenOptions::new().write(true).open(path(&folder.0, 1)).unwrap();
        file.set_len(file.metadata().unwrap().len() - 3).unwrap();
        let spool = Spool::open(&folder.0, 1_000_000).unwrap();
        spool.push(b"later").unwrap();
        let waiting = spool.peek(10).unwrap();
        assert_eq!(texts(&waiting), ["whole", "later"]);
        spool.done(waiting.end, 2).unwrap();
        assert_eq!((texts(&spool.peek(10).unwrap()).len(), spool.len()), (0, 0));
    }

    #[test]
    fn what_could_not_be_written_costs_only_itself() {
        let folder = Folder::new("full");
        let spool = Spool::open(&folder.0, 1_000_000).unwrap();
        spool.push(b"before").unwrap();
        // A disk that takes the beginning of a record, and no more.
        let path = path(&folder.0, 1);
        fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(&[9, 0, 0]).unwrap();
        spool.lock().open = Arc::new(File::open(&path).unwrap());
        assert!(spool.push(b"no room").is_err());
        spool.push(b"after").unwrap();
        spool.sync().unwrap();
        assert_eq!((texts(&spool.peek(10).unwrap()), spool.len()), (vec!["before".to_owned(), "after".to_owned()], 2));
    }

    #[test]
    fn at_the_bound_the_oldest_go_and_are_counted() {
        let folder = Folder::new("bound");
        let spool = Spool::open(&folder.0, 400).unwrap();
        let dropped: u64 = (0..20).map(|n| spool.push(format!("{n:042}").as_bytes()).unwrap()).sum();
        let left = texts(&spool.peek(100).unwrap());
        assert_eq!(dropped + left.len() as u64, 20);
        assert!(dropped > 0 && left.last().unwrap().ends_with("19"), "{left:?}");
        assert_eq!(spool.len(), left.len() as u64);
        assert!(spool.push(&[b'x'; 500]).is_err(), "what cannot fit is not kept, and costs nobody's place for ever");
    }

    /// A folder of its own, gone afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("xray-spool-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            Folder(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
