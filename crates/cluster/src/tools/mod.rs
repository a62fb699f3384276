//! The programs that cluster providers start, at pinned versions.
//!
//! A tool is looked for in this order, and the first that fits is used:
//!
//! 1. `GITOPS_SETUP_<NAME>`, such as `GITOPS_SETUP_KUBE_APISERVER=/path`;
//! 2. our cache, `<cache>/tools/<name>/<version>-<os>-<arch>/<name>`;
//! 3. `PATH`, where exactly the pinned version counts;
//! 4. the official release, verified by its published checksum;
//! 5. `go build` of the pinned modules, verified by go.sum.
//!
//! A checksum that does not match stops everything: it never leads on to the next way.

pub mod argocd_cli;
mod cache;
mod context;
pub mod download;
mod error;
mod events;
mod files;
mod gobuild;
mod goversion;
mod release;
mod resolve;
mod table;
mod version;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use context::{Limits, MIRROR_ENV, OFFLINE_ENV, Platform, Sites, ToolContext};
pub use error::{BuildError, Missing, ToolError, Unavailable};
pub use events::{Event, Progress};
pub use files::FileError;
pub use table::{GoModule, KUBERNETES, Tool};

/// A program that is there and can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Its absolute path.
    pub path: PathBuf,
    /// The version it has; of an override, the one it says it has.
    pub version: String,
    /// Where it came from.
    pub origin: Origin,
    /// What is odd about it but was asked for, such as an override of another version.
    pub warning: Option<String>,
}

/// Where a tool came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `GITOPS_SETUP_<NAME>`.
    Override,
    /// Our cache, from an earlier run.
    Cache,
    /// `PATH`.
    Path,
    /// Downloaded now.
    Downloaded,
    /// Built now.
    Built,
}

/// Finds or gets the tools that are asked for, and no others.
pub async fn resolve(
    tools: &[Tool],
    context: &ToolContext,
    progress: &Progress,
) -> Result<BTreeMap<Tool, Resolved>, ToolError> {
    resolve::resolve(tools, context, progress).await
}
