//! Where a test cluster lives, and who uses it.
//!
//! Everything of one cluster is below one folder. Whoever uses it holds a lock on a file there, which the system gives
//! back for those who are killed: a cluster whose lock nobody holds is nobody's.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use cluster::provider::{Kwok, Provider};
use cluster::tools::{Progress, ToolContext};

use super::Error;
use crate::failure::Failure;

/// Folder of all test clusters in our data folder.
const FOLDER: &str = "tests";
/// Beginning of the names of folders whose clusters are deleted.
const GONE: &str = ".gone-";

/// Where one cluster lives.
#[derive(Clone, Debug)]
pub(super) struct Place {
    name: String,
    folder: PathBuf,
}

/// One who uses the cluster at a place.
#[derive(Debug)]
pub(super) struct User {
    place: Place,
    lock: File,
}

/// A place whose cluster nobody uses, and nobody else can until this is dropped.
#[derive(Debug)]
pub(super) struct Unused(User);

impl User {
    /// One of perhaps many at the place of this name. Waits while somebody deletes what was there.
    pub(super) fn shared(data: &Path, name: &str) -> Result<Self, Error> {
        let place = Place::new(data, name);
        loop {
            match place.open().and_then(|lock| lock.lock_shared().map(|()| lock)) {
                Ok(lock) if place.has(&lock) => return Ok(Self { place, lock }),
                // It was deleted meanwhile.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::file(&place.folder, &error).into()),
            }
        }
    }

    /// The only one at a place. What a killed process left there is still there.
    pub(super) fn alone(data: &Path) -> Result<Self, Error> {
        for number in 1.. {
            let place = Place::new(data, &format!("test-own-{number}"));
            match place.take() {
                Ok(Some(Unused(user))) => return Ok(user),
                Ok(None) => {}
                Err(error) => return Err(Failure::file(&place.folder, &error).into()),
            }
        }
        unreachable!("numbers do not end")
    }

    /// The place.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Gives it up, and takes it where nobody else uses it.
    pub(super) fn leave(self) -> Option<Unused> {
        self.lock.unlock().and_then(|()| self.alone_now()).unwrap_or_default()
    }

    fn alone_now(self) -> io::Result<Option<Unused>> {
        match self.lock.try_lock() {
            Ok(()) if self.place.has(&self.lock) => Ok(Some(Unused(self))),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // Closing is not enough at once where another thread is just starting a program: until that has begun, it
        // holds a copy of the descriptor.
        let _ = self.lock.unlock();
    }
}

impl Place {
    fn new(data: &Path, name: &str) -> Self {
        Self { name: name.to_owned(), folder: data.join(FOLDER).join(name) }
    }

    /// Name of the cluster.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The folder, which is the data folder for the cluster.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The cluster.
    pub(super) fn provider(&self) -> Provider {
        Provider::Kwok(Kwok::new(&self.name, &self.folder))
    }

    /// Waits until no other user sets the cluster up, and keeps others from it.
    pub(super) fn turn(&self) -> Result<File, Error> {
        let path = self.folder.join("turn");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let locked = file.and_then(|file| file.lock().map(|()| file));
        locked.map_err(|error| Failure::file(&path, &error).into())
    }

    /// Deletes the folder. It is renamed first: who waits for the lock makes it anew, and the new one must not be
    /// deleted piece by piece.
    fn delete(&self) -> io::Result<()> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let gone = self.folder.with_file_name(format!("{GONE}{}-{}-{count}", self.name, std::process::id()));
        std::fs::rename(&self.folder, &gone)?;
        std::fs::remove_dir_all(&gone)
    }

    fn take(&self) -> io::Result<Option<Unused>> {
        match self.open() {
            Ok(lock) => User { place: self.clone(), lock }.alone_now(),
            // It was deleted meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn open(&self) -> io::Result<File> {
        cluster::dirs::create(&self.folder).map_err(io::Error::other)?;
        OpenOptions::new().create(true).truncate(false).write(true).open(self.users())
    }

    fn users(&self) -> PathBuf {
        self.folder.join("users")
    }

    /// Whether an opened lock is still the one that is there.
    fn has(&self, lock: &File) -> bool {
        let same = |a: Metadata, b: Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        match (lock.metadata(), std::fs::metadata(self.users())) {
            (Ok(opened), Ok(there)) => same(opened, there),
            _ => false,
        }
    }
}

impl Unused {
    /// Deletes the cluster and the folder.
    pub(super) async fn delete(self, tools: &ToolContext) -> Result<(), Error> {
        let place = &self.0.place;
        let down = place.provider().down(tools, &Progress::new(|_| {})).await.map_err(Failure::from);
        let deleted = down.and_then(|_| place.delete().map_err(|error| Failure::file(&place.folder, &error)));
        let by_hand = format!("end its processes, and delete it: rm -r {}", place.folder.display());
        deleted.map_err(|failure| failure.or(&by_hand).into())
    }
}

/// Clusters that killed processes left, or kept ones.
pub(super) fn unused(data: &Path) -> Vec<Unused> {
    let entries = std::fs::read_dir(data.join(FOLDER)).into_iter().flatten().flatten();
    let take = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        if name.starts_with(GONE) {
            // Somebody else may be at it, too.
            std::fs::remove_dir_all(entry.path()).ok();
            return None;
        }
        Place::new(data, &name).take().ok().flatten()
    };
    entries.filter_map(take).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_unused_once_the_last_user_leaves() {
        let data = tempfile::tempdir().unwrap();
        let one = User::shared(data.path(), "test-a").unwrap();
        let other = User::shared(data.path(), "test-a").unwrap();
        assert!(unused(data.path()).is_empty());
        assert!(one.leave().is_none());
        assert!(unused(data.path()).is_empty(), "the other one still uses it");
        assert!(other.leave().is_some());
        assert_eq!(unused(data.path()).len(), 1, "nobody deleted it");
    }

    #[tokio::test]
    async fn who_comes_while_it_is_deleted_has_a_new_one() {
        let data = tempfile::tempdir().unwrap();
        let last = User::shared(data.path(), "test-a").unwrap().leave().unwrap();
        std::fs::write(last.0.place.folder.join("old"), "").unwrap();
        let folder = data.path().to_owned();
        let waiting = std::thread::spawn(move || User::shared(&folder, "test-a"));
        let tools = ToolContext::from_vars(data.path().join("cache"), |_| None);
        last.delete(&tools).await.unwrap();
        let user = waiting.join().unwrap().unwrap();
        assert!(!user.place.folder.join("old").exists());
        assert!(user.place.has(&user.lock));
    }

    #[test]
    fn nobody_else_has_a_place_of_ones_own() {
        let data = tempfile::tempdir().unwrap();
        let (one, other) = (User::alone(data.path()).unwrap(), User::alone(data.path()).unwrap());
        assert_ne!(one.place.name, other.place.name);
        let name = one.place.name.clone();
        drop(one);
        assert_eq!(User::alone(data.path()).unwrap().place.name, name, "the first free one");
    }
}
