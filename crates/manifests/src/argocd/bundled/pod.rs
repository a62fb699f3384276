//! Containers, their environment, volumes and probes as data, and their form in a pod template.

use serde_json::{Map, Value, json};

use super::{NAME_LABEL, PART_OF, PART_OF_LABEL};

/// A container. [`Container::NEW`] has the defaults.
pub(super) struct Container {
    pub(super) name: &'static str,
    pub(super) image: &'static str,
    pub(super) pull_policy: Option<&'static str>,
    pub(super) command: &'static [&'static str],
    pub(super) args: &'static [&'static str],
    pub(super) working_dir: Option<&'static str>,
    pub(super) env: &'static [Env],
    pub(super) ports: &'static [ContainerPort],
    pub(super) liveness: Option<Probe>,
    pub(super) readiness: Option<Probe>,
    pub(super) run_as: RunAs,
    /// Names of volumes and where they are mounted.
    pub(super) mounts: &'static [(&'static str, &'static str)],
}

/// One environment variable, its name first.
#[derive(Clone, Copy)]
pub(super) enum Env {
    /// A key of `argocd-cmd-params-cm`, unset where that lacks it.
    Params(&'static str, &'static str),
    /// A key of `argocd-cm`, unset where that lacks it.
    Settings(&'static str, &'static str),
    /// The name of a secret and its key. The container does not start before both exist.
    Secret(&'static str, &'static str, &'static str),
    /// The path of a field of the pod.
    Field(&'static str, &'static str),
    /// The value itself.
    Fixed(&'static str, &'static str),
}

pub(super) struct ContainerPort {
    pub(super) number: u16,
    pub(super) name: Option<&'static str>,
}

/// How to ask a container whether it is alive or ready. Times are in seconds.
pub(super) enum Probe {
    Http {
        path: &'static str,
        port: u16,
        delay: u32,
        period: u32,
        timeout: Option<u32>,
        failures: Option<u32>,
    },
    Tcp(u16),
}

/// The user of a container or of all containers of a pod.
#[derive(Clone, Copy)]
pub(super) enum RunAs {
    /// Whatever the pod, or else the image, says.
    Unset,
    /// The user of the image, which must not be root.
    NonRoot,
    /// This one, which is not root.
    User(u32),
}

/// A volume, its name first.
pub(super) enum Volume {
    Empty(&'static str),
    /// All keys of a config map.
    Config(&'static str, &'static str),
    /// One key of `argocd-cmd-params-cm`, as the file that switches profiling on while Argo CD runs.
    Profiling(&'static str),
    /// Some keys of a secret that has the name of the volume and need not exist.
    Secret(&'static str, &'static [&'static str]),
}

/// Which pods the scheduler keeps on different nodes if it can.
#[derive(Clone, Copy)]
pub(super) enum Spread {
    Nothing,
    /// A little: from everything else of Argo CD.
    FromOthers,
    /// That, and much more from pods of the same component.
    FromReplicasAndOthers,
}

impl Container {
    pub(super) const NEW: Self = Self {
        name: "",
        image: "",
        pull_policy: Some("Always"),
        command: &[],
        args: &[],
        working_dir: None,
        env: &[],
        ports: &[],
        liveness: None,
        readiness: None,
        run_as: RunAs::NonRoot,
        mounts: &[],
    };

    pub(super) fn to_json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("name".into(), self.name.into());
        fields.insert("image".into(), self.image.into());
        fields.insert("securityContext".into(), self.security());
        let mut optional = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(field.into(), value);
            }
        };
        optional("imagePullPolicy", self.pull_policy.map(Value::from));
        optional("command", list(self.command, |text| json!(text)));
        optional("args", list(self.args, |text| json!(text)));
        optional("workingDir", self.working_dir.map(Value::from));
        optional("env", list(self.env, |env| env.to_json()));
        optional("ports", list(self.ports, ContainerPort::to_json));
        optional("livenessProbe", self.liveness.as_ref().map(Probe::to_json));
        optional("readinessProbe", self.readiness.as_ref().map(Probe::to_json));
        optional("volumeMounts", list(self.mounts, |(name, path)| json!({"name": name, "mountPath": path})));
        fields.into()
    }

    fn security(&self) -> Value {
        let mut security = self.run_as.fields();
        security.insert("allowPrivilegeEscalation".into(), false.into());
        security.insert("capabilities".into(), json!({"drop": ["ALL"]}));
        security.insert("readOnlyRootFilesystem".into(), true.into());
        security.into()
    }
}

/// A list for a field that is left out where there is nothing in it.
pub(super) fn list<T>(items: &[T], to_json: impl Fn(&T) -> Value) -> Option<Value> {
    (!items.is_empty()).then(|| items.iter().map(to_json).collect())
}

impl Env {
    fn to_json(self) -> Value {
        let config = |name, map, key| json!({"name": name, "valueFrom": {"configMapKeyRef": {"name": map, "key": key, "optional": true}}});
        match self {
            Self::Params(name, key) => config(name, "argocd-cmd-params-cm", key),
            Self::Settings(name, key) => config(name, "argocd-cm", key),
            Self::Secret(name, secret, key) => {
                json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
            }
            Self::Field(name, path) => json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}),
            Self::Fixed(name, value) => json!({"name": name, "value": value}),
        }
    }
}

