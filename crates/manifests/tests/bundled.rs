//! The built-in Argo CD against the published manifest, and what holds for it without one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use manifests::argocd::{bundled, version::ArgoVersion};
use manifests::{Object, ObjectRef, yaml};
use serde_json::{Value, json};

/// Folder with `install-v3.5.1.yaml`, as published by Argo CD.
const FOLDER_VARIABLE: &str = "GITOPS_SETUP_ARGOCD_MANIFESTS";

/// The published manifest names this namespace in its cluster role bindings.
const NAMESPACE: &str = "argocd";

const CLUSTER_SCOPED: [&str; 3] = ["CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"];

fn published() -> Option<Vec<Object>> {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        eprintln!("skipped: {FOLDER_VARIABLE} is not set (folder with Argo CD's published manifests)");
        return None;
    };
    let file = Path::new(&folder).join(format!("install-{}.yaml", ArgoVersion::current()));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    Some(yaml::parse_objects(&text).expect("the published manifest is readable"))
}

/// The published object with everything spelled out that the built-in one spells out: namespace, namespace of
/// subjects and protocol of service ports.
fn spelled_out(object: Object) -> Object {
    let object =
        if CLUSTER_SCOPED.contains(&object.kind()) { object } else { object.with_namespace(NAMESPACE) };
    match object.kind() {
        "RoleBinding" => with_default(object, "/subjects", "namespace", NAMESPACE),
        "Service" => with_default(object, "/spec/ports", "protocol", "TCP"),
        _ => object,
    }
}

fn with_default(mut object: Object, list: &str, field: &str, value: &str) -> Object {
    for item in object.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
        item.as_object_mut().expect("a list of maps").entry(field).or_insert(json!(value));
    }
    object
}

fn by_reference(objects: Vec<Object>) -> BTreeMap<ObjectRef, Object> {
    objects.into_iter().map(|object| (object.reference(), object)).collect()
}

