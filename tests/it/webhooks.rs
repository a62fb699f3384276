//! Webhooks on both sides: at a Git host's double and in a real API server.

mod events;
mod on_kind;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use support::{Form, GitHost, Hold, Planted, Sandbox, Shared, Turn, set_status, with_a_real_node};

use crate::PROGRAM;

static SHARED: Shared = Shared::new();

const SECRET: &str = "/api/v1/namespaces/argocd/secrets/argocd-secret";
const KEY: &str = "webhook.github.secret";
const TOKEN: &str = "ghp_planted-token-for-webhooks";
const PASSWORD: &str = "correct-horse-battery";
const ARGOCD: &str = "https://gitops.acme.com/argocd/api/webhook";
const SELDON: &str = "https://seldon.acme.com/api/git-webhook";

fn config(sandbox: &Sandbox, host: &GitHost, webhooks: &Value) {
    let mut section = json!({
        "api": host.address,
        "argocdUrl": "https://gitops.acme.com",
        "auth": { "bearer": { "token": { "env": "HOOKS" } } },
    });
    section.as_object_mut().expect("a map").extend(webhooks.as_object().expect("a map").clone());
    let password = sandbox.write("password", PASSWORD);
    let config = json!({
        "argocd": { "manifest": "bundled", "adminPassword": { "file": password } },
        "git": { "url": "https://github.com/acme/gitops" },
        "environments": [{ "namespace": "hooks" }],
        "webhooks": section,
    });
    sandbox.write("gitops.yaml", &config.to_string());
}

/// A cluster with Argo CD and one environment, and a Git host without webhooks.
fn cluster(webhooks: &Value) -> Option<(Turn, GitHost)> {
    let host = GitHost::start(TOKEN);
    let sandbox = SHARED.get(|| {
        let mut sandbox = Sandbox::with_cluster(PROGRAM)?;
        sandbox.set_env("HOOKS", TOKEN);
        config(&sandbox, &host, &json!({}));
        sandbox.run(&["setup"]).exits(0).says("GITOPS_SETUP_OFFLINE leaves the Git host alone");
        sandbox.unset_env("GITOPS_SETUP_OFFLINE");
        Some(sandbox)
    })?;
    config(&sandbox, &host, webhooks);
    // What another test stored is another test's.
    sandbox.api().delete(SECRET);
    sandbox.run(&["setup", "--only", "install-argocd,admin-password"]).exits(0);
    Some((sandbox, host))
}

/// The value under a key of `argocd-secret`.
fn stored(sandbox: &Sandbox, key: &str) -> Option<String> {
    let secret = sandbox.api().get(SECRET);
    let value = secret["data"][key].as_str()?;
    Some(String::from_utf8(BASE64_STANDARD.decode(value).expect("base64")).expect("text"))
}

fn store(sandbox: &Sandbox, value: &str) {
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "argocd-secret", "namespace": "argocd" },
        "data": { KEY: BASE64_STANDARD.encode(value) },
    });
    sandbox.api().apply("somebody", SECRET, &object);
}

/// The only webhook with an address.
#[track_caller]
fn hook(host: &GitHost, url: &str) -> Value {
    let hooks: Vec<Value> = host.hooks().into_iter().filter(|hook| hook["config"]["url"] == url).collect();
    let [hook] = &hooks[..] else { panic!("one webhook for {url}: {hooks:?}") };
    hook.clone()
}

/// Both sides have the same secret; gives it.
#[track_caller]
fn shared_secret(sandbox: &Sandbox, host: &GitHost) -> String {
    let stored = stored(sandbox, KEY).expect("a secret is stored");
    assert_eq!(hook(host, ARGOCD)["config"]["secret"], json!(stored), "both sides have the same");
    stored
}

#[track_caller]
fn changes_nothing(sandbox: &Sandbox, host: &GitHost) {
    host.asked();
    let audit = sandbox.audit();
    sandbox.run(&["stage", "webhooks"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
    let asked = host.asked();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked.what.starts_with("GET")), "{asked:?}");
    sandbox.run(&["plan", "--only", "webhooks", "--exit-code"]).exits(0);
}

