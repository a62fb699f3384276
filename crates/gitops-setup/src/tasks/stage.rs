//! `stage <name>`: one stage.

use std::process::ExitCode;

use super::block_on_locked;
use crate::args::{Global, OneStage};
use crate::failure::Failure;
use crate::runner::{self, Options};
use crate::session::Session;

pub(crate) fn run(global: &Global, args: OneStage) -> Result<ExitCode, Failure> {
    let stage = global.own.stages.find(&args.name)?;
    let options = Options { timeout: args.run.timeout, force_conflicts: args.run.force_conflicts };
    let session = Session::open(global)?;
    session.lock.set("stage", args.run.lock.lock_timeout);
    block_on_locked(&session, runner::run(&session, &[stage], options))?;
    Ok(ExitCode::SUCCESS)
}
