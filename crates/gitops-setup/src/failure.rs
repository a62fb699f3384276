//! Expected failures and their exit codes.

use std::path::Path;
use std::process::ExitCode;

use cluster::ClusterError;
use cluster::provider::KindProblem;
use git_credentials::checkout::CheckoutError;
use git_credentials::host_keys::ScanError;
use git_credentials::remote::Category;
use git_credentials::repository::RepositoryError;
use git_credentials::{CredentialError, HostError, KeyError, RemoteError, SecretError};
use manifests::argocd::install::InstallError;
use manifests::config::ConfigErrors;
use manifests::models::ModelError;
use stages::PlanError;
use stages::select::{SelectionError, UnknownStage};

/// Why a command ends without having done what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Bad usage or configuration.
    #[error("{0}")]
    Usage(String),
    /// Something that the command builds on is missing.
    #[error("{0}")]
    Precondition(String),
    /// The cluster or a server refused.
    #[error("{0}")]
    Refused(String),
    /// Somebody else changed an object between our reading and our writing.
    #[error("{0}")]
    Changed(String),
    /// Something took too long.
    #[error("{0}")]
    TimedOut(String),
    /// The user stopped it.
    #[error("interrupted; what was done stays, and running the same command again finishes it")]
    Interrupted,
    /// A bug of ours.
    #[error("{0}\n  this is a bug in gitops-setup, please report it")]
    Bug(String),
    /// The same, in a stage.
    #[error("stage {stage}: {source}")]
    Stage {
        /// Name of the stage.
        stage: &'static str,
        /// What went wrong there.
        source: Box<Failure>,
    },
}

impl Failure {
    /// 2 bad usage or configuration, 3 a precondition is missing, 4 the cluster or a server refused, 5 timed
    /// out, 130 interrupted, 1 a bug of ours.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Precondition(_) => 3,
            Self::Refused(_) | Self::Changed(_) => 4,
            Self::TimedOut(_) => 5,
            Self::Interrupted => 130,
            Self::Bug(_) => 1,
            Self::Stage { source, .. } => source.code(),
        }
    }

    /// A file or folder can't be used.
    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::Precondition(format!("{}: {error}", path.display()))
    }

    fn of(category: Category, text: String) -> Self {
        match category {
            Category::Missing => Self::Precondition(text),
            Category::Refused => Self::Refused(text),
            Category::TimedOut => Self::TimedOut(text),
        }
    }

    /// The same failure, with the key of the configuration that it is about.
    pub(crate) fn of_key(self, key: &str) -> Self {
        match self {
            Self::Usage(text) => Self::Usage(format!("{key}: {text}")),
            Self::Precondition(text) => Self::Precondition(format!("{key}: {text}")),
            other => other,
        }
    }

    /// The same failure, with another way out.
    pub(crate) fn or(self, way_out: &str) -> Self {
        let with = |text: String| format!("{text}\n  {way_out}");
        match self {
            Self::Precondition(text) => Self::Precondition(with(text)),
            Self::Refused(text) => Self::Refused(with(text)),
            Self::TimedOut(text) => Self::TimedOut(with(text)),
            other => other,
        }
    }

    /// The same failure, with the stage that it happened in.
    pub(crate) fn in_stage(self, stage: &'static str) -> Self {
        Self::Stage { stage, source: Box::new(self) }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Usage(errors.to_string())
    }
}

impl From<UnknownStage> for Failure {
    fn from(error: UnknownStage) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<SelectionError> for Failure {
    fn from(error: SelectionError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<InstallError> for Failure {
    fn from(error: InstallError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Self::Precondition(error.to_string())
    }
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::BadHost(_) => Self::Usage(error.to_string()),
            _ => Self::Precondition(error.to_string()),
        }
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::of(error.category(), error.to_string())
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::of(error.category(), error.to_string())
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::Precondition(error.to_string())
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::NoGit | RepositoryError::InTheWay(_) => Self::Precondition(error.to_string()),
            _ => Self::Refused(error.to_string()),
        }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<CheckoutError> for Failure {
    fn from(error: CheckoutError) -> Self {
        match error {
            CheckoutError::InTheWay { .. } | CheckoutError::Uncommitted(_) => Self::Usage(error.to_string()),
            CheckoutError::Git { .. } => Self::Refused(error.to_string()),
            _ => Self::Precondition(error.to_string()),
        }
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        let text = error.to_string();
        match error {
            ClusterError::Kubeconfig { .. }
            | ClusterError::Unreachable { .. }
            | ClusterError::KindUnknown { .. }
            | ClusterError::Precondition { .. }
            | ClusterError::OtherConfiguration { .. }
            | ClusterError::Tool(_)
            | ClusterError::Dir(_)
            | ClusterError::File { .. } => Self::Precondition(text),
            ClusterError::TimedOut { .. } | ClusterError::Locked { .. } => Self::TimedOut(text),
            ClusterError::Webhook(objection) if objection.tried.is_some() => Self::TimedOut(text),
            ClusterError::Kind { problem: KindProblem::Config, .. } => Self::Refused(text),
            ClusterError::Kind { problem: KindProblem::Unhealthy, .. } => Self::TimedOut(text),
            ClusterError::Kind { .. } => Self::Precondition(text),
            ClusterError::Changed { .. } => Self::Changed(text),
            _ => Self::Refused(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_git_is_a_precondition() {
        assert_eq!(Failure::from(RepositoryError::NoGit).code(), 3);
        assert_eq!(Failure::from(RepositoryError::NotLocal("https://x".into())).code(), 4);
    }
}
