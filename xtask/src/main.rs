//! `cargo xtask`. All of it is in the library, so that another repository's own xtask can be three lines. `bench` and
//! `ci` are for this repository alone.

mod bench;
mod ci;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(word) if word == "bench" => bench::main(),
        Some(word) if word == "ci" => ci::main(),
        _ => gitops_setup::main(),
    }
}
