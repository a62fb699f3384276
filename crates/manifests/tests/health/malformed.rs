//! A status that nobody can read is never an error, and never healthy.

use serde_json::{Value, json};

use super::{DEGRADED, HEALTHY, PROGRESSING, UNKNOWN, all, kinds};
use crate::sandbox;

/// What may stand where something else is expected.
fn garbage() -> [Value; 8] {
    [
        Value::Null,
        json!(7),
        json!(true),
        json!("garbage"),
        json!([]),
        json!({}),
        json!([7, "garbage", null, {}, [[]]]),
        json!({ "garbage": { "garbage": 7 } }),
    ]
}

/// A ServingRuntime has no status that could be wrong.
fn has_no_status(kind: &str) -> bool {
    kind == "ServingRuntime"
}

#[test]
fn without_a_status_that_can_be_read_nothing_is_healthy() {
    let entries = [json!({}), json!({ "status": "True" }), json!({ "type": 7, "status": 7, "reason": {} })];
    let conditions = garbage().into_iter().chain(entries.map(|entry| json!([entry])));
    let of_conditions = conditions.map(|conditions| json!({ "conditions": conditions }));
    let statuses: Vec<Value> = garbage().into_iter().chain(of_conditions).collect();
    for check in all() {
        let missing = json!({ "apiVersion": "v1", "kind": check.kind, "metadata": { "name": "x" } });
        let objects = statuses.iter().map(|status| json!({ "spec": {}, "status": status }));
        for object in objects.chain([missing, json!({ "spec": "garbage" })]) {
            let (status, message) = sandbox::run(&check.lua(), &object)
                .unwrap_or_else(|error| panic!("{}: {object}: {error}", check.name()));
            let expected = if has_no_status(check.kind) { HEALTHY } else { PROGRESSING };
            assert_eq!(status, expected, "{}: {object}", check.name());
            assert!(!message.is_empty(), "{}: {object}", check.name());
        }
    }
}

/// Words that no published API has.
#[test]
fn a_state_that_is_not_known_is_not_healthy() {
    for (check, _, samples) in kinds().filter(|(check, ..)| !has_no_status(check.kind)) {
        for sample in samples.iter().filter(|sample| sample["health"] == HEALTHY) {
            let mut object = sample["object"].clone();
            rename_texts(&mut object["status"]);
            let (status, _) = sandbox::run(&check.lua(), &object).expect("it says something");
            assert!(
                [PROGRESSING, UNKNOWN, DEGRADED].contains(&status.as_str()),
                "{}: {object}",
                check.name()
            );
        }
    }
}

/// Texts become others, but for types of conditions.
fn rename_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = format!("{text}ish"),
        Value::Array(items) => items.iter_mut().for_each(rename_texts),
        Value::Object(map) => {
            map.iter_mut().filter(|(key, _)| *key != "type").for_each(|(_, inner)| rename_texts(inner));
        }
        _ => {}
    }
}

/// Each part of each sample, in turn, is something else.
#[test]
fn whatever_stands_anywhere_is_no_error() {
    for (check, _, samples) in kinds() {
        let lua = check.lua();
        for sample in samples {
            let object = &sample["object"];
            let mut pointers = Vec::new();
            pointers_into(object, String::new(), &mut pointers);
            for (pointer, garbage) in pointers.iter().flat_map(|p| garbage().map(|value| (p, value))) {
                let mut torn = object.clone();
                *torn.pointer_mut(pointer).expect("it was found there") = garbage;
                let (_, message) = sandbox::run(&lua, &torn)
                    .unwrap_or_else(|error| panic!("{}: {pointer} in {torn}: {error}", check.name()));
                assert!(!message.is_empty(), "{}: {pointer} in {torn}", check.name());
            }
        }
    }
}

fn pointers_into(value: &Value, at: String, found: &mut Vec<String>) {
    let mut enter = |key: &str, inner: &Value| {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        found.push(pointer.clone());
        pointers_into(inner, pointer, found);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| enter(key, inner)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, inner)| enter(&i.to_string(), inner)),
        _ => {}
    }
}
