//! Ways through a value.

use serde_json::Value;

/// A segment of a JSON pointer.
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Calls `visit` with every value and its JSON pointer, the outer ones first.
pub(crate) fn visit<'v>(value: &'v Value, visit: &mut impl FnMut(&str, &'v Value)) {
    step(value, &mut String::new(), visit);
}

fn step<'v>(value: &'v Value, pointer: &mut String, visit: &mut impl FnMut(&str, &'v Value)) {
    visit(pointer, value);
    let length = pointer.len();
    let mut into = |segment: &str, child: &'v Value| {
        pointer.push('/');
        pointer.push_str(segment);
        step(child, pointer, visit);
        pointer.truncate(length);
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| into(&index.to_string(), item));
        }
        Value::Object(map) => map.iter().for_each(|(key, child)| into(&escaped(key), child)),
        _ => {}
    }
}

/// Keys under which pods have their containers.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Every container in an object of any kind, and its JSON pointer.
pub(crate) fn containers(value: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    visit(value, &mut |pointer, value| {
        for key in CONTAINERS {
            let list = value.get(key).and_then(Value::as_array);
            let items = list.into_iter().flatten().enumerate().filter(|(_, item)| item.is_object());
            found.extend(items.map(|(index, item)| (format!("{pointer}/{key}/{index}"), item)));
        }
    });
    found
}

/// Calls `change` with the image of every container.
pub(crate) fn change_images(value: &mut Value, change: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| change_images(item, change)),
        Value::Object(map) => {
            for (key, child) in map {
                if let (true, Value::Array(items)) = (CONTAINERS.contains(&key.as_str()), &mut *child) {
                    for item in items {
                        let new = item.get("image").and_then(Value::as_str).and_then(change);
                        if let Some(new) = new {
                            item["image"] = new.into();
                        }
                    }
                }
                change_images(child, change);
            }
        }
        _ => {}
    }
}
