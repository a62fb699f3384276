//! A cluster of containers by kind.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::program::{command, lock, run};
use super::{Access, State, folder, lock_folder};
use crate::error::ClusterError;
use crate::tools::{Progress, Tool, ToolContext, resolve};

/// How long a control plane may take to be ready.
const READY: &str = "5m";
/// How long an API server may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(2);

/// One kind cluster.
#[derive(Clone, Debug)]
pub struct Kind {
    name: String,
    node_image: Option<String>,
    folder: PathBuf,
    locks: PathBuf,
}

impl Kind {
    /// The cluster of this name; `data` is our data folder.
    pub fn new(name: &str, node_image: Option<String>, data: &Path) -> Self {
        Self {
            name: name.into(),
            node_image,
            folder: folder(data, "kind", name),
            locks: lock_folder(data, "kind", name),
        }
    }

    pub(super) fn access(&self) -> Access {
        Access { kubeconfig: Some(self.folder.join("kubeconfig")), context: format!("kind-{}", self.name) }
    }

    pub(super) async fn state(&self) -> Result<State, ClusterError> {
        if !self.folder.join("kubeconfig").exists() {
            return Ok(State::Absent);
        }
        let answers = match self.access().connect().await {
            Ok(client) => client.with_patience(ANSWER).version().await.is_ok(),
            Err(_) => false,
        };
        Ok(if answers { State::Running } else { State::Stopped })
    }

    pub(super) async fn preflight(&self) -> Result<(), ClusterError> {
        match self.state().await? {
            State::Running => Ok(()),
            State::Absent | State::Stopped => docker_answers(),
        }
    }

    pub(super) async fn up(&self, tools: &ToolContext, progress: &Progress) -> Result<(), ClusterError> {
        let lock = lock(&self.locks, progress).await?;
        if self.state().await? == State::Running {
            // kind had finished although the run of ours that began it was killed.
            return match std::fs::remove_file(self.begun()) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    Err(ClusterError::File { path: self.begun(), source })
                }
                _ => Ok(()),
            };
        }
        docker_answers()?;
        let tools = resolve(&[Tool::Kind], tools, progress).await?;
        let kind = &tools[&Tool::Kind].path;
        crate::dirs::create(&self.folder)?;
        if self.exists(kind, &lock).await? {
            // Only what a cut-off run of ours began is taken away; anything else may hold somebody's work.
            if !self.begun().exists() {
                return Err(self.in_the_way());
            }
            run(self.command(kind, &["delete", "cluster"]), &lock, None).await?;
        }
        self.write(&self.begun())?;
        let mut create = self.command(kind, &["create", "cluster"]);
        create.arg(format!("--wait={READY}"));
        if let Some(image) = &self.node_image {
            create.arg(format!("--image={image}"));
        }
        run(create, &lock, None).await?;
        std::fs::remove_file(self.begun()).map_err(|source| ClusterError::File { path: self.begun(), source })
    }

    /// There between the beginning of `kind create cluster` and its good end.
    fn begun(&self) -> PathBuf {
        self.folder.join("begun")
    }

    fn write(&self, path: &Path) -> Result<(), ClusterError> {
        std::fs::write(path, "").map_err(|source| ClusterError::File { path: path.to_owned(), source })
    }

    fn in_the_way(&self) -> ClusterError {
        let name = &self.name;
        ClusterError::Precondition {
            what: format!(
                "there is a kind cluster {name} that this tool did not make, or that does not answer"
            ),
            next: format!(
                "start it (docker start {name}-control-plane), choose another `cluster.name`, or use it by its context: \
                 cluster: {{provider: context, context: kind-{name}}}"
            ),
        }
    }

    pub(super) async fn down(&self, tools: &ToolContext, progress: &Progress) -> Result<bool, ClusterError> {
        if !self.folder.exists() {
            return Ok(false);
        }
        let lock = lock(&self.locks, progress).await?;
        docker_answers()?;
        let tools = resolve(&[Tool::Kind], tools, progress).await?;
        run(self.command(&tools[&Tool::Kind].path, &["delete", "cluster"]), &lock, None).await?;
        let remove = std::fs::remove_dir_all(&self.folder);
        remove.map_err(|source| ClusterError::File { path: self.folder.clone(), source })?;
        Ok(true)
    }

    async fn exists(&self, kind: &Path, lock: &std::fs::File) -> Result<bool, ClusterError> {
        let mut list = command(kind);
        list.args(["get", "clusters"]);
        Ok(run(list, lock, None).await?.lines().any(|line| line.trim() == self.name))
    }

    fn command(&self, kind: &Path, words: &[&str]) -> Command {
        let mut command = command(kind);
        command.args(words).arg(format!("--name={}", self.name));
        command.arg("--kubeconfig").arg(self.folder.join("kubeconfig"));
        command
    }
}

/// kind's own message without Docker names neither the cause nor a way out.
fn docker_answers() -> Result<(), ClusterError> {
    let shell = xshell::Shell::new().map_err(|error| missing_docker(&error.to_string()))?;
    let format = "{{.Server.Version}}";
    let output = xshell::cmd!(shell, "docker version --format {format}")
        .quiet()
        .ignore_status()
        .ignore_stderr()
        .output()
        .map_err(|error| missing_docker(&error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(missing_docker("`docker version` names no server")),
    }
}

fn missing_docker(why: &str) -> ClusterError {
    ClusterError::Precondition {
        what: format!("kind needs a running Docker, and there is none ({why})"),
        next: "start Docker, or use `cluster.provider: kwok`, which needs none".into(),
    }
}
