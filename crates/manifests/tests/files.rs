//! Objects as files.

use std::collections::BTreeMap;

use manifests::{Object, ObjectRef, files, yaml};
use serde_json::json;

fn map(namespace: &str, name: &str) -> Object {
    Object::new(&ObjectRef::namespaced("v1", "ConfigMap", namespace, name))
}

fn read(files: &BTreeMap<String, String>, name: &str) -> Object {
    yaml::parse_objects(&files[name]).expect("a file of ours is readable").remove(0)
}

fn names(files: &BTreeMap<String, String>) -> Vec<&str> {
    files.keys().map(String::as_str).collect()
}

#[test]
fn one_file_for_every_object_whatever_the_order() {
    let objects = vec![map("a", "one"), map("a", "two"), map("b", "one")];
    let files = files::files(vec![("stage", objects.clone())]);
    assert_eq!(
        names(&files),
        ["stage/configmap-b-one.yaml", "stage/configmap-one.yaml", "stage/configmap-two.yaml"]
    );
    let backwards = objects.into_iter().rev().collect();
    assert_eq!(files::files(vec![("stage", backwards)]), files);
}

#[test]
fn names_that_would_clash_never_lose_an_object() {
    let role = |name: &str| {
        Object::new(&ObjectRef::cluster_scoped("rbac.authorization.k8s.io/v1", "ClusterRole", name))
    };
    let ingress =
        |group: &str| Object::new(&ObjectRef::namespaced(&format!("{group}/v1"), "Gateway", "a", "x"));
    let objects = vec![
        role("a:b"),
        role("a_b"),
        ingress("networking.istio.io"),
        ingress("gateway.networking.k8s.io"),
        ingress("other.io"),
    ];
    let files = files::files(vec![("stage", objects.clone())]);
    assert_eq!(files.len(), objects.len(), "{:?}", names(&files));
    assert!(files.keys().all(|name| !name.contains(':')));
}

#[test]
fn what_several_stages_say_of_an_object_is_one_file_of_the_first() {
    let full = map("a", "params").with_label("x", "y").with("data", json!({"one": "1"}));
    let first = map("a", "params").with("data", json!({"server.insecure": "true"}));
    let second = map("a", "params").with("data", json!({"server.rootpath": "/argocd"}));
    let files = files::files(vec![("install", vec![full]), ("tls", vec![first]), ("root", vec![second])]);
    assert_eq!(names(&files), ["install/configmap-params.yaml"]);
    let expected = map("a", "params")
        .with_label("x", "y")
        .with("data", json!({"one": "1", "server.insecure": "true", "server.rootpath": "/argocd"}));
    assert_eq!(read(&files, "install/configmap-params.yaml"), expected);
}

#[test]
fn lists_are_joined_without_repeating_what_both_have() {
    let project = |namespaces: &[&str]| map("a", "p").with("spec", json!({"destinations": namespaces}));
    let files = files::files(vec![("one", vec![project(&["a", "b"])]), ("two", vec![project(&["b", "c"])])]);
    let merged = read(&files, "one/configmap-p.yaml");
    assert_eq!(merged.get("/spec/destinations"), Some(&json!(["a", "b", "c"])));
}

#[test]
fn a_file_reads_back_as_the_same_object() {
    let data =
        json!({"a": "on", "b": "0644", "c": "1.0", "d": "null", "e": "", "f": "two\nlines", "g": " x: y"});
    let object = map("a", "odd").with("data", data);
    let files = files::files(vec![("stage", vec![object.clone()])]);
    assert_eq!(read(&files, "stage/configmap-odd.yaml"), object);
}

#[test]
fn secrets_are_written_without_their_data() {
    let secret = Object::new(&ObjectRef::namespaced("v1", "Secret", "a", "x"))
        .with("type", "Opaque")
        .with("data", json!({"password": "cGxhbnRlZA=="}))
        .with("stringData", json!({"token": "planted"}))
        .with_annotation("kubectl.kubernetes.io/last-applied-configuration", "planted");
    let files = files::files(vec![("stage", vec![secret])]);
    let text = &files["stage/secret-x.yaml"];
    assert!(text.contains("Opaque"), "{text}");
    for gone in ["planted", "cGxhbnRlZA==", "(hidden)", "\ndata:", "stringData", "last-applied"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
}

#[test]
fn every_file_begins_by_telling_whose_it_is() {
    let files = files::files(vec![("stage", vec![map("a", "one"), map("b", "one")])]);
    for text in files.values() {
        assert_eq!(text.lines().next(), Some("# Rendered by gitops-setup."), "{text}");
    }
}
