//! The repository at a Git host: what is missing is told, and nothing is made.

use insta::assert_snapshot;
use manifests::config::Seldon;
use stages::observed::RepositoryState;
use stages::{Inputs, Observed, Plan, PlanError};

use super::credentials::{configured, token};
use super::support::plan;

fn seen() -> RepositoryState {
    RepositoryState {
        exists: true,
        branch: Some("main".into()),
        folders: ["dev", "docs", "prod", "seldon-logs"].map(str::to_owned).into(),
        empty_folders: Vec::new(),
        writable: None,
    }
}

fn planned(inputs: &Inputs, state: RepositoryState) -> Result<Plan, PlanError> {
    plan("git-repository", inputs, &Observed { repository: Some(state), ..Observed::default() })
}

fn refused(state: RepositoryState) -> String {
    planned(&configured(|_| {}), state).expect_err("something is missing").to_string()
}

#[test]
fn with_all_folders_nothing_is_to_be_done() {
    let plan = planned(&configured(|_| {}), seen()).unwrap();
    assert_eq!((plan.actions.len(), plan.unchanged, plan.not_verified.len()), (0, 1, 0));
}

#[test]
fn what_is_missing_is_told_by_name() {
    assert_snapshot!(refused(RepositoryState { folders: vec!["prod".into()], ..seen() }), @"
    https://github.com/acme/gitops, branch main: no folder dev, seldon-logs, which environments are to follow
      add what is missing: cargo xtask repository init
    ");
    assert_snapshot!(refused(RepositoryState {
        folders: vec!["prod".into(), "seldon-logs".into()],
        empty_folders: vec!["dev".into(), "old".into()],
        ..seen()
    }), @"
    https://github.com/acme/gitops, branch main: nothing in folder dev; Argo CD wants at least one file in each
      put a README.md there: cargo xtask repository init
    ");
    assert_snapshot!(refused(RepositoryState { branch: None, folders: Vec::new(), ..seen() }), @"
    https://github.com/acme/gitops has no commit yet
      make what is missing: cargo xtask repository init
    ");
    assert_snapshot!(refused(RepositoryState::default()), @"
    https://github.com/acme/gitops is not there
      make what is missing: cargo xtask repository init
    ");
}

#[test]
fn whether_seldon_may_push_is_told_where_nobody_tried() {
    let own = configured(|config| config.seldon = Some(Seldon { auth: Some(token()), ..Seldon::default() }));
    let gaps = |writable| planned(&own, RepositoryState { writable, ..seen() }).unwrap().not_verified;
    assert_eq!(gaps(Some(true)), [""; 0]);
    assert_eq!(gaps(None), ["whether Seldon Enterprise Platform may push to https://github.com/acme/gitops"]);
}
