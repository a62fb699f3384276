//! Files of known checksum from the network: whole and verified in place, or not there at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::files::{Cancelled, FileError, Lock, Partial, clear_partial, detached};
use super::{Event, Limits, Progress};

/// No file that is fetched comes near this size; a server that sends more is not the one that was meant.
const MAX_BYTES: u64 = 1 << 30;
const MAX_TEXT: u64 = 4 << 20;
/// A connection that breaks in the middle is tried once more.
const ATTEMPTS: usize = 2;
const TELL_EVERY: u64 = 512 << 10;

/// A file to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its address.
    pub url: &'a str,
    /// Its checksum, in hex.
    pub sha256: &'a str,
    /// Where it goes; the folder is made.
    pub dest: &'a Path,
}

/// Why a file was not fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// No answer, or not the file: no connection, no such host, a status other than 200, a stall, an early end.
    #[error("{url} cannot be fetched: {why}")]
    Unreachable {
        /// The address.
        url: String,
        /// What happened.
        why: String,
    },
    /// The bytes are others than those that were published. Never passed over in silence.
    #[error(
        "{url} gave other bytes than it should: sha256 is {actual}, expected {expected}.\n\
         Something on the way replaces the file (a proxy, a mirror), or it was tampered with; nothing was kept.\n\
         Compare with `curl -sSL {url} | sha256sum` from another network before trying again"
    )]
    ChecksumMismatch {
        /// The address.
        url: String,
        /// The published checksum.
        expected: String,
        /// That of the bytes that came.
        actual: String,
    },
    /// The file cannot be written here; [`FileError::DiskFull`] is the usual cause.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Fetches a file of known checksum to `dest`, unless it is there already; gives whether it was fetched.
///
/// It is written to a temporary file in the same folder, verified, synced and then renamed, under a lock, so that
/// processes that want the same file at the same time fetch it once.
pub async fn fetch_verified(
    wanted: Wanted<'_>,
    limits: &Limits,
    progress: &Progress,
) -> Result<bool, DownloadError> {
    if has_checksum(wanted.dest, wanted.sha256).await {
        return Ok(false);
    }
    let name = wanted.dest.file_name().unwrap_or_default().to_string_lossy();
    let lock = wanted.dest.with_file_name(format!(".{name}.lock"));
    let _lock = Lock::take(&lock, &format!("downloading {name}"), limits.lock, progress).await?;
    if has_checksum(wanted.dest, wanted.sha256).await {
        return Ok(false);
    }
    clear_partial(wanted.dest.parent().unwrap_or(wanted.dest), &format!("-{name}"));
    let partial = fetch(wanted, limits, progress).await?;
    partial.put_in_place()?;
    Ok(true)
}

/// The same without a lock, which the caller holds, and without the move into place.
pub(super) async fn fetch(
    wanted: Wanted<'_>,
    limits: &Limits,
    progress: &Progress,
) -> Result<Partial, DownloadError> {
    let (url, dest) = (wanted.url.to_owned(), wanted.dest.to_owned());
    let sha256 = wanted.sha256.to_ascii_lowercase();
    let (limits, progress) = (*limits, progress.clone());
    detached(move |cancelled| {
        let fetch = Fetch { url: &url, limits: &limits, progress: &progress, cancelled };
        let mut attempt = 1;
        loop {
            let (partial, mut file) = Partial::create(&dest)?;
            match fetch.copy_to(&mut file) {
                Ok(actual) if actual == sha256 => {
                    partial.settle(file, 0o644)?;
                    return Ok(partial);
                }
                Ok(actual) => {
                    return Err(DownloadError::ChecksumMismatch {
                        url: shown(&url),
                        expected: sha256,
                        actual,
                    });
                }
                Err(Broken::Midway(_)) if attempt < ATTEMPTS && !cancelled.is_set() => attempt += 1,
                Err(Broken::Midway(why) | Broken::Unreachable(why)) => return Err(unreachable(&url, why)),
                Err(Broken::Write { needed, source }) => {
                    return Err(FileError::new("write", &partial.path, needed, source).into());
                }
            }
        }
    })
    .await
}

/// A short text, such as a list of checksums. The token is sent to this host alone, and not where it redirects to.
pub(super) async fn text(
    url: &str,
    token: Option<&SecretString>,
    limits: &Limits,
) -> Result<String, DownloadError> {
    let (url, token, limits) = (url.to_owned(), token.cloned(), *limits);
    detached(move |_| {
        let mut response = get(&url, token.as_ref(), &limits).map_err(|why| unreachable(&url, why))?;
        let body = response.body_mut().with_config().limit(MAX_TEXT).lossy_utf8(true).read_to_string();
        body.map_err(|error| unreachable(&url, described(&error)))
    })
    .await
}

/// The checksum of a file, in hex.
pub(super) fn checksum_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

async fn has_checksum(path: &Path, sha256: &str) -> bool {
    let path = path.to_owned();
    let actual = detached(move |_| checksum_of(&path)).await;
    actual.is_ok_and(|actual| actual.eq_ignore_ascii_case(sha256))
}

struct Fetch<'a> {
    url: &'a str,
    limits: &'a Limits,
    progress: &'a Progress,
    cancelled: &'a Cancelled,
}

/// Why a file did not arrive.
#[derive(Debug)]
enum Broken {
    Unreachable(String),
    Midway(String),
    Write { needed: Option<u64>, source: io::Error },
}

