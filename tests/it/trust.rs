//! What is not to be trusted: vulnerable releases, damaged files, texts of others; and what is closed for good.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use manifests::argocd::release::sha256;
use serde_json::{Value, json};
use support::{Sandbox, manifest, poll, set_status};

use crate::PROGRAM;

const SECRET: &str = "/api/v1/namespaces/argocd/secrets/argocd-secret";
const SETTINGS: &str = "/api/v1/namespaces/argocd/configmaps/argocd-cm";
const LIMIT: &str = "webhook.maxPayloadSizeMB";

fn configure(sandbox: &Sandbox, argocd: &Value) {
    let config = json!({ "argocd": argocd, "git": { "url": "https://git.example/ml/gitops" } });
    sandbox.write("gitops.yaml", &config.to_string());
}

#[test]
fn a_vulnerable_release_is_refused_unless_it_is_named() {
    let Some(file) = manifest("install-v2.6.7.yaml") else { return };
    let sandbox = Sandbox::new(PROGRAM);
    configure(&sandbox, &json!({ "version": "v2.6.7", "manifest": { "file": file } }));
    let out = sandbox.path("out").display().to_string();
    for words in [&["setup"][..], &["plan"], &["render", "-o", &out], &["lint", "."]] {
        let run = sandbox.run(words);
        run.exits(2).says("Argo CD v2.6.7 is known to be vulnerable").says("GHSA-fwr2-64vr-xv9m");
        run.says("CVE-2023-40029 (critical)")
            .says("fixed in v2.6.15")
            .says("`argocd.allowVulnerable: [v2.6.7]`");
    }
    assert!(!sandbox.data().exists() && !sandbox.path("out").exists(), "nothing was written");
    // What is there already can be looked at and taken away.
    sandbox.run(&["status"]).exits(0);
    sandbox.run(&["teardown", "--plan"]).exits(0);
    let allowed = json!({ "version": "v2.6.7", "manifest": { "file": file }, "allowVulnerable": ["v2.6.7"] });
    configure(&sandbox, &allowed);
    sandbox.run(&["render", "-o", &out]).exits(0);
    sandbox.run(&["plan"]).exits(0).says("is known to be vulnerable: CVE-2023-40029");
    let newer = json!({ "version": "v2.6.7", "manifest": { "file": file }, "allowVulnerable": ["v2.6.8"] });
    configure(&sandbox, &newer);
    sandbox.run(&["plan"]).exits(2);
    configure(&sandbox, &json!({ "allowVulnerable": ["everything"] }));
    sandbox.run(&["plan"]).exits(2).says("expected a release such as `v2.6.7`, or an advisory");
}

#[test]
fn one_flipped_bit_in_a_manifest_stops_before_anything_is_written() {
    let Some(file) = manifest("install-v3.5.1.yaml") else { return };
    let mut bytes = std::fs::read(file).expect("it is there");
    // In the name of an image: what is installed would be another program.
    let place = bytes.windows(15).position(|part| part == b"argoproj/argocd").expect("its images");
    bytes[place] ^= 1;
    let sandbox = Sandbox::new(PROGRAM);
    let path = sandbox.work().join("install.yaml");
    std::fs::write(&path, &bytes).expect("the folder is ours");
    configure(&sandbox, &json!({ "manifest": { "file": path } }));
    let out = sandbox.path("out").display().to_string();
    for words in [&["setup"][..], &["plan"], &["render", "-o", &out]] {
        let run = sandbox.run(words);
        run.exits(2).says("is not what any release of Argo CD was published with");
        run.says("`argocd.manifestSha256:");
    }
    assert!(!sandbox.data().exists() && !sandbox.path("out").exists(), "nothing was written");
    // A manifest of one's own is told by its checksum, and by no other.
    let own =
        b"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: argocd-server}\nspec: {template: {spec: \
        {containers: [{name: argocd-server, image: 'quay.io/argoproj/argocd:v3.5.1'}]}}}\n";
    std::fs::write(&path, own).expect("the folder is ours");
    let sum = sha256(own);
    configure(&sandbox, &json!({ "manifest": { "file": path }, "manifestSha256": sum }));
    sandbox.run(&["render", "-o", &out]).exits(0);
    configure(&sandbox, &json!({ "manifest": { "file": path }, "manifestSha256": "0".repeat(64) }));
    sandbox.run(&["render", "-o", &out]).exits(2).says("is not what `argocd.manifestSha256` says").says(&sum);
    configure(&sandbox, &json!({ "manifest": "bundled", "manifestSha256": sum }));
    sandbox.run(&["plan"]).exits(2).says("is only for `argocd.manifest: {file: …}`");
}

