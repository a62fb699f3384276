//! Clusters that Argo CD knows already, whoever told it of them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::registration::{CONTEXT, IDENTITY, IN_CLUSTER_NAME, Registration, SERVICE_ACCOUNT};
use super::{Address, MANAGED_BY, is_ours, same_server, split};
use crate::argocd::names::IN_CLUSTER;
use crate::object::{Object, ObjectRef};
use crate::repository::SECRET_TYPE;

/// A cluster as it is stored, without what is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The Secret; `None` for the cluster that Argo CD runs in, which it knows without one.
    pub secret: Option<ObjectRef>,
    /// What Argo CD calls it.
    pub name: String,
    /// Where Argo CD reaches it.
    pub server: String,
    /// Labels that say something of the cluster.
    pub labels: BTreeMap<String, String>,
    /// Namespaces that Argo CD looks at; none for all.
    pub namespaces: Vec<String>,
    /// AppProject that alone may deploy there.
    pub project: Option<String>,
    /// This tool made the Secret.
    pub ours: bool,
    /// The context that it was added by.
    pub context: Option<String>,
    /// UID of the namespace kube-system there.
    pub identity: Option<String>,
    /// Namespace and name of Argo CD's account there.
    pub account: Option<(String, String)>,
}

impl Stored {
    /// What a Secret says; `None` for one that is about no cluster.
    pub fn of(secret: &Object) -> Option<Self> {
        if secret.kind() != "Secret" || secret.label(SECRET_TYPE) != Some("cluster") {
            return None;
        }
        let text = |key: &str| {
            let bytes = STANDARD.decode(secret.get("/data")?.get(key)?.as_str()?).ok()?;
            String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
        };
        let server = text("server").unwrap_or_default();
        let note = |key: &str| secret.annotation(key).map(str::to_owned);
        let labels = secret.get("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
        let labels = labels.filter(|(key, _)| ![SECRET_TYPE, MANAGED_BY].contains(&key.as_str()));
        Some(Self {
            secret: Some(secret.reference()),
            name: text("name").unwrap_or_else(|| server.clone()),
            labels: labels
                .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().into()))
                .collect(),
            namespaces: split(&text("namespaces").unwrap_or_default()),
            project: text("project"),
            ours: is_ours(secret),
            context: note(CONTEXT),
            identity: note(IDENTITY),
            account: secret.annotation(SERVICE_ACCOUNT).and_then(|place| {
                place.split_once('/').map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
            }),
            server,
        })
    }

    /// All clusters that Argo CD knows, by name, given the Secrets of its namespace: the one that it runs in first,
    /// with a Secret or without.
    pub fn all<'a>(secrets: impl IntoIterator<Item = &'a Object>) -> Vec<Self> {
        let mut all: Vec<Self> = secrets.into_iter().filter_map(Self::of).collect();
        if !all.iter().any(Self::is_in_cluster) {
            all.push(Self {
                secret: None,
                name: IN_CLUSTER_NAME.into(),
                server: IN_CLUSTER.into(),
                labels: BTreeMap::new(),
                namespaces: Vec::new(),
                project: None,
                ours: false,
                context: None,
                identity: None,
                account: None,
            });
        }
        all.sort_by_key(|stored| (!stored.is_in_cluster(), stored.name.clone()));
        all
    }

    /// The cluster that Argo CD runs in.
    pub fn is_in_cluster(&self) -> bool {
        Address::parse(&self.server).is_ok_and(|address| address.is_in_cluster())
    }

    /// Whether an Application is deployed there.
    pub fn is_destination_of(&self, application: &Object) -> bool {
        let (server, name) =
            (application.text("/spec/destination/server"), application.text("/spec/destination/name"));
        // Argo CD takes a server before a name.
        if server.is_empty() {
            !name.is_empty() && name == self.name
        } else {
            same_server(server, &self.server)
        }
    }
}

/// Why a cluster is not told to Argo CD: it would know one twice, or two by one name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Taken {
    /// Another server has the name.
    #[error(
        "Argo CD knows another cluster as {name}: {server}\n  give this one a name of its own: --name NAME"
    )]
    Name {
        /// The name.
        name: String,
        /// Who has it.
        server: String,
    },
    /// This tool told Argo CD of the server, under another name or written otherwise.
    #[error(
        "Argo CD knows {server} already, as {name}\n  to change it, use that name and that address: --name {name} \
         --server {server}"
    )]
    Server {
        /// The name that it has.
        name: String,
        /// The address as it is stored.
        server: String,
    },
    /// Somebody else told Argo CD of the server.
    #[error(
        "Argo CD knows {server} already, as {name}: {secret} was made by somebody else, such as `argocd cluster \
         add`\n  keep that one, or take it away first: argocd cluster rm {name}"
    )]
    Foreign {
        /// The name that it has.
        name: String,
        /// The address as it is stored.
        server: String,
        /// The Secret.
        secret: ObjectRef,
    },
}

impl Registration {
    /// Refuses a cluster whose name or server Argo CD knows by another Secret.
    pub fn is_free(&self, secret: &ObjectRef, known: &[Stored]) -> Result<(), Taken> {
        for other in known {
            let (name, server) = (other.name.clone(), other.server.clone());
            if !same_server(&server, self.address.as_str()) {
                if name == self.name {
                    return Err(Taken::Name { name, server });
                }
                continue;
            }
            match &other.secret {
                None => {}
                Some(secret) if !other.ours => {
                    return Err(Taken::Foreign { name, server, secret: secret.clone() });
                }
                Some(stored) if stored != secret || other.name != self.name => {
                    return Err(Taken::Server { name, server });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
