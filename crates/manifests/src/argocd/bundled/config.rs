//! Config maps and secrets. Secrets are empty: Argo CD fills them when it starts.

use serde_json::{Map, Value, json};

use super::{full_name, known_hosts, labelled, labelled_part};
use crate::object::{Object, ObjectRef};

const NOTIFICATIONS: &str = "notifications-controller";

pub(super) fn config_maps(namespace: &str) -> Vec<Object> {
    let own = |name| {
        let reference = ObjectRef::namespaced("v1", "ConfigMap", namespace, name);
        labelled(&reference, name)
    };
    vec![
        own("argocd-cm").with("data", settings()),
        own("argocd-cmd-params-cm"),
        own("argocd-gpg-keys-cm"),
        notifications("ConfigMap", namespace, "argocd-notifications-cm"),
        own("argocd-rbac-cm"),
        own("argocd-ssh-known-hosts-cm").with("data", json!({"ssh_known_hosts": known_hosts::text()})),
        own("argocd-tls-certs-cm"),
    ]
}

pub(super) fn secrets(namespace: &str) -> Vec<Object> {
    let name = "argocd-secret";
    let reference = ObjectRef::namespaced("v1", "Secret", namespace, name);
    let secrets =
        [notifications("Secret", namespace, "argocd-notifications-secret"), labelled(&reference, name)];
    secrets.map(|secret| secret.with("type", "Opaque")).into()
}

/// Unlike the others, what configures notifications is labelled as a part of its controller.
fn notifications(kind: &str, namespace: &str, name: &str) -> Object {
    let reference = ObjectRef::namespaced("v1", kind, namespace, name);
    labelled_part(&reference, &full_name(NOTIFICATIONS), NOTIFICATIONS)
}

/// The content of `argocd-cm`.
fn settings() -> Value {
    let mut data = Map::new();
    for (resource, ignored) in IGNORED_UPDATES {
        let key = format!("resource.customizations.ignoreResourceUpdates.{resource}");
        data.insert(key, ignored.text().into());
    }
    data.insert("resource.exclusions".into(), exclusions().into());
    data.into()
}

/// Parts of a resource whose change alone makes Argo CD refresh no application.
enum Ignored {
    /// JSON pointers.
    Pointers(&'static [&'static str]),
    /// Expressions of jq.
    Jq(&'static [Line]),
}

