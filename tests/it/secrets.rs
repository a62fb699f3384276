//! Secrets by reference: their values show up nowhere but where they were put.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use support::{Sandbox, encrypted_key};

use crate::PROGRAM;

const FROM_ENV: &str = "ENV-hush-7b1f0c9d4e";
const FROM_FILE: &str = "FILE-hush-2c8a6e51b3";
const FROM_COMMAND: &str = "CMD-hush-f04d9a7718";
const TOKEN: &str = "TOKEN-hush-93e5b60af2";
const PASSPHRASE: &str = "PHRASE-hush-5d71c28e0b";
const ALL: [&str; 5] = [FROM_ENV, FROM_FILE, FROM_COMMAND, TOKEN, PASSPHRASE];

/// Asserts that no secret is in it, plain or in base64.
#[track_caller]
fn is_clean(what: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for secret in ALL {
        // Base64 of what is in the middle of a text depends on what is before it, so its three forms are tried.
        let encoded = (0..3).map(|shift| {
            let text = format!("{}{secret}", "x".repeat(shift));
            let encoded = BASE64_STANDARD.encode(text);
            encoded[4..encoded.len() - 4].to_owned()
        });
        for form in std::iter::once(secret.to_owned()).chain(encoded) {
            assert!(!text.contains(&form), "{secret} is in {what}");
        }
    }
}

#[track_caller]
fn files_are_clean(folder: &Path) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let kind = entry.file_type().expect("it is there");
        if kind.is_dir() && entry.file_name() == "etcd" {
            // The cluster's own store, where Secrets are.
        } else if kind.is_dir() {
            count += files_are_clean(&entry.path());
        } else if kind.is_file() && entry.metadata().is_ok_and(|metadata| metadata.len() < 80 << 20) {
            // Programs are large and not ours; what we write is not.
            is_clean(&entry.path().display().to_string(), &std::fs::read(entry.path()).unwrap_or_default());
            count += 1;
        }
    }
    count
}

/// Looks at the command lines of all processes until it is told to stop; gives how often it looked.
fn watch_processes(stop: &AtomicBool) -> usize {
    let mut looks = 0;
    while !stop.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            is_clean(&format!("the command line {}", String::from_utf8_lossy(&line)), &line);
        }
        looks += 1;
        // What is sampled needs the processor more than the sampling does.
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    looks
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
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch_processes(&stop));
        for config in &configs {
            run_all(&sandbox, config);
        }
        // The same by SSH, with a key that has a passphrase.
        let Some(key) = encrypted_key(&sandbox.work(), PASSPHRASE) else {
            return stop.store(true, Ordering::Relaxed);
        };
        sandbox.unset_env("GIT_TOKEN");
        sandbox.set_env("GIT_SSH_PATH", key);
        sandbox.set_env("GIT_SSHKEY_PASSPHRASE", PASSPHRASE);
        let ssh = std::fs::read_to_string(sandbox.work().join("0.yaml")).expect("written");
        sandbox.write("ssh.yaml", &ssh.replace("https://git.example", "ssh://git@git.example"));
        run_all(&sandbox, "ssh.yaml");
        stop.store(true, Ordering::Relaxed);
        let looks = watcher.join().expect("no command line held a secret");
        assert!(looks > 20, "{looks}");
    });
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
