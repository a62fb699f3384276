//! What server-side apply would change: desired fields that live objects lack or hold otherwise, and fields
//! that we own and no longer want.
//!
//! Comparing here costs one read; asking the server with a dry run would cost a write request an object.

mod managers;
mod path;
mod scalar;

use std::fmt;

use managers::{ListKind, Managers};
use manifests::Object;
use manifests::object::{HIDDEN, Hides};
use path::Path;
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
            (None, Some(to)) => write!(f, "{}: {}", self.path, self.told(to))?,
            (Some(from), Some(to)) if from == to => write!(f, "{}: another value {HIDDEN}", self.path)?,
            (Some(Value::String(from)), Some(Value::String(to)))
                if from.contains('\n') && to.contains('\n') && !self.is_lua() =>
            {
                write!(f, "{}: {}", self.path, lines(from, to))?;
            }
            (Some(from), Some(to)) => write!(f, "{}: {} -> {}", self.path, self.told(from), self.told(to))?,
            (_, None) => write!(f, "{}: removed", self.path)?,
        }
        match self.owners.as_slice() {
            [] => Ok(()),
            owners => write!(f, " (set by {})", owners.join(", ")),
        }
    }
}

impl Change {
    /// A value; of a text of many lines, how many there are, and of a map with such texts, its keys.
    fn told(&self, value: &Value) -> String {
        let is_long = |value: &Value| value.as_str().is_some_and(|text| text.lines().count() > FEW_LINES);
        match value {
            Value::String(text) if is_long(value) => {
                format!("{} lines{}", text.lines().count(), if self.is_lua() { " of Lua" } else { "" })
            }
            Value::Object(map) if map.values().any(is_long) => {
                let keys: Vec<&str> = map.keys().map(String::as_str).collect();
                format!("{} keys: {}", keys.len(), cut(keys.join(", ")))
            }
            _ => short(value),
        }
    }

    /// Whether it is a health check of Argo CD.
    fn is_lua(&self) -> bool {
        self.path.contains("resource.customizations.health.")
    }
}

/// What became of the lines of a text, such as a known hosts file: those that came and went, as far as a few go.
fn lines(from: &str, to: &str) -> String {
    const SHOWN: usize = 3;
    let missing = |text: &str, other: &str| -> Vec<String> {
        text.lines()
            .filter(|line| other.lines().all(|known| known != *line))
            .map(|line| short(&line.into()))
            .collect()
    };
    let told = |sign: char, lines: Vec<String>| {
        let more = lines.len().saturating_sub(SHOWN);
        let mut told: Vec<String> =
            lines.into_iter().take(SHOWN).map(|line| format!("{sign} {line}")).collect();
        if more > 0 {
            told.push(format!("{sign} {more} more"));
        }
        told
    };
    let told = [told('-', missing(from, to)), told('+', missing(to, from))].concat();
    if told.is_empty() { "the same lines, otherwise put".into() } else { told.join(", ") }
}

/// Texts with more lines are not shown.
const FEW_LINES: usize = 2;

fn short(value: &Value) -> String {
    cut(value.to_string())
}

fn cut(text: String) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// What applying `desired` as `manager` would change in `live`. Values that an object hides are never shown.
pub fn changes(desired: &Object, live: &Object, manager: &str) -> Vec<Change> {
    let managers = Managers::of(live, manager);
    let mut diff = Diff { managers: &managers, found: Vec::new(), hides: desired.hides(), whole: false };
    let mut path = Path::default();
    for (field, value) in desired.as_value().as_object().into_iter().flatten() {
        if !matches!(field.as_str(), "apiVersion" | "kind") {
            path.enter_field(field, |path| diff.compare(value, &live.as_value()[field], path));
        }
    }
    if let Some(owned) = managers.ours() {
        diff.removed(owned, Some(desired.as_value()), live.as_value(), &mut path);
    }
    diff.found
}

/// What `manager` has applied under `data`, and nobody has changed since.
pub(crate) fn owned_data<'a>(live: &'a Object, manager: &str) -> Vec<(&'a str, &'a Value)> {
    let managers = Managers::of(live, manager);
    let owned = managers.ours().and_then(|ours| ours.get("f:data")?.as_object());
    let is_owned = |key: &str| owned.is_some_and(|owned| owned.contains_key(&format!("f:{key}")));
    let data = live.get("/data").and_then(Value::as_object).into_iter().flatten();
    data.filter(|(key, _)| is_owned(key)).map(|(key, value)| (key.as_str(), value)).collect()
}

struct Diff<'a> {
    managers: &'a Managers<'a>,
    found: Vec<Change>,
    hides: Hides,
    /// Inside something that the server takes as a whole: what `desired` leaves out goes.
    whole: bool,
}