enum Line {
    Annotation(&'static str),
    Expression(&'static str),
    Comment(&'static str),
}

use Ignored::{Jq, Pointers};
use Line::{Annotation, Comment, Expression};

/// By resource, written as Argo CD's settings want it: the kind, after its group and `_` where it has one.
const IGNORED_UPDATES: &[(&str, Ignored)] = &[
    ("all", Pointers(&["/status"])),
    (
        "ConfigMap",
        Jq(&[
            Comment("Ignore the cluster-autoscaler status"),
            Annotation("cluster-autoscaler.kubernetes.io/last-updated"),
            Comment("Ignore the annotation of the legacy Leases election"),
            Annotation("control-plane.alpha.kubernetes.io/leader"),
        ]),
    ),
    ("Endpoints", Pointers(&["/metadata", "/subsets"])),
    (
        "apps_ReplicaSet",
        Jq(&[
            Annotation("deployment.kubernetes.io/desired-replicas"),
            Annotation("deployment.kubernetes.io/max-replicas"),
            Annotation("rollout.argoproj.io/desired-replicas"),
        ]),
    ),
    (
        "argoproj.io_Application",
        Jq(&[
            Annotation("notified.notifications.argoproj.io"),
            Annotation("argocd.argoproj.io/refresh"),
            Annotation("argocd.argoproj.io/hydrate"),
            Expression(".operation"),
        ]),
    ),
    ("argoproj.io_Rollout", Jq(&[Annotation("notified.notifications.argoproj.io")])),
    (
        "autoscaling_HorizontalPodAutoscaler",
        Jq(&[
            Annotation("autoscaling.alpha.kubernetes.io/behavior"),
            Annotation("autoscaling.alpha.kubernetes.io/conditions"),
            Annotation("autoscaling.alpha.kubernetes.io/metrics"),
            Annotation("autoscaling.alpha.kubernetes.io/current-metrics"),
        ]),
    ),
    ("discovery.k8s.io_EndpointSlice", Pointers(&["/metadata", "/endpoints", "/ports"])),
];

impl Ignored {
    fn text(&self) -> String {
        match self {
            Pointers(paths) => {
                let lines: String = paths.iter().map(|path| format!("  - {path}\n")).collect();
                format!("jsonPointers:\n{lines}")
            }
            Jq(lines) => {
                let lines: String = lines.iter().map(Line::text).collect();
                format!("jqPathExpressions:\n{lines}")
            }
        }
    }
}

impl Line {
    fn text(&self) -> String {
        match self {
            Annotation(name) => format!("  - '.metadata.annotations.\"{name}\"'\n"),
            Expression(text) => format!("  - '{text}'\n"),
            Comment(text) => format!("  # {text}\n"),
        }
    }
}

/// Resources that Argo CD neither watches nor shows.
struct Exclusion {
    reason: Option<&'static str>,
    groups: &'static [&'static str],
    kinds: &'static [&'static str],
}

const EXCLUSIONS: &[Exclusion] = &[
    Exclusion {
        reason: Some(
            "Network resources created by the Kubernetes control plane and excluded to reduce the number of \
             watched events and UI clutter",
        ),
        groups: &["''", "discovery.k8s.io"],
        kinds: &["Endpoints", "EndpointSlice"],
    },
    Exclusion {
        reason: Some("Internal Kubernetes resources excluded reduce the number of watched events"),
        groups: &["coordination.k8s.io"],
        kinds: &["Lease"],
    },
    Exclusion {
        reason: Some(
            "Internal Kubernetes Authz/Authn resources excluded reduce the number of watched events",
        ),
        groups: &["authentication.k8s.io", "authorization.k8s.io"],
        kinds: &[
            "SelfSubjectReview",
            "TokenReview",
            "LocalSubjectAccessReview",
            "SelfSubjectAccessReview",
            "SelfSubjectRulesReview",
            "SubjectAccessReview",
        ],
    },
    Exclusion {
        reason: Some("Intermediate Certificate Request excluded reduce the number of watched events"),
        groups: &["certificates.k8s.io"],
        kinds: &["CertificateSigningRequest"],
    },
    Exclusion { reason: None, groups: &["cert-manager.io"], kinds: &["CertificateRequest"] },
    Exclusion {
        reason: Some("Cilium internal resources excluded reduce the number of watched events and UI Clutter"),
        groups: &["cilium.io"],
        kinds: &["CiliumIdentity", "CiliumEndpoint", "CiliumEndpointSlice"],
    },
    Exclusion {
        reason: Some(
            "Kyverno intermediate and reporting resources excluded reduce the number of watched events and \
             improve performance",
        ),
        groups: &["kyverno.io", "reports.kyverno.io", "wgpolicyk8s.io"],
        kinds: &[
            "PolicyReport",
            "ClusterPolicyReport",
            "EphemeralReport",
            "ClusterEphemeralReport",
            "AdmissionReport",
            "ClusterAdmissionReport",
            "BackgroundScanReport",
            "ClusterBackgroundScanReport",
            "UpdateRequest",
        ],
    },
];

fn exclusions() -> String {
    EXCLUSIONS.iter().map(Exclusion::text).collect()
}

impl Exclusion {
    fn text(&self) -> String {
        let items = |items: &[&str]| -> String { items.iter().map(|item| format!("  - {item}\n")).collect() };
        let reason = self.reason.map(|reason| format!("### {reason}\n")).unwrap_or_default();
        format!("{reason}- apiGroups:\n{}  kinds:\n{}", items(self.groups), items(self.kinds))
    }
}
