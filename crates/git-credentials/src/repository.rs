//! The GitOps repository: a local bare one by its `file://` address, for trials where no Git host is needed, and
//! what is written to one at a Git host.

pub(crate) mod plumbing;
mod push;

use std::path::{Path, PathBuf};

use manifests::config::Author;

use plumbing::Repository;
pub use push::{Pushed, init_remote};

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
    /// Something that is no folder has a folder's name.
    #[error("git repository {}: `{name}` at the top of the branch is no folder\n  rename it, or give the environment another name", .path.display())]
    NotAFolder {
        /// The repository.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// There is something else.
    #[error("{} holds something that is no bare repository\n  name another folder in `git.url`, or make one of what is there: git clone --bare {} OTHER", .0.display(), .0.display())]
    InTheWay(PathBuf),
    /// There is no such branch or tag.
    #[error("git repository {}: there is no commit {revision}\n  push one, or name another revision", .path.display())]
    NoCommit {
        /// The repository.
        path: PathBuf,
        /// What was looked for.
        revision: String,
    },
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
    let git = Repository::open(path)?;
    let branch = branch.unwrap_or("HEAD");
    if !git.has_commit(branch)? {
        return Ok(Some(Vec::new()));
    }
    Ok(Some(git.folders(branch)?.filled))
}

