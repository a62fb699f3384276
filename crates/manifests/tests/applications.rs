//! Projects and Applications as objects.

use insta::assert_snapshot;
use manifests::config::{Config, KindSet, Source, load};
use manifests::{Object, applications, yaml};
use serde_json::{Value, json};

fn config(text: &str) -> Config {
    let source = Source { name: "gitops.yaml".into(), text: text.into() };
    load(Some(&source), &|_| None, &[]).unwrap_or_else(|errors| panic!("{errors}")).config
}

fn objects(text: &str) -> Vec<Object> {
    applications::objects(&config(&format!("git: {{url: github.com/org/models, branch: main}}\n{text}")))
}

/// The object of this kind, as a file.
fn one(kind: &str, text: &str) -> String {
    let found = objects(text).into_iter().find(|object| object.kind() == kind).expect("it is configured");
    yaml::to_string(&found)
}

const PROJECT: &str = "projects: [{name: ml, uses: [policy], destinations: [{namespace: 'ml-*'}]}]\n";

fn application(text: &str) -> String {
    one("Application", &format!("{PROJECT}applications:\n- name: a\n  project: ml\n{text}"))
}

/// The lesson's own Application, by the keys of `gitops.yaml`.
#[test]
fn the_application_of_the_lesson() {
    const LESSON: &str = r"
project: ml-production
source:
  repoURL: https://github.com/org/ml-platform-config
  targetRevision: main
  path: environments/production
  helm:
    valueFiles:
    - values.yaml
    - values-production.yaml
destination:
  server: https://kubernetes.default.svc
  namespace: ml-serving
syncPolicy:
  automated:
    prune: true
    selfHeal: true
  syncOptions:
  - CreateNamespace=true
  - PruneLast=true
  - ApplyOutOfSyncOnly=true
  retry:
    limit: 5
    backoff:
      duration: 5s
      factor: 2
      maxDuration: 3m
";
    let config =
        include_str!("../../../fixtures/ml-platform.yaml").replace("github.com/acme/", "github.com/org/");
    let objects = applications::objects(&self::config(&config));
    let found = objects.iter().find(|object| object.name() == "ml-platform").expect("it is configured");
    assert_eq!(found.get("/spec"), Some(&yaml::parse_value(LESSON).expect("YAML")));
    let finalizers = json!(["resources-finalizer.argocd.argoproj.io"]);
    assert_eq!(found.get("/metadata/finalizers"), Some(&finalizers));
}

