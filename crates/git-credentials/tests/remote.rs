//! Looking at repositories and writing to them: real git on this machine, and hosts that behave badly.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "hosts/server.rs"]
mod server;

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use git_credentials::repository::{Pushed, init, init_remote};
use git_credentials::{Category, Credentials, Remote, RemoteError, RemoteState, Trust, look};
use manifests::config::Author;
use server::{Reply, Server, reply};

const LIMIT: Duration = Duration::from_secs(60);

fn remote(url: &str) -> Remote {
    Remote {
        url: url.to_owned(),
        branch: None,
        credentials: Credentials::None,
        trust: Trust::default(),
        timeout: LIMIT,
    }
}

fn with_token(url: &str) -> Remote {
    let credentials = Credentials::Token { username: "bob".into(), token: "hush".into() };
    Remote { credentials, ..remote(url) }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A bare repository.
struct Bare {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Bare {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("repository.git");
        let bare = Self { _dir: dir, path };
        bare.git(&["init", "--quiet", "--bare", "--initial-branch=trunk"]);
        bare
    }

    fn remote(&self) -> Remote {
        remote(&format!("file://{}", self.path.display()))
    }

    fn git(&self, words: &[&str]) -> String {
        let git = Command::new("git")
            .arg("--git-dir")
            .arg(&self.path)
            .args(words)
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_NAME"), "test")))
            .envs(["AUTHOR", "COMMITTER"].map(|role| (format!("GIT_{role}_EMAIL"), "test@localhost")))
            .output()
            .unwrap();
        assert!(git.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&git.stderr));
        String::from_utf8(git.stdout).unwrap().trim().to_owned()
    }

    fn commits(&self, branch: &str) -> usize {
        self.git(&["rev-list", branch]).lines().count()
    }

    /// Runs for every push, before a branch moves.
    fn hook(&self, script: &str) {
        let path = self.path.join("hooks/update");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn leftovers(of: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn an_empty_repository_is_filled_once() {
    let bare = Bare::new();
    let mut remote = bare.remote();
    assert_eq!(
        look(&remote, true).await.unwrap(),
        RemoteState { writable: Some(true), ..RemoteState::default() }
    );

    remote.branch = Some("trunk".into());
    let author = Author { name: "Ada".into(), email: "ada@example.com".into() };
    let pushed = init_remote(&remote, &author, &names(&["dev", "prod"])).await.unwrap();
    let commit = bare.git(&["rev-parse", "trunk"]);
    assert_eq!(pushed, Pushed::Commit { branch: "trunk".into(), commit });
    assert_eq!(
        bare.git(&["ls-tree", "--name-only", "-r", "trunk"]),
        "README.md\ndev/README.md\nprod/README.md"
    );
    assert_eq!(bare.git(&["log", "-1", "--format=%an <%ae> %cn", "trunk"]), "Ada <ada@example.com> Ada");

    let state = look(&remote, false).await.unwrap();
    assert_eq!(
        (state.branch.as_deref(), state.folders, state.writable),
        (Some("trunk"), names(&["dev", "prod"]), None)
    );
    assert_eq!(init_remote(&remote, &author, &names(&["prod"])).await.unwrap(), Pushed::Nothing);
    assert_eq!(bare.commits("trunk"), 1);
}

#[tokio::test]
async fn what_is_there_stays_and_empty_folders_are_told() {
    let bare = Bare::new();
    let file = bare.git(&["hash-object", "-w", "--stdin"]);
    let empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    let listing = format!(
        "100644 blob {file}\tREADME.rst\n040000 tree {empty}\tprod\n160000 commit {}\tmodule\n",
        "1".repeat(40)
    );
    bare.git(&["hash-object", "-t", "tree", "-w", "/dev/null"]);
    let scratch = bare.path.join("listing");
    std::fs::write(&scratch, listing).unwrap();
    let script = format!("git --git-dir {0} mktree --missing < {1}", bare.path.display(), scratch.display());
    let tree = Command::new("sh").args(["-c", &script]).output().unwrap().stdout;
    let commit = bare.git(&["commit-tree", String::from_utf8(tree).unwrap().trim(), "-m", "theirs"]);
    bare.git(&["update-ref", "refs/heads/trunk", &commit]);

    let remote = bare.remote();
    let state = look(&remote, true).await.unwrap();
    assert_eq!((state.folders, state.empty_folders), (vec![], names(&["prod"])));
    init_remote(&remote, &Author::default(), &names(&["prod", "dev"])).await.unwrap();
    assert_eq!(bare.git(&["ls-tree", "--name-only", "trunk"]), "README.rst\ndev\nmodule\nprod");
    assert_eq!(bare.git(&["rev-parse", "trunk^"]), commit);
    let error = init_remote(&remote, &Author::default(), &names(&["README.rst"])).await.unwrap_err();
    assert!(matches!(error, RemoteError::NotAFolder { .. }), "{error}");
}

#[tokio::test]
async fn a_protected_branch_gets_a_branch_beside_it() {
    let bare = Bare::new();
    init(&bare.path, None, &Author::default(), &names(&["dev"])).unwrap();
    bare.hook(
        r#"if [ "$1" = refs/heads/trunk ]; then
             echo "GitLab: You are not allowed to push code to protected branches on this project." >&2
             exit 1
           fi"#,
    );
    let remote = bare.remote();
    for folders in [&["dev", "prod"][..], &["dev", "prod"], &["prod", "test"]] {
        let pushed = init_remote(&remote, &Author::default(), &names(folders)).await.unwrap();
        let Pushed::Branch { branch, into, commit, said } = pushed else { panic!("{pushed:?}") };
        assert_eq!((branch.as_str(), into.as_str()), ("gitops-setup/environments", "trunk"));
        assert_eq!(commit, bare.git(&["rev-parse", &branch]));
        assert!(said.contains("protected branches"), "{said}");
    }
    assert_eq!(bare.commits("trunk"), 1);
    assert_eq!(bare.commits("gitops-setup/environments"), 3, "each folder is added once");
}

#[tokio::test]
async fn a_branch_with_the_name_of_the_other_ones_folder_is_told() {
    let bare = Bare::new();
    init(&bare.path, None, &Author::default(), &names(&["dev"])).unwrap();
    bare.git(&["branch", "gitops-setup", "trunk"]);
    bare.hook(r#"[ "$1" != refs/heads/trunk ] || { echo "protected branch" >&2; exit 1; }"#);
    let error = init_remote(&bare.remote(), &Author::default(), &names(&["prod"])).await.unwrap_err();
    let RemoteError::BranchInTheWay { branch, other, .. } = &error else { panic!("{error}") };
    assert_eq!((branch.as_str(), other.as_str()), ("gitops-setup/environments", "gitops-setup"));
    assert_eq!(error.category(), Category::Missing);
}

#[tokio::test]
async fn a_push_in_between_is_built_upon() {
    let bare = Bare::new();
    init(&bare.path, None, &Author::default(), &names(&["dev"])).unwrap();
    // Once: somebody else's commit gets in before ours.
    bare.hook(
        r#"[ -e raced ] && exit 0
           touch raced
           unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
           export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@x
           theirs=$(git commit-tree 'trunk^{tree}' -p trunk -m theirs)
           git update-ref refs/heads/trunk "$theirs""#,
    );
    let pushed = init_remote(&bare.remote(), &Author::default(), &names(&["prod"])).await.unwrap();
    assert!(matches!(pushed, Pushed::Commit { .. }), "{pushed:?}");
    assert_eq!(bare.git(&["log", "--format=%s", "-2", "trunk"]), "Add a folder for each environment\ntheirs");
    assert_eq!(bare.git(&["ls-tree", "-d", "--name-only", "trunk"]), "dev\nprod");
}

#[tokio::test]
async fn another_rule_of_the_host_is_told_in_its_words() {
    let bare = Bare::new();
    init(&bare.path, None, &Author::default(), &names(&["dev"])).unwrap();
    bare.git(&["config", "transfer.hideRefs", "refs/heads/trunk"]);
    let mut remote = bare.remote();
    remote.branch = Some("trunk".into());
    let error = init_remote(&remote, &Author::default(), &names(&["prod"])).await.unwrap_err();
    assert_eq!(error.category(), Category::Refused);
    assert!(
        error.to_string().contains("refused the push to `trunk`: [remote rejected] (deny updating"),
        "{error}"
    );
}

#[tokio::test]
async fn a_missing_branch_names_those_that_there_are() {
    let bare = Bare::new();
    init(&bare.path, None, &Author::default(), &names(&["dev"])).unwrap();
    let mut remote = bare.remote();
    remote.branch = Some("prod".into());
    let error = look(&remote, false).await.unwrap_err();
    assert!(error.to_string().contains("no branch `prod`\n  there is `trunk`"), "{error}");
    assert_eq!(error.category(), Category::Missing);
    bare.git(&["symbolic-ref", "HEAD", "refs/heads/gone"]);
    let error = look(&bare.remote(), false).await.unwrap_err();
    assert!(matches!(error, RemoteError::NoDefaultBranch { .. }), "{error}");
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("file://{}/none.git", dir.path().display());
    let error = look(&remote(&url), false).await.unwrap_err();
    assert!(matches!(error, RemoteError::NotFound { .. }), "{error}");
    assert_eq!(leftovers(dir.path()), Vec::<PathBuf>::new());
}

const READ: &str = "GET /acme/gitops/info/refs?service=git-upload-pack";
const WRITE: &str = "GET /acme/gitops/info/refs?service=git-receive-pack";

/// The answer of a repository without a commit.
fn empty() -> Reply {
    let line = format!("{} capabilities^{{}}\0agent=x\n", "0".repeat(40));
    let service = "# service=git-upload-pack\n";
    let body = format!("{:04x}{service}0000{:04x}{line}0000", service.len() + 4, line.len() + 4);
    reply(200, &body).with("Content-Type", "application/x-git-upload-pack-advertisement")
}

#[tokio::test]
async fn each_answer_of_a_host_has_its_own_error() {
    let server = Server::start();
    let url = format!("{}/acme/gitops", server.address);
    let moved = format!("{}/acme/new/info/refs?service=git-upload-pack", server.address);
    let limited = reply(429, "slow down").with("Retry-After", "30");
    for (answer, category, expected) in [
        (reply(301, "").with("Location", &moved), Category::Refused, "has moved to"),
        (reply(302, "").with("Location", "/users/sign_in"), Category::Refused, "a page to sign in"),
        (
            reply(401, "Bad credentials"),
            Category::Refused,
            "does not accept the token of user `bob`: Bad credentials",
        ),
        (
            reply(403, "enable SSO of hush"),
            Category::Refused,
            "may not read the repository: enable SSO of (hidden)",
        ),
        (
            reply(404, "Not Found"),
            Category::Refused,
            "knows no such repository, or the token of user `bob` may not see it",
        ),
        (
            limited,
            Category::Refused,
            "asked too often: slow down\n  run the same command again in 30 seconds",
        ),
        (reply(500, ""), Category::Refused, "the Git host failed (500)"),
        (
            reply(200, "<html>").with("Content-Type", "text/html"),
            Category::Refused,
            "is no Git repository: it answered text/html",
        ),
    ] {
        server.on(READ, answer);
        let error = look(&with_token(&url), false).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected) && !text.contains("hush"), "{expected}: {text}");
        assert_eq!(error.category(), category, "{text}");
    }
}

#[tokio::test]
async fn credentials_are_sent_at_once_and_writing_is_asked_for() {
    let server = Server::start();
    let url = format!("{}/acme/gitops", server.address);
    server.on(READ, empty()).on(WRITE, reply(403, "Write access to repository not granted."));
    let state = look(&with_token(&url), false).await.unwrap();
    assert_eq!((state.branch, state.writable), (None, None));
    let first = &server.asked()[0];
    assert_eq!((first.authorization.as_str(), first.body.as_str()), ("Basic Ym9iOmh1c2g=", ""));
    let error = look(&with_token(&url), true).await.unwrap_err();
    assert!(matches!(&error, RemoteError::ReadOnly { said, .. } if said.contains("not granted")), "{error}");
    server.on(WRITE, reply(200, ""));
    assert_eq!(look(&with_token(&url), true).await.unwrap().writable, Some(true));
}

#[tokio::test]
async fn a_host_that_wants_dot_git_is_followed_there() {
    let server = Server::start();
    let url = format!("{}/acme/gitops", server.address);
    let there = format!("{url}.git/info/refs?service=git-upload-pack");
    server.on(READ, reply(301, "").with("Location", &there));
    server.on("GET /acme/gitops.git/info/refs?service=git-upload-pack", empty());
    assert_eq!(look(&with_token(&url), false).await.unwrap(), RemoteState::default());
}

/// A server that answers everybody as a web server without TLS does.
fn plain_http() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").ok();
            stream.shutdown(std::net::Shutdown::Write).ok();
            // Closing with unread bytes would take the answer back.
            std::io::copy(&mut stream, &mut std::io::sink()).ok();
        }
    });
    address
}

