//! The objects of a GitOps environment: namespace, AppProject and Application, as Seldon's guide has them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::MANAGER;
use crate::argocd::application::{ApplicationSpec, Destination, Directory, Source, SyncPolicy};
use crate::argocd::names::ARGOPROJ;
use crate::argocd::project::{ClusterKind, ProjectSpec, Role};
use crate::config::{Config, Environment, Git, GroupKind, default_application};
use crate::fill::ProjectToken;
use crate::notifications;
use crate::object::{self, Object, ObjectRef};

/// Name of the role that Seldon Enterprise Platform uses in each project.
pub const PROJECT_ROLE: &str = "seldon-admin";
const PROJECT_ACTIONS: [&str; 5] = ["get", "create", "update", "delete", "sync"];

/// The namespace with the labels and the annotation by which Seldon Enterprise Platform knows it.
///
/// There is no `istio-injection` label: Seldon's own components inject where they need to.
pub fn namespace(environment: &Environment, git: &Git) -> Object {
    let object = Object::new(&ObjectRef::cluster_scoped("v1", "Namespace", &environment.namespace))
        .with_label("app.kubernetes.io/managed-by", MANAGER)
        .with_label("seldon.restricted", &environment.restricted().to_string())
        .with_label("seldon.gitops", "enabled")
        .with_label("serving.kubeflow.org/inferenceservice", "enabled")
        .with_annotation("git-repo", &git.repo_url());
    let object = groups(environment)
        .fold(object, |object, (group, right)| object.with_label(&format!("seldon.group.{group}"), right));
    match environment.application() {
        name if name == default_application(&environment.namespace) => object,
        name => object.with_label("argocdapp", &name),
    }
}

fn groups(environment: &Environment) -> impl Iterator<Item = (&str, &'static str)> {
    let read = environment.roles.read.iter().map(|group| (group.as_str(), "read"));
    let write = environment.roles.write.iter().map(|group| (group.as_str(), "write"));
    read.chain(write)
}

/// Folders of the repository that the environments need, one each, named like their namespaces.
pub fn folders(config: &Config) -> Vec<String> {
    config.every_environment().into_iter().map(|environment| environment.namespace).collect()
}

/// The Application that keeps the namespace like the folder of the same name in the repository.
pub fn application(environment: &Environment, git: &Git, argocd_namespace: &str) -> Object {
    let reference =
        ObjectRef::namespaced(ARGOPROJ, "Application", argocd_namespace, &environment.application());
    let spec = ApplicationSpec {
        project: environment.project.clone(),
        destination: Destination::in_cluster(&environment.namespace),
        source: Source {
            directory: Some(Directory { recurse: true, include: None, exclude: None }),
            path: Some(environment.namespace.clone()),
            repo_url: git.repo_url(),
            target_revision: git.branch.clone(),
            ..Source::default()
        },
        sync_policy: SyncPolicy::of(&environment.sync_policy, &[], None),
        ignore_differences: Vec::new(),
    };
    let object = Object::new(&reference).with_label("app.kubernetes.io/managed-by", MANAGER);
    let annotations = notifications::annotations(&environment.subscriptions);
    annotations
        .iter()
        .fold(object, |object, (name, recipients)| object.with_annotation(name, recipients))
        .with("spec", object::to_json(&spec))
}

/// The AppProjects of some environments, one for each name, in the order of their names.
///
/// `destinations` and `sourceRepos` are atomic lists: who applies a project with fewer entries takes the others
/// away. A plan therefore merges what is in the cluster into them, see [`crate::argocd::project::merge`].
pub fn projects(environments: &[Environment], config: &Config) -> Vec<Object> {
    let mut by_name: BTreeMap<&str, Vec<&Environment>> = BTreeMap::new();
    for environment in environments {
        by_name.entry(&environment.project).or_default().push(environment);
    }
    by_name.into_iter().map(|(name, environments)| one_project(name, &environments, config)).collect()
}

fn one_project(name: &str, environments: &[&Environment], config: &Config) -> Object {
    let cluster_resources: BTreeSet<&GroupKind> =
        environments.iter().flat_map(|environment| &environment.cluster_resources).collect();
    let policy = |action| format!("p, proj:{name}:{PROJECT_ROLE}, applications, {action}, {name}/*, allow");
    let spec = ProjectSpec {
        description: "Seldon Enterprise Platform Project".into(),
        source_repos: vec![config.git.repo_url()],
        destinations: environments.iter().map(|e| Destination::in_cluster(&e.namespace)).collect(),
        cluster_resource_whitelist: cluster_resources.into_iter().cloned().map(ClusterKind::from).collect(),
        namespace_resource_whitelist: Vec::new(),
        roles: vec![Role { name: PROJECT_ROLE, policies: PROJECT_ACTIONS.map(policy).to_vec() }],
    };
    let reference = ObjectRef::namespaced(ARGOPROJ, "AppProject", &config.argocd.namespace, name);
    Object::new(&reference)
        .with_label("app.kubernetes.io/managed-by", MANAGER)
        .with("spec", object::to_json(&spec))
}

