//! What server-side apply would change: desired fields that live objects lack or hold otherwise, and fields
//! that we own and no longer want.
//!
//! Comparing here costs one read; asking the server with a dry run would cost a write request an object.

use std::fmt;

use manifests::Object;
use serde::Serialize;
use serde_json::{Map, Value};

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Path as people write it: `spec.template.spec.containers[0].image`.
    pub path: String,
    /// The live value; `None` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// The desired value; `None` where the field goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// Field managers other than ours that own the field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.to) {
            (None, Some(to)) => write!(f, "{}: {}", self.path, short(to))?,
            (Some(from), Some(to)) => write!(f, "{}: {} -> {}", self.path, short(from), short(to))?,
            (_, None) => write!(f, "{}: removed", self.path)?,
        }
        match self.owners.as_slice() {
            [] => Ok(()),
            owners => write!(f, " (set by {})", owners.join(", ")),
        }
    }
}

fn short(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What applying `desired` as `manager` would change in `live`. Values of a Secret are never shown.
pub fn changes(desired: &Object, live: &Object, manager: &str) -> Vec<Change> {
    let managers = Managers::of(live);
    let mut diff = Diff { managers: &managers, found: Vec::new(), hide: desired.kind() == "Secret" };
    let mut path = Path::default();
    for (field, value) in desired.as_value().as_object().into_iter().flatten() {
        if !matches!(field.as_str(), "apiVersion" | "kind") {
            path.enter_field(field, |path| diff.compare(value, &live.as_value()[field], path));
        }
    }
    if let Some(owned) = managers.applied(manager) {
        diff.removed(owned, Some(desired.as_value()), live.as_value(), &mut path);
    }
    diff.found
}

/// Who owns which field, out of `metadata.managedFields`.
struct Managers<'a> {
    entries: Vec<(&'a str, bool, &'a Map<String, Value>)>,
}

impl<'a> Managers<'a> {
    fn of(live: &'a Object) -> Self {
        let entries = live
            .list("/metadata/managedFields")
            .iter()
            .filter(|entry| entry["subresource"].is_null())
            .filter_map(|entry| {
                Some((
                    entry["manager"].as_str()?,
                    entry["operation"] == "Apply",
                    entry["fieldsV1"].as_object()?,
                ))
            })
            .collect();
        Self { entries }
    }

    fn applied(&self, manager: &str) -> Option<&'a Map<String, Value>> {
        self.entries
            .iter()
            .find(|(name, applied, _)| *applied && *name == manager)
            .map(|(_, _, fields)| *fields)
    }

    fn owners(&self, path: &Path) -> Vec<String> {
        let owns = |fields: &Map<String, Value>| path.lookup(fields).is_some();
        self.entries
            .iter()
            .filter(|(name, _, fields)| !name.starts_with(manifests::MANAGER) && owns(fields))
            .map(|(name, ..)| (*name).to_owned())
            .collect()
    }

    /// The keys by which the server tells the items of the list at `path` apart; `None` where it takes the
    /// list as a whole or has never seen it.
    fn list_keys(&self, path: &Path) -> Option<Vec<String>> {
        self.entries.iter().find_map(|(_, _, fields)| {
            let item = path.lookup(fields)?.keys().find_map(|key| key.strip_prefix("k:"))?;
            let key: Map<String, Value> = serde_json::from_str(item).ok()?;
            Some(key.keys().cloned().collect())
        })
    }
}

/// Where we are, both as people write it and as `managedFields` writes it.
#[derive(Default)]
struct Path {
    shown: String,
    keys: Vec<String>,
}

impl Path {
    fn enter_field<T>(&mut self, field: &str, then: impl FnOnce(&mut Self) -> T) -> T {
        let shown = match field.contains(['.', '/']) {
            true => format!("[{field}]"),
            false if self.shown.is_empty() => field.to_owned(),
            false => format!(".{field}"),
        };
        self.enter(&shown, format!("f:{field}"), then)
    }

    fn enter<T>(&mut self, shown: &str, key: String, then: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.shown.len();
        self.shown.push_str(shown);
        self.keys.push(key);
        let result = then(self);
        self.keys.pop();
        self.shown.truncate(length);
        result
    }

    fn holds_quantities(&self) -> bool {
        self.keys
            .iter()
            .any(|key| matches!(key.as_str(), "f:limits" | "f:requests" | "f:capacity" | "f:sizeLimit"))
    }

    fn lookup<'a>(&self, fields: &'a Map<String, Value>) -> Option<&'a Map<String, Value>> {
        self.keys.iter().try_fold(fields, |fields, key| fields.get(key)?.as_object())
    }
}

struct Diff<'a> {
    managers: &'a Managers<'a>,
    found: Vec<Change>,
    hide: bool,
}

