//! `lint`: what is read, how findings are told, and exit codes.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Checkout, Planted, Sandbox};

use crate::PROGRAM;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/lint").join(name);
    path.canonicalize().expect("a fixture").display().to_string()
}

/// Writes a file below the working folder.
fn put(sandbox: &Sandbox, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = sandbox.work().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is ours");
    fs::write(&path, text).expect("the folder is ours");
    path
}

const UNTAGGED: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n    - {name: x, image: inference}\n";

#[test]
fn defects_are_told_as_a_compiler_tells_them() {
    let sandbox = Sandbox::new(PROGRAM);
    put(&sandbox, "gitops/app/pod.yaml", UNTAGGED);
    let lint = sandbox.run(&["lint", "gitops"]);
    assert_eq!(
        lint.exits(10).stdout,
        "gitops/app/pod.yaml:6:17: error[image-without-tag]: Pod/x\n  \
         image `inference` has no tag, which means `latest`: what runs changes without\n  a commit\n  \
         hint: write a version (`inference:v1.2.3`) or a digest, here or under `images`\n    of the kustomization\n\
         1 error, 0 warnings in 1 file, 1 object\n"
    );
    let documents = sandbox.run(&["lint", &fixture("source-documents")]);
    documents.exits(10).says("12 errors, 2 warnings");
    for rule in
        ["project-refuses-kind", "undefined-template", "undefined-service", "undefined-analysis-template"]
    {
        documents.says(&format!("error[{rule}]"));
    }
}

#[test]
fn a_clean_repository_gives_no_finding() {
    let sandbox = Sandbox::new(PROGRAM);
    let clean = sandbox.run(&["lint", &fixture("clean"), "--strict"]);
    clean.exits(0).says("Nothing found").says("not checked").says("Helm chart");
}

#[test]
fn programs_are_told_by_events() {
    let sandbox = Sandbox::new(PROGRAM);
    put(&sandbox, "app/pod.yaml", UNTAGGED);
    for words in [&["lint", "--output", "json"][..], &["lint", "--format", "json", "-v"]] {
        let lint = sandbox.run(words);
        lint.exits(10);
        let findings = lint.events_of("finding");
        assert_eq!(findings.len(), 1, "{findings:?}");
        let finding = &findings[0]["finding"];
        assert_eq!(
            (finding["rule"].as_str(), finding["line"].as_u64()),
            (Some("image-without-tag"), Some(6))
        );
        assert_eq!(finding["file"], "app/pod.yaml");
        let linted = &lint.events_of("linted")[0];
        assert_eq!((&linted["errors"], &linted["root"]), (&1.into(), &".".into()));
    }
}

#[test]
fn code_hosts_are_told_in_sarif() {
    let sandbox = Sandbox::new(PROGRAM);
    put(&sandbox, "gitops/app/pod.yaml", UNTAGGED);
    let log = |path: &str| -> Value {
        let lint = sandbox.run(&["lint", path, "--format", "sarif", "-v"]);
        serde_json::from_str(&lint.exits(10).stdout).expect("nothing but JSON")
    };
    let uri = "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri";
    let below = log("./gitops");
    assert_eq!(below.pointer(uri), Some(&Value::from("gitops/app/pod.yaml")), "{below:#}");
    assert_eq!(
        (&below["version"], &below["runs"][0]["results"][0]["level"]),
        (&"2.1.0".into(), &"error".into())
    );
    let absolute = log(&sandbox.work().join("gitops").display().to_string());
    assert_eq!(absolute.pointer(uri), Some(&Value::from("app/pod.yaml")), "a URI is relative");
}

#[test]
fn warnings_count_only_when_asked() {
    let sandbox = Sandbox::new(PROGRAM);
    put(&sandbox, "app/kustomization.yaml", "commonLabels: {version: v1}\nresources: []\n");
    sandbox.run(&["lint"]).exits(0).says("warning[version-in-selector]").says("0 errors, 1 warning");
    sandbox.run(&["lint", "--strict"]).exits(10);
}

