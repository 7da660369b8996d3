//! What a store has of its file: waiting until something is on disk, and what is kept beside the traces. Without a file
//! there is nothing to wait for, and nothing is kept.

use super::{StorageError, Store};

#[cfg(feature = "db")]
impl StorageError {
    fn stopped() -> StorageError {
        StorageError("its writer has stopped".to_owned())
    }
}

impl Store {
    /// Waits until everything that was put is on disk, if the store has a file; without one there is nothing to wait for.
    /// Blocks for some milliseconds: not for a thread of an async runtime, which has [`durable`](Store::durable).
    ///
    /// # Errors
    ///
    /// If the file cannot be written. The store goes on in memory, and tries again with what comes next.
    pub fn flush(&self) -> Result<(), StorageError> {
        #[cfg(feature = "db")]
        if let Some(file) = &self.shared.file {
            let (answer, committed) = std::sync::mpsc::sync_channel(1);
            // Who no longer waits need not be told.
            file.commit(Box::new(move |result| drop(answer.send(result))));
            return committed.recv().unwrap_or_else(|_| Err(StorageError::stopped()));
        }
        Ok(())
    }

    /// The same without blocking.
    ///
    /// # Errors
    ///
    /// As [`flush`](Store::flush).
    pub async fn durable(&self) -> Result<(), StorageError> {
        #[cfg(feature = "db")]
        if let Some(file) = &self.shared.file {
            let (answer, committed) = tokio::sync::oneshot::channel();
            file.commit(Box::new(move |result| drop(answer.send(result))));
            return committed.await.unwrap_or_else(|_| Err(StorageError::stopped()));
        }
        Ok(())
    }

    /// Whether there is a file that takes what is kept beside the traces.
    pub(crate) fn keeps(&self) -> bool {
        #[cfg(feature = "db")]
        return self.shared.file.is_some();
        #[cfg(not(feature = "db"))]
        false
    }

    /// Keeps this beside the traces, in the place of what was.
    pub(crate) fn keep(&self, json: String) {
        #[cfg(feature = "db")]
        if let Some(file) = &self.shared.file {
            file.keep(json);
        }
        #[cfg(not(feature = "db"))]
        let _ = json;
    }

    /// What an earlier process kept beside the traces.
    pub(crate) fn kept(&self) -> Option<&str> {
        #[cfg(feature = "db")]
        return self.shared.kept.as_deref();
        #[cfg(not(feature = "db"))]
        None
    }
}