#[test]
fn webhooks_are_put_in_place_once() {
    let Some((sandbox, host)) = cluster(&json!({})) else { return };
    let mut config: Value = serde_json::from_str(
        &std::fs::read_to_string(sandbox.work().join("gitops.yaml")).expect("it is there"),
    )
    .expect("JSON");
    config["seldon"] = json!({ "createNamespace": true });
    config["webhooks"]["seldonUrl"] = json!(SELDON);
    sandbox.write("gitops.yaml", &config.to_string());
    sandbox.run(&["plan", "--only", "webhooks", "--exit-code"]).exits(10).says(ARGOCD).says(SELDON);
    assert_eq!((host.hooks().len(), stored(&sandbox, KEY)), (0, None), "a plan changes nothing");
    let setup = ["setup", "--skip", "git-repository,git-credentials", "-v", "--output", "json"];
    let outcome = sandbox.run(&setup);
    outcome.exits(0);
    let secret = shared_secret(&sandbox, &host);
    assert!(secret.len() == 64 && secret != PASSWORD, "32 random bytes");
    for (url, has_secret) in [(ARGOCD, true), (SELDON, false)] {
        let hook = hook(&host, url);
        assert_eq!((&hook["events"], &hook["active"]), (&json!(["push"]), &json!(true)));
        assert_eq!(hook["config"]["insecure_ssl"], "0");
        assert_eq!(hook["config"]["content_type"], "json");
        assert_eq!(hook["config"].get("secret").is_some(), has_secret, "no two have the same");
    }
    let planted = Planted::new([secret.as_str(), TOKEN, PASSWORD]);
    planted.is_not_in("the output", outcome.output().as_bytes());
    for words in [&["plan", "-v"][..], &["status", "-v"], &["webhooks", "list"]] {
        let outcome = sandbox.run(words);
        // The repository itself is at no host that answers here.
        planted.is_not_in(&words.join(" "), outcome.output().as_bytes());
    }
    assert!(Planted::new([secret.as_str(), TOKEN]).is_in_no_file_of(&sandbox.data()) > 0);
    let annotations = sandbox.api().get(SECRET)["metadata"]["annotations"].to_string();
    assert!(annotations.contains("gitops-setup/webhooks-github"), "{annotations}");
    planted.is_not_in("the annotations", annotations.as_bytes());
    changes_nothing(&sandbox, &host);
    sandbox.run(&setup[..3]).exits(0).says("Nothing changed");
}

/// Bitbucket Cloud makes what its events are known by, and Argo CD knows those of Azure DevOps by user and password.
#[test]
fn hosts_of_other_kinds_know_events_by_something_else() {
    let Some((sandbox, _)) = cluster(&json!({})) else { return };
    for (form, url) in [
        (Form::Bitbucket, "https://bitbucket.org/acme/gitops"),
        (Form::Azure, "https://dev.azure.com/org/acme/_git/gitops"),
    ] {
        let host = GitHost::of(form, TOKEN);
        let known = || match form {
            Form::Bitbucket => stored(&sandbox, "webhook.bitbucket.uuid").map(|uuid| (String::new(), uuid)),
            _ => stored(&sandbox, "webhook.azuredevops.username")
                .zip(stored(&sandbox, "webhook.azuredevops.password")),
        };
        let at_host = || match &host.hooks()[..] {
            [hook] if form == Form::Bitbucket => {
                let uuid = hook["uuid"].as_str().expect("a UUID").trim_matches(['{', '}']);
                (String::new(), uuid.to_owned())
            }
            [hook] => {
                let text = |key: &str| hook["consumerInputs"][key].as_str().expect("text").to_owned();
                (text("basicAuthUsername"), text("basicAuthPassword"))
            }
            other => panic!("one webhook: {other:?}"),
        };
        config(&sandbox, &host, &json!({}));
        let set = ["--set", &format!("git.url={url}")];
        let run = |words: &[&str]| sandbox.run(&[words, &set[..]].concat());
        run(&["stage", "webhooks"]).exits(0).says("1 created");
        let first = known().expect("it is stored");
        assert_eq!(first, at_host());
        run(&["stage", "webhooks"]).exits(0).says("Nothing changed");
        let rotate = run(&["webhooks", "rotate"]);
        rotate.exits(0);
        let second = known().expect("it is stored");
        assert_eq!(second, at_host());
        assert_ne!(second, first);
        let list = run(&["webhooks", "list"]);
        list.exits(0).says("as configured");
        for outcome in [rotate, list] {
            Planted::new([first.1.as_str(), &second.1]).is_not_in("the output", outcome.output().as_bytes());
        }
        run(&["webhooks", "remove"]).exits(0).says("1 webhook removed");
        assert_eq!((known(), host.hooks().len()), (None, 0));
    }
}

