//! Many set-ups on one cluster. Some in a row share names, and only begin without what is in the namespaces; those
//! that begin with nothing have names of their own, so that they need not wait for the end of others' namespaces.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use manifests::Object;
use manifests::argocd::bundled;
use manifests::argocd::release::sha256;
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::{Api, FaultProxy, Outcome, Running, Sandbox, poll};

/// How much a trial sets up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Argo CD's definitions, settings and server, and two environments.
    Small,
    /// The whole built-in Argo CD, and 12 environments.
    Large,
}

/// The trial that others are compared with.
const UNDISTURBED: u64 = 1_000_000;

/// Objects of a cluster, by kind, namespace and name.
pub type Objects = BTreeMap<String, Value>;

/// A cluster, a proxy before it, and what a set-up leaves that nobody disturbed.
pub struct Trials {
    /// Where runs start. The cluster goes with it.
    pub sandbox: Sandbox,
    /// What requests pass on the way to the API server.
    pub proxy: FaultProxy,
    size: Size,
    /// So many share their names.
    sharing: u64,
    clean: Objects,
}

impl Trials {
    /// Makes the cluster, and the first set-up; `None` where no cluster can be had. So many trials as `sharing` says
    /// share their names: the first of them begins with nothing.
    pub fn start(program: &str, size: Size, sharing: u64) -> Option<Self> {
        let sandbox = Sandbox::with_cluster(program)?;
        sandbox.write("token", "correct-horse-battery\n");
        sandbox.run(&["setup", "--only", "cluster", "--config", "/dev/null"]).exits(0);
        let proxy = FaultProxy::start(&sandbox.kubeconfig());
        sandbox.write("proxied", &proxy.kubeconfig());
        let mut trials = Self { sandbox, proxy, size, sharing, clean: Objects::new() };
        trials.plain(UNDISTURBED).exits(0).says("Done:");
        trials.clean = trials.objects(UNDISTURBED);
        trials.clear_all(UNDISTURBED);
        Some(trials)
    }

    /// How a run of a trial is called, through the proxy.
    pub fn words(&self, trial: u64) -> [String; 5] {
        let config = self.config(trial);
        ["setup", "--timeout", "15s", "--config", &config.display().to_string()].map(str::to_owned)
    }

    /// Starts a run through the proxy.
    pub fn begin(&self, trial: u64) -> Running {
        let words = self.words(trial);
        self.sandbox.start(&words.each_ref().map(String::as_str))
    }

    /// A run that nobody disturbs.
    pub fn plain(&self, trial: u64) -> Outcome {
        self.proxy.follow(None);
        let config = self.config(trial).display().to_string();
        self.sandbox.run(&["setup", "--config", &config])
    }

    /// Takes it back, through the proxy.
    pub fn teardown(&self, trial: u64) -> Outcome {
        let config = self.config(trial).display().to_string();
        self.sandbox.run(&["teardown", "--timeout", "60s", "--config", &config])
    }

    /// What is still there of a trial's own.
    pub fn left(&self, trial: u64) -> Vec<String> {
        let own = self.objects(trial).into_keys();
        own.filter(|key| key.contains("<trial>") || key.contains(".argoproj.io")).collect()
    }

    /// What tells a trial's names from another's.
    fn tag(&self, trial: u64) -> String {
        format!("t{}z", trial / self.sharing)
    }

    fn config(&self, trial: u64) -> PathBuf {
        let tag = self.tag(trial);
        let (argocd, path) = (format!("argocd-{tag}"), |name: &str| self.sandbox.work().join(name));
        let install = match self.size {
            Size::Small => {
                let objects = bundled::objects(&argocd).into_iter().filter(is_small);
                let objects: Vec<String> = objects.map(|object| text(&without_pods(object))).collect();
                let manifest = objects.join("---\n");
                let file = self.sandbox.write(&format!("argocd-{tag}.yaml"), &manifest);
                json!({
                    "namespace": argocd,
                    "manifest": { "file": file },
                    "manifestSha256": sha256(manifest.as_bytes()),
                })
            }
            Size::Large => json!({ "namespace": argocd, "manifest": "bundled" }),
        };
        let count = if self.size == Size::Small { 2 } else { 12 };
        let environments: Vec<Value> =
            (0..count).map(|index| json!({ "namespace": format!("env-{index}-{tag}") })).collect();
        // HTTP/2 as with an API server itself, or HTTP/1.1 as through some proxies.
        let context = if trial.is_multiple_of(3) { "proxied" } else { "proxied-tls" };
        let config = json!({
            "cluster": { "provider": "context", "context": context, "kubeconfig": path("proxied") },
            "argocd": install,
            "expose": { "via": "ingress" },
            "git": {
                "url": "https://git.example/acme/gitops",
                "auth": { "token": { "username": "bot", "token": { "file": path("token") } } },
            },
            "environments": environments,
            "healthChecks": {},
        });
        self.sandbox.write(&format!("trial-{tag}.yaml"), &config.to_string())
    }

