//! The repository at a real Git server, as a user meets it: every way in which it can be right or wrong, by message
//! and exit code.

use std::net::TcpListener;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::{Access, CLOSED, Contents, GitServer, Login, Outcome, Sandbox, encrypted_key};

use crate::PROGRAM;

/// A user's folder with what it takes to trust the server.
struct Case {
    sandbox: Sandbox,
    git: Value,
}

impl Case {
    fn https(server: &GitServer, repository: &str, login: &Login) -> Self {
        let mut case = Self::new(&server.https_url(repository));
        case.sandbox.set_env("TOKEN", &login.password);
        case.sandbox.write("ca.pem", server.ca_pem());
        case.git["auth"] = json!({ "token": { "username": login.username, "token": { "env": "TOKEN" } } });
        case.git["caCertificate"] = json!("ca.pem");
        case
    }

    /// With a new key, which the server lets in as told.
    fn ssh(server: &GitServer, repository: &str, access: Option<Access>) -> Self {
        let mut case = Self::new(&server.ssh_url(repository));
        case.sandbox.run(&["credentials", "generate-deploy-key", "--out", "key"]).exits(0);
        if let Some(access) = access {
            server.authorize(&case.read("key.pub"), access);
        }
        case.sandbox.write("known_hosts", &server.known_hosts());
        case.git["auth"] = json!({ "ssh": { "privateKey": { "file": "key" }, "knownHosts": "known_hosts" } });
        case
    }

    fn new(url: &str) -> Self {
        Self { sandbox: Sandbox::new(PROGRAM), git: json!({ "url": url }) }
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.git[key] = value.into();
        self
    }

    fn without(mut self, key: &str) -> Self {
        self.git.as_object_mut().expect("a map").remove(key);
        self
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("it was written")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sandbox.work().join(name)
    }

    #[track_caller]
    fn run(&self, words: &[&str]) -> Outcome {
        let config = json!({ "git": self.git, "environments": [{ "namespace": "seldon-dev" }] });
        self.sandbox.write("gitops.yaml", &config.to_string());
        self.sandbox.run(words)
    }

    #[track_caller]
    fn check(&self) -> Outcome {
        self.run(&["repository", "check"])
    }

    #[track_caller]
    fn check_write(&self) -> Outcome {
        self.run(&["repository", "check", "--write"])
    }
}

#[test]
fn the_right_credentials() {
    let Some(server) = GitServer::shared() else { return };
    let check = Case::https(server, "gitops", server.writer()).check_write();
    check.exits(0).says("credentials accepted").says("branch main").says("write access: yes");
    Case::https(server, "gitops", server.reader()).check().exits(0).says("seldon-dev");
    Case::ssh(server, "gitops", Some(Access::ReadWrite)).check_write().exits(0).says("write access: yes");
    Case::ssh(server, "gitops", Some(Access::ReadOnly)).check().exits(0).says("seldon-dev");
    let mut bearer = Case::https(server, "gitops", server.reader());
    bearer.git["url"] = json!(server.bearer_url("gitops"));
    bearer.git["auth"] = json!({ "bearer": { "token": { "env": "TOKEN" } } });
    bearer.check().exits(4).says("does not accept");
    bearer.sandbox.set_env("TOKEN", server.token());
    bearer.check().exits(0).says("credentials accepted");
}

#[test]
fn wrong_credentials() {
    let Some(server) = GitServer::shared() else { return };
    let wrong = Login { password: "not-the-password".into(), ..server.writer().clone() };
    let check = Case::https(server, "gitops", &wrong).check();
    check.exits(4).says("does not accept");
    assert!(!check.output().contains("not-the-password"), "{}", check.output());
    Case::ssh(server, "gitops", None).check().exits(4).says("does not accept").says("SHA256:");
    Case::https(server, "gitops", server.writer()).without("auth").check().exits(4);
}

