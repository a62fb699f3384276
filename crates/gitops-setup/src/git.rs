//! The Git repository as the configuration describes it: credentials, whom to trust, and what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use git_credentials::known_hosts::{self, KnownHosts};
use git_credentials::remote::{self, Remote, RemoteError, Trust};
use git_credentials::{Credentials, repository, secret};
use manifests::config::{ClientCertificate, Config, GitAuth, SecretRef, Transport};
use secrecy::ExposeSecret;
use stages::observed::RepositoryState;

use crate::failure::Failure;
use crate::session::{Session, blocking};

/// Longest wait for a Git host.
const PATIENCE: Duration = Duration::from_secs(30);
/// Port of SSH where the address names none.
const SSH_PORT: u16 = 22;

/// The credentials of `auth`, looked up and checked.
pub(crate) async fn credentials(session: &Session, auth: Option<&GitAuth>) -> Result<Credentials, Failure> {
    let mut values = BTreeMap::new();
    for reference in auth.map(GitAuth::secrets).unwrap_or_default() {
        values.insert(reference.clone(), session.secret(reference).await?);
    }
    let auth = auth.cloned();
    // What opens a key is slow on purpose.
    blocking(move || {
        if let Some(GitAuth::Ssh { private_key, .. } | GitAuth::GithubApp { private_key, .. }) = &auth {
            secret::check_key_file(private_key)?;
        }
        Ok(Credentials::new(auth.as_ref(), &|reference: &SecretRef| values.get(reference).cloned())?)
    })
    .await
}

/// Looks up and checks every credential that the configuration names, before anything is made for it.
pub(crate) async fn check_credentials(session: &Session) -> Result<(), Failure> {
    let config = &session.config;
    credentials(session, config.git.auth.as_ref()).await?;
    if let Some(certificate) = client_certificate(config) {
        check_client_certificate(session, certificate).await?;
    }
    if let Some(seldon) = &config.seldon {
        credentials(session, seldon.auth.as_ref()).await?;
    }
    Ok(())
}

pub(crate) fn client_certificate(config: &Config) -> Option<&ClientCertificate> {
    config.git.repository.as_ref()?.client_certificate.as_ref()
}

async fn check_client_certificate(session: &Session, given: &ClientCertificate) -> Result<(), Failure> {
    secret::check_key_file(&given.key)?;
    for (reference, begin, what) in [
        (&given.certificate, "-----BEGIN CERTIFICATE-----", "certificate"),
        (&given.key, "PRIVATE KEY-----", "private key"),
    ] {
        if !session.secret(reference).await?.expose_secret().contains(begin) {
            return Err(Failure::Usage(format!(
                "the {reference} holds no {what} in PEM form\n  correct `git.repository.clientCertificate`"
            )));
        }
    }
    Ok(())
}

/// Whom to trust at the other end.
pub(crate) fn trust(config: &Config) -> Result<Trust, Failure> {
    let git = &config.git;
    let ca = git.ca_certificate.as_deref().map(certificates).transpose()?;
    Ok(Trust { known_hosts: host_keys(config)?, ca, insecure: git.insecure })
}

fn certificates(path: &Path) -> Result<String, Failure> {
    let text = read(path, "save the certificate of the Git host's authority there")?;
    if text.contains("-----BEGIN CERTIFICATE-----") {
        return Ok(text);
    }
    Err(Failure::Usage(format!(
        "{} holds no certificate in PEM form (BEGIN CERTIFICATE)\n  correct `git.caCertificate`",
        path.display()
    )))
}

/// The lines that vouch for the repository's host: of the files that are configured, else those that the large Git
/// hosts publish.
fn host_keys(config: &Config) -> Result<String, Failure> {
    let (Ok(Transport::Ssh), Some((host, port))) = (config.git.transport(), config.git.host()) else {
        return Ok(String::new());
    };
    let seldon = config.seldon.as_ref().and_then(|seldon| seldon.auth.as_ref());
    let files: BTreeSet<&PathBuf> =
        config.git.auth.iter().chain(seldon).filter_map(GitAuth::known_hosts).collect();
    let next = format!("make it: cargo xtask credentials trust {host}");
    let texts = files.iter().map(|path| read(path, &next)).collect::<Result<Vec<String>, Failure>>()?;
    let text = if files.is_empty() { known_hosts::published() } else { texts.join("\n") };
    Ok(KnownHosts::parse(&text).lines_for(&host, port.unwrap_or(SSH_PORT)))
}

fn read(path: &Path, next: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Precondition(format!("{}: {error}\n  {next}", path.display())))
}

/// The repository, with the credentials of `auth`; `None` where it is on this machine.
pub(crate) async fn remote(session: &Session, auth: Option<&GitAuth>) -> Result<Option<Remote>, Failure> {
    let git = &session.config.git;
    if !git.is_remote() {
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
    let auth = git.auth.iter().chain(session.config.seldon.iter().filter_map(|seldon| seldon.auth.as_ref()));
    let hidden = auth.flat_map(GitAuth::secrets).any(|secret| !session.may_look_up(secret));
    if session.tools.offline || hidden || client_certificate(&session.config).is_some() {
        return Ok(None);
    }
    // A run changes nothing in a remote repository, so it is looked at once.
    session.repository.get_or_try_init(|| look_at_remote(session)).await.cloned()
}

async fn look_at_remote(session: &Session) -> Result<Option<RepositoryState>, Failure> {
    let config = &session.config;
    let Some(remote) = remote(session, config.git.auth.as_ref()).await? else { return Ok(None) };
    look_at(session, remote, false).await.map(Some)
}

/// Looks at a repository at a Git host. Who pushes has to be allowed to: Seldon Enterprise Platform, with its own
/// credentials or the common ones, and whoever else asks for it by `write`.
pub(crate) async fn look_at(
    session: &Session,
    remote: Remote,
    write: bool,
) -> Result<RepositoryState, Failure> {
    let config = &session.config;
    let own = config.seldon.as_ref().and_then(|seldon| seldon.auth.as_ref());
    let shared = config.seldon.is_some() && own.is_none() && config.git.auth.is_some();
    let seen = remote::look(&remote, write || shared).await?;
    let mut writable = seen.writable;
    if let Some(own) = own {
        let remote = Remote { credentials: credentials(session, Some(own)).await?, ..remote };
        writable = remote::look(&remote, true).await.map_err(of_seldon)?.writable;
    }
    Ok(RepositoryState {
        exists: true,
        branch: seen.branch,
        folders: seen.folders,
        empty_folders: seen.empty_folders,
        writable,
    })
}

/// The same failure, with whose credentials they are.
fn of_seldon(error: RemoteError) -> Failure {
    match Failure::from(error) {
        Failure::Refused(text) => Failure::Refused(format!("with `seldon.auth`: {text}")),
        other => other,
    }
}
