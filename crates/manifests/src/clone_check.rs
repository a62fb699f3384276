//! The Job that clones the repository inside the cluster, with the very Secret that Argo CD was given.
//!
//! What this machine can reach says nothing of what the cluster can: networks, proxies and DNS differ. The image
//! is Argo CD's own, which the nodes have already and which has git and ssh.

use serde_json::{Value, json};

use crate::MANAGER;
use crate::config::{Config, GitAuth};
use crate::object::{Object, ObjectRef};

/// Name of the Job.
pub const NAME: &str = "gitops-setup-clone-check";
/// Seconds that it may take, pulling the image included.
pub const DEADLINE: u32 = 120;
/// Seconds after which Kubernetes deletes it where nobody else did: a run that was killed leaves nothing behind.
const LEFT_BEHIND: u32 = 300;
/// Where host keys and certificates are mounted.
const TRUST: &str = "/trust";
/// Where the Secret is mounted.
const CREDENTIALS: &str = "/credentials";

/// The Job's reference.
pub fn reference(argocd_namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("batch/v1", "Job", argocd_namespace, NAME)
}

/// The Job. `secret` is the name of the Secret with the credentials, `image` Argo CD's own, and `folders` have to be
/// in the repository. `None` where Argo CD makes the token itself (GitHub App), where the host asks for a client
/// certificate, and for repositories on this machine.
pub fn job(config: &Config, secret: &str, image: &str, folders: &[String]) -> Option<Object> {
    let git = &config.git;
    let certificate = git.repository.as_ref().is_some_and(|options| options.client_certificate.is_some());
    if matches!(git.auth, Some(GitAuth::GithubApp { .. })) || certificate || !git.is_remote() {
        return None;
    }
    let container = json!({
        "name": "clone",
        "image": image,
        "command": ["sh", "-c", SCRIPT, "sh"],
        "args": folders,
        "env": environment(config, secret),
        "volumeMounts": [
            { "name": "trust", "mountPath": TRUST, "readOnly": true },
            { "name": "credentials", "mountPath": CREDENTIALS, "readOnly": true },
            { "name": "scratch", "mountPath": "/scratch" },
        ],
        "workingDir": "/scratch",
        // What git says last is what the pod's status says.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": { "requests": { "cpu": "10m", "memory": "64Mi" }, "limits": { "memory": "512Mi" } },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "runAsNonRoot": true,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
    });
    let pod = json!({
        "metadata": { "annotations": { "sidecar.istio.io/inject": "false" } },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            // Argo CD's own user and group in its image.
            "securityContext": { "runAsUser": 999, "runAsGroup": 999, "fsGroup": 999 },
            "containers": [container],
            "volumes": [
                { "name": "scratch", "emptyDir": {} },
                // Readable for the group only: ssh refuses a key of its own user that others may read.
                { "name": "credentials", "secret": {
                    "secretName": secret,
                    "defaultMode": 0o440,
                    // A public repository may have none.
                    "optional": true,
                } },
                { "name": "trust", "projected": { "sources": [
                    { "configMap": { "name": "argocd-ssh-known-hosts-cm", "optional": true } },
                    { "configMap": { "name": "argocd-tls-certs-cm", "optional": true } },
                ] } },
            ],
        },
    });
    let spec = json!({
        "backoffLimit": 0,
        "activeDeadlineSeconds": DEADLINE,
        "ttlSecondsAfterFinished": LEFT_BEHIND,
        "template": pod,
    });
    let object = Object::new(&reference(&config.argocd.namespace));
    Some(object.with_label("app.kubernetes.io/managed-by", MANAGER).with("spec", spec))
}

/// Variables of the container. Values of the Secret come by reference.
fn environment(config: &Config, secret: &str) -> Vec<Value> {
    let git = &config.git;
    let plain = |name: &str, value: &str| json!({ "name": name, "value": value });
    let of_secret = |name: &str, key: &str| json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": secret, "key": key } } });
    let mut variables = vec![
        plain("HOME", "/scratch"),
        plain("REPOSITORY", &git.repo_url()),
        plain("BRANCH", git.branch.as_deref().unwrap_or_default()),
        plain("GIT_TERMINAL_PROMPT", "0"),
    ];
    match &git.auth {
        Some(GitAuth::Token { .. }) => {
            variables.push(of_secret("GIT_USERNAME", "username"));
            variables.push(of_secret("GIT_PASSWORD", "password"));
        }
        Some(GitAuth::Bearer { .. }) => {
            variables.push(of_secret("TOKEN", "bearerToken"));
            variables.push(plain("GIT_CONFIG_COUNT", "1"));
            variables.push(plain("GIT_CONFIG_KEY_0", "http.extraHeader"));
            variables.push(plain("GIT_CONFIG_VALUE_0", "Authorization: Bearer $(TOKEN)"));
        }
        Some(GitAuth::Ssh { .. }) => {
            let check = if git.insecure { "no" } else { "yes" };
            let ssh = format!(
                "ssh -F none -i {CREDENTIALS}/sshPrivateKey -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=20 \
                 -o UserKnownHostsFile={TRUST}/ssh_known_hosts -o StrictHostKeyChecking={check}"
            );
            variables.push(plain("GIT_SSH_COMMAND", &ssh));
        }
        Some(GitAuth::GithubApp { .. }) | None => {}
    }
    if git.insecure {
        variables.push(plain("GIT_SSL_NO_VERIFY", "1"));
    } else if let (Some(_), Some((host, _))) = (&git.ca_certificate, git.host()) {
        variables.push(plain("GIT_SSL_CAINFO", &format!("{TRUST}/{host}")));
    }
    let options = git.repository.clone().unwrap_or_default();
    for (name, value) in [("HTTPS_PROXY", options.proxy), ("NO_PROXY", options.no_proxy)] {
        variables.extend(value.map(|value| plain(name, &value)));
    }
    variables
}

