//! Settings of Argo CD's server: TLS termination and root path.
//!
//! Since 2.1 they are keys of the ConfigMap `argocd-cmd-params-cm`, which the server reads as environment
//! variables when it starts. Before, they are flags on the container's command. The guide's own way, a JSON
//! patch that appends flags, appends them again at every run, and fails since 2.7, where the container has
//! `args` and no `command`.

use serde_json::{Value, json};

use super::names;
use crate::config::{ArgoCd, TlsTermination};
use crate::object::Object;

/// Prefix of the annotations on the server's pods that carry the settings they started with: a changed setting
/// is a changed pod template, so that Kubernetes replaces the pods and a cut-off run can't forget to.
pub const STARTED_WITH: &str = "gitops-setup/";

/// One setting of Argo CD's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Key in `argocd-cmd-params-cm`.
    pub key: &'static str,
    /// Its value.
    pub value: String,
}

/// Whether the server speaks plain HTTP, because the ingress layer ends TLS.
pub fn tls_termination(argocd: &ArgoCd) -> Setting {
    let insecure = argocd.tls_termination == TlsTermination::Ingress;
    Setting { key: "server.insecure", value: insecure.to_string() }
}

/// The path under which the server answers; empty for the root.
pub fn root_path(argocd: &ArgoCd) -> Setting {
    Setting { key: "server.rootpath", value: argocd.root_path().unwrap_or_default().into() }
}

impl Setting {
    /// The two objects that make the setting take effect (since 2.1), each with nothing but the setting.
    pub fn objects(&self, namespace: &str) -> [Object; 2] {
        let template = json!({ "metadata": { "annotations": { self.annotation(): self.value } } });
        [
            Object::new(&names::cmd_params(namespace)).with("data", json!({ self.key: self.value })),
            Object::new(&names::server_deployment(namespace)).with("spec", json!({ "template": template })),
        ]
    }

    fn annotation(&self) -> String {
        format!("{STARTED_WITH}{}", self.key)
    }
}

/// Takes the settings out of the manifest's own ConfigMap, and says so.
pub(super) fn leave_out(object: &mut Object) -> Vec<String> {
    if object.kind() != "ConfigMap" || object.name() != names::CMD_PARAMS {
        return Vec::new();
    }
    let Some(Value::Object(data)) = object.get_mut("/data") else { return Vec::new() };
    let settings = [("server.insecure", "argocd.tlsTermination"), ("server.rootpath", "argocd.rootPath")];
    let found: Vec<_> = settings.into_iter().filter(|(key, _)| data.remove(*key).is_some()).collect();
    if !found.is_empty() && data.is_empty() {
        *object = object.clone().without("data");
    }
    let note =
        |(key, by)| format!("{key} of the manifest's {} is left out: it is set by `{by}`", names::CMD_PARAMS);
    found.into_iter().map(note).collect()
}

/// Adds the flags to the server's command, for releases before 2.1. Flags that are there are replaced.
pub(super) fn add_flags(objects: &mut [Object], argocd: &ArgoCd) {
    let Some(server) =
        objects.iter_mut().find(|object| object.kind() == "Deployment" && object.name() == names::SERVER)
    else {
        return;
    };
    if let Some(Value::Array(command)) = server.get_mut("/spec/template/spec/containers/0/command") {
        remove_flags(command);
        command.extend(flags(argocd).into_iter().map(Value::from));
    }
}

/// Takes away the flags of both settings, in whatever form somebody wrote them.
fn remove_flags(command: &mut Vec<Value>) {
    let mut value_follows = false;
    command.retain(|word| {
        let word = word.as_str().unwrap_or_default();
        let is_value = std::mem::replace(&mut value_follows, word == "--rootpath");
        let flag = word.split('=').next().unwrap_or_default();
        !is_value && !matches!(flag, "--insecure" | "--rootpath")
    });
}

/// The flags that the guide appends, for releases before 2.1.
fn flags(argocd: &ArgoCd) -> Vec<String> {
    let mut flags = Vec::new();
    if argocd.tls_termination == TlsTermination::Ingress {
        flags.push("--insecure".to_owned());
    }
    if let Some(path) = argocd.root_path() {
        flags.extend(["--rootpath".to_owned(), path.to_owned()]);
    }
    flags
}
