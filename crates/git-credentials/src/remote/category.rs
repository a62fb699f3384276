//! Which exit code a failure belongs to.

use super::RemoteError;
use crate::github_app::AppError;
use crate::http::Broken;

/// Which of the documented exit codes a failure belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Something that the request builds on is missing: 3.
    Missing,
    /// A server refused: 4.
    Refused,
    /// It took too long: 5.
    TimedOut,
}

impl Category {
    /// That of a request without an answer.
    pub(crate) fn of_broken(broken: &Broken) -> Self {
        if *broken == Broken::TimedOut { Self::TimedOut } else { Self::Missing }
    }

    /// That of a GitHub App without a token.
    pub(crate) fn of_app(error: &AppError) -> Self {
        match error {
            AppError::Broken { source, .. } => Self::of_broken(source),
            AppError::Number | AppError::Api | AppError::NotRsa | AppError::Sign => Self::Missing,
            _ => Self::Refused,
        }
    }
}

impl RemoteError {
    /// Which of the documented exit codes it belongs to.
    pub fn category(&self) -> Category {
        match self {
            Self::TimedOut { .. } => Category::TimedOut,
            Self::App { source, .. } => Category::of_app(source),
            Self::NoGit
            | Self::GitTooOld { .. }
            | Self::NoSsh { .. }
            | Self::NoSuchHost { .. }
            | Self::Unreachable { .. }
            | Self::UnknownAuthority { .. }
            | Self::CertificateExpired { .. }
            | Self::CertificateName { .. }
            | Self::Tls { .. }
            | Self::BadCa { .. }
            | Self::NotTls { .. }
            | Self::NotSsh { .. }
            | Self::HostKeyUnknown { .. }
            | Self::Key { .. }
            | Self::BranchMissing { .. }
            | Self::BranchInTheWay { .. }
            | Self::FolderMissing { .. }
            | Self::NoDefaultBranch { .. }
            | Self::NotAFolder { .. }
            | Self::Folder(_) => Category::Missing,
            _ => Category::Refused,
        }
    }
}
