//! Our cache of programs, each with a record of what was put there.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::files::{FileError, Lock, Partial, clear_partial, detached, write_whole};
use super::{Event, Origin, Progress, Resolved, Tool, ToolContext, ToolError, download, version};

/// The place of a tool in the cache.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) tool: Tool,
    /// A folder for this version on this platform alone.
    pub(super) folder: PathBuf,
    /// The program.
    pub(super) path: PathBuf,
    limit: Duration,
}

/// What is in a slot.
#[derive(Debug)]
pub(super) enum Content {
    Nothing,
    Good,
    /// What was put there is not what is there.
    Bad(String),
}

/// Written beside the program when it is put in place.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    sha256: String,
    size: u64,
    /// Nanoseconds since 1970. With the size it spares hashing hundreds of megabytes in each run.
    modified: i128,
    origin: String,
}

impl Slot {
    pub(super) fn of(tool: Tool, context: &ToolContext) -> Self {
        let platform = context.platform;
        let version = format!("{}-{}-{}", tool.version(), platform.os, platform.arch);
        let folder = context.cache.join("tools").join(tool.name()).join(version);
        let path = folder.join(tool.name());
        Self { tool, folder, path, limit: context.limits.version }
    }

    pub(super) fn resolved(&self, origin: Origin) -> Resolved {
        let version = self.tool.version().to_owned();
        Resolved { path: self.path.clone(), version, origin, warning: None }
    }

    /// Looks what is there; changes nothing but a missing record.
    pub(super) async fn look(&self) -> Content {
        let slot = self.clone();
        match detached(move |_| slot.compare()).await {
            Compared::Nothing => Content::Nothing,
            Compared::Same => Content::Good,
            Compared::Other(why) => Content::Bad(why),
            Compared::NoRecord => self.adopt().await,
        }
    }

    /// Locks the slot, clears what a killed run left, and looks again: another process may have filled it.
    pub(super) async fn lock(
        &self,
        what: &str,
        limit: Duration,
        progress: &Progress,
    ) -> Result<(Lock, bool), FileError> {
        let lock = Lock::take(&self.folder.join(".lock"), what, limit, progress).await?;
        clear_partial(&self.folder, "");
        let filled = match self.look().await {
            Content::Good => true,
            Content::Nothing => false,
            Content::Bad(why) => {
                progress.tell(Event::Discarded { path: self.path.clone(), why });
                false
            }
        };
        Ok((lock, filled))
    }

    /// Puts a program in place that was verified by its origin. The caller holds the lock.
    pub(super) async fn install(&self, partial: Partial, origin: String) -> Result<(), ToolError> {
        let refused = |source| FileError::new("make executable", &partial.path, None, source);
        std::fs::set_permissions(&partial.path, std::fs::Permissions::from_mode(0o755)).map_err(refused)?;
        self.must_work(&partial).await?;
        let slot = self.clone();
        let placed = detached(move |_| {
            // The record comes first: a record without its program counts as nothing, or as another program.
            slot.record(&partial.path, origin)?;
            partial.put_in_place()
        });
        Ok(placed.await?)
    }

    async fn must_work(&self, partial: &Partial) -> Result<(), ToolError> {
        let why = match version::ask(&partial.path, self.tool, self.limit).await {
            Ok(version) if version == self.tool.version() => return Ok(()),
            Ok(version) => format!("it says that it is version {version}"),
            Err(why) => why.to_string(),
        };
        Err(ToolError::Unusable { tool: self.tool, path: self.path.clone(), why })
    }

    /// A program without a record was copied here by hand; it counts if it says that it is the right one.
    async fn adopt(&self) -> Content {
        match version::ask(&self.path, self.tool, self.limit).await {
            Ok(version) if version == self.tool.version() => {
                let slot = self.clone();
                // Only saves the question next time, and the folder may be read-only.
                let _ = detached(move |_| slot.record(&slot.path, "copied here".to_owned())).await;
                Content::Good
            }
            Ok(version) => Content::Bad(format!("it was copied here and is version {version}")),
            Err(why) => Content::Bad(format!("it was copied here, but {why}")),
        }
    }

    fn record_path(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.tool.name()))
    }

    fn record(&self, program: &std::path::Path, origin: String) -> Result<(), FileError> {
        let refused = |source| FileError::new("read", program, None, source);
        let metadata = program.metadata().map_err(refused)?;
        let record = Record {
            sha256: download::checksum_of(program).map_err(refused)?,
            size: metadata.len(),
            modified: modified(&metadata),
            origin,
        };
        let text = serde_json::to_vec_pretty(&record).map_err(|error| refused(error.into()))?;
        write_whole(&self.record_path(), &text)
    }

    fn compare(&self) -> Compared {
        let Ok(metadata) = self.path.metadata() else { return Compared::Nothing };
        if let Err(why) = version::is_program(&self.path) {
            return Compared::Other(why);
        }
        let Ok(text) = std::fs::read(self.record_path()) else { return Compared::NoRecord };
        let Ok(record) = serde_json::from_slice::<Record>(&text) else {
            return Compared::Other("its record cannot be read".to_owned());
        };
        if metadata.len() != record.size {
            return Compared::Other(format!("it has {} bytes, not {}", metadata.len(), record.size));
        }
        if modified(&metadata) == record.modified {
            return Compared::Same;
        }
        match download::checksum_of(&self.path) {
            Ok(sum) if sum == record.sha256 => Compared::Same,
            Ok(_) => Compared::Other("its content has changed since it was put there".to_owned()),
            Err(error) => Compared::Other(error.to_string()),
        }
    }
}

enum Compared {
    Nothing,
    NoRecord,
    Same,
    Other(String),
}

fn modified(metadata: &std::fs::Metadata) -> i128 {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}
