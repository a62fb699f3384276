//! Which kinds live in no namespace.

use std::collections::BTreeMap;

use crate::item::Item;

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

/// What definitions in the files say, over the table.
#[derive(Default)]
pub(crate) struct Scopes(BTreeMap<(String, String), bool>);

impl Scopes {
    pub(crate) fn of<'a>(items: impl Iterator<Item = &'a Item<'a>>) -> Self {
        let definitions =
            items.filter(|item| item.is("apiextensions.k8s.io", "CustomResourceDefinition")).map(|item| {
                let kind = (item.text("/spec/group").to_owned(), item.text("/spec/names/kind").to_owned());
                (kind, item.text("/spec/scope") == "Cluster")
            });
        Self(definitions.collect())
    }

    /// Whether an object is in no namespace. Of a kind that is not known, its name and the object itself tell.
    pub(crate) fn is_cluster_scoped(&self, item: &Item<'_>) -> bool {
        let (group, kind) = (item.group(), item.kind());
        if let Some(known) = self.0.get(&(group.to_owned(), kind.to_owned())) {
            return *known;
        }
        let listed = CLUSTER_SCOPED.iter().find(|(known, _)| *known == group);
        if let Some((_, kinds)) = listed {
            return kinds.contains(&"*") || kinds.contains(&kind);
        }
        let named_so = kind.strip_prefix("Cluster").is_some_and(|rest| !rest.is_empty());
        named_so && item.text("/metadata/namespace").is_empty()
    }
}
