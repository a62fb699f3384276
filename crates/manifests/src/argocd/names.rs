//! Names that Argo CD gives to its own objects.

use crate::object::ObjectRef;

/// API version of Application, ApplicationSet and AppProject.
pub const ARGOPROJ: &str = "argoproj.io/v1alpha1";
/// Deployment and Service of the API server and UI.
pub const SERVER: &str = "argocd-server";
/// ConfigMap with flags of Argo CD's components (since 2.1).
pub const CMD_PARAMS: &str = "argocd-cmd-params-cm";
/// Secret with the admin password and webhook secrets.
pub const SECRET: &str = "argocd-secret";
/// Key of the key in it that Argo CD signs tokens with.
pub const SIGNING_KEY: &str = "server.secretkey";
/// ConfigMap with settings of Argo CD.
pub const CONFIG: &str = "argocd-cm";
/// Key of [`known_hosts`] with the text.
pub const KNOWN_HOSTS_KEY: &str = "ssh_known_hosts";
/// The cluster that Argo CD itself runs in, as Argo CD names it.
pub const IN_CLUSTER: &str = "https://kubernetes.default.svc";

/// The Deployment of Argo CD's API server.
pub fn server_deployment(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("apps/v1", "Deployment", namespace, SERVER)
}

/// The Service of Argo CD's API server.
pub fn server_service(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "Service", namespace, SERVER)
}

/// The Secret with the admin password.
pub fn secret(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "Secret", namespace, SECRET)
}

/// The ConfigMap with flags of Argo CD's components.
pub fn cmd_params(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "ConfigMap", namespace, CMD_PARAMS)
}

/// The ConfigMap with settings of Argo CD.
pub fn config(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "ConfigMap", namespace, CONFIG)
}

/// The ConfigMap with the keys of SSH hosts.
pub fn known_hosts(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "ConfigMap", namespace, "argocd-ssh-known-hosts-cm")
}

/// The ConfigMap with the certificates of hosts, one key a host.
pub fn tls_certificates(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "ConfigMap", namespace, "argocd-tls-certs-cm")
}

/// The Secret with the password that Argo CD made for itself.
pub fn initial_admin_secret(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "Secret", namespace, "argocd-initial-admin-secret")
}

/// The ConfigMap with services, templates and triggers of notifications (since 2.3).
pub fn notifications(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "ConfigMap", namespace, "argocd-notifications-cm")
}

/// The Secret whose keys it names with a `$`.
pub fn notifications_secret(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "Secret", namespace, "argocd-notifications-secret")
}

/// The Deployment that sends notifications.
pub fn notifications_controller(namespace: &str) -> ObjectRef {
    ObjectRef::namespaced("apps/v1", "Deployment", namespace, "argocd-notifications-controller")
}

/// Every object above: those of Argo CD that have the same name in each release and variant.
pub fn fixed(namespace: &str) -> [ObjectRef; 11] {
    [
        server_deployment,
        server_service,
        secret,
        cmd_params,
        config,
        known_hosts,
        tls_certificates,
        initial_admin_secret,
        notifications,
        notifications_secret,
        notifications_controller,
    ]
    .map(|name| name(namespace))
}
