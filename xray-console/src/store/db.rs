//! The store in one SQLite file, kept across restarts and crashes.
//!
//! Memory stays the store; the file follows it. Changes go to a thread of its own, in order, which writes them in
//! batches. [`Store::flush`](super::Store::flush) waits until all that came before it is on disk; whoever waits at the
//! same time shares one commit. Everything else is on disk within [`WRITE_EVERY`] or so.
//!
//! The file is within the store's bound as memory is: what is evicted is deleted, and its pages are used again. It belongs
//! to one process at a time. If it cannot be written (disk full), the store goes on in memory: what was not written is
//! counted, and a waiting caller gets the error.
//!
//! Source: SQLite documentation, "Write-Ahead Logging", "PRAGMA synchronous"; every acknowledged commit is synced.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use xray_core::TraceId;

use super::StorageError;
use super::entry::{Key, Received};

/// How long a change waits for others to be written together with.
pub const WRITE_EVERY: Duration = Duration::from_millis(200);

/// Bytes of documents that may wait to be written; who puts more waits for the disk.
pub const UNWRITTEN_BYTES: usize = 64_000_000;

/// Most changes in one transaction.
const BATCH: usize = 20_000;

/// Marks a file as ours: `xrc1`.
const APPLICATION_ID: i32 = 0x7872_6331;

/// Of the tables below.
const VERSION: i32 = 1;

const SCHEMA: &str = "
    CREATE TABLE documents (
        arrival INTEGER PRIMARY KEY,
        trace TEXT NOT NULL,
        id INTEGER NOT NULL,
        subsegment INTEGER NOT NULL,
        in_progress INTEGER NOT NULL,
        start_micros INTEGER NOT NULL,
        received_micros INTEGER NOT NULL,
        json BLOB NOT NULL
    );
    CREATE UNIQUE INDEX places ON documents (trace, id, subsegment);
";

/// Beside the documents, since after the first release: a file without it gets it, and an older version passes over it.
const KEPT: &str = "CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, json TEXT NOT NULL)";

/// Why a file cannot be used as a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It cannot be opened or created.
    #[error("cannot open {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// Another process has it open.
    #[error("{path} is in use by another process: stop that one, or name another file")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is not a file of ours.
    #[error("{path} is not a trace store: name another file; this one was left as it is")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer version wrote it.
    #[error("{path} was written by a newer version (format {found}, known is {VERSION}): update, or name another file")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: i32,
    },
    /// There is no thread to write it.
    #[error("cannot start the thread that writes the store's file")]
    Thread {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is a trace store, but damaged.
    #[error("{path} is damaged: move it away and start afresh, or try `sqlite3 {path} .recover`")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        #[source]
        source: rusqlite::Error,
    },
}

/// A document as it was read back.
pub(super) struct Restored {
    pub(super) received: Received,
    /// When it came, since the epoch.
    pub(super) at: Duration,
}

enum Change {
    Put { received: Received, at: Duration },
    Evicted(TraceId),
    Cleared,
    Kept(String),
    Commit(Answer),
}

/// Told what became of a commit. Must not wait.
type Answer = Box<dyn FnOnce(Result<(), StorageError>) + Send>;

/// An open file and the thread that writes it.
pub(super) struct File {
    changes: Option<mpsc::Sender<Change>>,
    backlog: Arc<Backlog>,
    thread: Option<JoinHandle<()>>,
}

/// What is still to be written.
#[derive(Default)]
struct Backlog {
    bytes: Mutex<usize>,
    room: Condvar,
    /// Changes that could not be written.
    lost: AtomicU64,
}

/// Opens or makes the file, and shows everything that is in it, in the order it came.
pub(super) fn open(path: &Path, restored: impl FnMut(Restored)) -> Result<Connection, OpenError> {
    let connection = Connection::open(path).map_err(|source| OpenError::Open { path: path.to_owned(), source })?;
    prepare(&connection, path)?;
    read(&connection, restored).map_err(|source| failed(path, source))?;
    Ok(connection)
}

fn prepare(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |source| failed(path, source);
    connection.busy_timeout(Duration::ZERO).map_err(failed)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(failed)?;
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let tables = "SELECT count(*) FROM sqlite_master";
    let tables: i64 = connection.query_row(tables, [], |row| row.get(0)).map_err(failed)?;
    let (ours, version) = (number("application_id").map_err(failed)?, number("user_version").map_err(failed)?);
    if tables > 0 && ours != APPLICATION_ID {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    if version > VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found: version });
    }
    // Not before it is known to be ours: this writes to it.
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    if tables == 0 {
        let marks = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};");
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} {marks} COMMIT;")).map_err(failed)?;
    }
    connection.execute_batch(KEPT).map_err(failed)
}

/// What was kept beside the documents.
pub(super) fn kept(connection: &Connection, path: &Path) -> Result<Option<String>, OpenError> {
    let kept = connection.query_row("SELECT json FROM kept WHERE name = 'api'", [], |row| row.get(0));
    kept.optional().map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse { path },
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { path },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Damaged { path, source },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            OpenError::Open { path, source }
        }
        _ => OpenError::Damaged { path, source },
    }
}

fn read(connection: &Connection, mut restored: impl FnMut(Restored)) -> rusqlite::Result<()> {
    let columns = "trace, id, subsegment, in_progress, start_micros, received_micros, json";
    let mut query = connection.prepare(&format!("SELECT {columns} FROM documents ORDER BY arrival"))?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        // A trace id that is none was not written by us.
        let Ok(trace_id) = row.get_ref(0)?.as_str()?.parse() else { continue };
        let key = Key { id: row.get::<_, i64>(1)?.cast_unsigned(), subsegment: row.get(2)? };
        let json = row.get_ref(6)?.as_blob()?.into();
        let start = row.get::<_, i64>(4)?.cast_unsigned();
        let received = Received { trace_id, key, in_progress: row.get(3)?, start, json };
        restored(Restored { received, at: Duration::from_micros(row.get::<_, i64>(5)?.cast_unsigned()) });
    }
    Ok(())
}

