//! git-credentials
