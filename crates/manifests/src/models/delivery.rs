//! What makes Argo CD follow the models: an AppProject, and an ApplicationSet with one Application for each overlay.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::kinds;
use crate::MANAGER;
use crate::argocd::application::FINALIZER;
use crate::argocd::names::{ARGOPROJ, IN_CLUSTER};
use crate::config::{Config, GroupKind, Models};
use crate::object::{Object, ObjectRef};

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
    let destinations: Vec<Value> =
        namespaces.map(|namespace| json!({ "namespace": namespace, "server": IN_CLUSTER })).collect();
    let children = CHILDREN.map(|(group, kind)| (group.to_owned(), kind.to_owned()));
    let kinds: BTreeSet<GroupKind> =
        kinds(models).into_iter().chain(children).map(|(group, kind)| GroupKind { group, kind }).collect();
    let spec = json!({
        "description": "Models",
        "sourceRepos": [config.git.repo_url()],
        "destinations": destinations,
        "namespaceResourceWhitelist": kinds,
    });
    of_ours("AppProject", &config.argocd.namespace, &models.project).with("spec", spec)
}

/// The ApplicationSet: each folder `<folder>/<model>/overlays/<environment>` is an Application
/// `<model>-<environment>`, which brings it into the namespace of the environment.
pub fn application_set(models: &Models, config: &Config) -> Object {
    let git = &config.git;
    let generator = json!({
        "repoURL": git.repo_url(),
        "revision": git.branch.as_deref().unwrap_or("HEAD"),
        "directories": [{ "path": format!("{}/*/overlays/*", models.folder) }],
    });
    let model = format!("{{{{ index .path.segments {} | normalize }}}}", models.folder.split('/').count());
    let mut spec = json!({
        "goTemplate": true,
        "generators": [{ "git": generator }],
        "template": {
            "metadata": {
                "name": format!("{model}-{{{{ .path.basenameNormalized }}}}"),
                "labels": { "app.kubernetes.io/managed-by": MANAGER, "app.kubernetes.io/name": model },
            },
            "spec": application(models, config),
        },
    });
    if config.argocd.version.has_go_template_options() {
        spec["goTemplateOptions"] = json!(["missingkey=error"]);
    }
    if models.sync_policy.prune {
        // With the overlay, its Application goes, and takes along what it brought.
        spec["template"]["metadata"]["finalizers"] = json!([FINALIZER]);
    } else {
        spec["syncPolicy"] = json!({ "preserveResourcesOnDeletion": true });
    }
    of_ours("ApplicationSet", &config.argocd.namespace, APPLICATION_SET).with("spec", spec)
}

fn application(models: &Models, config: &Config) -> Value {
    let policy = &models.sync_policy;
    let mut sync = json!({
        // ApplyOutOfSyncOnly: what is ignored below stays as it is. RespectIgnoreDifferences is no way to that: in
        // kinds that Argo CD doesn't know, it keeps the whole list that holds an ignored field, so that no change of
        // the VirtualService would ever arrive.
        "syncOptions": ["ApplyOutOfSyncOnly=true", "PruneLast=true"],
        "retry": { "limit": 5, "backoff": { "duration": "5s", "factor": 2, "maxDuration": "3m" } },
    });
    if policy.automated {
        sync["automated"] = json!({ "prune": policy.prune, "selfHeal": policy.self_heal });
    }
    json!({
        "project": models.project,
        "source": {
            "repoURL": config.git.repo_url(),
            "targetRevision": config.git.branch.as_deref().unwrap_or("HEAD"),
            "path": "{{ .path.path }}",
        },
        "destination": { "server": IN_CLUSTER, "namespace": "{{ .path.basename }}" },
        "syncPolicy": sync,
        // A canary's share is Argo Rollouts' to set.
        "ignoreDifferences": [{
            "group": "networking.istio.io",
            "kind": "VirtualService",
            "jqPathExpressions": [".spec.http[].route[].weight"],
        }],
    })
}

fn of_ours(kind: &str, namespace: &str, name: &str) -> Object {
    let reference = ObjectRef::namespaced(ARGOPROJ, kind, namespace, name);
    Object::new(&reference).with_label("app.kubernetes.io/managed-by", MANAGER)
}