impl File {
    /// Starts to follow changes.
    pub(super) fn follow(connection: Connection) -> std::io::Result<File> {
        let (changes, written) = mpsc::channel();
        let backlog = Arc::new(Backlog::default());
        let writer = Writer { connection, backlog: Arc::clone(&backlog) };
        let thread = thread::Builder::new().name("xray-db".to_owned()).spawn(move || writer.run(&written))?;
        Ok(File { changes: Some(changes), backlog, thread: Some(thread) })
    }

    /// Waits until there is room for another document to be written. Not to be called under the store's lock.
    pub(super) fn wait_for_room(&self) {
        let waiting = self.backlog.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |bytes: &mut usize| *bytes > UNWRITTEN_BYTES;
        drop(self.backlog.room.wait_while(waiting, full).unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn put(&self, received: Received, at: Duration) {
        *self.backlog.bytes.lock().unwrap_or_else(PoisonError::into_inner) += received.json.len();
        self.send(Change::Put { received, at });
    }

    pub(super) fn evicted(&self, id: TraceId) {
        self.send(Change::Evicted(id));
    }

    pub(super) fn cleared(&self) {
        self.send(Change::Cleared);
    }

    pub(super) fn keep(&self, json: String) {
        self.send(Change::Kept(json));
    }

    /// Answers when everything that came before is on disk; drops `answer` if the writer has died.
    pub(super) fn commit(&self, answer: Answer) {
        self.send(Change::Commit(answer));
    }

    /// Changes that could not be written.
    pub(super) fn lost(&self) -> u64 {
        self.backlog.lost.load(Relaxed)
    }

    fn send(&self, change: Change) {
        if let Some(changes) = &self.changes {
            // It fails only if the writer has died; the answer to a commit tells.
            let _ = changes.send(change);
        }
    }
}

impl Drop for File {
    /// Writes what is left.
    fn drop(&mut self) {
        self.changes = None;
        if let Some(thread) = self.thread.take() {
            // A thread of ours that panicked has nothing to hand over.
            let _ = thread.join();
        }
    }
}

struct Writer {
    connection: Connection,
    backlog: Arc<Backlog>,
}

impl Writer {
    fn run(self, changes: &Receiver<Change>) {
        while let Ok(first) = changes.recv() {
            self.batch(first, changes);
        }
    }

    /// Writes what comes until somebody wants to have it on disk, or it has been long enough.
    fn batch(&self, first: Change, changes: &Receiver<Change>) {
        let began = Instant::now();
        let (mut waiting, mut puts, mut bytes, mut count) = (Vec::new(), 0, 0, 0);
        let mut written = self.connection.execute_batch("BEGIN IMMEDIATE");
        let mut next = Some(first);
        while let Some(change) = next {
            count += 1;
            match change {
                Change::Commit(answer) => waiting.push(answer),
                Change::Put { received, at } => {
                    (puts, bytes) = (puts + 1, bytes + received.json.len());
                    written = written.and_then(|()| self.put(&received, at));
                }
                Change::Evicted(id) => written = written.and_then(|()| self.delete(id)),
                Change::Kept(json) => written = written.and_then(|()| self.keep(&json)),
                Change::Cleared => {
                    written = written.and_then(|()| self.connection.execute_batch("DELETE FROM documents"))
                }
            }
            next = match WRITE_EVERY.checked_sub(began.elapsed()) {
                _ if count >= BATCH => None,
                Some(left) if waiting.is_empty() => changes.recv_timeout(left).ok(),
                // Somebody waits: only what is here already goes along.
                _ => changes.try_recv().ok(),
            };
        }
        let written = written.and_then(|()| self.connection.execute_batch("COMMIT"));
        if written.is_err() {
            // If there is no transaction to roll back, all is well, too.
            let _ = self.connection.execute_batch("ROLLBACK");
            self.backlog.lost.fetch_add(puts, Relaxed);
        }
        let mut left = self.backlog.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_sub(bytes);
        drop(left);
        self.backlog.room.notify_all();
        let answer = written.map_err(|error| StorageError(error.to_string()));
        for waiting in waiting {
            waiting(answer.clone());
        }
    }

    fn put(&self, received: &Received, at: Duration) -> rusqlite::Result<()> {
        const PUT: &str = "
            INSERT INTO documents (trace, id, subsegment, in_progress, start_micros, received_micros, json)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (trace, id, subsegment) DO UPDATE
            SET in_progress = ?4, start_micros = ?5, received_micros = ?6, json = ?7";
        let Received { trace_id, key, in_progress, start, json } = received;
        let received_micros = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
        let (id, start) = (key.id.cast_signed(), start.cast_signed());
        let mut put = self.connection.prepare_cached(PUT)?;
        put.execute(params![trace_id.as_str(), id, key.subsegment, in_progress, start, received_micros, &**json])?;
        Ok(())
    }

    fn keep(&self, json: &str) -> rusqlite::Result<()> {
        const KEEP: &str =
            "INSERT INTO kept (name, json) VALUES ('api', ?1) ON CONFLICT (name) DO UPDATE SET json = ?1";
        self.connection.prepare_cached(KEEP)?.execute([json])?;
        Ok(())
    }

    fn delete(&self, id: TraceId) -> rusqlite::Result<()> {
        self.connection.prepare_cached("DELETE FROM documents WHERE trace = ?1")?.execute([id.as_str()])?;
        Ok(())
    }
}
