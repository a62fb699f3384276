//! Git hosts: which one an address belongs to, and what their APIs can do.

mod call;
mod create;
mod error;
mod hooks;
mod place;

use std::time::Duration;

use manifests::config::GitProvider;

pub use create::{CREATING, Created};
pub use error::HostError;
pub use hooks::{Doing, Hook, HookCause, HookChange, HookError, PutHook, SecretAtHost, Standing, WantedHook};

use crate::remote::Address;
use place::Place;

/// What a token needs for the contents of a repository, in the words of the host's settings.
pub(crate) fn needed(provider: GitProvider, write: bool) -> &'static str {
    match (provider, write) {
        (GitProvider::Github, false) => {
            "scope `repo` (classic token) or “Contents: Read-only” for this repository (fine-grained), and, \
             where the organisation has single sign-on, “Configure SSO” → Authorize"
        }
        (GitProvider::Github, true) => {
            "scope `repo` (classic token) or “Contents: Read and write” for this repository (fine-grained), \
             and, where the organisation has single sign-on, “Configure SSO” → Authorize"
        }
        (GitProvider::Gitlab, false) => "scope `read_repository` and role Reporter or above",
        (GitProvider::Gitlab, true) => "scope `write_repository` and role Developer or above",
        (GitProvider::Bitbucket, false) => "scope `read:repository:bitbucket` (access token: `repository`)",
        (GitProvider::Bitbucket, true) => {
            "scope `write:repository:bitbucket` (access token: `repository:write`)"
        }
        (GitProvider::BitbucketServer, false) => "permission “Repository read”",
        (GitProvider::BitbucketServer, true) => "permission “Repository write”",
        (GitProvider::Gitea, false) => "scope `read:repository`",
        (GitProvider::Gitea, true) => "scope `write:repository` and write access to the repository",
        (GitProvider::Gogs, false) => "read access to the repository",
        (GitProvider::Gogs, true) => "write access to the repository",
        (GitProvider::AzureDevops, false) => "scope “Code (Read)”",
        (GitProvider::AzureDevops, true) => "scope “Code (Read & write)”",
    }
}

/// A repository at a Git host, by the host's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    kind: GitProvider,
    /// Address of the API, without slash at its end.
    api: String,
    /// User, organisation, workspace, project, or group with its parents.
    owner: String,
    /// Name of the repository.
    name: String,
    /// How long a second is that a host asks to wait.
    second: Duration,
}

impl Host {
    /// The host of a repository's address. `named` says what it runs where the configuration does; otherwise its
    /// name has to tell.
    pub fn detect(url: &str, named: Option<GitProvider>) -> Result<Self, HostError> {
        let address = Address::of(url);
        let kind = named.or_else(|| GitProvider::of_host(&address.host));
        let kind = kind.ok_or_else(|| HostError::Unknown { host: address.place() })?;
        let place = Place::of(kind, &address);
        let Place { api, owner, name } =
            place.ok_or_else(|| HostError::Path { url: url.to_owned(), kind: kind.name() })?;
        Ok(Self { kind, api, owner, name, second: Duration::from_secs(1) })
    }

    /// The same with the API at another address, such as `https://ghe.example.com/api/v3`.
    pub fn with_api(mut self, api: &str) -> Self {
        api.trim_end_matches('/').clone_into(&mut self.api);
        self
    }

    /// The same with seconds of another length, for all that waits before it tries again: for tests.
    pub fn with_second(mut self, second: Duration) -> Self {
        self.second = second;
        self
    }

    /// What it runs.
    pub fn kind(&self) -> GitProvider {
        self.kind
    }

