//! The GitOps repository: a folder for every environment.

use manifests::config::Transport;
use manifests::environment;

use super::{Fact, Stage, no_checks, no_objects, no_secrets};
use crate::inputs::Inputs;
use crate::observed::{Observed, RepositoryState};
use crate::plan::{Action, Plan, PlanError};

pub(super) const STAGE: Stage = Stage {
    name: "git-repository",
    summary: "a repository with a folder for every environment",
    needs: &[],
    reads: None,
    plan,
    objects: no_objects,
    checks: no_checks,
    facts: &[Fact::Repository],
    secrets: no_secrets,
};

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let url = inputs.config.git.repo_url();
    let folders = environment::folders(&inputs.config);
    if folders.is_empty() {
        return Ok(Plan::skipped("no environment is configured"));
    }
    let Some(repository) = &observed.repository else {
        return Ok(Plan { not_verified: vec![format!("{url} was not looked into")], ..Plan::default() });
    };
    if inputs.config.git.transport() != Ok(Transport::File) {
        return check_remote(inputs, repository, &folders);
    }
    let missing: Vec<String> =
        folders.into_iter().filter(|folder| !repository.folders.contains(folder)).collect();
    if repository.exists && missing.is_empty() {
        return Ok(Plan { unchanged: 1, ..Plan::default() });
    }
    Ok(Plan { actions: vec![Action::InitRepository { url, folders: missing }], ..Plan::default() })
}

/// What brings a repository into the form that is needed.
const INIT: &str = "cargo xtask repository init";

/// A repository at a Git host is others' too: what it lacks is told, and made only by a command of its own.
fn check_remote(inputs: &Inputs, seen: &RepositoryState, folders: &[String]) -> Result<Plan, PlanError> {
    let url = inputs.config.git.repo_url();
    let Some(branch) = seen.branch.as_ref().filter(|_| seen.exists) else {
        let what = if seen.exists { "has no commit yet" } else { "is not there" };
        return Err(PlanError::precondition(
            format!("{url} {what}"),
            format!("make what is missing: {INIT}"),
        ));
    };
    let among = |list: &[String]| folders.iter().filter(|folder| list.contains(folder)).cloned().collect();
    let empty: Vec<String> = among(&seen.empty_folders);
    let missing: Vec<String> = folders
        .iter()
        .filter(|folder| !seen.folders.contains(folder) && !empty.contains(folder))
        .cloned()
        .collect();
    let lacks = |what: String, next: &str| {
        Err(PlanError::precondition(format!("{url}, branch {branch}: {what}"), format!("{next}: {INIT}")))
    };
    if !missing.is_empty() {
        let what = format!("no folder {}, which environments are to follow", missing.join(", "));
        return lacks(what, "add what is missing");
    }
    if !empty.is_empty() {
        let what = format!("nothing in folder {}; Argo CD wants at least one file in each", empty.join(", "));
        return lacks(what, "put a README.md there");
    }
    let mut plan = Plan { unchanged: 1, ..Plan::default() };
    if inputs.config.seldon.is_some() && seen.writable.is_none() {
        plan.not_verified.push(format!("whether Seldon Enterprise Platform may push to {url}"));
    }
    Ok(plan)
}
