//! Git hosts: which one an address belongs to, and what their APIs can do.

mod create;
mod error;

pub use create::Created;
pub use error::HostError;

use crate::remote::Address;

/// What software a Git host runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// GitHub, or GitHub Enterprise.
    GitHub,
    /// GitLab, at gitlab.com or elsewhere.
    GitLab,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Gitea or Forgejo.
    Gitea,
}

impl Kind {
    /// What a host runs, as far as its name tells.
    pub fn of_host(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let named = |name: &str| host.split('.').any(|label| label == name);
        match host.as_str() {
            "bitbucket.org" | "altssh.bitbucket.org" => Some(Self::Bitbucket),
            "codeberg.org" => Some(Self::Gitea),
            _ if named("github") || host.ends_with(".ghe.com") => Some(Self::GitHub),
            _ if named("gitlab") => Some(Self::GitLab),
            _ if named("gitea") || named("forgejo") => Some(Self::Gitea),
            _ => None,
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Bitbucket => "Bitbucket",
            Self::Gitea => "Gitea or Forgejo",
        }
    }

    /// What a token needs for the contents of a repository, in the words of the host's settings.
    pub(crate) fn needed(self, write: bool) -> &'static str {
        match (self, write) {
            (Self::GitHub, false) => {
                "scope `repo` (classic token) or “Contents: Read-only” for this repository (fine-grained), and, \
                 where the organisation has single sign-on, “Configure SSO” → Authorize"
            }
            (Self::GitHub, true) => {
                "scope `repo` (classic token) or “Contents: Read and write” for this repository (fine-grained), \
                 and, where the organisation has single sign-on, “Configure SSO” → Authorize"
            }
            (Self::GitLab, false) => "scope `read_repository` and role Reporter or above",
            (Self::GitLab, true) => "scope `write_repository` and role Developer or above",
            (Self::Bitbucket, false) => "scope `read:repository:bitbucket` (access token: `repository`)",
            (Self::Bitbucket, true) => {
                "scope `write:repository:bitbucket` (access token: `repository:write`)"
            }
            (Self::Gitea, false) => "scope `read:repository`",
            (Self::Gitea, true) => "scope `write:repository` and write access to the repository",
        }
    }
}

/// A repository at a Git host, by the host's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    kind: Kind,
    /// Address of the API, without slash at its end.
    api: String,
    /// User, organisation, workspace, or group with its parents.
    owner: String,
    /// Name of the repository.
    name: String,
}

impl Host {
    /// The host of a repository's address. `named` says what it runs where the configuration does; otherwise its
    /// name has to tell.
    pub fn detect(url: &str, named: Option<Kind>) -> Result<Self, HostError> {
        let address = Address::of(url);
        let kind = named.or_else(|| Kind::of_host(&address.host));
        let kind = kind.ok_or_else(|| HostError::Unknown { host: address.place() })?;
        let bad_path = || HostError::Path { url: url.to_owned(), kind: kind.name() };
        let (owner, name) = address.path.rsplit_once('/').ok_or_else(bad_path)?;
        if owner.is_empty() || name.is_empty() || (owner.contains('/') && kind != Kind::GitLab) {
            return Err(bad_path());
        }
        let api = api(kind, &address);
        Ok(Self { kind, api, owner: owner.to_owned(), name: name.to_owned() })
    }

    /// The same with the API at another address, such as `https://ghe.example.com/api/v3`.
    pub fn with_api(mut self, api: &str) -> Self {
        api.trim_end_matches('/').clone_into(&mut self.api);
        self
    }

    /// What it runs.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Address of its API.
    pub fn api(&self) -> &str {
        &self.api
    }
}

/// Where the API is. An address for SSH names SSH's port, which is not the API's.
fn api(kind: Kind, address: &Address) -> String {
    let host = match address.host.to_ascii_lowercase() {
        host if host == "ssh.github.com" => "github.com".to_owned(),
        host if host == "altssh.gitlab.com" => "gitlab.com".to_owned(),
        host => host,
    };
    let origin = match address.origin.trim_end_matches('/') {
        "" => format!("https://{host}"),
        origin => origin.to_owned(),
    };
    match kind {
        Kind::GitHub if host == "github.com" => "https://api.github.com".to_owned(),
        Kind::GitHub if host.ends_with(".ghe.com") => format!("https://api.{host}"),
        Kind::GitHub => format!("{origin}/api/v3"),
        Kind::GitLab => format!("{origin}/api/v4"),
        Kind::Bitbucket => "https://api.bitbucket.org/2.0".to_owned(),
        Kind::Gitea => format!("{origin}/api/v1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_known_by_their_names() {
        for (url, kind, api, owner) in [
            ("https://github.com/acme/gitops.git", Kind::GitHub, "https://api.github.com", "acme"),
            ("git@github.com:acme/gitops.git", Kind::GitHub, "https://api.github.com", "acme"),
            ("ssh://git@ssh.github.com:443/acme/gitops", Kind::GitHub, "https://api.github.com", "acme"),
            ("https://acme.ghe.com/acme/gitops", Kind::GitHub, "https://api.acme.ghe.com", "acme"),
            ("https://github.acme.com/acme/gitops", Kind::GitHub, "https://github.acme.com/api/v3", "acme"),
            ("https://gitlab.com/acme/ml/gitops", Kind::GitLab, "https://gitlab.com/api/v4", "acme/ml"),
            ("ssh://git@gitlab.acme.com:2222/a/b", Kind::GitLab, "https://gitlab.acme.com/api/v4", "a"),
            ("git@bitbucket.org:acme/gitops.git", Kind::Bitbucket, "https://api.bitbucket.org/2.0", "acme"),
            ("https://gitea.acme.com:3000/a/b", Kind::Gitea, "https://gitea.acme.com:3000/api/v1", "a"),
            ("https://codeberg.org/acme/gitops", Kind::Gitea, "https://codeberg.org/api/v1", "acme"),
        ] {
            let host = Host::detect(url, None).unwrap();
            assert_eq!((host.kind, host.api.as_str(), host.owner.as_str()), (kind, api, owner), "{url}");
        }
    }

    #[test]
    fn what_can_not_be_known_is_asked_for() {
        let url = "https://git.acme.com/a/b";
        assert!(matches!(Host::detect(url, None), Err(HostError::Unknown { .. })));
        assert_eq!(Host::detect(url, Some(Kind::Gitea)).unwrap().api(), "https://git.acme.com/api/v1");
        for path in ["gitops", "a/b/c"] {
            let url = format!("https://github.com/{path}");
            assert!(matches!(Host::detect(&url, None), Err(HostError::Path { .. })), "{path}");
        }
    }
}
