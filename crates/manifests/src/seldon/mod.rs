//! Seldon Enterprise Platform's side: its Git credentials, its token for Argo CD, and its Helm values.

mod values;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::MANAGER;
use crate::config::{Config, GitAuth};
use crate::fill::{Fill, FilledSecret, ProjectToken};
use crate::object::{Object, ObjectRef};

pub use values::{ValuesError, merge_values, values};

/// Secret with the token of a project's role.
pub const TOKEN_SECRET: &str = "jwt-argocd";
/// Its key.
pub const TOKEN_KEY: &str = "jwt-argocd.txt";

/// The Secret with which Seldon Enterprise Platform reads and writes the repository, in the form that its guide has.
/// `None` where it is not configured, or there are no credentials that it could use.
pub fn git_secret(config: &Config, known_hosts: &str) -> Option<FilledSecret> {
    let seldon = config.seldon.as_ref()?;
    let auth = seldon.auth.as_ref().or(config.git.auth.as_ref())?;
    let author = config.git.author.clone().unwrap_or_default();
    let (mut data, fill) = match auth {
        GitAuth::Ssh { private_key, passphrase, .. } => {
            let mut data = vec![("known_hosts", known_hosts), ("username", &author.name)];
            let mut fill = vec![("id_rsa".to_owned(), Fill::Key(private_key.clone()))];
            match passphrase {
                Some(passphrase) => fill.push(("passphrase".into(), Fill::Secret(passphrase.clone()))),
                // The guide: it can be left empty.
                None => data.push(("passphrase", "")),
            }
            (data, fill)
        }
        GitAuth::Token { username, token } => {
            (vec![("username", username.as_str())], vec![("token".to_owned(), Fill::Secret(token.clone()))])
        }
        // The configuration refuses them here.
        GitAuth::Bearer { .. } | GitAuth::GithubApp { .. } => return None,
    };
    data.push(("email", &author.email));
    let data: Value =
        data.into_iter().map(|(key, value)| (key.to_owned(), json!(STANDARD.encode(value)))).collect();
    let reference = ObjectRef::namespaced("v1", "Secret", &seldon.namespace, &seldon.git_secret);
    Some(FilledSecret { object: secret(&reference).with("data", data), fill })
}

/// The Secret with a token of a project's role.
pub fn token_secret(namespace: &str, token: ProjectToken) -> FilledSecret {
    let reference = ObjectRef::namespaced("v1", "Secret", namespace, TOKEN_SECRET);
    FilledSecret { object: secret(&reference), fill: vec![(TOKEN_KEY.into(), Fill::ProjectToken(token))] }
}

/// The namespace, for a cluster that Seldon Enterprise Platform is yet to be installed in.
pub fn namespace(name: &str) -> Object {
    Object::new(&ObjectRef::cluster_scoped("v1", "Namespace", name))
        .with_label("app.kubernetes.io/managed-by", MANAGER)
}

fn secret(reference: &ObjectRef) -> Object {
    Object::new(reference).with_label("app.kubernetes.io/managed-by", MANAGER)
}
