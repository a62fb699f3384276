//! The list of stages, and what may be chosen of it.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use stages::select::{AddError, Selection, SelectionError};
use stages::{ALL, Plan, Stage, Stages};

fn names(selection: Selection) -> Vec<&'static str> {
    Stages::default()
        .select(&selection)
        .map(|stages| stages.iter().map(|stage| stage.name).collect())
        .unwrap_or_default()
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn every_name_is_unique_and_in_kebab_case() {
    let names: BTreeSet<_> = ALL.iter().map(|stage| stage.name).collect();
    assert_eq!(names.len(), ALL.len());
    for stage in ALL {
        let letters = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase());
        assert!(stage.name.split('-').all(letters), "{}", stage.name);
        assert!(!stage.summary.is_empty() && !stage.summary.ends_with('.'), "{}", stage.summary);
    }
}

#[test]
fn a_stage_needs_only_stages_before_it() {
    for (index, stage) in ALL.iter().enumerate() {
        for needed in stage.needs {
            assert!(ALL[..index].iter().any(|other| other.name == *needed), "{} needs {needed}", stage.name);
        }
    }
}

#[test]
fn the_order_is_the_guides() {
    let names: Vec<_> = ALL.iter().map(|stage| stage.name).collect();
    assert_eq!(
        names,
        [
            "cluster",
            "install-argocd",
            "admin-password",
            "tls-termination",
            "root-path",
            "expose",
            "access",
            "git-repository",
            "git-credentials",
            "environments",
            "logging",
            "applications",
            "models",
            "project-token",
            "seldon-values",
            "hardening",
            "webhooks",
            "health-checks",
            "notifications",
            "verify"
        ]
    );
}

#[test]
fn without_a_choice_every_stage_runs() {
    assert_eq!(names(Selection::default()).len(), ALL.len());
}

#[test]
fn from_begins_in_the_middle() {
    let selection = Selection { from: Some("environments".into()), ..Selection::default() };
    assert_eq!(
        names(selection),
        [
            "environments",
            "logging",
            "applications",
            "models",
            "project-token",
            "seldon-values",
            "hardening",
            "webhooks",
            "health-checks",
            "notifications",
            "verify"
        ]
    );
}

#[test]
fn only_keeps_the_order_of_the_list() {
    let selection = Selection { only: texts(&["verify", "cluster", "verify"]), ..Selection::default() };
    assert_eq!(names(selection), ["cluster", "verify"]);
}

#[test]
fn skip_leaves_out() {
    let selection =
        Selection { from: Some("environments".into()), skip: texts(&["logging"]), ..Selection::default() };
    assert_eq!(
        names(selection),
        [
            "environments",
            "applications",
            "models",
            "project-token",
            "seldon-values",
            "hardening",
            "webhooks",
            "health-checks",
            "notifications",
            "verify"
        ]
    );
}

#[test]
fn what_is_chosen_and_left_out_is_left_out() {
    let selection =
        Selection { only: texts(&["cluster", "verify"]), skip: texts(&["verify"]), ..Selection::default() };
    assert_eq!(names(selection), ["cluster"]);
}

#[test]
fn a_choice_of_nothing_is_refused() {
    let one = || texts(&["expose"]);
    for selection in [
        Selection { only: one(), skip: one(), ..Selection::default() },
        Selection { from: Some("environments".into()), only: texts(&["cluster"]), ..Selection::default() },
    ] {
        let error = Stages::default().select(&selection).unwrap_err();
        assert_eq!(error, SelectionError::Empty);
        assert!(error.to_string().contains("no stage is left"), "{error}");
    }
}

#[test]
fn an_unknown_name_anywhere_is_refused() {
    let unknown = || texts(&["nonsense"]);
    for selection in [
        Selection { from: Some("nonsense".into()), ..Selection::default() },
        Selection { only: unknown(), ..Selection::default() },
        Selection { skip: unknown(), ..Selection::default() },
    ] {
        let error = Stages::default().select(&selection).unwrap_err();
        assert!(matches!(error, SelectionError::Unknown(unknown) if unknown.name == "nonsense"));
    }
}

#[test]
fn an_unknown_name_is_told_with_a_near_one_and_all_others() {
    assert_snapshot!(Stages::default().find("argocd").unwrap_err(), @"there is no stage `argocd` (did you mean `install-argocd`?); stages are: cluster, install-argocd, admin-password, tls-termination, root-path, expose, access, git-repository, git-credentials, environments, logging, applications, models, project-token, seldon-values, hardening, webhooks, health-checks, notifications, verify");
    assert_snapshot!(Stages::default().find("nonsense").unwrap_err(), @"there is no stage `nonsense`; stages are: cluster, install-argocd, admin-password, tls-termination, root-path, expose, access, git-repository, git-credentials, environments, logging, applications, models, project-token, seldon-values, hardening, webhooks, health-checks, notifications, verify");
    assert_snapshot!(Stages::default().find("").unwrap_err(), @"there is no stage ``; stages are: cluster, install-argocd, admin-password, tls-termination, root-path, expose, access, git-repository, git-credentials, environments, logging, applications, models, project-token, seldon-values, hardening, webhooks, health-checks, notifications, verify");
}

const OWN: Stage = Stage::new("quota", "limits of an environment", |_, _| Ok(Plan::default()));

#[test]
fn another_repositorys_stage_is_one_of_the_list() {
    let mut stages = Stages::default();
    stages.add_after("environments", &const { OWN.needing(&["environments"]) }).expect("added");
    let selection = Selection { from: Some("quota".into()), ..Selection::default() };
    let names: Vec<_> = stages.select(&selection).expect("stages").iter().map(|stage| stage.name).collect();
    assert_eq!(names[..2], ["quota", "logging"]);
    assert_eq!(stages.len(), ALL.len() + 1);
    assert!(stages.find("quotas").unwrap_err().to_string().contains("did you mean `quota`?"));
}

#[test]
fn a_stage_that_would_not_work_can_t_be_added() {
    let refused = |after, stage| Stages::default().add_after(after, stage).unwrap_err();
    let early = &const { OWN.needing(&["environments"]) };
    assert_eq!(refused("cluster", early), AddError::Needs { stage: "quota", needed: "environments" });
    assert_eq!(refused("verify", &OWN), AddError::Last("quota"));
    assert!(matches!(refused("enviroments", &OWN), AddError::NoNeighbour { .. }));
    let named = |name| Stage::new(name, "", OWN.plan);
    let (taken, odd): (&'static Stage, &'static Stage) =
        (Box::leak(named("expose").into()), Box::leak(named("../Quota").into()));
    assert_eq!(refused("cluster", taken), AddError::Taken("expose"));
    assert_eq!(refused("cluster", odd), AddError::Name("../Quota"));
}
