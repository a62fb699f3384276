//! Why a tool cannot be had, for the person who has to get it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::download::DownloadError;
use super::files::FileError;
use super::{GoModule, Tool};

/// Why [`super::resolve`] gave up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// `GITOPS_SETUP_<NAME>` names something that cannot be started.
    #[error(
        "{}={} cannot be used as {}: {why}.\nCorrect the variable, or unset it to have {tool} fetched",
        tool.env(), path.display(), tool.name()
    )]
    Override {
        /// The tool.
        tool: Tool,
        /// The value of the variable.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A download that must not be passed over in favour of the next way: a wrong checksum, a full disk.
    #[error("{tool} cannot be fetched: {source}")]
    Download {
        /// The tool.
        tool: Tool,
        /// What happened.
        source: DownloadError,
    },
    /// Our own files cannot be written or locked.
    #[error(transparent)]
    File(#[from] FileError),
    /// What was downloaded or built does not start, or is something else.
    #[error(
        "{tool} was fetched but does not work, so it was not kept: {why}.\n\
         A file system mounted noexec is a common cause (`findmnt -T {}`): move the cache with GITOPS_SETUP_CACHE=…",
        path.display()
    )]
    Unusable {
        /// The tool.
        tool: Tool,
        /// Where it would have been put.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// `go build` filled a disk.
    #[error("`go build` of {} stopped: {source}.\nGo's own caches are moved with GOCACHE=… and GOMODCACHE=…",
        module.name())]
    BuildDiskFull {
        /// The module.
        module: GoModule,
        /// Which disk.
        source: FileError,
    },
    /// Every way was tried.
    #[error(transparent)]
    Unavailable(#[from] Box<Unavailable>),
}

/// The report of a search that found nothing.
#[derive(Debug)]
pub struct Unavailable {
    /// The tools that are missing, with what was tried for each.
    pub missing: Vec<Missing>,
    /// The builds that failed.
    pub builds: Vec<BuildError>,
    /// Where a program copied by hand would be found.
    pub folders: Vec<PathBuf>,
    /// Whether downloads were forbidden.
    pub offline: bool,
}

/// A tool that was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The tool.
    pub tool: Tool,
    /// Each way that was tried, and why it failed.
    pub tried: Vec<(&'static str, String)>,
}

impl std::error::Error for Unavailable {}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "programs that the cluster needs are missing, and no way to get them worked:")?;
        for missing in &self.missing {
            writeln!(f, "  {}", missing.tool)?;
            for (way, why) in &missing.tried {
                writeln!(f, "    {way}: {why}")?;
            }
        }
        for build in &self.builds {
            writeln!(f, "{build}")?;
        }
        self.ways_out(f)
    }
}

impl Unavailable {
    fn ways_out(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Any one of these helps:")?;
        if self.offline {
            write!(f, "\n  - unset GITOPS_SETUP_OFFLINE, so that they can be downloaded")?;
        } else {
            write!(
                f,
                "\n  - let this machine reach dl.k8s.io, github.com and api.github.com (HTTPS_PROXY is honoured),"
            )?;
            write!(f, "\n    or name a copy of them: GITOPS_SETUP_DOWNLOAD_MIRROR=https://mirror.example")?;
        }
        if self.builds.is_empty() {
            write!(f, "\n  - install Go (https://go.dev/dl), so that they can be built from source")?;
        }
        if let Some(missing) = self.missing.first() {
            let (name, env) = (missing.tool.name(), missing.tool.env());
            write!(f, "\n  - name a program that you have: {env}=/path/to/{name}")?;
        }
        for (index, folder) in self.folders.iter().enumerate() {
            let start = if index == 0 { "\n  - copy it from another machine to" } else { "\n    and" };
            write!(f, "{start} {}", folder.display())?;
        }
        Ok(())
    }
}

/// Why `go build` did not give the tools.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No `go`.
    #[error("there is no `go` on PATH to build them with")]
    NoGo,
    /// `go` is older than the module wants.
    #[error(
        "go at {} is version {found}; {} needs {wanted} or newer.\n  \
         Install a newer Go (https://go.dev/dl), or let this one fetch it: GOTOOLCHAIN=auto (needs the network)",
        go.display(), module.name()
    )]
    GoTooOld {
        /// The program.
        go: PathBuf,
        /// The module.
        module: GoModule,
        /// Its version.
        found: String,
        /// The version in go.mod.
        wanted: String,
    },
    /// It cannot be started or watched.
    #[error("{} does not run: {why}", go.display())]
    Start {
        /// The program.
        go: PathBuf,
        /// What the system said.
        why: String,
    },
    /// It took too long.
    #[error("`go build` of {} was stopped: not done after {} minutes", module.name(), limit.as_secs() / 60)]
    TimedOut {
        /// The module.
        module: GoModule,
        /// The limit.
        limit: Duration,
    },
    /// It failed.
    #[error(
        "`go build` of {} failed ({status}) in {}; its last lines:\n{}\n  {}",
        module.name(), folder.display(), indented(stderr), advice(status, *offline)
    )]
    Failed {
        /// The module.
        module: GoModule,
        /// Where it ran; run it again there by hand.
        folder: PathBuf,
        /// Its exit status.
        status: String,
        /// The last lines it wrote.
        stderr: Vec<String>,
        /// Whether fetching modules was forbidden.
        offline: bool,
    },
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn advice(status: &str, offline: bool) -> &'static str {
    if status.starts_with("signal: 9 ") {
        "It was killed, most often because memory ran out (`dmesg | tail`): GOFLAGS=-p=1 needs less. \
         What is compiled is kept, so another run goes on from there"
    } else if status.starts_with("signal: ") {
        "Something ended it from outside; what is compiled is kept, so another run goes on from there"
    } else if offline {
        "GITOPS_SETUP_OFFLINE is set, so only modules in Go's own cache were used; unset it to fetch the others"
    } else {
        "Where modules come from is set by GOPROXY, GONOSUMDB and GOFLAGS: see `go env GOPROXY GOFLAGS`; \
         behind a proxy set HTTPS_PROXY"
    }
}