impl ContainerPort {
    fn to_json(&self) -> Value {
        match self.name {
            Some(name) => json!({"containerPort": self.number, "name": name}),
            None => json!({"containerPort": self.number}),
        }
    }
}

impl Probe {
    fn to_json(&self) -> Value {
        let (path, port, delay, period, timeout, failures) = match self {
            Self::Tcp(port) => return json!({"tcpSocket": {"port": port}}),
            Self::Http { path, port, delay, period, timeout, failures } => {
                (path, port, delay, period, timeout, failures)
            }
        };
        let mut probe = json!({
            "httpGet": {"path": path, "port": port},
            "initialDelaySeconds": delay,
            "periodSeconds": period,
        });
        for (field, value) in [("timeoutSeconds", timeout), ("failureThreshold", failures)] {
            if let Some(value) = value {
                probe[field] = json!(value);
            }
        }
        probe
    }
}

impl RunAs {
    /// The fields of a security context that say so.
    pub(super) fn fields(self) -> Map<String, Value> {
        let mut fields = Map::new();
        if !matches!(self, Self::Unset) {
            fields.insert("runAsNonRoot".into(), true.into());
            fields.insert("seccompProfile".into(), json!({"type": "RuntimeDefault"}));
        }
        if let Self::User(id) = self {
            fields.insert("runAsUser".into(), id.into());
        }
        fields
    }
}

impl Volume {
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Empty(name) => json!({"name": name, "emptyDir": {}}),
            Self::Config(name, map) => json!({"name": name, "configMap": {"name": map}}),
            Self::Profiling(key) => json!({
                "name": "argocd-cmd-params-cm",
                "configMap": {
                    "name": "argocd-cmd-params-cm",
                    "optional": true,
                    "items": [{"key": key, "path": "profiler.enabled"}],
                },
            }),
            Self::Secret(name, keys) => {
                let items: Value = keys.iter().map(|key| json!({"key": key, "path": key})).collect();
                json!({"name": name, "secret": {"secretName": name, "optional": true, "items": items}})
            }
        }
    }
}

impl Spread {
    /// The affinity of a pod with this name label.
    pub(super) fn to_json(self, name_label: &str) -> Option<Value> {
        let apart_from = |label: &str, value: &str, weight: u32| {
            let selector = json!({"matchLabels": {label: value}});
            let term = json!({"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"});
            json!({"weight": weight, "podAffinityTerm": term})
        };
        let others = apart_from(PART_OF_LABEL, PART_OF, 5);
        let terms = match self {
            Self::Nothing => return None,
            Self::FromOthers => json!([others]),
            Self::FromReplicasAndOthers => json!([apart_from(NAME_LABEL, name_label, 100), others]),
        };
        Some(json!({"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": terms}}))
    }
}
