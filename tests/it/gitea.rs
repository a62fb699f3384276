//! The way of a repository at Gitea by the command line: it is made, filled, and told of; on a real one, and on a
//! double where that can't be had.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use support::{CLOSED, Gitea, Planted, Sandbox};

use crate::PROGRAM;

const SECRET: &str = "/api/v1/namespaces/argocd/secrets/argocd-secret";
const ENDPOINT: &str = "https://gitops.acme.com/argocd/api/webhook";

#[test]
fn webhooks_at_a_real_gitea() {
    let Some(gitea) = Gitea::real() else { return };
    webhooks_at(&gitea);
}

#[test]
fn webhooks_at_a_double_of_gitea() {
    webhooks_at(&Gitea::double());
}

fn webhooks_at(gitea: &Gitea) {
    let Some(mut sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.unset_env("GITOPS_SETUP_OFFLINE");
    sandbox.set_env("GITEA_TOKEN", &gitea.token);
    configure(&sandbox, gitea, "https://gitops.acme.com");

    no_proxy_is_asked(&mut sandbox);
    let init = ["repository", "init", "--create", "--host", "gitea"];
    sandbox.run(&["repository", "check"]).exits(4).says("the Git host knows no such repository");
    sandbox.run(&init).exits(0).says("is made at Gitea or Forgejo").says("pushed");
    sandbox.run(&init).exits(0).says("is there already").says("nothing is missing");
    sandbox.run(&["repository", "check", "--write"]).exits(0).says("write access: yes");

    let mut outputs = vec![sandbox.run(&["setup", "-v"])];
    outputs[0].exits(0).says("1 created");
    let (number, first) = hook(&sandbox, gitea, ENDPOINT);
    writes_nothing(&sandbox, gitea);
    outputs.push(sandbox.run(&["webhooks", "list"]));
    outputs[1].exits(0).says(&format!("{number}: push; active")).says("as configured");

    outputs.push(sandbox.run(&["webhooks", "rotate"]));
    outputs[2].exits(0).says("a new secret is stored");
    let (_, second) = hook(&sandbox, gitea, ENDPOINT);
    assert!(second != first);
    writes_nothing(&sandbox, gitea);

    configure(&sandbox, gitea, "https://moved.acme.com");
    sandbox.run(&["stage", "webhooks"]).exits(0).says("1 changed");
    hook(&sandbox, gitea, "https://moved.acme.com/argocd/api/webhook");

    outputs.push(sandbox.run(&["webhooks", "remove"]));
    outputs[3].exits(0).says("Argo CD: 1 webhook removed");
    assert!(gitea.hooks().is_empty() && stored(&sandbox).is_none(), "it is gone on both sides");

    sandbox.set_env("GITEA_TOKEN", "0f".repeat(20));
    outputs.push(sandbox.run(&["webhooks", "list"]));
    outputs[4].exits(4).says("does not accept the token").says("`write:repository`");
    let planted = Planted::new([&gitea.token, &first, &second]);
    for outcome in &outputs {
        planted.is_not_in(&outcome.words, outcome.output().as_bytes());
    }
}

/// No proxy knows this machine's own addresses: one that is not there makes no difference.
fn no_proxy_is_asked(sandbox: &mut Sandbox) {
    for name in ["NO_PROXY", "no_proxy", "https_proxy"] {
        sandbox.unset_env(name);
    }
    sandbox.set_env("HTTPS_PROXY", format!("http://{CLOSED}"));
}

fn configure(sandbox: &Sandbox, gitea: &Gitea, argocd: &str) {
    let authority = sandbox.write("authority.pem", &gitea.authority);
    let token = json!({ "username": Gitea::USER, "token": { "env": "GITEA_TOKEN" } });
    let config = json!({
        "argocd": { "manifest": "bundled" },
        "git": {
            "url": format!("{}/{}/gitops", gitea.address, Gitea::USER),
            "auth": { "token": token },
            "caCertificate": authority,
        },
        "environments": [{ "namespace": "models" }],
        "webhooks": {
            "provider": "gitea", "api": format!("{}/api/v1", gitea.address), "argocdUrl": argocd,
        },
    });
    sandbox.write("gitops.yaml", &config.to_string());
}

/// What Argo CD knows events by.
fn stored(sandbox: &Sandbox) -> Option<String> {
    let secret: Value = sandbox.api().get(SECRET);
    let value = secret["data"]["webhook.gogs.secret"].as_str()?;
    Some(String::from_utf8(BASE64_STANDARD.decode(value).expect("base64")).expect("text"))
}

/// Number and secret of the one webhook, whose address is this and whose secret is the one that is stored.
#[track_caller]
fn hook(sandbox: &Sandbox, gitea: &Gitea, url: &str) -> (String, String) {
    let hooks = gitea.hooks();
    let [(number, address, secret)] = &hooks[..] else { panic!("{} webhooks", hooks.len()) };
    assert_eq!(address, url);
    assert!(stored(sandbox).as_ref() == Some(secret), "both sides have the same secret");
    (number.clone(), secret.clone())
}

#[track_caller]
fn writes_nothing(sandbox: &Sandbox, gitea: &Gitea) {
    let (before, audit) = (gitea.hooks(), sandbox.audit());
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
    assert!(gitea.hooks() == before, "nothing changes at the Git host");
}
