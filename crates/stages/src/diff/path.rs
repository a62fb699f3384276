//! A place in an object.

use manifests::object::Hides;
use serde_json::{Map, Value};

/// Where we are, both as people write it and as `managedFields` writes it.
#[derive(Default)]
pub(super) struct Path {
    shown: String,
    keys: Vec<String>,
}

impl Path {
    /// As people write it.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Does something in a field of this place.
    pub(super) fn enter_field<T>(&mut self, field: &str, then: impl FnOnce(&mut Self) -> T) -> T {
        let shown = match field.contains(['.', '/']) {
            true => format!("[{field}]"),
            false if self.shown.is_empty() => field.to_owned(),
            false => format!(".{field}"),
        };
        self.enter(&shown, format!("f:{field}"), then)
    }

    /// Does something in a part of this place.
    pub(super) fn enter<T>(&mut self, shown: &str, key: String, then: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.shown.len();
        self.shown.push_str(shown);
        self.keys.push(key);
        let result = then(self);
        self.keys.pop();
        self.shown.truncate(length);
        result
    }

    /// The value here is a resource quantity.
    pub(super) fn is_quantity(&self) -> bool {
        let key = |back: usize| self.keys.iter().rev().nth(back).map_or("", String::as_str);
        self.keys.first().is_some_and(|first| first == "f:spec")
            && (matches!(key(1), "f:limits" | "f:requests" | "f:capacity" | "f:hard")
                || matches!(
                    (key(1), key(0)),
                    ("f:emptyDir", "f:sizeLimit") | ("f:resourceFieldRef", "f:divisor")
                ))
    }

    /// The value here, or a part of it, may be a secret.
    pub(super) fn may_be_secret(&self, hides: Hides) -> bool {
        let key = |index: usize| self.keys.get(index).map(String::as_str);
        if hides == Hides::Nothing
            || matches!(
                (key(0), key(1)),
                (Some("f:type" | "f:immutable"), _) | (Some("f:metadata"), Some("f:labels"))
            )
        {
            return false;
        }
        match (key(0), key(1)) {
            (Some("f:data"), Some(field)) => hides.key(field.trim_start_matches("f:")),
            _ => true,
        }
    }

    /// What a set of fields in the form of `managedFields` says of this place.
    pub(super) fn lookup<'a>(&self, fields: &'a Map<String, Value>) -> Option<&'a Map<String, Value>> {
        self.keys.iter().try_fold(fields, |fields, key| fields.get(key)?.as_object())
    }
}
