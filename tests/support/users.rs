//! Users of a cluster other than the one who made it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::{Api, Sandbox};

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

impl Api {
    /// Makes an account with these rights everywhere, and gives a token of its own.
    #[track_caller]
    pub fn account(&self, name: &str, rules: &Value) -> String {
        let metadata = json!({ "name": name });
        self.create(ACCOUNTS, &json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata }));
        let role = json!({ "kind": "ClusterRole", "metadata": metadata, "rules": rules });
        self.create(&format!("{RBAC}/clusterroles"), &role);
        let binding = json!({
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": "default" }],
        });
        self.create(&format!("{RBAC}/clusterrolebindings"), &binding);
        let request = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
        let token = self.create(&format!("{ACCOUNTS}/{name}/token"), &request);
        token["status"]["token"].as_str().expect("a token").to_owned()
    }
}

impl Sandbox {
    /// A kubeconfig for the sandbox's cluster with the context `name`, which logs in by a token.
    pub fn login(&self, name: &str, token: &str) -> PathBuf {
        let admin = std::fs::read_to_string(self.kubeconfig()).expect("the cluster's own");
        let server = admin.lines().find_map(|line| line.trim().strip_prefix("server:")).expect("an address");
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": name, "cluster": { "server": server.trim(), "insecure-skip-tls-verify": true } }],
            "users": [{ "name": name, "user": { "token": token } }],
            "contexts": [{ "name": name, "context": { "cluster": name, "user": name } }],
        });
        self.write(&format!("kubeconfig-{name}"), &kubeconfig.to_string())
    }
}