#[tokio::test]
async fn hosts_that_do_not_answer_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap();
    // The system gives this port to nobody who asks for any.
    let closed = "127.0.0.1:1";
    let plain = plain_http();
    for (url, expected, category) in [
        (format!("https://{closed}/a/b"), "can't be reached", Category::Missing),
        (format!("ssh://git@{closed}/a/b"), "can't be reached", Category::Missing),
        (format!("https://{plain}/a/b"), "does not speak TLS", Category::Missing),
        (format!("ssh://git@{plain}/a/b"), "does not answer as an SSH server", Category::Missing),
        ("https://nowhere.invalid/a/b".to_owned(), "can't be resolved", Category::Missing),
        ("git@nowhere.invalid:a/b".to_owned(), "can't be resolved", Category::Missing),
    ] {
        let error = look(&remote(&url), false).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{url}: {error}");
        assert_eq!(error.category(), category, "{url}");
    }
    for url in
        [format!("http://{silent}/a/b"), format!("https://{silent}/a/b"), format!("ssh://git@{silent}/a/b")]
    {
        let remote = Remote { timeout: Duration::from_millis(300), ..remote(&url) };
        let error = look(&remote, false).await.unwrap_err();
        assert!(error.to_string().contains("did not answer within 0.3 seconds"), "{url}: {error}");
        assert_eq!(error.category(), Category::TimedOut, "{url}");
    }
    drop(listener);
}

#[tokio::test]
async fn certificates_to_trust_have_to_be_some() {
    let mut remote = remote("https://127.0.0.1:1/a/b");
    remote.trust.ca = Some("no PEM".into());
    let error = look(&remote, false).await.unwrap_err();
    assert!(matches!(error, RemoteError::BadCa { .. }), "{error}");
}
