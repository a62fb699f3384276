//! Checks a tree against the schema that the types generate, and turns it into plain values on the way.
//!
//! This understands as much of JSON Schema as schemars generates for these types and not more. What it gains
//! over deserializing: every mistake at once, each with its place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::ConfigError;
use super::node::{Data, Entry, Node};
use super::origin::Origin;
use super::pattern::fits;
use super::types::SCHEMAS_OF_SECRETS;
use super::{path, words};
use crate::argocd::version::ArgoVersion;

/// Values longer than this are not repeated in messages.
const LONGEST_ECHO: usize = 60;

/// What the checks found.
pub(super) struct Checked {
    /// The values that are sound; what is not is left out or, where it can't be, empty.
    pub(super) value: Value,
    /// Where the sound values come from.
    pub(super) origins: BTreeMap<String, Origin>,
    pub(super) errors: Vec<ConfigError>,
    /// Paths of keys that unknown ones were probably meant to be: what is said to be missing there is not.
    pub(super) meant: Vec<String>,
}

/// Checks a whole configuration.
pub(super) fn check(tree: &Node) -> Checked {
    let schema = super::schema::generate();
    let mut checker =
        Checker { root: &schema, origins: BTreeMap::new(), errors: Vec::new(), meant: Vec::new() };
    let value = checker.node(tree, Rule { schema: &schema, secret: false }, "");
    Checked {
        value: value.unwrap_or_else(|| Value::Object(Map::new())),
        origins: checker.origins,
        errors: checker.errors,
        meant: checker.meant,
    }
}

struct Checker<'s> {
    root: &'s Value,
    origins: BTreeMap<String, Origin>,
    errors: Vec<ConfigError>,
    meant: Vec<String>,
}

/// A schema, and whether what is checked against it may be a secret in the wrong place.
#[derive(Clone, Copy)]
struct Rule<'s> {
    schema: &'s Value,
    secret: bool,
}

impl<'s> Rule<'s> {
    fn inner(self, schema: &'s Value) -> Self {
        Self { schema, ..self }
    }

    fn property(self, key: &str) -> Option<Self> {
        self.schema["properties"]
            .get(key)
            .or_else(|| {
                self.schema
                    .get("additionalProperties")
                    .filter(|schema| schema.is_object() || is_anything(schema))
            })
            .map(|schema| self.inner(schema))
    }

    fn properties(self) -> impl Iterator<Item = &'s str> {
        self.schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str())
    }

    fn may_repeat(self, text: &str) -> bool {
        !self.secret && text.len() <= LONGEST_ECHO && !text.contains(|c: char| c == '`' || c.is_control())
    }

    /// ``is `value` `` where the value may be repeated.
    fn echo(self, text: &str) -> String {
        if self.may_repeat(text) { format!("is `{text}`") } else { "is not valid".into() }
    }

    /// ``what `key` `` where the key may be repeated.
    fn name(self, what: &str, key: &str) -> String {
        if self.may_repeat(key) { format!("{what} `{key}`") } else { what.to_owned() }
    }

    fn path(self, path: &str, key: &str) -> String {
        if self.may_repeat(key) { path::of_key(path, key) } else { path.to_owned() }
    }
}

fn is_anything(schema: &Value) -> bool {
    *schema == Value::Bool(true)
}

impl<'s> Checker<'s> {
    fn error(&mut self, origin: &Origin, path: &str, message: String) {
        self.errors.push(ConfigError { origin: origin.clone(), path: path.to_owned(), message });
    }

    fn node(&mut self, node: &Node, rule: Rule<'s>, path: &str) -> Option<Value> {
        let rule = self.resolve(rule);
        if is_anything(rule.schema) {
            let value = self.anything(node, rule, path);
            return self.sound(node, path, value);
        }
        if matches!(node.data, Data::Null) && !path.is_empty() {
            self.empty(node, rule, path);
            return None;
        }
        if let Some(variants) = rule.schema["oneOf"].as_array() {
            return Variants::of(rule, variants).check(self, node, path);
        }
        match (&node.data, rule.schema["type"].as_str()?) {
            (Data::Map(entries), "object") => self.object(node, entries, rule, path),
            (Data::List(items), "array") => self.array(node, items, rule, path),
            (Data::Text(text), "string") => self.text(node, text, rule, path),
            (Data::Number(number), "integer") => self.integer(node, number, rule, path),
            (Data::Bool(value), "boolean") => self.sound(node, path, Value::Bool(*value)),
            (data, _) => {
                self.mismatch(node, data, &words::wanted(rule.schema), path);
                None
            }
        }
    }

    fn resolve(&self, rule: Rule<'s>) -> Rule<'s> {
        let Some(name) = rule.schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) else {
            return rule;
        };
        let secret = rule.secret || SCHEMAS_OF_SECRETS.contains(&name);
        Rule { schema: &self.root["$defs"][name], secret }
    }

    fn sound(&mut self, node: &Node, path: &str, value: Value) -> Option<Value> {
        self.origins.insert(path.to_owned(), node.origin.clone());
        Some(value)
    }

