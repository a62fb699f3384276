//! Who makes a cluster: kwok, kind, or nobody because it exists.

mod context;
mod kind;
mod kwok;
mod program;
mod timings;

use std::path::{Path, PathBuf};

use manifests::config::{Cluster as Settings, Provider as Which};

use crate::client::Client;
use crate::error::ClusterError;
use crate::tools::{Progress, ToolContext};

pub use context::Context;
pub use kind::{Kind, KindProblem, NoImage};
pub use kwok::Kwok;
pub use timings::Timings;

/// How a cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Kubeconfig file; `None` for kubectl's default.
    pub kubeconfig: Option<PathBuf>,
    /// Context in it.
    pub context: String,
}

impl Access {
    /// Connects.
    pub async fn connect(&self) -> Result<Client, ClusterError> {
        Client::connect(self.kubeconfig.as_deref(), &self.context).await
    }
}

/// How far a cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none of that name.
    Absent,
    /// It exists, but its API server does not answer.
    Stopped,
    /// Its API server answers.
    Running,
}

/// One cluster, by whoever makes it.
#[derive(Clone, Debug)]
pub enum Provider {
    /// A local control plane with simulated nodes.
    Kwok(Kwok),
    /// A cluster of containers.
    Kind(Kind),
    /// A cluster that somebody else made.
    Context(Context),
}

impl Provider {
    /// The provider that the configuration names. `data` is our data folder.
    pub fn new(settings: &Settings, data: &Path) -> Result<Self, ClusterError> {
        Ok(match settings.provider {
            Which::Kwok => Self::Kwok(Kwok::new(&settings.name, data)),
            Which::Kind => Self::Kind(Kind::new(settings, data)),
            Which::Context => Self::Context(Context::new(settings)?),
        })
    }

    /// How the cluster is reached, once it is there.
    pub fn access(&self) -> Access {
        match self {
            Self::Kwok(kwok) => kwok.access(),
            Self::Kind(kind) => kind.access(),
            Self::Context(context) => context.access(),
        }
    }

    /// Whether the provider can do its work here: a context answers, kind has its Docker, and the folders and images
    /// that it needs. Tells so before anything is fetched or made.
    pub async fn preflight(&self) -> Result<(), ClusterError> {
        match self {
            Self::Kwok(_) => Ok(()),
            Self::Kind(kind) => kind.preflight().await,
            Self::Context(context) => context.up().await,
        }
    }

    /// How far the cluster is. Changes nothing and needs no tools.
    pub async fn state(&self) -> Result<State, ClusterError> {
        match self {
            Self::Kwok(kwok) => kwok.state().await,
            Self::Kind(kind) => kind.state().await,
            Self::Context(context) => context.state().await,
        }
    }

    /// Refuses a cluster that was made from another configuration than this one, and says what differs.
    pub fn as_configured(&self) -> Result<(), ClusterError> {
        match self {
            Self::Kind(kind) => kind.as_configured(),
            Self::Kwok(_) | Self::Context(_) => Ok(()),
        }
    }

    /// Images of this machine that a running cluster lacks, or has an older build of.
    pub async fn images_to_load(&self) -> Result<Vec<String>, ClusterError> {
        match self {
            Self::Kind(kind) => kind.images_to_load().await,
            Self::Kwok(_) | Self::Context(_) => Ok(Vec::new()),
        }
    }

    /// Makes or starts the cluster, and waits until its API server answers and its nodes are ready. Gives where the
    /// time went.
    pub async fn up(&self, tools: &ToolContext, progress: &Progress) -> Result<Timings, ClusterError> {
        match self {
            Self::Kwok(kwok) => kwok.up(tools, progress).await,
            Self::Kind(kind) => kind.up(tools, progress).await,
            Self::Context(context) => context.up().await.map(|()| Timings::default()),
        }
    }

    /// Deletes the cluster and everything in it. Gives false where there was none.
    pub async fn down(&self, tools: &ToolContext, progress: &Progress) -> Result<bool, ClusterError> {
        match self {
            Self::Kwok(kwok) => kwok.down(tools, progress).await,
            Self::Kind(kind) => kind.down(tools, progress).await,
            Self::Context(context) => Err(context.not_ours()),
        }
    }

    /// Collects logs into a folder, of what is there now or of what did not come up: those of the nodes (kind), or of
    /// the control plane (kwok). Gives false where there are none. They may hold addresses and credentials of proxies.
    pub async fn logs(
        &self,
        tools: &ToolContext,
        out: &Path,
        progress: &Progress,
    ) -> Result<bool, ClusterError> {
        match self {
            Self::Kwok(kwok) => copied(&kwok.logs(), out),
            Self::Kind(kind) => kind.collect_logs(tools, out, progress).await,
            Self::Context(context) => Err(context.not_ours()),
        }
    }
}

/// Copies a folder with what is below it; false where it is not there.
fn copied(from: &Path, to: &Path) -> Result<bool, ClusterError> {
    if !from.is_dir() {
        return Ok(false);
    }
    let of = |path: &Path| {
        let path = path.to_owned();
        move |source| ClusterError::File { path, source }
    };
    std::fs::create_dir_all(to).map_err(of(to))?;
    for entry in std::fs::read_dir(from).map_err(of(from))? {
        let entry = entry.map_err(of(from))?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => drop(copied(&path, &to)?),
            false => drop(std::fs::copy(&path, &to).map_err(of(&path))?),
        }
    }
    Ok(true)
}

/// Names of the clusters that this tool made, with their provider, in the order of their names.
pub fn list(data: &Path) -> Result<Vec<(&'static str, String)>, ClusterError> {
    let folder = clusters(data);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ClusterError::File { path: folder, source }),
    };
    let mut names = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some((provider, name)) = name.split_once('-') {
            let provider = if provider == "kind" { "kind" } else { "kwok" };
            if entry.path().join("kubeconfig").exists() {
                names.push((provider, name.to_owned()));
            }
        }
    }
    names.sort();
    Ok(names)
}

fn clusters(data: &Path) -> PathBuf {
    data.join("clusters")
}

/// Where the lock of a cluster lies: not in its folder, which goes with it while others wait for the lock.
fn lock_folder(data: &Path, provider: &str, name: &str) -> PathBuf {
    clusters(data).join(".locks").join(format!("{provider}-{name}"))
}

/// Our folder for one cluster: kubeconfig, lock, and what the provider keeps.
fn folder(data: &Path, provider: &str, name: &str) -> PathBuf {
    clusters(data).join(format!("{provider}-{name}"))
}
