//! A cluster that somebody else made, by its context in a kubeconfig.

use std::path::PathBuf;

use manifests::config::Cluster as Settings;

use super::{Access, State};
use crate::error::ClusterError;

/// A context of a kubeconfig.
#[derive(Clone, Debug)]
pub struct Context {
    context: String,
    kubeconfig: Option<PathBuf>,
}

impl Context {
    /// The context that the configuration names; never the current one by accident.
    pub fn new(settings: &Settings) -> Result<Self, ClusterError> {
        let Some(context) = settings.context.clone() else {
            return Err(ClusterError::Precondition {
                what: "`cluster.provider: context` needs `cluster.context`".into(),
                next: "name it; contexts: kubectl config get-contexts".into(),
            });
        };
        Ok(Self { context, kubeconfig: settings.kubeconfig.clone() })
    }

    pub(super) fn access(&self) -> Access {
        Access { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }

    /// A context is there or it is an error: there is nothing that we could make.
    pub(super) async fn state(&self) -> Result<State, ClusterError> {
        self.up().await.map(|()| State::Running)
    }

    pub(super) async fn up(&self) -> Result<(), ClusterError> {
        // Long enough for a server that restarts, short enough for a wrong address.
        let patience = std::time::Duration::from_secs(10);
        self.access().connect().await?.with_patience(patience).version().await.map(drop)
    }

    pub(super) fn not_ours(&self) -> ClusterError {
        ClusterError::Precondition {
            what: format!(
                "the cluster of context {} was not made by this tool and is not deleted by it",
                self.context
            ),
            next: "delete it with what made it".into(),
        }
    }
}
