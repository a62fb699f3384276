//! Every secret that the tool can be given is planted once, and then looked for wherever it must not be: in what is
//! printed, written and started, and in what is sent to the API server besides the Secrets themselves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::{GitHost, Planted, Sandbox, encrypted_key, skipped};

use crate::PROGRAM;

/// Environment variable and value of each secret that is a text.
const TEXTS: [(&str, &str); 9] = [
    ("CANARY_ADMIN", "adm/hush=7b1f0c9d4e+2a"),
    ("CANARY_TOKEN", "glpat/hush=93e5b60af2+7c"),
    ("CANARY_SELDON", "seldon/hush=5d71c28e0b+19"),
    ("CANARY_HOOKS", "ghp/hush=f04d9a77184e+c3"),
    ("CANARY_SLACK", "xoxb/hush=2c8a6e51b3+d0"),
    ("CANARY_PAGER", "R0/hush=4a81c07e2d996b+51"),
    ("CANARY_HEADER", "Bearer/hush=b7e03f5512+aa"),
    ("CANARY_BASIC", "basic/hush=61d0e4c9f7+08"),
    ("CANARY_MAIL", "mail/hush=0f9b3ad218c5+e4"),
];
const PASSPHRASE: (&str, &str) = ("CANARY_PHRASE", "phrase/hush=8c17e5d2b04f+63");
/// Part of an address that is a secret as a whole.
const HOOK_URL: (&str, &str) = ("CANARY_HOOK_URL", "https://hooks.example.com/services/hush7e30b9d5f2c84a");

/// Where the schema takes a secret, and which canary is planted there. A new one without a row fails the test.
const PLACES: [(&str, &str); 16] = [
    ("ArgoCd.adminPassword", "CANARY_ADMIN"),
    ("ClientCertificate.certificate", "client.pem"),
    ("ClientCertificate.key", "client.key"),
    ("Git.auth", "CANARY_TOKEN"),
    ("GitAuth.bearer.token", "CANARY_TOKEN"),
    ("GitAuth.githubApp.privateKey", "app.pem"),
    ("GitAuth.ssh.passphrase", "CANARY_PHRASE"),
    ("GitAuth.ssh.privateKey", "key"),
    ("GitAuth.token.token", "CANARY_TOKEN"),
    ("NotificationHeader.valueFrom", "CANARY_HEADER"),
    ("NotificationLogin.password", "CANARY_MAIL"),
    ("NotificationService.pagerduty.integrationKeys", "CANARY_PAGER"),
    ("NotificationService.slack.token", "CANARY_SLACK"),
    ("NotificationService.webhook.urlFrom", "CANARY_HOOK_URL"),
    ("Seldon.auth", "CANARY_SELDON"),
    ("Webhooks.auth", "CANARY_HOOKS"),
];