#[test]
fn what_somebody_changed_at_the_host_is_put_right() {
    let Some((sandbox, host)) = cluster(&json!({})) else { return };
    let config = json!({ "url": ARGOCD, "content_type": "form", "insecure_ssl": "1" });
    for _ in 0..2 {
        host.add(&json!({ "active": true, "events": ["push"], "config": config }));
    }
    let chat = json!({ "url": "https://chat.acme.com/planted-path", "content_type": "json" });
    host.add(&json!({ "active": true, "events": ["issues"], "config": chat }));
    let list = sandbox.run(&["webhooks", "list"]);
    list.exits(0).says("it is another one at the Git host").says("other, to https://chat.acme.com");
    assert!(!list.output().contains("planted-path"), "{}", list.output());
    sandbox.run(&["stage", "webhooks"]).exits(0).says("0 created, 1 changed");
    shared_secret(&sandbox, &host);
    assert_eq!(hook(&host, ARGOCD)["id"], 41, "the first of two is changed, the other one gone");
    assert_eq!(host.hooks().len(), 2, "another's is left alone");
    changes_nothing(&sandbox, &host);
    sandbox.run(&["webhooks", "list"]).exits(0).says("as configured");
}

#[test]
fn a_rotation_changes_both_sides_and_nothing_else() {
    let Some((sandbox, host)) = cluster(&json!({})) else { return };
    sandbox.run(&["webhooks", "rotate"]).exits(3).says("cargo xtask stage webhooks");
    sandbox.run(&["stage", "webhooks"]).exits(0);
    let (first, before) = (shared_secret(&sandbox, &host), sandbox.api().get(SECRET));
    host.asked();
    let audit = sandbox.audit();
    let rotate = sandbox.run(&["webhooks", "rotate"]);
    rotate.exits(0).says("a new secret is stored in Secret/argocd-secret in argocd and at the Git host");
    let second = shared_secret(&sandbox, &host);
    assert_ne!(first, second);
    // First what it had, to see that it takes anything.
    assert_eq!(host.written(), ["PATCH /repos/acme/gitops/hooks/41"; 2]);
    let writes = audit.writes();
    assert!(writes.iter().all(|write| write.verb == "patch" && write.uri.starts_with(SECRET)), "{writes:?}");
    let mut after = sandbox.api().get(SECRET)["data"].clone();
    after[KEY] = before["data"][KEY].clone();
    assert_eq!(after, before["data"], "other values stay");
    Planted::new([first.as_str(), &second]).is_not_in("the output", rotate.output().as_bytes());
    changes_nothing(&sandbox, &host);
    // Where the Git host refuses, Argo CD keeps what the host knows.
    host.hold(Hold::Refused, 0);
    sandbox.run(&["webhooks", "rotate"]).exits(4).says("accepts the token, but not for webhooks");
    host.accept("another");
    sandbox.run(&["webhooks", "rotate"]).exits(4).says("does not accept the token");
    assert_eq!(stored(&sandbox, KEY), Some(second));
}

#[test]
fn an_address_that_changes_takes_its_webhook_along() {
    let Some((sandbox, host)) = cluster(&json!({})) else { return };
    let notes = || {
        let annotations = sandbox.api().get(SECRET)["metadata"]["annotations"].to_string();
        annotations.matches("gitops-setup/webhooks-github-").count()
    };
    sandbox.run(&["stage", "webhooks"]).exits(0);
    let secret = shared_secret(&sandbox, &host);
    let theirs = json!({ "url": "https://old.acme.com/api/webhook", "content_type": "json" });
    host.add(&json!({ "active": true, "events": ["push"], "config": theirs }));
    config(&sandbox, &host, &json!({ "argocdUrl": "https://new.acme.com" }));
    sandbox.run(&["plan", "--only", "webhooks", "-v"]).says("it leads to an address of before");
    sandbox.run(&["webhooks", "rotate"]).exits(3).says("cargo xtask stage webhooks");
    sandbox.run(&["stage", "webhooks"]).exits(0).says("0 created, 1 changed");
    let moved = hook(&host, "https://new.acme.com/argocd/api/webhook");
    assert_eq!((&moved["id"], &moved["config"]["secret"]), (&json!(41), &json!(secret)));
    assert_eq!((host.hooks().len(), notes()), (2, 1), "another's stays, and nothing of ours is left behind");
    changes_nothing(&sandbox, &host);
    config(&sandbox, &host, &json!({}));
    sandbox.run(&["webhooks", "remove"]).exits(0).says("Argo CD: 1 webhook removed");
    assert_eq!((host.hooks().len(), stored(&sandbox, KEY), notes()), (1, None, 0));
}

