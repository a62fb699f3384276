//! Scaffolded models, built by the real Kustomize, on a real API server with the definitions that are published.

use std::process::Command;

use manifests::config::{Source, load};
use manifests::{Object, yaml};
use serde_json::json;
use support::{
    Api, Checkout, Sandbox, permissive_definitions, published_definitions, skipped, without_status,
};

use crate::PROGRAM;

/// Arguments of one model of each runtime, and of each form that it has.
const MODELS: [(&str, &[&str]); 7] = [
    ("kserve", &["--runtime", "kserve", "--model-format", "sklearn", "--gpu", "1"]),
    ("kserve-image", &["--runtime", "kserve", "--image", "registry.example.com/ml/iris:v1"]),
    ("seldon", &["--runtime", "seldon", "--model-format", "sklearn"]),
    (
        "seldon-image",
        &["--runtime", "seldon", "--model-format", "triton", "--image", "triton:24.01", "--gpu", "2"],
    ),
    ("seldon-core-2", &["--runtime", "seldon-core-2", "--model-format", "sklearn", "--memory", "100Ki"]),
    (
        "rollout",
        &[
            "--runtime",
            "rollout",
            "--image",
            "registry.example.com/ml/iris:v1",
            "--cpu",
            "2",
            "--memory",
            "4Gi",
        ],
    ),
    (
        "rollout-gpu",
        &[
            "--runtime",
            "rollout",
            "--image",
            "localhost:5000/iris@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "--gpu",
            "1",
        ],
    ),
];

/// Whether there is a Kustomize.
fn kustomize_at_hand() -> bool {
    let found = Command::new("kustomize").arg("version").output().is_ok_and(|output| output.status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "kustomize is missing");
        skipped("scaffolded models: there is no kustomize");
    }
    found
}

fn config(sandbox: &Sandbox) {
    let config = json!({
        "argocd": { "manifest": "bundled" },
        "git": { "url": "https://git.example/ml/gitops" },
        "environments": [{ "namespace": "dev" }, { "namespace": "prod" }],
        "models": {},
    });
    sandbox.write("gitops.yaml", &config.to_string());
}

/// All models in `dev`.
fn scaffold(sandbox: &Sandbox) -> Checkout {
    config(sandbox);
    let checkout = Checkout::new(sandbox, "gitops");
    for (name, arguments) in MODELS {
        let folder = checkout.folder();
        let mut words = vec!["model", "add", name, "--environment", "dev", "--folder", &folder];
        words.extend(["--storage-uri", "s3://models/iris/v1", "--max-replicas", "3"]);
        words.extend(arguments);
        sandbox.run(&words).exits(0);
    }
    checkout
}

fn build(checkout: &Checkout, name: &str, environment: &str) -> String {
    let folder = checkout.root.join(format!("models/{name}/overlays/{environment}"));
    let output = Command::new("kustomize").arg("build").arg(folder).output().expect("kustomize starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{name}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn objects(text: &str) -> Vec<Object> {
    yaml::parse_objects(text).expect("Kustomize writes objects")
}

#[test]
fn kustomize_builds_every_runtime() {
    if !kustomize_at_hand() {
        return;
    }
    let sandbox = Sandbox::new(PROGRAM);
    let checkout = scaffold(&sandbox);
    for (name, _) in MODELS {
        insta::assert_snapshot!(name, build(&checkout, name, "dev"));
    }
}

#[test]
fn what_is_built_fits_the_published_definitions() {
    let Some(published) = published_definitions().filter(|_| kustomize_at_hand()) else { return };
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    let checkout = scaffold(&sandbox);
    sandbox.run(&["cluster", "up"]).exits(0);
    let api = sandbox.api();
    api.define(&published);
    // Seldon's are not published where programs could fetch them: written here by its types.
    api.define(&permissive_definitions());
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "dev" } });
    api.create("/api/v1/namespaces", &namespace);
    let mut applied = 0;
    for (name, _) in MODELS {
        for object in objects(&build(&checkout, name, "dev")) {
            let apply = || {
                let applied = api.apply_strictly(&object);
                applied.unwrap_or_else(|refusal| panic!("{name}: {}: {refusal:?}", object.reference()))
            };
            assert_eq!(without_status(apply()), without_status(apply()), "{name}: {}", object.reference());
            applied += 1;
        }
    }
    assert!(applied > 30, "{applied}");
    assert_eq!(routes(&api), 2);
    // That this server would have refused what does not fit.
    for (name, kind, place) in [
        ("rollout", "Rollout", "/spec/strategy/canary"),
        ("seldon", "SeldonDeployment", "/spec/predictors/0/componentSpecs/0/hpaSpec"),
        ("seldon-core-2", "Model", "/spec"),
    ] {
        let mut wrong = objects(&build(&checkout, name, "dev"));
        let object = wrong.iter_mut().find(|object| object.kind() == kind).expect("it has one");
        object.get_mut(place).expect("a map")["stepz"] = json!([]);
        let refusal = api.apply_strictly(object).expect_err("no such field");
        assert!(refusal.message.contains("stepz"), "{refusal:?}");
    }
}

