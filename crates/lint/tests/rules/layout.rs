//! Which objects belong together.

use crate::support::{found, lint};

const PROJECT: &str = "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: p}\nspec: {sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}], namespaceResourceWhitelist: [{group: '', kind: '*'}]}\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n";

fn application(source: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: x}}\nspec: {{project: p, destination: {{name: x, namespace: y}}, source: {{repoURL: https://a.b/c, {source}}}}}\n"
    )
}

/// Whether an Application with this source takes the Deployment in a file.
fn takes(source: &str, file: &str) -> bool {
    let application = application(source);
    let all = [("argocd/p.yaml", PROJECT), ("argocd/a.yaml", &application), (file, DEPLOYMENT)];
    found(&all) == [("project-refuses-kind", 2)]
}

#[test]
fn folders_are_read_as_argo_cd_reads_them() {
    for (source, file, expected) in [
        ("path: app", "app/x.yaml", true),
        ("path: ./app/", "app/x.yml", true),
        ("path: app", "app/x.json", true),
        ("path: app", "app/deep/x.yaml", false),
        ("path: app, directory: {recurse: true}", "app/deep/x.yaml", true),
        ("path: app, directory: {exclude: 'x*'}", "app/x.yaml", false),
        ("path: app, directory: {include: '*.yml'}", "app/x.yaml", false),
        ("path: app", "application/x.yaml", false),
        ("path: ../app", "app/x.yaml", false),
        ("path: .", "x.yaml", true),
        ("chart: app", "app/x.yaml", false),
    ] {
        assert_eq!(takes(source, file), expected, "{source} {file}");
    }
}

#[test]
fn kustomizations_are_followed() {
    let application = application("path: overlays/dev");
    let all = [
        ("argocd/p.yaml", PROJECT),
        ("argocd/a.yaml", &application),
        ("overlays/dev/kustomization.yaml", "resources: [../../base]\ncomponents: [../../part]\n"),
        ("base/kustomization.yml", "bases: [../deep]\nresources: [https://example.com/x.yaml]\n"),
        ("deep/Kustomization", "resources: [x.yaml]\n"),
        ("deep/x.yaml", DEPLOYMENT),
        ("part/kustomization.yaml", "kind: Component\nresources: [y.yaml]\n"),
        ("part/y.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: y}\n"),
    ];
    let report = lint(&all);
    let files: Vec<_> = report.findings.iter().map(|finding| finding.file.as_str()).collect();
    assert_eq!(files, ["deep/x.yaml", "part/y.yaml"]);
    assert!(report.unchecked.iter().any(|unchecked| unchecked.why.contains("another repository")));
}

#[test]
fn entries_of_kustomizations_lead_somewhere() {
    let of = |entry: &str| {
        found(&[
            ("a/kustomization.yaml", &format!("resources:\n  - {entry}\n")),
            ("a/x.yaml", DEPLOYMENT),
            ("a/b/x.txt", ""),
        ])
    };
    assert_eq!(of("x.yaml"), []);
    assert_eq!(of("y.yaml"), [("missing-file", 2)]);
    assert_eq!(of("b"), [("missing-file", 2)]);
    assert_eq!(of("https://example.com/x.yaml"), []);
}

#[test]
fn what_only_kustomize_knows_is_named() {
    let unchecked = |text: &str| {
        let text = format!("resources: []\n{text}");
        let all = [
            ("a/kustomization.yaml", text.as_str()),
            ("a/t.yaml", "apiVersion: x/v1\nkind: T\nmetadata: {name: t}\n"),
        ];
        let report = lint(&all);
        assert_eq!(report.findings, []);
        report.unchecked.into_iter().map(|unchecked| unchecked.why).collect::<Vec<_>>().join("; ")
    };
    assert!(unchecked("transformers: [t.yaml]\n").contains("`transformers`, with t.yaml"));
    assert!(unchecked("helmCharts: [{name: x}]\n").contains("`helmCharts`"));
    assert_eq!(unchecked("configurations: [t.yaml]\n"), "");
}

#[test]
fn a_circle_of_kustomizations_ends() {
    let all =
        [("a/kustomization.yaml", "resources: [../b]\n"), ("b/kustomization.yaml", "resources: [../a]\n")];
    assert!(found(&all).iter().all(|(rule, _)| *rule == "missing-file"));
}

#[test]
fn labels_with_versions_stay_out_of_selectors() {
    assert_eq!(
        found(&[("a/kustomization.yaml", "commonLabels:\n  app.kubernetes.io/version: v1\nresources: []\n")]),
        [("version-in-selector", 2)]
    );
    assert_eq!(
        found(&[(
            "a/kustomization.yaml",
            "labels: [{pairs: {version: v1}}]\ncommonLabels: {app: x}\nresources: []\n"
        )]),
        []
    );
}

#[test]
fn application_sets_take_what_their_applications_take() {
    let set = |go: bool, generator: &str, path: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: s}}\nspec:\n  goTemplate: {go}\n  generators: [{generator}]\n  \
             template: {{metadata: {{name: x}}, spec: {{project: p, destination: {{name: x, namespace: y}}, source: {{repoURL: https://a.b/c, path: '{path}'}}}}}}\n"
        )
    };
    for (go, generator, path, takes) in [
        (
            true,
            "{git: {repoURL: https://a.b/c, directories: [{path: 'models/*/overlays/*'}]}}",
            "{{ .path.path }}",
            true,
        ),
        (
            false,
            "{git: {repoURL: https://a.b/c, directories: [{path: 'models/*/overlays/*'}]}}",
            "{{path}}",
            true,
        ),
        (
            false,
            "{git: {repoURL: https://a.b/c, directories: [{path: 'models/**'}, {path: 'models/*/overlays/dev', exclude: true}]}}",
            "{{path}}",
            false,
        ),
        // Patterns of folders are Go's own: two stars are one, and there are classes.
        (
            true,
            "{git: {repoURL: https://a.b/c, directories: [{path: 'models/**'}]}}",
            "{{ .path.path }}",
            false,
        ),
        (
            true,
            "{git: {repoURL: https://a.b/c, directories: [{path: 'models/[a-c]/overlays/d?v'}]}}",
            "{{ .path.path }}",
            true,
        ),
        (
            true,
            "{git: {repoURL: https://a.b/c, directories: [{path: 'config/_*'}]}}",
            "models/a/overlays/{{ .path.basenameNormalized }}",
            true,
        ),
        // A folder whose name Argo CD has to change for the name of an Application is still found by its path.
        (
            true,
            "{git: {repoURL: https://a.b/c, directories: [{path: 'config/*'}]}}",
            "models/a/overlays/{{ .path.basename | normalize }}",
            true,
        ),
        (
            true,
            "{git: {repoURL: https://a.b/c, directories: [{path: 'config/*'}]}}",
            "models/a/overlays/{{ .path.basename | lower }}",
            false,
        ),
        (false, "{list: {elements: [{m: a, e: dev}]}}", "models/{{m}}/overlays/{{e}}", true),
        (
            true,
            "{matrix: {generators: [{list: {elements: [{m: a}]}}, {list: {elements: [{e: {name: dev}}]}}]}}",
            "models/{{.m}}/overlays/{{.e.name}}",
            true,
        ),
        (
            false,
            "{git: {repoURL: https://a.b/c, files: [{path: 'config/*.json'}]}}",
            "models/{{m.name}}/overlays/dev",
            true,
        ),
        (false, "{clusters: {}}", "models/a/overlays/{{name}}", false),
    ] {
        let set = set(go, generator, path);
        let all = [
            ("argocd/p.yaml", PROJECT),
            ("argocd/s.yaml", set.as_str()),
            ("config/a.json", "{\"m\": {\"name\": \"a\"}}"),
            ("config/_Dev_/x.txt", ""),
            ("models/a/overlays/dev/kustomization.yaml", "resources: [x.yaml]\n"),
            ("models/a/overlays/dev/x.yaml", DEPLOYMENT),
        ];
        let expected: &[(&str, u32)] = if takes { &[("project-refuses-kind", 2)] } else { &[] };
        assert_eq!(found(&all), expected, "{generator} {path}");
    }
}
