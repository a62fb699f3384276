//! The account that Argo CD has in a cluster, and its rights there.

use serde_json::{Value, json};

use super::{MANAGED_BY, split};
use crate::MANAGER;
use crate::object::{Object, ObjectRef};

/// Name of the account, as `argocd cluster add` has it.
pub const ACCOUNT: &str = "argocd-manager";
/// Namespace of the account, as `argocd cluster add` has it.
pub const NAMESPACE: &str = "kube-system";

const RBAC: &str = "rbac.authorization.k8s.io/v1";
/// Which cluster of Argo CD's the account is for.
const CLUSTER: &str = "gitops-setup/cluster";
/// Namespaces that the account has rights in; none for all of the cluster.
const NAMESPACES: &str = "gitops-setup/namespaces";

/// A service account of Argo CD's in another cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What Argo CD calls the cluster.
    pub cluster: String,
    /// Namespaces that it may do everything in; the whole cluster where there are none.
    pub namespaces: Vec<String>,
}

impl Account {
    /// The ServiceAccount.
    pub fn reference(&self) -> ObjectRef {
        ObjectRef::namespaced("v1", "ServiceAccount", &self.namespace, &self.name)
    }

    /// The Secret that Kubernetes fills with a token that doesn't expire, under `data.token`.
    pub fn token(&self) -> ObjectRef {
        ObjectRef::namespaced("v1", "Secret", &self.namespace, &format!("{}-long-lived-token", self.name))
    }

    /// Whether a token is that of an account which was deleted since: Kubernetes takes such a Secret away some time
    /// later, and what is applied to it meanwhile goes with it.
    pub fn is_stale(token: &Object, account: Option<&Object>) -> bool {
        let of = token.annotation("kubernetes.io/service-account.uid");
        of.is_some() && of != account.map(|account| account.text("/metadata/uid"))
    }

    /// What a live ServiceAccount says of itself.
    pub fn of(live: &Object) -> Option<Self> {
        Some(Self {
            namespace: live.namespace()?.to_owned(),
            name: live.name().to_owned(),
            cluster: live.annotation(CLUSTER)?.to_owned(),
            namespaces: split(live.annotation(NAMESPACES).unwrap_or_default()),
        })
    }

    /// Everything in the cluster: the ServiceAccount first, which also says what there is, and then its token and
    /// its rights. Removed in the other direction, what is left can still be found.
    pub fn objects(&self) -> Vec<Object> {
        let account = Object::new(&self.reference()).with_annotation(CLUSTER, &self.cluster);
        let account = match self.namespaces.as_slice() {
            [] => account,
            namespaces => account.with_annotation(NAMESPACES, &namespaces.join(",")),
        };
        let token = Object::new(&self.token())
            .with_annotation("kubernetes.io/service-account.name", &self.name)
            .with("type", "kubernetes.io/service-account-token");
        let mut objects = vec![account, token];
        match self.namespaces.as_slice() {
            [] => objects.extend(self.rights(None)),
            namespaces => objects.extend(namespaces.iter().flat_map(|name| self.rights(Some(name)))),
        }
        objects.into_iter().map(|object| object.with_label(MANAGED_BY, MANAGER)).collect()
    }

    /// The same rights that `argocd cluster add` gives: Argo CD applies whatever is in the repository.
    fn rights(&self, namespace: Option<&str>) -> [Object; 2] {
        let prefix = if namespace.is_some() { "" } else { "Cluster" };
        let role = format!("{}-role", self.name);
        let role_kind = format!("{prefix}Role");
        let reference = |kind: String, name: String| ObjectRef {
            api_version: RBAC.into(),
            kind,
            namespace: namespace.map(str::to_owned),
            name,
        };
        let binding = reference(format!("{prefix}RoleBinding"), format!("{role}-binding"));
        let mut rules = vec![json!({ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] })];
        if namespace.is_none() {
            rules.push(json!({ "nonResourceURLs": ["*"], "verbs": ["*"] }));
        }
        let subject = json!({ "kind": "ServiceAccount", "name": self.name, "namespace": self.namespace });
        let role_ref = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role });
        [
            Object::new(&reference(role_kind, role)).with("rules", Value::from(rules)),
            Object::new(&binding).with("roleRef", role_ref).with("subjects", json!([subject])),
        ]
    }

    /// What an account had before and has no more: in this order it can go, the rights first.
    pub fn obsolete(&self, before: &Self) -> Vec<ObjectRef> {
        let kept: Vec<ObjectRef> = self.objects().iter().map(Object::reference).collect();
        before.removal().into_iter().filter(|object| !kept.contains(object)).collect()
    }

    /// Everything in the cluster in the order in which it goes: bindings, roles, token, and the ServiceAccount last.
    pub fn removal(&self) -> Vec<ObjectRef> {
        self.objects().iter().rev().map(Object::reference).collect()
    }
}
