//! Which kinds of objects belong to which system: the one table that the whitelists of projects are made of.

use crate::config::KindSet;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Objects of it live in a namespace.
    pub namespaced: bool,
}

/// Kinds of one group that live in namespaces.
type Group = (&'static str, &'static [&'static str]);

/// Kinds in namespaces. What controllers make of an object is named too (ReplicaSet and Pod of a Deployment): Argo CD
/// leaves out of an Application's tree, and so of its health and logs in the UI, what its project doesn't allow.
fn namespaced(set: KindSet) -> &'static [Group] {
    match set {
        KindSet::Core => &[
            ("", &["ConfigMap", "Endpoints", "PersistentVolumeClaim", "Secret", "Service", "ServiceAccount"]),
            ("discovery.k8s.io", &["EndpointSlice"]),
        ],
        KindSet::Workloads => &[
            ("", &["Pod"]),
            ("apps", &["ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]),
            ("batch", &["CronJob", "Job"]),
        ],
        KindSet::Autoscaling => &[
            ("autoscaling", &["HorizontalPodAutoscaler"]),
            ("autoscaling.k8s.io", &["VerticalPodAutoscaler"]),
            ("keda.sh", &["ScaledJob", "ScaledObject", "TriggerAuthentication"]),
        ],
        KindSet::Policy => &[("policy", &["PodDisruptionBudget"])],
        KindSet::Networking => &[("networking.k8s.io", &["Ingress", "NetworkPolicy"])],
        KindSet::Quotas => &[("", &["LimitRange", "ResourceQuota"])],
        KindSet::Rbac => &[("rbac.authorization.k8s.io", &["Role", "RoleBinding"])],
        // With what it makes of them where Knative is used.
        KindSet::Kserve => &[
            ("serving.kserve.io", &["InferenceGraph", "InferenceService", "ServingRuntime", "TrainedModel"]),
            ("serving.knative.dev", &["Configuration", "Revision", "Route", "Service"]),
        ],
        KindSet::Seldon => &[("machinelearning.seldon.io", &["SeldonDeployment"])],
        KindSet::SeldonCore2 => &[(
            "mlops.seldon.io",
            &["Experiment", "Model", "Pipeline", "SeldonConfig", "SeldonRuntime", "Server", "ServerConfig"],
        )],
        KindSet::Rollouts => {
            &[("argoproj.io", &["AnalysisRun", "AnalysisTemplate", "Experiment", "Rollout"])]
        }
        KindSet::Istio => &[
            (
                "networking.istio.io",
                &["DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "VirtualService"],
            ),
            ("security.istio.io", &["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"]),
            ("telemetry.istio.io", &["Telemetry"]),
        ],
        KindSet::GatewayApi => {
            &[("gateway.networking.k8s.io", &["GRPCRoute", "Gateway", "HTTPRoute", "ReferenceGrant"])]
        }
        KindSet::Monitoring => {
            &[("monitoring.coreos.com", &["PodMonitor", "Probe", "PrometheusRule", "ServiceMonitor"])]
        }
        KindSet::Kubeflow => &[
            (
                "kubeflow.org",
                &["JAXJob", "MPIJob", "Notebook", "PaddleJob", "PyTorchJob", "TFJob", "XGBoostJob"],
            ),
            ("trainer.kubeflow.org", &["TrainJob", "TrainingRuntime"]),
        ],
        KindSet::Ray => &[("ray.io", &["RayCluster", "RayJob", "RayService"])],
        KindSet::Workflows => &[(
            "argoproj.io",
            &["CronWorkflow", "Workflow", "WorkflowTaskResult", "WorkflowTaskSet", "WorkflowTemplate"],
        )],
        KindSet::Argocd => &[("argoproj.io", &["AppProject", "Application", "ApplicationSet"])],
        KindSet::Namespaces | KindSet::Definitions => &[],
    }
}

/// Kinds that live in no namespace. No set of a system has any: an Application that may change what all namespaces
/// share has to be allowed that by name.
fn cluster_wide(set: KindSet) -> &'static [Group] {
    match set {
        KindSet::Namespaces => &[("", &["Namespace"])],
        KindSet::Definitions => &[("apiextensions.k8s.io", &["CustomResourceDefinition"])],
        _ => &[],
    }
}

impl KindSet {
    /// What a namespace with models needs, whichever server they run on, with traffic, scaling and monitoring. Not
    /// in it is what gives rights (`rbac`, `argocd`, `quotas`), what concerns the whole cluster (`namespaces`,
    /// `definitions`) and training (`kubeflow`, `ray`, `workflows`).
    pub fn for_models() -> Vec<Self> {
        use KindSet::*;
        vec![
            Core,
            Workloads,
            Autoscaling,
            Policy,
            Networking,
            Kserve,
            Seldon,
            SeldonCore2,
            Rollouts,
            Istio,
            GatewayApi,
            Monitoring,
        ]
    }

    /// The kinds of this system.
    pub fn kinds(self) -> impl Iterator<Item = Kind> {
        let of = |groups: &'static [Group], namespaced| {
            groups.iter().flat_map(move |(group, kinds)| {
                kinds.iter().map(move |kind| Kind { group, kind, namespaced })
            })
        };
        of(namespaced(self), true).chain(of(cluster_wide(self), false))
    }
}
