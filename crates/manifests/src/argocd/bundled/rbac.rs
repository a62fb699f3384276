//! Service accounts and what they may do.

use serde_json::{Value, json};

use super::{full_name, labelled_part};
use crate::object::{Object, ObjectRef};

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const RBAC_VERSION: &str = "rbac.authorization.k8s.io/v1";

/// Each has a service account of its own name.
const COMPONENTS: &[&str] = &[
    "application-controller",
    "applicationset-controller",
    "dex-server",
    "notifications-controller",
    "redis",
    "repo-server",
    "server",
];

enum Rule {
    /// API groups, resources and verbs.
    On(&'static [&'static str], &'static [&'static str], &'static [&'static str]),
    /// An API group, a resource, the name of the only object that is meant, and verbs.
    OnOne(&'static str, &'static str, &'static str, &'static [&'static str]),
    /// Paths of the API server that are no resources, and verbs.
    OnPaths(&'static [&'static str], &'static [&'static str]),
}

use Rule::{On, OnOne, OnPaths};

const CORE: &[&str] = &[""];
const ARGO: &[&str] = &["argoproj.io"];
const ANY: &[&str] = &["*"];
const READ: &[&str] = &["get", "list", "watch"];
const SECRETS_AND_CONFIG: &[&str] = &["secrets", "configmaps"];

/// What each component may do in Argo CD's own namespace.
const ROLES: &[(&str, &[Rule])] = &[
    (
        "application-controller",
        &[
            On(CORE, SECRETS_AND_CONFIG, READ),
            On(
                ARGO,
                &["applications", "applicationsets", "appprojects"],
                &["create", "get", "list", "watch", "update", "patch", "delete"],
            ),
            On(CORE, &["events"], &["create", "list"]),
            On(&["apps"], &["deployments"], READ),
        ],
    ),
    ("applicationset-controller", APPLICATION_SET_RULES),
    ("dex-server", &[On(CORE, SECRETS_AND_CONFIG, READ)]),
    (
        "notifications-controller",
        &[
            On(ARGO, &["applications", "appprojects"], &["get", "list", "watch", "update", "patch"]),
            On(CORE, &["configmaps", "secrets"], &["list", "watch"]),
            OnOne("", "configmaps", "argocd-notifications-cm", &["get"]),
            OnOne("", "secrets", "argocd-notifications-secret", &["get"]),
        ],
    ),
    ("redis", &[OnOne("", "secrets", "argocd-redis", &["get"]), On(CORE, &["secrets"], &["create"])]),
    (
        "server",
        &[
            On(CORE, SECRETS_AND_CONFIG, &["create", "get", "list", "watch", "update", "patch", "delete"]),
            On(
                ARGO,
                &["applications", "appprojects", "applicationsets"],
                &["create", "get", "list", "watch", "update", "delete", "patch"],
            ),
            On(CORE, &["events"], &["create", "list"]),
        ],
    ),
];

/// What each component may do everywhere.
const CLUSTER_ROLES: &[(&str, &[Rule])] = &[
    ("application-controller", &[On(ANY, ANY, ANY), OnPaths(ANY, ANY)]),
    ("applicationset-controller", APPLICATION_SET_RULES),
    (
        "server",
        &[
            On(ANY, ANY, &["delete", "get", "patch"]),
            On(CORE, &["events"], &["list"]),
            On(CORE, &["pods", "pods/log"], &["get"]),
            On(ARGO, &["applications", "applicationsets"], READ),
            On(&["batch"], &["jobs"], &["create"]),
            On(ARGO, &["workflows"], &["create"]),
        ],
    ),
];

/// The same in Argo CD's namespace and everywhere, for ApplicationSets may live in any namespace.
const APPLICATION_SET_RULES: &[Rule] = &[
    On(
        ARGO,
        &["applications", "applicationsets", "applicationsets/finalizers"],
        &["create", "delete", "get", "list", "patch", "update", "watch"],
    ),
    On(ARGO, &["appprojects"], READ),
    On(ARGO, &["applicationsets/status"], &["get", "patch", "update"]),
    On(CORE, &["events"], &["create", "get", "list", "patch", "watch"]),
    On(CORE, SECRETS_AND_CONFIG, READ),
    On(&["coordination.k8s.io"], &["leases"], &["create"]),
    OnOne(
        "coordination.k8s.io",
        "leases",
        "58ac56fa.applicationsets.argoproj.io",
        &["get", "update", "create"],
    ),
];

pub(super) fn service_accounts(namespace: &str) -> Vec<Object> {
    let account = |component: &&str| {
        let name = full_name(component);
        let reference = ObjectRef::namespaced("v1", "ServiceAccount", namespace, &name);
        labelled_part(&reference, &name, component)
    };
    COMPONENTS.iter().map(account).collect()
}

pub(super) fn roles_and_bindings(namespace: &str) -> Vec<Object> {
    let mut objects = Vec::new();
    for (component, rules) in ROLES {
        let reference = |kind| ObjectRef::namespaced(RBAC_VERSION, kind, namespace, &full_name(component));
        objects.push(role(&reference("Role"), component, rules));
        objects.push(binding(&reference("RoleBinding"), "Role", component, namespace));
    }
    for (component, rules) in CLUSTER_ROLES {
        let reference = |kind| ObjectRef::cluster_scoped(RBAC_VERSION, kind, &full_name(component));
        objects.push(role(&reference("ClusterRole"), component, rules));
        objects.push(binding(&reference("ClusterRoleBinding"), "ClusterRole", component, namespace));
    }
    objects
}

fn role(reference: &ObjectRef, component: &str, rules: &[Rule]) -> Object {
    let rules: Value = rules.iter().map(Rule::to_json).collect();
    labelled_part(reference, &reference.name, component).with("rules", rules)
}

fn binding(reference: &ObjectRef, role_kind: &str, component: &str, namespace: &str) -> Object {
    let name = &reference.name;
    labelled_part(reference, name, component)
        .with("roleRef", json!({"apiGroup": RBAC_GROUP, "kind": role_kind, "name": name}))
        .with("subjects", json!([{"kind": "ServiceAccount", "name": name, "namespace": namespace}]))
}

impl Rule {
    fn to_json(&self) -> Value {
        match self {
            On(groups, resources, verbs) => {
                json!({"apiGroups": groups, "resources": resources, "verbs": verbs})
            }
            OnOne(group, resource, name, verbs) => {
                json!({"apiGroups": [group], "resources": [resource], "resourceNames": [name], "verbs": verbs})
            }
            OnPaths(paths, verbs) => json!({"nonResourceURLs": paths, "verbs": verbs}),
        }
    }
}
