//! The Git repository as the configuration describes it: credentials, whom to trust, and what is in it.

use std::path::Path;
use std::time::Duration;

use git_credentials::known_hosts::{self, KnownHosts};
use git_credentials::remote::{self, Remote, RemoteError, Trust};
use git_credentials::{Credentials, repository, secret};
use manifests::config::{Git, GitAuth, SecretRef, Transport};
use stages::observed::RepositoryState;

use crate::failure::Failure;
use crate::session::{Session, blocking};

/// Longest wait for a Git host.
const PATIENCE: Duration = Duration::from_secs(30);
/// Port of SSH where the address names none.
const SSH_PORT: u16 = 22;

/// The credentials of `auth`, looked up and checked.
pub(crate) async fn credentials(session: &Session, auth: Option<&GitAuth>) -> Result<Credentials, Failure> {
    for reference in auth.map(GitAuth::secrets).unwrap_or_default() {
        session.secret(reference).await?;
    }
    if let Some(GitAuth::Ssh { private_key, .. } | GitAuth::GithubApp { private_key, .. }) = auth {
        secret::check_key_file(private_key)?;
    }
    Ok(Credentials::new(auth, &|reference: &SecretRef| session.known_secret(reference))?)
}

/// Looks up and checks every credential that the configuration names, before anything is made for it.
pub(crate) async fn check_credentials(session: &Session) -> Result<(), Failure> {
    let config = &session.config;
    credentials(session, config.git.auth.as_ref()).await?;
    if let Some(certificate) = config.git.repository.as_ref().and_then(|it| it.client_certificate.as_ref()) {
        session.secret(&certificate.certificate).await?;
        session.secret(&certificate.key).await?;
    }
    if let Some(seldon) = &config.seldon {
        credentials(session, seldon.auth.as_ref()).await?;
    }
    Ok(())
}

/// Whom to trust at the other end.
pub(crate) fn trust(config: &manifests::config::Config) -> Result<Trust, Failure> {
    let git = &config.git;
    Ok(Trust {
        known_hosts: host_keys(git, config.seldon.as_ref().and_then(|seldon| seldon.auth.as_ref()))?,
        ca: git.ca_certificate.as_deref().map(read).transpose()?,
        insecure: git.insecure,
    })
}

/// The lines that vouch for the repository's host: of the file that is configured, else those that the large Git
/// hosts publish.
fn host_keys(git: &Git, seldon: Option<&GitAuth>) -> Result<String, Failure> {
    let (Ok(Transport::Ssh), Some((host, port))) = (git.transport(), git.host()) else {
        return Ok(String::new());
    };
    let file = git.auth.iter().chain(seldon).find_map(GitAuth::known_hosts);
    let text = match file {
        Some(path) => read(path)?,
        None => known_hosts::published(),
    };
    Ok(KnownHosts::parse(&text).lines_for(&host, port.unwrap_or(SSH_PORT)))
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Precondition(format!("{}: {error}", path.display())))
}

/// The repository, with the credentials of `auth`; `None` where it is on this machine.
pub(crate) async fn remote(session: &Session, auth: Option<&GitAuth>) -> Result<Option<Remote>, Failure> {
    let git = &session.config.git;
    if git.url.is_empty() || git.transport() == Ok(Transport::File) {
        return Ok(None);
    }
    Ok(Some(Remote {
        url: git.repo_url(),
        branch: git.branch.clone(),
        credentials: credentials(session, auth).await?,
        trust: trust(&session.config)?,
        timeout: PATIENCE.min(session.report.timeout()),
    }))
}

/// What is in the repository; `None` where it is not looked at.
pub(crate) async fn look(session: &Session) -> Result<Option<RepositoryState>, Failure> {
    let git = &session.config.git;
    if let Some(path) = repository::local_path(&git.repo_url()) {
        let branch = git.branch.clone();
        let folders = blocking(move || Ok(repository::folders(&path, branch.as_deref())?)).await?;
        return Ok(Some(RepositoryState {
            exists: folders.is_some(),
            folders: folders.unwrap_or_default(),
            ..RepositoryState::default()
        }));
    }
    if session.tools.offline {
        return Ok(None);
    }
    // A run changes nothing in a remote repository, so it is looked at once.
    session.repository.get_or_try_init(|| look_at_remote(session)).await.cloned()
}

async fn look_at_remote(session: &Session) -> Result<Option<RepositoryState>, Failure> {
    let config = &session.config;
    let Some(remote) = remote(session, config.git.auth.as_ref()).await? else { return Ok(None) };
    let seldon = config.seldon.as_ref();
    let own = seldon.and_then(|seldon| seldon.auth.as_ref());
    let seen = remote::look(&remote, seldon.is_some() && own.is_none()).await?;
    let writable = match own {
        Some(own) => {
            let remote = Remote { credentials: credentials(session, Some(own)).await?, ..remote };
            remote::look(&remote, true).await.map_err(of_seldon)?.writable
        }
        None => seen.writable,
    };
    Ok(Some(RepositoryState {
        exists: true,
        branch: seen.branch,
        folders: seen.folders,
        empty_folders: seen.empty_folders,
        writable,
    }))
}

/// The same failure, with whose credentials they are.
fn of_seldon(error: RemoteError) -> Failure {
    match Failure::from(error) {
        Failure::Refused(text) => Failure::Refused(format!("with `seldon.auth`: {text}")),
        other => other,
    }
}
