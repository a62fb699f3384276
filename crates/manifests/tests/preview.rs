//! Applications that come of ApplicationSets, as Argo CD's documents have them.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use manifests::applications::preview::{Cluster, Known, PreviewError, applications, of_models};
use manifests::applications::template::Template;
use manifests::config::{Config, Source, load};
use manifests::{Object, yaml};
use proptest::prelude::*;
use serde_json::json;

/// The folders of Argo CD's own example of the Git generator, and some that it passes over.
const FOLDERS: [&str; 6] = [
    "cluster-addons",
    "cluster-addons/argo-workflows",
    "cluster-addons/prometheus-operator",
    "cluster-addons/exclude-helm-guestbook",
    "cluster-addons/argo-workflows/deep",
    "Models_A",
];

fn config(generators: &str, template: &str) -> Config {
    let text = format!(
        "git: {{url: github.com/org/gitops, branch: main}}
projects: [{{name: ml, sourceRepos: ['*'], destinations: [{{namespace: '*', server: '*'}}]}}]
applicationSets:
- name: addons
  generators:
  - {generators}
  template:
    project: ml
{template}"
    );
    let source = Source { name: "gitops.yaml".into(), text };
    load(Some(&source), &|_| None, &[]).unwrap_or_else(|errors| panic!("{errors}")).config
}

fn cluster(name: &str, server: &str, env: &str) -> Cluster {
    let labels = if env.is_empty() { BTreeMap::new() } else { [("env".into(), env.into())].into() };
    Cluster { name: name.into(), server: server.into(), labels }
}

fn preview(config: &Config) -> Result<Vec<Object>, PreviewError> {
    let folders = |url: &str, revision: &str| {
        assert_eq!((url, revision), ("https://github.com/org/gitops", "main"));
        Ok(FOLDERS.map(str::to_owned).to_vec())
    };
    let clusters = vec![
        cluster("Engineering_Dev", "https://1.2.3.4", "staging"),
        cluster("engineering-prod", "https://2.4.6.8", "production"),
        cluster("bare", "https://9.9.9.9", ""),
    ];
    applications(&config.application_sets[0], config, &Known { folders: &folders, clusters })
}

/// Name, path, namespace and cluster of each.
fn told(generators: &str, template: &str) -> String {
    match preview(&config(generators, template)) {
        Err(error) => format!("error: {error}"),
        Ok(found) => found
            .iter()
            .map(|one| {
                let path = one.text("/spec/source/path");
                let destination = one.get("/spec/destination").expect("it has one");
                format!("{} {path} {} {}\n", one.name(), destination["namespace"], destination["server"])
                    .replace('"', "")
            })
            .collect(),
    }
}