/// `project` with a token of the role [`PROJECT_ROLE`] in it. Argo CD accepts a token only if its project knows it.
pub fn with_token(mut project: Object, token: &ProjectToken) -> Object {
    let role = project.list("/spec/roles").iter().position(|role| role["name"] == token.role.as_str());
    let role = role.and_then(|index| project.get_mut(&format!("/spec/roles/{index}")));
    if let Some(role) = role {
        let entry = json!({ "iat": token.issued_at, "id": token.id });
        let known = role["jwtTokens"].as_array().cloned().unwrap_or_default();
        if !known.contains(&entry) {
            let others = known.into_iter().filter(|other| other["id"] != token.id.as_str());
            role["jwtTokens"] = others.chain([entry]).collect();
        }
    }
    project
}

/// When the API server made the object, in seconds since 1970; `None` where it has not yet.
pub fn created_at(object: &Object) -> Option<i64> {
    seconds(object.text("/metadata/creationTimestamp"))
}

/// When the API server noted the latest change of a field's value, in seconds since 1970.
pub fn changed_at(object: &Object) -> Option<i64> {
    let entries = object.list("/metadata/managedFields").iter();
    entries.filter_map(|entry| seconds(entry["time"].as_str()?)).max()
}

/// When the token of this role that is called `id` was issued, as its project knows it.
pub fn issued_at(project: &Object, role: &str, id: &str) -> Option<i64> {
    let role = project.list("/spec/roles").iter().find(|other| other["name"] == role)?;
    let ours = role["jwtTokens"].as_array()?.iter().filter(|token| token["id"] == id);
    ours.filter_map(|token| token["iat"].as_i64()).max()
}

fn seconds(time: &str) -> Option<i64> {
    let text = time.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let numbers = |text: &str, by: char| -> Option<[i64; 3]> {
        let numbers: Result<Vec<i64>, _> = text.split(by).map(str::parse).collect();
        numbers.ok()?.try_into().ok()
    };
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    Some(days_since_1970(year, month, day)? * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days of the Gregorian calendar. A year begins in March here, so that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month < 3 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(at: &str) -> Option<i64> {
        let object = Object::new(&ObjectRef::cluster_scoped("v1", "Namespace", "x"));
        let metadata = json!({ "name": "x", "creationTimestamp": at });
        created_at(&object.with("metadata", metadata))
    }

    #[test]
    fn seconds_since_1970() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:34:56Z", Some(951_827_696)),
            ("2000-03-01T00:00:00Z", Some(951_868_800)),
            ("2026-11-21T09:29:54Z", Some(1_795_253_394)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("2026-11-21T09:29:54+01:00", None),
            ("", None),
            ("2026-13-21T09:29:54Z", None),
        ] {
            assert_eq!(made(text), seconds, "{text}");
        }
    }

    #[test]
    fn a_token_is_noted_once_in_its_role() {
        let token = ProjectToken {
            project: "seldon".into(),
            role: PROJECT_ROLE.into(),
            id: "gitops-setup".into(),
            issued_at: 2,
            signed_by: ObjectRef::namespaced("v1", "Secret", "argocd", "argocd-secret"),
        };
        let project = Object::new(&ObjectRef::namespaced(ARGOPROJ, "AppProject", "argocd", "seldon")).with(
            "spec",
            json!({ "roles": [
                { "name": "ci", "jwtTokens": [{ "iat": 1 }] },
                { "name": PROJECT_ROLE, "jwtTokens": [{ "iat": 1, "id": "gitops-setup" }, { "iat": 1 }] },
            ] }),
        );
        let with = with_token(project, &token);
        assert_eq!(with.get("/spec/roles/0/jwtTokens"), Some(&json!([{ "iat": 1 }])));
        let tokens = json!([{ "iat": 1 }, { "iat": 2, "id": "gitops-setup" }]);
        assert_eq!(with.get("/spec/roles/1/jwtTokens"), Some(&tokens));
        assert_eq!(with_token(with.clone(), &token), with);
    }
}
