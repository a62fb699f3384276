//! What Applications take from the very checkout that is looked at.

use lint::{Checkout, Report};

use crate::support::{files, lines};

const TREE: [(&str, &str); 3] = [
    ("app/values.yaml", "x: 1\n"),
    ("shared/values.yaml", "x: 1\n"),
    (".gitmodules", "[submodule \"x\"]\n\tpath = vendored\n"),
];

fn application(source: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: x}}\nspec:\n  project: p\n  \
         destination: {{name: x, namespace: ml}}\n  {source}\n"
    )
}

fn lint(text: &str, remote: &str, branch: Option<&str>) -> Report {
    let mut all = TREE.to_vec();
    all.push(("argocd/a.yaml", text));
    let mut input = files(&all);
    input.checkout = Some(Checkout { remotes: vec![remote.into()], branch: branch.map(str::to_owned) });
    lint::lint(&input)
}

fn is_found(source: &str) -> bool {
    let report = lint(&application(source), "git@a.b:c/d.git", Some("main"));
    assert!(report.findings.iter().all(|finding| finding.rule == "missing-source"), "{}", lines(&report));
    !report.findings.is_empty()
}

#[test]
fn folders_and_values_are_in_the_checkout() {
    for (source, is_missing) in [
        ("path: app", false),
        ("path: ./app/", false),
        ("path: .", false),
        ("path: appp", true),
        ("path: vendored/x", false),
        ("path: app, helm: {valueFiles: [values.yaml, ../shared/values.yaml, /shared/values.yaml]}", false),
        ("path: app, helm: {valueFiles: [value.yaml]}", true),
        ("path: app, helm: {valueFiles: [/values.yaml]}", true),
        ("path: app, helm: {valueFiles: [value.yaml], ignoreMissingValueFiles: true}", false),
        (
            "path: app, helm: {valueFiles: ['https://a.b/value.yaml', 'v-*.yaml', '${ARGOCD_ENV_X}.yaml']}",
            false,
        ),
        ("path: '../x'", false),
        ("chart: app", false),
    ] {
        assert_eq!(
            is_found(&format!("source: {{repoURL: https://a.b/c/d, {source}}}")),
            is_missing,
            "{source}"
        );
    }
    for (file, is_missing) in [("app/values.yaml", false), ("app/value.yaml", true)] {
        let chart =
            format!("{{repoURL: https://charts.b/x, chart: x, helm: {{valueFiles: [$here/{file}]}}}}");
        let source = format!("sources: [{chart}, {{repoURL: https://a.b/c/d, ref: here}}]");
        assert_eq!(is_found(&source), is_missing, "{file}");
    }
}

#[test]
fn nothing_is_said_of_another_repository_or_branch() {
    let at = |revision: &str, remote: &str, branch: Option<&str>| {
        let source =
            format!("source: {{repoURL: https://a.b/c/d, path: gone, targetRevision: '{revision}'}}");
        !lint(&application(&source), remote, branch).findings.is_empty()
    };
    const OWN: &str = "https://a.b/c/d";
    assert!(!at("", "https://a.b/c/e", Some("main")));
    for (revision, branch, is_missing) in [
        ("", Some("main"), true),
        ("main", Some("feature"), true),
        ("HEAD", None, true),
        ("production", Some("production"), true),
        ("production", Some("main"), false),
        ("v1.2.3", Some("main"), false),
    ] {
        assert_eq!(at(revision, OWN, branch), is_missing, "{revision} {branch:?}");
    }
    // A branch that an Application follows stands for nothing else.
    let follows = application("source: {repoURL: https://a.b/c/d, path: app, targetRevision: production}");
    let other = application("source: {repoURL: https://a.b/c/d, path: gone, targetRevision: main}");
    let follows = follows.replacen("name: x", "name: follows", 1);
    assert_eq!(lint(&format!("{follows}---\n{other}"), OWN, Some("production")).findings, []);
    assert_eq!(lint(&other, OWN, Some("feature")).findings.len(), 1);
}

#[test]
fn what_a_set_makes_is_looked_for_too() {
    let set = "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: s}\nspec:\n  goTemplate: true\n  \
               generators: [{list: {elements: [{m: app}, {m: gone}]}}]\n  template:\n    metadata: {name: '{{.m}}'}\n    \
               spec: {project: p, destination: {name: x, namespace: y}, source: {repoURL: https://a.b/c/d, path: '{{.m}}'}}\n";
    assert_eq!(
        lines(&lint(set, "https://a.b/c/d", None)),
        "argocd/a.yaml:9:97: error[missing-source] ApplicationSet/s: Application/gone (of ApplicationSet/s) takes `gone`, \
         which is not in the repository: nothing is deployed"
    );
}

/// Findings on an overlay with this namespace, whose Application deploys to `ml`.
fn overlay(namespace: &str, more: &str, project: &str) -> String {
    let application = application(&format!("source: {{repoURL: https://a.b/c/d, path: overlay{more}}}"));
    let project = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {{name: p}}\n\
         spec: {{sourceRepos: ['*'], destinations: [{project}]}}\n"
    );
    lines(&lint::lint(&files(&[
        ("argocd/a.yaml", &application),
        ("argocd/p.yaml", &project),
        ("overlay/kustomization.yaml", &format!("resources: [x.yaml]\n{namespace}\n")),
        ("overlay/x.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n"),
    ])))
}

#[test]
fn an_overlay_goes_where_its_application_says() {
    const OPEN: &str = "{name: '*', namespace: '*'}";
    assert_eq!(overlay("namespace: ml", "", OPEN), "");
    assert_eq!(overlay("", "", OPEN), "");
    assert_eq!(
        overlay("namespace: other", "", OPEN),
        "overlay/kustomization.yaml:2:1: warning[namespace-differs] Kustomization/overlay: everything here goes to \
         namespace `other`, although Application/x deploys to `ml`"
    );
    assert_eq!(overlay("namespace: other", ", kustomize: {namespace: ml}", OPEN), "");
    // Told once, and where it is to be mended.
    assert_eq!(
        overlay("namespace: other", "", "{name: x, namespace: ml}"),
        "overlay/kustomization.yaml:2:1: error[project-refuses-kind] Kustomization/overlay: Application/x brings everything \
         here into namespace `other`, which AppProject/p (argocd/p.yaml:1) does not allow"
    );
}
