//! A user's own checkout of the GitOps repository: what is in it, changed file by file, and committed.
//!
//! Other than for repositories that only this tool reads, git runs here as the user would run it: with the user's
//! configuration, identity and hooks.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output, Stdio};

use manifests::config::Author;
use manifests::models::{FileChange, Files};

/// Larger files are no manifests, and are passed over.
const LARGEST: u64 = 1 << 20;
/// Variables by which a hook or an alias that runs us would send git to another repository.
const ELSEWHERE: [&str; 5] =
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"];

/// Why a checkout can't be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckoutError {
    /// There is no git.
    #[error("git is not on PATH\n  install it")]
    NoGit,
    /// It is none.
    #[error("{} is in no checkout of a Git repository\n  clone the GitOps repository, and name the clone by `--folder`", .0.display())]
    None(PathBuf),
    /// Something that is not the file or folder that is expected.
    #[error("{} is in the way: it is {what}\n  move it away, and run this again", .path.display())]
    InTheWay {
        /// Where.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// What would be lost is in no commit.
    #[error(
        "these files have changes that are in no commit, and would be lost:\n    {}\n  commit them first, or go on with \
         `--force`",
        .0.join("\n    ")
    )]
    Uncommitted(Vec<String>),
    /// A file or folder can't be used.
    #[error("{}: {source}", .path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// git does not know whom a commit is by.
    #[error(
        "the files are written, and not committed: git does not know who you are\n  tell it by `git config --global \
         user.name` and `git config --global user.email`, or set `git.author` in the configuration, and run this again"
    )]
    NoIdentity,
    /// A commit could not be made; nothing stays staged.
    #[error(
        "the files are written, and not committed: git in {} said\n    {message}\n  when that is mended, run this again",
        .root.display()
    )]
    NotCommitted {
        /// The top of the checkout.
        root: PathBuf,
        /// Its words, a line each.
        message: String,
    },
    /// git said no.
    #[error("git {what} in {}: {message}", .root.display())]
    Git {
        /// The top of the checkout.
        root: PathBuf,
        /// What it was asked for.
        what: String,
        /// Its words.
        message: String,
    },
}

/// The top of the work tree that a folder is in.
#[derive(Clone, Debug)]
pub struct Checkout(PathBuf);

impl Checkout {
    /// Finds it.
    pub fn of(folder: &Path) -> Result<Self, CheckoutError> {
        let output = git(folder, ["rev-parse", "--show-toplevel"])?;
        let top = String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned();
        match output.status.success() && !top.is_empty() {
            true => Ok(Self(top.into())),
            false => Err(CheckoutError::None(folder.to_owned())),
        }
    }

    /// Where it is.
    pub fn top(&self) -> &Path {
        &self.0
    }

    /// Every file below a folder, which need not be there. Links are not followed, and large files passed over.
    pub fn read(&self, folder: &str) -> Result<Files, CheckoutError> {
        let mut files = Files::new();
        if let Some((path, what)) = self.in_the_way(&format!("{folder}/any"))? {
            return Err(CheckoutError::InTheWay { path, what });
        }
        self.read_into(folder, &mut files)?;
        Ok(files)
    }