/// All places of the schema that take a secret, each below the type that has it.
fn places() -> BTreeSet<String> {
    fn walk(path: &str, schema: &Value, found: &mut BTreeSet<String>) {
        match schema {
            Value::Array(items) => items.iter().for_each(|item| walk(path, item, found)),
            Value::Object(map) => {
                let names = ["SecretRef", "GitAuth"].map(|name| format!("#/$defs/{name}"));
                if map
                    .get("$ref")
                    .and_then(Value::as_str)
                    .is_some_and(|name| names.iter().any(|it| it == name))
                {
                    found.insert(path.to_owned());
                }
                for (key, inner) in map {
                    match key.as_str() {
                        "properties" => inner.as_object().into_iter().flatten().for_each(|(name, inner)| {
                            walk(&format!("{path}.{name}"), inner, found);
                        }),
                        "oneOf" | "anyOf" | "items" | "additionalProperties" => walk(path, inner, found),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let mut schema: Value = serde_json::from_str(&manifests::config::schema()).expect("a schema is JSON");
    let definitions = schema["$defs"].take();
    let mut found = BTreeSet::new();
    walk("Config", &schema, &mut found);
    for (name, definition) in definitions.as_object().expect("it has some") {
        walk(name, definition, &mut found);
    }
    found
}

fn env(name: &str) -> Value {
    json!({ "env": name })
}

/// Configurations that between them have every secret.
fn configs(sandbox: &Sandbox, host: &GitHost) -> Vec<(&'static str, Value)> {
    let token = |name: &str| json!({ "token": { "username": "ml", "token": env(name) } });
    let base = |git: Value| {
        json!({
            "argocd": { "manifest": "bundled", "adminPassword": env("CANARY_ADMIN") },
            "git": git,
            "environments": [{ "namespace": "canary" }],
        })
    };
    let url = "https://github.com/acme/gitops";
    let mut full = base(json!({
        "url": url,
        "auth": token("CANARY_TOKEN"),
        "repository": { "clientCertificate": {
            "certificate": { "file": sandbox.work().join("client.pem") },
            "key": { "file": sandbox.work().join("client.key") },
        } },
    }));
    full["seldon"] =
        json!({ "createNamespace": true, "auth": token("CANARY_SELDON"), "projectToken": "seldon" });
    full["webhooks"] = json!({
        "api": host.address, "argocdUrl": "https://gitops.acme.com", "seldon": false,
        "auth": { "bearer": { "token": env("CANARY_HOOKS") } },
    });
    full["notifications"] = json!({
        "services": {
            "slack": { "slack": { "token": env("CANARY_SLACK") } },
            "on-call": { "pagerduty": { "integrationKeys": { "ml": env("CANARY_PAGER") } } },
            "hook": { "webhook": {
                "urlFrom": env("CANARY_HOOK_URL"),
                "headers": [{ "name": "Authorization", "valueFrom": env("CANARY_HEADER") }],
                "basicAuth": { "username": "argocd", "password": env("CANARY_BASIC") },
            } },
            "email": { "email": {
                "host": "smtp.example.com", "port": 587, "from": "argocd@example.com",
                "auth": { "username": "argocd", "password": env("CANARY_MAIL") },
            } },
        },
    });
    let app = json!({ "githubApp": {
        "appId": 1, "installationId": 2, "privateKey": { "file": sandbox.work().join("app.pem") },
    } });
    let ssh = json!({ "ssh": {
        "privateKey": { "file": sandbox.work().join("key") }, "passphrase": env("CANARY_PHRASE"),
    } });
    vec![
        ("full.yaml", full),
        ("bearer.yaml", base(json!({ "url": url, "auth": { "bearer": { "token": env("CANARY_TOKEN") } } }))),
        ("app.yaml", base(json!({ "url": url, "auth": app }))),
        ("ssh.yaml", base(json!({ "url": "ssh://git@github.com/acme/gitops", "auth": ssh }))),
    ]
}

/// Files with keys, made by those who make them for users too. False, and said, where they are not there.
fn make_keys(sandbox: &Sandbox) -> bool {
    let work = sandbox.work();
    let openssl = |words: &[&str]| {
        Command::new("openssl")
            .args(words)
            .current_dir(&work)
            .output()
            .is_ok_and(|made| made.status.success())
    };
    let made = openssl(&["genrsa", "-traditional", "-out", "app.pem", "2048"])
        && openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "client.key",
            "-out",
            "client.pem",
            "-days",
            "2",
            "-subj",
            "/CN=client",
        ]);
    if !made {
        assert!(std::env::var_os("CI").is_none(), "openssl is missing");
        skipped("canaries: there is no openssl");
    }
    made && encrypted_key(&work, PASSPHRASE.1).is_some()
}

/// A line from the middle of a key, which stands in no other one.
fn inner_line(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("it was made");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('-')).collect();
    lines[lines.len() / 2].to_owned()
}

struct Suite {
    sandbox: Sandbox,
    planted: Planted,
    /// Files of the user's that hold what they were made for.
    keys: PathBuf,
}

impl Suite {
    /// Runs the words in every form of output; whatever comes of it, no canary is in it.
    #[track_caller]
    fn run(&self, words: &[&str], config: &str, codes: &[i32]) {
        // What is said at all is said with `--verbose`.
        for more in [&["-v"][..], &["-v", "--output", "json"]] {
            let words: Vec<&str> = words.iter().chain(more).copied().chain(["--config", config]).collect();
            let outcome = self.sandbox.run(&words);
            self.planted.is_not_in(&format!("the output of {words:?}"), outcome.output().as_bytes());
            let code = outcome.code.expect("it ends by itself");
            assert!(codes.contains(&code), "{words:?} ended with {code}:\n{}", outcome.output());
        }
    }

    /// No file holds a canary but those that were made to hold it.
    fn files_are_clean(&self) {
        let work = self.sandbox.work();
        for name in ["app.pem", "client.key", "client.pem", "key", "key.pub"] {
            std::fs::rename(work.join(name), self.keys.join(name)).expect("the folder is ours");
        }
        for folder in [work.clone(), self.sandbox.data(), self.sandbox.path("home"), self.sandbox.path("tmp")]
        {
            self.planted.is_in_no_file_of(&folder);
        }
        for entry in std::fs::read_dir(&self.keys).expect("ours").flatten() {
            std::fs::rename(entry.path(), work.join(entry.file_name())).expect("the folder is ours");
        }
    }
}

/// Lets the API server note the bodies of all requests but those for Secrets, from its next start on.
fn note_bodies(sandbox: &Sandbox) {
    let policy = json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
        "rules": [
            { "level": "None", "users": ["system:apiserver"] },
            { "level": "Metadata", "resources": [{ "group": "", "resources": ["secrets"] }] },
            { "level": "Metadata", "verbs": ["get", "list", "watch"] },
            { "level": "Request" },
        ],
    });
    let mut files = Vec::new();
    let mut folders = vec![sandbox.control_plane()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it is there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.metadata().is_ok_and(|it| it.len() < 10_000)
                && std::fs::read_to_string(&path).is_ok_and(|text| text.contains("audit.k8s.io/v1"))
            {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "kwokctl keeps the policy of the audit log");
    for file in files {
        std::fs::write(file, policy.to_string()).expect("the folder is ours");
    }
    sandbox.stop();
    sandbox.run(&["cluster", "up"]).exits(0);
}

fn suite(host: &GitHost) -> Option<Suite> {
    let mut sandbox = Sandbox::with_cluster(PROGRAM)?;
    if !make_keys(&sandbox) {
        return None;
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    if std::env::var_os("GITOPS_SETUP_CACHE").is_none() {
        sandbox.set_env("GITOPS_SETUP_CACHE", home.join(".cache/gitops-setup"));
    }
    for (name, folder) in [("HOME", "home"), ("TMPDIR", "tmp")] {
        let path = sandbox.path(folder);
        std::fs::create_dir_all(&path).expect("the folder is ours");
        sandbox.set_env(name, path);
    }
    for (name, value) in TEXTS.into_iter().chain([PASSPHRASE, HOOK_URL]) {
        sandbox.set_env(name, value);
    }
    let keys = sandbox.path("keys");
    std::fs::create_dir_all(&keys).expect("the folder is ours");
    let lines = ["app.pem", "client.key", "key"].map(|name| inner_line(&sandbox.work().join(name)));
    let values = TEXTS.into_iter().chain([PASSPHRASE]).map(|(_, value)| value.to_owned());
    let values = values.chain(lines).chain(["services/hush7e30b9d5f2c84a".to_owned()]);
    for (name, config) in configs(&sandbox, host) {
        sandbox.write(name, &config.to_string());
    }
    Some(Suite { planted: Planted::new(values), sandbox, keys })
}

#[test]
fn every_secret_of_the_schema_has_a_canary() {
    let planted: BTreeSet<String> = PLACES.iter().map(|(place, _)| (*place).to_owned()).collect();
    assert_eq!(places(), planted, "plant the new one in `configs`, and give it a row in `PLACES`");
    let sandbox = Sandbox::new(PROGRAM);
    let configs: String =
        configs(&sandbox, &GitHost::start("x")).iter().map(|(_, config)| config.to_string()).collect();
    for (place, canary) in PLACES {
        assert!(configs.contains(canary), "{place} is given {canary} in no configuration");
    }
}

#[test]
fn no_canary_is_anywhere_but_in_the_secrets_of_the_cluster() {
    let host = GitHost::start(TEXTS[3].1);
    let Some(mut suite) = suite(&host) else { return };
    let watch = suite.planted.watch_processes();
    suite.sandbox.run(&["cluster", "up"]).exits(0);
    note_bodies(&suite.sandbox);
    let out = suite.sandbox.path("work/out").display().to_string();
    for config in ["full.yaml", "bearer.yaml", "app.yaml", "ssh.yaml"] {
        suite.run(&["plan"], config, &[0]);
        suite.run(&["render", "-o", &out], config, &[0]);
        suite.run(&["credentials", "check"], config, &[0, 3]);
        suite.sandbox.run(&["setup", "--config", config]).exits(0);
    }
    for words in
        [&["setup"][..], &["lint", "."], &["status"], &["applications", "list"], &["seldon", "values"]]
    {
        suite.run(words, "full.yaml", &[0, 10]);
    }
    // What the API server was sent besides Secrets, byte for byte.
    let audit =
        std::fs::read_to_string(suite.sandbox.control_plane().join("logs/audit.log")).expect("it is there");
    assert!(audit.contains("\"requestObject\":{"), "bodies are noted");
    suite.planted.is_not_in("the audit log", audit.as_bytes());
    for (name, mut object) in suite.sandbox.api().snapshot(&[]) {
        if name.starts_with("Secret/") {
            object["data"].take();
        }
        suite.planted.is_not_in(&name, object.to_string().as_bytes());
    }
    // The same where something fails, and where the Git host is asked.
    suite.sandbox.unset_env("GITOPS_SETUP_OFFLINE");
    suite.run(&["webhooks", "list"], "full.yaml", &[0]);
    suite.run(&["stage", "webhooks"], "full.yaml", &[0]);
    suite.run(&["webhooks", "rotate"], "full.yaml", &[0]);
    suite.sandbox.set_env("CANARY_HOOKS", TEXTS[1].1);
    suite.run(&["webhooks", "list"], "full.yaml", &[3, 4]);
    suite.sandbox.set_env("CANARY_HOOKS", TEXTS[3].1);
    suite.sandbox.set_env("GITOPS_SETUP_OFFLINE", "1");
    failing(&mut suite);
    suite.run(&["teardown", "--plan", "--keep-argocd"], "full.yaml", &[0]);
    suite.run(&["teardown", "--keep-argocd", "--keep-webhooks"], "full.yaml", &[0]);
    assert!(watch.ends() > 20);
    suite.files_are_clean();
}

/// Secrets that are wrong are not repeated either.
fn failing(suite: &mut Suite) {
    let long = format!("{}{}", TEXTS[0].1, "x".repeat(33));
    suite.sandbox.set_env("CANARY_ADMIN", &long);
    suite.run(&["setup"], "bearer.yaml", &[2]);
    suite.sandbox.set_env("CANARY_ADMIN", TEXTS[0].1);
    suite.sandbox.set_env(PASSPHRASE.0, TEXTS[1].1);
    suite.run(&["setup"], "ssh.yaml", &[2, 3]);
    suite.sandbox.set_env(PASSPHRASE.0, PASSPHRASE.1);
    let key = suite.sandbox.work().join("app.pem");
    let text = std::fs::read_to_string(&key).expect("it was made");
    std::fs::write(&key, text.replacen("MII", "XXX", 1)).expect("the folder is ours");
    suite.run(&["setup"], "app.yaml", &[2, 3]);
    std::fs::write(&key, text).expect("the folder is ours");
    // A token in a kubeconfig that the server refuses.
    let admin = std::fs::read_to_string(suite.sandbox.kubeconfig()).expect("the cluster's own");
    let server =
        admin.lines().find_map(|line| line.trim().strip_prefix("server:")).expect("an address").trim();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{ "name": "c", "cluster": { "server": server, "insecure-skip-tls-verify": true } }],
        "users": [{ "name": "u", "user": { "token": TEXTS[1].1 } }],
        "contexts": [{ "name": "canary", "context": { "cluster": "c", "user": "u" } }],
    });
    let path = suite.keys.join("kubeconfig");
    std::fs::write(&path, kubeconfig.to_string()).expect("the folder is ours");
    let config = json!({
        "cluster": { "provider": "context", "context": "canary", "kubeconfig": path },
        "argocd": { "manifest": "existing" },
    });
    suite.sandbox.write("context.yaml", &config.to_string());
    for words in ["plan", "setup", "status"] {
        suite.run(&[words], "context.yaml", &[3, 4]);
    }
    std::fs::remove_file(path).expect("it was written");
}
