//! An event of ours at a real Argo CD, which only runs where pods run: a step of `cargo xtask ci kind`. The same way to
//! a double, so that the step itself is tried everywhere.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use support::{Endpoint, Form, GitHost, Kubelet, Sandbox, poll, skipped, with_a_real_node};

use super::{KEY, TOKEN, config, stored};
use crate::PROGRAM;
use crate::argocd::port;

/// The cluster that `fixtures/kind.yaml` describes.
const KUBECONFIG: &str = "PORT_FORWARD_KUBECONFIG";
const CONTEXT: &str = "PORT_FORWARD_CONTEXT";
/// What it has: the event is about this repository.
const REPOSITORY: &str = "https://github.com/argoproj/argocd-example-apps";
const SOON: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs a cluster with pods that run, which the environment names"]
fn argocd_takes_our_event() {
    let (Ok(kubeconfig), Ok(context)) = (std::env::var(KUBECONFIG), std::env::var(CONTEXT)) else {
        return skipped(&format!("an event at a real Argo CD: {KUBECONFIG} and {CONTEXT} name no cluster"));
    };
    event_is_taken(Path::new(&kubeconfig), &context);
    eprintln!("Argo CD took the event");
}

fn event_is_taken(kubeconfig: &Path, context: &str) {
    let host = GitHost::of(Form::GitHubExamples, TOKEN);
    let mut sandbox = Sandbox::new(PROGRAM).without_name();
    sandbox.set_env("HOOKS", TOKEN);
    sandbox.unset_env("GITOPS_SETUP_OFFLINE");
    config(&sandbox, &host, &json!({ "verifyTls": false }));
    let text = std::fs::read_to_string(sandbox.work().join("gitops.yaml")).expect("it was just written");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    config["cluster"] = json!({ "provider": "context", "context": context, "kubeconfig": kubeconfig });
    config["argocd"] = json!({ "manifest": "existing" });
    config["git"]["url"] = json!(REPOSITORY);
    config["environments"] = json!([{ "namespace": "guestbook" }]);
    sandbox.write("gitops.yaml", &config.to_string());

    let mut forward = sandbox.start(&["argocd", "port-forward", "--port", "0"]);
    let line = forward.reads(|line| line.starts_with("Argo CD: ")).expect("Argo CD is led to");
    config["webhooks"]["argocdUrl"] = json!(line.trim_start_matches("Argo CD: "));
    sandbox.write("gitops.yaml", &config.to_string());
    sandbox.run(&["stage", "webhooks"]).exits(0).says("1 created");
    // A server that learns of a secret starts anew, and answers nobody meanwhile.
    poll("the event is accepted, and an Application is refreshed", SOON, || {
        let event = sandbox.run(&["webhooks", "test", "--timeout", "20s"]);
        (event.code == Some(0) && event.output().contains("is refreshed")).then_some(())
    });
    sandbox.run(&["webhooks", "remove"]).exits(0);
    forward.interrupt();
}

#[test]
fn the_way_to_argocd_on_kind_leads_to_a_double() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    let config = json!({
        // Else a key that nobody uses stays, closed.
        "argocd": { "manifest": "bundled", "hardening": { "webhookSecrets": false } },
        "git": { "url": REPOSITORY },
        "environments": [{ "namespace": "guestbook" }],
    });
    sandbox.write("gitops.yaml", &config.to_string());
    sandbox.run(&["setup"]).exits(0);
    let endpoint = Endpoint::start("/argocd/api/webhook");
    let address = endpoint.address.trim_start_matches("http://").parse().expect("an address");
    let _kubelet = Kubelet::forwarding(&sandbox, &[port(&sandbox.api(), address)]);
    with_a_real_node(&sandbox);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // The parts of Argo CD's server and controller.
        scope.spawn(|| {
            let (api, mut seen) = (sandbox.api(), 0);
            let path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/seldon-gitops-guestbook";
            while !done.load(Ordering::Relaxed) {
                if let Some(secret) = stored(&sandbox, KEY) {
                    endpoint.knows(&secret);
                }
                if endpoint.told().len() > seen {
                    seen = endpoint.told().len();
                    let time = format!("2026-11-21T10:00:{seen:02}Z");
                    let status =
                        json!([{ "op": "add", "path": "/status", "value": { "reconciledAt": time } }]);
                    api.patch("controller", path, &status);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let ended = std::panic::catch_unwind(|| {
            event_is_taken(&sandbox.kubeconfig(), &format!("kwok-{}", sandbox.name()));
        });
        done.store(true, Ordering::Relaxed);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    assert!(endpoint.told().iter().any(|told| told.body.contains(REPOSITORY)), "it was about the repository");
    assert!(stored(&sandbox, KEY).is_none(), "what was put in place is removed");
}
