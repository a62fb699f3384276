//! Seldon Enterprise Platform: what it needs to read and write the repository.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DNS_LABEL, DNS_NAME, GitAuth};

/// Seldon Enterprise Platform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Seldon {
    /// Namespace of Seldon Enterprise Platform.
    #[schemars(extend("pattern" = DNS_LABEL))]
    pub namespace: String,
    /// Makes the namespace where it is missing; else a missing one is an error.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub create_namespace: bool,
    /// Name of the Secret with its Git credentials.
    #[schemars(extend("pattern" = DNS_NAME))]
    pub git_secret: String,
    /// Its own credentials, a token or a key with the right to push; by default those of `git.auth`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<GitAuth>,
    /// Values file of its Helm release, into which the section `gitops` is merged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub values_file: Option<PathBuf>,
    /// Its Helm release, which is then upgraded with the section `gitops`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm: Option<HelmRelease>,
    /// AppProject for whose role `seldon-admin` a token is made, which is kept in the Secret `jwt-argocd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DNS_NAME))]
    pub project_token: Option<String>,
}

impl Default for Seldon {
    fn default() -> Self {
        Self {
            namespace: "seldon-system".into(),
            create_namespace: false,
            git_secret: "git-creds".into(),
            auth: None,
            values_file: None,
            helm: None,
            project_token: None,
        }
    }
}

/// A Helm release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HelmRelease {
    /// Name of the release.
    #[schemars(length(min = 1))]
    pub release: String,
    /// Its chart: a name in a repository, a folder, an archive or an address.
    #[schemars(length(min = 1))]
    pub chart: String,
    /// Version of the chart; by default the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub version: Option<String>,
}
