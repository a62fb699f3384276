//! What the Job runs inside the cluster, run here: the very script and environment, against a real Git server.

use std::path::Path;
use std::process::{Command, Output};

use git_credentials::SshKey;
use manifests::clone_check;
use manifests::config::{Config, Git, GitAuth, SecretRef};
use secrecy::ExposeSecret;
use serde_json::Value;
use support::{Access, Contents, GitServer};

/// Runs the Job's container as far as it is a script: with the Secret's values and with what is mounted.
fn run(config: &Config, secret: &[(&str, &str)], trust: &[(&str, &str)], folders: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (mount, files) in [("credentials", secret), ("trust", trust), ("scratch", &[])] {
        let mount = folder.path().join(mount);
        std::fs::create_dir(&mount).expect("the folder is ours");
        files.iter().for_each(|(name, text)| put(&mount.join(name), text));
    }
    let folders: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
    let job = clone_check::job(config, "the-secret", "image", &folders).expect("a Job");
    let place = |text: &str| {
        ["/credentials", "/trust", "/scratch"].iter().fold(text.to_owned(), |text, mount| {
            text.replace(mount, &folder.path().join(&mount[1..]).display().to_string())
        })
    };
    let container = job.get("/spec/template/spec/containers/0").expect("a container");
    let words =
        |key: &str| container[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(place);
    let words: Vec<String> = words("command").chain(words("args")).collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir(folder.path().join("scratch")).env_clear();
    command.env("PATH", std::env::var_os("PATH").expect("a PATH"));
    let mut known: Vec<(String, String)> = Vec::new();
    for variable in container["env"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().expect("a name").to_owned();
        let key = variable.pointer("/valueFrom/secretKeyRef/key").and_then(Value::as_str);
        let value = match key {
            Some(key) => {
                secret.iter().find(|(name, _)| *name == key).expect("the Secret has it").1.to_owned()
            }
            None => place(variable["value"].as_str().unwrap_or_default()),
        };
        // Kubernetes puts earlier variables in.
        let value =
            known.iter().fold(value, |value, (name, known)| value.replace(&format!("$({name})"), known));
        command.env(&name, &value);
        known.push((name, value));
    }
    command.output().expect("sh runs")
}

fn put(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("the folder is ours");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o400)).expect("it is ours");
}

fn config(url: &str, auth: GitAuth) -> Config {
    let ca_certificate = url.starts_with("https").then(|| "ca.pem".into());
    Config {
        git: Git { url: url.into(), auth: Some(auth), ca_certificate, ..Git::default() },
        ..Config::default()
    }
}

#[track_caller]
fn says(output: &Output, words: &str) {
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains(words), "{words}: {said}");
}

#[track_caller]
fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn by_https_with_a_token() {
    let Some(server) = GitServer::shared() else { return };
    let auth =
        |username: &str| GitAuth::Token { username: username.into(), token: SecretRef::Env("T".into()) };
    let login = server.writer();
    let secret = [("username", login.username), ("password", &login.password)];
    let trust = [("127.0.0.1", server.ca_pem())];
    let config = |url: &str| config(url, auth(login.username));
    let here = config(&server.https_url("gitops"));
    succeeds(&run(&here, &secret, &trust, &["seldon-dev", "seldon-prod"]));
    says(&run(&here, &secret, &trust, &["seldon-dev", "missing"]), "folder missing is missing or empty");
    says(&run(&here, &[("username", "writer"), ("password", "wrong")], &trust, &[]), "Authentication failed");
    says(&run(&config(&server.https_url("nowhere")), &secret, &trust, &[]), "not found");
    let mut branch = here.clone();
    branch.git.branch = Some("release".into());
    says(&run(&branch, &secret, &trust, &[]), "release");
    server.create_repository("job-empty", Contents::EmptyFolder);
    let empty = config(&server.https_url("job-empty"));
    says(&run(&empty, &secret, &trust, &["seldon-dev"]), "missing or empty");
}

#[test]
fn by_https_with_a_bearer_token() {
    let Some(server) = GitServer::shared() else { return };
    let config = config(&server.bearer_url("gitops"), GitAuth::Bearer { token: SecretRef::Env("T".into()) });
    let trust = [("127.0.0.1", server.ca_pem())];
    succeeds(&run(&config, &[("bearerToken", server.token())], &trust, &["seldon-dev"]));
    says(&run(&config, &[("bearerToken", "wrong")], &trust, &[]), "could not read");
}

#[test]
fn by_ssh() {
    let Some(server) = GitServer::shared() else { return };
    let key = SshKey::generate("job").expect("a key");
    server.authorize(key.public().expect("its public half"), Access::ReadOnly);
    let auth = GitAuth::Ssh { private_key: SecretRef::Env("K".into()), passphrase: None, known_hosts: None };
    let config = config(&server.ssh_url("gitops"), auth);
    let known = server.known_hosts();
    let secret = [("sshPrivateKey", key.unencrypted().expose_secret())];
    succeeds(&run(&config, &secret, &[("ssh_known_hosts", &known)], &["seldon-dev"]));
    says(&run(&config, &secret, &[("ssh_known_hosts", "")], &[]), "Host key verification failed");
    let other = SshKey::generate("other").expect("a key");
    let secret = [("sshPrivateKey", other.unencrypted().expose_secret())];
    says(&run(&config, &secret, &[("ssh_known_hosts", &known)], &[]), "Permission denied");
}