    fn empty(&mut self, node: &Node, rule: Rule<'_>, path: &str) {
        let advice = match rule.schema["type"].as_str() {
            Some("object") if rule.schema["required"].is_null() => "write `{}` for its defaults",
            _ => "give it a value",
        };
        self.error(&node.origin, path, format!("`{path}` is empty; leave it out or {advice}"));
    }

    fn mismatch(&mut self, node: &Node, data: &Data, wanted: &str, path: &str) {
        let subject = if path.is_empty() { "the configuration".into() } else { format!("`{path}`") };
        let quotes = match data {
            Data::Bool(_) | Data::Number(_) if wanted == "a text" => "; put it in quotes",
            _ => "",
        };
        let message = format!("{subject} must be {wanted}, not {}{quotes}", words::kind(data));
        self.error(&node.origin, path, message);
    }

    fn object(&mut self, node: &Node, entries: &[Entry], rule: Rule<'s>, path: &str) -> Option<Value> {
        let mut value = Map::new();
        let mut usable = true;
        self.repeated_keys(entries, rule, path);
        for entry in entries {
            let inner_path = path::of_key(path, &entry.key);
            match rule.property(&entry.key) {
                Some(inner) => match self.node(&entry.value, inner, &inner_path) {
                    Some(sound) => {
                        value.insert(entry.key.clone(), sound);
                    }
                    None => usable &= self.stand_in(&mut value, &entry.key, rule),
                },
                None => self.unknown_key(entry, rule, path),
            }
        }
        for key in rule.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if entries.iter().all(|entry| entry.key != key) {
                if entries.iter().all(|entry| !words::is_near(&entry.key, key)) {
                    self.missing_key(node, key, rule, path);
                }
                usable &= self.stand_in(&mut value, key, rule);
            }
        }
        usable.then_some(Value::Object(value))
    }

    /// So that a mistake in one required text does not hide what else is wrong with the object.
    fn stand_in(&self, value: &mut Map<String, Value>, key: &str, rule: Rule<'s>) -> bool {
        let required = rule.schema["required"].as_array().is_some_and(|keys| keys.iter().any(|k| k == key));
        let text = rule.property(key).is_some_and(|inner| self.resolve(inner).schema["type"] == "string");
        if required && text {
            value.insert(key.to_owned(), Value::String(String::new()));
        }
        text || !required
    }

    /// What others have to check.
    fn anything(&mut self, node: &Node, rule: Rule<'s>, path: &str) -> Value {
        match &node.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(number) => Value::Number(number.clone()),
            Data::Text(text) => Value::from(text.as_str()),
            Data::List(items) => items.iter().map(|item| self.anything(item, rule, path)).collect(),
            Data::Map(entries) => {
                self.repeated_keys(entries, rule, path);
                let mut plain = |entry: &Entry| {
                    let inner_path = path::of_key(path, &entry.key);
                    (entry.key.clone(), self.anything(&entry.value, rule, &inner_path))
                };
                entries.iter().map(&mut plain).collect()
            }
        }
    }

    fn repeated_keys(&mut self, entries: &[Entry], rule: Rule<'_>, path: &str) {
        let mut seen = BTreeMap::new();
        for entry in entries {
            let Some(first) = seen.insert(&entry.key, &entry.origin) else { continue };
            let after = match first {
                Origin::File { line, .. } => format!(", after line {line}"),
                _ => String::new(),
            };
            let message = format!("{} is given a second time{after}", rule.name("key", &entry.key));
            self.error(&entry.origin, &rule.path(path, &entry.key), message);
        }
    }

    fn unknown_key(&mut self, entry: &Entry, rule: Rule<'_>, path: &str) {
        let known: Vec<_> = rule.properties().map(|key| format!("`{key}`")).collect();
        let meant = words::did_you_mean(&entry.key, rule.properties());
        let near = rule.properties().filter(|key| words::is_near(&entry.key, key));
        self.meant.extend(near.map(|key| path::of_key(path, key)));
        let place = if path.is_empty() { String::new() } else { format!(" in {path}") };
        let key = rule.name("unknown key", &entry.key);
        let message = format!("{key}{place}; expected {}{meant}", words::list(&known));
        self.error(&entry.origin, &rule.path(path, &entry.key), message);
    }

    fn missing_key(&mut self, node: &Node, key: &str, rule: Rule<'_>, path: &str) {
        let description = rule.schema["properties"][key]["description"].as_str().unwrap_or_default();
        let about =
            description.split(['.', ';']).next().map_or_else(String::new, |text| format!(" ({text})"));
        let message = format!("missing key `{key}` in {path}{about}");
        self.error(&node.origin, &path::of_key(path, key), message);
    }

    fn array(&mut self, node: &Node, items: &[Node], rule: Rule<'s>, path: &str) -> Option<Value> {
        if (items.len() as u64) < rule.schema["minItems"].as_u64().unwrap_or(0) {
            self.error(&node.origin, path, format!("`{path}` must not be empty"));
            return None;
        }
        let inner = rule.inner(&rule.schema["items"]);
        let checked: Vec<_> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.node(item, inner, &path::of_item(path, index)))
            .collect();
        // All or nothing: with some left out, the indices in further messages would be wrong.
        checked.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
    }

    fn text(&mut self, node: &Node, text: &str, rule: Rule<'_>, path: &str) -> Option<Value> {
        let expected = if rule.schema == &self.root["$defs"]["ArgoVersion"] {
            text.parse::<ArgoVersion>().err().map(|_| format!("a release such as {}", ArgoVersion::current()))
        } else if let Some(pattern) = rule.schema["pattern"].as_str() {
            (!fits(pattern, text)).then(|| words::pattern(pattern))
        } else {
            None
        };
        if let Some(expected) = expected {
            self.error(&node.origin, path, format!("`{path}` {}; expected {expected}", rule.echo(text)));
            return None;
        }
        if text.is_empty() && rule.schema["minLength"].as_u64().is_some_and(|length| length > 0) {
            self.error(&node.origin, path, format!("`{path}` is an empty text; leave it out or fill it"));
            return None;
        }
        self.sound(node, path, text.into())
    }

    fn integer(
        &mut self,
        node: &Node,
        number: &serde_json::Number,
        rule: Rule<'_>,
        path: &str,
    ) -> Option<Value> {
        let bound = |name: &str, default| rule.schema[name].as_i64().unwrap_or(default);
        let range = bound("minimum", i64::MIN)..=bound("maximum", i64::MAX);
        match number.as_i64().filter(|number| range.contains(number)) {
            Some(number) => self.sound(node, path, number.into()),
            None => {
                let wanted = words::wanted(rule.schema);
                self.error(
                    &node.origin,
                    path,
                    format!("`{path}` {}; expected {wanted}", rule.echo(&number.to_string())),
                );
                None
            }
        }
    }
}

