//! Projects and what they refuse.

use lint::Rendered;
use manifests::yaml;

use crate::support::{files, found, lines, lint};

fn project(spec: &str) -> String {
    format!("apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {{name: ml}}\nspec: {spec}\n")
}

fn application(spec: &str) -> String {
    format!("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: ml}}\nspec: {spec}\n")
}

const SPEC: &str = "{project: ml, source: {repoURL: https://a.b/c, path: app}, destination: {server: https://kubernetes.default.svc, namespace: ml}}";
const OPEN: &str = "sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}]";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n";
const ROLE: &str = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x}\n";

fn rules(project_spec: &str, application_spec: &str, object: &str) -> Vec<&'static str> {
    let (project, application) = (project(project_spec), application(application_spec));
    let all = [("argocd/p.yaml", project.as_str()), ("argocd/a.yaml", &application), ("app/x.yaml", object)];
    found(&all).into_iter().map(|(rule, _)| rule).collect()
}

#[test]
fn kinds_are_allowed_as_argo_cd_allows_them() {
    for (lists, object, refused) in [
        ("", DEPLOYMENT, false),
        ("", ROLE, true),
        ("namespaceResourceWhitelist: []", DEPLOYMENT, true),
        ("namespaceResourceWhitelist: [{group: apps, kind: '*'}]", DEPLOYMENT, false),
        ("namespaceResourceWhitelist: [{group: 'app?', kind: 'Dep*'}]", DEPLOYMENT, false),
        ("namespaceResourceWhitelist: [{group: '', kind: '*'}]", DEPLOYMENT, true),
        ("namespaceResourceBlacklist: [{group: apps, kind: Deployment}]", DEPLOYMENT, true),
        ("namespaceResourceBlacklist: [{group: apps, kind: StatefulSet}]", DEPLOYMENT, false),
        ("clusterResourceWhitelist: [{group: '*', kind: ClusterRole}]", ROLE, false),
        ("clusterResourceWhitelist: [{group: '*', kind: ClusterRole, name: 'y*'}]", ROLE, true),
        (
            "clusterResourceBlacklist: [{group: '*', kind: '*'}], clusterResourceWhitelist: [{group: '*', kind: ClusterRole}]",
            ROLE,
            true,
        ),
    ] {
        let expected: &[&str] = if refused { &["project-refuses-kind"] } else { &[] };
        assert_eq!(rules(&format!("{{{OPEN}, {lists}}}"), SPEC, object), expected, "{lists}");
    }
}

#[test]
fn a_definition_in_the_files_says_whether_its_kind_is_in_a_namespace() {
    let object = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: x}\n";
    let spec = format!(
        "{{{OPEN}, namespaceResourceWhitelist: [], clusterResourceWhitelist: [{{group: '*', kind: Widget}}]}}"
    );
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec: {group: example.com, scope: Cluster, names: {kind: Widget}}\n";
    assert_eq!(rules(&spec, SPEC, object), ["project-refuses-kind"]);
    let (project, application) = (project(&spec), application(SPEC));
    let all = [
        ("a/p.yaml", project.as_str()),
        ("a/a.yaml", &application),
        ("app/x.yaml", object),
        ("crds/w.yaml", definition),
    ];
    assert_eq!(found(&all), []);
}

#[test]
fn destinations_and_repositories_are_judged() {
    for (spec, refused) in [
        ("{sourceRepos: [https://a.b/C.git], destinations: [{name: in-cluster, namespace: ml}]}", false),
        ("{sourceRepos: ['https://a.b/*'], destinations: [{server: '*', namespace: 'm?'}]}", false),
        ("{sourceRepos: [https://a.b/d], destinations: [{server: '*', namespace: '*'}]}", true),
        ("{sourceRepos: ['*', '!https://a.b/*'], destinations: [{server: '*', namespace: '*'}]}", true),
        ("{sourceRepos: ['*'], destinations: [{server: '*', namespace: other}]}", true),
        ("{sourceRepos: ['*'], destinations: [{server: https://elsewhere, namespace: ml}]}", true),
        (
            "{sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}, {server: '*', namespace: '!ml'}]}",
            true,
        ),
        ("{sourceRepos: ['*'], destinations: [{server: '*', namespace: '!kube-system'}]}", false),
    ] {
        let expected: &[&str] = if refused { &["project-refuses-kind"] } else { &[] };
        assert_eq!(rules(spec, SPEC, DEPLOYMENT), expected, "{spec}");
    }
    let elsewhere = DEPLOYMENT.replace("name: x", "name: x, namespace: other");
    let spec = "{sourceRepos: ['*'], destinations: [{server: '*', namespace: ml}]}";
    assert_eq!(rules(spec, SPEC, &elsewhere), ["project-refuses-kind"]);
}

#[test]
fn an_address_with_a_password_is_not_repeated() {
    let spec = SPEC.replace("https://a.b", "https://bot:planted@a.b");
    let (project, application) =
        (project("{destinations: [{server: '*', namespace: '*'}]}"), application(&spec));
    let report = lint(&[("p.yaml", &project), ("a.yaml", &application)]);
    let rules: Vec<_> = report.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, ["project-refuses-kind", "plain-secret"]);
    assert!(!format!("{report:?}").contains("planted"), "{report:?}");
}