    fn read_into(&self, folder: &str, files: &mut Files) -> Result<(), CheckoutError> {
        let path = self.0.join(folder);
        let failed = |source| CheckoutError::File { path: path.clone(), source };
        let entries = match std::fs::read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            // A name that is no UTF-8 is none of ours.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = format!("{folder}/{name}");
            if kind.is_dir() {
                self.read_into(&name, files)?;
            } else if kind.is_file() && entry.metadata().map_err(failed)?.len() <= LARGEST {
                let bytes = std::fs::read(entry.path()).map_err(failed)?;
                files.insert(name, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(())
    }

    /// Makes sure that the changes can be made: no link leads out of the checkout, nothing unexpected is in the way,
    /// and, unless by `force`, nothing is lost that is in no commit.
    pub fn check(&self, changes: &[FileChange], force: bool) -> Result<(), CheckoutError> {
        for change in changes {
            if let Some((path, what)) = self.in_the_way(&change.path)? {
                return Err(CheckoutError::InTheWay { path, what });
            }
            let path = self.0.join(&change.path);
            let what = match std::fs::symlink_metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(source) => return Err(CheckoutError::File { path, source }),
                Ok(metadata) if metadata.is_symlink() => Some("a symbolic link"),
                Ok(metadata) if metadata.is_dir() => Some("a folder"),
                Ok(_) if change.before.is_none() => Some("no manifest"),
                Ok(_) => None,
            };
            if let Some(what) = what {
                return Err(CheckoutError::InTheWay { path, what });
            }
        }
        let lost: Vec<&str> = changes
            .iter()
            .filter(|change| change.before.is_some())
            .map(|change| change.path.as_str())
            .collect();
        match self.uncommitted(&lost)? {
            lost if lost.is_empty() || force => Ok(()),
            lost => Err(CheckoutError::Uncommitted(lost)),
        }
    }

    /// What is in the way to a file: a folder on the way to it that is none, or none of the checkout's own.
    fn in_the_way(&self, file: &str) -> Result<Option<(PathBuf, &'static str)>, CheckoutError> {
        let mut path = self.0.clone();
        for part in Path::new(file).parent().into_iter().flat_map(Path::components) {
            let Component::Normal(name) = part else {
                return Ok(Some((file.into(), "no path within the checkout")));
            };
            path.push(name);
            match std::fs::symlink_metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(source) => return Err(CheckoutError::File { path, source }),
                Ok(metadata) if metadata.is_symlink() => return Ok(Some((path, "a symbolic link"))),
                Ok(metadata) if !metadata.is_dir() => return Ok(Some((path, "no folder"))),
                Ok(_) => {}
            }
        }
        Ok(None)
    }

    /// Makes a change. The file is whole at any time; folders that become empty go.
    pub fn write(&self, change: &FileChange) -> Result<(), CheckoutError> {
        let path = self.0.join(&change.path);
        let folder = path.parent().unwrap_or(&self.0);
        let done = match &change.after {
            Some(text) => replace(folder, &path, text),
            None => std::fs::remove_file(&path),
        };
        done.map_err(|source| CheckoutError::File { path: path.clone(), source })?;
        if change.after.is_none() {
            // The first that is not empty stays, and all above it.
            let above = folder.ancestors().take_while(|folder| *folder != self.0);
            above.map(std::fs::remove_dir).take_while(Result::is_ok).for_each(drop);
        }
        Ok(())
    }

    /// Those of some paths whose content is in no commit.
    pub fn uncommitted(&self, paths: &[&str]) -> Result<Vec<String>, CheckoutError> {
        Ok(self.states(paths)?.into_iter().map(|(_, path)| path).collect())
    }