#[test]
fn what_is_removed_is_gone_on_both_sides() {
    let Some((sandbox, host)) = cluster(&json!({})) else { return };
    sandbox.run(&["stage", "webhooks"]).exits(0);
    sandbox.run(&["webhooks", "remove"]).exits(0).says("Argo CD: 1 webhook removed");
    assert_eq!((host.hooks().len(), stored(&sandbox, KEY)), (0, None));
    let secret = sandbox.api().get(SECRET);
    assert!(secret["data"]["admin.password"].is_string(), "what is not ours stays");
    assert!(!secret["metadata"].to_string().contains("webhooks-github"), "{}", secret["metadata"]);
    sandbox.run(&["webhooks", "remove"]).exits(0).says("there was no webhook");
    sandbox.run(&["stage", "webhooks"]).exits(0).says("1 created");
    shared_secret(&sandbox, &host);
}

/// The secret is stored and the Git host may have it or not when the run ends: the next one makes both the same.
#[test]
fn a_run_that_is_cut_off_between_both_sides_is_finished_by_the_next() {
    let Some((sandbox, host)) = cluster(&json!({})) else { return };
    for hold in [Hold::Before, Hold::After] {
        for (words, pass) in [(["stage", "webhooks"], 0), (["webhooks", "rotate"], 1)] {
            let before = stored(&sandbox, KEY);
            host.asked();
            host.hold(hold, pass);
            let run = sandbox.start(&words);
            host.wait_for_a_write();
            run.kill();
            host.hold(Hold::Never, 0);
            let cut = stored(&sandbox, KEY).expect("the secret is stored first");
            assert_ne!(before.as_ref(), Some(&cut));
            let outcome = sandbox.run(&["stage", "webhooks"]);
            outcome.exits(0);
            assert_eq!(shared_secret(&sandbox, &host), cut, "the stored one is the truth");
            changes_nothing(&sandbox, &host);
        }
        sandbox.run(&["webhooks", "remove"]).exits(0);
    }
}

#[test]
fn the_guides_secret_is_replaced_and_a_good_one_stays() {
    let Some((sandbox, host)) = cluster(&json!({})) else { return };
    store(&sandbox, PASSWORD);
    sandbox.run(&["stage", "webhooks"]).exits(0);
    assert_ne!(shared_secret(&sandbox, &host), PASSWORD);
    store(&sandbox, PASSWORD);
    sandbox.run(&["webhooks", "rotate"]).exits(0);
    assert_ne!(shared_secret(&sandbox, &host), PASSWORD);
    let given = host.asked().into_iter().filter(|asked| asked.body.contains(PASSWORD));
    assert_eq!(given.count(), 0, "the Git host was never given it");
    store(&sandbox, "$another.key");
    sandbox.run(&["webhooks", "rotate"]).exits(3).says("names another value");
    let theirs = "a-secret-that-other-repositories-have";
    store(&sandbox, theirs);
    sandbox.run(&["stage", "webhooks", "-v"]).exits(0).says("was not given the stored secret");
    assert_eq!(shared_secret(&sandbox, &host), theirs);
    changes_nothing(&sandbox, &host);
    let remove = sandbox.run(&["webhooks", "remove"]);
    remove.exits(0).says("its secret stays").says("it was not stored by this tool");
    assert_eq!(stored(&sandbox, KEY).as_deref(), Some(theirs));
}

