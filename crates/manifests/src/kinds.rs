//! Which kinds of objects belong to which system: the one table that the whitelists of projects are made of. And which
//! kinds live in no namespace.

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

/// Cluster-scoped kinds by group, of Kubernetes and of what ML platforms add. `*` stands for all kinds of a group.
const CLUSTER_SCOPED: &[(&str, &[&str])] = &[
    ("", &["ComponentStatus", "Namespace", "Node", "PersistentVolume"]),
    ("admissionregistration.k8s.io", &["*"]),
    ("apiextensions.k8s.io", &["*"]),
    ("apiregistration.k8s.io", &["*"]),
    ("argoproj.io", &["ClusterAnalysisTemplate", "ClusterWorkflowTemplate"]),
    ("cert-manager.io", &["ClusterIssuer"]),
    ("certificates.k8s.io", &["CertificateSigningRequest", "ClusterTrustBundle"]),
    ("external-secrets.io", &["ClusterExternalSecret", "ClusterSecretStore"]),
    ("flowcontrol.apiserver.k8s.io", &["*"]),
    ("gateway.networking.k8s.io", &["GatewayClass"]),
    ("karpenter.sh", &["*"]),
    ("keda.sh", &["ClusterTriggerAuthentication"]),
    ("kubeflow.org", &["Profile"]),
    (
        "kueue.x-k8s.io",
        &["AdmissionCheck", "ClusterQueue", "Cohort", "ResourceFlavor", "WorkloadPriorityClass"],
    ),
    ("kyverno.io", &["ClusterCleanupPolicy", "ClusterPolicy"]),
    ("networking.k8s.io", &["IPAddress", "IngressClass", "ServiceCIDR"]),
    ("node.k8s.io", &["RuntimeClass"]),
    ("nvidia.com", &["ClusterPolicy", "NVIDIADriver"]),
    ("rbac.authorization.k8s.io", &["ClusterRole", "ClusterRoleBinding"]),
    ("resource.k8s.io", &["DeviceClass", "ResourceSlice"]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("serving.kserve.io", &["ClusterServingRuntime", "ClusterStorageContainer"]),
    ("snapshot.storage.k8s.io", &["VolumeSnapshotClass", "VolumeSnapshotContent"]),
    (
        "storage.k8s.io",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"],
    ),
    ("trainer.kubeflow.org", &["ClusterTrainingRuntime"]),
];

/// Whether a kind lives in no namespace; `None` where nothing is known of its group.
pub fn is_cluster_scoped(group: &str, kind: &str) -> Option<bool> {
    let (_, kinds) = CLUSTER_SCOPED.iter().find(|(known, _)| *known == group)?;
    Some(kinds.contains(&"*") || kinds.contains(&kind))
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
