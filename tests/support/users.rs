//! Users of a cluster other than the one who made it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Api, Sandbox, poll};

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

impl Api {
    /// Makes an account with these rights everywhere, waits until it has the first of them, if any, and gives a token
    /// of its own.
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
        if let Some(rule) = rules.get(0) {
            self.wait_allowed(&format!("system:serviceaccount:default:{name}"), rule);
        }
        let request = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
        let token = self.create(&format!("{ACCOUNTS}/{name}/token"), &request);
        token["status"]["token"].as_str().expect("a token").to_owned()
    }

    /// The API server hears of a new binding from itself, a moment later.
    fn wait_allowed(&self, user: &str, rule: &Value) {
        let attributes = json!({
            "group": rule["apiGroups"][0],
            "resource": rule["resources"][0],
            "verb": rule["verbs"][0],
            "name": rule["resourceNames"].get(0),
        });
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": { "user": user, "resourceAttributes": attributes },
        });
        poll(&format!("{user} has its rights"), Duration::from_secs(10), || {
            let answer = self.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review);
            (answer["status"]["allowed"] == true).then_some(())
        });
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
