//! A local bare repository, by its `file://` address: for trials, where no Git host is needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use manifests::config::Author;
use xshell::{Shell, cmd};

/// Who commits where the configuration names nobody.
const AUTHOR: (&str, &str) = ("gitops-setup", "gitops-setup@localhost");
/// Branch of a new repository.
const BRANCH: &str = "main";

/// Why a local repository can't be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The address is not of this machine.
    #[error("{0} is not a local repository (file://…)")]
    NotLocal(String),
    /// There is no git.
    #[error("git is not on PATH\n  install it; it makes and reads local repositories")]
    NoGit,
    /// git said no.
    #[error("git repository {}: {message}\n  is git installed, and may you write there?", .path.display())]
    Git {
        /// The repository.
        path: PathBuf,
        /// git's words.
        message: String,
    },
}

/// The path of a `file://` address.
pub fn local_path(url: &str) -> Option<PathBuf> {
    url.strip_prefix("file://").filter(|path| path.starts_with('/')).map(PathBuf::from)
}

/// Folders at the top of the branch that hold at least one file; `None` where there is no repository.
/// Without a branch, the repository's own default one is meant.
pub fn folders(path: &Path, branch: Option<&str>) -> Result<Option<Vec<String>>, RepositoryError> {
    if !path.join("HEAD").exists() {
        return Ok(None);
    }
    let git = Git::new(path)?;
    let branch = branch.unwrap_or("HEAD");
    if !git.has_commit(branch)? {
        return Ok(Some(Vec::new()));
    }
    let listing = git.read(&["ls-tree", "-d", "--name-only", "-z", branch])?;
    Ok(Some(listing.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()))
}

/// Makes the repository where there is none, and adds the folders with a README each, in one commit. Folders
/// that are there stay as they are.
pub fn init(
    path: &Path,
    branch: Option<&str>,
    author: &Author,
    wanted: &[String],
) -> Result<(), RepositoryError> {
    let git = Git::new(path)?.by(author);
    let exists = path.join("HEAD").exists();
    let branch = match branch {
        Some(branch) => branch.to_owned(),
        None if exists => git.read(&["symbolic-ref", "--short", "HEAD"])?.trim().to_owned(),
        None => BRANCH.to_owned(),
    };
    let branch = branch.as_str();
    if !exists {
        let start = format!("--initial-branch={branch}");
        git.anywhere(&["init", "--quiet", "--bare", &start, &path.display().to_string()])?;
    }
    let present: BTreeSet<String> = folders(path, Some(branch))?.unwrap_or_default().into_iter().collect();
    let missing: Vec<&String> = wanted.iter().filter(|folder| !present.contains(*folder)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let parent = git.has_commit(branch)?.then(|| git.read(&["rev-parse", branch])).transpose()?;
    let mut entries = match &parent {
        Some(parent) => git.read(&["ls-tree", parent.trim()])?,
        None => String::new(),
    };
    for folder in missing {
        let readme =
            format!("# {folder}\n\nArgo CD applies what is in this folder to the namespace `{folder}`.\n");
        let blob = git.write(&["hash-object", "-w", "--stdin"], &readme)?;
        let tree = git.write(&["mktree"], &format!("100644 blob {}\tREADME.md\n", blob.trim()))?;
        entries.push_str(&format!("040000 tree {}\t{folder}\n", tree.trim()));
    }
    let tree = git.write(&["mktree"], &entries)?;
    let mut commit = vec!["commit-tree", tree.trim(), "-m", "Add a folder for each environment"];
    if let Some(parent) = &parent {
        commit.extend(["-p", parent.trim()]);
    }
    let commit = git.read(&commit)?;
    // Moves the branch only from where it was read: of two runs at once, one is told to run again.
    let before = parent.as_deref().map_or("0000000000000000000000000000000000000000", str::trim);
    git.read(&["update-ref", &format!("refs/heads/{branch}"), commit.trim(), before]).map(drop)
}

struct Git<'a> {
    shell: Shell,
    path: &'a Path,
}

