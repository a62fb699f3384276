//! What is told about long work while it goes on.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{GoModule, Tool};

/// Something that happened while tools were resolved or a cluster was made. Its `Display` is a line for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A cached file is not what was put there and gets replaced.
    Discarded {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Another process holds the lock; its result will be used.
    Waiting {
        /// What the other process is doing, such as `building control-plane`.
        what: String,
        /// The lock file.
        lock: PathBuf,
    },
    /// The next part of making a cluster begins.
    Step {
        /// What is done.
        what: String,
    },
    /// How it stands with what is waited for.
    State {
        /// A line each.
        lines: Vec<String>,
    },
    /// Bytes have arrived; the first event of a download has `bytes` 0.
    Download {
        /// The name of the file.
        file: String,
        /// How many so far.
        bytes: u64,
        /// How many there will be, where the server says so.
        total: Option<u64>,
    },
    /// A tool cannot be downloaded, so the next way is tried.
    NoDownload {
        /// The tool.
        tool: Tool,
        /// Why not.
        why: String,
    },
    /// `go build` starts.
    BuildStarted {
        /// The module.
        module: GoModule,
        /// What it will give.
        tools: Vec<Tool>,
        /// How long it takes, for a person.
        estimate: &'static str,
    },
    /// `go build` got on.
    Build {
        /// The module.
        module: GoModule,
        /// How many Go modules were downloaded so far.
        downloads: usize,
        /// How many packages were compiled so far.
        packages: usize,
        /// The last of either.
        last: String,
    },
    /// `go build` is done.
    BuildFinished {
        /// The module.
        module: GoModule,
        /// How long it took.
        elapsed: Duration,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discarded { path, why } => write!(f, "replacing {}: {why}", path.display()),
            Self::Waiting { what, lock } => {
                write!(f, "waiting for another gitops-setup process that is {what} ({})", lock.display())
            }
            Self::Step { what } => f.write_str(what),
            Self::State { lines } => write!(f, "waiting: {}", lines.join("; ")),
            Self::Download { file, bytes, total: Some(total) } => {
                write!(f, "downloading {file}: {:.1} of {:.1} MB", mb(*bytes), mb(*total))
            }
            Self::Download { file, bytes, total: None } => {
                write!(f, "downloading {file}: {:.1} MB", mb(*bytes))
            }
            Self::NoDownload { tool, why } => write!(f, "{tool} is not downloaded: {why}"),
            Self::BuildStarted { tools, estimate, .. } => {
                let tools: Vec<_> = tools.iter().map(Tool::to_string).collect();
                write!(f, "building {} from source with go: {estimate}", tools.join(", "))
            }
            Self::Build { module, downloads, packages: 0, .. } => {
                write!(f, "building {}: {downloads} modules fetched", module.name())
            }
            Self::Build { module, packages, .. } => {
                write!(f, "building {}: {packages} of about {} packages", module.name(), module.packages())
            }
            Self::BuildFinished { module, elapsed } => {
                write!(f, "built {} in {} s", module.name(), elapsed.as_secs())
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal place is shown")]
fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Who is told. Called from several threads, and often: it must not block.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Event) + Send + Sync>);

impl Progress {
    /// Calls `tell` with each event.
    pub fn new(tell: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells nobody.
    pub fn none() -> Self {
        Self::new(drop)
    }

    pub(crate) fn tell(&self, event: Event) {
        (self.0)(event);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
