//! A cluster of containers by kind.

mod cli;
mod docker;
mod nodes;
mod problem;
#[cfg(test)]
mod problem_tests;
mod record;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use manifests::config::{Cluster as Settings, KindMount};
use manifests::kind::CONFIG_FILE;

use super::program::lock;
use super::timings::Clock;
use super::{Access, State, Timings, copied, folder, lock_folder};
use crate::error::ClusterError;
use crate::tools::{Event, Progress, Tool, ToolContext, resolve};
use cli::Cli;
use record::Record;

pub use problem::{KindProblem, NoImage};

/// How long nodes may take to be ready.
const READY: Duration = Duration::from_secs(300);
/// How long stopped containers may take to start, and their API server to answer.
const START: Duration = Duration::from_secs(120);
/// How long an API server may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(2);

/// One kind cluster.
#[derive(Clone, Debug)]
pub struct Kind {
    name: String,
    nodes: usize,
    images: Vec<String>,
    mounts: Vec<KindMount>,
    folder: PathBuf,
    locks: PathBuf,
    record: Record,
}

impl Kind {
    /// The cluster of these settings; `data` is our data folder.
    pub fn new(settings: &Settings, data: &Path) -> Self {
        let folder = folder(data, "kind", &settings.name);
        let kind = settings.kind.clone().unwrap_or_default();
        Self {
            name: settings.name.clone(),
            nodes: 1 + usize::from(kind.workers),
            images: kind.images,
            mounts: kind.mounts,
            locks: lock_folder(data, "kind", &settings.name),
            record: Record::new(settings, &folder),
            folder,
        }
    }

