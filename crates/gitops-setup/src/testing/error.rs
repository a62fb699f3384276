//! Why a test has no cluster.

use std::fmt;

use cluster::ClusterError;
use cluster::dirs::DirError;

use crate::failure::Failure;

/// Why a test has no cluster, or it could not be set up: what failed, on which object, the likely cause and the next
/// command, as the command line says it.
///
/// `Debug` says the same, with what was reported until then: it is what a test prints that ends with this error.
pub struct Error {
    pub(super) failure: Failure,
    pub(super) log: Vec<String>,
}

impl Error {
    /// What failed, by kind.
    pub fn failure(&self) -> &Failure {
        &self.failure
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        self.log.iter().try_for_each(|line| write!(f, "\n    | {line}"))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self { failure, log: Vec::new() }
    }
}

impl From<ClusterError> for Error {
    fn from(error: ClusterError) -> Self {
        Failure::from(error).into()
    }
}

impl From<DirError> for Error {
    fn from(error: DirError) -> Self {
        Failure::Precondition(error.to_string()).into()
    }
}