impl<'a> Git<'a> {
    fn new(path: &'a Path) -> Result<Self, RepositoryError> {
        let failed =
            |error: &xshell::Error| RepositoryError::Git { path: path.into(), message: error.to_string() };
        let shell = Shell::new().map_err(|error| failed(&error))?;
        shell.set_var("GIT_CONFIG_GLOBAL", "/dev/null");
        shell.set_var("GIT_CONFIG_NOSYSTEM", "1");
        cmd!(shell, "git --version").quiet().ignore_stdout().run().map_err(|_| RepositoryError::NoGit)?;
        Ok(Self { shell, path })
    }

    /// The same, committing as somebody; what the author leaves empty has a default.
    fn by(self, author: &Author) -> Self {
        let or =
            |value: &str, default: &str| if value.is_empty() { default.to_owned() } else { value.to_owned() };
        let (name, email) = (or(&author.name, AUTHOR.0), or(&author.email, AUTHOR.1));
        for role in ["AUTHOR", "COMMITTER"] {
            self.shell.set_var(format!("GIT_{role}_NAME"), &name);
            self.shell.set_var(format!("GIT_{role}_EMAIL"), &email);
        }
        self
    }

    fn has_commit(&self, branch: &str) -> Result<bool, RepositoryError> {
        let path = self.path;
        let commit = format!("{branch}^{{commit}}");
        let output = cmd!(self.shell, "git --git-dir {path} rev-parse --quiet --verify {commit}")
            .quiet()
            .ignore_status()
            .output()
            .map_err(|error| self.error(error.to_string()))?;
        Ok(output.status.success())
    }

    fn read(&self, words: &[&str]) -> Result<String, RepositoryError> {
        self.write(words, "")
    }

    fn write(&self, words: &[&str], input: &str) -> Result<String, RepositoryError> {
        let path = self.path.display().to_string();
        let words: Vec<&str> = ["--git-dir", &path].into_iter().chain(words.iter().copied()).collect();
        self.run(&words, input)
    }

    fn anywhere(&self, words: &[&str]) -> Result<String, RepositoryError> {
        self.run(words, "")
    }

    fn run(&self, words: &[&str], input: &str) -> Result<String, RepositoryError> {
        let output = cmd!(self.shell, "git {words...}")
            .quiet()
            .stdin(input)
            .ignore_status()
            .output()
            .map_err(|error| self.error(error.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.error(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    fn error(&self, message: String) -> RepositoryError {
        RepositoryError::Git { path: self.path.to_owned(), message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_added_once_and_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/repository.git");
        assert_eq!(folders(&path, None).unwrap(), None);
        let wanted = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        init(&path, None, &Author::default(), &wanted(&["dev"])).unwrap();
        init(&path, None, &Author::default(), &wanted(&["dev", "prod"])).unwrap();
        assert_eq!(folders(&path, None).unwrap(), Some(wanted(&["dev", "prod"])));
        let git = Git::new(&path).unwrap();
        let before = git.read(&["rev-list", "--all"]).unwrap();
        assert_eq!(before.lines().count(), 2, "one commit a change");
        init(&path, None, &Author::default(), &wanted(&["dev", "prod"])).unwrap();
        assert_eq!(git.read(&["rev-list", "--all"]).unwrap(), before);
        assert!(git.read(&["show", "main:dev/README.md"]).unwrap().contains("namespace `dev`"));
    }

    #[test]
    fn an_existing_repository_keeps_its_branch_and_commits_name_the_author() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("repository.git");
        let git = Git::new(&path).unwrap();
        git.anywhere(&["init", "--quiet", "--bare", "--initial-branch=trunk", &path.display().to_string()])
            .unwrap();
        let author = Author { name: "Ada".into(), email: "ada@example.com".into() };
        init(&path, None, &author, &["dev".to_owned()]).unwrap();
        assert_eq!(folders(&path, None).unwrap(), Some(vec!["dev".to_owned()]));
        assert_eq!(git.read(&["branch", "--list", "--format=%(refname:short)"]).unwrap().trim(), "trunk");
        let who = git.read(&["log", "-1", "--format=%an <%ae>", "trunk"]).unwrap();
        assert_eq!(who.trim(), "Ada <ada@example.com>");
    }

    #[test]
    fn only_addresses_of_this_machine_are_local() {
        assert_eq!(local_path("file:///srv/x.git"), Some("/srv/x.git".into()));
        assert_eq!(local_path("https://example.com/x.git"), None);
        assert_eq!(local_path("file://host/x"), None);
    }
}
