//! What is asked of Docker itself.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use super::KindProblem;
use super::problem::essence;
use crate::error::ClusterError;
use crate::provider::program::{bounded, command, failed, words};

/// How long Docker may take to answer what it knows.
const ANSWER: Duration = Duration::from_secs(20);

fn docker(words: &[&str]) -> Command {
    let mut docker = command(Path::new("docker"));
    docker.args(words);
    docker
}

/// Whether Docker is there and lets us use it. kind's own message without it names neither the cause nor a way out.
pub(super) async fn answers() -> Result<(), ClusterError> {
    let version = docker(&["version", "--format", "{{.Server.Version}}"]);
    let (problem, said) = match bounded(version, ANSWER).await {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            (KindProblem::classify(&said).unwrap_or(KindProblem::NoDocker), essence(&said))
        }
        Err(error) => (KindProblem::NoDocker, format!("\n    {error}")),
    };
    Err(ClusterError::Kind { problem, said, log: None })
}

/// The id of an image of this machine.
pub(super) async fn image_id(image: &str) -> Result<String, ClusterError> {
    let inspect = docker(&["image", "inspect", "--format", "{{.Id}}", image]);
    let program = words(&inspect);
    let output = bounded(inspect, ANSWER).await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    // Docker says it with a capital or without, by its version.
    if said.to_lowercase().contains("no such image") {
        let problem = KindProblem::ImageMissing { image: image.to_owned() };
        return Err(ClusterError::Kind { problem, said: String::new(), log: None });
    }
    Err(explained(program, &output))
}

/// Starts containers that were stopped.
pub(super) async fn start(containers: &[String], limit: Duration) -> Result<(), ClusterError> {
    let mut start = docker(&["start"]);
    start.args(containers);
    let output = bounded(start, limit).await?;
    if output.status.success() { Ok(()) } else { Err(explained("docker start".into(), &output)) }
}

/// The failure of a program, by its cause where that is known.
pub(super) fn explained(program: String, output: &Output) -> ClusterError {
    let said = String::from_utf8_lossy(&output.stderr);
    match KindProblem::classify(&said) {
        Some(problem) => ClusterError::Kind { problem, said: essence(&said), log: None },
        None => failed(program, output, None),
    }
}
