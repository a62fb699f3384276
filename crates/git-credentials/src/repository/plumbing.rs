//! git's plumbing in a bare repository on this machine: a commit is made of what is there and what is added,
//! without a work tree and without the files that stay as they are.

use std::path::{Path, PathBuf};

use manifests::config::Author;
use xshell::{Shell, cmd};

use super::RepositoryError;

/// Who commits where the configuration names nobody.
const AUTHOR: (&str, &str) = ("gitops-setup", "gitops-setup@localhost");
/// What an empty folder is in git.
const EMPTY: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
const MESSAGE: &str = "Add a folder for each environment";
const README: &str =
    "# GitOps\n\nEach folder holds what Argo CD applies to the namespace of the same name.\n";

/// A bare repository, and who commits to it.
pub(crate) struct Repository {
    shell: Shell,
    path: PathBuf,
    author: (String, String),
}

/// Folders at the top of a commit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tops {
    /// Those that hold something.
    pub(crate) filled: Vec<String>,
    /// Those that hold nothing.
    pub(crate) empty: Vec<String>,
}

/// An entry at the top of a commit.
struct Entry {
    mode: String,
    kind: String,
    id: String,
    /// As it is: git's names are bytes, and one that is no UTF-8 has to stay what the user called it.
    name: Vec<u8>,
}

impl Entry {
    fn is_folder(&self) -> bool {
        self.kind == "tree"
    }

    fn is_empty(&self) -> bool {
        self.id == EMPTY
    }

    fn is(&self, name: &str) -> bool {
        self.name == name.as_bytes()
    }

    fn line(&self) -> Vec<u8> {
        let what = format!("{} {} {}\t", self.mode, self.kind, self.id);
        [what.as_bytes(), &self.name, b"\0"].concat()
    }
}

impl Repository {
    /// The repository at a path, which needs not be there yet. Makes sure that there is a git.
    pub(crate) fn open(path: &Path) -> Result<Self, RepositoryError> {
        let repository = Self::at(path)?;
        repository.run(&["version"], &[]).map_err(|_| RepositoryError::NoGit)?;
        Ok(repository)
    }

    /// The same where git is known to be there.
    pub(crate) fn at(path: &Path) -> Result<Self, RepositoryError> {
        let failed =
            |error: xshell::Error| RepositoryError::Git { path: path.to_owned(), message: error.to_string() };
        let shell = Shell::new().map_err(failed)?;
        Ok(Self { shell, path: path.to_owned(), author: (AUTHOR.0.to_owned(), AUTHOR.1.to_owned()) })
    }

    /// The same, committing as somebody; what the author leaves empty has a default.
    pub(crate) fn by(mut self, author: &Author) -> Self {
        if !author.name.is_empty() {
            self.author.0.clone_from(&author.name);
        }
        if !author.email.is_empty() {
            self.author.1.clone_from(&author.email);
        }
        self
    }

    /// Makes it, with this default branch.
    pub(crate) fn create(&self, branch: &str) -> Result<(), RepositoryError> {
        let start = format!("--initial-branch={branch}");
        self.run(&["init", "--quiet", "--bare", &start, &self.path.display().to_string()], &[]).map(drop)
    }

    /// Whether there is such a commit.
    pub(crate) fn has_commit(&self, revision: &str) -> Result<bool, RepositoryError> {
        let commit = format!("{revision}^{{commit}}");
        let path = self.path.display().to_string();
        let words = ["--git-dir", &path, "rev-parse", "--quiet", "--verify", &commit];
        Ok(self.output(&words, &[])?.status.success())
    }

    /// The folders at the top of a commit. Files and submodules are none.
    pub(crate) fn folders(&self, revision: &str) -> Result<Tops, RepositoryError> {
        let mut tops = Tops::default();
        for entry in self.entries(revision)?.into_iter().filter(Entry::is_folder) {
            // To be read and compared; nothing is written by these.
            let name = String::from_utf8_lossy(&entry.name).into_owned();
            if entry.is_empty() { tops.empty.push(name) } else { tops.filled.push(name) }
        }
        Ok(tops)
    }