/// Clones, and looks for the folders that are its arguments. The secrets stay in the environment.
const SCRIPT: &str = r#"set -eu
printf '#!/bin/sh\ncase "$1" in Username*) printf "%%s\\n" "$GIT_USERNAME";; *) printf "%%s\\n" "$GIT_PASSWORD";; esac\n' > askpass
chmod 700 askpass
[ -z "${GIT_USERNAME:-}" ] || export GIT_ASKPASS=/scratch/askpass
# Over HTTPS git itself waits for ever.
timeout 60 git clone --quiet --depth 1 ${BRANCH:+--branch "$BRANCH"} -- "$REPOSITORY" clone || {
    code=$?
    [ "$code" -ne 124 ] || echo "git clone timed out after 60 seconds" >&2
    exit "$code"
}
for folder in "$@"; do
    [ -n "$(ls -A "clone/$folder" 2>/dev/null)" ] || { echo "folder $folder is missing or empty"; exit 1; }
done
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ClientCertificate, Git, RepositoryOptions, SecretRef};

    fn with(auth: Option<GitAuth>, url: &str) -> Config {
        Config { git: Git { url: url.into(), auth, ..Git::default() }, ..Config::default() }
    }

    #[test]
    fn secrets_come_by_reference_and_the_job_goes_by_itself() {
        let token = GitAuth::Token { username: "bot".into(), token: SecretRef::Env("PLANTED".into()) };
        let config = with(Some(token), "github.com/acme/gitops");
        let job = job(&config, "repo-x", "argocd:v3", &["dev".into()]).expect("a Job");
        let text = job.as_value().to_string();
        assert!(text.contains(r#""secretKeyRef":{"key":"password","name":"repo-x"}"#), "{text}");
        assert!(!text.contains("PLANTED"), "{text}");
        assert_eq!(job.get("/spec/ttlSecondsAfterFinished"), Some(&json!(LEFT_BEHIND)));
        assert_eq!(job.get("/spec/template/spec/containers/0/args"), Some(&json!(["dev"])));
    }

    #[test]
    fn the_proxy_and_what_goes_around_it_are_passed_on() {
        let mut config = with(None, "github.com/acme/gitops");
        config.git.repository = Some(RepositoryOptions {
            proxy: Some("http://proxy:3128".into()),
            no_proxy: Some(".acme.com".into()),
            ..RepositoryOptions::default()
        });
        let variables = environment(&config, "s");
        for variable in [
            json!({ "name": "HTTPS_PROXY", "value": "http://proxy:3128" }),
            json!({ "name": "NO_PROXY", "value": ".acme.com" }),
        ] {
            assert!(variables.contains(&variable), "{variables:?}");
        }
    }

    #[test]
    fn what_argo_cd_alone_can_do_is_not_tried() {
        let app = GitAuth::GithubApp {
            app_id: 1,
            installation_id: 2,
            private_key: SecretRef::Env("KEY".into()),
            api_url: None,
        };
        assert!(job(&with(Some(app), "github.com/acme/gitops"), "s", "i", &[]).is_none());
        assert!(job(&with(None, "file:///srv/gitops.git"), "s", "i", &[]).is_none());
        let mut certificate = with(None, "github.com/acme/gitops");
        certificate.git.repository = Some(RepositoryOptions {
            client_certificate: Some(ClientCertificate {
                certificate: SecretRef::Env("CERT".into()),
                key: SecretRef::Env("KEY".into()),
            }),
            ..RepositoryOptions::default()
        });
        assert!(job(&certificate, "s", "i", &[]).is_none());
        assert!(job(&with(None, "github.com/acme/public"), "s", "i", &[]).is_some());
    }
}
