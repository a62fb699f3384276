//! The API server's own record of who wrote what.

use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;

/// The audit log of a sandbox's cluster, from a moment on.
#[derive(Clone, Debug)]
pub struct Audit {
    log: PathBuf,
    since: Timestamp,
    start: u64,
}

/// A request that changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Path and query.
    pub uri: String,
}

impl Audit {
    /// From now on, so that what was before does not count. A request is written down when it ends: one of a killed
    /// run, which the server went on with, can be in the log behind the place where it ends now.
    pub(crate) fn from_here(log: PathBuf) -> Self {
        let start = log.metadata().map_or(0, |metadata| metadata.len());
        Self { log, since: Timestamp::now(), start }
    }

    /// What was written down since.
    fn text(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = std::fs::File::open(&self.log) {
            file.seek(SeekFrom::Start(self.start)).expect("a plain file");
            file.read_to_string(&mut text).expect("the log is UTF-8");
        }
        text
    }

    /// Requests by the tool under test that change something, without those for the lock of the cluster.
    pub fn writes(&self) -> Vec<Write> {
        self.write_events().iter().filter_map(Write::of).collect()
    }

    /// The same as audit events.
    pub fn write_events(&self) -> Vec<Value> {
        let mut events = self.requests();
        events.retain(|event| Write::of(event).is_some_and(|write| !write.is_for_the_lock()));
        events
    }

    /// All requests by the tool under test that the server received since, as audit events.
    pub fn requests(&self) -> Vec<Value> {
        let text = self.text();
        // The last line may be half written.
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| ours(event) && self.is_since(event)).collect()
    }

    fn is_since(&self, event: &Value) -> bool {
        let received = event["requestReceivedTimestamp"].as_str().expect("an event says when");
        // It has microseconds, cut off.
        received.parse::<Timestamp>().expect("a time").as_microsecond() >= self.since.as_microsecond()
    }

    /// Asserts that nothing was written since.
    #[track_caller]
    pub fn has_no_writes(&self) {
        let requests = self.requests();
        assert!(!requests.is_empty(), "no request of ours in {}", self.log.display());
        let writes: Vec<Write> = requests.iter().filter_map(Write::of).collect();
        assert_eq!(writes, [], "written although nothing was to change");
    }
}

/// The components of the control plane are the same user, and name themselves as the tool does.
fn ours(event: &Value) -> bool {
    event["userAgent"].as_str().is_some_and(|agent| agent.starts_with("gitops-setup/"))
}

impl Write {
    /// The write that an audit event is about.
    pub fn of(event: &Value) -> Option<Self> {
        let verb = event["verb"].as_str()?;
        let writes = ["create", "update", "patch", "delete", "deletecollection"].contains(&verb);
        writes.then(|| Self { verb: verb.into(), uri: event["requestURI"].as_str().unwrap_or("?").into() })
    }

    /// Whether it takes, renews or gives back the lock of the cluster.
    pub fn is_for_the_lock(&self) -> bool {
        self.uri.contains("/namespaces/kube-system/leases")
    }
}
