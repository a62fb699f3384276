//! `setup`: all selected stages.

use std::process::ExitCode;

use super::block_on_locked;
use crate::args::{Global, Setup};
use crate::failure::Failure;
use crate::runner::{self, Options};
use crate::session::Session;

pub(crate) fn run(global: &Global, args: Setup) -> Result<ExitCode, Failure> {
    let stages = global.own.stages.select(&args.selection.into())?;
    let options = Options { timeout: args.run.timeout, force_conflicts: args.run.force_conflicts };
    let session = Session::open(global)?;
    session.lock.set("setup", args.run.lock.lock_timeout);
    block_on_locked(&session, runner::run(&session, &stages, options))?;
    Ok(ExitCode::SUCCESS)
}
