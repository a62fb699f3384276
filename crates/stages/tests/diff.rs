//! The comparison that decides whether anything is written. `unchanged` where something differs would be
//! dangerous, `changed` after every apply annoying; both have their tables here.

use manifests::Object;
use serde_json::{Value, json};
use stages::diff::{self, Change};

const OURS: &str = "gitops-setup";

/// A live object: `body` over a Deployment's name, with what managers own.
fn object(kind: &str, body: Value) -> Object {
    let mut value = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}});
    for (field, inner) in body.as_object().expect("a map") {
        match field.as_str() {
            "metadata" => {
                let more = inner.as_object().expect("a map").clone();
                value["metadata"].as_object_mut().expect("a map").extend(more);
            }
            _ => value[field] = inner.clone(),
        }
    }
    Object::try_from(value).expect("an object")
}

/// Manager, operation and fields.
type Owner<'a> = (&'a str, &'a str, Value);

fn live(kind: &str, body: Value, owners: Vec<Owner<'_>>) -> Object {
    let entry = |(manager, operation, fields): Owner<'_>| json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields});
    let mut value = Value::from(object(kind, body));
    value["metadata"]["managedFields"] = owners.into_iter().map(entry).collect();
    Object::try_from(value).expect("an object")
}

fn applied(fields: Value) -> Owner<'static> {
    (OURS, "Apply", fields)
}

fn changes(kind: &str, desired: Value, live: &Object) -> Vec<Change> {
    diff::changes(&object(kind, desired), live, OURS)
}

