//! Host keys that the manifest, users and this tool bring: two stages, one text.

use manifests::argocd::names;
use manifests::config::Seldon;
use manifests::{Object, trust};
use serde_json::json;
use stages::observed::Live;
use stages::plan::{Action, Precondition};
use stages::{Apply, Inputs, Observed, Plan};

use super::credentials::ssh;
use super::published::{FILES, published};
use super::support::{config, inputs, plan, plan_all, running, set, settled, with};

const MINE: &str =
    "git.acme.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBQY9ZO1Bh9OZEo1pFr1Rm6J2vF1pM1a8cC4sUEx2nRg";

fn object(observed: &Observed) -> &Object {
    observed.object(&names::known_hosts("argocd")).expect("it is there")
}

fn text(observed: &Observed) -> &str {
    trust::known_hosts_in(object(observed))
}

fn apply(plan: &Plan) -> Option<&Apply> {
    plan.actions.iter().find_map(|action| match action {
        Action::Apply(apply) if apply.object.name() == "argocd-ssh-known-hosts-cm" => Some(&**apply),
        _ => None,
    })
}

/// A user adds a line to the live text.
fn add(observed: Observed, line: &str) -> Observed {
    let data = json!({ names::KNOWN_HOSTS_KEY: format!("{}{line}\n", text(&observed)) });
    let live = set(object(&observed).clone().with("data", data), "/metadata", "resourceVersion", json!("42"));
    with(observed, live)
}

fn assert_settled(inputs: &Inputs, observed: &Observed, what: &str) {
    for (stage, plan) in plan_all(inputs, observed.clone()).expect("it can be planned").0 {
        assert_eq!(plan.actions, [], "{what}: {stage}");
    }
}

/// Two rounds, a user in between, and then another release.
fn rounds(inputs: &Inputs, first: Observed, what: &str) -> Observed {
    let (_, observed) = plan_all(inputs, first).expect("it can be planned");
    let observed = settled(inputs, observed);
    assert!(!trust::has_retired_key(text(&observed)), "{what}");
    for line in inputs.known_hosts.lines() {
        assert_eq!(text(&observed).matches(line).count(), 1, "{what}: {line}");
    }
    assert_settled(inputs, &observed, what);
    let observed = add(observed, "other.acme.com ssh-rsa AAAA users");
    assert_settled(inputs, &observed, what);
    observed
}

fn over_ssh(inputs: Inputs) -> Inputs {
    let mut inputs = Inputs { known_hosts: format!("{MINE}\n"), ..inputs };
    inputs.config.git.url = "git@git.acme.com:acme/gitops".into();
    inputs.config.git.auth = Some(ssh());
    inputs.config.seldon = Some(Seldon { create_namespace: true, ..Seldon::default() });
    inputs
}

#[test]
fn added_keys_survive_every_further_run_and_the_next_release() {
    let mut live = None;
    for (file, _, _, kubernetes) in FILES.into_iter().filter(|(file, ..)| file.starts_with("install")) {
        let Some(inputs) = published(file, |_| {}) else { return };
        let inputs = over_ssh(inputs);
        let observed = rounds(&inputs, running(kubernetes), file);
        if let Some(old) = live.replace(object(&observed).clone()) {
            let upgraded = rounds(&inputs, with(running(kubernetes), old.clone()), file);
            for line in trust::known_hosts_in(&old).lines().filter(|line| !line.starts_with('#')) {
                assert!(text(&upgraded).contains(line), "{file}: {line}");
            }
        }
    }
}

#[test]
fn the_published_texts_lose_the_retired_key_and_nothing_else() {
    for (file, version, ..) in FILES {
        let Some(inputs) = published(file, |_| {}) else { return };
        let install = inputs.install.as_ref().expect("a manifest");
        // `data: null` would be to own what others put there.
        let null = |object: &&Object| object.get("/data").is_some_and(serde_json::Value::is_null);
        assert_eq!(install.objects.iter().find(null), None, "{file}");
        let has = ["v1.6.2", "v2.6.7"].contains(&version);
        let told = install.notes.iter().any(|note| note.contains("GitHub's RSA host key"));
        assert_eq!(told, has, "{file}: {:?}", install.notes);
        let hosts =
            inputs.manifest_object("ConfigMap", "argocd-ssh-known-hosts-cm").expect("it is in the manifest");
        let count = trust::known_hosts_in(hosts).lines().count();
        let expected = match version {
            "v1.6.2" => 6,
            "v2.6.7" => 8,
            _ => 15,
        };
        assert_eq!(count, expected, "{file}");
    }
}

#[test]
fn what_users_added_goes_along_only_if_nobody_changes_it_meanwhile() {
    let inputs = over_ssh(inputs(config()));
    let (_, observed) =
        plan_all(&inputs, running(super::support::KUBERNETES_1_36)).expect("it can be planned");
    let observed = add(observed, "other.acme.com ssh-rsa AAAA users");
    // A line of the manifest is gone.
    let less: String = text(&observed)
        .lines()
        .filter(|line| !line.starts_with("gitlab"))
        .map(|l| format!("{l}\n"))
        .collect();
    let live = object(&observed).clone().with("data", json!({ names::KNOWN_HOSTS_KEY: less }));
    let observed = with(observed, live);
    let plan = plan("install-argocd", &inputs, &observed).expect("it can be planned");
    let apply = apply(&plan).expect("it is applied");
    assert_eq!(apply.precondition, Precondition::Unchanged("42".into()));
    let merged = trust::known_hosts_in(&apply.object);
    assert!(merged.starts_with(&less) && merged.contains("gitlab.com") && merged.contains(MINE), "{merged}");
}

#[test]
fn a_live_retired_key_is_taken_out_with_a_note() {
    let Some(inputs) = published("install-v3.5.1.yaml", |_| {}) else { return };
    let Some(old) = super::published::read("install-v1.6.2.yaml") else { return };
    let retired =
        old.lines().map(str::trim).find(|line| line.starts_with("github.com ssh-rsa")).expect("it is there");
    let live = trust::known_hosts_object("argocd", &format!("{MINE}\n{retired}\n"));
    let mut observed = running(super::support::KUBERNETES_1_36);
    observed.objects.insert(live.reference(), Live::Found(Box::new(live)));
    let plan = plan("install-argocd", &inputs, &observed).expect("it can be planned");
    let merged = trust::known_hosts_in(&apply(&plan).expect("it is applied").object);
    assert!(merged.starts_with(MINE) && !trust::has_retired_key(merged), "{merged}");
    assert!(
        plan.notes.iter().any(|note| note.contains("is left out of ConfigMap/argocd-ssh-known-hosts-cm"))
    );
}
