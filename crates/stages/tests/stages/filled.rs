//! Secrets whose values only the interpreter knows: what a plan can tell of them.

use super::support::{KUBERNETES_1_36, STORED, running, set, with};
use manifests::config::SecretRef;
use manifests::fill::{Fill, FilledSecret};
use manifests::{Object, ObjectRef};
use serde_json::{Value, json};
use stages::plan::Action;
use stages::{Apply, Observed, Plan};

fn reference() -> ObjectRef {
    ObjectRef::namespaced("v1", "Secret", "argocd", "repository")
}

/// A Secret with one value that everybody may know, and one that nobody may.
fn secret() -> FilledSecret {
    let object = Object::new(&reference()).with("data", json!({"type": "Z2l0"}));
    FilledSecret { object, fill: vec![("password".into(), Fill::Secret(SecretRef::Env("TOKEN".into())))] }
}

fn live(data: Value) -> Observed {
    with(running(KUBERNETES_1_36), Object::new(&reference()).with("data", data))
}

fn stored(mut observed: Observed) -> Observed {
    observed.stored.insert((reference(), "password".into()));
    observed
}

/// The changes of the apply as they are shown; `None` where there is none.
fn changes(observed: &Observed) -> Option<Vec<String>> {
    let mut plan = Plan::default();
    plan.push_apply(Apply::filled(secret()), observed);
    let text = format!("{plan:?}{}", serde_json::to_string(&plan).expect("a plan has a JSON form"));
    assert!(!text.contains(STORED) && !text.contains("b3RoZXI="), "{text}");
    match plan.actions.as_slice() {
        [] => None,
        [Action::Apply(apply)] => Some(apply.changes.iter().map(ToString::to_string).collect()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_value_that_is_stored_is_no_change() {
    let same = json!({"type": "Z2l0", "password": STORED});
    assert_eq!(changes(&stored(live(same))), None);
}

#[test]
fn another_value_is_a_change_and_hidden() {
    let same = json!({"type": "Z2l0", "password": STORED});
    assert_eq!(changes(&live(same)).unwrap(), [r#"data.password: another value (hidden)"#]);
    assert_eq!(changes(&live(json!({"type": "Z2l0"}))).unwrap(), [r#"data.password: "(hidden)""#]);
    let other = json!({"type": "b3RoZXI=", "password": STORED});
    assert_eq!(changes(&stored(live(other))).unwrap(), [r#"data.type: another value (hidden)"#]);
}

#[test]
fn a_value_that_is_gone_since_it_was_compared_is_a_change() {
    assert_eq!(changes(&stored(live(json!({"type": "Z2l0"})))).unwrap(), [r#"data.password: "(hidden)""#]);
}

#[test]
fn a_secret_that_is_not_there_is_created() {
    let mut plan = Plan::default();
    plan.push_apply(Apply::filled(secret()), &running(KUBERNETES_1_36));
    let [Action::Apply(apply)] = plan.actions.as_slice() else { panic!("{plan:?}") };
    assert!(apply.creates && apply.changes.is_empty());
}

#[test]
fn whoever_else_owns_a_value_is_named() {
    let object = Object::new(&reference()).with("data", json!({"type": "Z2l0", "password": STORED}));
    let fields = json!({"f:data": {"f:password": {}, "f:type": {}}});
    let entry = json!([{"manager": "argocd-server", "operation": "Update", "fieldsV1": fields}]);
    let observed = with(running(KUBERNETES_1_36), set(object, "/metadata", "managedFields", entry));
    assert_eq!(
        changes(&observed).unwrap(),
        [r#"data.password: another value (hidden) (set by argocd-server)"#]
    );
}