    pub(super) fn access(&self) -> Access {
        Access { kubeconfig: Some(self.kubeconfig()), context: format!("kind-{}", self.name) }
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// A cluster whose nodes are still waited for is not running yet, although its API server answers.
    pub(super) async fn state(&self) -> Result<State, ClusterError> {
        if !self.kubeconfig().exists() {
            return Ok(State::Absent);
        }
        let running = !self.record.has_begun() && self.answers().await;
        Ok(if running { State::Running } else { State::Stopped })
    }

    async fn answers(&self) -> bool {
        if !self.kubeconfig().exists() {
            return false;
        }
        match self.access().connect().await {
            Ok(client) => client.with_patience(ANSWER).version().await.is_ok(),
            Err(_) => false,
        }
    }

    pub(super) async fn preflight(&self) -> Result<(), ClusterError> {
        if self.state().await? != State::Running {
            docker::answers().await?;
        }
        self.mounts_exist()?;
        for image in &self.images {
            docker::image_id(image).await?;
        }
        Ok(())
    }

    /// Docker makes a folder that is missing, which then belongs to root and is empty.
    fn mounts_exist(&self) -> Result<(), ClusterError> {
        match self.mounts.iter().find(|mount| !mount.host.exists()) {
            None => Ok(()),
            Some(mount) => Err(ClusterError::Precondition {
                what: format!(
                    "{} is not on this machine, and `cluster.kind.mounts` names it",
                    mount.host.display()
                ),
                next: "make it, or correct the path".into(),
            }),
        }
    }

    pub(super) fn as_configured(&self) -> Result<(), ClusterError> {
        if !self.kubeconfig().exists() {
            return Ok(());
        }
        match self.record.differences()? {
            differences if differences.is_empty() => Ok(()),
            differences => {
                let what = format!("kind cluster {}", self.name);
                Err(ClusterError::OtherConfiguration { what, differences })
            }
        }
    }

    pub(super) async fn images_to_load(&self) -> Result<Vec<String>, ClusterError> {
        let loaded = self.record.images()?;
        let mut missing = Vec::new();
        for image in &self.images {
            if loaded.get(image) != Some(&docker::image_id(image).await?) {
                missing.push(image.clone());
            }
        }
        Ok(missing)
    }

    pub(super) async fn up(&self, tools: &ToolContext, progress: &Progress) -> Result<Timings, ClusterError> {
        let lock = lock(&self.locks, progress).await?;
        let answers = self.answers().await;
        let complete = answers && !self.record.has_begun();
        if complete && self.images_to_load().await?.is_empty() {
            return Ok(Timings::default());
        }
        docker::answers().await?;
        let mut clock = Clock::start();
        let tools = resolve(&[Tool::Kind], tools, progress).await?;
        clock.lap("tools");
        let program = &tools[&Tool::Kind].path;
        let cli = Cli { program, name: &self.name, kubeconfig: self.kubeconfig(), lock: &lock };
        if !answers {
            let part = self.make_or_start(&cli, progress).await?;
            clock.lap(part);
        }
        if !complete {
            progress
                .tell(Event::Step { what: format!("waiting until all nodes of {} are ready", self.name) });
            self.wait_for_nodes(&cli, progress).await?;
            clock.lap("nodes");
            self.record.complete()?;
        }
        let images = self.images_to_load().await?;
        if !images.is_empty() {
            self.load(&cli, &images, progress).await?;
            clock.lap("images");
        }
        Ok(clock.stop())
    }

    async fn make_or_start(&self, cli: &Cli<'_>, progress: &Progress) -> Result<&'static str, ClusterError> {
        let there = cli.nodes().await?;
        if !there.is_empty() && !self.record.has_begun() {
            // Only what a cut-off run of ours began is taken away; anything else may hold somebody's work.
            if !self.record.exists() || !self.kubeconfig().exists() {
                return Err(self.in_the_way());
            }
            self.as_configured()?;
            self.start(&there, progress).await?;
            return Ok("start");
        }
        if !there.is_empty() {
            cli.delete().await?;
        }
        self.create(cli, progress).await?;
        Ok("create")
    }

    async fn start(&self, containers: &[String], progress: &Progress) -> Result<(), ClusterError> {
        progress.tell(Event::Step { what: format!("starting the nodes of kind cluster {}", self.name) });
        docker::start(containers, START).await?;
        let client = self.access().connect().await?;
        match client.with_patience(START).version().await {
            Ok(_) => Ok(()),
            Err(error) => Err(ClusterError::Precondition {
                what: format!("kind cluster {} was started, and does not answer: {error}", self.name),
                next: "see its logs (docker logs), or make it anew: cargo xtask cluster up --recreate".into(),
            }),
        }
    }

    async fn create(&self, cli: &Cli<'_>, progress: &Progress) -> Result<(), ClusterError> {
        self.record.begin()?;
        let what = format!("creating kind cluster {}; the first time, its image is pulled", self.name);
        progress.tell(Event::Step { what });
        match cli.create(&self.folder.join(CONFIG_FILE), &self.record.said()).await {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(self.given_up(cli, &output).await),
            Err(error) => Err(with_logs(error, self.take_away(cli, true).await)),
        }
    }

    /// Why a cluster did not come up.
    async fn given_up(&self, cli: &Cli<'_>, output: &Output) -> ClusterError {
        let text = String::from_utf8_lossy(&output.stderr);
        let said = problem::essence(&text);
        let problem = KindProblem::classify(&text);
        let unclear = problem.as_ref().is_none_or(KindProblem::is_in_the_nodes);
        let log = match problem {
            // Whoever was faster has it; there is nothing of ours.
            Some(KindProblem::NameInUse) => {
                let _next_run_does = self.record.forget(true);
                None
            }
            _ => self.take_away(cli, unclear).await,
        };
        match problem {
            Some(problem) => ClusterError::Kind { problem, said, log },
            None => ClusterError::Program {
                program: "kind create cluster".into(),
                status: output.status.to_string(),
                message: said,
                log,
            },
        }
    }

    /// Takes away what did not come up; gives the folder of its logs, where they are wanted and there are some.
    async fn take_away(&self, cli: &Cli<'_>, with_logs: bool) -> Option<PathBuf> {
        let left = cli.nodes().await.is_ok_and(|nodes| !nodes.is_empty());
        let log = if with_logs && left { self.logs(cli).await } else { None };
        // Where that fails, the mark of the beginning stays, and the next run takes it away.
        if !left || cli.delete().await.is_ok() {
            let _next_run_does = self.record.forget(log.is_none());
        }
        log
    }

    async fn logs(&self, cli: &Cli<'_>) -> Option<PathBuf> {
        let folder = self.folder.join("logs");
        let _none_before = std::fs::remove_dir_all(&folder);
        cli.export_logs(&folder).await.then_some(folder)
    }

    /// The logs of the nodes; of a cluster that did not come up, those that were collected then.
    pub(super) async fn collect_logs(
        &self,
        tools: &ToolContext,
        out: &Path,
        progress: &Progress,
    ) -> Result<bool, ClusterError> {
        if !self.kubeconfig().exists() {
            return copied(&self.folder.join("logs"), out);
        }
        let lock = lock(&self.locks, progress).await?;
        docker::answers().await?;
        let tools = resolve(&[Tool::Kind], tools, progress).await?;
        let program = &tools[&Tool::Kind].path;
        let cli = Cli { program, name: &self.name, kubeconfig: self.kubeconfig(), lock: &lock };
        Ok(cli.export_logs(out).await)
    }

    async fn wait_for_nodes(&self, cli: &Cli<'_>, progress: &Progress) -> Result<(), ClusterError> {
        let client = self.access().connect().await?;
        let Err(error) = nodes::ready(&client, self.nodes, READY, progress).await else { return Ok(()) };
        Err(with_logs(error, self.logs(cli).await))
    }

    async fn load(&self, cli: &Cli<'_>, images: &[String], progress: &Progress) -> Result<(), ClusterError> {
        let mut ids = self.record.images()?;
        for image in images {
            ids.insert(image.clone(), docker::image_id(image).await?);
        }
        progress.tell(Event::Step { what: format!("loading images into the nodes: {}", images.join(", ")) });
        cli.load(images).await?;
        self.record.note_images(&ids)
    }

    fn in_the_way(&self) -> ClusterError {
        let name = &self.name;
        ClusterError::Precondition {
            what: format!("there is a kind cluster {name} that this tool did not make"),
            next: format!(
                "choose another `cluster.name`, or use it by its context: cluster: {{provider: context, context: \
                 kind-{name}}}"
            ),
        }
    }

    pub(super) async fn down(&self, tools: &ToolContext, progress: &Progress) -> Result<bool, ClusterError> {
        if !self.folder.exists() {
            return Ok(false);
        }
        let lock = lock(&self.locks, progress).await?;
        if !self.record.exists() && !self.record.has_begun() {
            // Only logs of one that did not come up: a cluster of that name that is there is somebody else's.
            self.record.forget(true)?;
            return Ok(false);
        }
        docker::answers().await?;
        let tools = resolve(&[Tool::Kind], tools, progress).await?;
        let program = &tools[&Tool::Kind].path;
        let cli = Cli { program, name: &self.name, kubeconfig: self.kubeconfig(), lock: &lock };
        cli.delete().await?;
        self.record.forget(true)?;
        Ok(true)
    }
}

/// The error of a wait, with the folder that says more.
fn with_logs(mut error: ClusterError, logs: Option<PathBuf>) -> ClusterError {
    if let (ClusterError::TimedOut { state, .. }, Some(logs)) = (&mut error, logs) {
        state.push(format!("logs of the nodes: {}", logs.display()));
    }
    error
}
