//! Creates a repository by the API of its host.

use std::time::Duration;

use manifests::config::GitProvider;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;

use super::call::Call;
use super::{Host, HostError};
use crate::Credentials;
use crate::bounded::detached;
use crate::http::{Answer, Broken};
use crate::remote::Trust;

/// What can be told to create a repository.
pub const CREATING: [GitProvider; 4] =
    [GitProvider::Github, GitProvider::Gitlab, GitProvider::Bitbucket, GitProvider::Gitea];

/// What came of creating a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is new, and empty.
    New,
    /// It was there; nothing about it was changed.
    AlreadyThere,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct Namespace {
    id: u64,
}

impl Host {
    /// Creates the repository, empty, in the account or organisation that its address names; `private` or seen by
    /// everybody. A repository that is there is fine and stays as it is.
    ///
    /// Takes a token; an SSH key can't ([`HostError::NoToken`]). All requests together end within `timeout`.
    pub async fn create(
        &self,
        credentials: &Credentials,
        private: bool,
        trust: &Trust,
        timeout: Duration,
    ) -> Result<Created, HostError> {
        let call = Call::new(self, credentials, trust, timeout)?;
        match detached(call.deadline, move || call.create(private)).await {
            Some(created) => created,
            None => Err(self.broken(Broken::TimedOut)),
        }
    }

    /// What a token needs to create a repository, in the words of the host's settings.
    fn needed(&self) -> &'static str {
        match self.kind {
            GitProvider::Github => {
                "scope `repo` (classic token) or “Administration: Read and write” (fine-grained, App)"
            }
            GitProvider::Gitlab => "scope `api`",
            GitProvider::Bitbucket => {
                "scope `admin:repository:bitbucket` (and your e-mail address as user), or an access token of the \
                 workspace with `repository:admin` (user `x-token-auth`)"
            }
            GitProvider::Gitea
            | GitProvider::Gogs
            | GitProvider::BitbucketServer
            | GitProvider::AzureDevops => {
                "scopes `write:repository`, `write:user` and, for an organisation, `write:organization`"
            }
        }
    }
}

impl Call {
    fn create(&self, private: bool) -> Result<Created, HostError> {
        let (path, body) = match self.host.kind {
            GitProvider::Github => {
                (self.account_path()?, json!({ "name": self.host.name, "private": private }))
            }
            GitProvider::Gitea => (
                self.account_path()?,
                json!({ "name": self.host.name, "private": private, "auto_init": false }),
            ),
            GitProvider::Gitlab => ("/projects".to_owned(), self.gitlab_project(private)?),
            GitProvider::Bitbucket => (
                format!("/repositories/{}/{}", self.host.owner, self.host.name),
                json!({ "scm": "git", "is_private": private }),
            ),
            kind => return Err(HostError::CreatesNone { kind: kind.name() }),
        };
        let answer = self.send(Method::POST, &path, Some(&body))?;
        match answer.status {
            200 | 201 => Ok(Created::New),
            400 | 409 | 422 if is_there(&answer) => Ok(Created::AlreadyThere),
            _ => Err(self.unexpected(&answer)),
        }
    }

    /// One's own repositories are created elsewhere than an organisation's.
    fn account_path(&self) -> Result<String, HostError> {
        let answer = self.send(Method::GET, "/user", None)?;
        let own = match answer.status {
            200 => self.json::<User>(&answer)?.login.eq_ignore_ascii_case(&self.host.owner),
            // A GitHub App is nobody, and a token may lack the right to ask who it is.
            403 if !answer.is_rate_limit() => false,
            _ => return Err(self.unexpected(&answer)),
        };
        Ok(if own { "/user/repos".to_owned() } else { format!("/orgs/{}/repos", self.host.owner) })
    }

    /// GitLab knows the owner by number.
    fn gitlab_project(&self, private: bool) -> Result<Value, HostError> {
        let answer =
            self.send(Method::GET, &format!("/namespaces/{}", self.host.owner.replace('/', "%2F")), None)?;
        if answer.status != 200 {
            return Err(self.unexpected(&answer));
        }
        let namespace: Namespace = self.json(&answer)?;
        let visibility = if private { "private" } else { "public" };
        let name = &self.host.name;
        Ok(json!({ "name": name, "path": name, "namespace_id": namespace.id, "visibility": visibility }))
    }

    fn unexpected(&self, answer: &Answer) -> HostError {
        HostError::of(answer, &self.host.api, &self.host.owner, self.host.needed())
    }
}

/// Each host has its own words for it: GitHub “name already exists on this account”, GitLab “has already been
/// taken”, Bitbucket “Repository with this Slug and Owner already exists.”, Gitea “The repository with the same
/// name already exists.”
fn is_there(answer: &Answer) -> bool {
    let said = answer.words().to_lowercase();
    said.contains("already exists") || said.contains("already been taken")
}
