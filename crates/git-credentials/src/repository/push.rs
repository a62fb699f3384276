//! Writes the skeleton of the environments to a repository at a Git host.

use manifests::config::Author;

use super::BRANCH;
use crate::remote::{Opened, Push, Refs, Remote, RemoteError, Session, TIP, Target, blocking, open};

/// Branch that is pushed where the configured one is protected.
const FALLBACK: &str = "gitops-setup/environments";
/// How often a branch that others move is tried.
const ATTEMPTS: usize = 5;

/// What was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// Nothing: no folder is missing.
    Nothing,
    /// A commit to the branch that the environments follow.
    Commit {
        /// The branch.
        branch: String,
        /// The commit.
        commit: String,
    },
    /// The branch is protected. The folders are on another one, now or from a run before: a pull request has to
    /// bring them over.
    Branch {
        /// The branch that holds the folders.
        branch: String,
        /// The branch that they have to get to.
        into: String,
        /// The commit.
        commit: String,
        /// Why the host took no push to it, in its own words.
        said: String,
    },
}

/// Adds the folders that are missing or empty, with a README each, and a README at the top where there is none: as
/// one commit of the author's on the configured or default branch (of an empty repository: the configured one or
/// `main`). What is there stays as it is.
///
/// Where somebody else pushes at the same time, it is tried again on what they pushed. Where the branch is
/// protected, the commit goes to the branch `gitops-setup/environments`. Fails as [`crate::remote::look`] does, and
/// with [`RemoteError::Rejected`] where another rule of the host keeps the commit out.
pub async fn init_remote(
    remote: &Remote,
    author: &Author,
    folders: &[String],
) -> Result<Pushed, RemoteError> {
    let target = Target::new(remote, true);
    let Opened { session, mut refs, .. } = open(&target).await?;
    let into = refs.choose(&remote.url, remote.branch.as_deref())?;
    let into = into.unwrap_or_else(|| remote.branch.clone().unwrap_or_else(|| BRANCH.to_owned()));
    let (mut branch, mut said) = (into.clone(), None);
    for _ in 0..ATTEMPTS {
        let step = Step { session: &session, refs: &refs, author, folders, into: &into };
        let (commit, push) = match step.commit(&branch).await? {
            Made::New(commit) => {
                let push = session.push(&commit, &branch, false).await?;
                (commit, push)
            }
            Made::Nothing => match refs.commit(&branch) {
                Some(commit) if branch != into => (commit.to_owned(), Push::Done),
                _ => return Ok(Pushed::Nothing),
            },
        };
        match (push, said.clone()) {
            (Push::Done, None) => return Ok(Pushed::Commit { branch, commit }),
            (Push::Done, Some(said)) => return Ok(Pushed::Branch { branch, into, commit, said }),
            (Push::Behind, _) => refs = session.refs().await?,
            (Push::Protected(words), None) => {
                branch = FALLBACK.to_owned();
                said = Some(words);
            }
            (Push::Protected(words), Some(_)) => return Err(target.rejected(&branch, words)),
        }
    }
    Err(RemoteError::Contended { url: remote.url.clone(), branch, attempts: ATTEMPTS })
}

/// What was made of the folders.
enum Made {
    Nothing,
    New(String),
}

/// One try.
struct Step<'a> {
    session: &'a Session<'a>,
    refs: &'a Refs,
    author: &'a Author,
    folders: &'a [String],
    into: &'a str,
}

impl Step<'_> {
    /// Makes the commit for a branch: on the branch itself, or on the one that it is meant for.
    async fn commit(&self, branch: &str) -> Result<Made, RemoteError> {
        let start = [branch, self.into].into_iter().find(|name| self.refs.commit(name).is_some());
        if let Some(start) = start {
            self.session.fetch(start).await?;
        }
        let copy = self.session.repository(self.author)?;
        let (folders, has_tip) = (self.folders.to_vec(), start.is_some());
        let made = blocking(move || {
            let tip = has_tip.then(|| copy.git(&["rev-parse", TIP], "")).transpose()?;
            copy.skeleton(tip.as_deref().map(str::trim), &folders)
        });
        let made = made.await.map_err(|error| self.session.of_copy(error))?;
        Ok(made.map_or(Made::Nothing, Made::New))
    }
}
