//! Clusters that Argo CD deploys to: its own side, where it is told of them, and theirs, where it has an account.

mod add;
mod check;
mod remove;

use std::time::Duration;

use cluster::apply::{Condition, Patching};
use cluster::observe::Found;
use cluster::{Client, ClusterError};
use manifests::clusters::Stored;
use manifests::{Object, ObjectRef};
use stages::Observed;
use stages::observed::Live;

use crate::failure::Failure;
use crate::observe::Observer;
use crate::session::Session;

pub(crate) use add::Add;
pub(crate) use check::{Checked, check};
pub(crate) use remove::Remove;

/// Long enough for a server that restarts, short enough for a wrong address.
const PATIENCE: Duration = Duration::from_secs(10);

/// The cluster that Argo CD runs in.
pub(crate) struct Hub<'a> {
    session: &'a Session,
    client: Client,
}

impl<'a> Hub<'a> {
    /// Connects to the cluster of the configuration, where Argo CD has to be.
    pub(crate) async fn of(session: &'a Session) -> Result<Self, Failure> {
        let mut observer = Observer::new(session);
        observer.reach().await?;
        let client = observer.client()?.clone();
        let namespace = &session.config.argocd.namespace;
        let reference = ObjectRef::cluster_scoped("v1", "Namespace", namespace);
        match client.read(&reference).await? {
            Found::Object(_) => Ok(Self { session, client }),
            Found::Absent | Found::KindUnknown => Err(Failure::Precondition(format!(
                "there is no Argo CD: {reference} is missing\n  install it first: cargo xtask setup"
            ))),
        }
    }

    /// Takes the lock of the cluster that Argo CD runs in; true where it was not held before.
    pub(crate) async fn lock(&self) -> Result<bool, Failure> {
        self.session.lock(&self.client).await
    }

    /// The clusters that Argo CD knows, and the Secrets in which that is written.
    pub(crate) async fn stored(&self) -> Result<(Vec<Stored>, Vec<Object>), Failure> {
        let like = ObjectRef::namespaced("v1", "Secret", &self.session.config.argocd.namespace, "");
        let secrets = self.client.list_all(&like).await?.unwrap_or_default();
        Ok((Stored::all(&secrets), secrets))
    }
}

/// A connection to another cluster, by a context of a kubeconfig.
async fn connect(kubeconfig: Option<&std::path::Path>, context: &str) -> Result<Client, ClusterError> {
    let client = Client::connect(kubeconfig, context).await?.with_patience(PATIENCE);
    client.version().await?;
    Ok(client)
}

/// What tells one cluster from all others: the UID of a namespace that each has. `None` where it may not be read.
async fn identity(client: &Client) -> Result<Option<String>, Failure> {
    match client.read(&ObjectRef::cluster_scoped("v1", "Namespace", "kube-system")).await {
        Ok(Found::Object(namespace)) => Ok(Some(namespace.text("/metadata/uid").to_owned())),
        Ok(Found::Absent | Found::KindUnknown) | Err(ClusterError::Forbidden { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What is there of some objects.
async fn observe(client: &Client, objects: &[ObjectRef]) -> Result<Observed, Failure> {
    let found = client.read_all(objects).await?.into_iter().map(|(reference, found)| {
        let live = match found {
            Found::Object(object) => Live::Found(object),
            Found::Absent => Live::Absent,
            Found::KindUnknown => Live::KindUnknown,
        };
        (reference, live)
    });
    Ok(Observed { objects: found.collect(), ..Observed::default() })
}

/// Applies one object; what somebody else owns is taken over only with `force`.
async fn apply(client: &Client, object: Object, manager: &str, force: bool) -> Result<(), Failure> {
    let patching = Patching { object, manager: manager.to_owned(), force, condition: Condition::None };
    client.apply(&patching).await.map_err(|error| match error {
        ClusterError::Conflict { object, conflicts } => Failure::Refused(format!(
            "{object}: fields belong to somebody else:\n    {}\n  let them go there, or take them over: \
             --force-conflicts",
            conflicts.join("\n    ")
        )),
        error => error.into(),
    })
}
