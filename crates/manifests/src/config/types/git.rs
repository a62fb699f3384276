//! The GitOps repository and the credentials that open it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DNS_NAME, SecretRef};

/// The GitOps repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Git {
    /// Address of the repository. As in the guide, `host/path` without a protocol means https.
    pub url: String,
    /// Branch that the environments follow; by default the repository's own default branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub branch: Option<String>,
    /// Who commits where this tool writes to the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// Credentials, by reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<GitAuth>,
    /// File with the certificates (PEM) of the authorities that the Git host's certificate may come from. They take
    /// the place of those that every machine knows, here as in Argo CD.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub ca_certificate: Option<PathBuf>,
    /// Checks neither the Git host's certificate nor its host key: whoever is on the way can pass for it, and is
    /// given the credentials.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
    /// Prefix of addresses that share the credentials. They are then kept in a credential template, which Argo CD
    /// uses for every repository whose address begins so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub credential_template: Option<String>,
    /// What else Argo CD is told about the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryOptions>,
}

/// Who commits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Author {
    /// Name in commits; also the user at the Git host.
    pub name: String,
    /// E-mail address in commits.
    pub email: String,
}

/// What else Argo CD is told about the repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RepositoryOptions {
    /// Name under which Argo CD shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub name: Option<String>,
    /// AppProject that alone may use it (Argo CD 2.2 and later).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DNS_NAME))]
    pub project: Option<String>,
    /// Fetches files that are kept in Git LFS.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub enable_lfs: bool,
    /// HTTP or SOCKS5 proxy by which Argo CD reaches the Git host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub proxy: Option<String>,
    /// Hosts that are reached without the proxy, with commas between them (Argo CD 2.13 and later).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub no_proxy: Option<String>,
    /// Sends user and token without being asked (Argo CD 2.6 and later).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force_http_basic_auth: bool,
    /// Commits that are fetched; by default all (Argo CD 3.3 and later).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub depth: Option<u32>,
    /// Certificate by which Argo CD shows who it is, for Git hosts that ask for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
}

/// A client certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClientCertificate {
    /// Certificate (PEM).
    pub certificate: SecretRef,
    /// Its private key (PEM).
    pub key: SecretRef,
}

/// Credentials for the repository, by reference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum GitAuth {
    /// HTTPS with user and token.
    #[serde(rename_all = "camelCase")]
    Token {
        /// User at the Git host.
        username: String,
        /// Token or password.
        token: SecretRef,
    },
    /// HTTPS with a bearer token (Argo CD 3.0 and later).
    #[serde(rename_all = "camelCase")]
    Bearer {
        /// The token.
        token: SecretRef,
    },
    /// HTTPS as an installation of a GitHub App (Argo CD 2.0 and later).
    #[serde(rename_all = "camelCase")]
    GithubApp {
        /// Number of the App.
        app_id: u64,
        /// Number of its installation in the organisation.
        installation_id: u64,
        /// Private key of the App (PEM).
        private_key: SecretRef,
        /// Address of the API of a GitHub Enterprise Server, such as `https://ghe.example.com/api/v3`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(length(min = 1))]
        api_url: Option<String>,
    },
    /// SSH with a private key.
    #[serde(rename_all = "camelCase")]
    Ssh {
        /// Private key in OpenSSH or PEM form.
        private_key: SecretRef,
        /// Passphrase of the key, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passphrase: Option<SecretRef>,
        /// Known hosts file that holds the Git host's keys; by default the published keys of the large Git hosts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known_hosts: Option<PathBuf>,
    },
}

impl GitAuth {
    /// Everything secret that it refers to.
    pub fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::Token { token, .. } | Self::Bearer { token } => vec![token],
            Self::GithubApp { private_key, .. } => vec![private_key],
            Self::Ssh { private_key, passphrase, .. } => {
                std::iter::once(private_key).chain(passphrase).collect()
            }
        }
    }

    /// The file of known hosts that it names.
    pub fn known_hosts(&self) -> Option<&PathBuf> {
        match self {
            Self::Ssh { known_hosts, .. } => known_hosts.as_ref(),
            _ => None,
        }
    }
}
