//! Sync waves: what Argo CD applies before what.
//!
//! Within one sync, Argo CD applies the objects of the lowest wave, waits until they are healthy, and goes on with the
//! next one. [`TABLE`] is the only place that says which kind belongs where; `docs/ml.md` repeats it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::object::Object;

/// Annotation with the number of an object's wave.
pub const ANNOTATION: &str = "argocd.argoproj.io/sync-wave";

/// One wave of the table.
#[derive(Debug)]
pub struct Wave {
    /// Its number; lower ones come first.
    pub number: i32,
    /// What it is about, for people.
    pub what: &'static str,
    /// API group and kind of what belongs to it.
    pub kinds: &'static [(&'static str, &'static str)],
}

const RBAC: &str = "rbac.authorization.k8s.io";
const SELDON: &str = "mlops.seldon.io";
const ISTIO: &str = "networking.istio.io";
const GATEWAY: &str = "gateway.networking.k8s.io";
const KSERVE: &str = "serving.kserve.io";
const KUBEFLOW: &str = "kubeflow.org";
const PROMETHEUS: &str = "monitoring.coreos.com";

/// Every wave, in order.
pub const TABLE: &[Wave] = &[
    Wave {
        number: 0,
        what: "namespaces, definitions, permissions",
        kinds: &[
            ("", "Namespace"),
            ("apiextensions.k8s.io", "CustomResourceDefinition"),
            ("", "ServiceAccount"),
            (RBAC, "Role"),
            (RBAC, "RoleBinding"),
            (RBAC, "ClusterRole"),
            (RBAC, "ClusterRoleBinding"),
            ("", "ResourceQuota"),
            ("", "LimitRange"),
            ("scheduling.k8s.io", "PriorityClass"),
        ],
    },
    Wave {
        number: 1,
        what: "configuration and secrets",
        kinds: &[
            ("", "ConfigMap"),
            ("", "Secret"),
            ("bitnami.com", "SealedSecret"),
            ("external-secrets.io", "ExternalSecret"),
        ],
    },
    Wave {
        number: 2,
        what: "storage",
        kinds: &[("storage.k8s.io", "StorageClass"), ("", "PersistentVolume"), ("", "PersistentVolumeClaim")],
    },
    Wave {
        number: 3,
        what: "services, routes, and what workloads refer to",
        kinds: &[
            ("", "Service"),
            ("networking.k8s.io", "Ingress"),
            ("networking.k8s.io", "NetworkPolicy"),
            (GATEWAY, "Gateway"),
            (GATEWAY, "HTTPRoute"),
            (GATEWAY, "GRPCRoute"),
            (ISTIO, "Gateway"),
            (ISTIO, "VirtualService"),
            (ISTIO, "DestinationRule"),
            ("argoproj.io", "AnalysisTemplate"),
            ("argoproj.io", "ClusterAnalysisTemplate"),
            (KSERVE, "ServingRuntime"),
            (KSERVE, "ClusterServingRuntime"),
            (SELDON, "ServerConfig"),
        ],
    },
    Wave {
        number: 4,
        what: "workloads and models",
        kinds: &[
            ("apps", "Deployment"),
            ("apps", "StatefulSet"),
            ("apps", "DaemonSet"),
            ("batch", "Job"),
            ("batch", "CronJob"),
            ("argoproj.io", "Rollout"),
            ("argoproj.io", "Workflow"),
            ("argoproj.io", "CronWorkflow"),
            (KSERVE, "InferenceService"),
            (KSERVE, "InferenceGraph"),
            (KSERVE, "TrainedModel"),
            ("machinelearning.seldon.io", "SeldonDeployment"),
            (SELDON, "Server"),
            (SELDON, "Model"),
            (SELDON, "Pipeline"),
            (SELDON, "Experiment"),
            (KUBEFLOW, "PyTorchJob"),
            (KUBEFLOW, "TFJob"),
            (KUBEFLOW, "MPIJob"),
            ("trainer.kubeflow.org", "TrainJob"),
            ("ray.io", "RayCluster"),
            ("ray.io", "RayService"),
            ("ray.io", "RayJob"),
        ],
    },
    Wave {
        number: 5,
        what: "autoscaling and disruption budgets",
        kinds: &[
            ("autoscaling", "HorizontalPodAutoscaler"),
            ("keda.sh", "ScaledObject"),
            ("policy", "PodDisruptionBudget"),
        ],
    },
    Wave {
        number: 6,
        what: "monitoring",
        kinds: &[(PROMETHEUS, "ServiceMonitor"), (PROMETHEUS, "PodMonitor"), (PROMETHEUS, "PrometheusRule")],
    },
];

