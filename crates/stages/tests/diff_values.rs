//! Which values are the same, and which are never shown.

use manifests::Object;
use serde_json::{Value, json};
use stages::diff;

const OURS: &str = "gitops-setup";

fn object(value: &Value) -> Object {
    let mut object = json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "x"}});
    object.as_object_mut().expect("a map").extend(value.as_object().expect("a map").clone());
    Object::try_from(object).expect("an object")
}

fn with_owner(mut live: Object, fields: Value) -> Object {
    let entry = json!([{"manager": OURS, "operation": "Apply", "fieldsV1": fields}]);
    live.get_mut("/metadata").expect("metadata")["managedFields"] = entry;
    live
}

/// Compares two values of one field of a live object that somebody else made.
fn differ(pointer: &[&str], desired: Value, live: Value) -> bool {
    let nest = |value: Value| pointer.iter().rev().fold(value, |inner, field| json!({*field: inner}));
    let foreign = |mut live: Object| {
        live.get_mut("/metadata").expect("metadata")["managedFields"] =
            json!([{"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:other": {}}}]);
        live
    };
    !diff::changes(&object(&nest(desired)), &foreign(object(&nest(live))), OURS).is_empty()
}

#[test]
fn quantities_are_compared_by_their_amount() {
    let cpu = ["spec", "resources", "limits", "cpu"];
    for (a, b) in [
        (json!("1000m"), json!("1")),
        (json!("0.5"), json!("500m")),
        (json!(".5"), json!("500m")),
        (json!(1), json!("1")),
        (json!(0.5), json!("500m")),
        (json!("1024Mi"), json!("1Gi")),
        (json!("1.5Gi"), json!("1536Mi")),
        (json!("1000"), json!("1k")),
        (json!("1.0"), json!("1")),
    ] {
        assert!(!differ(&cpu, a.clone(), b.clone()), "{a} {b}");
        assert!(!differ(&cpu, b.clone(), a.clone()), "{b} {a}");
    }
    for (a, b) in [
        ("1", "2"),
        ("1", "1m"),
        ("1M", "1Mi"),
        ("1G", "1M"),
        ("", "1"),
        ("nonsense", "1"),
        ("99999999999999999999999999999999999999E", "99999999999999999999999999999999999998E"),
    ] {
        assert!(differ(&cpu, json!(a), json!(b)), "{a} {b}");
    }
}

#[test]
fn texts_that_are_no_quantities_are_compared_as_texts() {
    for pointer in [
        &["metadata", "labels", "limits"] as &[&str],
        &["metadata", "annotations", "limits", "x"],
        &["data", "limits"],
        &["data", "limits", "cpu"],
        &["spec", "version"],
        &["spec", "limits", "deeper", "still"],
    ] {
        let (mut desired, mut live) = (json!("1"), json!("1.0"));
        if pointer[0] == "metadata" {
            let wrap = |value: &Value| {
                let inner =
                    pointer[1..].iter().rev().fold(value.clone(), |inner, field| json!({*field: inner}));
                let mut inner = inner;
                inner["name"] = json!("x");
                inner
            };
            (desired, live) = (wrap(&desired), wrap(&live));
            assert!(differ(&["metadata"], desired, live), "{pointer:?}");
        } else {
            assert!(differ(pointer, desired.take(), live.take()), "{pointer:?}");
        }
    }
}

#[test]
fn numbers_are_compared_as_numbers_and_never_as_texts() {
    let at = ["spec", "n"];
    assert!(!differ(&at, json!(1), json!(1.0)));
    assert!(!differ(&at, json!(1.0), json!(1)));
    assert!(differ(&at, json!(1), json!("1")));
    assert!(differ(&at, json!("true"), json!(true)));
    assert!(differ(&at, json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64)));
}

