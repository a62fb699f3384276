//! The repository as Argo CD is told of it: a Secret that registers it, one with a credential template where that
//! is configured, and before Argo CD 2.1 entries in its ConfigMap that point at them.

mod address;
mod entries;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::MANAGER;
use crate::config::{Config, GitAuth};
use crate::fill::{Fill, FilledSecret};
use crate::object::{Object, ObjectRef};

pub use address::{normalised_address, same_address, same_place, secret_name};
pub use entries::{CREDENTIALS_KEY, Entries, NotAList, REPOSITORIES_KEY, Rest, addresses, merged, without};

/// Label by which Argo CD finds its Secrets, since 2.1.
pub const SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";

/// Name of the Secret that registers the repository.
pub fn repository_secret(config: &Config) -> String {
    secret_name("repo", &config.git.repo_url())
}

/// Name of the Secret that holds the credentials: the repository's own, or that of the template.
pub fn credentials_secret(config: &Config) -> String {
    match &config.git.credential_template {
        Some(prefix) => secret_name("creds", prefix),
        None => repository_secret(config),
    }
}

/// The Secrets that Argo CD reads: the repository's, then that of the credential template where there is one. None
/// for a repository on this machine, and none before 2.1 for one that needs no credentials.
pub fn secrets(config: &Config) -> Vec<FilledSecret> {
    let git = &config.git;
    if !git.is_remote() {
        return Vec::new();
    }
    let labelled = config.argocd.version.has_repository_secrets();
    let template = git.credential_template.as_ref().map(|prefix| {
        let mut values = Values::credentials(config);
        if labelled {
            values.plain("type", "git");
            values.plain("url", prefix);
        }
        values.secret(config, &credentials_secret(config), labelled.then_some("repo-creds"))
    });
    let mut values = match template {
        // Argo CD uses the template only where the repository has no credentials of its own.
        Some(_) => Values::default(),
        None => Values::credentials(config),
    };
    if labelled {
        values.describe(config);
    }
    let needed = labelled || !values.is_empty();
    let repository =
        needed.then(|| values.secret(config, &repository_secret(config), labelled.then_some("repository")));
    repository.into_iter().chain(template).collect()
}

/// What goes into a Secret.
#[derive(Default)]
struct Values {
    data: Map<String, Value>,
    fill: Vec<(String, Fill)>,
}

impl Values {
    /// The credentials. A client certificate is one of them: Argo CD uses no template beside it.
    fn credentials(config: &Config) -> Self {
        let mut values = Self::default();
        if let Some(auth) = &config.git.auth {
            values.auth(auth, config.argocd.version.has_repository_secrets());
        }
        let options = config.git.repository.clone().unwrap_or_default();
        if let Some(client) = options.client_certificate {
            values.fill("tlsClientCertData", Fill::Secret(client.certificate));
            values.fill("tlsClientCertKey", Fill::Key(client.key));
        }
        // What the template says of it goes before what the repository says.
        values.flag("forceHttpBasicAuth", options.force_http_basic_auth);
        values
    }

    /// `described`: numbers and addresses are in the Secret too; before 2.1 they are in the ConfigMap.
    fn auth(&mut self, auth: &GitAuth, described: bool) {
        match auth {
            GitAuth::Token { username, token } => {
                self.plain("username", username);
                self.fill("password", Fill::Secret(token.clone()));
            }
            GitAuth::Bearer { token } => self.fill("bearerToken", Fill::Secret(token.clone())),
            GitAuth::GithubApp { app_id, installation_id, private_key, api_url } => {
                if described {
                    self.plain("githubAppID", &app_id.to_string());
                    self.plain("githubAppInstallationID", &installation_id.to_string());
                    if let Some(url) = api_url {
                        self.plain("githubAppEnterpriseBaseUrl", url);
                    }
                }
                let private_key = private_key.clone();
                self.fill("githubAppPrivateKey", Fill::UnencryptedKey { private_key, passphrase: None });
            }
            GitAuth::Ssh { private_key, passphrase, .. } => {
                let (private_key, passphrase) = (private_key.clone(), passphrase.clone());
                self.fill("sshPrivateKey", Fill::UnencryptedKey { private_key, passphrase });
            }
        }
    }

    /// What is no credential.
    fn describe(&mut self, config: &Config) {
        let git = &config.git;
        let options = git.repository.clone().unwrap_or_default();
        self.plain("type", "git");
        self.plain("url", &git.repo_url());
        self.flag("insecure", git.insecure);
        self.flag("enableLfs", options.enable_lfs);
        for (key, value) in [
            ("name", options.name),
            ("project", options.project),
            ("proxy", options.proxy),
            ("noProxy", options.no_proxy),
            ("depth", options.depth.map(|depth| depth.to_string())),
        ] {
            if let Some(value) = value {
                self.plain(key, &value);
            }
        }
    }

    fn plain(&mut self, key: &str, value: &str) {
        self.data.insert(key.into(), STANDARD.encode(value).into());
    }

    fn flag(&mut self, key: &str, set: bool) {
        if set {
            self.plain(key, "true");
        }
    }

    fn fill(&mut self, key: &str, fill: Fill) {
        self.fill.push((key.into(), fill));
    }

    fn is_empty(&self) -> bool {
        self.data.is_empty() && self.fill.is_empty()
    }

    fn secret(self, config: &Config, name: &str, kind: Option<&str>) -> FilledSecret {
        let reference = ObjectRef::namespaced("v1", "Secret", &config.argocd.namespace, name);
        let object = Object::new(&reference).with_label("app.kubernetes.io/managed-by", MANAGER);
        let object = match kind {
            Some(kind) => object.with_label(SECRET_TYPE, kind),
            None => object,
        };
        FilledSecret { object: object.with("data", self.data), fill: self.fill }
    }
}