#[test]
fn an_application_with_nothing_but_what_it_needs() {
    assert_snapshot!(application("  source: {path: x}\n  destination: {namespace: ml-a}\n"), @"
    apiVersion: argoproj.io/v1alpha1
    kind: Application
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: a
      namespace: argocd
    spec:
      destination:
        namespace: ml-a
        server: https://kubernetes.default.svc
      project: ml
      source:
        path: x
        repoURL: https://github.com/org/models
        targetRevision: main
      syncPolicy:
        automated: {}
    ");
}

#[test]
fn an_application_with_everything() {
    let text = "  source:
    repoURL: https://charts.example.com
    chart: features
    targetRevision: 1.4.2
    helm:
      releaseName: store
      valueFiles: [a.yaml, b.yaml]
      values: |
        gpu: true
      parameters: {image.tag: v2, replicas: '3'}
  destination: {namespace: ml-a, cluster: prod}
  finalizer: true
  syncPolicy: {prune: true, selfHeal: true, allowEmpty: true}
  syncOptions: [Validate=false, PrunePropagationPolicy=orphan, Delete=confirm]
  retry: {limit: -1}
  wave: -2
  labels: {team: ml}
  subscriptions:
  - {trigger: on-deployed, service: slack, recipients: [a, b]}
  - {trigger: on-deployed, service: hook}
notifications:
  services:
    slack: {slack: {token: {env: SLACK_TOKEN}}}
    hook: {webhook: {url: 'https://hooks.example.com/argocd'}}
";
    let project = "projects: [{name: ml, sourceRepos: ['https://charts.example.com'], uses: [policy], \
                   destinations: [{namespace: ml-a, cluster: prod}]}]\n";
    let text = format!("{project}applications:\n- name: a\n  project: ml\n{text}");
    assert_snapshot!(one("Application", &text), @r#"
    apiVersion: argoproj.io/v1alpha1
    kind: Application
    metadata:
      annotations:
        argocd.argoproj.io/sync-wave: "-2"
        notifications.argoproj.io/subscribe.on-deployed.hook: ""
        notifications.argoproj.io/subscribe.on-deployed.slack: a;b
      finalizers:
      - resources-finalizer.argocd.argoproj.io
      labels:
        app.kubernetes.io/managed-by: gitops-setup
        team: ml
      name: a
      namespace: argocd
    spec:
      destination:
        name: prod
        namespace: ml-a
      project: ml
      source:
        chart: features
        helm:
          parameters:
          - name: image.tag
            value: v2
          - name: replicas
            value: "3"
          releaseName: store
          valueFiles:
          - a.yaml
          - b.yaml
          values: |
            gpu: true
        repoURL: https://charts.example.com
        targetRevision: "1.4.2"
      syncPolicy:
        automated:
          allowEmpty: true
          prune: true
          selfHeal: true
        retry:
          backoff:
            duration: 5s
            factor: 2
            maxDuration: 3m
          limit: -1
        syncOptions:
        - Validate=false
        - PrunePropagationPolicy=orphan
        - Delete=confirm
    "#);
}

#[test]
fn kustomize_and_plain_files() {
    let at = "\n  destination: {namespace: ml-a}\n  syncPolicy: {automated: false}\n";
    let kustomize = "  source: {path: x, kustomize: {images: [a=b/a:1], namePrefix: p-, nameSuffix: -s}}";
    assert_snapshot!(application(&format!("{kustomize}{at}")), @"
    apiVersion: argoproj.io/v1alpha1
    kind: Application
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: a
      namespace: argocd
    spec:
      destination:
        namespace: ml-a
        server: https://kubernetes.default.svc
      project: ml
      source:
        kustomize:
          images:
          - a=b/a:1
          namePrefix: p-
          nameSuffix: -s
        path: x
        repoURL: https://github.com/org/models
        targetRevision: main
    ");
    let files = "  source: {path: x, directory: {recurse: true, include: '*.yaml', exclude: 'v*'}}";
    assert_snapshot!(application(&format!("{files}{at}")), @r#"
    apiVersion: argoproj.io/v1alpha1
    kind: Application
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: a
      namespace: argocd
    spec:
      destination:
        namespace: ml-a
        server: https://kubernetes.default.svc
      project: ml
      source:
        directory:
          exclude: v*
          include: "*.yaml"
          recurse: true
        path: x
        repoURL: https://github.com/org/models
        targetRevision: main
    "#);
}

#[test]
fn another_repository_has_a_branch_of_its_own() {
    let project =
        "projects: [{name: ml, sourceRepos: ['*'], uses: [policy], destinations: [{namespace: x}]}]\n";
    let text = format!(
        "{project}applications: [{{name: a, project: ml, source: {{repoURL: github.com/org/other, path: x}}, \
         destination: {{namespace: x}}}}]\n"
    );
    let objects = objects(&text);
    let source = objects[1].get("/spec/source");
    assert_eq!(source, Some(&json!({ "path": "x", "repoURL": "https://github.com/org/other" })));
}

#[test]
fn a_project_names_every_kind_and_never_all_of_them() {
    let text = "projects:
- name: ml
  description: Models
  sourceRepos: [github.com/org/models, 'https://github.com/org/*']
  destinations: [{namespace: 'ml-*'}, {namespace: x, cluster: prod}, {namespace: y, server: 'https://1.2.3.4'}]
  uses: [policy, kserve, definitions]
  namespaceResources: [{group: apps, kind: '*'}]
  clusterResources: [{group: scheduling.k8s.io, kind: PriorityClass}]
";
    assert_snapshot!(one("AppProject", text), @r#"
    apiVersion: argoproj.io/v1alpha1
    kind: AppProject
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: ml
      namespace: argocd
    spec:
      clusterResourceWhitelist:
      - group: apiextensions.k8s.io
        kind: CustomResourceDefinition
      - group: scheduling.k8s.io
        kind: PriorityClass
      description: Models
      destinations:
      - namespace: ml-*
        server: https://kubernetes.default.svc
      - name: prod
        namespace: x
      - namespace: "y"
        server: https://1.2.3.4
      namespaceResourceWhitelist:
      - group: apps
        kind: "*"
      - group: policy
        kind: PodDisruptionBudget
      - group: serving.knative.dev
        kind: Configuration
      - group: serving.knative.dev
        kind: Revision
      - group: serving.knative.dev
        kind: Route
      - group: serving.knative.dev
        kind: Service
      - group: serving.kserve.io
        kind: InferenceGraph
      - group: serving.kserve.io
        kind: InferenceService
      - group: serving.kserve.io
        kind: ServingRuntime
      - group: serving.kserve.io
        kind: TrainedModel
      sourceRepos:
      - https://github.com/org/models
      - https://github.com/org/*
    "#);
    let defaults = objects("projects: [{name: ml, destinations: [{namespace: x}]}]\n").remove(0);
    assert_eq!(defaults.get("/spec/clusterResourceWhitelist"), None);
    assert!(!defaults.as_value().to_string().contains('*'));
}

fn whitelist(text: &str) -> Vec<String> {
    let project = objects(text).remove(0);
    let kinds = project.list("/spec/namespaceResourceWhitelist").iter();
    let field = |kind: &Value, field: &str| kind[field].as_str().expect("a text").to_owned();
    kinds.map(|kind| format!("{}/{}", field(kind, "group"), field(kind, "kind"))).collect()
}

/// The lesson's project leaves out what its own model needs.
#[test]
fn what_serves_models_is_allowed_and_what_gives_rights_is_not() {
    let kinds = whitelist("projects: [{name: ml, destinations: [{namespace: x}]}]\n");
    for needed in [
        "/ConfigMap",
        "/Secret",
        "/PersistentVolumeClaim",
        "apps/Deployment",
        // Otherwise the UI shows no pods and no logs.
        "apps/ReplicaSet",
        "/Pod",
        "autoscaling/HorizontalPodAutoscaler",
        "policy/PodDisruptionBudget",
        "serving.kserve.io/InferenceService",
        "machinelearning.seldon.io/SeldonDeployment",
        "mlops.seldon.io/Model",
        "argoproj.io/Rollout",
        "argoproj.io/AnalysisTemplate",
        "networking.istio.io/VirtualService",
        "monitoring.coreos.com/ServiceMonitor",
    ] {
        assert!(kinds.iter().any(|kind| kind == needed), "{needed}: {kinds:?}");
    }
    for withheld in ["rbac.authorization.k8s.io/Role", "argoproj.io/Application", "/ResourceQuota"] {
        assert!(!kinds.iter().any(|kind| kind == withheld), "{withheld}");
    }
}

#[test]
fn the_table_has_each_kind_once_in_its_order() {
    let all = [KindSet::for_models(), vec![KindSet::Rbac, KindSet::Argocd, KindSet::Kubeflow, KindSet::Ray]];
    for set in all.concat() {
        let kinds: Vec<_> = set.kinds().collect();
        let mut sorted = kinds.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(kinds.len(), sorted.len(), "{set:?}");
        assert!(
            kinds.iter().all(|kind| kind.namespaced),
            "{set:?}: what is in no namespace has its own sets"
        );
    }
    for set in [KindSet::Namespaces, KindSet::Definitions] {
        assert!(set.kinds().all(|kind| !kind.namespaced), "{set:?}");
    }
}

/// Argo CD asks the project before it makes a namespace, and only where there is none yet.
#[test]
fn a_namespace_that_is_made_is_allowed() {
    let text = |version: &str, uses: &str| {
        format!(
            "argocd: {{version: {version}, manifest: official}}
projects: [{{name: ml, uses: [{uses}], destinations: [{{namespace: ml-a}}, {{namespace: ml-b}}]}}]
applications:
- {{name: a, project: ml, source: {{path: x}}, destination: {{namespace: ml-a}}, syncOptions: [CreateNamespace=true]}}
- {{name: b, project: ml, source: {{path: x}}, destination: {{namespace: ml-b}}}}
"
        )
    };
    let allowed = |version: &str, uses: &str| {
        objects(&text(version, uses))[0].get("/spec/clusterResourceWhitelist").cloned()
    };
    let namespace = |name: Value| match name {
        Value::Null => json!([{ "group": "", "kind": "Namespace" }]),
        name => json!([{ "group": "", "kind": "Namespace", "name": name }]),
    };
    assert_eq!(allowed("v3.5.1", "policy"), Some(namespace(json!("ml-a"))));
    assert_eq!(allowed("v2.6.7", "policy"), Some(namespace(Value::Null)), "its definition has no names");
    assert_eq!(allowed("v3.5.1", "namespaces"), Some(namespace(Value::Null)), "all are allowed already");
    let without = text("v3.5.1", "policy").replace("CreateNamespace", "PruneLast");
    assert_eq!(objects(&without)[0].get("/spec/clusterResourceWhitelist"), None);
}
