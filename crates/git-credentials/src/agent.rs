//! A private ssh-agent: the only place besides our own memory that ever holds the private key.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin};

use crate::bounded::Deadline;
use crate::git::{self, RunError};

/// Name of the socket in the agent's folder. Short, because the address of a socket is.
const SOCKET: &str = "agent";

/// Why the key can't be used.
#[derive(Debug)]
pub(crate) enum AgentError {
    /// A program is missing.
    NoProgram(&'static str),
    /// It took too long.
    TimedOut,
    /// The agent does not take the key.
    Key(String),
    /// The agent does not start.
    Start(String),
}

/// An agent that holds one key until it is dropped.
///
/// It is given a command, `cat` on a pipe from us, and ends soon after the command does: nothing of it stays
/// behind where this process is killed. Dropped in good order, it ends at once.
#[derive(Debug)]
pub(crate) struct Agent {
    process: Option<Pid>,
    _command: Child,
    _pipe: Option<ChildStdin>,
}

impl Agent {
    /// Starts one in `folder`, which must be private, with a key that has no passphrase.
    pub(crate) async fn start(
        folder: &Path,
        key: &SecretString,
        deadline: Deadline,
    ) -> Result<Self, AgentError> {
        let lifetime = (deadline.left().as_secs() + 1).to_string();
        let mut command = git::program("ssh-agent", folder, &git::environment());
        command.args(["-a", SOCKET, "-t", &lifetime, "sh", "-c", "echo $SSH_AGENT_PID; exec cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.process_group(0).kill_on_drop(true);
        let mut child = git::spawn(&mut command).map_err(|error| of_run("ssh-agent", error))?;
        let pipe = child.stdin.take();
        // The agent listens before it starts its command, so the first line also says that it is ready.
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            let read = BufReader::new(stdout);
            let mut lines = read.lines();
            let first = tokio::time::timeout(deadline.left(), lines.next_line()).await;
            line = first.map_err(|_| AgentError::TimedOut)?.ok().flatten().unwrap_or_default();
        }
        let process = line.trim().parse().ok().and_then(Pid::from_raw);
        let agent = Self { process, _command: child, _pipe: pipe };
        if agent.process.is_none() {
            return Err(AgentError::Start("ssh-agent ended at once".into()));
        }
        agent.add(folder, key, deadline).await?;
        Ok(agent)
    }

    /// What programs that run in the agent's folder find it by. Relative to that: the address of a socket has no more
    /// than 107 bytes (103 on macOS), and temporary folders are at times longer.
    pub(crate) fn environment() -> (OsString, OsString) {
        ("SSH_AUTH_SOCK".into(), SOCKET.into())
    }

    async fn add(&self, folder: &Path, key: &SecretString, deadline: Deadline) -> Result<(), AgentError> {
        let mut environment = git::environment();
        environment.push(Self::environment());
        environment.push(("SSH_ASKPASS_REQUIRE".into(), "never".into()));
        let mut command = git::program("ssh-add", folder, &environment);
        command.args(["-q", "-"]);
        // OpenSSH takes a key whose last line doesn't end for damaged.
        let text = SecretString::from(format!("{}\n", key.expose_secret().trim_end()));
        let output =
            git::run(command, Some(&text), deadline).await.map_err(|error| of_run("ssh-add", error))?;
        match output.success {
            true => Ok(()),
            false => Err(AgentError::Key(crate::http::one_line(&output.stderr))),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(process) = self.process {
            // Its command still runs, and so does it, unless somebody else ended it.
            kill_process(process, Signal::TERM).ok();
        }
    }
}

fn of_run(program: &'static str, error: RunError) -> AgentError {
    match error {
        RunError::Missing => AgentError::NoProgram(program),
        RunError::TimedOut => AgentError::TimedOut,
        RunError::Io(error) => AgentError::Start(format!("{program}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;

    fn deadline() -> Deadline {
        Deadline::after(Duration::from_secs(60))
    }

    #[tokio::test]
    async fn an_agent_ends_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let key = crate::SshKey::generate("test").unwrap();
        let agent = match Agent::start(folder.path(), key.unencrypted(), deadline()).await {
            Err(AgentError::NoProgram(_)) => return,
            agent => agent.unwrap(),
        };
        let mut connection = UnixStream::connect(folder.path().join(SOCKET)).unwrap();
        drop(agent);
        // Ends when the agent does; what kind of end it is makes no difference.
        assert_eq!(connection.read(&mut [0]).unwrap_or(0), 0);
    }

    #[tokio::test]
    async fn the_agent_is_found_in_a_folder_with_a_long_name() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("long".repeat(30));
        std::fs::create_dir(&folder).unwrap();
        let key = crate::SshKey::generate("test").unwrap();
        let _agent = match Agent::start(&folder, key.unencrypted(), deadline()).await {
            Err(AgentError::NoProgram(_)) => return,
            agent => agent.unwrap(),
        };
        let mut environment = git::environment();
        environment.push(Agent::environment());
        let mut list = git::program("ssh-add", &folder, &environment);
        list.arg("-l");
        let listed = git::run(list, None, deadline()).await.unwrap();
        assert!(listed.stdout.contains(&key.fingerprint().unwrap()), "{}", listed.stderr);
    }

    #[tokio::test]
    async fn a_key_that_ssh_can_not_read_is_told_without_its_text() {
        let folder = tempfile::tempdir().unwrap();
        match Agent::start(folder.path(), &"hush".into(), deadline()).await {
            Err(AgentError::NoProgram(_)) => {}
            Err(AgentError::Key(why)) => assert!(!why.contains("hush") && !why.is_empty(), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}
