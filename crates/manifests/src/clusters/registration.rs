//! The Secret by which Argo CD knows a cluster.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex_lite::Regex;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Account, Address, MANAGED_BY};
use crate::MANAGER;
use crate::config::ArgoCd;
use crate::fill::{Fill, FilledSecret};
use crate::object::{Object, ObjectRef};
use crate::repository::{SECRET_TYPE, secret_name};

/// What Argo CD calls the cluster that it runs in.
pub const IN_CLUSTER_NAME: &str = "in-cluster";

/// The context that the cluster was added by: `remove` and `check` try it again.
pub(super) const CONTEXT: &str = "gitops-setup/context";
/// UID of the namespace kube-system there: a context may lead elsewhere one day.
pub(super) const IDENTITY: &str = "gitops-setup/cluster-id";
/// Namespace and name of the account there.
pub(super) const SERVICE_ACCOUNT: &str = "gitops-setup/service-account";

/// How Argo CD reaches an API server, and by which token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Certificates (PEM) of the authorities that the server's certificate may come from; the system's without.
    pub ca: Option<String>,
    /// The server's certificate is not checked.
    pub insecure: bool,
    /// Name that the server's certificate is for, where that is not the host.
    pub server_name: Option<String>,
    /// The Secret there with the token.
    pub token: ObjectRef,
}

impl Connection {
    /// The value of the key `config`. `token` is the secret in it.
    pub fn config(&self, token: &str) -> String {
        let mut tls = json!({ "insecure": self.insecure });
        // Argo CD refuses authorities together with `insecure`.
        if let Some(ca) = self.ca.as_ref().filter(|_| !self.insecure) {
            tls["caData"] = STANDARD.encode(ca).into();
        }
        if let Some(name) = &self.server_name {
            tls["serverName"] = name.as_str().into();
        }
        json!({ "bearerToken": token, "tlsClientConfig": tls }).to_string()
    }
}

/// A cluster as Argo CD is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// What Argo CD calls it.
    pub name: String,
    /// Where Argo CD reaches it.
    pub address: Address,
    /// Labels, by which generators of ApplicationSets choose clusters.
    pub labels: BTreeMap<String, String>,
    /// AppProject that alone may deploy there.
    pub project: Option<String>,
    /// Argo CD's account there, and how it is reached; `None` for the cluster that Argo CD runs in.
    pub access: Option<(Account, Connection)>,
    /// The context that it was added by.
    pub context: String,
    /// UID of the namespace kube-system there.
    pub identity: Option<String>,
}

impl Registration {
    /// The Secret. Its name follows from the address alone.
    pub fn secret(&self, argocd: &ArgoCd) -> FilledSecret {
        let reference = Self::reference(argocd, &self.address);
        let mut object = Object::new(&reference);
        for (key, value) in &self.labels {
            object = object.with_label(key, value);
        }
        object = object
            .with_label(MANAGED_BY, MANAGER)
            .with_label(SECRET_TYPE, "cluster")
            .with_annotation(CONTEXT, &self.context);
        if let Some(identity) = &self.identity {
            object = object.with_annotation(IDENTITY, identity);
        }
        let mut data = Map::new();
        let mut set = |key: &str, value: &str| data.insert(key.into(), STANDARD.encode(value).into());
        set("name", &self.name);
        set("server", self.address.as_str());
        if let Some(project) = &self.project {
            set("project", project);
        }
        let fill = match &self.access {
            Some((account, connection)) => {
                if !account.namespaces.is_empty() {
                    set("namespaces", &account.namespaces.join(","));
                }
                let place = format!("{}/{}", account.namespace, account.name);
                object = object.with_annotation(SERVICE_ACCOUNT, &place);
                vec![("config".to_owned(), Fill::ClusterConfig(connection.clone()))]
            }
            // There, Argo CD has an account by itself.
            None => {
                set("config", &json!({ "tlsClientConfig": { "insecure": false } }).to_string());
                Vec::new()
            }
        };
        FilledSecret { object: object.with("data", Value::Object(data)), fill }
    }

    /// The Secret of the cluster at an address.
    pub fn reference(argocd: &ArgoCd, address: &Address) -> ObjectRef {
        ObjectRef::namespaced("v1", "Secret", &argocd.namespace, &secret_name("cluster", address.as_str()))
    }
}

/// Why a text is no label that a cluster may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLabel {
    /// It has no form that Kubernetes takes.
    #[error("expected a label such as env=production")]
    Shape,
    /// It means something else.
    #[error("the label {0} is not free: Argo CD or this tool set it")]
    Taken(String),
}

/// A label of the form `key=value`.
pub fn label(text: &str) -> Result<(String, String), BadLabel> {
    const WORD: &str = "^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$";
    const PREFIX: &str = "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$";
    let fits = |pattern: &str, text: &str| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
    let (key, value) = text.split_once('=').ok_or(BadLabel::Shape)?;
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if !fits(WORD, name)
        || !prefix.is_none_or(|prefix| fits(PREFIX, prefix))
        || !(value.is_empty() || fits(WORD, value))
    {
        return Err(BadLabel::Shape);
    }
    match key {
        SECRET_TYPE | MANAGED_BY => Err(BadLabel::Taken(key.to_owned())),
        _ => Ok((key.to_owned(), value.to_owned())),
    }
}
