//! Secrets by reference: their values show up nowhere but where they were put.

use std::path::Path;

use serde_json::json;
use support::{Planted, Sandbox, encrypted_key};

use crate::PROGRAM;

const FROM_ENV: &str = "ENV-hush-7b1f0c9d4e";
const FROM_FILE: &str = "FILE-hush-2c8a6e51b3";
const FROM_COMMAND: &str = "CMD-hush-f04d9a7718";
const TOKEN: &str = "TOKEN-hush-93e5b60af2";
const PASSPHRASE: &str = "PHRASE-hush-5d71c28e0b";
const ALL: [&str; 5] = [FROM_ENV, FROM_FILE, FROM_COMMAND, TOKEN, PASSPHRASE];

fn planted() -> Planted {
    Planted::new(ALL)
}

#[track_caller]
fn is_clean(what: &str, bytes: &[u8]) {
    planted().is_not_in(what, bytes);
}

#[track_caller]
fn files_are_clean(folder: &Path) -> usize {
    planted().is_in_no_file_of(folder)
}

/// Runs everything that reads a configuration.
fn run_all(sandbox: &Sandbox, config: &str) {
    let out = sandbox.path("out").display().to_string();
    for words in [
        &["init", "written.yaml", "--force"][..],
        &["plan"],
        &["render", "-o", &out],
        &["setup"],
        &["setup"],
        &["plan"],
        &["status"],
    ] {
        for more in [&["-v"][..], &["-v", "--output", "json"]] {
            let words: Vec<&str> = words.iter().chain(more).copied().chain(["--config", config]).collect();
            let outcome = sandbox.run(&words);
            is_clean(&format!("the output of {words:?}"), outcome.exits(0).output().as_bytes());
        }
    }
    assert!(files_are_clean(&sandbox.path("out")) > 50);
}

fn configs(sandbox: &Sandbox) -> Vec<String> {
    let hidden = sandbox.path("hidden");
    std::fs::create_dir_all(&hidden).expect("the folder is ours");
    std::fs::write(hidden.join("file"), format!("{FROM_FILE}\n")).expect("the folder is ours");
    std::fs::write(hidden.join("command"), format!("{FROM_COMMAND}\n")).expect("the folder is ours");
    let passwords = [
        json!({ "env": "ADMIN" }),
        json!({ "file": hidden.join("file") }),
        json!({ "command": ["cat", hidden.join("command")] }),
    ];
    let config = |(index, password)| {
        let name = format!("{index}.yaml");
        let text = json!({
            "argocd": { "manifest": "bundled", "adminPassword": password },
            "git": { "url": "https://git.example/ml/gitops" },
            "environments": [{ "namespace": "seldon-dev" }],
            "seldon": { "createNamespace": true },
        });
        sandbox.write(&name, &text.to_string());
        name
    };
    passwords.into_iter().enumerate().map(config).collect()
}

#[test]
fn nothing_that_is_printed_written_or_started_holds_a_secret() {
    let Some(mut sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.set_env("ADMIN", FROM_ENV);
    sandbox.set_env("GIT_USER", "ml");
    sandbox.set_env("GIT_TOKEN", TOKEN);
    let configs = configs(&sandbox);
    let watch = planted().watch_processes();
    for config in &configs {
        run_all(&sandbox, config);
    }
    // The same by SSH, with a key that has a passphrase.
    let Some(key) = encrypted_key(&sandbox.work(), PASSPHRASE) else { return };
    sandbox.unset_env("GIT_TOKEN");
    sandbox.set_env("GIT_SSH_PATH", key);
    sandbox.set_env("GIT_SSHKEY_PASSPHRASE", PASSPHRASE);
    let ssh = std::fs::read_to_string(sandbox.work().join("0.yaml")).expect("written");
    sandbox.write("ssh.yaml", &ssh.replace("https://git.example", "ssh://git@git.example"));
    run_all(&sandbox, "ssh.yaml");
    let looks = watch.ends();
    assert!(looks > 20, "{looks}");
    // Configuration, audit log, kubeconfig: everything but etcd's own files, which hold the Secrets.
    assert!(files_are_clean(&sandbox.work()) > 4);
    assert!(files_are_clean(&sandbox.data()) > 10);
    let mut filled = 0;
    for (name, object) in sandbox.api().snapshot(&[]) {
        if name.starts_with("Secret/") {
            filled += usize::from(object["data"].is_object());
            is_clean(&name, object["metadata"].to_string().as_bytes());
        } else {
            is_clean(&name, object.to_string().as_bytes());
        }
    }
    assert!(filled >= 2, "both sides have their Secret");
    // What was started lives on, so it must not even know them.
    for program in ["kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler", "kwok-controller"]
    {
        let processes = sandbox.processes(program);
        assert!(!processes.is_empty(), "{program} runs");
        for process in processes {
            let environment = std::fs::read(format!("/proc/{process}/environ")).expect("it is ours");
            is_clean(&format!("the environment of {program}"), &environment);
        }
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write("gitops.yaml", &format!("argocd: {{adminPassword: {FROM_FILE}}}\n"));
    let run = sandbox.run(&["plan", "-v"]);
    run.exits(2).says("argocd.adminPassword");
    is_clean("the error", run.output().as_bytes());
    sandbox.write("gitops.yaml", "{}\n");
    let set = format!("argocd.adminPassword={FROM_ENV}");
    let run = sandbox.run(&["plan", "-v", "--set", &set]);
    is_clean("the error", run.exits(2).output().as_bytes());
}
