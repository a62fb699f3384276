//! The Git server of the tests is what it claims to be, as `git` and `ssh` see it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{Access, Contents, GitServer, Login};
use tempfile::TempDir;

/// A client with nothing but what a test gives it: no configuration, agent or keys of whoever runs it.
struct Client {
    folder: TempDir,
    trust: String,
}

impl Client {
    fn new(server: &GitServer) -> Self {
        let folder = TempDir::new().expect("a folder");
        let trust = folder.path().join("ca.pem");
        std::fs::write(&trust, server.ca_pem()).expect("written");
        std::fs::write(folder.path().join("known_hosts"), server.known_hosts()).expect("written");
        Self { folder, trust: trust.display().to_string() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A key pair: where the private key is, and the line of the public one.
    fn key(&self, name: &str) -> (PathBuf, String) {
        let path = self.path(name);
        let mut command = Command::new("ssh-keygen");
        succeeds(command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path));
        let public = std::fs::read_to_string(path.with_extension("pub")).expect("the public key");
        (path, public)
    }

    fn git(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=test", "-c", "user.email=test@git.example"]).args(arguments);
        command.current_dir(self.folder.path());
        command.env_clear().env("PATH", std::env::var_os("PATH").expect("a PATH"));
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", self.folder.path());
        command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_SSL_CAINFO", &self.trust);
        command
    }

    fn git_with_key(&self, key: &Path, arguments: &[&str]) -> Command {
        let known = self.path("known_hosts");
        let ssh = format!(
            "ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile={} -i {}",
            known.display(),
            key.display()
        );
        let mut command = self.git(arguments);
        command.env("GIT_SSH_COMMAND", ssh);
        command
    }

    /// A clone with a commit that the server doesn't have yet.
    fn clone_and_commit(&self, url: &str) {
        succeeds(&mut self.git(&["clone", "--quiet", url, "clone"]));
        let commit = ["-C", "clone", "commit", "--quiet", "--allow-empty", "--message", "More"];
        succeeds(&mut self.git(&commit));
    }
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[track_caller]
fn fails(command: &mut Command, with: &str) {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(with), "not {with:?}: {command:?}: {said}");
}

fn as_user(url: &str, login: &Login) -> String {
    url.replace("://", &format!("://{}:{}@", login.username, login.password))
}

#[test]
fn https_asks_for_a_password_and_lets_the_writer_push() {
    let Some(server) = GitServer::shared() else { return };
    let client = Client::new(server);
    server.create_repository("by-https", Contents::Environments);
    let url = server.https_url("by-https");
    let wrong = Login { password: "wrong".into(), ..server.writer().clone() };
    // Git knows these sentences for 401 only.
    fails(&mut client.git(&["ls-remote", &url]), "could not read Username");
    fails(&mut client.git(&["ls-remote", &as_user(&url, &wrong)]), "Authentication failed");
    fails(
        client.git(&["ls-remote", &as_user(&url, server.writer())]).env_remove("GIT_SSL_CAINFO"),
        "certificate",
    );

    client.clone_and_commit(&as_user(&url, server.reader()));
    fails(&mut client.git(&["-C", "clone", "push", "--quiet"]), "403");
    succeeds(&mut client.git(&["-C", "clone", "push", "--quiet", &as_user(&url, server.writer()), "main"]));
    assert_eq!(server.git("by-https", "log --format=%s main"), "More\nInitial commit\n");
}

#[test]
fn a_token_opens_the_path_for_tokens() {
    let Some(server) = GitServer::shared() else { return };
    let client = Client::new(server);
    let url = server.bearer_url("gitops");
    let header = |token: &str| format!("http.extraHeader=Authorization: Bearer {token}");
    succeeds(&mut client.git(&["-c", &header(server.token()), "ls-remote", &url]));
    fails(&mut client.git(&["-c", &header("wrong"), "ls-remote", &url]), "could not read Username");
}

#[test]
fn ssh_lets_known_keys_in() {
    let Some(server) = GitServer::shared() else { return };
    let client = Client::new(server);
    server.create_repository("by-ssh", Contents::Environments);
    let url = server.ssh_url("by-ssh");
    let (writer, public) = client.key("writer");
    fails(&mut client.git_with_key(&writer, &["ls-remote", &url]), "Permission denied (publickey)");
    server.authorize(&public, Access::ReadWrite);
    succeeds(&mut client.git_with_key(&writer, &["clone", "--quiet", &url, "clone"]));
    let (reader, public) = client.key("reader");
    server.authorize(&public, Access::ReadOnly);
    let push = ["-C", "clone", "push", "--quiet", "origin", "main:other"];
    fails(&mut client.git_with_key(&reader, &push), "has been marked as read only");
    succeeds(&mut client.git_with_key(&reader, &["ls-remote", &url]));
    succeeds(&mut client.git_with_key(&writer, &push));
}

#[test]
fn another_host_key_is_noticed() {
    let Some(server) = GitServer::start() else { return };
    let client = Client::new(&server);
    let (key, public) = client.key("key");
    server.authorize(&public, Access::ReadWrite);
    let url = server.ssh_url("gitops");
    succeeds(&mut client.git_with_key(&key, &["ls-remote", &url]));
    server.change_host_keys();
    fails(&mut client.git_with_key(&key, &["ls-remote", &url]), "Host key verification failed");
}

#[test]
fn repositories_are_made_in_every_state() {
    let Some(server) = GitServer::shared() else { return };
    let client = Client::new(server);
    let folders = |name: &str| server.git(name, "ls-tree -r -t --name-only main");
    assert_eq!(folders("gitops"), "seldon-dev\nseldon-dev/README.md\nseldon-prod\nseldon-prod/.gitkeep\n");
    server.create_repository("states-other", Contents::OtherFolder);
    assert_eq!(folders("states-other"), "docs\ndocs/README.md\n");
    server.create_repository("states-folder", Contents::EmptyFolder);
    assert_eq!(folders("states-folder"), "seldon-dev\n");
    server.create_repository("states-commit", Contents::NoCommit);
    assert_eq!(server.git("states-commit", "for-each-ref"), "");

    server.create_repository("states-protected", Contents::Protected);
    client.clone_and_commit(&as_user(&server.https_url("states-protected"), server.writer()));
    let push = &mut client.git(&["-C", "clone", "push", "origin", "main"]);
    fails(push, "GH006: Protected branch update failed");
    fails(push, "[remote rejected] main -> main (protected branch hook declined)");
    succeeds(&mut client.git(&["-C", "clone", "push", "--quiet", "origin", "main:other"]));
}