#[test]
fn credentials_that_may_only_read() {
    let Some(server) = GitServer::shared() else { return };
    for case in
        [Case::https(server, "gitops", server.reader()), Case::ssh(server, "gitops", Some(Access::ReadOnly))]
    {
        case.check_write().exits(4).says("may read the repository but not write to it");
    }
}

#[test]
fn a_passphrase() {
    let Some(server) = GitServer::shared() else { return };
    let mut case = Case::ssh(server, "gitops", None);
    for old in ["key", "key.pub"] {
        std::fs::remove_file(case.path(old)).expect("it was made");
    }
    let Some(key) = encrypted_key(&case.sandbox.work(), "open sesame") else { return };
    server.authorize(&case.read("key.pub"), Access::ReadWrite);
    case.sandbox.set_env("PHRASE", "open sesame");
    case.git["auth"]["ssh"]["passphrase"] = json!({ "env": "PHRASE" });
    case.check().exits(0).says("credentials accepted");
    case.sandbox.set_env("PHRASE", "close sesame");
    let check = case.check();
    check.exits(2).says("passphrase");
    assert!(!check.output().contains("close sesame"), "{}", check.output());
    case.git["auth"]["ssh"].as_object_mut().expect("a map").remove("passphrase");
    case.check().exits(2).says("protected by a passphrase and none was given");
    assert_eq!(case.path("key"), key);
}

#[test]
fn a_host_key_that_is_unknown_and_one_that_has_changed() {
    let Some(server) = GitServer::start() else { return };
    let case = Case::ssh(&server, "gitops", Some(Access::ReadWrite));
    case.sandbox.write("known_hosts", "");
    case.check().exits(3).says("is not known here").says("cargo xtask credentials trust");
    case.sandbox.write("known_hosts", &server.known_hosts());
    case.check().exits(0);
    server.change_host_keys();
    case.check().exits(4).says("CHANGED").says("nothing was sent");
    // Nobody is asked where nobody is there, and a changed key is never added.
    let host = host(&server.ssh_url("gitops"));
    case.run(&["credentials", "trust", &host]).exits(4).says("another key");
}

/// Host and port of an address.
fn host(url: &str) -> String {
    let rest = url.split_once('@').map_or(url, |(_, rest)| rest);
    rest.split('/').next().expect("a host").to_owned()
}

#[test]
fn a_host_is_trusted_by_its_fingerprint() {
    let Some(server) = GitServer::shared() else { return };
    let case = Case::ssh(server, "gitops", Some(Access::ReadWrite));
    std::fs::remove_file(case.path("known_hosts")).expect("it was written");
    let host = host(&server.ssh_url("gitops"));
    let asked = case.run(&["credentials", "trust", &host, "--known-hosts", "known_hosts"]);
    asked.exits(3).says("--fingerprint");
    assert!(!case.path("known_hosts").exists(), "nothing is trusted silently");
    let fingerprint =
        asked.stdout.split_whitespace().find(|word| word.starts_with("SHA256:")).expect("shown");
    let trust = ["credentials", "trust", &host, "--known-hosts", "known_hosts", "--fingerprint", fingerprint];
    case.run(&[
        "credentials",
        "trust",
        &host,
        "--fingerprint",
        "SHA256:other",
        "--known-hosts",
        "known_hosts",
    ])
    .exits(4);
    case.run(&trust).exits(0).says("Added 1 key");
    case.check().exits(0);
    case.run(&trust).exits(0);
    assert_eq!(case.read("known_hosts").lines().count(), 1, "added once");
}

#[test]
fn a_certificate_of_a_private_authority() {
    let Some(server) = GitServer::shared() else { return };
    let case = Case::https(server, "gitops", server.writer());
    case.check().exits(0);
    let case = case.without("caCertificate");
    case.check().exits(3).says("authority that is not trusted").says("git.caCertificate");
    case.with("insecure", true).check().exits(0);
    let case = Case::https(server, "gitops", server.writer());
    case.sandbox.write("ca.pem", "no certificate\n");
    case.check().exits(2).says("no certificate in PEM form").says("git.caCertificate");
}

