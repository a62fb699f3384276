//! A pure world: the built-in Argo CD, and stages planned one after the other as `cargo xtask plan` does it.

use manifests::argocd::{bundled, install};
use manifests::config::{Config, Environment, Git, Logging, SecretRef};
use manifests::fill::FilledSecret;
use manifests::{Object, ObjectRef};
use serde_json::{Value, json};
use stages::observed::{ClusterState, KubernetesVersion, Live, RepositoryState};
use stages::{ALL, Inputs, Observed, Plan, PlanError, Stage};

/// A value in base64 as it is found in a Secret; it must not turn up in any plan.
pub(crate) const STORED: &str = "cGxhbnRlZA==";
pub(crate) const KUBERNETES_1_36: KubernetesVersion = KubernetesVersion { major: 1, minor: 36 };

/// A configuration with two environments and the request logger's.
pub(crate) fn config() -> Config {
    Config {
        git: Git { url: "github.com/acme/gitops".into(), ..Git::default() },
        environments: ["dev", "prod"].map(Environment::new).into(),
        logging: Some(Logging::default()),
        ..Config::default()
    }
}

/// Inputs with the built-in manifest.
pub(crate) fn inputs(config: Config) -> Inputs {
    let objects = bundled::objects(&config.argocd.namespace);
    let install = install::prepare(objects, &config.argocd, true).expect("the built-in manifest fits");
    Inputs {
        install: Some(install),
        admin_password: Some(SecretRef::Env("ARGOCDINITIALPASS".into())),
        config,
        ..Inputs::default()
    }
}

pub(crate) fn stage(name: &str) -> &'static Stage {
    stages::Stages::default().find(name).expect("a stage")
}

pub(crate) fn plan(name: &str, inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    (stage(name).plan)(inputs, observed)
}

/// A cluster that runs and has nothing of ours.
pub(crate) fn running(kubernetes: KubernetesVersion) -> Observed {
    Observed { cluster: ClusterState::Running, kubernetes: Some(kubernetes), ..Observed::default() }
}

/// The plan of every stage.
pub(crate) type Plans = Vec<(&'static str, Plan)>;

/// Plans all stages one after the other, each as if those before had been applied.
pub(crate) fn plan_all(inputs: &Inputs, mut observed: Observed) -> Result<(Plans, Observed), PlanError> {
    let mut plans = Vec::new();
    for stage in ALL {
        let plan = (stage.plan)(inputs, &observed)?;
        let objects: Vec<Object> = plan.objects().cloned().collect();
        observed.assume(&objects);
        plans.push((stage.name, plan));
    }
    Ok((plans, observed))
}

/// What the effects that are no objects bring about.
pub(crate) fn settled(inputs: &Inputs, observed: Observed) -> Observed {
    let folders =
        (stage("environments").objects)(inputs).into_iter().chain((stage("logging").objects)(inputs));
    let folders =
        folders.filter(|object| object.kind() == "Namespace").map(|object| object.name().to_owned());
    Observed {
        cluster: ClusterState::Running,
        repository: Some(RepositoryState {
            exists: true,
            branch: Some("main".into()),
            folders: folders.collect(),
            ..RepositoryState::default()
        }),
        ..observed
    }
    .with_filled(inputs)
}

/// Secrets that were filled in.
pub(crate) trait Filled {
    /// The same, where every value that a plan would fill in is stored.
    fn with_filled(self, inputs: &Inputs) -> Self;
}

impl Filled for Observed {
    fn with_filled(mut self, inputs: &Inputs) -> Self {
        let secrets: Vec<FilledSecret> =
            ALL.iter().flat_map(|stage| (stage.secrets)(inputs, &self)).collect();
        for secret in secrets {
            let reference = secret.object.reference();
            let Some(Live::Found(live)) = self.objects.get_mut(&reference) else { continue };
            let mut data = live.get("/data").cloned().unwrap_or_else(|| json!({}));
            for (key, _) in secret.fill {
                data[key.as_str()] = json!(STORED);
                self.stored.insert((reference.clone(), key));
            }
            **live = live.as_ref().clone().with("data", data);
        }
        self
    }
}

pub(crate) fn with(mut observed: Observed, object: Object) -> Observed {
    observed.objects.insert(object.reference(), Live::Found(Box::new(object)));
    observed
}

/// The object of the manifest as if it were in the cluster.
pub(crate) fn server(inputs: &Inputs) -> Object {
    inputs.manifest_object("Deployment", "argocd-server").expect("the manifest has a server").clone()
}

/// A live object with a field set.
pub(crate) fn set(object: Object, pointer: &str, field: &str, value: Value) -> Object {
    let mut object = object;
    object.get_mut(pointer).expect("the parent is there")[field] = value;
    object
}

/// A namespace that is being deleted.
pub(crate) fn terminating(name: &str) -> Object {
    let namespace = Object::new(&ObjectRef::cluster_scoped("v1", "Namespace", name));
    set(namespace, "/metadata", "deletionTimestamp", json!("2026-01-01T00:00:00Z"))
}
