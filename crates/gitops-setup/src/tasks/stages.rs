//! `stages`: the list.

use std::process::ExitCode;

use super::print;
use crate::failure::Failure;

pub(crate) fn run() -> Result<ExitCode, Failure> {
    for stage in ::stages::ALL {
        print(&format!("{:16} {}\n", stage.name, stage.summary));
    }
    Ok(ExitCode::SUCCESS)
}