    /// The same, each with whether git knows the path.
    fn states(&self, paths: &[&str]) -> Result<Vec<(bool, String)>, CheckoutError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let words =
            ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignored", "--"];
        let listing = self.git("status", words.iter().chain(paths))?;
        let entries = listing.split('\0').filter_map(|line| Some((line.get(..2)?, line.get(3..)?)));
        // In a folder, what git doesn't know is somebody else's.
        let known = entries.map(|(state, path)| (!matches!(state, "??" | "!!"), path.to_owned()));
        Ok(known.filter(|(known, path)| *known || paths.contains(&path.as_str())).collect())
    }

    /// Whether the last commit has a file of this path, whatever it holds.
    pub fn has_committed(&self, path: &str) -> Result<bool, CheckoutError> {
        Ok(git(&self.0, ["cat-file", "-e", &format!("HEAD:{path}")])?.status.success())
    }

    /// Commits these files as they are now and nothing else, whatever is staged; gives the commit, or `None` where
    /// they are committed already. Of a folder, what was changed or removed is committed, and nothing is added. The
    /// commit is by `author` where git knows nobody else; where it fails, what is staged is as it was.
    pub fn commit(
        &self,
        paths: &[&str],
        message: &str,
        author: Option<&Author>,
    ) -> Result<Option<String>, CheckoutError> {
        let changed = self.states(paths)?;
        if changed.is_empty() {
            return Ok(None);
        }
        let identity = self.identity(author)?;
        let new: Vec<&str> =
            changed.iter().filter(|(known, _)| !known).map(|(_, path)| path.as_str()).collect();
        let changed = changed.iter().map(|(_, path)| path.as_str());
        // Only what git knows can be committed by its path.
        let added = match new.as_slice() {
            [] => Ok(String::new()),
            new => self.git("add", ["add", "--"].iter().chain(new)),
        };
        let words = ["commit", "--quiet", "--only", "--message", message, "--"];
        let words = identity.iter().map(String::as_str).chain(words).chain(changed);
        let committed = added.and_then(|_| self.git("commit", words));
        if let Err(error) = committed {
            if !new.is_empty() {
                self.git("reset", ["reset", "--quiet", "--"].iter().chain(&new))?;
            }
            return Err(match error {
                CheckoutError::Git { root, message, .. } => {
                    CheckoutError::NotCommitted { root, message: readable(&message) }
                }
                error => error,
            });
        }
        let commit = self.git("rev-parse", ["rev-parse", "--short", "HEAD"])?;
        Ok(Some(commit.trim().to_owned()))
    }

    /// The options that tell git whom a commit is by: none where the user did.
    fn identity(&self, author: Option<&Author>) -> Result<Vec<String>, CheckoutError> {
        let knows = |options: &[&str]| {
            ["GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"].iter().try_fold(true, |knows, name| {
                Ok(knows && git(&self.0, options.iter().chain(&["var", name]))?.status.success())
            })
        };
        // What git would guess from the machine's name is no identity of the user's.
        if knows(&["-c", "user.useConfigOnly=true"])? {
            return Ok(Vec::new());
        }
        match author.filter(|author| !author.name.is_empty() && !author.email.is_empty()) {
            Some(Author { name, email }) => {
                Ok(["-c".into(), format!("user.name={name}"), "-c".into(), format!("user.email={email}")]
                    .into())
            }
            None if knows(&[])? => Ok(Vec::new()),
            None => Err(CheckoutError::NoIdentity),
        }
    }

    /// The branch whose commit is the last one; `None` where HEAD is detached.
    pub fn branch(&self) -> Result<Option<String>, CheckoutError> {
        let output = git(&self.0, ["symbolic-ref", "--quiet", "--short", "HEAD"])?;
        let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(output.status.success().then_some(name))
    }

    /// The addresses of all remotes, as the user configured them: there may be a password in one.
    pub fn remotes(&self) -> Result<Vec<String>, CheckoutError> {
        // It fails where there is none.
        let output = git(&self.0, ["config", "-z", "--get-regexp", r"^remote\..*\.url$"])?;
        let listing = String::from_utf8_lossy(&output.stdout).into_owned();
        let urls = listing.split('\0').filter_map(|entry| Some(entry.split_once('\n')?.1.to_owned()));
        Ok(urls.collect())
    }

    /// Whether a folder is its top, with all files of the commit.
    pub fn is_whole(&self, folder: &Path) -> bool {
        let same = self.0.canonicalize().is_ok_and(|top| folder.canonicalize().is_ok_and(|it| it == top));
        let output = git(&self.0, ["config", "--type=bool", "core.sparseCheckout"]);
        same && output.is_ok_and(|output| output.stdout.trim_ascii() != b"true")
    }

    fn git(
        &self,
        what: &str,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<String, CheckoutError> {
        let output = git(&self.0, words)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said =
            [output.stderr, output.stdout].map(|said| String::from_utf8_lossy(&said).trim().to_owned());
        let message = said.into_iter().find(|said| !said.is_empty()).unwrap_or_default();
        Err(CheckoutError::Git { root: self.0.clone(), what: what.into(), message })
    }
}

fn git(folder: &Path, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output, CheckoutError> {
    let mut command = Command::new("git");
    // Paths mean themselves, also where they look like patterns.
    command.arg("--literal-pathspecs").args(words).current_dir(folder).stdin(Stdio::null());
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    command.output().map_err(|source| match source.kind() {
        // A folder that is not there is not found either.
        ErrorKind::NotFound if folder.is_dir() => CheckoutError::NoGit,
        _ => CheckoutError::File { path: folder.to_owned(), source },
    })
}

/// What git says, without its hints and in lines of one shape.
fn readable(message: &str) -> String {
    let lines = message.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("hint:"));
    match lines.collect::<Vec<_>>().join("\n    ") {
        said if said.is_empty() => "nothing; a hook of the repository may have refused it".into(),
        said => said,
    }
}

fn replace(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::create_dir_all(folder)?;
    let mode = std::fs::metadata(path).map_or(0o644, |metadata| metadata.permissions().mode());
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
