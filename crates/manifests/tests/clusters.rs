//! What Argo CD has in another cluster, and what it is told of that cluster, release by release.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;
use manifests::clusters::{
    self, Account, Address, BadLabel, Connection, IN_CLUSTER_NAME, Registration, Stored, Taken,
};
use manifests::config::ArgoCd;
use manifests::fill::Fill;
use manifests::{Object, ObjectRef, yaml};
use serde_json::{Value, json};

fn account(namespaces: &[&str]) -> Account {
    Account {
        namespace: "kube-system".into(),
        name: "argocd-manager".into(),
        cluster: "prod".into(),
        namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn connection(account: &Account) -> Connection {
    Connection {
        ca: Some("-----BEGIN CERTIFICATE-----".into()),
        insecure: false,
        server_name: None,
        token: account.token(),
    }
}

fn registration(namespaces: &[&str]) -> Registration {
    let account = account(namespaces);
    let connection = connection(&account);
    Registration {
        name: "prod".into(),
        address: Address::parse("https://10.0.0.1:6443/").expect("an address"),
        labels: BTreeMap::from([("env".to_owned(), "production".to_owned())]),
        project: Some("ml".into()),
        access: Some((account, connection)),
        context: "prod-admin".into(),
        identity: Some("4711".into()),
    }
}

fn written(objects: &[Object]) -> String {
    objects.iter().map(yaml::to_string).collect::<Vec<_>>().join("---\n")
}

/// As it is in the server, applied by this tool, with a token filled in.
fn live(registration: &Registration) -> Object {
    let secret = registration.secret(&ArgoCd::default());
    let mut value = Value::from(secret.object);
    for (key, fill) in secret.fill {
        let Fill::ClusterConfig(connection) = fill else { panic!("{fill:?}") };
        value["data"][key] = BASE64_STANDARD.encode(connection.config("planted")).into();
    }
    value["metadata"]["managedFields"] = json!([{ "manager": "gitops-setup", "operation": "Apply" }]);
    value.try_into().expect("an object")
}

/// Its data, readable.
fn data(secret: &Object) -> String {
    let data = secret.get("/data").and_then(Value::as_object).expect("it has data");
    let lines = data.iter().map(|(key, value)| {
        let value = BASE64_STANDARD.decode(value.as_str().expect("a text")).expect("base64");
        format!("{key} = {}\n", String::from_utf8(value).expect("a text"))
    });
    lines.collect()
}

#[test]
fn rights_in_the_whole_cluster() {
    assert_snapshot!(written(&account(&[]).objects()), @r#"
    apiVersion: v1
    kind: ServiceAccount
    metadata:
      annotations:
        gitops-setup/cluster: prod
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-manager
      namespace: kube-system
    ---
    apiVersion: v1
    kind: Secret
    metadata:
      annotations:
        kubernetes.io/service-account.name: argocd-manager
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-manager-long-lived-token
      namespace: kube-system
    type: kubernetes.io/service-account-token
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: ClusterRole
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-manager-role
    rules:
    - apiGroups:
      - "*"
      resources:
      - "*"
      verbs:
      - "*"
    - nonResourceURLs:
      - "*"
      verbs:
      - "*"
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: ClusterRoleBinding
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-manager-role-binding
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: ClusterRole
      name: argocd-manager-role
    subjects:
    - kind: ServiceAccount
      name: argocd-manager
      namespace: kube-system
    "#);
}

#[test]
fn rights_in_some_namespaces_only() {
    assert_snapshot!(written(&account(&["dev", "test"]).objects()[2..]), @r#"
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-manager-role
      namespace: dev
    rules:
    - apiGroups:
      - "*"
      resources:
      - "*"
      verbs:
      - "*"
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-manager-role-binding
      namespace: dev
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: Role
      name: argocd-manager-role
    subjects:
    - kind: ServiceAccount
      name: argocd-manager
      namespace: kube-system
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-manager-role
      namespace: test
    rules:
    - apiGroups:
      - "*"
      resources:
      - "*"
      verbs:
      - "*"
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-manager-role-binding
      namespace: test
    roleRef:
      apiGroup: rbac.authorization.k8s.io
      kind: Role
      name: argocd-manager-role
    subjects:
    - kind: ServiceAccount
      name: argocd-manager
      namespace: kube-system
    "#);
    let [account, ..] = &account(&["dev", "test"]).objects()[..] else { panic!("it has objects") };
    assert_eq!(account.annotation("gitops-setup/namespaces"), Some("dev,test"));
}

#[test]
fn what_was_given_before_goes_and_the_account_says_what_that_was() {
    let (all, dev, both) = (account(&[]), account(&["dev"]), account(&["dev", "test"]));
    let names = |objects: Vec<ObjectRef>| objects.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        names(dev.obsolete(&all)),
        ["ClusterRoleBinding/argocd-manager-role-binding", "ClusterRole/argocd-manager-role"]
    );
    assert_eq!(
        names(dev.obsolete(&both)),
        ["RoleBinding/argocd-manager-role-binding in test", "Role/argocd-manager-role in test"]
    );
    assert_eq!(names(both.obsolete(&dev)), Vec::<String>::new());
    for account in [all, dev, both] {
        assert_eq!(Account::of(&account.objects()[0]), Some(account.clone()));
        assert_eq!(account.removal().last(), Some(&account.reference()), "it says what there is");
    }
}

#[test]
fn what_argo_cd_is_told() {
    let secret = registration(&[]).secret(&ArgoCd::default());
    assert_eq!(secret.fill.len(), 1);
    assert!(!serde_json::to_string(&secret.fill).unwrap().contains("planted"));
    assert_snapshot!(written(&[secret.object.without("data")]), @r#"
    apiVersion: v1
    kind: Secret
    metadata:
      annotations:
        gitops-setup/cluster-id: "4711"
        gitops-setup/context: prod-admin
        gitops-setup/service-account: kube-system/argocd-manager
      labels:
        app.kubernetes.io/managed-by: gitops-setup
        argocd.argoproj.io/secret-type: cluster
        env: production
      name: cluster-10-0-0-1-6443-b8e61dd99b
      namespace: argocd
    "#);
    assert_snapshot!(data(&live(&registration(&[]))), @r#"
    config = {"bearerToken":"planted","tlsClientConfig":{"caData":"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t","insecure":false}}
    name = prod
    project = ml
    server = https://10.0.0.1:6443
    "#);
    assert_snapshot!(data(&live(&registration(&["dev", "test"]))), @r#"
    config = {"bearerToken":"planted","tlsClientConfig":{"caData":"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t","insecure":false}}
    name = prod
    namespaces = dev,test
    project = ml
    server = https://10.0.0.1:6443
    "#);
}

#[test]
fn authorities_and_names_of_certificates() {
    let mut connection = connection(&account(&[]));
    connection.server_name = Some("kubernetes".into());
    let config = |connection: &Connection| connection.config("planted");
    assert_snapshot!(config(&connection), @r#"{"bearerToken":"planted","tlsClientConfig":{"caData":"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t","insecure":false,"serverName":"kubernetes"}}"#);
    // Argo CD refuses both at once.
    connection.insecure = true;
    assert_snapshot!(config(&connection), @r#"{"bearerToken":"planted","tlsClientConfig":{"insecure":true,"serverName":"kubernetes"}}"#);
    connection = Connection { ca: None, insecure: false, server_name: None, ..connection };
    assert_snapshot!(config(&connection), @r#"{"bearerToken":"planted","tlsClientConfig":{"insecure":false}}"#);
}

#[test]
fn the_cluster_of_argo_cd_has_labels_and_no_account() {
    let registration = Registration {
        name: IN_CLUSTER_NAME.into(),
        address: Address::in_cluster(),
        access: None,
        project: None,
        ..registration(&[])
    };
    let secret = live(&registration);
    assert_snapshot!(data(&secret), @r#"
    config = {"tlsClientConfig":{"insecure":false}}
    name = in-cluster
    server = https://kubernetes.default.svc
    "#);
    let all = Stored::all([&secret]);
    assert!(all.len() == 1 && all[0].is_in_cluster() && all[0].ours, "{all:?}");
}

#[test]
fn what_is_stored_is_read_back_without_the_token() {
    let secret = live(&registration(&["dev", "test"]));
    let all = Stored::all([&secret]);
    assert_eq!(all[0].name, IN_CLUSTER_NAME);
    let stored = &all[1];
    assert_eq!((stored.name.as_str(), stored.server.as_str()), ("prod", "https://10.0.0.1:6443"));
    assert_eq!(stored.labels, registration(&[]).labels);
    assert_eq!(stored.namespaces, ["dev", "test"]);
    assert_eq!(stored.account, Some(("kube-system".into(), "argocd-manager".into())));
    assert_eq!(stored.identity.as_deref(), Some("4711"));
    assert!(stored.ours && !format!("{all:?}").contains("planted"));
    // Somebody copied the label along.
    let mut copy = Value::from(secret);
    copy["metadata"]["managedFields"] = json!([{ "manager": "kubectl", "operation": "Update" }]);
    assert!(!Stored::of(&copy.try_into().unwrap()).unwrap().ours);
}

#[test]
fn no_cluster_is_known_twice() {
    let wanted = registration(&[]);
    let reference = Registration::reference(&ArgoCd::default(), &wanted.address);
    let known = |change: &dyn Fn(&mut Stored)| {
        let mut all = Stored::all([&live(&wanted)]);
        change(&mut all[1]);
        wanted.is_free(&reference, &all).err()
    };
    assert_eq!(known(&|_| {}), None, "the same once more");
    assert_eq!(
        known(&|other| other.name = "other".into()).map(|taken| matches!(taken, Taken::Server { .. })),
        Some(true)
    );
    let elsewhere = known(&|other| other.server = "https://10.0.0.2".into());
    assert!(matches!(elsewhere, Some(Taken::Name { .. })), "{elsewhere:?}");
    let foreign = known(&|other| other.ours = false);
    assert!(matches!(foreign, Some(Taken::Foreign { .. })), "{foreign:?}");
    let renamed = Registration { name: IN_CLUSTER_NAME.into(), ..wanted };
    assert!(matches!(renamed.is_free(&reference, &Stored::all([])), Err(Taken::Name { .. })));
}

#[test]
fn applications_name_a_cluster_by_server_or_by_name() {
    let stored = Stored::of(&live(&registration(&[]))).unwrap();
    let application = |destination: Value| {
        let reference = ObjectRef::namespaced("argoproj.io/v1alpha1", "Application", "argocd", "model");
        Object::new(&reference).with("spec", json!({ "destination": destination }))
    };
    for (destination, expected) in [
        (json!({ "server": "https://10.0.0.1:6443/" }), true),
        (json!({ "name": "prod" }), true),
        (json!({ "server": "https://kubernetes.default.svc", "name": "prod" }), false),
        (json!({ "name": "other" }), false),
        (json!({}), false),
    ] {
        assert_eq!(stored.is_destination_of(&application(destination.clone())), expected, "{destination}");
    }
}

#[test]
fn labels_that_kubernetes_takes() {
    let pair = |key: &str, value: &str| Ok((key.to_owned(), value.to_owned()));
    assert_eq!(clusters::label("env=production"), pair("env", "production"));
    assert_eq!(clusters::label("acme.com/gpu="), pair("acme.com/gpu", ""));
    for bad in ["env", "=x", "env=a b", "-a=b", "a=b=c", "Acme.com/x=y", "a/b/c=d"] {
        assert_eq!(clusters::label(bad), Err(BadLabel::Shape), "{bad}");
    }
    for taken in ["argocd.argoproj.io/secret-type=x", "app.kubernetes.io/managed-by=me"] {
        assert!(matches!(clusters::label(taken), Err(BadLabel::Taken(_))), "{taken}");
    }
}
