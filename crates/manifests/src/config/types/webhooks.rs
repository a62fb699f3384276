//! Webhooks at the Git host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, GitAuth};

/// Webhooks at the Git host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Webhooks {
    /// What the Git host runs; by default as its name tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<GitProvider>,
    /// The Git host's API: its host name, such as `api.github.com`, or its whole address, such as
    /// `https://ghe.example.com/api/v3`; by default found from the repository's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub api: Option<String>,
    /// Name of the repository at the Git host; by default the last part of its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub repository: Option<String>,
    /// A token with the right to manage webhooks; by default the token, bearer token or GitHub App of `git.auth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<GitAuth>,
    /// Address under which the Git host reaches Argo CD; by default that of stage access. Without a path, that is
    /// `argocd.rootPath`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub argocd_url: Option<String>,
    /// A webhook for Seldon Enterprise Platform as well, where it is configured.
    pub seldon: bool,
    /// Address of Seldon Enterprise Platform's endpoint; by default that of its Service `seldon-deploy-webhook`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub seldon_url: Option<String>,
    /// The Git host verifies the certificates of both.
    pub verify_tls: bool,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            provider: None,
            api: None,
            repository: None,
            auth: None,
            argocd_url: None,
            seldon: true,
            seldon_url: None,
            verify_tls: true,
        }
    }
}

impl Config {
    /// What the Git host runs: as `webhooks.provider` says, else as far as its name tells.
    pub fn git_provider(&self) -> Option<GitProvider> {
        let named = self.webhooks.as_ref().and_then(|webhooks| webhooks.provider);
        named.or_else(|| GitProvider::of_host(&self.git.host()?.0))
    }

    /// What opens the Git host's API, and the key that it stands under.
    pub fn webhooks_auth(&self) -> Option<(&'static str, &GitAuth)> {
        let own = self.webhooks.as_ref()?.auth.as_ref().map(|auth| ("webhooks.auth", auth));
        own.or_else(|| self.git.auth.as_ref().map(|auth| ("git.auth", auth)))
    }
}

/// What a Git host runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GitProvider {
    /// GitHub, or GitHub Enterprise.
    Github,
    /// GitLab, at gitlab.com or elsewhere.
    Gitlab,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Bitbucket Server, since called Data Center.
    BitbucketServer,
    /// Gitea or Forgejo.
    Gitea,
    /// Gogs.
    Gogs,
    /// Azure DevOps, at dev.azure.com or elsewhere (Argo CD 3.5 and later).
    AzureDevops,
}

impl GitProvider {
    /// What a host runs, as far as its name tells.
    pub fn of_host(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let named = |name: &str| host.split('.').any(|label| label == name);
        match host.as_str() {
            "bitbucket.org" | "altssh.bitbucket.org" => Some(Self::Bitbucket),
            "codeberg.org" => Some(Self::Gitea),
            "dev.azure.com" | "ssh.dev.azure.com" => Some(Self::AzureDevops),
            _ if host.ends_with(".visualstudio.com") => Some(Self::AzureDevops),
            _ if named("github") || host.ends_with(".ghe.com") => Some(Self::Github),
            _ if named("gitlab") => Some(Self::Gitlab),
            _ if named("gitea") || named("forgejo") => Some(Self::Gitea),
            _ if named("gogs") => Some(Self::Gogs),
            _ if named("bitbucket") || named("stash") => Some(Self::BitbucketServer),
            _ => None,
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
            Self::Bitbucket => "Bitbucket",
            Self::BitbucketServer => "Bitbucket Server",
            Self::Gitea => "Gitea or Forgejo",
            Self::Gogs => "Gogs",
            Self::AzureDevops => "Azure DevOps",
        }
    }

    /// The word that the configuration has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Bitbucket => "bitbucket",
            Self::BitbucketServer => "bitbucket-server",
            Self::Gitea => "gitea",
            Self::Gogs => "gogs",
            Self::AzureDevops => "azure-devops",
        }
    }
}
