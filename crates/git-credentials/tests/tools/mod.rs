//! The real programs that keys and known hosts are compared with.

#![allow(dead_code, reason = "every test program uses another part of it")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not see as tests"
)]

use std::path::Path;
use std::process::{Command, Stdio};

/// Whether the programs are there. Where they are not, the test is skipped, and fails where `CI` is set.
pub(crate) fn have(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        let started = Command::new(program).arg("-?").stdin(Stdio::null()).output();
        started.is_err()
    });
    let Some(missing) = missing else { return true };
    assert!(std::env::var_os("CI").is_none(), "{missing} is not on PATH");
    println!("skipped: {missing} is not on PATH");
    false
}

/// What a program prints; its status and standard error where it fails.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<String, String> {
    run_with(program, args, &[])
}

/// The same, with variables.
pub(crate) fn run_with(program: &str, args: &[&str], variables: &[(&str, &str)]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(args).envs(variables.iter().copied()).env_remove("DISPLAY").stdin(Stdio::null());
    let output = command.output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{program} {args:?}: {} {}", text(&output.stdout), text(&output.stderr))),
    }
}

/// A path as an argument.
pub(crate) fn arg(path: &Path) -> &str {
    path.to_str().unwrap()
}
