//! What the generators of an ApplicationSet give to its template.

use std::collections::BTreeSet;

use manifests::applications::folder::{self, Selection};
use manifests::applications::template::Template;
use serde_json::{Map, Value, json};

use crate::item::{Item, list, text};
use crate::path;
use crate::repository::Repository;

/// Names that are known, and the values where the files tell them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters {
    /// With dots between: `path.basename`.
    pub(crate) names: BTreeSet<String>,
    /// The same, where some Applications get them and others don't.
    sometimes: BTreeSet<String>,
    /// Beginnings of names behind which anything may come: `metadata.labels.`; empty for any name.
    pub(crate) open: BTreeSet<String>,
    /// One set of values for each Application; `None` where the files don't tell them.
    pub(crate) rows: Option<Vec<Value>>,
}

/// More Applications of one ApplicationSet are not looked at.
const MOST_ROWS: usize = 2_000;

impl Parameters {
    /// What all generators of an ApplicationSet give together.
    pub(crate) fn of(set: &Item<'_>, repository: &Repository<'_>) -> Self {
        let go = set.get("/spec/goTemplate") == Some(&Value::Bool(true));
        let all = list(&set.value, "/spec/generators").iter();
        either(all.map(|generator| one(generator, go, repository, 0)).collect())
    }

    fn named(names: &[&str]) -> Self {
        Self { names: names.iter().map(ToString::to_string).collect(), ..Self::default() }
    }

    fn with_open(mut self, prefixes: &[&str]) -> Self {
        self.open.extend(prefixes.iter().map(ToString::to_string));
        self
    }

    /// Whether a name stands for something in every Application.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.is_among(name, &self.names)
    }

    /// Whether it does in some: enough where the template asks before.
    pub(crate) fn may_know(&self, name: &str) -> bool {
        self.knows(name) || self.is_among(name, &self.sometimes)
    }

    fn is_among(&self, name: &str, names: &BTreeSet<String>) -> bool {
        let known = |known: &String| {
            // `path[0]` of old, and a whole of which parts are known.
            known == name || name.starts_with(&format!("{known}[")) || known.starts_with(&format!("{name}."))
        };
        self.open.iter().any(|prefix| name.starts_with(prefix) || prefix.strip_suffix('.') == Some(name))
            || names.iter().any(known)
    }
}

/// Generators beside each other: their Applications come one after the other, and each has to have all names.
fn either(all: Vec<Parameters>) -> Parameters {
    let mut all = all.into_iter();
    let Some(mut joined) = all.next() else { return Parameters::default() };
    for other in all {
        joined.sometimes.extend(other.sometimes.iter().chain(&other.names).chain(&joined.names).cloned());
        let names = joined.names.iter().filter(|name| other.knows(name)).cloned();
        let more = other.names.iter().filter(|name| joined.knows(name)).cloned();
        joined.names = names.chain(more).collect();
        joined.open = joined.open.intersection(&other.open).cloned().collect();
        joined.rows = joined.rows.zip(other.rows).map(|(mut rows, more)| {
            rows.extend(more);
            rows
        });
    }
    joined
}

fn one(generator: &Value, go: bool, repository: &Repository<'_>, depth: usize) -> Parameters {
    let Some(map) = generator.as_object() else { return Parameters::default().with_open(&[""]) };
    let kind = map.keys().find(|key| !["selector", "template"].contains(&key.as_str()));
    let kind = kind.map_or("", String::as_str);
    let spec = &generator[kind];
    let mut parameters = match kind {
        "list" => elements(spec, go),
        "git" => git(spec, go, repository),
        "clusters" => Parameters::named(&["name", "nameNormalized", "server", "project"])
            .with_open(&["metadata.labels.", "metadata.annotations."]),
        "matrix" | "merge" if depth < 3 => {
            let parts = list(spec, "/generators").iter().map(|part| one(part, go, repository, depth + 1));
            combined(parts.collect(), kind == "matrix")
        }
        "scmProvider" => Parameters::named(&[
            "organization",
            "repository",
            "repository_id",
            "url",
            "branch",
            "branchNormalized",
            "sha",
            "short_sha",
            "short_sha_7",
            "labels",
        ]),
        "pullRequest" => Parameters::named(&[
            "number",
            "title",
            "author",
            "branch",
            "branch_slug",
            "target_branch",
            "target_branch_slug",
            "head_sha",
            "head_short_sha",
            "head_short_sha_7",
            "labels",
        ]),
        _ => Parameters::default().with_open(&[""]),
    };
    let values = spec.get("values").and_then(Value::as_object).into_iter().flatten();
    for (key, _) in values {
        parameters.names.insert(format!("values.{key}"));
        // They may be made of other values, which only Argo CD puts together.
        parameters.rows = None;
    }
    if generator.get("selector").is_some() {
        parameters.rows = None;
    }
    parameters
}

fn elements(spec: &Value, go: bool) -> Parameters {
    if spec.get("elementsYaml").is_some() {
        return Parameters::default().with_open(&[""]);
    }
    rows(
        list(spec, "/elements")
            .iter()
            .map(|element| if go { element.clone() } else { flat(element) })
            .collect(),
    )
}

/// Names that all rows have: one that a single row lacks stays unresolved there.
fn rows(rows: Vec<Value>) -> Parameters {
    let each: Vec<BTreeSet<String>> = rows
        .iter()
        .map(|row| {
            let mut names = BTreeSet::new();
            collect(row, "", &mut names);
            names
        })
        .collect();
    let sometimes: BTreeSet<String> = each.iter().flatten().cloned().collect();
    let names = sometimes.iter().filter(|name| each.iter().all(|row| row.contains(*name))).cloned().collect();
    Parameters { names, sometimes, open: BTreeSet::new(), rows: Some(rows) }
}

