//! The command line as a library.
//!
//! Another repository's own xtask embeds it whole:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     gitops_setup::main()
//! }
//! ```

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
mod observe;
mod quickstart;
mod random;
mod report;
mod runner;
mod session;
mod tasks;
mod values;
mod webhooks;

use std::process::ExitCode;

use clap::Parser;

pub use failure::Failure;

/// Runs the command line of this process, and gives its exit code.
pub fn main() -> ExitCode {
    let args = args::Args::parse();
    let output = args.global.output;
    match args.run() {
        Ok(code) => code,
        Err(failure) => {
            report::failure(output, &failure);
            failure.exit_code()
        }
    }
}
