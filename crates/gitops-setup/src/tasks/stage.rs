//! `stage <name>`: one stage.

use std::process::ExitCode;

use super::block_on;
use crate::args::{Global, OneStage};
use crate::failure::Failure;
use crate::runner::{self, Options};
use crate::session::Session;

pub(crate) fn run(global: &Global, args: OneStage) -> Result<ExitCode, Failure> {
    let stage = global.own.stages.find(&args.name)?;
    let options = Options { timeout: args.run.timeout, force_conflicts: args.run.force_conflicts };
    let session = Session::open(global)?;
    block_on(runner::run(&session, &[stage], options))?;
    Ok(ExitCode::SUCCESS)
}