impl Diff<'_> {
    fn compare(&mut self, desired: &Value, live: &Value, path: &mut Path) {
        match (desired, live) {
            // The server leaves out what says nothing.
            (desired, Value::Null) if says_nothing(desired) => {}
            (Value::Object(desired), Value::Object(live)) => {
                for (field, value) in desired {
                    let live = live.get(field).unwrap_or(&Value::Null);
                    path.enter_field(field, |path| self.compare(value, live, path));
                }
            }
            (Value::Array(desired), Value::Array(live)) => self.compare_lists(desired, live, path),
            (desired, live) if same_scalar(desired, live, path) => {}
            (desired, live) => self.push(Some(live).filter(|v| !v.is_null()), Some(desired), path),
        }
    }

    fn compare_lists(&mut self, desired: &[Value], live: &[Value], path: &mut Path) {
        let Some(keys) = self.managers.list_keys(path) else {
            // Atomic: the same items in the same order, but for what the server filled in.
            let same = desired.len() == live.len()
                && desired.iter().zip(live).all(|(desired, live)| self.within(desired, live, path));
            if !same {
                self.push(Some(&Value::from(live)), Some(&Value::from(desired)), path);
            }
            return;
        };
        for item in desired {
            let matches =
                |other: &&Value| keys.iter().all(|key| key_value(item, key) == key_value(other, key));
            let live = live.iter().find(matches).unwrap_or(&Value::Null);
            let (shown, key) = item_key(item, &keys);
            path.enter(&shown, key, |path| self.compare(item, live, path));
        }
    }

    fn within(&self, desired: &Value, live: &Value, path: &mut Path) -> bool {
        let mut inner = Diff { managers: self.managers, found: Vec::new(), hide: self.hide };
        inner.compare(desired, live, path);
        inner.found.is_empty()
    }

    /// Fields in `owned` that `desired` no longer has.
    fn removed(
        &mut self,
        owned: &Map<String, Value>,
        desired: Option<&Value>,
        live: &Value,
        path: &mut Path,
    ) {
        for (key, inner) in owned {
            let Some((kind, name)) = key.split_once(':') else { continue };
            let (desired, live, shown) = match kind {
                "f" => (desired.and_then(|d| d.get(name)), &live[name], None),
                "k" => {
                    let Ok(fields) = serde_json::from_str::<Map<String, Value>>(name) else { continue };
                    let keys: Vec<String> = fields.keys().cloned().collect();
                    let item = Value::Object(fields);
                    let find = |list: &Value| position(list, &item, &keys);
                    let desired = desired.and_then(|list| Some(&list[find(list)?]));
                    let live = find(live).map_or(&Value::Null, |index| &live[index]);
                    (desired, live, Some(item_key(&item, &keys).0))
                }
                _ => continue,
            };
            let mut visit = |path: &mut Path| match inner.as_object().filter(|inner| !inner.is_empty()) {
                _ if live.is_null() => {}
                Some(inner) => self.removed(inner, desired, live, path),
                None if desired.is_none() => self.push(Some(live), None, path),
                None => {}
            };
            match shown {
                Some(shown) => path.enter(&shown, key.clone(), visit),
                None => path.enter_field(name, &mut visit),
            }
        }
    }

    fn push(&mut self, from: Option<&Value>, to: Option<&Value>, path: &Path) {
        let hide = self.hide && path.keys.first().is_some_and(|key| key == "f:data");
        let show = |value: &Value| if hide { Value::from("(hidden)") } else { value.clone() };
        self.found.push(Change {
            path: path.shown.clone(),
            from: from.map(show),
            to: to.map(show),
            owners: self.managers.owners(path),
        });
    }
}

fn position(list: &Value, item: &Value, keys: &[String]) -> Option<usize> {
    let same = |other: &Value| keys.iter().all(|key| key_value(item, key) == key_value(other, key));
    list.as_array()?.iter().position(same)
}

/// A list key's value. Protocol is the one key that the API defaults (to TCP) and that manifests leave out.
fn key_value<'a>(item: &'a Value, key: &str) -> Option<std::borrow::Cow<'a, Value>> {
    use std::borrow::Cow;
    match item.get(key) {
        None if key == "protocol" => Some(Cow::Owned(Value::from("TCP"))),
        value => value.map(Cow::Borrowed),
    }
}

fn item_key(item: &Value, keys: &[String]) -> (String, String) {
    let fields: Map<String, Value> =
        keys.iter().filter_map(|key| Some((key.clone(), key_value(item, key)?.into_owned()))).collect();
    let shown = fields.values().map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
    let shown = format!("[{}]", shown.collect::<Vec<_>>().join(","));
    (shown, format!("k:{}", Value::Object(fields)))
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(says_nothing),
    }
}

fn same_scalar(desired: &Value, live: &Value, path: &Path) -> bool {
    match (desired, live) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::String(a), Value::String(b)) if a != b && path.holds_quantities() => {
            quantity(a).is_some_and(|a| Some(a) == quantity(b))
        }
        (desired, live) => desired == live,
    }
}

/// A resource quantity in thousandths; the server writes `1000m` as `1`.
fn quantity(text: &str) -> Option<i128> {
    const SUFFIXES: [(&str, i128); 13] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("Pi", 1 << 50),
        ("Ei", 1 << 60),
        ("k", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
        ("P", 1_000_000_000_000_000),
        ("E", 1_000_000_000_000_000_000),
        ("", 1),
    ];
    if let Some(milli) = text.strip_suffix('m') {
        return milli.parse().ok();
    }
    let (number, factor) = SUFFIXES.iter().find_map(|(suffix, f)| Some((text.strip_suffix(suffix)?, f)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 3 {
        return None;
    }
    let thousandths: i128 = format!("{fraction:0<3}").parse().ok()?;
    Some((whole.parse::<i128>().ok()? * 1000 + thousandths) * factor)
}