/// GoTemplate.md: "Basic Go template usage".
#[test]
fn the_documented_list() {
    let generators = "list: {elements: [{cluster: engineering-dev, url: 'https://1.2.3.4'}, \
                      {cluster: engineering-prod, url: 'https://2.4.6.8'}]}";
    let template = "    name: '{{.cluster}}-guestbook'
    source: {path: 'guestbook/{{ .cluster }}'}
    destination: {server: '{{- .url -}}', namespace: guestbook}
";
    assert_snapshot!(told(generators, template), @"
    engineering-dev-guestbook guestbook/engineering-dev guestbook https://1.2.3.4
    engineering-prod-guestbook guestbook/engineering-prod guestbook https://2.4.6.8
    ");
}

const OF_FOLDERS: &str = "    name: '{{.path.basenameNormalized}}'
    source: {path: '{{.path.path}}'}
    destination: {namespace: '{{index .path.segments 0}}'}
";

/// Generators-Git.md: directories, and "Exclude directories".
#[test]
fn the_documented_folders() {
    let folders =
        |patterns: &str| told(&format!("gitDirectories: {{directories: [{patterns}]}}"), OF_FOLDERS);
    assert_snapshot!(folders("{path: cluster-addons/*}, {path: cluster-addons/exclude-helm-guestbook, exclude: true}"), @"
    argo-workflows cluster-addons/argo-workflows cluster-addons https://kubernetes.default.svc
    prometheus-operator cluster-addons/prometheus-operator cluster-addons https://kubernetes.default.svc
    ");
    // Whatever the order.
    assert_snapshot!(folders("{path: '*/exclude*', exclude: true}, {path: cluster-addons/*}"), @"
    argo-workflows cluster-addons/argo-workflows cluster-addons https://kubernetes.default.svc
    prometheus-operator cluster-addons/prometheus-operator cluster-addons https://kubernetes.default.svc
    ");
    assert_snapshot!(folders("{path: '[A-Z]odels?A'}, {path: '*/*/d[^a]ep'}"), @"
    deep cluster-addons/argo-workflows/deep cluster-addons https://kubernetes.default.svc
    models-a Models_A Models_A https://kubernetes.default.svc
    ");
    assert_eq!(folders("{path: nothing/*}"), "");
    assert_snapshot!(folders("{path: 'a['}"), @"error: `a[` is no pattern for folders");
}

const OF_CLUSTERS: &str = "    name: '{{.nameNormalized}}-guestbook'
    source: {path: 'guestbook/{{.name}}'}
    destination: {server: '{{.server}}', namespace: guestbook}
";

/// Generators-Cluster.md: the local cluster comes along only without conditions.
#[test]
fn the_documented_clusters() {
    let clusters = |conditions: &str| told(&format!("clusters: {{{conditions}}}"), OF_CLUSTERS);
    assert_snapshot!(clusters(""), @"
    in-cluster-guestbook guestbook/in-cluster guestbook https://kubernetes.default.svc
    engineering-dev-guestbook guestbook/Engineering_Dev guestbook https://1.2.3.4
    engineering-prod-guestbook guestbook/engineering-prod guestbook https://2.4.6.8
    bare-guestbook guestbook/bare guestbook https://9.9.9.9
    ");
    assert_snapshot!(clusters("matchLabels: {env: production}"), @"engineering-prod-guestbook guestbook/engineering-prod guestbook https://2.4.6.8");
    assert_snapshot!(clusters("matchLabels: {argocd.argoproj.io/secret-type: cluster}"), @"
    engineering-dev-guestbook guestbook/Engineering_Dev guestbook https://1.2.3.4
    engineering-prod-guestbook guestbook/engineering-prod guestbook https://2.4.6.8
    bare-guestbook guestbook/bare guestbook https://9.9.9.9
    ");
    assert_snapshot!(clusters("matchExpressions: [{key: env, operator: NotIn, values: [staging]}]"), @"
    engineering-prod-guestbook guestbook/engineering-prod guestbook https://2.4.6.8
    bare-guestbook guestbook/bare guestbook https://9.9.9.9
    ");
    assert_snapshot!(clusters("matchExpressions: [{key: env, operator: In, values: [staging]}, {key: env, operator: Exists}]"), @"engineering-dev-guestbook guestbook/Engineering_Dev guestbook https://1.2.3.4");
    assert_snapshot!(clusters("matchExpressions: [{key: env, operator: DoesNotExist}]"), @"bare-guestbook guestbook/bare guestbook https://9.9.9.9");
    let template = OF_CLUSTERS.replace("guestbook/{{.name}}", "{{.values.rev}}");
    assert_snapshot!(told("clusters: {matchLabels: {env: staging}, values: {rev: '1.0'}}", &template), @"engineering-dev-guestbook 1.0 guestbook https://1.2.3.4");
}

#[test]
fn a_registered_local_cluster_comes_once() {
    let config = config("clusters: {}", OF_CLUSTERS);
    let local = cluster("here", "https://kubernetes.default.svc", "");
    let known = Known { folders: &|_, _| Ok(Vec::new()), clusters: vec![local] };
    let found = applications(&config.application_sets[0], &config, &known).unwrap();
    let names: Vec<_> = found.iter().map(Object::name).collect();
    assert_eq!(names, ["here-guestbook"]);
}

/// Generators-Matrix.md: Git directories with clusters, and "Using Parameters from one child generator in another".
#[test]
fn the_documented_matrix() {
    let folders =
        "{gitDirectories: {directories: [{path: cluster-addons/*-*}, {path: '*/ex*', exclude: true}]}}";
    let clusters = "{clusters: {matchExpressions: [{key: env, operator: Exists}]}}";
    let template = "    name: '{{.path.basename}}-{{.nameNormalized}}'
    source: {path: '{{.path.path}}'}
    destination: {server: '{{.server}}', namespace: '{{.metadata.labels.env}}'}
";
    assert_snapshot!(told(&format!("matrix: {{generators: [{folders}, {clusters}]}}"), template), @"
    argo-workflows-engineering-dev cluster-addons/argo-workflows staging https://1.2.3.4
    argo-workflows-engineering-prod cluster-addons/argo-workflows production https://2.4.6.8
    prometheus-operator-engineering-dev cluster-addons/prometheus-operator staging https://1.2.3.4
    prometheus-operator-engineering-prod cluster-addons/prometheus-operator production https://2.4.6.8
    ");
    let list = "{list: {elements: [{where: staging}, {where: production}]}}";
    let depends = "{clusters: {matchLabels: {env: '{{.where}}'}}}";
    let template = "    name: '{{.where}}-{{index .metadata.labels \"env\"}}'
    source: {path: x}
    destination: {server: '{{.server}}', namespace: x}
";
    assert_snapshot!(told(&format!("matrix: {{generators: [{list}, {depends}]}}"), template), @"
    staging-staging x x https://1.2.3.4
    production-production x x https://2.4.6.8
    ");
}

#[test]
fn what_is_missing_is_told_with_what_is_there() {
    let named = |name: &str| {
        let generators = "clusters: {matchExpressions: [{key: env, operator: Exists}]}";
        told(generators, &OF_CLUSTERS.replace("{{.nameNormalized}}-guestbook", name))
    };
    assert_snapshot!(named("{{.name}}-{{.metadata.labels.region}}"), @"error: template.metadata.name: `{{.metadata.labels.region}}` is not there; there is argocd.argoproj.io/secret-type, env");
    assert_snapshot!(named("{{.name}}-{{index .metadata.labels \"a/b\"}}"), @r#"error: template.metadata.name: `{{index .metadata.labels "a/b"}}` is not there; there is argocd.argoproj.io/secret-type, env"#);
    let deep = OF_FOLDERS.replace("segments 0", "segments 2");
    assert_snapshot!(told("gitDirectories: {directories: [{path: cluster-addons/*}]}", &deep), @r#"error: template.spec.destination.namespace: `{{index .path.segments 2}}` is not there; there is 0 ("cluster-addons"), 1 ("argo-workflows")"#);
}

#[test]
fn what_only_argo_cd_can_work_out_is_not_guessed_at() {
    for name in [
        "{{.name | lower}}",
        "{{if .name}}a{{end}}",
        "{{printf \"%s\" .name}}",
        "{{/* a */}}{{.name}}",
        "{{.}}",
    ] {
        let template = OF_CLUSTERS.replace("{{.nameNormalized}}-guestbook", &name.replace('\'', "''"));
        let said = told("clusters: {}", &template);
        assert!(said.contains("error: template.metadata.name: can't be previewed: `{{"), "{name}: {said}");
    }
}

#[test]
fn names_are_names_and_no_two_the_same() {
    let named =
        |name: &str| told("clusters: {}", &OF_CLUSTERS.replace("{{.nameNormalized}}-guestbook", name));
    assert_snapshot!(named("{{.name}}"), @"error: `Engineering_Dev` can't be the name of an Application");
    let folders = OF_FOLDERS.replace("{{.path.basenameNormalized}}", "{{index .path.segments 0}}");
    assert_snapshot!(told("gitDirectories: {directories: [{path: cluster-addons/*}]}", &folders), @"error: two Applications are called `cluster-addons`; Argo CD then makes none of the set");
}

/// Application-Deletion.md: without `preserveResourcesOnDeletion`, Argo CD adds the finalizer.
#[test]
fn the_whole_object() {
    let mut config = config(
        "list: {elements: [{m: a}]}",
        "    name: '{{.m}}'
    source: {path: 'x/{{.m}}', helm: {values: 'image: {{.m}}', parameters: {'{{.m}}.gpu': '{{.m}}'}}}
    destination: {namespace: x}
    labels: {model: '{{.m}}'}
",
    );
    let found = preview(&config).unwrap().remove(0);
    assert_snapshot!(yaml::to_string(&found), @r#"
    apiVersion: argoproj.io/v1alpha1
    kind: Application
    metadata:
      finalizers:
      - resources-finalizer.argocd.argoproj.io
      labels:
        model: a
      name: a
      namespace: argocd
    spec:
      destination:
        namespace: x
        server: https://kubernetes.default.svc
      project: ml
      source:
        helm:
          parameters:
          - name: a.gpu
            value: a
          values: "image: a"
        path: x/a
        repoURL: https://github.com/org/gitops
        targetRevision: main
      syncPolicy:
        automated: {}
    "#);
    config.application_sets[0].preserve_resources_on_deletion = true;
    let kept = preview(&config).unwrap().remove(0);
    assert_eq!(kept.get("/metadata/finalizers"), None);
    assert_eq!(kept.get("/metadata/labels"), Some(&json!({ "model": "a" })));
}

proptest! {
    #[test]
    fn a_text_without_templates_stays_and_no_text_is_too_odd(text in ".{0,40}", odd in "[{}. \\-\"a-cé|`0]{0,30}") {
        let values = json!({ "a": "x" });
        if !text.contains("{{") {
            prop_assert_eq!(Template::parse(&text).and_then(|template| template.render(&values)), Ok(text));
        }
        if let Ok(template) = Template::parse(&odd) {
            // It may well be an error.
            drop(template.render(&values));
        }
    }
}

#[test]
fn models_are_previewed_by_their_overlays() {
    let text = "git: {url: github.com/org/gitops, branch: main}\nenvironments: [{namespace: dev}, {namespace: prod}]\n";
    let told = |text: &str, folders: &[&str]| {
        let source = Source { name: "gitops.yaml".into(), text: text.into() };
        let config = load(Some(&source), &|_| None, &[]).unwrap_or_else(|errors| panic!("{errors}")).config;
        let folders: Vec<String> = folders.iter().map(ToString::to_string).collect();
        let known = |url: &str, revision: &str| {
            assert_eq!((url, revision), ("https://github.com/org/gitops", "main"));
            Ok(folders.clone())
        };
        let found = match of_models(&config, &Known { folders: &known, clusters: Vec::new() }) {
            Ok(found) => found,
            Err(error) => return format!("error: {error}"),
        };
        let line = |one: &Object| {
            let finalizers = one.list("/metadata/finalizers").len();
            let (path, to) = (one.text("/spec/source/path"), one.text("/spec/destination/namespace"));
            format!("{} {path} {to} {finalizers}", one.name())
        };
        found.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let with_models = format!("{text}models: {{}}\n");
    let folders = [
        "models/Iris_v2/overlays/dev",
        "models/Iris_v2/overlays/dev/version",
        "models/churn/overlays/prod",
        "models/churn/base",
    ];
    assert_eq!(told(text, &folders), "");
    // What a name can't have is normalised, a path is not.
    assert_eq!(
        told(&with_models, &folders),
        "iris-v2-dev models/Iris_v2/overlays/dev dev 1\nchurn-prod models/churn/overlays/prod prod 1"
    );
    assert_eq!(
        told(&format!("{text}models: {{syncPolicy: {{prune: false}}}}\n"), &folders[2..3]),
        "churn-prod models/churn/overlays/prod prod 0"
    );
    assert_eq!(
        told(&with_models, &["models/churn/overlays/test"]),
        "error: models/churn/overlays/test is for `test`, which is no environment, so project `models` refuses it"
    );
    assert!(
        told(&with_models, &["models/a_b/overlays/dev", "models/a-b/overlays/dev"]).contains("`a-b-dev`")
    );
}
