//! Asking a program for its version, and finding programs.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use super::Tool;

/// More than any of the tools prints; what prints without end is cut off here.
const MAX_ANSWER: u64 = 64 << 10;

/// Why a program did not tell its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoVersion {
    /// It cannot be started.
    Start(String),
    /// It answers something else, or not in time.
    Answer(String),
}

impl std::fmt::Display for NoVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Start(why) | Self::Answer(why)) = self;
        f.write_str(why)
    }
}

/// The version that a program says it has, without a leading `v`.
pub(super) async fn ask(program: &Path, tool: Tool, limit: Duration) -> Result<String, NoVersion> {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let start = |error: io::Error| NoVersion::Start(format!("it cannot be started: {error}"));
    let mut child = spawn(&mut command).await.map_err(start)?;
    let answer = async {
        let mut text = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MAX_ANSWER).read_to_end(&mut text).await?;
        }
        io::Result::Ok(String::from_utf8_lossy(&text).into_owned())
    };
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(text)) => version_in(&text, tool).ok_or_else(|| NoVersion::Answer(odd(&text))),
        Ok(Err(error)) => Err(NoVersion::Answer(format!("--version cannot be read: {error}"))),
        Err(_) => Err(NoVersion::Answer(format!("no answer to --version in {} s", limit.as_secs()))),
    }
}

/// Starts a program that may have been written a moment ago.
///
/// Another thread that forks while the file is still open for writing passes that descriptor on until its child
/// execs; for those milliseconds the program counts as busy. There is no event to wait for, so it is tried again.
pub(super) async fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut pause = Duration::from_millis(1);
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && pause < Duration::from_secs(1) =>
            {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            spawned => return spawned,
        }
    }
}

fn version_in(text: &str, tool: Tool) -> Option<String> {
    let (_, rest) = text.split_once(tool.spec().answer)?;
    let word = rest.split_whitespace().next()?;
    Some(word.strip_prefix('v').unwrap_or(word).to_owned())
}

fn odd(text: &str) -> String {
    match text.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => format!("--version answers {:?}", line.chars().take(80).collect::<String>()),
        None => "--version answers nothing".to_owned(),
    }
}

/// The programs of a name on a search path, in its order. Relative entries do not count: what they name depends on
/// the folder one happens to be in.
pub(super) fn on_path(name: &str, path: &OsStr) -> Vec<PathBuf> {
    let folders = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).filter(|file| is_program(file).is_ok()).collect()
}

/// Whether a file can be started, and if not why.
pub(super) fn is_program(path: &Path) -> Result<(), String> {
    let metadata = path.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(format!("it is not executable (chmod +x {})", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_the_tools_print() {
        for (tool, text) in [
            (Tool::Kwokctl, "kwokctl version v0.8.0 go1.26.8 (linux/amd64)\n"),
            (Tool::Kwok, "kwok version v0.8.0 go1.26.8 (linux/amd64)\n"),
            (Tool::Etcd, "etcd Version: 3.6.16\nGit SHA: Not provided\nGo Version: go1.26.8\n"),
            (Tool::KubeApiserver, "Kubernetes v1.36.3\n"),
            (Tool::KubeControllerManager, "Kubernetes v1.36.3\n"),
            (Tool::KubeScheduler, "Kubernetes v1.36.3\n"),
            (Tool::Kind, "kind version 0.33.0\n"),
        ] {
            assert_eq!(version_in(text, tool).as_deref(), Some(tool.version()), "{text}");
        }
    }

    #[test]
    fn a_vendor_build_is_another_version() {
        let version = version_in("Kubernetes v1.36.3-eks-1\n", Tool::KubeApiserver);
        assert_eq!(version.as_deref(), Some("1.36.3-eks-1"));
        assert_eq!(version_in("usage: kind", Tool::Kind), None);
    }
}
