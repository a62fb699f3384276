//! The repository that is talked about in errors: who asks, whom, and what it takes.

use manifests::config::GitProvider;

use super::address::{Address, Scheme};
use super::{Remote, RemoteError};
use crate::Credentials;
use crate::bounded::Deadline;
use crate::github_app::AppError;
use crate::hosts;
use crate::http::Broken;
use crate::known_hosts::KnownHosts;

/// What errors need to know of a request.
pub(crate) struct Target<'a> {
    pub(crate) remote: &'a Remote,
    pub(crate) address: Address,
    /// Whether the request writes.
    pub(crate) write: bool,
    pub(crate) deadline: Deadline,
}

impl<'a> Target<'a> {
    pub(crate) fn new(remote: &'a Remote, write: bool) -> Self {
        let address = Address::of(&remote.url);
        Self { remote, address, write, deadline: Deadline::after(remote.timeout) }
    }

    fn url(&self) -> String {
        self.remote.url.clone()
    }

    pub(crate) fn host(&self) -> String {
        match self.address.scheme {
            Scheme::File => "this machine".to_owned(),
            _ => self.address.place(),
        }
    }

    fn port(&self) -> u16 {
        let usual = if self.address.scheme == Scheme::Ssh { 22 } else { 443 };
        self.address.port.unwrap_or(usual)
    }

    fn connect(&self) -> String {
        format!("{}:{}", self.address.host, self.port())
    }

    /// The credentials, without anything secret.
    fn who(&self) -> String {
        match &self.remote.credentials {
            Credentials::None => "a request without credentials".to_owned(),
            Credentials::Token { username, .. } => format!("the token of user `{username}`"),
            Credentials::Bearer { .. } => "the bearer token".to_owned(),
            Credentials::GithubApp(app) => {
                format!("installation {} of GitHub App {}", app.installation_id(), app.app_id())
            }
            Credentials::Ssh(key) => match key.fingerprint() {
                Some(fingerprint) => format!("the key {fingerprint}"),
                None => "the private key".to_owned(),
            },
        }
    }

    fn hint(&self) -> String {
        match &self.remote.credentials {
            Credentials::None => "the repository is private, or there is none: set `git.auth`".to_owned(),
            Credentials::Token { username, .. } => format!(
                "the token is wrong, expired or revoked, or is not `{username}`'s: make a new one at the Git host \
                 and put it where `git.auth.token` points to"
            ),
            Credentials::Bearer { .. } => {
                "the token is wrong, expired or revoked, or the host takes user and token: use `git.auth.token`"
                    .to_owned()
            }
            Credentials::GithubApp(_) => {
                "the App's installation is suspended or not for this repository: see the App's settings".to_owned()
            }
            Credentials::Ssh(key) => match key.public() {
                Some(public) => format!(
                    "register its public half at the Git host, for a user or as a deploy key of the repository:\n  {public}"
                ),
                None => "register its public half at the Git host: ssh-keygen -y -f FILE".to_owned(),
            },
        }
    }

    /// What the credentials need, in the words of the host's settings.
    fn needed(&self, write: bool) -> String {
        if let Credentials::Ssh(_) = self.remote.credentials {
            let right = if write { "may write (“Allow write access”)" } else { "may read" };
            return format!("a key of a user, or a deploy key of this repository, that {right}");
        }
        let kind = GitProvider::of_host(&self.address.host);
        kind.map_or(if write { "the right to push" } else { "the right to read" }, |kind| {
            hosts::needed(kind, write)
        })
        .to_owned()
    }

    pub(crate) fn authentication(&self, said: String) -> RemoteError {
        RemoteError::Authentication { url: self.url(), who: self.who(), said, hint: self.hint() }
    }

    pub(crate) fn missing_scope(&self, said: String) -> RemoteError {
        let needed = self.needed(self.write);
        RemoteError::MissingScope { url: self.url(), who: self.who(), said, needed }
    }

    pub(crate) fn read_only(&self, said: String) -> RemoteError {
        RemoteError::ReadOnly { url: self.url(), who: self.who(), said, needed: self.needed(true) }
    }

    pub(crate) fn not_found(&self, said: String) -> RemoteError {
        RemoteError::NotFound { url: self.url(), who: self.who(), said }
    }

