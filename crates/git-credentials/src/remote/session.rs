//! git in a temporary bare repository, with what it needs to reach one remote: and nothing else.

use std::ffi::OsString;
use std::path::PathBuf;

use manifests::config::Author;
use manifests::webhooks::is_this_machine;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::address::Scheme;
use super::classify::{Rejection, classify, push_words, rejection};
use super::refs::Refs;
use super::target::Target;
use super::{RemoteError, Trust};
use crate::Credentials;
use crate::agent::{Agent, AgentError};
use crate::git::{self, Output, RunError};
use crate::http::Authorization;
use crate::repository::plumbing::Repository;

/// Name of the temporary repository in the temporary folder.
const COPY: &str = "copy.git";
const KNOWN_HOSTS: &str = "known_hosts";
const CA: &str = "ca.pem";
/// Where a fetched branch is kept.
pub(crate) const TIP: &str = "refs/gitops-setup/tip";

/// A temporary copy of a remote repository. Its folder is private, holds only public things, and goes on drop;
/// so does the agent that holds the private key.
pub(crate) struct Session<'a> {
    target: &'a Target<'a>,
    environment: Vec<(OsString, OsString)>,
    who: Option<Authorization>,
    // Before the folder, which its socket is in.
    _agent: Option<Agent>,
    folder: TempDir,
}

/// How a push ended.
#[derive(Debug)]
pub(crate) enum Push {
    Done,
    /// The branch has moved.
    Behind,
    /// The branch is protected, in the host's words.
    Protected(String),
}

impl<'a> Session<'a> {
    /// Makes the copy, empty as yet. `url` is where the repository is reached, which may be the configured address
    /// with `.git` behind it.
    pub(crate) async fn open(
        target: &'a Target<'a>,
        url: &str,
        who: Option<&Authorization>,
    ) -> Result<Self, RemoteError> {
        let folder = tempfile::Builder::new().prefix("gitops-setup-").tempdir()?;
        let mut environment = git::environment();
        environment.extend(git::configuration(&configuration(target, url, who)));
        environment.extend(trust(&target.remote.trust, &folder)?);
        let mut session = Self { target, environment, who: who.cloned(), _agent: None, folder };
        session.check_version().await?;
        session.init().await?;
        if target.address.scheme == Scheme::Ssh {
            session.prepare_ssh().await?;
        }
        Ok(session)
    }

    async fn check_version(&self) -> Result<(), RemoteError> {
        let output = self.run(&["version"]).await?;
        let found = output.stdout.trim();
        match git::is_too_old(found) {
            true => Err(RemoteError::GitTooOld { found: found.to_owned() }),
            false => Ok(()),
        }
    }

    async fn init(&self) -> Result<(), RemoteError> {
        let output = self.run(&["init", "--quiet", "--bare", "--template=", COPY]).await?;
        match output.success {
            true => Ok(()),
            false => Err(classify(self.target, &output.stderr)),
        }
    }

    async fn prepare_ssh(&mut self) -> Result<(), RemoteError> {
        let folder = self.folder.path().to_owned();
        let target = self.target;
        if let Credentials::Ssh(key) = &target.remote.credentials {
            let agent = Agent::start(&folder, key.unencrypted(), target.deadline).await;
            self._agent = Some(agent.map_err(|error| of_agent(target, error))?);
            self.environment.push(Agent::environment());
        }
        std::fs::write(folder.join(KNOWN_HOSTS), &target.remote.trust.known_hosts)?;
        self.environment.push(("GIT_SSH_VARIANT".into(), "ssh".into()));
        self.environment.push(("GIT_SSH_COMMAND".into(), ssh_command(target).into()));
        Ok(())
    }

    /// The branches of the remote.
    pub(crate) async fn refs(&self) -> Result<Refs, RemoteError> {
        let output = self.copy(&["ls-remote", "--symref", "origin", "HEAD", "refs/heads/*"]).await?;
        match output.success {
            true => Ok(Refs::listed(&output.stdout)),
            false => Err(classify(self.target, &output.stderr)),
        }
    }

    /// Fetches the last commit of a branch with its trees, without the files, to [`TIP`].
    pub(crate) async fn fetch(&self, branch: &str) -> Result<(), RemoteError> {
        let what = format!("+refs/heads/{branch}:{TIP}");
        let words = ["fetch", "--quiet", "--depth=1", "--filter=blob:none", "--no-tags", "origin", &what];
        let output = self.copy(&words).await?;
        match output.success {
            true => Ok(()),
            false => Err(classify(self.target, &output.stderr)),
        }
    }

    /// Pushes a commit to a branch, or only asks whether that may be.
    pub(crate) async fn push(&self, commit: &str, branch: &str, dry: bool) -> Result<Push, RemoteError> {
        let what = format!("{commit}:refs/heads/{branch}");
        let mut words = vec!["push", "--porcelain", "--no-verify", "--no-signed"];
        if dry {
            words.push("--dry-run");
        }
        words.extend(["origin", &what]);
        let output = self.copy(&words).await?;
        if output.success {
            return Ok(Push::Done);
        }
        let said = push_words(&output.stdout, &output.stderr);
        match rejection(&format!("{}\n{}", output.stdout, output.stderr)) {
            Rejection::Behind => Ok(Push::Behind),
            Rejection::Protected => Ok(Push::Protected(said)),
            Rejection::InTheWay(other) => Err(self.target.in_the_way(branch, &other)),
            Rejection::Rule => Err(self.target.rejected(branch, said)),
            Rejection::Other => Err(classify(self.target, &output.stderr)),
        }
    }

