//! `init`: a commented configuration file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use super::print;
use crate::args::Init;
use crate::failure::Failure;
use crate::report::spoken;

pub(crate) fn run(args: &Init) -> Result<ExitCode, Failure> {
    let path = args.file.display();
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(args.force).create_new(!args.force);
    let written = options
        .open(&args.file)
        .and_then(|mut file| file.write_all(spoken(manifests::config::template()).as_bytes()));
    match written {
        Ok(()) => {
            print(&spoken(&format!("Wrote {path}. Edit it, then: cargo xtask plan\n")));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Failure::Usage(format!(
            "{path} is there already\n  replace it with: cargo xtask init {path} --force"
        ))),
        Err(error) => Err(Failure::Usage(format!("{path}: {error}"))),
    }
}