    /// What is in the cluster, but for what belongs to other trials.
    pub fn objects(&self, trial: u64) -> Objects {
        let (tag, folder) = (self.tag(trial), self.sandbox.path("").display().to_string());
        let any = Regex::new(r"\bt[0-9]+z\b").expect("a pattern");
        let objects = self.sandbox.api().snapshot(&[(&tag, "<trial>"), (&folder, "<dir>/")]);
        let own = objects.into_iter().map(|(key, object)| (key.replace(&tag, "<trial>"), object));
        own.filter(|(key, object)| !any.is_match(key) && !any.is_match(&object.to_string())).collect()
    }

    /// Where the cluster differs from what an undisturbed set-up leaves; empty where it does not.
    pub fn differences(&self, trial: u64) -> Vec<String> {
        let found = self.objects(trial);
        let missing =
            self.clean.keys().filter(|key| !found.contains_key(*key)).map(|key| format!("{key} is missing"));
        let others = found.iter().filter(|(key, object)| self.clean.get(*key) != Some(object));
        let others = others.map(|(key, object)| match self.clean.get(key) {
            None => format!("{key} is left over"),
            Some(clean) => format!("{key} is not what it should be:\n  {object}\n  {clean}"),
        });
        missing.chain(others).collect()
    }

    /// Takes away what a trial left, as far as the next one would see it. Where that one has the same names, some of
    /// what is in the namespaces stays: it begins as after a run that was cut off.
    pub fn clear(&self, trial: u64) {
        if (trial + 1).is_multiple_of(self.sharing) {
            return self.clear_all(trial);
        }
        let (api, namespace) = (self.sandbox.api(), format!("argocd-{}", self.tag(trial)));
        for (index, (group, kind)) in CONTENTS.iter().enumerate() {
            if (trial >> (index % 8)) & 1 == 0 || index < 2 {
                let selector = "labelSelector=app.kubernetes.io/part-of=argocd";
                let all = if *kind == "serviceaccounts" { selector } else { "" };
                let path = format!("{group}/namespaces/{namespace}/{kind}?{all}");
                let deleted = api.send(http::Method::DELETE, &path, "application/json", &Value::Null);
                assert!(deleted.is_ok(), "{path}: {deleted:?}");
            }
        }
    }

    /// Takes away all that a trial left.
    pub fn clear_all(&self, trial: u64) {
        let (api, tag) = (self.sandbox.api(), self.tag(trial));
        for kind in ["clusterrolebindings", "clusterroles"] {
            let collection = format!("/apis/rbac.authorization.k8s.io/v1/{kind}");
            delete(&api, &collection, |object| text_at(object, "/metadata/name").starts_with("argocd-"));
        }
        delete(&api, "/api/v1/namespaces", |object| text_at(object, "/metadata/name").ends_with(&tag));
        // With the definitions, so that the next trial makes them; what is of them goes with them.
        const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let argocds = |object: &Value| text_at(object, "/spec/group") == "argoproj.io";
        delete(&api, DEFINITIONS, argocds);
        poll("the definitions are gone", Duration::from_secs(60), || {
            (!api.list(DEFINITIONS).iter().any(argocds)).then_some(())
        });
    }
}

/// What set-ups put into the namespace of Argo CD.
const CONTENTS: [(&str, &str); 8] = [
    ("/apis/argoproj.io/v1alpha1", "applications"),
    ("/apis/argoproj.io/v1alpha1", "appprojects"),
    ("/api/v1", "configmaps"),
    ("/api/v1", "secrets"),
    ("/api/v1", "services"),
    ("/api/v1", "serviceaccounts"),
    ("/apis/apps/v1", "deployments"),
    ("/apis/networking.k8s.io/v1", "ingresses"),
];

/// What a set-up needs of Argo CD, and no more: its settings, and the server that they are for.
fn is_small(object: &Object) -> bool {
    match object.kind() {
        "CustomResourceDefinition" | "ConfigMap" | "Secret" => true,
        "ServiceAccount" | "Deployment" | "Service" => object.name() == "argocd-server",
        _ => false,
    }
}

/// Pods would take most of the time, and prove nothing on simulated nodes.
fn without_pods(mut object: Object) -> Object {
    if let Some(spec) = object.get_mut("/spec").filter(|spec| spec["template"].is_object()) {
        spec["replicas"] = json!(0);
    }
    object
}

/// JSON is YAML.
fn text(object: &Object) -> String {
    format!("{}\n", object.as_value())
}

fn text_at<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn delete(api: &Api, collection: &str, which: impl Fn(&Value) -> bool) {
    for object in api.list(collection).iter().filter(|object| which(object)) {
        let name = text_at(object, "/metadata/name");
        // One that is on its way out already may be gone by now.
        let path = format!("{collection}/{name}");
        api.send(http::Method::DELETE, &path, "application/json", &Value::Null).ok();
    }
}
