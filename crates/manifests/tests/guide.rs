//! The objects of an environment against the YAML that Seldon's guide prints, with its variables filled in:
//! `GIT_REPO_URL=github.com/acme/gitops`, `namespace=models`.

use manifests::argocd::project;
use manifests::config::{Config, Environment, Expose, Git, GroupKind, SyncPolicy, TlsTermination, Via};
use manifests::{Object, environment, expose, yaml};
use serde_json::{Value, json};

const PROJECT: &str = r"
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata:
  name: seldon
  namespace: argocd
spec:
  description: Seldon Enterprise Platform Project
  sourceRepos:
  - https://github.com/acme/gitops
  destinations:
  - namespace: models
    server: https://kubernetes.default.svc
  clusterResourceWhitelist:
  - group: '*'
    kind: '*'
  roles:
  - name: seldon-admin
    policies:
    - p, proj:seldon:seldon-admin, applications, get, seldon/*, allow
    - p, proj:seldon:seldon-admin, applications, create, seldon/*, allow
    - p, proj:seldon:seldon-admin, applications, update, seldon/*, allow
    - p, proj:seldon:seldon-admin, applications, delete, seldon/*, allow
    - p, proj:seldon:seldon-admin, applications, sync, seldon/*, allow
";

const APPLICATION: &str = r"
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: seldon-gitops-models
  namespace: argocd
spec:
  project: seldon
  destination:
    namespace: models
    server: https://kubernetes.default.svc
  source:
    directory:
      recurse: true
    path: models
    repoURL: https://github.com/acme/gitops
  syncPolicy:
    automated: {}
";

const VIRTUAL_SERVICE: &str = r"
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: argocd-server
  namespace: argocd
spec:
  gateways:
  - istio-system/seldon-gateway
  hosts:
  - '*'
  http:
  - match:
    - uri:
        prefix: /argocd/
    route:
    - destination:
        host: argocd-server
        port:
          number: 80
";

fn guide(text: &str) -> Value {
    yaml::parse_objects(text).expect("the guide is readable").remove(0).into()
}

/// The object without what the tool adds to every object on purpose.
fn without_our_label(object: Object) -> Value {
    assert_eq!(object.label("app.kubernetes.io/managed-by"), Some("gitops-setup"));
    let mut value = Value::from(object);
    let labels = value["metadata"]["labels"].as_object_mut().expect("labels");
    labels.remove("app.kubernetes.io/managed-by");
    if labels.is_empty() {
        value["metadata"].as_object_mut().expect("metadata").remove("labels");
    }
    value
}

fn anything() -> Vec<GroupKind> {
    vec![GroupKind { group: "*".into(), kind: "*".into() }]
}

fn git() -> Git {
    Git { url: "github.com/acme/gitops".into(), ..Git::default() }
}

fn config(environments: Vec<Environment>) -> Config {
    Config { git: git(), environments, ..Config::default() }
}

fn project_of(environments: Vec<Environment>) -> Object {
    let config = config(environments);
    let mut projects = environment::projects(&config.environments, &config);
    assert_eq!(projects.len(), 1);
    projects.remove(0)
}

#[test]
fn with_all_cluster_resources_the_project_is_the_guides() {
    let environment = Environment { cluster_resources: anything(), ..Environment::new("models") };
    assert_eq!(without_our_label(project_of(vec![environment])), guide(PROJECT));
}

#[test]
fn by_default_the_project_allows_no_cluster_resources_and_is_otherwise_the_guides() {
    let mut expected = guide(PROJECT);
    expected["spec"].as_object_mut().unwrap().remove("clusterResourceWhitelist");
    assert_eq!(without_our_label(project_of(vec![Environment::new("models")])), expected);
}

#[test]
fn the_application_is_the_guides() {
    let application = environment::application(&Environment::new("models"), &git(), "argocd");
    assert_eq!(without_our_label(application), guide(APPLICATION));
}

#[test]
fn the_virtual_service_is_the_guides_and_one_exact_match() {
    let config = Config { expose: Expose { via: Via::Istio, ..Expose::default() }, ..config(Vec::new()) };
    let mut expected = guide(VIRTUAL_SERVICE);
    let matches = expected["spec"]["http"][0]["match"].as_array_mut().unwrap();
    matches.push(json!({"uri": {"exact": "/argocd"}}));
    assert_eq!(without_our_label(expose::object(&config).unwrap()), expected);
}

#[test]
fn the_namespace_has_the_guides_labels_and_annotation() {
    let namespace = environment::namespace(&Environment::new("models"), &git());
    let expected = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "models",
            "labels": {
                "seldon.restricted": "false",
                "seldon.gitops": "enabled",
                "serving.kubeflow.org/inferenceservice": "enabled",
            },
            "annotations": {"git-repo": "https://github.com/acme/gitops"},
        },
    });
    assert_eq!(without_our_label(namespace), expected);
}

#[test]
fn an_application_of_another_name_is_told_by_a_label() {
    let named = |name: &str| {
        let environment = Environment { application: Some(name.into()), ..Environment::new("models") };
        let label = environment::namespace(&environment, &git()).label("argocdapp").map(str::to_owned);
        let application = environment::application(&environment, &git(), "argocd");
        assert_eq!(application.name(), name);
        label
    };
    assert_eq!(named("scoring").as_deref(), Some("scoring"));
    assert_eq!(named("seldon-gitops-models"), None, "the name that Seldon expects anyway");
}

#[test]
fn groups_become_labels_and_restrict_the_namespace() {
    let mut environment = Environment::new("models");
    environment.roles.read = vec!["auditors".into()];
    environment.roles.write = vec!["team-a".into(), "team-b".into()];
    let namespace = environment::namespace(&environment, &git());
    assert_eq!(namespace.label("seldon.group.auditors"), Some("read"));
    assert_eq!(namespace.label("seldon.group.team-a"), Some("write"));
    assert_eq!(namespace.label("seldon.group.team-b"), Some("write"));
    assert_eq!(namespace.label("seldon.restricted"), Some("true"));
    assert_eq!(namespace.label("istio-injection"), None);
}

#[test]
fn restricted_can_be_set_without_groups() {
    let environment = Environment { restricted: Some(true), ..Environment::new("models") };
    assert_eq!(environment::namespace(&environment, &git()).label("seldon.restricted"), Some("true"));
}

#[test]
fn the_sync_policy_says_only_what_was_asked_for() {
    let policy = |automated, prune, self_heal| {
        let sync_policy = SyncPolicy { automated, prune, self_heal, allow_empty: false };
        let environment = Environment { sync_policy, ..Environment::new("models") };
        environment::application(&environment, &git(), "argocd").get("/spec/syncPolicy").cloned()
    };
    assert_eq!(policy(false, false, false), None);
    assert_eq!(policy(true, true, false), Some(json!({"automated": {"prune": true}})));
    assert_eq!(policy(true, true, true), Some(json!({"automated": {"prune": true, "selfHeal": true}})));
}

#[test]
fn a_branch_becomes_the_target_revision() {
    let git = Git { branch: Some("main".into()), ..git() };
    let application = environment::application(&Environment::new("models"), &git, "gitops");
    assert_eq!(application.text("/spec/source/targetRevision"), "main");
    assert_eq!(application.namespace(), Some("gitops"));
}

#[test]
fn environments_share_a_project_by_its_name() {
    let other = Environment {
        project: "fraud".into(),
        cluster_resources: anything(),
        ..Environment::new("fraud-detection")
    };
    let config = config(vec![Environment::new("b"), other, Environment::new("a")]);
    let projects = environment::projects(&config.environments, &config);
    let destinations = |index: usize| -> Vec<&str> {
        let list = projects[index].list("/spec/destinations");
        list.iter().map(|destination| destination["namespace"].as_str().unwrap()).collect()
    };
    assert_eq!(projects.iter().map(Object::name).collect::<Vec<_>>(), ["fraud", "seldon"]);
    assert_eq!((destinations(0), destinations(1)), (vec!["fraud-detection"], vec!["b", "a"]));
    assert_eq!(projects[1].get("/spec/clusterResourceWhitelist"), None, "rights stay with their project");
    assert!(projects[0].text("/spec/roles/0/policies/4").starts_with("p, proj:fraud:seldon-admin,"));
}

#[test]
fn merging_a_project_takes_nothing_away() {
    let mut live = project_of(vec![Environment { cluster_resources: anything(), ..Environment::new("old") }]);
    *live.get_mut("/spec/sourceRepos").unwrap() = json!(["https://github.com/other/repo"]);
    let roles = live.get_mut("/spec/roles").unwrap().as_array_mut().unwrap();
    roles[0]["jwtTokens"] = json!([{"iat": 1}]);
    roles[0]["groups"] = json!(["platform"]);
    roles[0]["policies"]
        .as_array_mut()
        .unwrap()
        .push(json!("p, proj:seldon:seldon-admin, logs, get, seldon/*, allow"));
    roles.push(json!({"name": "ci", "policies": ["p, proj:seldon:ci, applications, sync, seldon/*, allow"]}));
    let merged = project::merge(project_of(vec![Environment::new("new")]), &live);

    let mut expected = Value::from(live.clone());
    expected["spec"]["destinations"] = json!([
        {"namespace": "old", "server": "https://kubernetes.default.svc"},
        {"namespace": "new", "server": "https://kubernetes.default.svc"},
    ]);
    expected["spec"]["sourceRepos"] =
        json!(["https://github.com/other/repo", "https://github.com/acme/gitops"]);
    assert_eq!(Value::from(merged.clone()), expected);
    let again = project::merge(project_of(vec![Environment::new("new")]), &merged);
    assert_eq!(again, merged, "merging again changes nothing");
}

#[test]
fn where_argocd_ends_tls_the_route_goes_to_its_tls_port() {
    let mut config = config(Vec::new());
    config.argocd.tls_termination = TlsTermination::Argocd;
    config.expose.via = Via::Istio;
    let service = expose::object(&config).unwrap();
    assert_eq!(service.get("/spec/http/0/route/0/destination/port/number"), Some(&json!(443)));
}