/// The value under a key of `argocd-secret`.
fn stored(sandbox: &Sandbox, key: &str) -> Option<String> {
    let value = sandbox.api().get(SECRET)["data"][key].as_str()?.to_owned();
    Some(String::from_utf8(BASE64_STANDARD.decode(value).expect("base64")).expect("text"))
}

fn of_somebody(path: &str, kind: &str, data: Value) -> Value {
    let name = path.rsplit('/').next().expect("a name");
    json!({
        "apiVersion": "v1", "kind": kind, "metadata": { "name": name, "namespace": "argocd" }, "data": data,
    })
}

#[test]
fn webhooks_that_nobody_uses_are_closed_and_read_back() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    configure(&sandbox, &json!({ "manifest": "bundled" }));
    sandbox.run(&["setup", "--only", "cluster,install-argocd"]).exits(0);
    let api = sandbox.api();
    // Somebody has a webhook at GitLab, and sends little.
    let theirs = json!({ "webhook.gitlab.secret": BASE64_STANDARD.encode("theirs") });
    api.apply("somebody", SECRET, &of_somebody(SECRET, "Secret", theirs));
    sandbox.run(&["setup"]).exits(0).says("webhooks without a secret are refused from now on");
    let keys =
        ["github.secret", "bitbucket.uuid", "bitbucketserver.secret", "gogs.secret", "azuredevops.password"];
    let mut values: Vec<String> =
        keys.iter().filter_map(|key| stored(&sandbox, &format!("webhook.{key}"))).collect();
    assert_eq!(values.len(), keys.len());
    values.sort();
    values.dedup();
    assert!(
        values.len() == keys.len() && values.iter().all(|value| value.len() == 64),
        "random, each another"
    );
    assert_eq!(stored(&sandbox, "webhook.gitlab.secret").as_deref(), Some("theirs"));
    assert_eq!(api.get(SETTINGS)["data"][LIMIT], "25");
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
    // What somebody has opened again is told by `verify`, and closed by the next run.
    let path = "/data/webhook.github.secret";
    api.patch("somebody", SECRET, &json!([{ "op": "remove", "path": path }]));
    sandbox.run(&["stage", "verify"]).exits(4).says("hardening").says("webhook.github.secret");
    sandbox.run(&["setup"]).exits(0);
    assert!(stored(&sandbox, "webhook.github.secret").is_some());
    // By name, each can be left as Argo CD has it.
    let open = json!({ "webhookSecrets": false, "webhookPayloadLimit": false });
    configure(&sandbox, &json!({ "manifest": "bundled", "hardening": open }));
    sandbox.run(&["setup"]).exits(0);
    assert_eq!(stored(&sandbox, "webhook.github.secret"), None);
    assert_eq!(stored(&sandbox, "webhook.gitlab.secret").as_deref(), Some("theirs"));
    assert_eq!(api.get(SETTINGS)["data"].get(LIMIT), None);
}

/// Colours, another title, a line that goes up, a text turned around, and a command to GitHub Actions.
const HOSTILE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\r\u{202e}txt\u{2066}\n::add-mask::x\n##[error]y";

#[track_caller]
fn is_harmless(what: &str, output: &str) {
    let bad =
        |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c) || c == '\u{2066}';
    assert!(!output.contains(bad), "{what}: {output:?}");
    let command =
        |line: &str| line.trim_start().starts_with("::add-mask") || line.trim_start().starts_with("##[");
    assert!(!output.lines().any(command), "{what}: {output}");
}

#[test]
fn texts_of_a_cluster_have_no_power_over_terminals() {
    let Some(mut sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.set_env("GITHUB_ACTIONS", "true");
    configure(&sandbox, &json!({ "manifest": "bundled" }));
    sandbox.run(&["setup"]).exits(0);
    let api = sandbox.api();
    let argocd = "/apis/argoproj.io/v1alpha1/namespaces/argocd";
    let condition = json!({
        "type": "ErrorOccurred", "status": "True", "message": HOSTILE, "reason": "x",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let set = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "metadata": { "name": "hostile" },
        "spec": { "generators": [], "template": {
            "metadata": { "name": "x" }, "spec": { "project": "x", "destination": {} },
        } },
    });
    api.create(&format!("{argocd}/applicationsets"), &set);
    set_status(&api, &format!("{argocd}/applicationsets/hostile"), &json!({ "conditions": [condition] }));
    let path = format!("/data/{LIMIT}");
    api.patch("somebody", SETTINGS, &json!([{ "op": "add", "path": path, "value": HOSTILE }]));
    for words in [&["status"][..], &["plan", "-v"], &["status", "--output", "json"], &["setup", "-v"]] {
        let run = sandbox.run(words);
        is_harmless(&format!("{words:?}"), &run.output());
    }
    sandbox.run(&["status"]).says("hostile").says("\\u{1b}[2J");
}

#[test]
fn texts_of_files_have_no_power_over_terminals() {
    let sandbox = Sandbox::new(PROGRAM);
    let name: String = HOSTILE.chars().filter(|c| !matches!(c, '/' | '\0')).collect();
    let file = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {}}}\nspec: {{project: {}, destination: \
         {{namespace: x}}, source: {{repoURL: 'https://x/y', path: {}}}}}\n",
        json!(HOSTILE),
        json!(HOSTILE),
        json!(HOSTILE),
    );
    sandbox.write("gitops.yaml", "{}\n");
    sandbox.write(&format!("{name}.yaml"), &file);
    for more in [&[][..], &["-v"], &["--output", "json"], &["--format", "sarif"]] {
        let run = sandbox.run(&[&["lint", "."][..], more].concat());
        is_harmless(&format!("{more:?}"), &run.output());
        assert_eq!(run.code, Some(10), "{}", run.output());
    }
}

