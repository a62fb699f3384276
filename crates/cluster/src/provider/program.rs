//! Running a provider's program.

use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::error::ClusterError;
use crate::tools::{Event, Progress};

/// Lines of a program's output that an error carries.
const LAST_LINES: usize = 12;

/// Beginnings of the names of variables that providers' programs need. Others stay behind: the processes of a
/// cluster live long, and tokens of the shell that started them are none of theirs.
const PASSED: [&str; 14] = [
    "ALL_PROXY",
    "DOCKER_",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "KIND_",
    "KUBECONFIG",
    "LANG",
    "NO_PROXY",
    "PATH",
    "SSH_AUTH_SOCK",
    "TMPDIR",
    "USER",
    "XDG_",
];

/// A program with the part of our environment that it needs.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    let needed = |name: &str| PASSED.iter().any(|start| name.to_ascii_uppercase().starts_with(start));
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| needed(&name.to_string_lossy())));
    command
}

/// Runs a program to its end, off the async threads, and gives its standard output.
///
/// The program holds `lock` as its standard input and is in a process group of its own: where this process is
/// killed or interrupted in the middle, the program still ends its work, and the next run of ours waits for it.
pub(super) async fn run(command: Command, lock: &File, log: Option<PathBuf>) -> Result<String, ClusterError> {
    let program = words(&command);
    let output = finished(command, lock).await?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failed(program, &output, log))
}

/// The same, with however it ended.
pub(super) async fn finished(mut command: Command, lock: &File) -> Result<Output, ClusterError> {
    let program = words(&command);
    command.stdin(held(lock)?).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("running a program does not panic");
    output.map_err(|source| not_started(program, &source))
}

/// The same for a program that tells of its progress: it does so into the file `said`, as into a pipe the first word
/// after our death would be the end of it as well. It is ended where it takes longer than `limit`.
pub(super) async fn told(
    mut command: Command,
    lock: &File,
    said: &Path,
    limit: Duration,
) -> Result<Output, ClusterError> {
    let program = words(&command);
    let error = |source| ClusterError::File { path: said.to_owned(), source };
    let file = File::create(said).map_err(error)?;
    command.stdin(held(lock)?).stdout(Stdio::null()).stderr(file).process_group(0);
    let child = tokio::process::Command::from(command).spawn();
    let mut child = child.map_err(|source| not_started(program.clone(), &source))?;
    let Ok(ended) = tokio::time::timeout(limit, child.wait()).await else {
        let _ended_by_itself = child.kill().await;
        let text = std::fs::read_to_string(said).map_err(error)?;
        let state = text.lines().last().map(|line| line.trim().to_owned()).into_iter().collect();
        return Err(ClusterError::TimedOut { what: program, state, after: limit });
    };
    let status = ended.map_err(|source| not_started(program, &source))?;
    Ok(Output { status, stdout: Vec::new(), stderr: std::fs::read(said).map_err(error)? })
}

fn held(lock: &File) -> Result<Stdio, ClusterError> {
    let held = lock.try_clone().map_err(|source| ClusterError::File { path: "(lock)".into(), source })?;
    Ok(Stdio::from(held))
}

/// Runs a program that only looks, and ends it where it takes longer than `limit`.
pub(super) async fn bounded(mut command: Command, limit: Duration) -> Result<Output, ClusterError> {
    let program = words(&command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut command = tokio::process::Command::from(command);
    match tokio::time::timeout(limit, command.kill_on_drop(true).output()).await {
        Ok(output) => output.map_err(|source| not_started(program, &source)),
        Err(_) => Err(ClusterError::TimedOut { what: program, state: Vec::new(), after: limit }),
    }
}

fn not_started(program: String, source: &std::io::Error) -> ClusterError {
    ClusterError::Program { program, status: "not started".into(), message: source.to_string(), log: None }
}

/// The error of a program that ended badly.
pub(super) fn failed(program: String, output: &Output, log: Option<PathBuf>) -> ClusterError {
    let message = last_lines(&String::from_utf8_lossy(&output.stderr));
    ClusterError::Program { program, status: output.status.to_string(), message, log }
}

/// Program and subcommand, as an error names it.
pub(super) fn words(command: &Command) -> String {
    let name =
        Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let arguments =
        command.get_args().map(|word| word.to_string_lossy()).take_while(|word| !word.starts_with('-'));
    std::iter::once(name.into()).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(|line| format!("\n    {line}")).collect()
}

/// Takes the lock of a cluster, waiting for whoever holds it.
pub(super) async fn lock(folder: &Path, progress: &Progress) -> Result<File, ClusterError> {
    crate::dirs::create(folder)?;
    let path = folder.join("lock");
    let error = |source| ClusterError::File { path: path.clone(), source };
    let file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(error)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {}
        Err(std::fs::TryLockError::Error(source)) => return Err(error(source)),
    }
    progress.tell(Event::Waiting { what: "working on the same cluster".into(), lock: path.clone() });
    tokio::task::spawn_blocking(move || file.lock().map(|()| file))
        .await
        .expect("waiting for a lock does not panic")
        .map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_ended_and_the_lock_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = File::create(&path).unwrap();
        lock.lock().unwrap();
        let mut sleep = Command::new("sleep");
        sleep.arg("600");
        let ended = told(sleep, &lock, &folder.path().join("said"), Duration::from_millis(20)).await;
        assert!(matches!(ended, Err(ClusterError::TimedOut { .. })), "{ended:?}");
        drop(lock);
        // A program that another test starts just now has all files of this process until it is loaded.
        let again = File::open(&path).unwrap();
        let free = tokio::task::spawn_blocking(move || again.lock());
        tokio::time::timeout(Duration::from_secs(60), free).await.unwrap().unwrap().unwrap();
    }
}
