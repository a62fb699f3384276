//! Creates a repository by the API of its host.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Host, HostError, Kind};
use crate::Credentials;
use crate::bounded::{Deadline, detached};
use crate::http::{Answer, Authorization, Broken, Http};
use crate::remote::{Trust, app_token};

/// User that Bitbucket's access tokens have in Git; in its API they have none.
const BITBUCKET_ACCESS_TOKEN: &str = "x-token-auth";

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
        let deadline = Deadline::after(timeout);
        let http = Http::new(trust, timeout).map_err(|source| self.broken(source))?;
        let who = self.authorization(credentials, &http)?;
        let call = Call { host: self.clone(), http, who };
        match detached(deadline, move || call.create(private)).await {
            Some(created) => created,
            None => Err(self.broken(Broken::TimedOut)),
        }
    }

    fn authorization(&self, credentials: &Credentials, http: &Http) -> Result<Authorization, HostError> {
        let no_token = |what| HostError::NoToken { api: self.api.clone(), what };
        match credentials {
            Credentials::None => Err(no_token("none")),
            Credentials::Ssh(_) => Err(no_token("an SSH key")),
            Credentials::Bearer { token } => Ok(Authorization::Bearer(token.clone())),
            Credentials::GithubApp(app) => {
                let token = app_token(app, http);
                let token = token.map_err(|source| HostError::App { api: self.api.clone(), source })?;
                Ok(Authorization::Bearer(token))
            }
            Credentials::Token { username, token } => Ok(match self.kind {
                // Both take a password here as well, which is no bearer token.
                Kind::Gitea => Authorization::Basic { username: username.clone(), token: token.clone() },
                Kind::Bitbucket if username != BITBUCKET_ACCESS_TOKEN => {
                    Authorization::Basic { username: username.clone(), token: token.clone() }
                }
                _ => Authorization::Bearer(token.clone()),
            }),
        }
    }

    fn broken(&self, source: Broken) -> HostError {
        HostError::Broken { api: self.api.clone(), source }
    }

    /// What a token needs to create a repository, in the words of the host's settings.
    fn needed(&self) -> &'static str {
        match self.kind {
            Kind::GitHub => {
                "scope `repo` (classic token) or “Administration: Read and write” (fine-grained, App)"
            }
            Kind::GitLab => "scope `api`",
            Kind::Bitbucket => {
                "scope `admin:repository:bitbucket` (and your e-mail address as user), or an access token of the \
                 workspace with `repository:admin` (user `x-token-auth`)"
            }
            Kind::Gitea => {
                "scopes `write:repository`, `write:user` and, for an organisation, `write:organization`"
            }
        }
    }
}

/// The requests, one after the other.
struct Call {
    host: Host,
    http: Http,
    who: Authorization,
}

impl Call {
    fn create(&self, private: bool) -> Result<Created, HostError> {
        let (path, body) = match self.host.kind {
            Kind::GitHub => (self.account_path()?, json!({ "name": self.host.name, "private": private })),
            Kind::Gitea => (
                self.account_path()?,
                json!({ "name": self.host.name, "private": private, "auto_init": false }),
            ),
            Kind::GitLab => ("/projects".to_owned(), self.gitlab_project(private)?),
            Kind::Bitbucket => (
                format!("/repositories/{}/{}", self.host.owner, self.host.name),
                json!({ "scm": "git", "is_private": private }),
            ),
        };
        let answer = self.post(&path, &body)?;
        match answer.status {
            200 | 201 => Ok(Created::New),
            400 | 409 | 422 if is_there(&answer) => Ok(Created::AlreadyThere),
            _ => Err(self.unexpected(&answer)),
        }
    }

    /// One's own repositories are created elsewhere than an organisation's.
    fn account_path(&self) -> Result<String, HostError> {
        let answer = self.get("/user")?;
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
        let answer = self.get(&format!("/namespaces/{}", self.host.owner.replace('/', "%2F")))?;
        if answer.status != 200 {
            return Err(self.unexpected(&answer));
        }
        let namespace: Namespace = self.json(&answer)?;
        let visibility = if private { "private" } else { "public" };
        let name = &self.host.name;
        Ok(json!({ "name": name, "path": name, "namespace_id": namespace.id, "visibility": visibility }))
    }

    fn get(&self, path: &str) -> Result<Answer, HostError> {
        let url = format!("{}{path}", self.host.api);
        self.http.get(&url, self.accept(), Some(&self.who)).map_err(|source| self.host.broken(source))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Answer, HostError> {
        let url = format!("{}{path}", self.host.api);
        self.http.post(&url, self.accept(), Some(&self.who), body).map_err(|source| self.host.broken(source))
    }

    fn accept(&self) -> &'static str {
        match self.host.kind {
            Kind::GitHub => "application/vnd.github+json",
            _ => "application/json",
        }
    }

    fn json<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, HostError> {
        answer.json().map_err(|source| self.host.broken(source))
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