fn shown(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

/// What is shown for `spec`, compared with a live `spec` that we applied with `fields`.
fn spec(desired: Value, is: Value, fields: Value) -> Vec<String> {
    let live = live("X", json!({"spec": is}), vec![applied(json!({"f:spec": fields}))]);
    shown(&changes("X", json!({"spec": desired}), &live))
}

#[test]
fn what_is_the_same_is_unchanged() {
    let fields = json!({"f:a": {}, "f:b": {"f:c": {}}, "f:list": {}});
    let body = json!({"a": 1, "b": {"c": "x"}, "list": ["p", "q"]});
    assert_eq!(spec(body.clone(), body, fields), [""; 0]);
}

#[test]
fn a_changed_value_is_shown_with_both_and_with_who_set_it() {
    let live = live(
        "X",
        json!({"spec": {"replicas": 3}}),
        vec![
            applied(json!({"f:spec": {}})),
            ("kubectl", "Update", json!({"f:spec": {"f:replicas": {}}})),
            ("kubectl", "Apply", json!({"f:spec": {"f:replicas": {}}})),
            ("helm", "Update", json!({"f:spec": {"f:replicas": {}}})),
        ],
    );
    let changes = changes("X", json!({"spec": {"replicas": 1}}), &live);
    assert_eq!(shown(&changes), ["spec.replicas: 3 -> 1 (set by kubectl, helm)"]);
}

#[test]
fn who_scaled_a_workload_is_named_too() {
    let mut live = live(
        "X",
        json!({"spec": {"replicas": 3}}),
        vec![("kubectl", "Update", json!({"f:spec": {"f:replicas": {}}}))],
    );
    live.get_mut("/metadata/managedFields/0").unwrap()["subresource"] = json!("scale");
    assert_eq!(changes("X", json!({"spec": {"replicas": 1}}), &live)[0].owners, ["kubectl"]);
}

#[test]
fn a_new_key_of_a_map_is_a_change_and_a_foreign_one_is_not() {
    let live = live(
        "ConfigMap",
        json!({"data": {"a": "1", "foreign": "x"}}),
        vec![
            applied(json!({"f:data": {"f:a": {}}})),
            ("kubectl", "Update", json!({"f:data": {"f:foreign": {}}})),
        ],
    );
    assert_eq!(shown(&changes("ConfigMap", json!({"data": {"a": "1"}}), &live)), [""; 0]);
    assert_eq!(
        shown(&changes("ConfigMap", json!({"data": {"a": "1", "server.rootpath": "/argocd"}}), &live)),
        [r#"data[server.rootpath]: "/argocd""#]
    );
}

#[test]
fn a_field_that_we_applied_and_no_longer_want_goes() {
    let live = live(
        "Namespace",
        json!({"metadata": {"labels": {"keep": "1", "ours": "2", "foreign": "3", "theirs": "4"}}}),
        vec![
            applied(json!({"f:metadata": {"f:labels": {"f:keep": {}, "f:ours": {}}}})),
            ("kubectl", "Update", json!({"f:metadata": {"f:labels": {"f:foreign": {}}}})),
            ("gitops-setup-other-stage", "Apply", json!({"f:metadata": {"f:labels": {"f:theirs": {}}}})),
        ],
    );
    let desired = json!({"metadata": {"labels": {"keep": "1"}}});
    assert_eq!(shown(&changes("Namespace", desired, &live)), ["metadata.labels.ours: removed"]);
}

#[test]
fn what_is_gone_already_is_not_removed_again() {
    assert_eq!(spec(json!({}), json!({}), json!({"f:a": {}, "f:b": {"f:c": {}}})), [""; 0]);
}

#[test]
fn containers_are_compared_by_name_and_not_by_place() {
    let fields = json!({"f:containers": {
        "k:{\"name\":\"one\"}": {".": {}, "f:name": {}, "f:image": {}},
        "k:{\"name\":\"two\"}": {".": {}, "f:name": {}, "f:image": {}, "f:env": {
            "k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}},
        }},
    }});
    let is = json!({"containers": [
        {"name": "sidecar", "image": "s"},
        {"name": "one", "image": "i:1", "imagePullPolicy": "Always"},
        {"name": "two", "image": "i:1", "env": [{"name": "Z", "value": "z"}, {"name": "A", "value": "a"}]},
    ]});
    let desired = |image: &str, value: &str| {
        json!({"containers": [
            {"name": "one", "image": image},
            {"name": "two", "image": "i:1", "env": [{"name": "A", "value": value}]},
        ]})
    };
    assert_eq!(spec(desired("i:1", "a"), is.clone(), fields.clone()), [""; 0]);
    assert_eq!(
        spec(desired("i:2", "b"), is.clone(), fields.clone()),
        [r#"spec.containers[one].image: "i:1" -> "i:2""#, r#"spec.containers[two].env[A].value: "a" -> "b""#]
    );
    let fewer = json!({"containers": [{"name": "two", "image": "i:1"}]});
    let removed = spec(fewer, is, fields);
    assert!(removed.contains(&"spec.containers[one].image: removed".to_owned()), "{removed:?}");
    assert!(removed.contains(&"spec.containers[two].env[A].value: removed".to_owned()), "{removed:?}");
}

#[test]
fn ports_are_compared_by_number_and_protocol_with_tcp_as_the_default() {
    let fields = json!({"f:ports": {
        "k:{\"port\":53,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}},
        "k:{\"port\":53,\"protocol\":\"UDP\"}": {".": {}, "f:port": {}, "f:targetPort": {}},
    }});
    let is = json!({"ports": [
        {"port": 53, "protocol": "UDP", "targetPort": 2}, {"port": 53, "protocol": "TCP", "targetPort": 1},
    ]});
    let desired = |target: u16| json!({"ports": [{"port": 53, "targetPort": target}, {"port": 53, "protocol": "UDP", "targetPort": 2}]});
    assert_eq!(spec(desired(1), is.clone(), fields.clone()), [""; 0]);
    assert_eq!(spec(desired(9), is, fields), ["spec.ports[53,TCP].targetPort: 1 -> 9"]);
}

#[test]
fn items_of_a_set_are_there_or_not() {
    let live = live(
        "X",
        json!({"metadata": {"finalizers": ["foreign", "a", "b"]}}),
        vec![
            applied(json!({"f:metadata": {"f:finalizers": {"v:\"a\"": {}, "v:\"b\"": {}}}})),
            ("other", "Update", json!({"f:metadata": {"f:finalizers": {"v:\"foreign\"": {}}}})),
        ],
    );
    let with = |items: Value| shown(&changes("X", json!({"metadata": {"finalizers": items}}), &live));
    assert_eq!(with(json!(["b", "a"])), [""; 0]);
    assert_eq!(with(json!(["a"])), ["metadata.finalizers[b]: removed"]);
    assert_eq!(with(json!(["a", "b", "c"])).len(), 1);
}

#[test]
fn an_atomic_list_is_compared_whole_and_in_its_order() {
    let fields = json!({"f:args": {}});
    let with = |desired: Value| spec(desired, json!({"args": ["a", "b"]}), fields.clone());
    assert_eq!(with(json!({"args": ["a", "b"]})), [""; 0]);
    assert_eq!(with(json!({"args": ["b", "a"]})), [r#"spec.args: ["a","b"] -> ["b","a"]"#]);
    assert_eq!(with(json!({"args": ["a"]})), [r#"spec.args: ["a","b"] -> ["a"]"#]);
    assert_eq!(with(json!({"args": []})), [r#"spec.args: ["a","b"] -> []"#]);
    assert_eq!(with(json!({})), ["spec.args: removed"]);
}

#[test]
fn what_the_server_fills_into_an_atomic_list_is_no_change() {
    for (desired, is) in [
        (json!([{"port": 80}]), json!([{"port": 80, "protocol": "TCP"}])),
        (
            json!([{"kind": "Group", "name": "g"}]),
            json!([{"kind": "Group", "name": "g", "apiGroup": "rbac.authorization.k8s.io"}]),
        ),
        (
            json!([{"fieldRef": {"fieldPath": "x"}}]),
            json!([{"fieldRef": {"fieldPath": "x", "apiVersion": "v1"}}]),
        ),
        (
            json!([{"metadata": {"name": "v"}, "spec": {"accessModes": ["a"]}}]),
            json!([{
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "v", "creationTimestamp": null},
                "spec": {"accessModes": ["a"], "volumeMode": "Filesystem"}, "status": {"phase": "Pending"},
            }]),
        ),
        (json!([{"a": 1, "empty": []}]), json!([{"a": 1}])),
    ] {
        assert_eq!(spec(json!({"list": desired}), json!({"list": is}), json!({"f:list": {}})), [""; 0]);
    }
}

/// Applying takes these away, so they are no `unchanged`: a host that was dropped from the configuration stays
/// in force otherwise, and a rule narrowed by hand stays narrow.
#[test]
fn what_is_left_over_in_an_atomic_list_is_a_change() {
    for (desired, is) in [
        (json!([{"http": {}}]), json!([{"http": {}, "host": "old.acme.com"}])),
        (json!([{"name": "gw"}]), json!([{"name": "gw", "sectionName": "https"}])),
        (json!([{"verbs": ["get"]}]), json!([{"verbs": ["get"], "resourceNames": ["only-this"]}])),
        (
            json!([{"from": [{"namespaceSelector": {}}]}]),
            json!([{"from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]}]),
        ),
        (json!([{}]), json!([{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}])),
        (json!([{"name": "role"}]), json!([{"name": "role", "groups": ["everyone"]}])),
    ] {
        let found = spec(json!({"list": desired}), json!({"list": is}), json!({"f:list": {}}));
        assert_eq!(found.len(), 1, "{desired} {is}");
    }
}

/// A selector with one more label selects nothing; applying ours replaces it whole.
#[test]
fn a_map_that_the_server_takes_whole_is_compared_whole() {
    let live = |owner: &str, operation: &str| {
        live(
            "Service",
            json!({"spec": {"selector": {"app": "argocd-server", "extra": "x"}}}),
            vec![(owner, operation, json!({"f:spec": {"f:selector": {}}}))],
        )
    };
    let desired = json!({"spec": {"selector": {"app": "argocd-server"}}});
    for live in [live("kubectl", "Update"), live(OURS, "Apply")] {
        assert_eq!(changes("Service", desired.clone(), &live).len(), 1);
    }
    let everything = json!({"spec": {"selector": {}}});
    assert_eq!(changes("Service", everything.clone(), &live("kubectl", "Update")).len(), 1);
}

#[test]
fn what_the_server_fills_into_an_empty_map_is_no_change() {
    let is = json!({"strategy": {"type": "RollingUpdate"}});
    assert_eq!(spec(json!({"strategy": {}}), is, json!({"f:strategy": {}})), [""; 0]);
}

#[test]
fn a_field_somebody_else_put_beside_ours_stays() {
    let live = live(
        "X",
        json!({"spec": {"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}}}),
        vec![
            applied(json!({"f:spec": {"f:resources": {"f:limits": {"f:cpu": {}}}}})),
            ("vpa", "Update", json!({"f:spec": {"f:resources": {"f:requests": {".": {}, "f:cpu": {}}}}})),
        ],
    );
    let desired = json!({"spec": {"resources": {"limits": {"cpu": "1"}}}});
    assert_eq!(shown(&changes("X", desired, &live)), [""; 0]);
}

#[test]
fn texts_of_many_lines_are_counted_and_lua_is_called_so() {
    let key = "resource.customizations.health.ray.io_RayJob";
    let lua = |lines: usize| "hs = {}\n".repeat(lines);
    let fresh = live("ConfigMap", json!({}), Vec::new());
    let desired = json!({ "data": { key: lua(34), "notes": "a\nb\nc\n", "short": "a\n" } });
    assert_eq!(
        shown(&changes("ConfigMap", desired, &fresh)),
        ["data: 3 keys: notes, resource.customizations.health.ray.io_RayJob, short"]
    );
    let there = live("ConfigMap", json!({ "data": { key: lua(34), "other": "x" } }), Vec::new());
    let desired = json!({ "data": { key: lua(36), "notes": "a\nb\nc\n", "short": "a\n" } });
    assert_eq!(
        shown(&changes("ConfigMap", desired, &there)),
        [
            "data.notes: 3 lines".to_owned(),
            format!("data[{key}]: 34 lines of Lua -> 36 lines of Lua"),
            "data.short: \"a\\n\"".to_owned(),
        ]
    );
}
