//! An event of ours at a real Argo CD, which only runs where pods run: a step of `cargo xtask ci kind`.

use serde_json::json;
use support::{GitHost, Sandbox, skipped};

use super::{TOKEN, config};
use crate::PROGRAM;

/// The cluster that `fixtures/kind.yaml` describes.
const KUBECONFIG: &str = "PORT_FORWARD_KUBECONFIG";
const CONTEXT: &str = "PORT_FORWARD_CONTEXT";

#[test]
#[ignore = "needs a cluster with pods that run, which the environment names"]
fn argocd_takes_our_event() {
    let (Ok(kubeconfig), Ok(context)) = (std::env::var(KUBECONFIG), std::env::var(CONTEXT)) else {
        return skipped(&format!("an event at a real Argo CD: {KUBECONFIG} and {CONTEXT} name no cluster"));
    };
    let host = GitHost::start(TOKEN);
    let mut sandbox = Sandbox::new(PROGRAM).without_name();
    sandbox.set_env("HOOKS", TOKEN);
    sandbox.unset_env("GITOPS_SETUP_OFFLINE");
    config(&sandbox, &host, &json!({ "verifyTls": false }));
    let path = sandbox.work().join("gitops.yaml");
    let text = std::fs::read_to_string(&path).expect("it was just written");
    let mut config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    config["cluster"] = json!({ "provider": "context", "context": context, "kubeconfig": kubeconfig });
    config["argocd"] = json!({ "manifest": "existing" });
    // What fixtures/kind.yaml has: the event is about this repository.
    config["git"]["url"] = json!("https://github.com/argoproj/argocd-example-apps");
    config["environments"] = json!([{ "namespace": "guestbook" }]);
    sandbox.write("gitops.yaml", &config.to_string());
    let mut forward = sandbox.start(&["argocd", "port-forward", "--port", "0"]);
    let line = forward.reads(|line| line.starts_with("Argo CD: ")).expect("Argo CD is led to");
    config["webhooks"]["argocdUrl"] = json!(line.trim_start_matches("Argo CD: "));
    sandbox.write("gitops.yaml", &config.to_string());
    sandbox.run(&["stage", "webhooks"]).exits(0);
    let event = sandbox.run(&["webhooks", "test"]);
    event.exits(0).says("accepts the event");
    assert!(!event.output().contains("not verified"), "{}", event.output());
    sandbox.run(&["webhooks", "remove"]).exits(0);
    forward.interrupt();
    eprintln!("Argo CD took the event");
}
