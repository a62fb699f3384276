//! `cargo xtask`. All of it is in the library, so that another repository's own xtask can be three lines. `ci` is for
//! this repository alone.

mod ci;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(word) if word == "ci" => ci::main(),
        _ => gitops_setup::main(),
    }
}
