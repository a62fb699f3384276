//! The quickstart: what runs where there is no configuration.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use manifests::config::{Config, quickstart};

use crate::failure::Failure;
use crate::random;

/// Letters and digits without those that look alike.
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
const LENGTH: usize = 20;

/// The built-in configuration; its repository and password are kept in our data folder.
pub(crate) fn config(data: &Path) -> Config {
    let repository = format!("file://{}", folder(data).join("repository.git").display());
    quickstart(&repository, &password_file(data))
}

/// Makes a random admin password where there is none yet, for this user's eyes only.
pub(crate) fn make_password(data: &Path) -> Result<(), Failure> {
    cluster::dirs::create(&folder(data)).map_err(|error| Failure::Precondition(error.to_string()))?;
    let path = password_file(data);
    let failed = |error: std::io::Error| Failure::file(&path, &error);
    if path.exists() {
        return Ok(());
    }
    // Whole or not at all: a run that is cut off must not leave half a password behind.
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(&partial).map_err(failed)?;
    file.write_all(&password()?).and_then(|()| file.write_all(b"\n")).map_err(failed)?;
    match std::fs::hard_link(&partial, &path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    std::fs::remove_file(&partial).map_err(failed)
}

fn password() -> Result<Vec<u8>, Failure> {
    let mut password = Vec::with_capacity(LENGTH);
    while password.len() < LENGTH {
        let [byte] = random::bytes()?;
        let index = usize::from(byte);
        // Every letter equally often: bytes above the last whole multiple are passed over.
        if index < 256 / ALPHABET.len() * ALPHABET.len() {
            password.push(ALPHABET[index % ALPHABET.len()]);
        }
    }
    Ok(password)
}

fn password_file(data: &Path) -> PathBuf {
    folder(data).join("admin-password")
}

fn folder(data: &Path) -> PathBuf {
    data.join("quickstart")
}
