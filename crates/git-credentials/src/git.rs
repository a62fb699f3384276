//! Running git: with an environment of its own, and with an end.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::bounded::Deadline;

/// What a program is given of our environment. Everything else stays behind: a `GIT_DIR` of the hook that runs us
/// would send git elsewhere, an askpass program would ask, a trace would write tokens down.
const PASSED: [&str; 16] = [
    "PATH",
    "TMPDIR",
    "TZ",
    "LD_LIBRARY_PATH",
    "DEVELOPER_DIR",
    "CURL_CA_BUNDLE",
    "NIX_SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];

/// What is the same for every run: messages in English, no questions, and nobody's configuration. The home folder
/// is none, because libcurl would look for a `.netrc` in it.
const FIXED: [(&str, &str); 8] = [
    ("LC_ALL", "C"),
    ("HOME", "/dev/null"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ALLOW_PROTOCOL", "file:http:https:ssh"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
];

/// The first git that takes configuration from `GIT_CONFIG_COUNT`. Older ones would ask without credentials.
const OLDEST: (u32, u32) = (2, 31);

/// Whether `git version` tells of one that can't be used. What is not understood is taken for new.
pub(crate) fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split([' ', '.']).filter_map(|part| part.parse::<u32>().ok());
    numbers.next().zip(numbers.next()).is_some_and(|version| version < OLDEST)
}

/// The whole environment of a program that is started here.
pub(crate) fn environment() -> Vec<(OsString, OsString)> {
    let passed = PASSED.iter().filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
    passed.chain(FIXED.iter().map(|(name, value)| (name.into(), value.into()))).collect()
}

/// Configuration for git by its environment, where no other process sees it and nothing stays behind.
pub(crate) fn configuration(values: &[(String, String)]) -> Vec<(OsString, OsString)> {
    let count = ("GIT_CONFIG_COUNT".into(), values.len().to_string().into());
    let pairs = values.iter().enumerate().flat_map(|(index, (key, value))| {
        [
            (format!("GIT_CONFIG_KEY_{index}").into(), key.into()),
            (format!("GIT_CONFIG_VALUE_{index}").into(), value.into()),
        ]
    });
    std::iter::once(count).chain(pairs).collect()
}

/// A program in `folder`, with this environment and no other.
pub(crate) fn program(name: &str, folder: &Path, environment: &[(OsString, OsString)]) -> Command {
    let mut command = Command::new(name);
    command.current_dir(folder).env_clear().envs(environment.iter().cloned());
    command
}

/// Why a program gave nothing.
#[derive(Debug)]
pub(crate) enum RunError {
    /// There is no such program.
    Missing,
    /// It was not done in time, and is gone now.
    TimedOut,
    /// The system said no.
    Io(std::io::Error),
}

/// What a program said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program to its end or to the deadline, and gives it `input`. It is in a process group of its own, so that
/// whatever it started (ssh, git-remote-https) ends with it, also where the caller stops waiting.
pub(crate) async fn run(
    mut command: Command,
    input: Option<&SecretString>,
    deadline: Deadline,
) -> Result<Output, RunError> {
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
    let child = spawn(&mut command)?;
    let id = child.id();
    let mut work = std::pin::pin!(finish(child, input));
    // Dropped before `work`: as long as the leader isn't waited for, its number is nobody else's.
    let group = Group::of(id);
    let done = tokio::time::timeout(deadline.left(), work.as_mut()).await;
    let output = done.map_err(|_| RunError::TimedOut)?;
    group.ended();
    let output = output.map_err(RunError::Io)?;
    Ok(Output {
        success: output.status.success(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Starts a program, and tells where there is none.
pub(crate) fn spawn(command: &mut Command) -> Result<Child, RunError> {
    command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => RunError::Missing,
        _ => RunError::Io(error),
    })
}

async fn finish(mut child: Child, input: Option<&SecretString>) -> std::io::Result<std::process::Output> {
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // A program that ends without reading says why on its standard error.
        stdin.write_all(input.expose_secret().as_bytes()).await.ok();
    }
    child.wait_with_output().await
}

/// A process group that ends when this is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: Option<u32>) -> Self {
        Self(leader.and_then(|id| Pid::from_raw(id.try_into().ok()?)))
    }

    /// It ended by itself.
    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It may have ended just now.
            kill_process_group(leader, Signal::KILL).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = program("sh", Path::new("/"), &environment());
        command.args(["-c", script]);
        command
    }

    #[test]
    fn versions_are_read() {
        for (version, too_old) in [
            ("git version 2.25.1", true),
            ("git version 2.30.9", true),
            ("git version 2.31.0", false),
            ("git version 2.39.5 (Apple Git-154)", false),
            ("git version 3.0.0-rc1", false),
            ("something else", false),
        ] {
            assert_eq!(is_too_old(version), too_old, "{version}");
        }
    }

    #[tokio::test]
    async fn children_of_a_program_end_with_it() {
        // The grandchild holds the pipe's other side; reading ends when it does.
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = shell("sleep 1000 & wait");
        command.stdin(Stdio::null()).stdout(writer).process_group(0);
        let child = spawn(&mut command).unwrap();
        drop(command);
        drop(Group::of(child.id()));
        assert_eq!(std::io::Read::read(&mut reader, &mut [0]).unwrap(), 0);
    }

    #[tokio::test]
    async fn a_program_is_bounded_and_what_it_says_is_kept() {
        let short = Deadline::after(Duration::from_millis(100));
        assert!(matches!(run(shell("sleep 1000"), None, short).await, Err(RunError::TimedOut)));
        let long = Deadline::after(Duration::from_secs(60));
        let output = run(shell("cat; echo no >&2; exit 3"), Some(&"hush".into()), long).await.unwrap();
        assert_eq!((output.success, output.stdout.as_str(), output.stderr.as_str()), (false, "hush", "no\n"));
        let missing = program("gitops-setup-no-such-program", Path::new("/"), &environment());
        assert!(matches!(run(missing, None, long).await, Err(RunError::Missing)));
    }
}
