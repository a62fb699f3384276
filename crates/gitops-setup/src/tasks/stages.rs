//! `stages`: the list.

use std::process::ExitCode;

use super::print;
use crate::args::Global;
use crate::failure::Failure;

pub(crate) fn run(global: &Global) -> Result<ExitCode, Failure> {
    for stage in global.own.stages.iter() {
        print(&format!("{:16} {}\n", stage.name, stage.summary));
    }
    Ok(ExitCode::SUCCESS)
}