/// The routes to Argo CD that `expose` makes.
fn routes(api: &Api) -> usize {
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "argocd" } });
    api.create("/api/v1/namespaces", &namespace);
    let gateway =
        "{via: gateway-api, host: a.example.com, gatewayApi: {gateway: gateways/public, sectionName: https}}";
    let ways = ["{via: istio, host: a.example.com}", gateway];
    let objects = ways.iter().filter_map(|expose| {
        let source = Source { name: "gitops.yaml".into(), text: format!("expose: {expose}\n") };
        let config = load(Some(&source), &|_| None, &[]).unwrap_or_else(|errors| panic!("{errors}")).config;
        manifests::expose::object(&config)
    });
    let applied = objects.map(|object| {
        api.apply_strictly(&object).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", object.reference()))
    });
    applied.count()
}

#[test]
fn a_promotion_changes_the_version_and_nothing_else() {
    if !kustomize_at_hand() {
        return;
    }
    let sandbox = Sandbox::new(PROGRAM);
    config(&sandbox);
    let checkout = Checkout::new(&sandbox, "gitops");
    let folder = checkout.folder();
    let add = |environment: &str, version: &str, most: &str| {
        let image = format!("registry.example.com/iris:{version}");
        let uri = format!("s3://models/iris/{version}");
        let words = [
            "model",
            "add",
            "iris",
            "--environment",
            environment,
            "--runtime",
            "rollout",
            "--folder",
            &folder,
        ];
        let more = ["--image", &image, "--storage-uri", &uri, "--max-replicas", most];
        sandbox.run(&[words.as_slice(), &more].concat()).exits(0);
    };
    add("prod", "v1", "9");
    add("dev", "v2", "2");
    let before = build(&checkout, "iris", "prod");
    let promoted = sandbox.run(&["model", "promote", "iris", "dev", "prod", "--folder", &folder, "--force"]);
    promoted.exits(0).says("- - MODEL_VERSION=v1").says("+ - MODEL_VERSION=v2").says("+ newTag: v2");
    let after = build(&checkout, "iris", "prod");
    let changed = manifests::models::lines(&before, &after);
    let words = changed.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let words: Vec<String> = words.filter(|line| !line.contains("iris-config-")).collect();
    assert_eq!(
        words,
        [
            "- MODEL_VERSION: v1",
            "- STORAGE_URI: s3://models/iris/v1",
            "+ MODEL_VERSION: v2",
            "+ STORAGE_URI: s3://models/iris/v2",
            "- app.kubernetes.io/version: v1",
            "+ app.kubernetes.io/version: v2",
            "- image: registry.example.com/iris:v1",
            "+ image: registry.example.com/iris:v2",
        ]
    );
    // Another name of the ConfigMap, so that a new version is a new template.
    assert_eq!(changed.iter().filter(|line| line.contains("iris-config-")).count(), 4, "{changed:?}");
}

#[test]
fn argo_cd_is_told_to_follow_the_models() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    config(&sandbox);
    sandbox.run(&["setup"]).exits(0);
    let api = sandbox.api();
    let argocd = "/apis/argoproj.io/v1alpha1/namespaces/argocd";
    let set = api.get(&format!("{argocd}/applicationsets/models"));
    assert_eq!(
        set["spec"]["generators"][0]["git"]["directories"],
        json!([{ "path": "models/*/overlays/*" }])
    );
    // What somebody else allowed stays allowed, and a second run has nothing to say about it.
    let project = format!("{argocd}/appprojects/models");
    let destination = json!({ "namespace": "another", "server": "https://kubernetes.default.svc" });
    api.patch(
        "somebody",
        &project,
        &json!([{ "op": "add", "path": "/spec/destinations/-", "value": destination }]),
    );
    sandbox.run(&["setup"]).exits(0);
    let audit = sandbox.audit();
    sandbox.run(&["setup"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
    let destinations = api.get(&project)["spec"]["destinations"].clone();
    assert_eq!(destinations.as_array().map(Vec::len), Some(3), "{destinations}");
}