/// One line per difference: JSON pointer, published value, built-in value.
fn differences(path: &str, published: &Value, built_in: &Value, found: &mut Vec<String>) {
    match (published, built_in) {
        (Value::Object(left), Value::Object(right)) => {
            for key in left.keys().chain(right.keys()).collect::<BTreeSet<_>>() {
                let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                compare_optional(&path, left.get(key), right.get(key), found);
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for index in 0..left.len().max(right.len()) {
                compare_optional(&format!("{path}/{index}"), left.get(index), right.get(index), found);
            }
        }
        _ if published == built_in => {}
        _ => found.push(format!("{path}: published {published}, built in {built_in}")),
    }
}

fn compare_optional(path: &str, left: Option<&Value>, right: Option<&Value>, found: &mut Vec<String>) {
    match (left, right) {
        (Some(left), Some(right)) => differences(path, left, right, found),
        (Some(left), None) => found.push(format!("{path}: published {left}, not built in")),
        (None, Some(right)) => found.push(format!("{path}: not published, built in {right}")),
        (None, None) => {}
    }
}

fn assert_equal(pairs: impl IntoIterator<Item = (Object, Object)>) {
    let mut found = Vec::new();
    for (published, built_in) in pairs {
        let mut inside = Vec::new();
        differences("", published.as_value(), built_in.as_value(), &mut inside);
        found.extend(inside.into_iter().map(|line| format!("{}: {line}", published.reference())));
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

/// Published and built-in objects of the same name, the wanted ones only.
fn pairs(published: Vec<Object>, wanted: impl Fn(&Object) -> bool) -> Vec<(Object, Object)> {
    let mut built_in = by_reference(bundled::objects(NAMESPACE));
    let published = published.into_iter().map(spelled_out).filter(wanted);
    published.filter_map(|object| built_in.remove(&object.reference()).map(|own| (object, own))).collect()
}

fn is_definition(object: &Object) -> bool {
    object.kind() == "CustomResourceDefinition"
}

#[test]
fn the_same_objects_as_published() {
    let Some(published) = published() else { return };
    let names = |objects: Vec<Object>| by_reference(objects).into_keys().collect::<BTreeSet<_>>();
    let published = names(published.into_iter().map(spelled_out).collect());
    let built_in = names(bundled::objects(NAMESPACE));
    let only = |left: &BTreeSet<ObjectRef>, right: &BTreeSet<ObjectRef>| {
        left.difference(right).map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(only(&published, &built_in), [""; 0], "published but not built in");
    assert_eq!(only(&built_in, &published), [""; 0], "built in but not published");
}

#[test]
fn everything_but_definitions_equals_the_published() {
    let Some(published) = published() else { return };
    let pairs = pairs(published, |object| !is_definition(object));
    assert_eq!(pairs.len(), bundled::objects(NAMESPACE).len() - 3);
    assert_equal(pairs);
}

/// A definition with its schema reduced to what the built-in one keeps: the fields of the first level and
/// which of them are required.
fn outline(mut object: Object) -> Object {
    let schema = object.get_mut("/spec/versions/0/schema/openAPIV3Schema").expect("a schema");
    schema.as_object_mut().expect("a map").remove("description");
    for property in schema["properties"].as_object_mut().expect("a map").values_mut() {
        *property = json!({"type": property["type"]});
    }
    object
}

#[test]
fn definitions_equal_the_published_apart_from_what_is_inside_their_fields() {
    let Some(published) = published() else { return };
    let pairs = pairs(published, is_definition);
    assert_eq!(pairs.len(), 3);
    assert_equal(pairs.into_iter().map(|(published, built_in)| (outline(published), outline(built_in))));
}

/// Server-side apply replaces lists of a field without a schema as a whole. That is only equal to the
/// published definitions as long as these merge no list by key.
#[test]
fn no_published_definition_merges_a_list_by_key() {
    let Some(published) = published() else { return };
    for definition in published.iter().filter(|object| is_definition(object)) {
        let mut found = Vec::new();
        merged_lists("", definition.as_value(), &mut found);
        assert!(found.is_empty(), "{}: {}", definition.reference(), found.join(", "));
    }
}

fn merged_lists(path: &str, value: &Value, found: &mut Vec<String>) {
    if value["x-kubernetes-list-type"].as_str().is_some_and(|kind| kind != "atomic") {
        found.push(path.to_owned());
    }
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| merged_lists(&format!("{path}/{k}"), v, found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, v)| merged_lists(&format!("{path}/{i}"), v, found));
        }
        _ => {}
    }
}

#[test]
fn a_difference_is_named_by_its_path() {
    let mut found = Vec::new();
    let left = json!({"a/b": [1, {"c": true}], "gone": null});
    differences("", &left, &json!({"a/b": [1, {"c": false}, 2]}), &mut found);
    let expected = [
        "/a~1b/1/c: published true, built in false",
        "/a~1b/2: not published, built in 2",
        "/gone: published null, not built in",
    ];
    assert_eq!(found, expected);
}

#[test]
fn namespaced_objects_are_in_the_namespace_given() {
    for object in bundled::objects("gitops") {
        let expected = (!CLUSTER_SCOPED.contains(&object.kind())).then_some("gitops");
        assert_eq!(object.namespace(), expected, "{}", object.reference());
    }
}

#[test]
fn the_namespace_reaches_the_subjects_of_bindings() {
    let objects = bundled::objects("gitops");
    let bindings: Vec<_> = objects.iter().filter(|object| object.kind().ends_with("Binding")).collect();
    assert_eq!(bindings.len(), 9);
    for binding in bindings {
        for subject in binding.list("/subjects") {
            assert_eq!(subject["namespace"], "gitops", "{}", binding.reference());
        }
    }
    let text: String = objects.iter().map(|object| object.as_value().to_string()).collect();
    assert!(!text.contains(r#""namespace":"argocd""#));
}

#[test]
fn nothing_is_there_twice() {
    let objects = bundled::objects("gitops");
    let count = objects.len();
    assert_eq!(by_reference(objects).len(), count);
}

#[test]
fn what_others_refer_to_comes_first() {
    const ORDER: [&[&str]; 8] = [
        &["CustomResourceDefinition"],
        &["ServiceAccount"],
        &["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
        &["ConfigMap"],
        &["Secret"],
        &["Service"],
        &["Deployment", "StatefulSet"],
        &["NetworkPolicy"],
    ];
    let place = |object: &Object| ORDER.iter().position(|kinds| kinds.contains(&object.kind())).unwrap();
    assert!(bundled::objects("gitops").iter().map(place).is_sorted());
}

#[test]
fn every_service_port_has_a_protocol() {
    for service in bundled::objects("gitops").iter().filter(|object| object.kind() == "Service") {
        for port in service.list("/spec/ports") {
            assert_eq!(port["protocol"], "TCP", "{}", service.reference());
        }
    }
}

#[test]
fn volumes_and_mounts_belong_together() {
    for object in bundled::objects("gitops") {
        let names = |pointer: &str, object: &Object| -> BTreeSet<String> {
            object.list(pointer).iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
        };
        let containers = ["/spec/template/spec/containers", "/spec/template/spec/initContainers"];
        let mounted: BTreeSet<_> = containers
            .iter()
            .flat_map(|list| (0..object.list(list).len()).map(move |i| format!("{list}/{i}/volumeMounts")))
            .flat_map(|pointer| names(&pointer, &object))
            .collect();
        assert_eq!(mounted, names("/spec/template/spec/volumes", &object), "{}", object.reference());
    }
}

#[test]
fn the_images_are_those_of_the_current_version() {
    let text: String = bundled::objects("gitops").iter().map(|o| o.as_value().to_string()).collect();
    let tags: BTreeSet<_> =
        text.split("quay.io/argoproj/argocd:").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), [ArgoVersion::current().to_string()]);
}