impl Fetch<'_> {
    /// Copies the file to `out` and gives its checksum.
    fn copy_to(&self, out: &mut impl Write) -> Result<String, Broken> {
        let response = get(self.url, None, self.limits).map_err(Broken::Unreachable)?;
        let total = response.body().content_length();
        self.copy(&mut response.into_body().into_reader(), total, out)
    }

    fn copy(&self, from: &mut impl Read, total: Option<u64>, out: &mut impl Write) -> Result<String, Broken> {
        let started = Instant::now();
        let mut hash = Sha256::new();
        let (mut bytes, mut told) = (0, 0);
        self.tell(0, total);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Broken::Midway(interrupted(bytes, total, &error.to_string()))),
            };
            let chunk = &buffer[..count];
            let write =
                |source| Broken::Write { needed: total.map(|total| total - bytes.min(total)), source };
            out.write_all(chunk).map_err(write)?;
            hash.update(chunk);
            bytes += count as u64;
            self.may_go_on(bytes, started)?;
            if bytes - told >= TELL_EVERY {
                told = bytes;
                self.tell(bytes, total);
            }
        }
        if let Some(total) = total.filter(|total| *total != bytes) {
            return Err(Broken::Midway(interrupted(bytes, Some(total), "the connection was closed")));
        }
        self.tell(bytes, total);
        Ok(hex(&hash.finalize()))
    }

    fn may_go_on(&self, bytes: u64, started: Instant) -> Result<(), Broken> {
        if self.cancelled.is_set() {
            return Err(Broken::Unreachable("it was cancelled".to_owned()));
        }
        if bytes > MAX_BYTES {
            return Err(Broken::Unreachable("it is larger than 1 GiB".to_owned()));
        }
        // The time without a byte is bounded for each read; this bounds a server that sends a byte now and then.
        let limit = self.limits.download;
        if started.elapsed() > limit {
            let why = format!("only {bytes} bytes came in {} minutes", minutes(limit));
            return Err(Broken::Unreachable(why));
        }
        Ok(())
    }

    fn tell(&self, bytes: u64, total: Option<u64>) {
        let file = shown(self.url).rsplit('/').next().unwrap_or_default().to_owned();
        self.progress.tell(Event::Download { file, bytes, total });
    }
}

fn minutes(duration: Duration) -> u64 {
    duration.as_secs().div_ceil(60)
}

fn interrupted(bytes: u64, total: Option<u64>, why: &str) -> String {
    match total {
        Some(total) => format!("it ended after {bytes} of {total} bytes: {why}"),
        None => format!("it ended after {bytes} bytes: {why}"),
    }
}

fn get(
    url: &str,
    token: Option<&SecretString>,
    limits: &Limits,
) -> Result<ureq::http::Response<ureq::Body>, String> {
    let tls = ureq::tls::TlsConfig::builder()
        // The system's roots, so that the certificate of a company's proxy is known.
        .root_certs(ureq::tls::RootCerts::PlatformVerifier)
        .build();
    let agent = ureq::Agent::config_builder()
        .user_agent(concat!("gitops-setup/", env!("CARGO_PKG_VERSION")))
        // Sizes are told for the bytes as they are, so those are asked for.
        .accept_encoding("identity")
        // A redirect must not lead from https to http.
        .https_only(url.starts_with("https://"))
        .timeout_resolve(Some(limits.connect))
        .timeout_connect(Some(limits.connect))
        .timeout_per_read(Some(limits.stall))
        .timeout_recv_response(Some(limits.stall))
        .tls_config(tls)
        .build()
        .new_agent();
    let mut request = agent.get(url);
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {}", token.expose_secret()));
    }
    request.call().map_err(|error| described(&error))
}

fn described(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(status @ (403 | 429)) => {
            format!("the server answered {status} (refused, or asked too often)")
        }
        ureq::Error::StatusCode(status) => format!("the server answered {status}"),
        ureq::Error::HostNotFound => "no such host (is there a network, and DNS?)".to_owned(),
        error => error.to_string(),
    }
}

fn unreachable(url: &str, why: String) -> DownloadError {
    DownloadError::Unreachable { url: shown(url), why }
}

/// An address without the user and password that a mirror's may have.
pub(super) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes some bytes, and then is full.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.0);
            self.0 -= count;
            if count == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(count) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn copy(from: &[u8], total: Option<u64>, out: &mut impl Write) -> Result<String, Broken> {
        let (limits, progress, cancelled) = (Limits::default(), Progress::none(), Cancelled::default());
        let fetch = Fetch { url: "http://h/f", limits: &limits, progress: &progress, cancelled: &cancelled };
        fetch.copy(&mut &*from, total, out)
    }

    #[test]
    fn the_checksum_is_that_of_the_bytes() {
        let mut out = Vec::new();
        let sum = copy(b"abc", Some(3), &mut out).unwrap();
        assert_eq!(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(out, b"abc");
    }

    #[test]
    fn a_full_disk_tells_what_is_still_needed() {
        let body = vec![7; 200 << 10];
        let Err(Broken::Write { needed, source }) = copy(&body, Some(200 << 10), &mut Full(100 << 10)) else {
            panic!("not a write error");
        };
        assert_eq!(needed, Some(136 << 10), "whole chunks of 64 KiB were written before");
        let error = FileError::new("write", Path::new("/tmp/x"), needed, source);
        assert!(matches!(error, FileError::DiskFull { .. }), "{error}");
    }

    #[test]
    fn an_early_end_is_not_taken_for_the_whole() {
        let Err(Broken::Midway(why)) = copy(b"abc", Some(5), &mut Vec::new()) else {
            panic!("not an early end")
        };
        assert!(why.contains("3 of 5 bytes"), "{why}");
    }

    #[test]
    fn passwords_in_addresses_are_not_shown() {
        assert_eq!(shown("https://user:pass@h:8/a@b"), "https://h:8/a@b");
        assert_eq!(shown("https://h/a"), "https://h/a");
    }
}