/// An enum in the form that serde gives it: plain names, and names that carry a value.
struct Variants<'s> {
    rule: Rule<'s>,
    plain: Vec<&'s str>,
    carrying: Vec<(&'s str, &'s Value)>,
}

impl<'s> Variants<'s> {
    fn of(rule: Rule<'s>, variants: &'s [Value]) -> Self {
        let plain = variants.iter().filter_map(|variant| variant["const"].as_str()).collect();
        let carrying = variants.iter().filter_map(|variant| variant["properties"].as_object());
        let carrying = carrying.flatten().map(|(name, schema)| (name.as_str(), schema)).collect();
        Self { rule, plain, carrying }
    }

    fn check(&self, checker: &mut Checker<'s>, node: &Node, path: &str) -> Option<Value> {
        match &node.data {
            Data::Text(text) if self.plain.contains(&text.as_str()) => {
                checker.sound(node, path, text.as_str().into())
            }
            Data::Text(text) if !self.plain.is_empty() => {
                let meant = words::did_you_mean(text, self.plain.iter().copied());
                let message =
                    format!("`{path}` {}; expected {}{meant}", self.rule.echo(text), self.expected());
                checker.error(&node.origin, path, message);
                None
            }
            Data::Map(entries) if !self.carrying.is_empty() => self.carried(checker, node, entries, path),
            data => {
                checker.mismatch(node, data, &self.expected(), path);
                None
            }
        }
    }

    fn carried(
        &self,
        checker: &mut Checker<'s>,
        node: &Node,
        entries: &[Entry],
        path: &str,
    ) -> Option<Value> {
        // A flag that names one variant takes the place of another one in the file.
        let highest = entries.iter().map(|entry| entry.origin.rank()).max();
        let entries = entries.iter().filter(|entry| Some(entry.origin.rank()) == highest);
        let sound: Vec<_> = entries.map(|entry| self.one(checker, entry, path)).collect();
        match <[_; 1]>::try_from(sound) {
            Ok([sound]) => sound,
            Err(_) => {
                checker.error(
                    &node.origin,
                    path,
                    format!("`{path}` must be only one of {}", self.expected()),
                );
                None
            }
        }
    }

    fn one(&self, checker: &mut Checker<'s>, entry: &Entry, path: &str) -> Option<Value> {
        let Some((name, schema)) = self.carrying.iter().find(|(name, _)| *name == entry.key) else {
            let meant = words::did_you_mean(&entry.key, self.carrying.iter().map(|(name, _)| *name));
            let message = format!("unknown key in {path}; expected {}{meant}", self.expected());
            checker.error(&entry.origin, path, message);
            return None;
        };
        let inner = checker.node(&entry.value, self.rule.inner(schema), &path::of_key(path, name))?;
        Some(Value::Object(Map::from_iter([((*name).to_owned(), inner)])))
    }

    fn expected(&self) -> String {
        let plain = self.plain.iter().map(|name| format!("`{name}`"));
        let carrying = self.carrying.iter().map(|(name, _)| format!("`{{{name}: …}}`"));
        words::list(&plain.chain(carrying).collect::<Vec<_>>())
    }
}
