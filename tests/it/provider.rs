//! Making, stopping, starting and deleting clusters.

use std::time::Duration;

use support::{Sandbox, poll};

use crate::PROGRAM;

const API_SERVER: &str = "kube-apiserver";

#[test]
fn a_stopped_cluster_is_started_again_and_nothing_in_it_changes() {
    let Some(sandbox) = Sandbox::with_only_cluster(PROGRAM) else { return };
    sandbox.write("gitops.yaml", "argocd: {manifest: bundled}\n");
    sandbox.run(&["setup"]).exits(0);
    let before = sandbox.processes(API_SERVER);
    assert_eq!(before.len(), 1);
    sandbox.stop();
    sandbox.run(&["plan", "--exit-code"]).exits(10).says("start kwok cluster");
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("up: Kubernetes 1.36").says("Done: 1 created, 0 changed");
    audit.has_no_writes();
    let after = sandbox.processes(API_SERVER);
    assert!(after.len() == 1 && after != before, "{before:?} {after:?}");
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
}

/// As if the run that made it, and kwokctl, had been killed between two of its parts.
#[test]
fn a_cluster_that_answers_and_is_not_finished_gets_the_rest_of_its_parts() {
    const LATE: [&str; 3] = ["kube-controller-manager", "kube-scheduler", "kwok-controller"];
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.run(&["cluster", "up"]).exits(0);
    std::fs::remove_file(sandbox.cluster().join("complete")).expect("it was finished");
    sandbox.kill(&LATE);
    let server = sandbox.processes(API_SERVER);
    sandbox.run(&["cluster", "up"]).exits(0);
    for program in LATE {
        assert_eq!(sandbox.processes(program).len(), 1, "{program}");
    }
    assert_eq!(sandbox.processes(API_SERVER), server, "what runs goes on");
}

/// Its etcd asks nobody for a password.
#[test]
fn a_local_control_plane_listens_on_loopback_only() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.run(&["cluster", "up"]).exits(0);
    for (program, flag) in [
        ("etcd", "--listen-client-urls=http://127.0.0.1:"),
        ("etcd", "--listen-peer-urls=http://127.0.0.1:"),
        (API_SERVER, "--bind-address=127.0.0.1"),
        ("kube-controller-manager", "--bind-address=127.0.0.1"),
        ("kube-scheduler", "--bind-address=127.0.0.1"),
    ] {
        let [process] = sandbox.processes(program)[..] else { panic!("one {program}") };
        let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).expect("it runs");
        assert!(line.contains(flag), "{program} without {flag}: {line}");
    }
}

#[test]
fn a_cluster_is_made_once_and_deleted_once() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    let runs = [(); 2].map(|()| sandbox.start(&["cluster", "up"]));
    let runs = runs.map(|run| run.wait());
    for run in &runs {
        run.exits(0).says("Kubernetes 1.36, 1 simulated node");
    }
    let has_times = |run: &&support::Outcome| {
        let line = |part: &str| run.stdout.lines().any(|line| line.trim().starts_with(part));
        ["tools", "start", "answer"].into_iter().all(line)
    };
    assert_eq!(runs.iter().filter(has_times).count(), 1, "who makes it says where the time went: {runs:?}");
    let servers = sandbox.processes(API_SERVER);
    assert_eq!(servers.len(), 1, "two at once make one");
    sandbox.run(&["cluster", "up"]).exits(0).says("running: Kubernetes 1.36");
    assert_eq!(sandbox.processes(API_SERVER), servers, "it was there");
    sandbox.run(&["cluster", "down"]).exits(0).says("is deleted");
    for program in [API_SERVER, "etcd", "kube-controller-manager", "kube-scheduler", "kwok-controller"] {
        let left = || sandbox.processes(program).is_empty().then_some(());
        poll(&format!("{program} is gone"), Duration::from_secs(10), left);
    }
    assert!(!sandbox.cluster().exists(), "its folder is gone");
    sandbox.run(&["cluster", "down"]).exits(0).says("there is no cluster");
    assert_eq!(sandbox.run(&["cluster", "list"]).exits(0).stdout, "");
}

#[test]
fn kind_without_docker_says_what_is_missing_and_what_needs_none() {
    let mut sandbox = Sandbox::new(PROGRAM);
    sandbox.set_env("PATH", sandbox.path("no-programs"));
    sandbox.write("gitops.yaml", "cluster: {provider: kind}\nargocd: {manifest: bundled}\n");
    for words in [&["setup"][..], &["cluster", "up"]] {
        let run = sandbox.run(words);
        run.exits(3).says("kind needs a running Docker").says("`cluster.provider: kwok`");
    }
    sandbox.run(&["cluster", "down"]).exits(0).says("there is no cluster");
}

#[test]
fn a_cluster_of_somebody_else_is_never_deleted() {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write("gitops.yaml", "cluster: {provider: context, context: theirs}\n");
    sandbox.run(&["cluster", "down"]).exits(3).says("was not made by this tool and is not deleted by it");
}
