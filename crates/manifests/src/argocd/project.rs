//! The specification of an AppProject, and what becomes of what others have in it.

use serde::Serialize;
use serde_json::{Value, json};

use super::application::Destination;
use crate::config::GroupKind;
use crate::object::Object;

/// `spec` of an AppProject.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectSpec {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    pub(crate) source_repos: Vec<String>,
    pub(crate) destinations: Vec<Destination>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cluster_resource_whitelist: Vec<ClusterKind>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) namespace_resource_whitelist: Vec<GroupKind>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<Role>,
}

/// A kind in no namespace, and which objects of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct ClusterKind {
    #[serde(flatten)]
    pub(crate) kind: GroupKind,
    /// Name of the objects, or a pattern of Go's `filepath.Match`; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

impl From<GroupKind> for ClusterKind {
    fn from(kind: GroupKind) -> Self {
        Self { kind, name: None }
    }
}

#[derive(Serialize)]
pub(crate) struct Role {
    pub(crate) name: &'static str,
    pub(crate) policies: Vec<String>,
}

/// Lists of a project that are atomic in its CRD and that others may add to. All but the last are taken over even
/// where none of ours is wanted; a project without the last one allows every kind in a namespace.
const SHARED_LISTS: [&str; 4] =
    ["destinations", "sourceRepos", "clusterResourceWhitelist", NAMESPACE_WHITELIST];
const NAMESPACE_WHITELIST: &str = "namespaceResourceWhitelist";

/// `desired`, with the entries that `live` has and `desired` lacks put before its own: nothing that somebody
/// else allowed is taken away. That goes for roles too, whose tokens Argo CD keeps in the same list.
pub fn merge(desired: Object, live: &Object) -> Object {
    let mut project = SHARED_LISTS.iter().fold(desired, |mut project, list| {
        let pointer = format!("/spec/{list}");
        if *list == NAMESPACE_WHITELIST && project.list(&pointer).is_empty() {
            return project;
        }
        let merged = union(live.list(&pointer), project.list(&pointer));
        if let (false, Some(spec)) = (merged.is_empty(), project.get_mut("/spec")) {
            spec[*list] = json!(merged);
        }
        project
    });
    let roles = merge_roles(project.list("/spec/roles"), live.list("/spec/roles"));
    if let (false, Some(spec)) = (project.list("/spec/roles").is_empty(), project.get_mut("/spec")) {
        spec["roles"] = json!(roles);
    }
    project
}

/// Kinds that `live` allows by name and `desired` doesn't, as `group/Kind`. [`merge`] leaves them there.
pub fn kinds_besides(desired: &Object, live: &Object) -> Vec<String> {
    let besides = |list: &'static str| {
        let pointer = format!("/spec/{list}");
        let known = desired.list(&pointer).to_vec();
        let live = live.list(&pointer).to_vec();
        live.into_iter().filter(move |kind| !known.contains(kind))
    };
    let told = |entry: Value| {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let (group, kind) = (text("group"), text("kind"));
        let kind = if group.is_empty() { kind } else { format!("{group}/{kind}") };
        if entry["name"].is_null() { kind } else { format!("{kind} {}", text("name")) }
    };
    besides("clusterResourceWhitelist").chain(besides(NAMESPACE_WHITELIST)).map(told).collect()
}

fn union(first: &[Value], second: &[Value]) -> Vec<Value> {
    let new = second.iter().filter(|entry| !first.contains(entry));
    first.iter().chain(new).cloned().collect()
}

/// Roles are told apart by their names; one that both have keeps the live one's groups, tokens and policies.
fn merge_roles(desired: &[Value], live: &[Value]) -> Vec<Value> {
    let named = |roles: &[Value], name: &Value| roles.iter().find(|role| role["name"] == *name).cloned();
    let kept = live.iter().map(|role| match named(desired, &role["name"]) {
        None => role.clone(),
        Some(own) => {
            let policies = |role: &Value| role["policies"].as_array().cloned().unwrap_or_default();
            let mut merged = role.clone();
            merged["policies"] = json!(union(&policies(role), &policies(&own)));
            merged
        }
    });
    let new = desired.iter().filter(|role| named(live, &role["name"]).is_none()).cloned();
    kept.chain(new).collect()
}
