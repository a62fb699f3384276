//! `repository check|init`: the GitOps repository, without a cluster.

use std::process::ExitCode;

use git_credentials::hosts::{Created, Host};
use git_credentials::remote::Remote;
use git_credentials::repository::{self, Pushed};
use manifests::config::GitProvider;
use manifests::environment;
use stages::{Inputs, Observed};

use super::block_on;
use crate::args::{Global, Repository};
use crate::failure::Failure;
use crate::session::{Session, blocking};
use crate::{apply, git};

pub(crate) fn run(global: &Global, what: Repository) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    if session.config.git.url.is_empty() {
        return Err(Failure::Usage("`git.url` is not set\n  write a configuration: cargo xtask init".into()));
    }
    block_on(async {
        match what {
            Repository::Check { write, patience } => {
                session.report.set_timeout(patience.timeout);
                check(&session, write).await
            }
            Repository::Init { create, public, host, patience } => {
                session.report.set_timeout(patience.timeout);
                if create {
                    self::create(&session, host, !public).await?;
                }
                init(&session).await
            }
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn check(session: &Session, write: bool) -> Result<(), Failure> {
    let config = &session.config;
    let state = match git::remote(session, config.git.auth.as_ref()).await? {
        None => git::look(session).await?.unwrap_or_default(),
        Some(_) if git::client_certificate(config).is_some() => {
            session.report.paragraph("not verified: the client certificate is given to Argo CD only");
            return Ok(());
        }
        Some(remote) => {
            let url = remote.url.clone();
            let state = git::look_at(session, remote, write).await?;
            let accepted = if config.git.auth.is_some() { ", credentials accepted" } else { "" };
            session.report.paragraph(&format!("{url}: reached{accepted}"));
            if state.writable == Some(true) {
                session.report.paragraph("write access: yes");
            }
            state
        }
    };
    if let Some(branch) = &state.branch {
        session.report.paragraph(&format!("branch {branch}"));
    }
    // The very plan of the stage: what it would make here, or why it can't be used as it is.
    let stage = session.stages.find("git-repository")?;
    let inputs = Inputs { config: config.clone(), ..Inputs::default() };
    let observed = Observed { repository: Some(state), ..Observed::default() };
    let plan = (stage.plan)(&inputs, &observed)?;
    let folders = environment::folders(config);
    if !plan.actions.is_empty() {
        return Err(Failure::Precondition(format!(
            "{}: folders are missing\n  add them: cargo xtask repository init",
            config.git.repo_url()
        )));
    }
    if !folders.is_empty() {
        session.report.paragraph(&format!("a folder for every environment: {}", folders.join(", ")));
    }
    Ok(())
}

async fn create(session: &Session, host: Option<GitProvider>, private: bool) -> Result<(), Failure> {
    let remote = remote(session).await?;
    let host = Host::detect(&remote.url, host)?;
    let created = host.create(&remote.credentials, private, &remote.trust, remote.timeout).await?;
    session.report.paragraph(&match created {
        Created::New => format!("{} is made at {}", remote.url, host.kind().name()),
        Created::AlreadyThere => format!("{} is there already", remote.url),
    });
    Ok(())
}

/// The repository, which has to be at a Git host.
async fn remote(session: &Session) -> Result<Remote, Failure> {
    let git = &session.config.git;
    git::remote(session, git.auth.as_ref()).await?.ok_or_else(|| {
        Failure::Usage("`git.url` is a path on this machine, where no Git host makes repositories".into())
    })
}

async fn init(session: &Session) -> Result<(), Failure> {
    let git = session.config.git.clone();
    let folders = environment::folders(&session.config);
    let Some(remote) = git::remote(session, git.auth.as_ref()).await? else {
        let path = repository::local_path(&git.repo_url()).unwrap_or_default();
        blocking(move || apply::init_repository(&path, &git, &folders)).await?;
        session
            .report
            .paragraph(&format!("{}: a folder for every environment", session.config.git.repo_url()));
        return Ok(());
    };
    let author = git.author.unwrap_or_default();
    let pushed = repository::init_remote(&remote, &author, &folders).await?;
    session.report.paragraph(
        &match pushed {
            Pushed::Nothing => format!("{}: nothing is missing", remote.url),
            Pushed::Commit { branch, commit } => {
                format!("{}: pushed {} to {branch}", remote.url, short(&commit))
            }
            Pushed::Branch { branch, into, commit, said } => format!(
                "{}: the branch {into} is protected ({said}); pushed {} to {branch} instead. Open a pull request from \
             {branch} to {into}, and run setup once it is merged",
                remote.url,
                short(&commit)
            ),
        },
    );
    Ok(())
}

fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}