#[test]
fn no_output_holds_a_secret() {
    const SECRETS: [&str; 5] =
        ["VALUE-hush-0c81", "ENV-hush-5a7e", "URL-hush-93bd", "YAML-hush-17f0", "GEN-hush-64ad"];
    let token = format!("glpat-{}", "h0".repeat(12));
    let sandbox = Sandbox::new(PROGRAM);
    let [value, env, url, yaml, generated] = SECRETS;
    put(
        &sandbox,
        "a/secret.yaml",
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\nstringData: {{x: {value}}}\n"),
    );
    put(
        &sandbox,
        "a/pod.yaml",
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec: {{containers: [{{env: [{{name: DB_PASSWORD, value: {env}}}]}}]}}\n"
        ),
    );
    put(
        &sandbox,
        "a/app.yaml",
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: x}}\nspec: {{project: p, source: {{repoURL: 'https://bot:{url}@a.b/c'}}, destination: {{name: x}}}}\n\
             ---\napiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {{name: p}}\nspec: {{}}\n"
        ),
    );
    put(&sandbox, "a/broken.yaml", format!("password: \"{yaml}\n"));
    put(
        &sandbox,
        "b/kustomization.yaml",
        format!("secretGenerator: [{{name: x, literals: [a={generated}]}}]\n"),
    );
    put(&sandbox, "notes.txt", format!("token {token}\n"));
    let planted = Planted::new(SECRETS.iter().copied().chain([token.as_str()]));
    for format in ["human", "json", "sarif"] {
        let lint = sandbox.run(&["lint", "-v", "--format", format]);
        planted.is_not_in(format, lint.exits(10).output().as_bytes());
        for file in
            ["secret.yaml", "pod.yaml", "app.yaml", "broken.yaml", "b/kustomization.yaml", "notes.txt"]
        {
            lint.says(file);
        }
    }
}

#[test]
fn what_is_read_is_what_git_would_keep() {
    let sandbox = Sandbox::new(PROGRAM);
    put(&sandbox, "repo/.gitignore", "ignored/\n");
    put(&sandbox, "repo/ignored/pod.yaml", UNTAGGED);
    put(&sandbox, "repo/.git/pod.yaml", UNTAGGED);
    put(&sandbox, "repo/image.yaml", b"apiVersion: \0");
    put(&sandbox, "repo/latin.yaml", b"name: \xe9\n");
    put(&sandbox, "repo/large.yaml", "# x\n".repeat(2 << 20));
    put(&sandbox, "outside/pod.yaml", UNTAGGED);
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, sandbox.work().join("repo").join(name)).expect("the folder is ours");
    };
    link("../outside", "outside");
    link("..", "above");
    put(&sandbox, "repo/.hidden/pod.yaml", "kind: x\n");
    let lint = sandbox.run(&["lint", "repo"]);
    lint.exits(0).says("repo/large.yaml: larger than 5 MiB").says("repo/latin.yaml: not in UTF-8");
    assert!(!lint.stdout.contains("image.yaml") && !lint.stdout.contains("outside"), "{}", lint.stdout);
    // A link within the repository is followed, as Argo CD follows it.
    put(&sandbox, "repo/real/pod.yaml", UNTAGGED);
    link("real", "alias");
    sandbox.run(&["lint", "repo"]).exits(10).says("repo/real/pod.yaml:6:17").says("repo/alias/pod.yaml:6:17");
}

