//! Server-side apply on plain values: which fields an apply owns, what it writes, and what goes with it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Components of a path as `managedFields` writes them: `f:spec`, `k:{"name":"x"}`, and `.` for an item itself.
pub(crate) type Path = Vec<String>;
/// Fields, by their paths.
pub(crate) type Fields = BTreeSet<Path>;

/// Lists whose items have an identity, in the kinds that Kubernetes itself serves.
const KEYED: [(&str, &[&str]); 9] = [
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("env", &["name"]),
    ("volumes", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("imagePullSecrets", &["name"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("secrets", &["name"]),
    ("ports", &[]),
];
/// Maps that the server takes as a whole.
const WHOLE: [&str; 2] = ["selector", "nodeSelector"];

/// How the server treats what is in an object of some kind.
#[derive(Clone, Copy)]
pub(crate) struct Schema {
    /// Its lists and maps are those of Kubernetes' own kinds; in all others lists are taken as a whole.
    pub(crate) built_in: bool,
}

impl Schema {
    fn keys(self, path: &[String], items: &[Value]) -> Option<&'static [&'static str]> {
        let field = path.last()?.strip_prefix("f:")?;
        let (_, keys) = KEYED.iter().find(|(name, _)| *name == field).filter(|_| self.built_in)?;
        match keys {
            // Of a container, of a Service, or of a NetworkPolicy, which has no keys.
            [] if items.iter().any(|item| !item["containerPort"].is_null()) => {
                Some(&["containerPort", "protocol"])
            }
            [] if path.len() == 2 => Some(&["port", "protocol"]),
            [] => None,
            keys => Some(keys),
        }
    }

    fn is_whole(self, path: &[String]) -> bool {
        let field = path.last().and_then(|last| last.strip_prefix("f:"));
        self.built_in && field.is_some_and(|field| WHOLE.contains(&field))
    }

    /// The fields that an apply of `value` owns.
    pub(crate) fn owned(self, value: &Value, path: &mut Path, found: &mut Fields) {
        match value {
            Value::Null => {}
            Value::Object(map) if !map.is_empty() && !self.is_whole(path) => {
                for (field, value) in map {
                    within(path, format!("f:{field}"), |path| self.owned(value, path, found));
                }
            }
            Value::Array(items) => match self.keys(path, items) {
                None => drop(found.insert(path.clone())),
                Some(keys) => {
                    for item in items {
                        within(path, item_key(item, keys), |path| {
                            found.insert([path.as_slice(), &[".".to_owned()]].concat());
                            self.owned(item, path, found);
                        });
                    }
                }
            },
            _ => drop(found.insert(path.clone())),
        }
    }

    /// Writes `applied` into `live`.
    pub(crate) fn write(self, live: &mut Value, applied: &Value, path: &mut Path) {
        match applied {
            Value::Null => {}
            Value::Object(map) if !map.is_empty() && !self.is_whole(path) => {
                if !live.is_object() {
                    *live = json!({});
                }
                for (field, value) in map {
                    let live = &mut live[field.as_str()];
                    within(path, format!("f:{field}"), |path| self.write(live, value, path));
                }
                live.as_object_mut().expect("a map").retain(|_, value| !value.is_null());
            }
            Value::Array(items) => match self.keys(path, items) {
                None => live.clone_from(applied),
                Some(keys) => {
                    if !live.is_array() {
                        *live = json!([]);
                    }
                    let list = live.as_array_mut().expect("a list");
                    for item in items {
                        let key = item_key(item, keys);
                        let at = list.iter().position(|other| item_key(other, keys) == key);
                        let at = at.unwrap_or_else(|| {
                            list.push(json!({}));
                            list.len() - 1
                        });
                        within(path, key, |path| self.write(&mut list[at], item, path));
                    }
                }
            },
            // What is empty and left out means the same to the server.
            Value::Object(_) if live.is_object() && !self.is_whole(path) => {}
            _ => live.clone_from(applied),
        }
    }
}

/// The value at a path; null where there is none.
pub(crate) fn at<'a>(value: &'a Value, path: &[String]) -> &'a Value {
    const NULL: &Value = &Value::Null;
    path.iter().fold(value, |value, part| match part.split_once(':') {
        Some(("f", field)) => &value[field],
        Some(("k", key)) => position(value, key).map_or(NULL, |index| &value[index]),
        _ => value,
    })
}

/// Takes the value at a path away, and the maps that are empty then.
pub(crate) fn remove(value: &mut Value, path: &[String]) {
    let Some((part, rest)) = path.split_first() else { return };
    match part.split_once(':') {
        Some(("f", field)) => {
            let Some(map) = value.as_object_mut() else { return };
            if rest.is_empty() {
                map.remove(field);
            } else if let Some(inner) = map.get_mut(field) {
                remove(inner, rest);
                if inner.as_object().is_some_and(Map::is_empty) {
                    map.remove(field);
                }
            }
        }
        Some(("k", key)) => {
            let Some(index) = position(value, key) else { return };
            match rest {
                [itself] if itself == "." => drop(value.as_array_mut().expect("a list").remove(index)),
                rest => remove(&mut value[index], rest),
            }
        }
        _ => {}
    }
}

/// Fields in the form of `managedFields`.
pub(crate) fn as_v1(fields: &Fields) -> Value {
    let mut tree = json!({});
    for path in fields {
        let mut place = &mut tree;
        for part in path {
            place = place.as_object_mut().expect("a map").entry(part).or_insert_with(|| json!({}));
        }
    }
    tree
}

fn within(path: &mut Path, part: String, then: impl FnOnce(&mut Path)) {
    path.push(part);
    then(path);
    path.pop();
}

fn position(list: &Value, key: &str) -> Option<usize> {
    let wanted: Map<String, Value> = serde_json::from_str(key).expect("a key of an item");
    let keys: Vec<&str> = wanted.keys().map(String::as_str).collect();
    list.as_array()?.iter().position(|item| item_key(item, &keys) == format!("k:{key}"))
}

fn item_key(item: &Value, keys: &[&str]) -> String {
    let mut key = Map::new();
    for name in keys {
        let value = match &item[*name] {
            Value::Null if *name == "protocol" => json!("TCP"),
            value => value.clone(),
        };
        key.insert((*name).to_owned(), value);
    }
    format!("k:{}", Value::Object(key))
}