#[test]
fn what_is_not_in_the_repository() {
    let Some(server) = GitServer::shared() else { return };
    server.create_repository("matrix-other", Contents::OtherFolder);
    server.create_repository("matrix-empty", Contents::EmptyFolder);
    server.create_repository("matrix-bare", Contents::NoCommit);
    let both = |repository: &str| {
        [
            Case::https(server, repository, server.writer()),
            Case::ssh(server, repository, Some(Access::ReadWrite)),
        ]
    };
    for case in both("gitops") {
        let check = case.with("branch", "release").check();
        check.exits(3).says("has no branch `release`").says("main");
    }
    for (repository, message) in [
        ("matrix-other", "no folder seldon-dev"),
        ("matrix-empty", "nothing in folder seldon-dev"),
        ("matrix-bare", "no commit"),
    ] {
        for case in both(repository) {
            case.check().exits(3).says(message).says("cargo xtask repository init");
        }
    }
    for case in both("nowhere") {
        case.check().exits(4).says("knows no such repository");
    }
}

#[test]
fn a_server_that_is_down_and_one_that_never_answers() {
    let deaf = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (down, deaf) = (CLOSED, deaf.local_addr().expect("its address"));
    for url in ["https://{}/gitops.git", "ssh://git@{}/gitops.git"] {
        let case = Case::new(&url.replace("{}", down));
        case.check().exits(3).says("can't be reached");
        let case = Case::new(&url.replace("{}", &deaf.to_string()));
        case.run(&["repository", "check", "--timeout", "1s"]).exits(5).says("did not answer within 1 second");
    }
    Case::new("https://no-such-host.invalid/gitops.git").check().exits(3).says("name can't be resolved");
}

#[test]
fn the_skeleton_is_pushed_once() {
    let Some(server) = GitServer::shared() else { return };
    server.create_repository("init-bare", Contents::NoCommit);
    server.create_repository("init-other", Contents::OtherFolder);
    let author = json!({ "name": "Ada", "email": "ada@acme.com" });
    for case in [
        Case::https(server, "init-bare", server.writer()),
        Case::ssh(server, "init-other", Some(Access::ReadWrite)),
    ] {
        let case = case.with("author", author.clone());
        case.run(&["repository", "init"]).exits(0).says("to main");
        case.check().exits(0);
        case.run(&["repository", "init"]).exits(0).says("nothing is missing");
    }
    assert_eq!(server.git("init-bare", "log --format='%an <%ae>' main"), "Ada <ada@acme.com>\n");
    let files = server.git("init-other", "ls-tree -r --name-only main");
    assert!(files.contains("docs/README.md") && files.contains("seldon-dev/README.md"), "{files}");
    Case::https(server, "init-bare", server.reader()).run(&["repository", "init"]).exits(4).says("not write");
}

#[test]
fn a_protected_branch_is_left_alone() {
    let Some(server) = GitServer::shared() else { return };
    server.create_repository("init-protected", Contents::Protected);
    let mut case = Case::https(server, "init-protected", server.writer());
    case.git["branch"] = json!("main");
    let config = json!({ "git": case.git, "environments": [{ "namespace": "seldon-new" }] });
    case.sandbox.write("new.yaml", &config.to_string());
    let init = ["repository", "init", "--config", "new.yaml"];
    case.sandbox.run(&init).exits(0).says("protected").says("gitops-setup/environments").says("pull request");
    assert_eq!(server.git("init-protected", "log --format=%s main"), "Initial commit\n");
    let pushed = server.git("init-protected", "ls-tree -r --name-only gitops-setup/environments");
    assert!(pushed.contains("seldon-new/README.md"), "{pushed}");
}
