//! Where this program keeps things of its own: a cache that may be deleted at any time, and data that may not.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

/// The environment variable that moves the cache.
pub const CACHE_ENV: &str = "GITOPS_SETUP_CACHE";
/// The environment variable that moves the data.
pub const DATA_ENV: &str = "GITOPS_SETUP_DATA";

const NAME: &str = "gitops-setup";

/// Why a folder of ours cannot be named or made.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// There is no home folder to put the default below.
    #[error(
        "there is no place for the {what} folder: no home folder is known ({source}).\n\
         Set HOME, or name the folder: {env}=/some/folder"
    )]
    NoHome {
        /// `cache` or `data`.
        what: &'static str,
        /// The variable that names the folder outright.
        env: &'static str,
        /// What the lookup of the home folder said.
        source: etcetera::HomeDirError,
    },
    /// The folder cannot be made.
    #[error(
        "cannot make the folder {}: {source}.\n\
         See who owns the folders above it (`ls -ld`), or choose others: {CACHE_ENV}=… and {DATA_ENV}=…",
        path.display()
    )]
    Create {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The value of a variable is no usable path.
    #[error("{env}={} is not a usable folder: {source}", path.display())]
    Unusable {
        /// The variable.
        env: &'static str,
        /// Its value.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The cache: `$GITOPS_SETUP_CACHE`, or `gitops-setup` in the user's cache folder (XDG, on macOS as well).
///
/// Names the folder only; what writes there makes it with [`create`].
pub fn cache() -> Result<PathBuf, DirError> {
    named(CACHE_ENV, "cache", std::env::var_os(CACHE_ENV), |xdg| xdg.cache_dir())
}

/// The data: `$GITOPS_SETUP_DATA`, or `gitops-setup` in the user's data folder (XDG, on macOS as well).
///
/// Names the folder only; what writes there makes it with [`create`].
pub fn data() -> Result<PathBuf, DirError> {
    named(DATA_ENV, "data", std::env::var_os(DATA_ENV), |xdg| xdg.data_dir())
}

/// Makes a folder and those above it, for this user alone (0700); one that is there already stays as it is.
pub fn create(path: &Path) -> Result<(), DirError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| DirError::Create { path: path.to_owned(), source })
}

fn named(
    env: &'static str,
    what: &'static str,
    value: Option<std::ffi::OsString>,
    default: impl FnOnce(&etcetera::base_strategy::Xdg) -> PathBuf,
) -> Result<PathBuf, DirError> {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        // Children are started in other folders, so a relative path would mean something else to them.
        return std::path::absolute(&value).map_err(|source| DirError::Unusable {
            env,
            path: value.into(),
            source,
        });
    }
    let xdg = etcetera::base_strategy::Xdg::new().map_err(|source| DirError::NoHome { what, env, source })?;
    Ok(default(&xdg).join(NAME))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_variable_wins_and_becomes_absolute() {
        let named = named(CACHE_ENV, "cache", Some("some/where".into()), |xdg| xdg.cache_dir()).unwrap();
        assert!(named.is_absolute() && named.ends_with("some/where"), "{}", named.display());
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let named = named(DATA_ENV, "data", Some("".into()), |_| PathBuf::from("/xdg")).unwrap();
        assert_eq!(named, Path::new("/xdg/gitops-setup"));
    }

    #[test]
    fn folders_are_for_the_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        create(&path).unwrap();
        create(&path).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = create(&file.join("b")).unwrap_err().to_string();
        assert!(error.contains(file.to_str().unwrap()) && error.contains(CACHE_ENV), "{error}");
    }
}
