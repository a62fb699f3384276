//! Looks for secrets where everybody sees them: in command lines, and in files that are left.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Programs that are started by the tool, and need none of its secrets.
const SECRETIVE: [&str; 11] = [
    "docker",
    "etcd",
    "go",
    "helm",
    "kind",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "kwok-controller",
    "kwokctl",
];

/// Values that must not be seen.
#[derive(Clone, Debug)]
pub struct Planted(Vec<String>);

impl Planted {
    /// These values, each long enough to be no accident.
    pub fn new<S: Into<String>>(values: impl IntoIterator<Item = S>) -> Self {
        Self(values.into_iter().map(Into::into).collect())
    }

    /// Asserts that none is in it: plain, in base64, in hexadecimal digits, and as a part of an address.
    #[track_caller]
    pub fn is_not_in(&self, what: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for secret in &self.0 {
            // Base64 of what is in the middle of a text depends on what is before it, so its three forms are tried.
            let encoded = (0..3).map(|shift| {
                let encoded = BASE64_STANDARD.encode(format!("{}{secret}", "x".repeat(shift)));
                encoded[4..encoded.len() - 4].to_owned()
            });
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let more = [secret.clone(), hex.to_uppercase(), hex, percent(secret)];
            for form in more.into_iter().chain(encoded) {
                assert!(!text.contains(&form), "{secret} is in {what}");
            }
        }
    }

    /// Asserts that none is in a file of the folder; gives how many files there were. etcd's own store, where
    /// Secrets are, is passed over.
    #[track_caller]
    pub fn is_in_no_file_of(&self, folder: &Path) -> usize {
        let mut count = 0;
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let kind = entry.file_type().expect("it is there");
            if kind.is_dir() && entry.file_name() != "etcd" {
                count += self.is_in_no_file_of(&entry.path());
            } else if kind.is_file() && entry.metadata().is_ok_and(|metadata| metadata.len() < 80 << 20) {
                // Programs are large and not ours; what we write is not.
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                self.is_not_in(&entry.path().display().to_string(), &bytes);
                count += 1;
            }
        }
        count
    }

    /// Looks at the command lines of all processes until told to stop, and at the environments of those that are to
    /// know nothing: all but the tool itself, which is given them there, `git`, and programs that users name.
    pub fn watch_processes(&self) -> Watch {
        let (planted, stop) = (self.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let watcher = std::thread::spawn(move || {
            let mut looks = 0;
            while !stopped.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                    let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                    let what = format!("the command line {}", String::from_utf8_lossy(&line));
                    planted.is_not_in(&what, &line);
                    let name = line.split(|byte| *byte == 0).next().unwrap_or_default();
                    let name =
                        String::from_utf8_lossy(name.rsplit(|byte| *byte == b'/').next().unwrap_or_default());
                    if SECRETIVE.contains(&&*name) {
                        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
                        planted.is_not_in(&format!("the environment of {name}"), &environment);
                    }
                }
                looks += 1;
                // What is sampled needs the processor more than the sampling does.
                std::thread::sleep(Duration::from_millis(5));
            }
            looks
        });
        Watch { stop, watcher }
    }
}

/// As a part of an address (RFC 3986).
fn percent(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// A watch under way.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    watcher: JoinHandle<usize>,
}

impl Watch {
    /// Ends it; gives how often it looked.
    ///
    /// # Panics
    ///
    /// Where a command line held a secret.
    pub fn ends(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.watcher.join().expect("no command line held a secret")
    }
}
