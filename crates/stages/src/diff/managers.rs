//! Who owns which field of a live object, out of `metadata.managedFields`.

use std::borrow::Cow;

use manifests::Object;
use manifests::managed_fields::fields;
use serde_json::{Map, Value};

use super::path::Path;

/// Who owns which field.
pub(super) struct Managers<'a> {
    entries: Vec<Entry<'a>>,
}

struct Entry<'a> {
    manager: &'a str,
    applied: bool,
    /// We have applied these fields.
    ours: bool,
    fields: Cow<'a, Map<String, Value>>,
}

/// How the server treats the items of a list.
pub(super) enum ListKind {
    /// Taken as a whole.
    Atomic,
    /// Items are told apart by these fields.
    Keyed(Vec<String>),
    /// Items are values, each there or not.
    Set,
}

impl<'a> Managers<'a> {
    /// The managers of `live`, one of whom is `ours`.
    pub(super) fn of(live: &'a Object, ours: &str) -> Self {
        let listed = live.list("/metadata/managedFields");
        let entry = |entry: &'a Value| {
            let manager = entry["manager"].as_str()?;
            let applied = entry["operation"] == "Apply";
            Some(Entry {
                manager,
                applied,
                ours: applied && manager == ours && entry["subresource"].is_null(),
                fields: fields(entry)?,
            })
        };
        Self { entries: listed.iter().filter_map(entry).collect() }
    }

    /// The fields that we have applied and nobody has changed since.
    pub(super) fn ours(&self) -> Option<&Map<String, Value>> {
        self.entries.iter().find(|entry| entry.ours).map(|entry| &*entry.fields)
    }

    /// We have applied `value`, which says nothing, at `path`: if it is not there, the server has left it out.
    pub(super) fn has_applied(&self, value: &Value, path: &mut Path) -> bool {
        match value {
            // Without any record there is nothing to go by.
            _ if self.entries.is_empty() => true,
            Value::Object(map) if !map.is_empty() => {
                map.iter().all(|(field, value)| path.enter_field(field, |path| self.has_applied(value, path)))
            }
            Value::Null => true,
            _ => self.ours().is_some_and(|ours| path.lookup(ours).is_some()),
        }
    }

    /// Others than this tool who own the field.
    pub(super) fn owners(&self, path: &Path) -> Vec<String> {
        let mut owners: Vec<String> = Vec::new();
        for entry in &self.entries {
            let other = !entry.manager.starts_with(manifests::MANAGER);
            if other && path.lookup(&entry.fields).is_some() && !owners.iter().any(|o| o == entry.manager) {
                owners.push(entry.manager.to_owned());
            }
        }
        owners
    }

    /// How the server treats the list at `path`, as far as anybody's record shows it.
    pub(super) fn list_kind(&self, path: &Path) -> ListKind {
        let items = self.entries.iter().filter_map(|entry| path.lookup(&entry.fields)).flat_map(Map::keys);
        for item in items {
            if item.starts_with("v:") {
                return ListKind::Set;
            }
            let key = item.strip_prefix("k:").map(serde_json::from_str::<Map<String, Value>>);
            if let Some(Ok(key)) = key {
                return ListKind::Keyed(key.keys().cloned().collect());
            }
        }
        ListKind::Atomic
    }

    /// The server takes the map at `path` as a whole (a selector, for one): somebody owns the map that is not
    /// empty, and nobody anything in it.
    pub(super) fn takes_whole(
        &self,
        path: &Path,
        desired: &Map<String, Value>,
        live: &Map<String, Value>,
    ) -> bool {
        let mut owned = false;
        for entry in self.entries.iter().filter(|_| !live.is_empty()) {
            match path.lookup(&entry.fields) {
                Some(inside) if !inside.is_empty() => return false,
                // Who applies an empty map does not own what the server fills in.
                Some(_) => owned |= !(entry.applied && desired.is_empty()),
                None => {}
            }
        }
        owned
    }
}
