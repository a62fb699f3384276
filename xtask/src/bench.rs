//! `cargo xtask bench`: the figures of docs/measurements.md, made by the bench target `scale`.

use std::io::Write;
use std::process::{Command, ExitCode};

/// Runs it as `cargo xtask` builds, or with `--release`; other words are the target's own.
pub(crate) fn main() -> ExitCode {
    let (release, words): (Vec<_>, Vec<_>) =
        std::env::args_os().skip(2).partition(|word| word == "--release");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // `cargo bench` takes the release profile, `cargo test` that of development.
    cargo.arg(if release.is_empty() { "test" } else { "bench" });
    cargo
        .args(["--quiet", "--locked", "--package", "integration-tests", "--bench", "scale", "--"])
        .args(words);
    match cargo.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _closed = writeln!(std::io::stderr(), "error: cargo can't be started: {error}");
            ExitCode::FAILURE
        }
    }
}
