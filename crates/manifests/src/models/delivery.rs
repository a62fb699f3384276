//! What makes Argo CD follow the models: an AppProject, and an ApplicationSet with one Application for each overlay.

use std::collections::BTreeSet;

use super::kinds;
use crate::MANAGER;
use crate::argocd::application::{
    ApplicationSpec, Destination, IgnoredFields, Source, SyncPolicy, with_finalizer,
};
use crate::argocd::application_set::{GitSpec, OneGenerator, SetSpec, template};
use crate::argocd::names::ARGOPROJ;
use crate::argocd::project::ProjectSpec;
use crate::config::{self, Config, GitDirectory, GroupKind, Models, ModelsSyncPolicy, Retry, SyncOption};
use crate::object::{Object, ObjectRef, to_json};

/// Name of the ApplicationSet.
pub(crate) const APPLICATION_SET: &str = "models";
/// What the runtimes make of the objects of a model. Argo CD hides from its users, with logs and all, what a project
/// does not allow; whoever may write a Rollout may run any Pod already.
const CHILDREN: [(&str, &str); 4] =
    [("", "Pod"), ("apps", "Deployment"), ("apps", "ReplicaSet"), ("argoproj.io", "AnalysisRun")];

/// The AppProject of all models: into the environments' namespaces, from the one repository, and nothing but the kinds
/// that a model may consist of.
pub fn project(models: &Models, config: &Config) -> Object {
    let namespaces = config.environments.iter().map(|environment| &environment.namespace);
    let children = CHILDREN.map(|(group, kind)| (group.to_owned(), kind.to_owned()));
    let kinds: BTreeSet<GroupKind> =
        kinds(models).into_iter().chain(children).map(|(group, kind)| GroupKind { group, kind }).collect();
    let spec = ProjectSpec {
        description: "Models".into(),
        source_repos: vec![config.git.repo_url()],
        destinations: namespaces.map(|namespace| Destination::in_cluster(namespace)).collect(),
        cluster_resource_whitelist: Vec::new(),
        namespace_resource_whitelist: kinds.into_iter().collect(),
        roles: Vec::new(),
    };
    of_ours("AppProject", &config.argocd.namespace, &models.project).with("spec", to_json(&spec))
}

/// The ApplicationSet: each folder `<folder>/<model>/overlays/<environment>` is an Application
/// `<model>-<environment>`, which brings it into the namespace of the environment.
pub fn application_set(models: &Models, config: &Config) -> Object {
    let generator = GitSpec {
        repo_url: config.git.repo_url(),
        revision: revision(config),
        directories: vec![overlays(models)],
    };
    let model = format!("{{{{ index .path.segments {} | normalize }}}}", models.folder.split('/').count());
    let name = format!("{model}-{{{{ .path.basenameNormalized }}}}");
    let application = of_ours("Application", &config.argocd.namespace, &name)
        .with_label("app.kubernetes.io/name", &model)
        .with("spec", to_json(&application(models, config)));
    let prune = models.sync_policy.prune;
    // With the overlay, its Application goes, and takes along what it brought.
    let application = if prune { with_finalizer(application) } else { application };
    let generators = vec![OneGenerator::Git(generator)];
    let spec = SetSpec::new(generators, template(&application), &config.argocd.version).preserving(!prune);
    of_ours("ApplicationSet", &config.argocd.namespace, APPLICATION_SET).with("spec", to_json(&spec))
}

/// Where the overlays of all models are.
pub(crate) fn overlays(models: &Models) -> GitDirectory {
    GitDirectory { path: format!("{}/*/overlays/*", models.folder), exclude: false }
}

fn application(models: &Models, config: &Config) -> ApplicationSpec {
    let ModelsSyncPolicy { automated, prune, self_heal } = models.sync_policy;
    let policy = config::SyncPolicy { automated, prune, self_heal, allow_empty: false };
    // ApplyOutOfSyncOnly: what is ignored below stays as it is. RespectIgnoreDifferences is no way to that: in kinds
    // that Argo CD doesn't know, it keeps the whole list that holds an ignored field, so that no change of the
    // VirtualService would ever arrive.
    let options = [SyncOption::ApplyOutOfSyncOnly, SyncOption::PruneLast];
    ApplicationSpec {
        project: models.project.clone(),
        destination: Destination::in_cluster("{{ .path.basename }}"),
        source: Source {
            path: Some("{{ .path.path }}".into()),
            repo_url: config.git.repo_url(),
            target_revision: Some(revision(config)),
            ..Source::default()
        },
        sync_policy: SyncPolicy::of(&policy, &options, Some(&Retry::default())),
        // A canary's share is Argo Rollouts' to set.
        ignore_differences: vec![IgnoredFields {
            kind: GroupKind { group: "networking.istio.io".into(), kind: "VirtualService".into() },
            jq_path_expressions: vec![".spec.http[].route[].weight"],
        }],
    }
}

/// The branch; by default what the repository has as its own.
fn revision(config: &Config) -> String {
    config.git.branch.clone().unwrap_or_else(|| "HEAD".into())
}

fn of_ours(kind: &str, namespace: &str, name: &str) -> Object {
    let reference = ObjectRef::namespaced(ARGOPROJ, kind, namespace, name);
    Object::new(&reference).with_label("app.kubernetes.io/managed-by", MANAGER)
}
