//! Where a test cluster lives, and who uses it.
//!
//! Everything of one cluster is below one folder. Whoever uses it holds a lock on a file there, which the system gives
//! back for those who are killed: a cluster whose lock nobody holds is nobody's.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use cluster::provider::{Kwok, Provider};
use cluster::tools::{Progress, ToolContext};

use super::Error;
use crate::failure::Failure;
use crate::session::blocking;

/// Folder of all test clusters in our data folder.
const FOLDER: &str = "tests";
/// Beginning of the names of folders whose clusters are deleted.
const GONE: &str = ".gone-";

/// A cluster's folder, as long as somebody uses the cluster.
#[derive(Debug)]
pub(super) struct Place {
    name: String,
    folder: PathBuf,
    users: File,
}

/// The same, where nobody uses the cluster: nobody else can, until this is dropped.
#[derive(Debug)]
pub(super) struct Unused(Place);

impl Place {
    /// The place of this name, together with others that use it. Waits while somebody deletes what was there.
    pub(super) async fn shared(data: &Path, name: &str) -> Result<Self, Error> {
        let (name, folder) = (name.to_owned(), data.join(FOLDER).join(name));
        let place = blocking(move || {
            loop {
                let opened = open(&folder).and_then(|users| users.lock_shared().map(|()| users));
                match opened {
                    Ok(users) if is_there(&folder, &users) => return Ok(Self { name, folder, users }),
                    // It was deleted meanwhile.
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(Failure::file(&folder, &error)),
                }
            }
        });
        Ok(place.await?)
    }

    /// A place that nobody else has. What a killed process left there is still there.
    pub(super) fn own(data: &Path) -> Result<Self, Error> {
        for number in 1.. {
            let name = format!("test-own-{number}");
            let folder = data.join(FOLDER).join(&name);
            match take(&name, folder.clone()) {
                Ok(Some(Unused(place))) => return Ok(place),
                Ok(None) => {}
                Err(error) => return Err(Failure::file(&folder, &error).into()),
            }
        }
        unreachable!("numbers do not end")
    }

    /// Gives it up, and takes it for itself alone where nobody else uses it.
    pub(super) fn leave(self) -> Option<Unused> {
        self.users.unlock().and_then(|()| self.taken()).unwrap_or_default()
    }

    /// Waits until no other user sets the cluster up, and keeps others from it.
    pub(super) async fn turn(&self) -> Result<File, Error> {
        let path = self.folder.join("turn");
        let turn = blocking(move || {
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
            let locked = file.and_then(|file| file.lock().map(|()| file));
            locked.map_err(|error| Failure::file(&path, &error))
        });
        Ok(turn.await?)
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

    fn taken(self) -> io::Result<Option<Unused>> {
        match self.users.try_lock() {
            Ok(()) if is_there(&self.folder, &self.users) => Ok(Some(Unused(self))),
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Unused {
    /// Deletes the cluster and the folder.
    pub(super) async fn delete(self, tools: &ToolContext) -> Result<(), Error> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let Self(place) = &self;
        place.provider().down(tools, &Progress::new(|_| {})).await?;
        // Renamed first: who waits for the lock makes the folder anew, and that one must not be deleted piece by piece.
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let gone = place.folder.with_file_name(format!("{GONE}{}-{}-{count}", place.name, std::process::id()));
        let deleted = std::fs::rename(&place.folder, &gone).and_then(|()| std::fs::remove_dir_all(&gone));
        deleted.map_err(|error| Failure::file(&place.folder, &error).into())
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
        take(&name, entry.path()).ok().flatten()
    };
    entries.filter_map(take).collect()
}

fn take(name: &str, folder: PathBuf) -> io::Result<Option<Unused>> {
    match open(&folder) {
        Ok(users) => Place { name: name.to_owned(), folder, users }.taken(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn open(folder: &Path) -> io::Result<File> {
    cluster::dirs::create(folder).map_err(io::Error::other)?;
    OpenOptions::new().create(true).truncate(false).write(true).open(users(folder))
}

fn users(folder: &Path) -> PathBuf {
    folder.join("users")
}

/// Whether an opened file is still the one in the folder.
fn is_there(folder: &Path, opened: &File) -> bool {
    let same = |a: std::fs::Metadata, b: std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    match (opened.metadata(), std::fs::metadata(users(folder))) {
        (Ok(opened), Ok(there)) => same(opened, there),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_is_unused_once_the_last_user_leaves() {
        let data = tempfile::tempdir().unwrap();
        let one = Place::shared(data.path(), "test-a").await.unwrap();
        let other = Place::shared(data.path(), "test-a").await.unwrap();
        assert!(unused(data.path()).is_empty());
        assert!(one.leave().is_none());
        assert!(unused(data.path()).is_empty(), "the other one still uses it");
        assert!(other.leave().is_some());
        assert_eq!(unused(data.path()).len(), 1, "nobody deleted it");
    }

    #[tokio::test]
    async fn who_comes_while_it_is_deleted_has_a_new_one() {
        let data = tempfile::tempdir().unwrap();
        let last = Place::shared(data.path(), "test-a").await.unwrap().leave().unwrap();
        std::fs::write(last.0.folder().join("old"), "").unwrap();
        let folder = data.path().to_owned();
        let waiting = tokio::spawn(async move { Place::shared(&folder, "test-a").await });
        let tools = ToolContext::from_vars(data.path().join("cache"), |_| None);
        last.delete(&tools).await.unwrap();
        let place = waiting.await.unwrap().unwrap();
        assert!(!place.folder().join("old").exists());
        assert!(is_there(place.folder(), &place.users));
    }

    #[test]
    fn nobody_else_has_a_place_of_ones_own() {
        let data = tempfile::tempdir().unwrap();
        let (one, other) = (Place::own(data.path()).unwrap(), Place::own(data.path()).unwrap());
        assert_ne!(one.name(), other.name());
        let name = one.name().to_owned();
        drop(one);
        assert_eq!(Place::own(data.path()).unwrap().name(), name, "the first free one");
    }
}
