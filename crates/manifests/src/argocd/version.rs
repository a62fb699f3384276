//! Argo CD versions and what changed between them.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stable Argo CD release, written with a leading `v` as Argo CD tags it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = r"^v?[0-9]+\.[0-9]+\.[0-9]+$"))]
pub struct ArgoVersion(semver::Version);

impl ArgoVersion {
    /// The newest release that this version of the tool knows.
    pub fn current() -> Self {
        Self::new(3, 5, 1)
    }

    pub(super) const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self(semver::Version::new(major, minor, patch))
    }

    pub(super) fn parts(&self) -> (u64, u64, u64) {
        (self.0.major, self.0.minor, self.0.patch)
    }

    fn since(&self, major: u64, minor: u64) -> bool {
        self.0 >= semver::Version::new(major, minor, 0)
    }

    /// CustomResourceDefinitions are `apiextensions.k8s.io/v1`; before 2.0 they were `v1beta1`, which
    /// Kubernetes 1.22 removed.
    pub fn has_v1_crds(&self) -> bool {
        self.since(2, 0)
    }

    /// `argocd-cmd-params-cm` sets the server's flags (since 2.1); before, only the container's command does.
    pub fn has_cmd_params(&self) -> bool {
        self.since(2, 1)
    }

    /// The core variant, without API server and UI, is published (since 2.1).
    pub fn has_core_variant(&self) -> bool {
        self.since(2, 1)
    }

    /// Repositories are declared by labelled Secrets (since 2.1); before, by keys of `argocd-cm`.
    pub fn has_repository_secrets(&self) -> bool {
        self.since(2, 1)
    }

    /// Each health check has a key of its own in `argocd-cm` (since 2.1); before, all are in one text.
    pub fn has_health_check_keys(&self) -> bool {
        self.since(2, 1)
    }

    /// The keys `repositories` and `repository.credentials` of `argocd-cm` are no longer read (since 3.0).
    pub fn ignores_repositories_in_config(&self) -> bool {
        self.since(3, 0)
    }

    /// A cluster may belong to one project (key `project` of its Secret, since 2.2).
    pub fn has_project_clusters(&self) -> bool {
        self.since(2, 2)
    }

    /// ApplicationSets with Go templates are understood (since 2.5; without, since 2.3).
    pub fn has_go_template_sets(&self) -> bool {
        self.since(2, 5)
    }

    /// ApplicationSets say what becomes of a missing value (`goTemplateOptions`, since 2.8).
    pub fn has_go_template_options(&self) -> bool {
        self.since(2, 8)
    }

    /// A project allows kinds in no namespace by the names of their objects. Argo CD 3.5.1 has the field; earlier
    /// releases are told of the kind alone.
    pub fn has_names_in_whitelists(&self) -> bool {
        self.since(3, 5)
    }

    /// The size of webhook requests is limited, and the limit can be set (since 2.12, and later releases of 2.9 to 2.11).
    pub fn limits_webhook_payloads(&self) -> bool {
        match self.parts() {
            (2, 9, patch) => patch >= 20,
            (2, 10, patch) => patch >= 15,
            (2, 11, patch) => patch >= 6,
            (major, minor, _) => (major, minor) >= (2, 12),
        }
    }

    /// Push events of Azure DevOps are understood (since 3.5).
    pub fn knows_azure_devops_events(&self) -> bool {
        self.since(3, 5)
    }

    /// Notifications are a part of Argo CD (since 2.3).
    pub fn has_notifications(&self) -> bool {
        self.since(2, 3)
    }

    /// Expressions of triggers may have `?.` (since 2.6, with version 1.9 of their language).
    pub fn knows_optional_chaining(&self) -> bool {
        self.since(2, 6)
    }

    /// Notifications know PagerDuty's Events API v2 (since 2.8): that of 2.7 has no `service.pagerdutyv2`.
    pub fn notifies_pagerduty_events(&self) -> bool {
        self.since(2, 8)
    }

    /// First release whose repositories know a key, for those that came later than Argo CD 1.6. The keys are those
    /// of repository Secrets.
    pub fn knows_repository_key(&self, key: &str) -> bool {
        let (major, minor) = Self::first_with_repository_key(key);
        self.since(major, minor)
    }

    /// Major and minor version of the first release whose repositories know a key.
    pub fn first_with_repository_key(key: &str) -> (u64, u64) {
        match key {
            "githubAppID"
            | "githubAppInstallationID"
            | "githubAppPrivateKey"
            | "githubAppEnterpriseBaseUrl" => (2, 0),
            "proxy" => (2, 1),
            "project" => (2, 2),
            "forceHttpBasicAuth" => (2, 6),
            "noProxy" => (2, 13),
            "bearerToken" => (3, 0),
            "depth" => (3, 3),
            _ => (1, 6),
        }
    }
}

/// Why a text is no version of Argo CD.
#[derive(Debug, thiserror::Error)]
#[error("expected a release of Argo CD such as {current}, got {text:?}", current = ArgoVersion::current())]
pub struct BadVersion {
    text: String,
}

impl FromStr for ArgoVersion {
    type Err = BadVersion;

    fn from_str(text: &str) -> Result<Self, BadVersion> {
        match semver::Version::parse(text.strip_prefix('v').unwrap_or(text)) {
            Ok(version) if version.pre.is_empty() && version.build.is_empty() => Ok(Self(version)),
            _ => Err(BadVersion { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for ArgoVersion {
    type Error = BadVersion;

    fn try_from(text: String) -> Result<Self, BadVersion> {
        text.parse()
    }
}

impl From<ArgoVersion> for String {
    fn from(version: ArgoVersion) -> String {
        version.to_string()
    }
}

impl fmt::Display for ArgoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}
