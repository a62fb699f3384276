//! The program kind, for one cluster.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use super::docker::explained;
use crate::error::ClusterError;
use crate::provider::program::{bounded, command, finished, told, words};

/// How long kind may take to make a cluster: a large image over a slow line is pulled in less.
const CREATE: Duration = Duration::from_secs(30 * 60);
/// How long kind may take to list containers.
const LIST: Duration = Duration::from_secs(30);
/// How long it may take to collect the logs of the nodes.
const LOGS: Duration = Duration::from_secs(60);

/// kind, the name of a cluster, where its kubeconfig goes, and the lock that is held meanwhile.
pub(super) struct Cli<'a> {
    pub(super) program: &'a Path,
    pub(super) name: &'a str,
    pub(super) kubeconfig: PathBuf,
    pub(super) lock: &'a File,
}

impl Cli<'_> {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = command(self.program);
        command.args(words).arg(format!("--name={}", self.name));
        command
    }

    /// Makes the cluster, and leaves what fails in place: it has the logs.
    pub(super) fn create_command(&self, config: &Path) -> Command {
        let mut create = self.command(&["create", "cluster"]);
        create.arg("--config").arg(config).arg("--kubeconfig").arg(&self.kubeconfig).arg("--retain");
        create
    }

    pub(super) async fn create(&self, config: &Path, said: &Path) -> Result<Output, ClusterError> {
        told(self.create_command(config), self.lock, said, CREATE).await
    }

    pub(super) async fn delete(&self) -> Result<(), ClusterError> {
        let mut delete = self.command(&["delete", "cluster"]);
        delete.arg("--kubeconfig").arg(&self.kubeconfig);
        self.done(delete).await
    }

    /// Containers of the cluster, running or not.
    pub(super) async fn nodes(&self) -> Result<Vec<String>, ClusterError> {
        let get = self.command(&["get", "nodes"]);
        let program = words(&get);
        let output = bounded(get, LIST).await?;
        if !output.status.success() {
            return Err(explained(program, &output));
        }
        Ok(names(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Copies images of this machine into the nodes that lack them.
    pub(super) async fn load(&self, images: &[String]) -> Result<(), ClusterError> {
        let mut load = self.command(&["load", "docker-image"]);
        load.args(images);
        self.done(load).await
    }

    /// Collects the logs of the nodes; whether that was done in time.
    pub(super) async fn export_logs(&self, folder: &Path) -> bool {
        let mut export = command(self.program);
        export.args(["export", "logs"]).arg(folder).arg(format!("--name={}", self.name));
        // Some of it is better than nothing, and no reason to hide why the logs are wanted.
        let _partly = bounded(export, LOGS).await;
        folder.exists()
    }

    async fn done(&self, command: Command) -> Result<(), ClusterError> {
        let program = words(&command);
        let output = finished(command, self.lock).await?;
        if output.status.success() { Ok(()) } else { Err(explained(program, &output)) }
    }
}

/// Names, one a line.
fn names(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_makes_a_cluster_is_said_in_full() {
        let lock = tempfile::tempfile().unwrap();
        let cli = Cli {
            program: Path::new("/bin/kind"),
            name: "ci",
            kubeconfig: "/data/kubeconfig".into(),
            lock: &lock,
        };
        let create = cli.create_command(Path::new("/data/kind.yaml"));
        let words: Vec<_> = create.get_args().map(|word| word.to_string_lossy()).collect();
        assert_eq!(
            words.join(" "),
            "create cluster --name=ci --config /data/kind.yaml --kubeconfig /data/kubeconfig --retain"
        );
    }

    #[test]
    fn nodes_are_listed_one_a_line() {
        assert_eq!(names("ci-control-plane\nci-worker\n"), ["ci-control-plane", "ci-worker"]);
        assert_eq!(names("\n"), [""; 0]);
    }
}
