//! `schema`: the JSON Schema of the configuration.

use std::process::ExitCode;

use super::print;
use crate::failure::Failure;

pub(crate) fn run() -> Result<ExitCode, Failure> {
    print(&manifests::config::schema());
    Ok(ExitCode::SUCCESS)
}