#[test]
fn links_that_lead_out_of_a_repository_are_not_followed() {
    let sandbox = Sandbox::new(PROGRAM);
    let outside = sandbox.path("outside");
    std::fs::create_dir(&outside).expect("the folder is ours");
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: outside}\nstringData: {password: hush-4711-hush}\n";
    std::fs::write(outside.join("secret.yaml"), secret).expect("the folder is ours");
    for (link, target) in
        [("folder", outside.clone()), ("file.yaml", outside.join("secret.yaml")), ("loop", sandbox.work())]
    {
        std::os::unix::fs::symlink(target, sandbox.work().join(link)).expect("the folder is ours");
    }
    sandbox.write("gitops.yaml", "{}\n");
    let run = sandbox.run(&["lint", ".", "-v"]);
    assert!(!run.output().contains("outside") && !run.output().contains("hush"), "{}", run.output());
}

#[test]
fn what_would_be_an_option_or_a_path_elsewhere_is_refused() {
    let sandbox = Sandbox::new(PROGRAM);
    for text in [
        "git: {url: 'github.com/a/b', branch: '--upload-pack=id'}",
        "git: {url: 'github.com/a/b', branch: '../x'}",
        "git: {url: 'github.com/a/b', branch: \"a\\nb\"}",
        "git: {url: 'ext::sh -c id'}",
        "git: {url: 'git@-oProxyCommand=id:a'}",
        "git: {url: 'ssh://-oProxyCommand=id@h/a'}",
        "git: {url: 'https://-x/a'}",
        "git: {url: 'git@github.com:a/b', repository: {proxy: 'socks5://h:1;id'}}",
        "environments: [{namespace: '..'}]",
        "environments: [{namespace: 'a/b'}]",
        "environments: [{namespace: '-x'}]",
        "environments: [{namespace: \"a\\0b\"}]",
        "models: {folder: '../x'}",
        "models: {folder: '/x'}",
        "models: {folder: 'a\\b'}",
        "models: {folder: '--x'}",
    ] {
        sandbox.write("gitops.yaml", &format!("{text}\n"));
        sandbox.run(&["plan"]).exits(2);
    }
    sandbox
        .write("gitops.yaml", "git: {url: github.com/a/b}\nenvironments: [{namespace: dev}]\nmodels: {}\n");
    for name in ["../x", "/x", "a/b", "a\\b", ".", "..", "-x"] {
        let run = sandbox.run(&["model", "remove", "--", name]);
        assert!(matches!(run.code, Some(2 | 3)), "{name}: {}", run.output());
    }
    assert!(!sandbox.data().exists(), "nothing was written");
}

#[test]
fn neither_the_tool_nor_what_it_starts_leaves_a_core_dump() {
    let sandbox = Sandbox::new(PROGRAM);
    let git = json!({
        "url": "https://git.example/a",
        "auth": { "bearer": { "token": { "command": ["sleep", "60"] } } },
    });
    sandbox.write("gitops.yaml", &json!({ "git": git }).to_string());
    let run = sandbox.start(&["credentials", "check"]);
    let child = poll("the command is started", Duration::from_secs(30), || child_of(run.id()));
    for process in [run.id(), child] {
        let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).expect("it runs");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    }
    // As long as it is there, standard error is not at its end.
    support::signal("KILL", child);
    run.kill();
}

/// The program that a process has started, once it is another one.
fn child_of(parent: u32) -> Option<u32> {
    let entries = std::fs::read_dir("/proc").ok()?.flatten();
    let mut ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.find(|id| {
        let place = PathBuf::from(format!("/proc/{id}"));
        let stat = std::fs::read_to_string(place.join("stat")).unwrap_or_default();
        let of = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        let line = std::fs::read(place.join("cmdline")).unwrap_or_default();
        of == Some(parent) && line.starts_with(b"sleep")
    })
}
