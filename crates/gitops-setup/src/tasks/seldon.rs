//! `seldon values`: the section `gitops` of Seldon Enterprise Platform's Helm values.

use std::process::ExitCode;

use manifests::{seldon, yaml};

use super::print;
use crate::args::{Global, Seldon};
use crate::failure::Failure;
use crate::session::Session;

pub(crate) fn run(global: &Global, what: Seldon) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    let configured = session.config.seldon.unwrap_or_default();
    match what {
        Seldon::Values => print(&yaml::to_string(&seldon::values(&configured.git_secret))),
    }
    Ok(ExitCode::SUCCESS)
}