    /// A commit on `parent` with a README in each of the wanted folders that is missing or empty, and one at the
    /// top where there is none; `None` where no folder is missing. No branch is moved.
    pub(crate) fn skeleton(
        &self,
        parent: Option<&str>,
        wanted: &[String],
    ) -> Result<Option<String>, RepositoryError> {
        let mut entries = parent.map_or_else(|| Ok(Vec::new()), |parent| self.entries(parent))?;
        let present = |entry: &Entry, name: &str| entry.is(name) && !entry.is_empty();
        let missing: Vec<&String> = wanted
            .iter()
            .filter(|name| !entries.iter().any(|entry| present(entry, name) && entry.is_folder()))
            .collect();
        if missing.is_empty() {
            return Ok(None);
        }
        for name in missing {
            if entries.iter().any(|entry| present(entry, name)) {
                return Err(RepositoryError::NotAFolder { path: self.path.clone(), name: name.clone() });
            }
            entries.retain(|entry| !entry.is(name));
            entries.push(self.folder(name)?);
        }
        if !entries.iter().any(|entry| entry.name.to_ascii_lowercase().starts_with(b"readme")) {
            entries.push(self.file("README.md", README)?);
        }
        let tree = self.tree(&entries)?;
        self.commit(&tree, parent).map(Some)
    }

    /// A commit that holds nothing, for asking whether one may be pushed.
    pub(crate) fn empty_commit(&self) -> Result<String, RepositoryError> {
        let tree = self.tree(&[])?;
        self.commit(&tree, None)
    }

    fn entries(&self, revision: &str) -> Result<Vec<Entry>, RepositoryError> {
        let listing = self.bytes(&["ls-tree", "-z", revision], &[])?;
        let entry = |line: &[u8]| {
            let tab = line.iter().position(|byte| *byte == b'\t')?;
            let mut what = std::str::from_utf8(&line[..tab]).ok()?.split(' ').map(str::to_owned);
            let name = line[tab + 1..].to_vec();
            Some(Entry { mode: what.next()?, kind: what.next()?, id: what.next()?, name })
        };
        Ok(listing.split(|byte| *byte == 0).filter_map(entry).collect())
    }

    fn folder(&self, name: &str) -> Result<Entry, RepositoryError> {
        let text = format!("# {name}\n\nArgo CD applies what is in this folder to the namespace `{name}`.\n");
        let readme = self.file("README.md", &text)?;
        let id = self.tree(&[readme])?;
        Ok(Entry { mode: "040000".into(), kind: "tree".into(), id, name: name.into() })
    }

    fn file(&self, name: &str, text: &str) -> Result<Entry, RepositoryError> {
        let id = self.git(&["hash-object", "-w", "--stdin"], text)?.trim().to_owned();
        Ok(Entry { mode: "100644".into(), kind: "blob".into(), id, name: name.into() })
    }

    /// `--missing`, because the files that stay may not have been fetched.
    fn tree(&self, entries: &[Entry]) -> Result<String, RepositoryError> {
        let lines: Vec<u8> = entries.iter().flat_map(Entry::line).collect();
        let id = self.bytes(&["mktree", "--missing", "-z"], &lines)?;
        Ok(String::from_utf8_lossy(&id).trim().to_owned())
    }

    fn commit(&self, tree: &str, parent: Option<&str>) -> Result<String, RepositoryError> {
        let mut words = vec!["commit-tree", tree, "-m", MESSAGE];
        words.extend(parent.into_iter().flat_map(|parent| ["-p", parent]));
        Ok(self.git(&words, "")?.trim().to_owned())
    }

    /// git in this repository.
    pub(crate) fn git(&self, words: &[&str], input: &str) -> Result<String, RepositoryError> {
        let output = self.bytes(words, input.as_bytes())?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    /// The same where names are read or written.
    fn bytes(&self, words: &[&str], input: &[u8]) -> Result<Vec<u8>, RepositoryError> {
        let path = self.path.display().to_string();
        let words: Vec<&str> = ["--git-dir", &path].into_iter().chain(words.iter().copied()).collect();
        self.run(&words, input)
    }

    fn run(&self, words: &[&str], input: &[u8]) -> Result<Vec<u8>, RepositoryError> {
        let output = self.output(words, input)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(self.error(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    fn output(&self, words: &[&str], input: &[u8]) -> Result<std::process::Output, RepositoryError> {
        let (name, email) = &self.author;
        cmd!(self.shell, "git {words...}")
            .quiet()
            .env_clear()
            .envs(crate::git::environment())
            .env("GIT_AUTHOR_NAME", name)
            .env("GIT_AUTHOR_EMAIL", email)
            .env("GIT_COMMITTER_NAME", name)
            .env("GIT_COMMITTER_EMAIL", email)
            .stdin(input)
            .ignore_status()
            .output()
            .map_err(|error| self.error(error.to_string()))
    }

    fn error(&self, message: String) -> RepositoryError {
        RepositoryError::Git { path: self.path.clone(), message }
    }
}
