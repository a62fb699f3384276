//! Repositories of the server: made in a known state, and read back.

use super::GitServer;

/// What a new repository has on its branch `main`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// `seldon-dev` with a `README.md`, and `seldon-prod`.
    Environments,
    /// Not a single commit: there is no branch.
    NoCommit,
    /// A folder `docs` and nothing else.
    OtherFolder,
    /// A folder `seldon-dev` whose tree is empty.
    EmptyFolder,
    /// As [`Contents::Environments`], and pushes to `main` are declined as by GitHub's protected branches.
    Protected,
}

impl Contents {
    /// Its name for `create-repository` in the image.
    fn name(self) -> &'static str {
        match self {
            Self::Environments => "environments",
            Self::NoCommit => "no-commit",
            Self::OtherFolder => "other-folder",
            Self::EmptyFolder => "empty-folder",
            Self::Protected => "protected",
        }
    }
}

impl GitServer {
    /// Makes a repository of a name that no other test uses.
    ///
    /// # Panics
    ///
    /// Where there is one of this name.
    pub fn create_repository(&self, name: &str, contents: Contents) {
        self.exec(&format!("create-repository {name} {}", contents.name()));
    }

    /// What Git says about a repository: of `log --format=%s main` or `ls-tree -r --name-only main`, for example.
    ///
    /// # Panics
    ///
    /// Where it fails.
    pub fn git(&self, repository: &str, arguments: &str) -> String {
        self.exec(&format!("git -C /srv/git/{repository}.git {arguments}"))
    }
}