    /// The copy, for what is done without the network, by somebody who commits.
    pub(crate) fn repository(&self, author: &Author) -> Result<Repository, RemoteError> {
        let path = self.folder.path().join(COPY);
        Repository::at(&path).map(|copy| copy.by(author)).map_err(|source| self.of_copy(source))
    }

    /// What failed in the copy, as an error of the remote.
    pub(crate) fn of_copy(&self, source: crate::repository::RepositoryError) -> RemoteError {
        use crate::repository::RepositoryError;
        let url = self.target.remote.url.clone();
        match source {
            RepositoryError::NoGit => RemoteError::NoGit,
            RepositoryError::NotAFolder { name, .. } => RemoteError::NotAFolder { url, name },
            source => RemoteError::Copy { url, source },
        }
    }

    async fn copy(&self, words: &[&str]) -> Result<Output, RemoteError> {
        // Named, so that git looks for no other around the temporary folder.
        let words: Vec<&str> = ["--git-dir", COPY].iter().chain(words).copied().collect();
        self.run(&words).await
    }

    async fn run(&self, words: &[&str]) -> Result<Output, RemoteError> {
        let mut command = git::program("git", self.folder.path(), &self.environment);
        command.args(words);
        let output = git::run(command, None, self.target.deadline).await.map_err(|error| match error {
            RunError::Missing => RemoteError::NoGit,
            RunError::TimedOut => self.target.timed_out("git was waiting for it"),
            RunError::Io(error) => RemoteError::Folder(error),
        })?;
        let stderr = self.who.as_ref().map_or(output.stderr.clone(), |who| who.hidden_in(&output.stderr));
        Ok(Output { stderr, ..output })
    }
}

/// git's configuration: the address, the credentials, and no surprises.
fn configuration(target: &Target<'_>, url: &str, who: Option<&Authorization>) -> Vec<(String, String)> {
    let seconds = (target.deadline.left().as_secs() + 1).to_string();
    let mut values: Vec<(String, String)> = [
        ("remote.origin.url", url),
        ("core.hooksPath", "/dev/null"),
        ("credential.helper", ""),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        // Credentials go to this address and no other.
        ("http.followRedirects", "false"),
        ("http.lowSpeedLimit", "1"),
        ("http.lowSpeedTime", &seconds),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    if is_this_machine(&target.address.host) {
        values.push(("http.proxy".to_owned(), String::new()));
    }
    if let Some(who) = who {
        let header = format!("Authorization: {}", who.header().expose_secret());
        values.push((format!("http.{}.extraHeader", target.address.origin), header));
    }
    values
}

/// What git is told of certificates. Not verifying has a variable of its own that outranks configuration.
fn trust(trust: &Trust, folder: &TempDir) -> Result<Vec<(OsString, OsString)>, RemoteError> {
    let mut environment = Vec::new();
    if let Some(pem) = &trust.ca {
        let path: PathBuf = folder.path().join(CA);
        std::fs::write(&path, pem)?;
        environment.push(("GIT_SSL_CAINFO".into(), path.into()));
    }
    if trust.insecure {
        environment.push(("GIT_SSL_NO_VERIFY".into(), "1".into()));
    }
    Ok(environment)
}

/// ssh without anybody's configuration and keys. The known hosts are named relative to the folder that git runs
/// in, so that no path has to be quoted.
fn ssh_command(target: &Target<'_>) -> String {
    let (checking, known) = match target.remote.trust.insecure {
        true => ("no", "/dev/null"),
        false => ("yes", KNOWN_HOSTS),
    };
    let agent = match target.remote.credentials {
        Credentials::Ssh(_) => "SSH_AUTH_SOCK",
        _ => "none",
    };
    let seconds = target.deadline.left().as_secs() + 1;
    let options = [
        "BatchMode=yes".to_owned(),
        "PreferredAuthentications=publickey".to_owned(),
        "IdentityFile=none".to_owned(),
        format!("IdentityAgent={agent}"),
        format!("StrictHostKeyChecking={checking}"),
        format!("UserKnownHostsFile={known}"),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        "UpdateHostKeys=no".to_owned(),
        "CheckHostIP=no".to_owned(),
        "ControlPath=none".to_owned(),
        "ForwardAgent=no".to_owned(),
        "LogLevel=ERROR".to_owned(),
        format!("ConnectTimeout={seconds}"),
        "ServerAliveInterval=15".to_owned(),
    ];
    options.iter().fold("ssh -F none".to_owned(), |command, option| format!("{command} -o {option}"))
}

fn of_agent(target: &Target<'_>, error: AgentError) -> RemoteError {
    match error {
        AgentError::NoProgram(program) => RemoteError::NoSsh { program },
        AgentError::TimedOut => target.timed_out("starting ssh-agent"),
        AgentError::Key(why) => RemoteError::Key { why },
        AgentError::Start(why) => RemoteError::Folder(std::io::Error::other(why)),
    }
}
