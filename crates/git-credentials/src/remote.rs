//! A repository at a Git host: whether it can be reached, read and written, and what is in it.

mod address;
mod category;
mod classify;
mod error;
mod https;
mod refs;
mod session;
mod ssh;
mod target;

use std::time::Duration;

use manifests::config::Author;

pub(crate) use address::Address;
pub use category::Category;
pub use error::RemoteError;
pub(crate) use https::app_token;
pub(crate) use refs::Refs;
pub(crate) use session::{Push, Session, TIP};
pub(crate) use target::Target;

use crate::Credentials;
use address::Scheme;

/// A repository at a Git host, and all that it takes to reach it.
pub struct Remote {
    /// Its address, with protocol, as `Git::repo_url` of the configuration gives it.
    pub url: String,
    /// The branch; by default the repository's own default branch.
    pub branch: Option<String>,
    /// What opens it.
    pub credentials: Credentials,
    /// By what the host proves who it is.
    pub trust: Trust,
    /// Time for everything that is asked of it at once.
    pub timeout: Duration,
}

/// By what a host proves who it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Known host keys, as the text of a known hosts file.
    pub known_hosts: String,
    /// Certificates (PEM) that are trusted instead of the system's, as Argo CD does with them.
    pub ca: Option<String>,
    /// Believes anybody.
    pub insecure: bool,
}

/// What is in a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteState {
    /// The configured branch, or the default one; `None` where the repository has no commit.
    pub branch: Option<String>,
    /// Folders at the top of the branch that hold something.
    pub folders: Vec<String>,
    /// Folders at the top of the branch that hold nothing.
    pub empty_folders: Vec<String>,
    /// `Some(true)` where writing was asked for and is allowed, `None` where it wasn't asked for. Where it isn't
    /// allowed, the error [`RemoteError::ReadOnly`] says why.
    pub writable: Option<bool>,
}

/// Looks at a repository: reaches it, proves who we are, reads its branches and the folders of one; with `write`,
/// asks also whether a push would be taken. Changes nothing there.
///
/// Fails with the one cause of [`RemoteError`] that keeps it from working, within `remote.timeout`.
pub async fn look(remote: &Remote, write: bool) -> Result<RemoteState, RemoteError> {
    let target = Target::new(remote, write);
    let Opened { session, refs, may_write } = open(&target).await?;
    let branch = refs.choose(&remote.url, remote.branch.as_deref())?;
    let mut state = RemoteState { branch: branch.clone(), ..RemoteState::default() };
    if let Some(branch) = &branch {
        session.fetch(branch).await?;
        let copy = session.repository(&Author::default())?;
        let tops = blocking(move || copy.folders(TIP)).await.map_err(|error| session.of_copy(error))?;
        (state.folders, state.empty_folders) = (tops.filled, tops.empty);
    }
    if write {
        if !may_write {
            try_to_push(&session, branch.is_some()).await?;
        }
        state.writable = Some(true);
    }
    Ok(state)
}

/// What git and ssh mean by what they wrote to standard error somewhere else, such as inside the cluster. What a host
/// repeats of the credentials is hidden.
pub fn explained(remote: &Remote, stderr: &str) -> RemoteError {
    let who = https::at_hand(&remote.credentials);
    let stderr = who.map_or_else(|| stderr.to_owned(), |who| who.hidden_in(stderr));
    classify::classify(&Target::new(remote, false), &stderr)
}

/// A repository that answered.
pub(crate) struct Opened<'a> {
    pub(crate) session: Session<'a>,
    pub(crate) refs: Refs,
    /// Whether the host has said already that it takes pushes.
    may_write: bool,
}

/// Reaches the repository by the way that its address has, and reads its branches. With `target.write`, an HTTPS
/// host is asked at once whether it takes pushes.
pub(crate) async fn open<'a>(target: &'a Target<'a>) -> Result<Opened<'a>, RemoteError> {
    let mut url = target.remote.url.clone();
    let mut who = None;
    match target.address.scheme {
        Scheme::Ssh => ssh::reach(target).await?,
        Scheme::File => {}
        Scheme::Http => {
            who = https::authorization(target)?;
            if let Some(advertised) = https::branches(target, who.as_ref()).await? {
                if target.write {
                    https::writable(target, &advertised.url, who.as_ref()).await?;
                }
                url = advertised.url;
                let session = Session::open(target, &url, who.as_ref()).await?;
                return Ok(Opened { session, refs: advertised.refs, may_write: target.write });
            }
        }
    }
    let session = Session::open(target, &url, who.as_ref()).await?;
    let refs = session.refs().await?;
    Ok(Opened { session, refs, may_write: false })
}

/// Goes as far with a push as is possible without writing: to a branch that never is.
async fn try_to_push(session: &Session<'_>, has_tip: bool) -> Result<(), RemoteError> {
    let copy = session.repository(&Author::default())?;
    let commit = match has_tip {
        true => TIP.to_owned(),
        false => blocking(move || copy.empty_commit()).await.map_err(|error| session.of_copy(error))?,
    };
    session.push(&commit, "gitops-setup/dry-run", true).await.map(drop)
}

/// Runs git's local commands off the runtime's threads. They are short: nothing of theirs waits for anybody.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("git's local commands do not panic")
}
