//! A checkout of a GitOps repository, as a user has one.

use std::path::PathBuf;
use std::process::Command;

use crate::Sandbox;

/// A work tree in a sandbox, with one commit.
#[derive(Debug)]
pub struct Checkout {
    /// Its top.
    pub root: PathBuf,
}

impl Checkout {
    /// Makes it, as folder `name` of the sandbox's working folder.
    pub fn new(sandbox: &Sandbox, name: &str) -> Self {
        let checkout = Self { root: sandbox.work().join(name) };
        std::fs::create_dir(&checkout.root).expect("the folder is ours");
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout.git(&["config", "user.name", "Somebody"]);
        checkout.git(&["config", "user.email", "somebody@example.com"]);
        checkout.write("README.md", "theirs\n");
        checkout.git(&["add", "README.md"]);
        checkout.git(&["commit", "--quiet", "-m", "theirs"]);
        checkout
    }

    /// Its top, as an argument.
    pub fn folder(&self) -> String {
        self.root.display().to_string()
    }

    /// What git says there.
    ///
    /// # Panics
    ///
    /// Where git fails.
    #[track_caller]
    pub fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git").args(words).current_dir(&self.root).output().expect("git starts");
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is ours");
        std::fs::write(path, text).expect("the folder is ours");
    }

    /// What a file holds.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Whether there is such a file or folder.
    pub fn has(&self, name: &str) -> bool {
        std::fs::symlink_metadata(self.root.join(name)).is_ok()
    }

    /// The files of the last commit.
    pub fn committed(&self) -> Vec<String> {
        let names = self.git(&["show", "--name-only", "--format=", "HEAD"]);
        names.lines().map(str::to_owned).collect()
    }
}
