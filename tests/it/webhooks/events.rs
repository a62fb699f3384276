//! Push events to a double of Argo CD's endpoint, and what is said of them.

use std::time::Duration;

use serde_json::{Value, json};
use support::{CLOSED, Endpoint, Planted, poll};

use super::{KEY, TOKEN, cluster, config, stored};

const APPLICATION: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/seldon-gitops-hooks";

#[test]
fn a_test_says_what_becomes_of_an_event() {
    let Some((sandbox, host)) = cluster(&json!({})) else { return };
    let endpoint = Endpoint::start("/argocd/api/webhook");
    config(&sandbox, &host, &json!({ "argocdUrl": endpoint.address }));
    let test = ["webhooks", "test", "--timeout", "1s"];
    sandbox.run(&test).exits(3).says("cargo xtask stage webhooks");
    sandbox.run(&["stage", "webhooks"]).exits(0);
    let secret = stored(&sandbox, KEY).expect("a secret is stored");
    let planted = Planted::new([secret.as_str(), TOKEN]);
    sandbox.run(&test).exits(4).says("rejects the event (400)").says("HMAC verification failed");
    endpoint.knows(&secret);
    sandbox.run(&test).exits(5).says("the event is accepted, and no Application is refreshed within 1 s");
    for (answer, cause) in [
        ((404, "404 page not found"), "does not answer at this path"),
        ((200, "<!doctype html><title>Argo CD</title>"), "a web page answers there"),
        ((502, "<html>Bad Gateway</html>"), "has no Argo CD behind it"),
    ] {
        endpoint.answers(Some(answer));
        sandbox.run(&test).exits(4).says(cause);
    }
    endpoint.answers(None);
    let count = endpoint.told().len();
    let run = sandbox.start(&["webhooks", "test", "--timeout", "60s"]);
    poll("it is told", Duration::from_secs(30), || (endpoint.told().len() > count).then_some(()));
    // The controller's part.
    let status =
        json!([{ "op": "add", "path": "/status", "value": { "reconciledAt": "2026-11-21T10:00:00Z" } }]);
    sandbox.api().patch("controller", APPLICATION, &status);
    let outcome = run.wait();
    outcome.exits(0).says("accepts the event, and Application seldon-gitops-hooks is refreshed");
    planted.is_not_in("the output", outcome.output().as_bytes());
    let told = endpoint.told().pop().expect("it was told");
    assert!(told.headers.contains("x-github-event: push"), "{}", told.headers);
    let event: Value = serde_json::from_str(&told.body).expect("JSON");
    assert_eq!(event["repository"]["html_url"], "https://github.com/acme/gitops");
}

#[test]
fn where_nobody_answers_the_address_is_named() {
    let Some((sandbox, host)) = cluster(&json!({})) else { return };
    sandbox.run(&["stage", "webhooks"]).exits(0);
    config(&sandbox, &host, &json!({ "argocdUrl": format!("http://{CLOSED}") }));
    sandbox.run(&["webhooks", "test"]).exits(3).says("can't be reached").says("`webhooks.argocdUrl`");
}
