//! Files of our own: locks between processes, temporary files, and moves into place.

use std::path::PathBuf;
use std::time::Duration;

/// Why a file of ours cannot be written, read or locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The disk is full.
    #[error("the disk is full: {} {}.\nMake room there, or move the cache: GITOPS_SETUP_CACHE=/some/folder",
        folder.display(), space(*needed, *free))]
    DiskFull {
        /// The folder that was written to.
        folder: PathBuf,
        /// How many bytes were to be written, where known.
        needed: Option<u64>,
        /// How many bytes are free there, where known.
        free: Option<u64>,
    },
    /// Another process holds the lock for too long.
    #[error(
        "gave up after {} s: another process is {what} and holds {}.\n\
         See which (`fuser -v {}`), and end it if it hangs",
        after.as_secs(), lock.display(), lock.display()
    )]
    LockTimeout {
        /// What the holder is doing.
        what: String,
        /// The lock file.
        lock: PathBuf,
        /// How long it was waited for.
        after: Duration,
    },
    /// Anything else the system refuses.
    #[error("cannot {action} {}: {source}.\nSee who owns it (`ls -ld`), or move the cache: GITOPS_SETUP_CACHE=…",
        path.display())]
    Io {
        /// What was tried, such as `write`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn space(needed: Option<u64>, free: Option<u64>) -> String {
    match (needed, free) {
        (Some(needed), Some(free)) => format!("has {free} bytes free, {needed} are needed"),
        (Some(needed), None) => format!("has no room for {needed} bytes"),
        (None, Some(free)) => format!("has {free} bytes free"),
        (None, None) => "has no room".to_owned(),
    }
}
