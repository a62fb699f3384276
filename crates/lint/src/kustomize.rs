//! What Kustomize makes of a folder: resources, components, generated names, patches, namespace and images. It is
//! less than Kustomize does, and enough to say what an object will have in the end.

use std::collections::BTreeSet;

use manifests::source::{self, Document};
use serde_json::{Value, json};

use crate::finding::Unchecked;
use crate::image::Image;
use crate::item::{Item, Source, list, text};
use crate::repository::Repository;
use crate::{patch, path, walk};

/// Deeper nesting is a circle.
const DEEPEST: usize = 20;

/// A folder as Kustomize builds it.
#[derive(Default)]
pub(crate) struct Build<'a> {
    pub(crate) items: Vec<Item<'a>>,
    /// Files that it is made of, patches and settings of Kustomize's among them.
    pub(crate) files: BTreeSet<String>,
    /// Other folders with a kustomization that it is made of.
    pub(crate) folders: BTreeSet<String>,
    /// Entries that lead nowhere: the kustomization, the pointer and the entry.
    pub(crate) missing: Vec<(Item<'a>, String, String)>,
    pub(crate) unchecked: Vec<Unchecked>,
}

impl<'a> Build<'a> {
    pub(crate) fn of(repository: &'a Repository<'_>, folder: &str) -> Self {
        let mut build = Self::default();
        build.items = build.layer(repository, folder, Vec::new(), 0);
        build
    }

    /// What a folder makes of what it is given: nothing for a kustomization, the rest for a component.
    fn layer(
        &mut self,
        repository: &'a Repository<'_>,
        folder: &str,
        mut items: Vec<Item<'a>>,
        depth: usize,
    ) -> Vec<Item<'a>> {
        let Some((source, document)) = repository.kustomization(folder) else { return items };
        let spec = document.value();
        self.files.insert(source.path.clone());
        for (pointer, entry) in entries(spec, &["resources", "bases"]) {
            items.extend(self.resource(repository, (source, document), (&pointer, entry), depth));
        }
        for (pointer, entry) in entries(spec, &["components"]) {
            let Some(component) = self.inside(source, entry) else { continue };
            if repository.kustomization(&component).is_some() && depth < DEEPEST {
                self.folders.insert(component.clone());
                items = self.layer(repository, &component, items, depth + 1);
            } else {
                self.leads_nowhere((source, document), (&pointer, entry));
            }
        }
        for (pointer, entry) in named_files(spec) {
            let path = path::join(folder, entry).filter(|_| !is_remote(entry));
            if path.is_some_and(|path| !repository.has_file(&path) && !repository.has_folder(&path)) {
                self.leads_nowhere((source, document), (&pointer, entry));
            }
        }
        // They tell Kustomize where names stand, and change no object by themselves.
        self.files.extend(
            entries(spec, &["configurations", "crds"]).filter_map(|(_, entry)| path::join(folder, entry)),
        );
        for (pointer, entry) in entries(spec, &["generators", "transformers"]) {
            let key = pointer.split('/').nth(1).unwrap_or_default();
            self.files.extend(path::join(folder, entry));
            self.not_followed(source, &format!("`{key}`, with {entry}"));
        }
        for key in ["helmCharts", "replacements"] {
            if !list(spec, &format!("/{key}")).is_empty() {
                self.not_followed(source, &format!("`{key}`"));
            }
        }
        generate(source, document, &mut items);
        self.patch(repository, folder, spec, &mut items);
        transform(spec, &mut items);
        items
    }

    fn resource(
        &mut self,
        repository: &'a Repository<'_>,
        at: (&'a Source, &'a Document),
        (pointer, entry): (&str, &str),
        depth: usize,
    ) -> Vec<Item<'a>> {
        let Some(path) = self.inside(at.0, entry) else { return Vec::new() };
        if let Some(source) = repository.source(&path) {
            self.files.insert(path);
            return Item::all(source);
        }
        if repository.kustomization(&path).is_some() && depth < DEEPEST {
            self.folders.insert(path.clone());
            return self.layer(repository, &path, Vec::new(), depth + 1);
        }
        if !repository.has_file(&path) {
            self.leads_nowhere(at, (pointer, entry));
        }
        Vec::new()
    }

    /// The path that an entry means; what is not in what was read is named as not checked.
    fn inside(&mut self, source: &Source, entry: &str) -> Option<String> {
        let path = path::join(path::folder(&source.path), entry).filter(|_| !is_remote(entry));
        if path.is_none() {
            let whence =
                if is_remote(entry) { "another repository" } else { "outside of the folder that was read" };
            let why = format!("a kustomization takes it from {whence}");
            self.unchecked.push(Unchecked { file: format!("{}: {entry}", source.path), why });
        }
        path
    }

    fn leads_nowhere(&mut self, (source, document): (&'a Source, &'a Document), entry: (&str, &str)) {
        self.missing.push((whole(source, document), entry.0.to_owned(), entry.1.to_owned()));
    }

    fn not_followed(&mut self, source: &Source, what: &str) {
        let why = format!("what Kustomize makes of {what} is not known here");
        self.unchecked.push(Unchecked { file: source.path.clone(), why });
    }

    fn patch(
        &mut self,
        repository: &'a Repository<'_>,
        folder: &str,
        spec: &Value,
        items: &mut Vec<Item<'a>>,
    ) {
        let merges = list(spec, "/patchesStrategicMerge").iter().filter_map(Value::as_str);
        for entry in merges {
            self.lay(repository, folder, (entry, entry), None, items);
        }
        let both = ["/patches", "/patchesJson6902"].map(|pointer| list(spec, pointer));
        for patch in both.into_iter().flatten() {
            let target = patch.get("target");
            self.lay(repository, folder, (text(patch, "/path"), text(patch, "/patch")), target, items);
        }
    }

    /// Lays a patch over the items: that of a file, where there is one, or else the text.
    fn lay(
        &mut self,
        repository: &'a Repository<'_>,
        folder: &str,
        (file, inline): (&str, &str),
        target: Option<&Value>,
        items: &mut Vec<Item<'a>>,
    ) {
        let path = path::join(folder, file).filter(|_| !file.is_empty() && !file.contains('\n'));
        if let Some(source) = path.as_deref().and_then(|path| repository.source(path)) {
            self.files.insert(source.path.clone());
            source.documents.iter().for_each(|document| patch::apply(items, document.value(), target));
        } else if let Ok(documents) = source::documents(inline) {
            documents.iter().for_each(|document| patch::apply(items, document.value(), target));
        }
    }
}