#[test]
fn an_application_says_what_goes_where() {
    for (spec, expected) in [
        ("{}", vec!["missing-destination", "missing-project", "missing-repo"]),
        (
            "{project: p, source: {path: x}, destination: {namespace: x}}",
            vec!["missing-repo", "missing-destination"],
        ),
        (
            "{project: p, sources: [{repoURL: https://a.b/c}, {ref: x}], destination: {name: x}}",
            vec!["missing-repo"],
        ),
        (
            "{project: p, source: {repoURL: https://a.b/c}, destination: {name: x, server: https://x}}",
            vec!["missing-destination"],
        ),
        ("{project: p, sources: [{repoURL: https://a.b/c}], destination: {name: x}}", vec![]),
        (
            "{project: default, sources: [{repoURL: https://a.b/c}], destination: {name: x}}",
            vec!["project-allows-everything"],
        ),
    ] {
        let application = application(spec);
        let rules: Vec<_> = found(&[("a.yaml", &application)]).into_iter().map(|(rule, _)| rule).collect();
        assert_eq!(rules, expected, "{spec}");
    }
}

#[test]
fn an_application_set_may_get_fields_elsewhere() {
    let set = |more: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {{name: x}}\nspec:\n  generators:\n    - list: {{elements: [{{a: b}}]{more}}}\n  \
             template: {{metadata: {{name: x}}, spec: {{project: p, source: {{repoURL: https://a.b/c}}}}}}\n"
        )
    };
    assert_eq!(found(&[("a.yaml", &set(""))]), [("missing-destination", 7)]);
    assert_eq!(found(&[("a.yaml", &set(", template: {spec: {destination: {name: x}}}"))]), []);
}

#[test]
fn a_project_that_nobody_defines_is_a_warning() {
    let (project, application) =
        (project(&format!("{{{OPEN}}}")), application(&SPEC.replace("project: ml", "project: lm")));
    let report = lint(&[("p.yaml", &project), ("a.yaml", &application)]);
    assert_eq!(
        lines(&report),
        "a.yaml:4:8: warning[missing-project] Application/ml: there is no AppProject `lm` among those that are defined: ml"
    );
    assert_eq!(found(&[("a.yaml", &application)]), [], "projects may all be elsewhere");
}

#[test]
fn cluster_wide_everything_is_a_warning() {
    let all = project(&format!("{{{OPEN}, clusterResourceWhitelist: [{{group: '*', kind: '*'}}]}}"));
    assert_eq!(found(&[("p.yaml", &all)]), [("project-allows-everything", 4)]);
}

#[test]
fn what_our_configuration_renders_is_looked_at() {
    let mut input = files(&[("app/x.yaml", ROLE)]);
    let project = project("{sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}]}");
    for text in [&project, &application(SPEC)] {
        let object = yaml::parse_objects(text).expect("objects").remove(0);
        input.rendered.push(Rendered { stage: "environments".into(), file: "gitops.yaml".into(), object });
    }
    let report = lint::lint(&input);
    let expected = "app/x.yaml:2:1: error[project-refuses-kind] ClusterRole/x: Application/ml brings \
                    rbac.authorization.k8s.io/ClusterRole, but AppProject/ml (stage environments) allows only these \
                    cluster-wide kinds: none";
    assert_eq!(lines(&report), expected);
    // Another repository's folder of the same name is not ours.
    input.repository = Some("https://a.b/other".into());
    assert_eq!(lint::lint(&input).findings, []);
}

#[test]
fn of_many_kinds_those_that_are_near_are_named() {
    let kinds: Vec<String> = (0..40).map(|n| format!("{{group: g{n}, kind: K{n}}}")).collect();
    let list =
        format!("namespaceResourceWhitelist: [{}, {{group: apps, kind: StatefulSet}}]", kinds.join(", "));
    let (project, application) = (project(&format!("{{{OPEN}, {list}}}")), application(SPEC));
    let mut input = files(&[("app/x.yaml", DEPLOYMENT), ("a.yaml", &application), ("p.yaml", &project)]);
    let finding = |input: &lint::Input| lint::lint(input).findings.remove(0);
    let found = finding(&input);
    assert!(
        found.message.ends_with(": apps/StatefulSet, g0/K0, g1/K1, g2/K2, g3/K3, g4/K4, g5/K5 … and 34 more"),
        "{}",
        found.message
    );
    assert_eq!(
        found.hint,
        "add it to `namespaceResourceWhitelist` of AppProject ml: `{group: 'apps', kind: Deployment}`"
    );
    // Of a project that our configuration makes, the configuration is what is to be changed.
    let object = yaml::parse_objects(&project).expect("objects").remove(0);
    input.files.retain(|file| file.path != "p.yaml");
    for (stage, expected) in [
        ("applications", "`namespaceResources` of project ml in gitops.yaml"),
        ("models", "in the cluster, by `kubectl edit appproject`"),
    ] {
        let rendered = Rendered { stage: stage.into(), file: "gitops.yaml".into(), object: object.clone() };
        input.rendered = vec![rendered];
        let hint = finding(&input).hint;
        assert!(hint.contains(expected), "{hint}");
    }
}