#[test]
fn what_the_configuration_renders_is_part_of_it() {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write(
        "gitops.yaml",
        "git: {url: https://git.example/a/b}\nenvironments: [{namespace: seldon-dev}]\n",
    );
    put(
        &sandbox,
        "repo/seldon-dev/model.yaml",
        "apiVersion: machinelearning.seldon.io/v1\nkind: SeldonDeployment\nmetadata: {name: x}\n",
    );
    sandbox.run(&["lint", "repo", "--strict"]).exits(0).says("Nothing found");
    put(
        &sandbox,
        "repo/seldon-dev/deep/role.yaml",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x}\n",
    );
    sandbox
        .run(&["lint", "repo"])
        .exits(10)
        .says("repo/seldon-dev/deep/role.yaml:2:1: error[project-refuses-kind]: ClusterRole/x")
        .says("Application/seldon-gitops-seldon-dev brings rbac.authorization.k8s.io/ClusterRole")
        .says("AppProject/seldon (stage environments)");
    let everything = "[{namespace: seldon-dev, clusterResources: [{group: '*', kind: '*'}]}]";
    sandbox.write(
        "gitops.yaml",
        &format!("git: {{url: https://git.example/a/b}}\nenvironments: {everything}\n"),
    );
    sandbox
        .run(&["lint", "repo", "--strict"])
        .exits(10)
        .says("gitops.yaml:1:1: warning[project-allows-everything]: AppProject/seldon (stage environments)");
    // Rendered, the same objects have files.
    sandbox.run(&["render", "-o", "out"]).exits(0);
    let rendered = sandbox.run(&["lint", "out", "--strict"]);
    rendered.exits(10).says("out/environments/appproject-seldon.yaml").says("0 errors, 1 warning");
}

#[test]
fn a_path_without_anything_to_look_at_is_none() {
    let sandbox = Sandbox::new(PROGRAM);
    let refused = |words: &[&str]| {
        sandbox.run(words).exits(3).says("nothing to look at").says("is this the root of the repository?");
    };
    refused(&["lint"]);
    put(&sandbox, "docs/values.yaml", "x: 1\n");
    refused(&["lint", "docs"]);
    // What the configuration renders to is no reason to pass over a wrong path.
    sandbox.write(
        "gitops.yaml",
        "git: {url: https://git.example/a/b}\nenvironments: [{namespace: seldon-dev}]\n",
    );
    refused(&["lint", "docs"]);
    sandbox.run(&["lint"]).exits(0).says("Nothing found");
    // A chart is something, even though only Helm can read it.
    put(&sandbox, "charts/x/Chart.yaml", "name: x\n");
    put(&sandbox, "charts/x/templates/x.yaml", "{{ .Values.x }}\n");
    sandbox.run(&["lint", "charts"]).exits(0).says("not checked");
}

#[test]
fn a_checkout_knows_whose_folders_it_has() {
    let sandbox = Sandbox::new(PROGRAM);
    let checkout = Checkout::new(&sandbox, "gitops");
    let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x}\nspec: {project: p, \
                       destination: {name: x, namespace: ml}, source: {repoURL: https://git.example/a/b, path: gone}}\n";
    checkout.write("argocd/app.yaml", application);
    let lint = |path: &str| sandbox.run(&["lint", path]);
    lint("gitops").exits(0).says("Nothing found");
    checkout.git(&["remote", "add", "origin", "git@git.example:a/b.git"]);
    lint("gitops")
        .exits(10)
        .says("gitops/argocd/app.yaml:4:")
        .says("error[missing-source]")
        .says("takes `gone`");
    // A part of it says nothing about the whole.
    lint("gitops/argocd").exits(0).says("Nothing found");
    checkout.git(&["config", "core.sparseCheckout", "true"]);
    lint("gitops").exits(0).says("Nothing found");
}

#[test]
fn bad_usage_is_told() {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.run(&["lint", "absent"]).exits(2).says("absent").says("No such file");
    sandbox.run(&["lint", "--explain", "nonsense"]).exits(2).says("no rule `nonsense`").says("wave-order");
    sandbox.run(&["lint", "--explain", "wave-order"]).exits(0).says("Argo CD waits until a wave is healthy");
    sandbox.write("gitops.yaml", "versoin: 1\n");
    sandbox.run(&["lint"]).exits(2).says("unknown key `versoin`");
}
