//! SSH host keys that are carried along.

use crate::argocd::bundled;

/// Text of a `known_hosts` file with the keys that GitHub, GitLab, Bitbucket and Azure DevOps publish. It is the one
/// that comes with Argo CD.
pub fn published() -> String {
    bundled::known_hosts::text()
}
