//! Combinations of values that are each sound and together impossible.

use super::types::{ArgoCd, Cluster, Config, Expose, ManifestSource, Provider, Variant, Via};
use crate::argocd::version::ArgoVersion;

/// Values that do not go together.
pub(super) struct Clash {
    /// All values that are concerned; the message belongs to the first one that is given.
    pub(super) paths: Vec<String>,
    pub(super) message: String,
}

impl Clash {
    pub(super) fn new(paths: &[&str], message: impl Into<String>) -> Self {
        Self { paths: paths.iter().map(ToString::to_string).collect(), message: message.into() }
    }
}

/// All impossible combinations.
pub(super) fn find(config: &Config) -> Vec<Clash> {
    let mut clashes = cluster(&config.cluster);
    clashes.extend(argocd(&config.argocd, &config.expose));
    clashes.extend(expose(&config.expose));
    clashes.extend(super::credentials::clashes(config));
    clashes.extend(super::environments::clashes(config));
    clashes.extend(super::applications::clashes(config));
    clashes.extend(super::application_sets::clashes(config));
    clashes.extend(super::models::clashes(config));
    clashes.extend(super::webhooks::clashes(config));
    clashes.extend(super::notifications::clashes(config));
    clashes
}

fn cluster(cluster: &Cluster) -> Vec<Clash> {
    let mut clashes = Vec::new();
    if cluster.provider == Provider::Context && cluster.context.is_none() {
        clashes.push(Clash::new(
            &["cluster.provider", "cluster.context"],
            "provider `context` needs `cluster.context`, one of those that `kubectl config get-contexts` lists",
        ));
    }
    let several_nodes = cluster.nodes != Cluster::default().nodes;
    for (path, is_given, provider, name) in [
        ("cluster.context", cluster.context.is_some(), Provider::Context, "context"),
        ("cluster.kubeconfig", cluster.kubeconfig.is_some(), Provider::Context, "context"),
        ("cluster.kubernetesVersion", cluster.kubernetes_version.is_some(), Provider::Kind, "kind"),
        ("cluster.nodeImage", cluster.node_image.is_some(), Provider::Kind, "kind"),
        ("cluster.kind", cluster.kind.is_some(), Provider::Kind, "kind"),
        ("cluster.nodes", several_nodes, Provider::Kwok, "kwok"),
    ] {
        if is_given && cluster.provider != provider {
            clashes.push(Clash::new(
                &[path, "cluster.provider"],
                format!(
                    "`{path}` is only for `cluster.provider: {name}`; set this provider or remove the key"
                ),
            ));
        }
    }
    clashes.extend(super::kind::clashes(cluster));
    clashes
}

fn argocd(argocd: &ArgoCd, expose: &Expose) -> Vec<Clash> {
    let mut clashes = Vec::new();
    if argocd.variant == Variant::Core {
        clashes.extend(core(argocd, expose));
    }
    if argocd.manifest_sha256.is_some() && !matches!(argocd.manifest, ManifestSource::File(_)) {
        clashes.push(Clash::new(
            &["argocd.manifestSha256", "argocd.manifest"],
            "`argocd.manifestSha256` is only for `argocd.manifest: {file: …}`; what is fetched has the checksum of \
             its release",
        ));
    }
    if argocd.manifest == ManifestSource::Bundled {
        if argocd.version != ArgoVersion::current() {
            clashes.push(Clash::new(
                &["argocd.manifest", "argocd.version"],
                format!(
                    "the bundled manifest is that of {}, not {}; remove `argocd.version` or use \
                     `argocd.manifest: official`",
                    ArgoVersion::current(),
                    argocd.version
                ),
            ));
        }
        if argocd.variant != Variant::Standard {
            clashes.push(Clash::new(
                &["argocd.manifest", "argocd.variant"],
                "the bundled manifest is that of the variant `standard`; use `argocd.manifest: official` for \
                 others",
            ));
        }
    }
    clashes
}

fn core(argocd: &ArgoCd, expose: &Expose) -> Vec<Clash> {
    let mut clashes = Vec::new();
    if expose.via != Via::None {
        clashes.push(Clash::new(
            &["expose.via", "argocd.variant"],
            "the variant `core` has no API and no UI to expose; use `expose.via: none` or another variant",
        ));
    }
    if !argocd.version.has_core_variant() {
        clashes.push(Clash::new(
            &["argocd.variant", "argocd.version"],
            format!("the variant `core` exists since v2.1.0, not in {}; use `standard`", argocd.version),
        ));
    }
    if argocd.admin_password.is_some() {
        clashes.push(Clash::new(
            &["argocd.adminPassword", "argocd.variant"],
            "the variant `core` has no login; remove `argocd.adminPassword` or use another variant",
        ));
    }
    clashes
}

fn expose(expose: &Expose) -> Vec<Clash> {
    let mut clashes = Vec::new();
    for (key, is_given, via, name) in [
        ("istio", expose.istio.is_some(), Via::Istio, "istio"),
        ("ingress", expose.ingress.is_some(), Via::Ingress, "ingress"),
        ("gatewayApi", expose.gateway_api.is_some(), Via::GatewayApi, "gateway-api"),
        ("service", expose.service.is_some(), Via::Service, "service"),
    ] {
        if is_given && expose.via != via {
            clashes.push(Clash::new(
                &[&format!("expose.{key}"), "expose.via"],
                format!("`expose.{key}` is only for `expose.via: {name}`; set this or remove the section"),
            ));
        }
    }
    if expose.via == Via::GatewayApi && expose.gateway_api.is_none() {
        clashes.push(Clash::new(
            &["expose.via", "expose.gatewayApi"],
            "via `gateway-api` needs `expose.gatewayApi.gateway`, the Gateway as `namespace/name`",
        ));
    }
    if expose.host.is_none() && expose.ingress.as_ref().is_some_and(|ingress| ingress.tls_secret.is_some()) {
        clashes.push(Clash::new(
            &["expose.ingress.tlsSecret", "expose.host"],
            "`expose.ingress.tlsSecret` needs `expose.host`, the name that the certificate is for",
        ));
    }
    clashes
}
