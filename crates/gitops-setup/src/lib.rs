//! The command line as a library.
//!
//! Another repository's own xtask embeds it whole:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     gitops_setup::main()
//! }
//! ```
//!
//! or with stages of its own, see [`Xtask`]. Its tests have clusters of their own, see [`testing`].

mod access;
mod apply;
mod argocd;
mod args;
mod clone_check;
mod clusters;
mod failure;
mod fill;
mod git;
mod lock;
mod manifest;
mod memory;
mod observe;
mod own;
mod quickstart;
mod random;
mod report;
mod runner;
mod secrets;
mod session;
mod tasks;
pub mod testing;
mod values;
mod webhooks;

use std::process::ExitCode;

pub use failure::Failure;
pub use own::Xtask;
pub use {manifests, stages};

/// Runs the command line of this process, and gives its exit code.
pub fn main() -> ExitCode {
    Xtask::new().main()
}
