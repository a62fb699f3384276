//! Host keys: asked of the host itself, and kept in a known hosts file.

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::known_hosts::{fingerprint_of, host_name};

const PROGRAM: &str = "ssh-keyscan";

/// A key that a host has shown. Whoever is on the way can show another one: compare the fingerprint with what the
/// host publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKey {
    /// Such as `ssh-ed25519`.
    pub algorithm: String,
    /// Algorithm and key: `ssh-ed25519 AAAA…`.
    pub key: String,
    /// `SHA256:…`.
    pub fingerprint: String,
}

impl HostKey {
    /// The key of `ssh-ed25519 AAAA… comment`; `None` where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().take(2).collect();
        let key = words.join(" ");
        let fingerprint = fingerprint_of(&key)?;
        Some(Self { algorithm: words.first()?.to_string(), key, fingerprint })
    }

    /// The line of a known hosts file for the key.
    pub fn known_hosts_line(&self, host: &str, port: u16) -> String {
        format!("{} {}", host_name(host, port), self.key)
    }
}

/// Why a host's keys are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// No name of a host.
    #[error("{0:?} is no name of a host\n  correct the address of the repository")]
    BadHost(String),
    /// The name leads nowhere.
    #[error(
        "the name {host} can't be resolved: {source}\n  check the spelling, and DNS: getent hosts {host}"
    )]
    NoSuchHost {
        /// The name.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing answers.
    #[error(
        "{host} can't be reached at port {port}: {source}\n  is the port right, and does a firewall let it through? \
         nc -vz {host} {port}"
    )]
    Unreachable {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The program is missing.
    #[error(
        "ssh-keyscan is not on PATH\n  install OpenSSH's client, or name a known hosts file in the configuration"
    )]
    NoProgram,
    /// The program can't be started.
    #[error("ssh-keyscan can't be started: {0}\n  try it by hand: ssh-keyscan <host>")]
    Program(io::Error),
    /// It answers, and shows no key.
    #[error(
        "{host} answers at port {port} but shows no host key\n  is it an SSH server? ssh-keyscan -p {port} {host}"
    )]
    NoKeys {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
}

/// Asks a host for its keys, by `ssh-keyscan`. Each step (connecting, each kind of key) may take `timeout`.
///
/// # Errors
/// Where the name is not resolved, nothing answers, what answers shows no key, or the program is missing.
pub fn scan(host: &str, port: u16, timeout: Duration) -> Result<Vec<HostKey>, ScanError> {
    // The program would take it for an option, or for a list.
    let unfit = |c: char| !(c.is_ascii_alphanumeric() || "-._:%".contains(c));
    if host.is_empty() || host.starts_with('-') || host.contains(unfit) {
        return Err(ScanError::BadHost(host.to_owned()));
    }
    reach(host, port, timeout)?;
    let seconds = timeout.as_secs().max(1).to_string();
    let output = Command::new(PROGRAM)
        .args(["-T", &seconds, "-p", &port.to_string(), "-t", "ed25519,ecdsa,rsa", host])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ScanError::NoProgram,
            _ => ScanError::Program(error),
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let keys =
        text.lines().filter_map(|line| line.split_once(' ')).filter_map(|(_, key)| HostKey::parse(key));
    let mut keys: Vec<HostKey> = keys.collect();
    keys.sort_by(|a, b| a.key.cmp(&b.key));
    keys.dedup();
    match keys.is_empty() {
        true => Err(ScanError::NoKeys { host: host.to_owned(), port }),
        false => Ok(keys),
    }
}

/// Tells a wrong name from a closed port: the program says nothing of either.
fn reach(host: &str, port: u16, timeout: Duration) -> Result<(), ScanError> {
    let unknown = |source| ScanError::NoSuchHost { host: host.to_owned(), source };
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(unknown)?.collect();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout.max(Duration::from_millis(1))) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(ScanError::Unreachable { host: host.to_owned(), port, source: last })
}

/// Adds lines to a known hosts file, those that it does not have. The file is replaced in one step and keeps its
/// mode; a new one is readable by its owner alone. Gives how many were added.
///
/// # Errors
/// Where the file can't be read or written.
pub fn append(path: &Path, lines: &[String]) -> io::Result<usize> {
    // What a link points at is written, not the link.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (mut content, mode) = match std::fs::read(&target) {
        Ok(content) => (content, target.metadata()?.permissions().mode() & 0o7777),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), 0o600),
        Err(error) => return Err(error),
    };
    let mut present: Vec<Vec<u8>> =
        content.split(|byte| *byte == b'\n').map(|line| line.trim_ascii().to_vec()).collect();
    let before = present.len();
    for line in lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()) {
        if !present.iter().any(|known| known == line.as_bytes()) {
            present.push(line.as_bytes().to_vec());
        }
    }
    let new = &present[before..];
    if new.is_empty() {
        return Ok(0);
    }
    if content.last().is_some_and(|last| *last != b'\n') {
        content.push(b'\n');
    }
    for line in new {
        content.extend_from_slice(line);
        content.push(b'\n');
    }
    replace(&target, &content, mode)?;
    Ok(new.len())
}

/// Writes beside it and moves it into place.
fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    File::open(folder)?.sync_all()
}
