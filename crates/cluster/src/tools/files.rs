//! Files of our own: locks between processes, temporary files, and moves into place.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::{Event, Progress};
use crate::dirs::{self, DirError};

/// What the names of temporary files start with; whoever holds the lock of their folder may delete them.
const PARTIAL: &str = ".partial-";

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

impl FileError {
    /// Sorts an error out; `needed` is told when the disk is full.
    pub(super) fn new(action: &'static str, path: &Path, needed: Option<u64>, source: io::Error) -> Self {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return Self::disk_full(path.parent().unwrap_or(path), needed);
        }
        Self::Io { action, path: path.to_owned(), source }
    }

    pub(super) fn disk_full(folder: &Path, needed: Option<u64>) -> Self {
        Self::DiskFull { folder: folder.to_owned(), needed, free: free_bytes(folder) }
    }
}

impl From<DirError> for FileError {
    fn from(error: DirError) -> Self {
        match error {
            DirError::Create { path, source } => Self::new("make the folder", &path, None, source),
            DirError::Unusable { path, source, .. } => Self::new("use", &path, None, source),
            DirError::NoHome { source, .. } => {
                Self::new("find", Path::new("the home folder"), None, io::Error::other(source))
            }
        }
    }
}

/// What `df` says is free; asked only where the answer goes into an error.
fn free_bytes(folder: &Path) -> Option<u64> {
    let output = std::process::Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let kilobytes: u64 = text.lines().last()?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn space(needed: Option<u64>, free: Option<u64>) -> String {
    match (needed, free) {
        (Some(needed), Some(free)) => format!("has {free} bytes free, {needed} are needed"),
        (Some(needed), None) => format!("has no room for {needed} bytes"),
        (None, Some(free)) => format!("has {free} bytes free"),
        (None, None) => "has no room".to_owned(),
    }
}

/// Tells work on another thread that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub(super) struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct CancelOnDrop(Cancelled);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Runs blocking work on a thread of its own.
///
/// Not `spawn_blocking`: a runtime that shuts down waits for those threads, so that an interrupted run would hang for
/// as long as another process holds a lock. A thread of this kind ends with the process.
pub(super) async fn detached<T: Send + 'static>(work: impl FnOnce(&Cancelled) -> T + Send + 'static) -> T {
    let guard = CancelOnDrop(Cancelled::default());
    let cancelled = guard.0.clone();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || sender.send(work(&cancelled)).is_ok());
    receiver.await.expect("the thread gives its result, or panicked and said so itself")
}

/// An exclusive lock between processes, and between tasks of one, until it is dropped.
///
/// The file stays: deleting it would let two processes hold locks on two files of one name.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock, and waits for who holds it. `what` says what a holder is doing.
    pub(super) async fn take(
        path: &Path,
        what: &str,
        limit: Duration,
        progress: &Progress,
    ) -> Result<Self, FileError> {
        if let Some(folder) = path.parent() {
            dirs::create(folder)?;
        }
        let refused = |source| FileError::new("lock", path, None, source);
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => return Ok(Self { file }),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(refused(source)),
        }
        progress.tell(Event::Waiting { what: what.to_owned(), lock: path.to_owned() });
        let waiting = detached(move |_| file.lock().map(|()| file));
        match tokio::time::timeout(limit, waiting).await {
            Ok(locked) => Ok(Self { file: locked.map_err(refused)? }),
            Err(_) => {
                Err(FileError::LockTimeout { what: what.to_owned(), lock: path.to_owned(), after: limit })
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough at once where another thread is just starting a program: until that has begun, it
        // holds a copy of the descriptor.
        let _ = self.file.unlock();
    }
}

/// A file beside its destination that is not in place yet; deleted again unless it gets there.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) path: PathBuf,
    dest: PathBuf,
    in_place: bool,
}

impl Partial {
    /// Starts one.
    pub(super) fn create(dest: &Path) -> Result<(Self, File), FileError> {
        let path = partial_of(dest);
        let file = File::create(&path).map_err(|source| FileError::new("write", &path, None, source))?;
        Ok((Self::of(path, dest), file))
    }