fn collect(value: &Value, prefix: &str, names: &mut BTreeSet<String>) {
    let Some(map) = value.as_object() else { return };
    for (key, child) in map {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        collect(child, &name, names);
        names.insert(name);
    }
}

/// Nested keys with dots between, as templates of old have them.
fn flat(value: &Value) -> Value {
    fn step(value: &Value, prefix: &str, into: &mut Map<String, Value>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, child)| {
                step(child, &if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") }, into);
            }),
            value => drop(into.insert(prefix.to_owned(), value.clone())),
        }
    }
    let mut into = Map::new();
    step(value, "", &mut into);
    Value::Object(into)
}

fn git(spec: &Value, go: bool, repository: &Repository<'_>) -> Parameters {
    let prefix = text(spec, "/pathParamPrefix");
    let is_ours = repository.is_ours(text(spec, "/repoURL"));
    let entries = |key: &str| list(spec, &format!("/{key}")).iter().collect::<Vec<_>>();
    let (directories, files) = (entries("directories"), entries("files"));
    let excludes = |entry: &Value| entry["exclude"] == true;
    let found: Vec<Value> = if directories.is_empty() {
        let any = |path: &str, out: bool| {
            let mut of_kind = files.iter().filter(|entry| excludes(entry) == out);
            of_kind.any(|entry| crate::glob::fits(text(entry, "/path"), path, Some('/')))
        };
        let sources =
            repository.sources().filter(|source| any(&source.path, false) && !any(&source.path, true));
        sources.flat_map(|source| contents(source, prefix, go)).collect()
    } else {
        let patterns = directories.iter().map(|entry| (text(entry, "/path"), excludes(entry)));
        // Of a pattern that is none come no Applications.
        let taken = Selection::new(patterns).ok();
        let folders = repository.folders().into_iter();
        let folders = folders.filter(|folder| taken.as_ref().is_some_and(|taken| taken.has(folder)));
        folders.map(|folder| placed(folder, prefix, go)).collect()
    };
    let mut parameters = if is_ours && !found.is_empty() {
        rows(found)
    } else {
        let mut unknown = rows(vec![placed("x", prefix, go)]);
        unknown.rows = None;
        if !files.is_empty() {
            unknown.open.insert(String::new());
        }
        unknown
    };
    if !files.is_empty() {
        let inner = if prefix.is_empty() { "path".to_owned() } else { format!("{prefix}.path") };
        parameters.names.extend(["filename", "filenameNormalized"].map(|name| format!("{inner}.{name}")));
    }
    parameters
}

/// What a path gives.
fn placed(folder: &str, prefix: &str, go: bool) -> Value {
    let values = folder::values(folder);
    let value = if go {
        json!({ "path": values })
    } else {
        let mut map = Map::new();
        map.insert("path".into(), folder.into());
        for name in ["basename", "basenameNormalized"] {
            map.insert(format!("path.{name}"), values[name].clone());
        }
        for (index, segment) in list(&values, "/segments").iter().enumerate() {
            map.insert(format!("path[{index}]"), segment.clone());
        }
        Value::Object(map)
    };
    match (prefix, value) {
        ("", value) => value,
        (prefix, value) if go => json!({ prefix: value }),
        (prefix, value) => {
            let map = value.as_object().cloned().unwrap_or_default();
            map.into_iter().map(|(key, value)| (format!("{prefix}.{key}"), value)).collect()
        }
    }
}

/// What a file gives: its content, and its path.
fn contents(source: &crate::item::Source, prefix: &str, go: bool) -> Vec<Value> {
    let place = placed(path::folder(&source.path), prefix, go);
    let documents = source.documents.iter().map(|document| document.value());
    let objects = documents.flat_map(|value| match value {
        Value::Array(items) => items.clone(),
        value => vec![value.clone()],
    });
    let rows = objects.filter(Value::is_object).map(|object| {
        let mut row = if go { object } else { flat(&object) };
        crate::patch::merge(&mut row, &place);
        row
    });
    rows.collect()
}

/// Generators within each other: every Application has the names of all of them.
fn combined(parts: Vec<Parameters>, is_matrix: bool) -> Parameters {
    let mut parts = parts.into_iter();
    let Some(mut joined) = parts.next() else { return Parameters::default() };
    for part in parts {
        joined.names.extend(part.names);
        joined.sometimes.extend(part.sometimes);
        joined.open.extend(part.open);
        joined.rows = joined.rows.zip(part.rows).filter(|_| is_matrix).map(|(rows, more)| {
            let pairs = rows.iter().flat_map(|row| more.iter().map(move |other| (row, other)));
            let merged = pairs.map(|(row, other)| {
                let mut row = row.clone();
                crate::patch::merge(&mut row, other);
                row
            });
            merged.take(MOST_ROWS).collect()
        });
    }
    joined
}

/// The template's text with the values of one row; `None` where it needs more than names replaced.
pub(crate) fn fill(template: &str, row: &Value, go: bool) -> Option<String> {
    if go {
        return Template::parse(template).ok()?.render(row).ok();
    }
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (inside, next) = after.split_once("}}")?;
        out.push_str(before);
        match row.get(inside.trim())? {
            Value::String(text) => out.push_str(text),
            other => out.push_str(&other.to_string()),
        }
        rest = next;
    }
    out.push_str(rest);
    Some(out)
}
