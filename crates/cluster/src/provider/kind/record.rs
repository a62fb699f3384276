//! What our folder keeps of a kind cluster: the files that it was made from, and the images that were loaded.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use manifests::config::Cluster as Settings;
use manifests::kind::{CONFIG_FILE, MIRRORS, differences, files};

use crate::error::ClusterError;

/// Our folder for one cluster, and the files that its configuration asks for.
#[derive(Clone, Debug)]
pub(super) struct Record {
    folder: PathBuf,
    wanted: BTreeMap<String, String>,
}

impl Record {
    pub(super) fn new(settings: &Settings, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), wanted: files(settings, &folder.to_string_lossy()) }
    }

    /// There between the beginning of `kind create cluster` and the time that all nodes are ready.
    fn begun(&self) -> PathBuf {
        self.folder.join("begun")
    }

    /// What kind says while it works; of use to nobody once it is done.
    pub(super) fn said(&self) -> PathBuf {
        self.folder.join("create.log")
    }

    fn made(&self) -> PathBuf {
        self.folder.join("made-from.json")
    }

    fn loaded(&self) -> PathBuf {
        self.folder.join("images.json")
    }

    /// A run of ours began to make the cluster, and did not come to the end.
    pub(super) fn has_begun(&self) -> bool {
        self.begun().exists()
    }

    /// The cluster is one that we made.
    pub(super) fn exists(&self) -> bool {
        self.made().exists()
    }

    /// Writes the files that kind is given, and the mark that it has begun.
    pub(super) fn begin(&self) -> Result<(), ClusterError> {
        crate::dirs::create(&self.folder)?;
        write(&self.begun(), "")?;
        remove(&self.loaded())?;
        remove_folder(&self.folder.join(MIRRORS))?;
        for (name, text) in &self.wanted {
            let path = self.folder.join(name);
            if let Some(folder) = path.parent() {
                crate::dirs::create(folder)?;
            }
            write(&path, text)?;
        }
        write(&self.made(), &serde_json::to_string(&self.wanted).expect("texts are JSON"))
    }

    pub(super) fn complete(&self) -> Result<(), ClusterError> {
        remove(&self.said())?;
        remove(&self.begun())
    }

    /// What the cluster was made from, against what is wanted now.
    pub(super) fn differences(&self) -> Result<Vec<String>, ClusterError> {
        Ok(read(&self.made())?.map_or_else(Vec::new, |made| differences(&made, &self.wanted)))
    }

    /// Images that were loaded, with their ids.
    pub(super) fn images(&self) -> Result<BTreeMap<String, String>, ClusterError> {
        read(&self.loaded()).map(Option::unwrap_or_default)
    }

    pub(super) fn note_images(&self, images: &BTreeMap<String, String>) -> Result<(), ClusterError> {
        write(&self.loaded(), &serde_json::to_string(images).expect("texts are JSON"))
    }

    /// The cluster is gone; its logs may stay.
    pub(super) fn forget(&self, logs_too: bool) -> Result<(), ClusterError> {
        if logs_too {
            return remove_folder(&self.folder);
        }
        let files = [CONFIG_FILE, "kubeconfig"].map(|name| self.folder.join(name));
        for path in files.into_iter().chain([self.said(), self.loaded(), self.made()]) {
            remove(&path)?;
        }
        remove(&self.begun())
    }
}

fn write(path: &Path, text: &str) -> Result<(), ClusterError> {
    std::fs::write(path, text).map_err(|source| ClusterError::File { path: path.to_owned(), source })
}

fn remove_folder(path: &Path) -> Result<(), ClusterError> {
    match std::fs::remove_dir_all(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(ClusterError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> Result<(), ClusterError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(ClusterError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// A file of ours; what is no longer readable counts as missing.
fn read(path: &Path) -> Result<Option<BTreeMap<String, String>>, ClusterError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ClusterError::File { path: path.to_owned(), source }),
    }
}