    /// One that somebody else has written, on the same file system.
    pub(super) fn of(path: PathBuf, dest: &Path) -> Self {
        Self { path, dest: dest.to_owned(), in_place: false }
    }

    /// Makes the content durable, and closes the file: one that is open for writing cannot be started.
    pub(super) fn settle(&self, file: File, mode: u32) -> Result<(), FileError> {
        let permissions = Permissions::from_mode(mode);
        file.set_permissions(permissions)
            .and_then(|()| file.sync_all())
            .map_err(|source| FileError::new("write", &self.path, None, source))
    }

    /// Moves it into place in one step.
    pub(super) fn put_in_place(mut self) -> Result<(), FileError> {
        std::fs::rename(&self.path, &self.dest)
            .map_err(|source| FileError::new("put in place", &self.dest, None, source))?;
        self.in_place = true;
        sync_folder(&self.dest)
    }
}

/// Writes a small file in one step. The caller holds a lock that covers it.
pub(super) fn write_whole(dest: &Path, content: &[u8]) -> Result<(), FileError> {
    let (partial, mut file) = Partial::create(dest)?;
    let needed = Some(content.len() as u64);
    file.write_all(content).map_err(|source| FileError::new("write", &partial.path, needed, source))?;
    partial.settle(file, 0o644)?;
    partial.put_in_place()
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.in_place {
            // What cannot be deleted now is cleared by the next run that takes the lock.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A rename is durable once its folder is.
fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(path);
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| FileError::new("sync", folder, None, source))
}

/// A name of its own for each: work that was abandoned deletes its file late, when another may write there already.
fn partial_of(dest: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let name = dest.file_name().unwrap_or_default().to_string_lossy();
    dest.with_file_name(format!("{PARTIAL}{process}-{count}-{name}"))
}

/// Deletes what a killed run left in a folder, of files whose names end in `suffix`. The caller holds their lock.
pub(super) fn clear_partial(folder: &Path, suffix: &str) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let left = |name: &str| name.starts_with(PARTIAL) && name.ends_with(suffix);
    for entry in entries.filter(|entry| left(&entry.file_name().to_string_lossy())) {
        // One that stays is overwritten later, or the error is met and told then.
        let _ = std::fs::remove_file(entry.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_file_is_gone_unless_put_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().join("tool");
        let (partial, mut file) = Partial::create(&dest).unwrap();
        file.write_all(b"half").unwrap();
        drop(partial);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

        let (partial, mut file) = Partial::create(&dest).unwrap();
        file.write_all(b"whole").unwrap();
        partial.settle(file, 0o755).unwrap();
        partial.put_in_place().unwrap();
        assert_eq!(std::fs::read(&dest).unwrap(), b"whole");
        assert_eq!(dest.metadata().unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_are_cleared_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".partial-1-0-kind", ".partial-1-1-other", "kind", ".lock"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        clear_partial(dir.path(), "-kind");
        assert!(!dir.path().join(".partial-1-0-kind").exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
        clear_partial(dir.path(), "");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn waiting_for_a_lock_is_told_and_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".lock");
        let held = Lock::take(&path, "x", Duration::ZERO, &Progress::none()).await.unwrap();
        let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
        let progress = Progress::new(move |event| sender.send(event).unwrap());
        let error = Lock::take(&path, "building x", Duration::ZERO, &progress).await.unwrap_err();
        assert!(error.to_string().contains("another process is building x"), "{error}");
        let text = told.recv().await.unwrap().to_string();
        assert!(text.starts_with("waiting for another gitops-setup process that is building x"), "{text}");

        let second = Lock::take(&path, "building x", Duration::from_secs(60), &progress);
        let release = async {
            told.recv().await;
            drop(held);
        };
        tokio::join!(second, release).0.unwrap();
    }

    #[test]
    fn a_full_disk_says_what_is_free() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = FileError::new("write", Path::new("/tmp/x/y"), Some(99), full).to_string();
        assert!(error.contains("disk is full: /tmp/x ") && error.contains("GITOPS_SETUP_CACHE"), "{error}");
        assert!(error.contains("99"), "{error}");
    }
}