/// The table with some kinds moved.
#[derive(Clone, Copy, Debug)]
pub struct Waves<'a> {
    moved: &'a BTreeMap<String, i32>,
}

impl<'a> Waves<'a> {
    /// `moved` holds numbers by `Kind`, or by `Kind.group` where several groups have the kind.
    pub fn new(moved: &'a BTreeMap<String, i32>) -> Self {
        Self { moved }
    }

    /// The wave of a kind; `None` where the table has no such kind, which Argo CD takes for 0.
    pub fn of(&self, group: &str, kind: &str) -> Option<i32> {
        let moved = self.moved.get(&format!("{kind}.{group}")).or_else(|| self.moved.get(kind));
        let listed = TABLE.iter().find(|wave| wave.kinds.contains(&(group, kind)));
        moved.copied().or_else(|| listed.map(|wave| wave.number))
    }

    /// The object, with the annotation that puts it into its wave.
    pub fn mark(&self, object: Object) -> Object {
        match self.of(object.reference().group(), object.kind()) {
            Some(number) => object.with_annotation(ANNOTATION, &number.to_string()),
            None => object,
        }
    }
}

/// Whether the table has a kind that is called `Kind` or `Kind.group`.
pub fn is_known(name: &str) -> bool {
    let mut kinds = TABLE.iter().flat_map(|wave| wave.kinds);
    kinds.any(|(group, kind)| {
        name.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.strip_prefix('.') == Some(group))
    })
}

/// The table as Markdown. Where several groups have a kind, it is `Kind.group`, as in the configuration.
pub fn markdown() -> String {
    let all = || TABLE.iter().flat_map(|wave| wave.kinds);
    let shown = |(group, kind): &(&str, &str)| match all().filter(|(_, other)| other == kind).count() {
        1 => (*kind).to_owned(),
        _ => format!("{kind}.{group}"),
    };
    let mut text = String::from("| wave | what | kinds |\n|---|---|---|\n");
    for wave in TABLE {
        let kinds: Vec<String> = wave.kinds.iter().map(shown).collect();
        let _infallible = writeln!(text, "| {} | {} | {} |", wave.number, wave.what, kinds.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_is_in_two_waves() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in TABLE.iter().flat_map(|wave| wave.kinds) {
            assert!(seen.insert(kind), "{kind:?}");
        }
        assert!(TABLE.is_sorted_by_key(|wave| wave.number));
    }

    #[test]
    fn a_kind_is_moved_by_its_name_or_its_name_and_group() {
        let moved = BTreeMap::from([
            ("Gateway".to_owned(), 1),
            (format!("Gateway.{ISTIO}"), -2),
            ("Model".into(), 9),
        ]);
        let waves = Waves::new(&moved);
        assert_eq!(waves.of(GATEWAY, "Gateway"), Some(1));
        assert_eq!(waves.of(ISTIO, "Gateway"), Some(-2));
        assert_eq!(waves.of(SELDON, "Model"), Some(9));
        assert_eq!(waves.of("", "Service"), Some(3));
        assert_eq!(waves.of("example.com", "Service"), None, "Knative's is not Kubernetes'");
    }

    #[test]
    fn names_of_kinds_are_known_with_and_without_their_group() {
        for (name, known) in [
            ("Model", true),
            ("Model.mlops.seldon.io", true),
            ("Model.example.com", false),
            ("Models", false),
            ("ConfigMap", true),
            ("", false),
        ] {
            assert_eq!(is_known(name), known, "{name}");
        }
    }
}
