//! A cluster to work on, and the work.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use http::Method;
use manifests::{Object, argocd::bundled, yaml};
use serde_json::{Value, json};
use support::{Api, Sandbox, manifest, poll};

const PROGRAM: &str = env!("CARGO_BIN_EXE_gitops-setup-under-test");
const MANIFEST: &str = "install-v3.5.1.yaml";
const ARGOCD: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd";
/// An object that takes so long was held back.
const HELD_BACK: Duration = Duration::from_secs(1);
/// How long the control plane may take for what it does by itself.
const SETTLED: Duration = Duration::from_secs(600);

/// A cluster with Argo CD's definitions.
pub(crate) struct Place {
    pub(crate) sandbox: Sandbox,
    api: Api,
}

/// Environments to be made.
pub(crate) struct Work {
    pub(crate) size: usize,
    tag: String,
    /// Configuration of this tool.
    pub(crate) config: PathBuf,
    /// What it renders to, a file an object.
    pub(crate) rendered: PathBuf,
    /// The same as requests, one a line: path, tab, body.
    pub(crate) requests: PathBuf,
}

/// Argo CD's own manifest: the published one where the environment has it.
pub(crate) fn argocd() -> (Option<PathBuf>, Vec<Object>) {
    match manifest(MANIFEST) {
        Some(path) => {
            let text = std::fs::read_to_string(&path).expect("it was just found");
            let objects = yaml::parse_objects(&text).expect("objects");
            (Some(path), objects)
        }
        None => (None, bundled::objects("argocd")),
    }
}

impl Place {
    /// A new cluster with Argo CD's definitions and its namespace.
    pub(crate) fn new() -> Self {
        let place = Self::empty();
        let definitions = argocd().1.into_iter().filter(|object| object.kind() == "CustomResourceDefinition");
        for definition in definitions {
            place.api.apply("bench", &path(&definition), definition.as_value());
        }
        // A server holds back every object that is created within two seconds of its definition's establishment, which
        // may itself come after the kind is served (`crdHandler` in k8s.io/apiextensions-apiserver).
        for (kind, plural) in [("AppProject", "appprojects"), ("Application", "applications")] {
            let spec = match kind {
                "Application" => {
                    json!({ "project": "first", "destination": {}, "source": { "repoURL": "https://example.com" } })
                }
                _ => json!({}),
            };
            let first = json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": { "name": "first" }, "spec": spec,
            });
            let collection = format!("{ARGOCD}/{plural}");
            let make = || {
                let start = Instant::now();
                place.api.send(Method::POST, &collection, "application/json", &first).ok()?;
                let took = start.elapsed();
                place.api.delete(&format!("{collection}/first"));
                (took < HELD_BACK).then_some(())
            };
            poll("the kind is served at once", SETTLED, make);
        }
        place
    }

    /// A new cluster with Argo CD's namespace.
    pub(crate) fn empty() -> Self {
        let sandbox = Sandbox::with_cluster(PROGRAM).expect("tools were at hand").without_name();
        sandbox.run(&["cluster", "up"]).exits(0);
        let api = sandbox.api();
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "argocd" } });
        api.create("/api/v1/namespaces", &namespace);
        Self { sandbox, api }
    }

    /// Writes down what is to be made.
    pub(crate) fn work(&self, tag: &str, size: usize) -> Work {
        let folder = self.sandbox.path(tag);
        let work = Work {
            size,
            tag: tag.to_owned(),
            config: self.sandbox.path(&format!("{tag}.yaml")),
            rendered: folder.join("environments"),
            requests: self.sandbox.path(&format!("{tag}.requests")),
        };
        work.configure(None);
        let out = folder.to_string_lossy();
        self.sandbox.run(&["render", "--config", &work.config.to_string_lossy(), "--out", &out]).exits(0);
        write_requests(&work.requests, &work.objects());
        work
    }

    /// Waits until the control plane has put into every namespace what it puts there.
    pub(crate) fn settle(&self) {
        let count = |path: &str| self.api.list(path).len();
        poll("every namespace has its account", SETTLED, || {
            let namespaces = count("/api/v1/namespaces");
            let accounts = count("/api/v1/serviceaccounts?fieldSelector=metadata.name%3Ddefault");
            let maps = count("/api/v1/configmaps?fieldSelector=metadata.name%3Dkube-root-ca.crt");
            (accounts >= namespaces && maps >= namespaces).then_some(())
        });
    }

    /// Another's program, with this cluster as its own.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", self.sandbox.kubeconfig());
        command.env("KUBECACHEDIR", self.sandbox.path("kube-cache")).current_dir(self.sandbox.work());
        command
    }

    /// The context of the cluster.
    pub(crate) fn context(&self) -> String {
        format!("kwok-{}", self.sandbox.name())
    }

    /// A kubeconfig for an account that may do everything and is in no group of administrators.
    pub(crate) fn account(&self) -> PathBuf {
        const ACCOUNTS: &str = "/api/v1/namespaces/kube-system/serviceaccounts";
        let account =
            json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "bench" } });
        self.api.create(ACCOUNTS, &account);
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "bench" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "ServiceAccount", "name": "bench", "namespace": "kube-system" }],
        });
        self.api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding);
        let request = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
        let token = self.api.create(&format!("{ACCOUNTS}/bench/token"), &request)["status"]["token"].clone();
        let text = std::fs::read_to_string(self.sandbox.kubeconfig()).expect("there is a cluster");
        let mut config = yaml::parse_value(&text).expect("a kubeconfig");
        config["users"][0]["user"] = json!({ "token": token });
        let path = self.sandbox.path("account.json");
        std::fs::write(&path, config.to_string()).expect("the folder is ours");
        path
    }
}

impl Work {
    /// Writes the configuration; `changed` is an environment whose Application gets another setting.
    pub(crate) fn configure(&self, changed: Option<usize>) {
        let environment = |index: usize| {
            let name = self.name(index);
            let prune = changed == Some(index);
            json!({ "namespace": name, "project": name, "syncPolicy": { "prune": prune } })
        };
        let environments: Vec<Value> = (0..self.size).map(environment).collect();
        let config = json!({
            "argocd": { "manifest": "bundled" },
            "git": { "url": "https://git.example.com/models.git" },
            "environments": environments,
        });
        std::fs::write(&self.config, config.to_string()).expect("the folder is ours");
    }

    /// Namespace and project of an environment.
    pub(crate) fn name(&self, index: usize) -> String {
        format!("{}-{index:04}", self.tag)
    }

    /// The objects to be made.
    pub(crate) fn objects(&self) -> Vec<Object> {
        let files = std::fs::read_dir(&self.rendered).expect("it was rendered");
        let text = |path: &Path| std::fs::read_to_string(path).expect("it was rendered");
        files.flatten().flat_map(|file| yaml::parse_objects(&text(&file.path())).expect("objects")).collect()
    }
}

/// Writes objects as requests.
pub(crate) fn write_requests(to: &Path, objects: &[Object]) {
    let mut text = String::new();
    for object in objects {
        writeln!(text, "{}\t{}", path(object), object.as_value()).expect("a text grows");
    }
    std::fs::write(to, text).expect("the folder is ours");
}

/// Path of an object. Every kind here has a plural by rule.
fn path(object: &Object) -> String {
    let reference = object.reference();
    let kind = reference.kind.to_lowercase();
    let plural = kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"));
    let api = if reference.group().is_empty() { "/api" } else { "/apis" };
    let place = reference.namespace.map_or_else(String::new, |namespace| format!("/namespaces/{namespace}"));
    format!("{api}/{}{place}/{plural}/{}", reference.api_version, reference.name)
}