    pub(crate) fn not_git(&self, why: String) -> RemoteError {
        RemoteError::NotGit { url: self.url(), why }
    }

    pub(crate) fn moved(&self, to: String) -> RemoteError {
        RemoteError::Moved { url: self.url(), to }
    }

    pub(crate) fn server(&self, status: String, said: String) -> RemoteError {
        RemoteError::Server { url: self.url(), status, said }
    }

    pub(crate) fn rate_limited(&self, retry_after: Option<u64>, said: String) -> RemoteError {
        RemoteError::RateLimited { host: self.host(), retry_after, said }
    }

    pub(crate) fn proxy(&self, said: String) -> RemoteError {
        RemoteError::Proxy { host: self.host(), said }
    }

    pub(crate) fn app(&self, source: AppError) -> RemoteError {
        RemoteError::App { url: self.url(), source }
    }

    pub(crate) fn git(&self, said: String) -> RemoteError {
        RemoteError::Git { url: self.url(), said }
    }

    pub(crate) fn rejected(&self, branch: &str, said: String) -> RemoteError {
        RemoteError::Rejected { url: self.url(), branch: branch.to_owned(), said }
    }

    pub(crate) fn branch_missing(&self, branch: &str) -> RemoteError {
        RemoteError::BranchMissing { url: self.url(), branch: branch.to_owned(), branches: Vec::new() }
    }

    pub(crate) fn folder_missing(&self, folder: &str) -> RemoteError {
        RemoteError::FolderMissing { url: self.url(), folder: folder.to_owned() }
    }

    pub(crate) fn in_the_way(&self, branch: &str, other: &str) -> RemoteError {
        RemoteError::BranchInTheWay { url: self.url(), branch: branch.to_owned(), other: other.to_owned() }
    }

    pub(crate) fn no_such_host(&self) -> RemoteError {
        RemoteError::NoSuchHost { host: self.address.host.clone() }
    }

    pub(crate) fn unreachable(&self, why: String) -> RemoteError {
        let check = match self.address.scheme {
            Scheme::Ssh => format!("ssh-keyscan {}", self.keyscan()),
            _ => format!("curl -v {}", self.address.origin),
        };
        RemoteError::Unreachable { host: self.host(), why, check }
    }

    pub(crate) fn timed_out(&self, doing: &'static str) -> RemoteError {
        RemoteError::TimedOut { host: self.host(), limit: self.deadline.limit(), doing }
    }

    pub(crate) fn not_ssh(&self, why: String) -> RemoteError {
        RemoteError::NotSsh { host: self.host(), keyscan: self.keyscan(), why }
    }

    fn keyscan(&self) -> String {
        match self.address.port {
            Some(port) => format!("-p {port} {}", self.address.host),
            None => self.address.host.clone(),
        }
    }

    pub(crate) fn host_key_unknown(&self) -> RemoteError {
        let known = KnownHosts::parse(&self.remote.trust.known_hosts);
        let authority = known.only_authority(&self.address.host, self.port());
        RemoteError::HostKeyUnknown { host: self.host(), authority }
    }

    pub(crate) fn host_key_changed(&self, expected: String, actual: String) -> RemoteError {
        RemoteError::HostKeyChanged { host: self.host(), expected, actual }
    }

    pub(crate) fn host_key_revoked(&self) -> RemoteError {
        RemoteError::HostKeyRevoked { host: self.host() }
    }

    pub(crate) fn broken(&self, broken: Broken) -> RemoteError {
        let (host, connect) = (self.host(), self.connect());
        match broken {
            Broken::NoSuchHost => self.no_such_host(),
            Broken::NoConnection(why) => self.unreachable(why),
            Broken::TimedOut => self.timed_out("waiting for its first answer"),
            Broken::UnknownAuthority | Broken::SelfSigned => RemoteError::UnknownAuthority { host, connect },
            Broken::Expired => RemoteError::CertificateExpired { host, connect },
            Broken::WrongName => RemoteError::CertificateName { host, connect },
            Broken::NotTls => RemoteError::NotTls { host },
            Broken::Tls(why) => RemoteError::Tls { host, connect, why },
            Broken::BadCa(why) => RemoteError::BadCa { why },
            Broken::Other(why) => self.not_git(why),
        }
    }
}