    /// Address of its API.
    pub fn api(&self) -> &str {
        &self.api
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_known_by_their_names() {
        for (url, kind, api, owner) in [
            ("https://github.com/acme/gitops.git", GitProvider::Github, "https://api.github.com", "acme"),
            ("git@github.com:acme/gitops.git", GitProvider::Github, "https://api.github.com", "acme"),
            (
                "ssh://git@ssh.github.com:443/acme/gitops",
                GitProvider::Github,
                "https://api.github.com",
                "acme",
            ),
            ("https://acme.ghe.com/acme/gitops", GitProvider::Github, "https://api.acme.ghe.com", "acme"),
            (
                "https://github.acme.com/acme/gitops",
                GitProvider::Github,
                "https://github.acme.com/api/v3",
                "acme",
            ),
            (
                "https://gitlab.com/acme/ml/gitops",
                GitProvider::Gitlab,
                "https://gitlab.com/api/v4",
                "acme/ml",
            ),
            (
                "ssh://git@gitlab.acme.com:2222/a/b",
                GitProvider::Gitlab,
                "https://gitlab.acme.com/api/v4",
                "a",
            ),
            (
                "git@bitbucket.org:acme/gitops.git",
                GitProvider::Bitbucket,
                "https://api.bitbucket.org/2.0",
                "acme",
            ),
            (
                "https://gitea.acme.com:3000/a/b",
                GitProvider::Gitea,
                "https://gitea.acme.com:3000/api/v1",
                "a",
            ),
            ("https://codeberg.org/acme/gitops", GitProvider::Gitea, "https://codeberg.org/api/v1", "acme"),
            ("https://gogs.acme.com/a/b", GitProvider::Gogs, "https://gogs.acme.com/api/v1", "a"),
        ] {
            let host = Host::detect(url, None).unwrap();
            assert_eq!((host.kind, host.api.as_str(), host.owner.as_str()), (kind, api, owner), "{url}");
        }
    }

    #[test]
    fn paths_that_are_more_than_owner_and_name_are_known() {
        let server = GitProvider::BitbucketServer;
        let azure = GitProvider::AzureDevops;
        for (url, kind, api, owner) in [
            ("https://bitbucket.acme.com/scm/ML/gitops.git", server, "bitbucket.acme.com/rest/api/1.0", "ML"),
            ("https://stash.acme.com/x/scm/ML/gitops", server, "stash.acme.com/x/rest/api/1.0", "ML"),
            (
                "ssh://git@bitbucket.acme.com:7999/~bob/gitops",
                server,
                "bitbucket.acme.com/rest/api/1.0",
                "~bob",
            ),
            ("https://bob@dev.azure.com/acme/ml/_git/gitops", azure, "dev.azure.com/acme", "ml"),
            ("https://dev.azure.com/acme/_git/gitops", azure, "dev.azure.com/acme", "gitops"),
            ("https://acme.visualstudio.com/ml/_git/gitops", azure, "dev.azure.com/acme", "ml"),
            (
                "https://acme.visualstudio.com/DefaultCollection/ml/_git/gitops",
                azure,
                "dev.azure.com/acme",
                "ml",
            ),
            ("git@ssh.dev.azure.com:v3/acme/ml/gitops", azure, "dev.azure.com/acme", "ml"),
            ("https://tfs.acme.com/tfs/Main/ml/_git/gitops", azure, "tfs.acme.com/tfs/Main", "ml"),
        ] {
            let host = Host::detect(url, Some(kind)).unwrap();
            assert_eq!((host.api, host.owner.as_str()), (format!("https://{api}"), owner), "{url}");
            assert_eq!(host.name, "gitops", "{url}");
            let known = Host::detect(url, None).map(|host| host.kind).ok();
            assert_eq!(known, (!url.contains("tfs.")).then_some(kind), "{url}");
        }
        for (url, kind) in [
            ("https://bitbucket.acme.com/projects/ML/repos/gitops", server),
            ("https://dev.azure.com/acme/gitops", azure),
            ("https://dev.azure.com/acme/ml/_git/", azure),
        ] {
            assert!(matches!(Host::detect(url, Some(kind)), Err(HostError::Path { .. })), "{url}");
        }
    }

    #[test]
    fn what_can_not_be_known_is_asked_for() {
        let url = "https://git.acme.com/a/b";
        assert!(matches!(Host::detect(url, None), Err(HostError::Unknown { .. })));
        assert_eq!(Host::detect(url, Some(GitProvider::Gitea)).unwrap().api(), "https://git.acme.com/api/v1");
        for path in ["gitops", "a/b/c"] {
            let url = format!("https://github.com/{path}");
            assert!(matches!(Host::detect(&url, None), Err(HostError::Path { .. })), "{path}");
        }
    }
}
