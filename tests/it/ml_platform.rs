//! The ML platform of `fixtures/ml-platform.yaml` as a whole: set up, filled with models, looked over, and served.

use std::path::Path;
use std::process::Command;

use manifests::{Object, yaml};
use serde_json::json;
use support::{Api, Sandbox, manifest, permissive_definitions, skipped, without_status};

use crate::PROGRAM;

const PLATFORM: &str = include_str!("../../fixtures/ml-platform.yaml");
const TOKENS: [(&str, &str); 2] = [("SLACK_TOKEN", "xoxb-planted-1"), ("PAGERDUTY_KEY", "planted-2")];

/// The platform on a real API server, with Argo CD's published definitions and a repository on this machine.
fn platform() -> Option<Sandbox> {
    let install = manifest("install-v3.5.1.yaml")?;
    if Command::new("kustomize").arg("version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "kustomize is missing");
        skipped("the ML platform: there is no kustomize");
        return None;
    }
    let mut sandbox = Sandbox::with_cluster(PROGRAM)?;
    for (name, value) in TOKENS {
        sandbox.set_env(name, value);
    }
    let repository = format!("file://{}", sandbox.path("gitops.git").display());
    let text = PLATFORM
        .replace("https://github.com/acme/ml-platform-config", &repository)
        .replace("version: v3.5.1", &format!("manifest: {{file: {}}}", install.display()));
    sandbox.write("gitops.yaml", &text);
    sandbox.run(&["cluster", "up"]).exits(0);
    sandbox.api().define(&permissive_definitions());
    Some(sandbox)
}

#[track_caller]
fn run(program: &str, words: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(words).current_dir(folder).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A run that changes nothing.
fn settled(sandbox: &Sandbox) {
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
}

/// Applies what Kustomize makes of a folder, as Argo CD would, and again: nothing in it fights with the server.
fn serve(api: &Api, folder: &Path, namespace: &str) -> usize {
    let built = run("kustomize", &["build", "."], folder);
    let objects: Vec<Object> = yaml::parse_objects(&built).expect("Kustomize writes objects");
    for object in &objects {
        assert_eq!(object.namespace(), Some(namespace), "{}", object.reference());
        let apply =
            || api.apply_strictly(object).unwrap_or_else(|why| panic!("{}: {why:?}", object.reference()));
        assert_eq!(without_status(apply()), without_status(apply()), "{}", object.reference());
    }
    objects.len()
}

#[test]
fn is_set_up_filled_with_models_and_stays_as_it_is() {
    let Some(sandbox) = platform() else { return };
    let setup = sandbox.run(&["setup"]);
    setup.exits(0);
    settled(&sandbox);
    let api = sandbox.api();
    for (name, value) in TOKENS {
        assert!(!setup.output().contains(value), "{name} is printed");
    }
    for namespace in ["ml-serving", "ml-staging"] {
        // Argo CD would, by `CreateNamespace=true`.
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        api.create("/api/v1/namespaces", &namespace);
    }

    // A data scientist's day: two models into both environments, looked over, and pushed.
    let work = sandbox.work();
    let bare = sandbox.path("gitops.git").display().to_string();
    run("git", &["clone", "--quiet", &bare, "checkout"], work.as_path());
    let checkout = work.join("checkout");
    for (key, value) in [("user.name", "Ada"), ("user.email", "ada@example.com")] {
        run("git", &["config", key, value], &checkout);
    }
    let both = ["--environment", "ml-trial", "--environment", "ml-live", "--folder", "checkout", "--commit"];
    let iris = ["--runtime", "kserve", "--model-format", "sklearn", "--storage-uri", "s3://models/iris/v1"];
    let fraud = [
        "--runtime",
        "rollout",
        "--image",
        "registry.example.com/fraud:v1",
        "--storage-uri",
        "s3://models/fraud/v1",
    ];
    for (name, runtime) in [("iris", &iris[..]), ("fraud", &fraud)] {
        let words = [&["model", "add", name], runtime, &both].concat();
        sandbox.run(&words).exits(0);
        sandbox.run(&words).exits(0).says("Nothing changed");
    }
    // The folders of the platform's other Applications are still to be written.
    sandbox
        .run(&["lint", "checkout"])
        .exits(10)
        .says("takes `environments/production/training`, which is not in the");
    for (file, text) in [
        ("values.yaml", "gpu: true\n"),
        ("values-production.yaml", "gpu: true\n"),
        ("serving/kustomization.yaml", "resources: []\n"),
        ("training/README.md", "Jobs\n"),
    ] {
        let path = checkout.join("environments/production").join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is ours");
        std::fs::write(path, text).expect("the folder is ours");
    }
    sandbox.run(&["lint", "checkout", "--strict"]).exits(0);
    run("git", &["push", "--quiet"], &checkout);
    settled(&sandbox);

    // What Argo CD would make of it, and of the platform's own repository.
    for environment in ["ml-trial", "ml-live"] {
        for (name, least) in [("iris", 3), ("fraud", 8)] {
            let folder = checkout.join(format!("models/{name}/overlays/{environment}"));
            let count = serve(&api, &folder, environment);
            assert!(count >= least, "{name}: {count}");
        }
    }
    let clean = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/lint/clean");
    for namespace in ["ml-serving", "ml-staging"] {
        serve(&api, &clean.join(format!("models/llm-service/overlays/{namespace}")), namespace);
    }

    // Models stay when the set-up is taken away, and it says so.
    sandbox
        .run(&["teardown"])
        .exits(0)
        .says("Namespace/ml-live stays, with what others put there")
        .says("Rollout/fraud");
    assert!(api.find("/apis/argoproj.io/v1alpha1/applicationsets").is_none());
}