/// A missing `allowPrivilegeEscalation` is not `false`, and a missing label is not an empty one.
#[test]
fn a_value_that_says_nothing_is_a_change_until_we_have_applied_it() {
    for value in [json!(false), json!(0), json!(""), json!([]), json!({}), json!({"deeper": false})] {
        let desired = object(&json!({"spec": {"other": 1, "x": value}}));
        let live = object(&json!({"spec": {"other": 1}}));
        let leaf = if value["deeper"].is_null() { json!({}) } else { json!({"f:deeper": {}}) };
        let never = with_owner(live.clone(), json!({"f:spec": {"f:other": {}}}));
        assert_eq!(diff::changes(&desired, &never, OURS).len(), 1, "{value}: nobody applied it");
        let before = with_owner(live, json!({"f:spec": {"f:other": {}, "f:x": leaf}}));
        assert_eq!(diff::changes(&desired, &before, OURS), [], "{value}: the server left it out");
    }
}

#[test]
fn a_value_that_says_nothing_is_a_change_where_another_one_is() {
    for (desired, live) in [
        (json!(false), json!(true)),
        (json!(0), json!(3)),
        (json!(""), json!("x")),
        (json!([]), json!(["x"])),
    ] {
        assert!(differ(&["spec", "x"], desired, live));
    }
}

/// Argo CD v1.6.2 has `data: null` in a ConfigMap that users put certificates into.
#[test]
fn null_is_no_opinion() {
    assert!(!differ(&["data"], Value::Null, json!({"git.acme.com": "PEM"})));
    assert!(!differ(&["data"], Value::Null, Value::Null));
}

#[test]
fn what_another_server_made_of_a_field_is_a_change() {
    assert!(differ(&["spec", "x"], json!({"a": 1}), json!("text")));
    assert!(differ(&["spec", "x"], json!([1]), json!({"a": 1})));
    assert!(differ(&["spec", "x"], json!("text"), Value::Null));
    assert!(differ(&["spec", "x"], json!({"a": {"b": 1}}), Value::Null));
}

#[test]
fn no_value_of_a_secret_is_shown() {
    let secret = |value: Value| {
        let mut value = value;
        value["kind"] = json!("Secret");
        object(&value)
    };
    let live = secret(json!({
        "metadata": {
            "name": "x", "labels": {"l": "old"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "planted", "gone": "planted"},
        },
        "data": {"a": "planted", "gone": "planted"},
        "stringData": {"b": "planted"},
        "type": "Opaque",
    }));
    let live = with_owner(
        live,
        json!({"f:data": {"f:a": {}, "f:gone": {}}, "f:metadata": {"f:annotations": {"f:gone": {}}}}),
    );
    let desired = secret(json!({
        "metadata": {"name": "x", "labels": {"l": "new"}},
        "data": {"a": "wanted-secret"},
        "stringData": {"b": "wanted-secret"},
    }));
    let changes = diff::changes(&desired, &live, OURS);
    let text = format!("{changes:?} {}", serde_json::to_string(&changes).unwrap());
    assert!(!text.contains("planted") && !text.contains("wanted-secret"), "{text}");
    let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "data.a: another value (hidden)",
            r#"metadata.labels.l: "old" -> "new""#,
            "stringData.b: another value (hidden)",
            "data.gone: removed",
            "metadata.annotations.gone: removed",
        ]
    );
}

#[test]
fn of_a_text_of_lines_those_that_differ_are_shown() {
    let text = |lines: &[&str]| object(&json!({"data": {"a": format!("{}\n", lines.join("\n"))}}));
    let change =
        |desired: &[&str], live: &[&str]| diff::changes(&text(desired), &text(live), OURS)[0].to_string();
    assert_eq!(change(&["a", "b", "c"], &["a", "b"]), r#"data.a: + "c""#);
    assert_eq!(change(&["a", "c"], &["a", "b"]), r#"data.a: - "b", + "c""#);
    assert_eq!(
        change(&["1", "2", "3", "4", "5"], &["x", "x"]),
        r#"data.a: - "x", - "x", + "1", + "2", + "3", + 2 more"#
    );
    assert_eq!(change(&["b", "a"], &["a", "b"]), "data.a: the same lines, otherwise put");
}

#[test]
fn long_values_are_cut_for_people() {
    let change = &diff::changes(
        &object(&json!({"data": {"a": "ä".repeat(200)}})),
        &object(&json!({"data": {"a": "short"}})),
        OURS,
    )[0];
    let line = change.to_string();
    assert!(line.ends_with('…') && line.chars().count() < 100, "{line}");
}
