//! Requests to a Git host's API, and when they are made again.

use std::time::Duration;

use manifests::config::GitProvider;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Method;

use super::{Host, HostError};
use crate::Credentials;
use crate::bounded::Deadline;
use crate::http::{Answer, Authorization, Broken, Http};
use crate::remote::{Trust, app_token};

/// User that Bitbucket's access tokens have in Git; in its API they have none.
const BITBUCKET_ACCESS_TOKEN: &str = "x-token-auth";
/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(30);
/// Times that something is tried in all.
const ATTEMPTS: u32 = 5;
/// Seconds before the second attempt; twice as many before every further one.
const FIRST_DELAY: u32 = 1;
/// Seconds to wait where the host says only that it was asked too often: what GitHub wants then.
const LIMITED_DELAY: u32 = 60;

/// Requests to the API of one host, one after the other.
pub(super) struct Call {
    pub(super) host: Host,
    pub(super) deadline: Deadline,
    http: Http,
    who: Authorization,
}

/// Whether, and when, something is to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It would be no different.
    Never,
    /// At once: somebody else was faster.
    Now,
    /// After growing delays.
    Soon,
    /// When the host says, in seconds; `None` where it doesn't say.
    After(Option<u64>),
}

impl Call {
    /// All requests together end within `timeout`.
    pub(super) fn new(
        host: &Host,
        credentials: &Credentials,
        trust: &Trust,
        timeout: Duration,
    ) -> Result<Self, HostError> {
        let deadline = Deadline::after(timeout);
        let http = Http::new(trust, timeout.min(REQUEST)).map_err(|source| host.broken(source))?;
        let who = host.authorization(credentials, &http)?;
        Ok(Self { host: host.clone(), deadline, http, who })
    }

    /// One request. `path` begins with a slash; of the answer, any status is fine.
    pub(super) fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, HostError> {
        let url = format!("{}{path}", self.host.api);
        let accept = match self.host.kind {
            GitProvider::Github => "application/vnd.github+json",
            _ => "application/json",
        };
        let answer = self.http.send(method, &url, accept, Some(&self.who), body);
        answer.map_err(|source| self.host.broken(source))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, HostError> {
        answer.json().map_err(|source| self.host.broken(source))
    }

    /// Does something until it is done, can't be done, or there is no time left to wait as long as is needed. It
    /// begins anew each time and so has to look first at what is there already.
    pub(super) fn patiently<T>(&self, work: impl Fn() -> Result<T, HostError>) -> Result<T, HostError> {
        let mut delay = FIRST_DELAY;
        for _ in 1..ATTEMPTS {
            let error = match work() {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let seconds = match error.again() {
                Again::Never => return Err(error),
                Again::Now => 0,
                Again::Soon => {
                    delay *= 2;
                    delay / 2
                }
                Again::After(seconds) => {
                    seconds.map_or(LIMITED_DELAY, |seconds| u32::try_from(seconds).unwrap_or(u32::MAX))
                }
            };
            let wait = self.host.second.saturating_mul(seconds);
            if wait >= self.deadline.left() {
                return Err(error);
            }
            std::thread::sleep(wait);
        }
        work()
    }
}

impl Host {
    pub(super) fn broken(&self, source: Broken) -> HostError {
        HostError::Broken { api: self.api.clone(), source }
    }

    fn authorization(&self, credentials: &Credentials, http: &Http) -> Result<Authorization, HostError> {
        let no_token = |what| HostError::NoToken { api: self.api.clone(), what };
        match credentials {
            Credentials::None => Err(no_token("none")),
            Credentials::Ssh(_) => Err(no_token("an SSH key")),
            Credentials::Bearer { token } if self.kind == GitProvider::Gogs => {
                Ok(Authorization::Token(token.clone()))
            }
            Credentials::Bearer { token } => Ok(Authorization::Bearer(token.clone())),
            Credentials::GithubApp(app) => {
                let token = app_token(app, http);
                let token = token.map_err(|source| HostError::App { api: self.api.clone(), source })?;
                Ok(Authorization::Bearer(token))
            }
            Credentials::Token { username, token } => Ok(self.of_token(username, token)),
        }
    }

    /// How a token is shown that is kept with a user. GitHub and GitLab take it alone. The others take a password
    /// here as well, which is no bearer token; but those of Bitbucket's tokens that belong to no user have to be
    /// bearer tokens, and Gogs, whose tokens are 40 hexadecimal digits, has a name of its own for its.
    ///
    /// <https://confluence.atlassian.com/display/BITBUCKETSERVER091/HTTP+access+tokens>
    fn of_token(&self, username: &str, token: &SecretString) -> Authorization {
        let text = token.expose_secret();
        let of_gogs = || text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match self.kind {
            GitProvider::Github | GitProvider::Gitlab => Authorization::Bearer(token.clone()),
            GitProvider::Bitbucket | GitProvider::BitbucketServer if username == BITBUCKET_ACCESS_TOKEN => {
                Authorization::Bearer(token.clone())
            }
            GitProvider::Gogs if of_gogs() => Authorization::Token(token.clone()),
            _ => Authorization::Basic { username: username.to_owned(), token: token.clone() },
        }
    }
}