fn entries<'v>(spec: &'v Value, keys: &'v [&str]) -> impl Iterator<Item = (String, &'v str)> {
    keys.iter().flat_map(|key| {
        let all = list(spec, &format!("/{key}")).iter().enumerate();
        all.filter_map(move |(index, entry)| Some((format!("/{key}/{index}"), entry.as_str()?)))
    })
}

/// What a kustomization reads besides its resources, bases and components: each entry with its pointer.
fn named_files(spec: &Value) -> Vec<(String, &str)> {
    const LISTS: &[&str] =
        &["configurations", "crds", "generators", "patchesStrategicMerge", "transformers", "validators"];
    let mut files: Vec<(String, &str)> = entries(spec, LISTS).collect();
    for key in ["patches", "patchesJson6902", "replacements"] {
        for (index, entry) in list(spec, &format!("/{key}")).iter().enumerate() {
            files.push((format!("/{key}/{index}/path"), text(entry, "/path")));
        }
    }
    // Files of `secretGenerator` are not meant to be in the repository: whatever decrypts them puts them there.
    for (index, entry) in list(spec, "/configMapGenerator").iter().enumerate() {
        let at = format!("/configMapGenerator/{index}");
        for (pointer, file) in entries(entry, &["files", "envs"]) {
            // `key=file`, or the file alone.
            let file = file.split_once('=').map_or(file, |(_, file)| file);
            files.push((format!("{at}{pointer}"), file));
        }
        files.push((format!("{at}/env"), text(entry, "/env")));
    }
    // Some of them may be the content itself.
    files.retain(|(_, file)| !file.is_empty() && !file.contains(['\n', '{', ':']));
    files
}

fn is_remote(entry: &str) -> bool {
    let first = entry.split('/').next().unwrap_or_default();
    let is_git = entry.starts_with("git@") || entry.ends_with(".git") || entry.contains(".git/");
    entry.contains("//") || entry.contains("?ref=") || is_git || first.ends_with(".com")
}

/// The kustomization itself, to point at.
pub(crate) fn whole<'a>(source: &'a Source, document: &'a Document) -> Item<'a> {
    let name = path::folder(&source.path).rsplit('/').next().unwrap_or_default();
    let value = json!({ "kind": "Kustomization", "metadata": { "name": name } });
    Item { source, document, prefix: String::new(), value, namespace: None }
}

/// ConfigMaps and Secrets that the kustomization makes. Their content stays away.
fn generate<'a>(source: &'a Source, document: &'a Document, items: &mut Vec<Item<'a>>) {
    let spec = document.value();
    for (key, kind) in [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")] {
        for (index, entry) in list(spec, &format!("/{key}")).iter().enumerate() {
            if text(entry, "/behavior") == "merge" || text(entry, "/behavior") == "replace" {
                continue;
            }
            let mut annotations = json!({});
            for options in [spec.get("generatorOptions"), entry.get("options")].into_iter().flatten() {
                patch::merge(&mut annotations, options.get("annotations").unwrap_or(&json!({})));
            }
            let metadata = json!({ "name": text(entry, "/name"), "annotations": annotations });
            let value = json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata });
            let namespace = Some(text(entry, "/namespace")).filter(|text| !text.is_empty());
            let prefix = format!("/{key}/{index}");
            items.push(Item { source, document, prefix, value, namespace: namespace.map(str::to_owned) });
        }
    }
}

fn transform(spec: &Value, items: &mut [Item<'_>]) {
    let namespace = text(spec, "/namespace");
    for item in items {
        if !namespace.is_empty() {
            item.namespace = Some(namespace.to_owned());
        }
        if let Some(annotations) = spec.get("commonAnnotations").filter(|value| value.is_object()) {
            patch::merge(&mut item.value, &json!({ "metadata": { "annotations": annotations } }));
        }
        walk::change_images(&mut item.value, &|image| replaced(image, list(spec, "/images")));
    }
}

/// What the entries of `images` make of the name of one.
pub(crate) fn replaced(image: &str, entries: &[Value]) -> Option<String> {
    let parsed = Image::parse(image);
    let entry = entries.iter().rev().find(|entry| text(entry, "/name") == parsed.name)?;
    let given = |key: &str| match entry.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let name = given("newName").unwrap_or_else(|| parsed.name.to_owned());
    let (tag, digest) = match (given("newTag"), given("digest")) {
        (None, None) => (parsed.tag.map(str::to_owned), parsed.digest.map(str::to_owned)),
        other => other,
    };
    let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
    Some(format!("{name}{tag}{digest}"))
}
