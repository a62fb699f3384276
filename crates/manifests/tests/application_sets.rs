//! ApplicationSets as objects.

use insta::assert_snapshot;
use manifests::config::{Source, load};
use manifests::{Object, applications, yaml};
use serde_json::json;

/// The project and the set.
fn objects(text: &str) -> [Object; 2] {
    let text = format!("git: {{url: github.com/org/models, branch: main}}\n{text}");
    let source = Source { name: "gitops.yaml".into(), text };
    let config = load(Some(&source), &|_| None, &[]).unwrap_or_else(|errors| panic!("{errors}")).config;
    applications::objects(&config).try_into().expect("one of each")
}

/// One definition for models x environments.
const SET: &str =
    "projects: [{name: ml, uses: [policy], destinations: [{namespace: 'ml-*'}, {namespace: x, cluster: c}]}]
applicationSets:
- name: models
  generators:
  - matrix:
      generators:
      - clusters:
          matchLabels: {serves: models}
          matchExpressions: [{key: env, operator: In, values: [staging, production]}]
          values: {tier: gold}
      - gitDirectories:
          directories: [{path: 'models/{{.metadata.labels.env}}/*'}, {path: '*/*/archive', exclude: true}]
";

#[test]
fn a_set_has_its_generators_and_its_template() {
    let text = format!(
        "{SET}  template:
    name: '{{{{.name}}}}-{{{{.path.basename}}}}'
    project: ml
    source: {{path: '{{{{.path.path}}}}', kustomize: {{}}}}
    destination: {{namespace: 'ml-{{{{.values.tier}}}}', server: '{{{{.server}}}}'}}
    syncOptions: [CreateNamespace=true]
    labels: {{env: '{{{{index .metadata.labels \"env\"}}}}'}}
    subscriptions: [{{trigger: on-sync-failed, service: slack, recipients: [ml]}}]
  preserveResourcesOnDeletion: true
notifications: {{services: {{slack: {{slack: {{token: {{env: SLACK_TOKEN}}}}}}}}}}
"
    );
    let [project, set] = objects(&text);
    assert_snapshot!(yaml::to_string(&set), @r#"
    apiVersion: argoproj.io/v1alpha1
    kind: ApplicationSet
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: models
      namespace: argocd
    spec:
      generators:
      - matrix:
          generators:
          - clusters:
              selector:
                matchExpressions:
                - key: env
                  operator: In
                  values:
                  - staging
                  - production
                matchLabels:
                  serves: models
              values:
                tier: gold
          - git:
              directories:
              - path: models/{{.metadata.labels.env}}/*
              - exclude: true
                path: "*/*/archive"
              repoURL: https://github.com/org/models
              revision: main
      goTemplate: true
      goTemplateOptions:
      - missingkey=error
      syncPolicy:
        preserveResourcesOnDeletion: true
      template:
        metadata:
          annotations:
            notifications.argoproj.io/subscribe.on-sync-failed.slack: ml
          labels:
            env: "{{index .metadata.labels \"env\"}}"
          name: "{{.name}}-{{.path.basename}}"
        spec:
          destination:
            namespace: ml-{{.values.tier}}
            server: "{{.server}}"
          project: ml
          source:
            kustomize: {}
            path: "{{.path.path}}"
            repoURL: https://github.com/org/models
            targetRevision: main
          syncPolicy:
            automated: {}
            syncOptions:
            - CreateNamespace=true
    "#);
    let names = project.list("/spec/clusterResourceWhitelist").to_vec();
    let names: Vec<_> = names.iter().map(|kind| kind["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ml-*", "x"], "whatever the project lets it go to");
}

#[test]
fn an_older_release_is_not_told_what_it_does_not_know() {
    let text = |version: &str| {
        format!(
            "argocd: {{version: {version}, manifest: official}}\nprojects: [{{name: ml, destinations: [{{namespace: ml-a}}]}}]\napplicationSets:\n- name: models\n  \
             generators: [{{list: {{elements: [{{model: a}}]}}}}]\n  template: {{name: '{{{{.model}}}}', project: ml, \
             source: {{path: x}}, destination: {{namespace: ml-a}}}}\n"
        )
    };
    let set = |version: &str| objects(&text(version))[1].clone();
    assert_eq!(set("v2.6.7").get("/spec/goTemplateOptions"), None);
    assert_eq!(set("v2.6.7").get("/spec/goTemplate"), Some(&json!(true)));
    assert_eq!(set("v3.5.1").get("/spec/goTemplateOptions"), Some(&json!(["missingkey=error"])));
}
