//! The tables that name kinds agree: whitelists of projects, waves, what models bring, and what is in no namespace.

use std::collections::BTreeMap;

use manifests::config::{Config, Environment, KindSet, Models};
use manifests::kinds::is_cluster_scoped;
use manifests::{models, waves};

/// Whether each kind that a project can allow by a set lives in a namespace.
fn allowed() -> BTreeMap<(&'static str, &'static str), bool> {
    use KindSet::*;
    let others = [Quotas, Rbac, Kubeflow, Ray, Workflows, Argocd, Namespaces, Definitions];
    let sets = KindSet::for_models().into_iter().chain(others);
    sets.flat_map(KindSet::kinds).map(|kind| ((kind.group, kind.kind), kind.namespaced)).collect()
}

#[test]
fn sets_know_which_of_their_kinds_live_in_a_namespace() {
    for ((group, kind), namespaced) in allowed() {
        assert_eq!(is_cluster_scoped(group, kind).unwrap_or(false), !namespaced, "{group}/{kind}");
    }
}

#[test]
fn a_project_can_allow_by_a_set_whatever_has_a_wave_and_a_namespace() {
    let allowed = allowed();
    // Their systems are the cluster's, and have no set.
    const OF_CLUSTERS: [&str; 2] = ["bitnami.com", "external-secrets.io"];
    for (group, kind) in waves::TABLE.iter().flat_map(|wave| wave.kinds) {
        let is_cluster_scoped = is_cluster_scoped(group, kind).unwrap_or(false);
        if !is_cluster_scoped && !OF_CLUSTERS.contains(group) {
            assert_eq!(allowed.get(&(group, kind)), Some(&true), "{group}/{kind}");
        }
        if kind.starts_with("Cluster") {
            assert!(is_cluster_scoped, "{group}/{kind}");
        }
    }
}

#[test]
fn what_models_bring_is_what_a_project_of_the_default_sets_allows() {
    let config = Config { environments: vec![Environment::new("dev")], ..Config::default() };
    let project = models::project(&Models::default(), &config);
    let kinds = project.list("/spec/namespaceResourceWhitelist");
    assert!(kinds.len() > 10, "{kinds:?}");
    let of_sets: Vec<_> = KindSet::for_models().into_iter().flat_map(KindSet::kinds).collect();
    for entry in kinds {
        let known =
            of_sets.iter().any(|it| entry["group"] == it.group && entry["kind"] == it.kind && it.namespaced);
        assert!(known, "{entry}");
    }
}
