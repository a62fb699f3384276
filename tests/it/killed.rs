//! Runs that are cut off in the middle by `kill -9`: a plain second run ends where an uncut one would have.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Sandbox, poll, signal};

use crate::PROGRAM;

/// When it is cut off: after as many lines of events as have all of the words in them.
struct Moment {
    words: &'static [&'static str],
    count: usize,
}

const fn after(count: usize, words: &'static [&'static str]) -> Moment {
    Moment { words, count }
}

/// What a run leaves behind.
#[derive(Debug, PartialEq)]
struct End {
    objects: BTreeMap<String, Value>,
    repository: String,
}

fn sandbox() -> Option<Sandbox> {
    let sandbox = Sandbox::with_cluster(PROGRAM)?;
    let password = sandbox.write("password", "correct-horse-battery\n");
    let config = json!({
        "argocd": { "manifest": "bundled", "adminPassword": { "file": password } },
        "expose": { "via": "ingress" },
        "git": { "url": format!("file://{}", sandbox.path("gitops.git").display()) },
        "environments": [{ "namespace": "seldon-dev" }, { "namespace": "seldon-prod" }],
        "logging": {},
    });
    sandbox.write("gitops.yaml", &config.to_string());
    Some(sandbox)
}

fn end(sandbox: &Sandbox) -> End {
    let folder = sandbox.path("").display().to_string();
    let api = sandbox.api();
    let secret = &api.get("/api/v1/namespaces/argocd/secrets/argocd-secret")["data"];
    assert!(secret["admin.password"].is_string() && secret["admin.passwordMtime"].is_string());
    let repository = Command::new("git")
        .arg("--git-dir")
        .arg(sandbox.path("gitops.git"))
        .args(["log", "--format=%s", "--name-only"])
        .output();
    let repository = String::from_utf8(repository.expect("git").stdout).expect("text");
    End { objects: api.snapshot(&[(&folder, "<dir>/"), (sandbox.name(), "<name>")]), repository }
}

/// The end of a run that nobody cut off.
fn uncut() -> Option<&'static End> {
    static UNCUT: OnceLock<Option<End>> = OnceLock::new();
    let make = || {
        let sandbox = sandbox()?;
        sandbox.run(&["setup"]).exits(0);
        Some(end(&sandbox))
    };
    UNCUT.get_or_init(make).as_ref()
}

#[track_caller]
fn finishes(sandbox: &Sandbox, expected: &End, what: &str) {
    sandbox.run(&["setup"]).exits(0);
    let found = end(sandbox);
    for (key, object) in &expected.objects {
        assert_eq!(found.objects.get(key), Some(object), "{key} after {what}");
    }
    for key in found.objects.keys() {
        assert!(expected.objects.contains_key(key), "{key} is left over after {what}");
    }
    assert_eq!(found.repository, expected.repository, "after {what}");
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
}

fn cut_at(moments: &[Moment]) {
    let Some(expected) = uncut() else { return };
    for Moment { words, count } in moments {
        let Some(sandbox) = sandbox() else { return };
        let mut run = sandbox.start(&["setup", "--output", "json", "--verbose"]);
        for n in 1..=*count {
            let found = run.reads_until(|line| words.iter().all(|word| line.contains(word)));
            assert!(found, "{n} times {words:?} was expected");
        }
        assert_eq!(run.kill().code, None, "it was killed, and had not ended before");
        finishes(&sandbox, expected, &format!("{count} times {words:?}"));
    }
}

#[test]
fn while_argocd_is_installed() {
    cut_at(&[
        after(1, &["stage-started", "install-argocd"]),
        after(1, &["applied"]),
        after(2, &["applied Custom"]),
        after(30, &["applied"]),
        after(2, &["applied Deployment"]),
    ]);
}

#[test]
fn while_argocd_is_configured() {
    cut_at(&[
        after(1, &["\"plan\"", "\"stage\":\"admin-password\""]),
        after(1, &["\"plan\"", "\"stage\":\"tls-termination\""]),
        after(1, &["\"plan\"", "\"stage\":\"git-repository\""]),
    ]);
}

#[test]
fn while_environments_are_made() {
    cut_at(&[
        after(1, &["applied Namespace/seldon-dev"]),
        after(1, &["applied AppProject"]),
        after(1, &["\"plan\"", "\"stage\":\"logging\""]),
    ]);
}

#[test]
fn while_the_cluster_is_made() {
    let Some(expected) = uncut() else { return };
    let Some(sandbox) = sandbox() else { return };
    // The program that makes the cluster goes on by itself; the next run waits for it.
    let mut run = sandbox.start(&["setup", "--output", "json"]);
    assert!(run.reads_until(|line| line.contains("createCluster")));
    poll("kwokctl runs", Duration::from_secs(20), || sandbox.processes("kwokctl").pop());
    run.kill();
    finishes(&sandbox, expected, "the start of kwokctl");
    // It counts as whole: a restart, as after a reboot, keeps what is in it.
    sandbox.stop();
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Done: 1 created, 0 changed");
    audit.has_no_writes();
}

#[test]
fn while_the_cluster_is_made_with_all_that_makes_it() {
    let Some(expected) = uncut() else { return };
    let Some(sandbox) = sandbox() else { return };
    let mut run = sandbox.start(&["setup", "--output", "json"]);
    assert!(run.reads_until(|line| line.contains("createCluster")));
    let api_server =
        poll("the API server starts", Duration::from_secs(20), || sandbox.processes("kube-apiserver").pop());
    let kwokctl = sandbox.processes("kwokctl");
    run.kill();
    kwokctl.iter().for_each(|id| signal("KILL", *id));
    // What it had started lives on, half made.
    assert!(sandbox.processes("kube-apiserver").contains(&api_server));
    finishes(&sandbox, expected, "kwokctl's death");
}