/// Every folder of a commit, at whatever depth, by its path.
pub fn all_folders(path: &Path, revision: &str) -> Result<Vec<String>, RepositoryError> {
    let git = Repository::open(path)?;
    let commit = format!("{revision}^{{commit}}");
    if git.git(&["rev-parse", "--quiet", "--verify", "--end-of-options", &commit], "").is_err() {
        return Err(RepositoryError::NoCommit { path: path.to_owned(), revision: revision.to_owned() });
    }
    let listing = git.git(&["ls-tree", "-r", "-d", "-z", "--name-only", "--end-of-options", revision], "")?;
    Ok(listing.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Makes the repository where there is none, and adds the folders with a README each, in one commit. Folders
/// that are there stay as they are; where none is missing, nothing is written.
pub fn init(
    path: &Path,
    branch: Option<&str>,
    author: &Author,
    wanted: &[String],
) -> Result<(), RepositoryError> {
    let git = Repository::open(path)?.by(author);
    let exists = path.join("HEAD").exists();
    if !exists && std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(RepositoryError::InTheWay(path.to_owned()));
    }
    let branch = match branch {
        Some(branch) => branch.to_owned(),
        None if exists => git.git(&["symbolic-ref", "--short", "HEAD"], "")?.trim().to_owned(),
        None => BRANCH.to_owned(),
    };
    if !exists {
        git.create(&branch)?;
    }
    let parent = git.has_commit(&branch)?.then(|| git.git(&["rev-parse", &branch], "")).transpose()?;
    let parent = parent.as_deref().map(str::trim);
    let Some(commit) = git.skeleton(parent, wanted)? else { return Ok(()) };
    // Moves the branch only from where it was read: of two runs at once, one is told to run again.
    let before = parent.unwrap_or("0000000000000000000000000000000000000000");
    git.git(&["update-ref", &format!("refs/heads/{branch}"), &commit, before], "").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_bare_repository_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "mine").unwrap();
        let error = init(dir.path(), None, &Author::default(), &["dev".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("no bare repository"), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was added");
    }

    #[test]
    fn folders_are_added_once_and_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/repository.git");
        assert_eq!(folders(&path, None).unwrap(), None);
        let wanted = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        init(&path, None, &Author::default(), &wanted(&["dev"])).unwrap();
        init(&path, None, &Author::default(), &wanted(&["dev", "prod"])).unwrap();
        assert_eq!(folders(&path, None).unwrap(), Some(wanted(&["dev", "prod"])));
        assert_eq!(all_folders(&path, "HEAD").unwrap(), ["dev", "prod"]);
        let git = Repository::open(&path).unwrap();
        let before = git.git(&["rev-list", "--all"], "").unwrap();
        assert_eq!(before.lines().count(), 2, "one commit a change");
        init(&path, None, &Author::default(), &wanted(&["dev", "prod"])).unwrap();
        assert_eq!(git.git(&["rev-list", "--all"], "").unwrap(), before);
        assert!(git.git(&["show", "main:dev/README.md"], "").unwrap().contains("namespace `dev`"));
    }

    #[test]
    fn an_existing_repository_keeps_its_branch_and_commits_name_the_author() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("repository.git");
        let git = Repository::open(&path).unwrap();
        git.create("trunk").unwrap();
        let author = Author { name: "Ada".into(), email: "ada@example.com".into() };
        init(&path, None, &author, &["dev".to_owned()]).unwrap();
        assert_eq!(folders(&path, None).unwrap(), Some(vec!["dev".to_owned()]));
        assert_eq!(git.git(&["branch", "--list", "--format=%(refname:short)"], "").unwrap().trim(), "trunk");
        let who = git.git(&["log", "-1", "--format=%an <%ae>", "trunk"], "").unwrap();
        assert_eq!(who.trim(), "Ada <ada@example.com>");
    }

    #[test]
    fn a_folder_without_content_is_filled_and_a_file_is_not_taken_for_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("repository.git");
        init(&path, None, &Author::default(), &["dev".to_owned()]).unwrap();
        let git = Repository::open(&path).unwrap();
        let empty = git.git(&["mktree"], "").unwrap();
        let file = git.git(&["hash-object", "-w", "--stdin"], "x").unwrap();
        let (empty, file) = (empty.trim(), file.trim());
        let entries =
            format!("040000 tree {empty}\tprod\n100644 blob {file}\ttest\n100644 blob {file}\treadme\n");
        let tree = git.git(&["mktree"], &entries).unwrap();
        let commit = git.git(&["commit-tree", tree.trim(), "-m", "x"], "").unwrap();
        git.git(&["update-ref", "refs/heads/main", commit.trim()], "").unwrap();

        assert_eq!(folders(&path, None).unwrap(), Some(vec![]));
        assert_eq!(git.folders("main").unwrap().empty, ["prod"]);
        init(&path, None, &Author::default(), &["prod".to_owned()]).unwrap();
        assert_eq!(folders(&path, None).unwrap(), Some(vec!["prod".to_owned()]));
        let names = git.git(&["ls-tree", "--name-only", "main"], "").unwrap();
        assert_eq!(names, "prod\nreadme\ntest\n", "another README is not wanted");
        let error = init(&path, None, &Author::default(), &["test".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("`test` at the top of the branch is no folder"), "{error}");
    }

    #[test]
    fn names_that_are_no_utf8_stay_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("repository.git");
        let git = Repository::open(&path).unwrap();
        git.create("main").unwrap();
        let file = git.git(&["hash-object", "-w", "--stdin"], "x").unwrap();
        // Without -z, mktree takes a name in quotes.
        let entries = format!("100644 blob {0}\t\"caf\\351.txt\"\n100644 blob {0}\tüber.txt\n", file.trim());
        let tree = git.git(&["mktree"], &entries).unwrap();
        let commit = git.git(&["commit-tree", tree.trim(), "-m", "theirs"], "").unwrap();
        git.git(&["update-ref", "refs/heads/main", commit.trim()], "").unwrap();

        init(&path, None, &Author::default(), &["dev".to_owned()]).unwrap();
        let names = git.git(&["ls-tree", "--name-only", "main"], "").unwrap();
        assert_eq!(names, "README.md\n\"caf\\351.txt\"\ndev\n\"\\303\\274ber.txt\"\n");
    }

    #[test]
    fn only_addresses_of_this_machine_are_local() {
        assert_eq!(local_path("file:///srv/x.git"), Some("/srv/x.git".into()));
        assert_eq!(local_path("https://example.com/x.git"), None);
        assert_eq!(local_path("file://host/x"), None);
    }
}