/// Argo CD has one secret for each provider, so repositories share it.
#[test]
fn a_second_repository_at_the_same_host_has_the_same_secret() {
    let Some((sandbox, first)) = cluster(&json!({})) else { return };
    let second = GitHost::start(TOKEN);
    let api = format!("webhooks.api={}", second.address);
    let other = |words: &[&str]| {
        let set = ["--set", "git.url=https://github.com/acme/gitops.git", "--set", &api];
        sandbox.run(&[words, &set[..]].concat())
    };
    sandbox.run(&["stage", "webhooks"]).exits(0);
    other(&["stage", "webhooks"]).exits(0).says("1 created");
    assert_eq!(shared_secret(&sandbox, &first), shared_secret(&sandbox, &second));
    changes_nothing(&sandbox, &first);
    sandbox.run(&["webhooks", "rotate"]).exits(0).says("1 webhook of other repositories had the same");
    other(&["webhooks", "list"]).exits(0).says("was not given the stored secret");
    other(&["stage", "webhooks"]).exits(0).says("1 changed");
    assert_eq!(shared_secret(&sandbox, &first), shared_secret(&sandbox, &second));
    other(&["webhooks", "remove"]).exits(0).says("webhooks of other repositories use it");
    changes_nothing(&sandbox, &first);
    sandbox.run(&["webhooks", "remove"]).exits(0);
    assert_eq!(stored(&sandbox, KEY), None);
}

#[test]
fn without_the_right_nothing_is_written() {
    let Some((sandbox, host)) = cluster(&json!({})) else { return };
    host.accept("another");
    let audit = sandbox.audit();
    sandbox.run(&["stage", "webhooks"]).exits(4).says("does not accept the token").says("admin:repo_hook");
    audit.has_no_writes();
    assert_eq!(host.written(), Vec::<String>::new());
}

#[test]
fn an_address_is_found_or_asked_for() {
    let Some(mut sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    let host = GitHost::start(TOKEN);
    sandbox.set_env("HOOKS", TOKEN);
    config(&sandbox, &host, &json!({}));
    let text = std::fs::read_to_string(sandbox.work().join("gitops.yaml")).expect("it is there");
    let mut without: Value = serde_json::from_str(&text).expect("JSON");
    without["webhooks"].as_object_mut().expect("a map").remove("argocdUrl");
    without["seldon"] = json!({ "createNamespace": true });
    sandbox.write("gitops.yaml", &without.to_string());
    sandbox.run(&["setup"]).exits(0);
    sandbox.unset_env("GITOPS_SETUP_OFFLINE");
    let stage = ["stage", "webhooks"];
    sandbox.run(&stage).exits(0).says("don't run on simulated nodes").says("`webhooks.argocdUrl`");
    with_a_real_node(&sandbox);
    sandbox.run(&["plan", "--only", "webhooks"]).exits(0).says("known after access: the address of Argo CD");
    sandbox
        .run(&stage)
        .exits(3)
        .says("a port-forward is for this machine alone")
        .says("`webhooks.argocdUrl`");
    assert_eq!(host.written(), Vec::<String>::new());
    let api = sandbox.api();
    let balanced = |ip: &str| json!({ "loadBalancer": { "ingress": [{ "ip": ip }] } });
    let kind = json!([{ "op": "add", "path": "/spec/type", "value": "LoadBalancer" }]);
    let argocd = "/api/v1/namespaces/argocd/services/argocd-server";
    api.patch("test", argocd, &kind);
    set_status(&api, argocd, &balanced("34.1.2.3"));
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "seldon-system" } });
    api.apply("test", "/api/v1/namespaces/seldon-system", &namespace);
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "seldon-deploy-webhook" },
        "spec": { "type": "LoadBalancer", "ports": [{ "port": 80 }] },
    });
    api.create("/api/v1/namespaces/seldon-system/services", &service);
    sandbox.run(&stage).exits(0).says("Service/seldon-deploy-webhook in seldon-system has no address");
    let seldon = "/api/v1/namespaces/seldon-system/services/seldon-deploy-webhook";
    set_status(&api, seldon, &balanced("34.1.2.4"));
    sandbox.run(&stage).exits(0).says("1 created");
    hook(&host, "http://34.1.2.3/argocd/api/webhook");
    hook(&host, "http://34.1.2.4/api/git-webhook");
    changes_nothing(&sandbox, &host);
}

#[test]
fn without_webhooks_there_is_nothing_to_do() {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write("gitops.yaml", "git: {url: github.com/acme/gitops}\n");
    sandbox.run(&["webhooks", "list"]).exits(2).says("no `webhooks` is configured");
}