impl Diff<'_> {
    fn compare(&mut self, desired: &Value, live: &Value, path: &mut Path) {
        match (desired, live) {
            // No opinion: the server keeps what is there.
            (Value::Null, _) => {}
            // The server leaves out what says nothing. Where it was never applied, it may say something: a missing
            // `allowPrivilegeEscalation` is not `false`.
            (desired, Value::Null)
                if scalar::says_nothing(desired)
                    && (self.whole || self.managers.has_applied(desired, path)) => {}
            (Value::Object(desired), Value::Object(live)) => self.compare_maps(desired, live, path),
            (Value::Array(desired), Value::Array(live)) => self.compare_lists(desired, live, path),
            (desired, live) if scalar::same(desired, live, path) => {}
            (desired, live) => self.push(Some(live).filter(|v| !v.is_null()), Some(desired), path),
        }
    }

    fn compare_maps(&mut self, desired: &Map<String, Value>, live: &Map<String, Value>, path: &mut Path) {
        if !self.whole && self.managers.takes_whole(path, desired, live) {
            let same = self.within(|inner| inner.compare_maps(desired, live, path));
            if !same {
                self.push(Some(&live.clone().into()), Some(&desired.clone().into()), path);
            }
            return;
        }
        for (field, value) in desired {
            let live = live.get(field).unwrap_or(&Value::Null);
            path.enter_field(field, |path| self.compare(value, live, path));
        }
        if self.whole {
            let known = |field: &str, value: &Value| {
                desired.contains_key(field)
                    || scalar::says_nothing(value)
                    || scalar::is_default(field, value, desired)
            };
            for (field, value) in live.iter().filter(|(field, value)| !known(field, value)) {
                path.enter_field(field, |path| self.push(Some(value), None, path));
            }
        }
    }

    fn compare_lists(&mut self, desired: &[Value], live: &[Value], path: &mut Path) {
        let kind = if self.whole { ListKind::Atomic } else { self.managers.list_kind(path) };
        let same = match kind {
            // The same items in the same order, but for what the server filled in.
            ListKind::Atomic => {
                desired.len() == live.len()
                    && desired
                        .iter()
                        .zip(live)
                        .all(|(desired, live)| self.within(|inner| inner.compare(desired, live, path)))
            }
            ListKind::Set => desired.iter().all(|item| live.contains(item)),
            ListKind::Keyed(keys) => return self.compare_items(desired, live, &keys, path),
        };
        if !same {
            self.push(Some(&Value::from(live)), Some(&Value::from(desired)), path);
        }
    }

    fn compare_items(&mut self, desired: &[Value], live: &[Value], keys: &[String], path: &mut Path) {
        for item in desired {
            let live = position(live, item, keys).map_or(&Value::Null, |index| &live[index]);
            let (shown, key) = item_key(item, keys);
            path.enter(&shown, key, |path| self.compare(item, live, path));
        }
    }

    /// Whether a comparison inside something that is taken as a whole finds nothing.
    fn within(&self, compare: impl FnOnce(&mut Diff<'_>)) -> bool {
        let mut inner = Diff { managers: self.managers, found: Vec::new(), hides: self.hides, whole: true };
        compare(&mut inner);
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
                    (
                        find(desired, &item, &keys),
                        find(Some(live), &item, &keys).unwrap_or(&Value::Null),
                        Some(item_key(&item, &keys).0),
                    )
                }
                "v" => {
                    let Ok(item) = serde_json::from_str::<Value>(name) else { continue };
                    (
                        member(desired, &item),
                        member(Some(live), &item).unwrap_or(&Value::Null),
                        Some(format!("[{}]", text(&item))),
                    )
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
        let hide = path.may_be_secret(self.hides);
        let show = |value: &Value| if hide { Value::from(HIDDEN) } else { value.clone() };
        self.found.push(Change {
            path: path.shown().to_owned(),
            from: from.map(show),
            to: to.map(show),
            owners: self.managers.owners(path),
        });
    }
}

fn find<'a>(list: Option<&'a Value>, item: &Value, keys: &[String]) -> Option<&'a Value> {
    let list = list?.as_array()?;
    Some(&list[position(list, item, keys)?])
}

fn member<'a>(list: Option<&'a Value>, item: &Value) -> Option<&'a Value> {
    list?.as_array()?.iter().find(|other| *other == item)
}

fn position(list: &[Value], item: &Value, keys: &[String]) -> Option<usize> {
    list.iter().position(|other| keys.iter().all(|key| key_value(item, key) == key_value(other, key)))
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
    let shown = format!("[{}]", fields.values().map(text).collect::<Vec<_>>().join(","));
    (shown, format!("k:{}", Value::Object(fields)))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
