//! The files of a repository, read once.

use std::collections::{BTreeMap, BTreeSet};

use manifests::source::{self, Document, SourceError};
use serde_json::Value;

use crate::finding::Unchecked;
use crate::item::{Item, Source};
use crate::{Input, path};

/// Names under which Kustomize looks for its file.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The files of a repository, read once.
pub(crate) struct Repository<'i> {
    pub(crate) input: &'i Input,
    sources: BTreeMap<&'i str, Source>,
    /// All files, readable as YAML or not, text or not.
    paths: BTreeSet<&'i str>,
    /// Folders with a Helm chart.
    charts: BTreeSet<&'i str>,
    /// Files that should be YAML and are not.
    pub(crate) broken: Vec<(&'i str, SourceError)>,
    pub(crate) unchecked: Vec<Unchecked>,
    /// What our own configuration renders.
    pub(crate) rendered: Vec<Source>,
}

impl<'i> Repository<'i> {
    pub(crate) fn read(input: &'i Input) -> Self {
        let texts = input.files.iter().map(|file| file.path.as_str());
        let paths: BTreeSet<&str> = texts.chain(input.others.iter().map(String::as_str)).collect();
        let charts = paths.iter().filter(|path| path::name(path) == "Chart.yaml");
        let mut repository = Self {
            input,
            sources: BTreeMap::new(),
            charts: charts.map(|path| path::folder(path)).collect(),
            paths,
            broken: Vec::new(),
            unchecked: Vec::new(),
            rendered: input.rendered.iter().map(rendered).collect(),
        };
        for file in &input.files {
            if !is_yaml(&file.path) {
                continue;
            }
            if let Some(folder) = repository.templates(&file.path) {
                let why = "templates of a Helm chart, which only Helm can read".to_owned();
                repository.unchecked.push(Unchecked { file: folder, why });
                continue;
            }
            match source::documents(&file.text) {
                Ok(documents) => {
                    let source = Source { path: file.path.clone(), documents, stage: None };
                    repository.sources.insert(&file.path, source);
                }
                Err(error) => repository.broken.push((&file.path, error)),
            }
        }
        repository
    }

    /// The folder with templates of a chart that a file is in.
    fn templates(&self, path: &str) -> Option<String> {
        let is_below =
            |chart: &&&str| path::below(path, chart).is_some_and(|rest| rest.starts_with("templates/"));
        path::join(self.charts.iter().find(is_below)?, "templates")
    }

    /// Whether a folder holds a Helm chart.
    pub(crate) fn is_chart(&self, folder: &str) -> bool {
        self.charts.contains(folder)
    }

    /// Whether a file belongs to a chart, and is therefore no manifest.
    pub(crate) fn in_chart(&self, path: &str) -> bool {
        self.charts
            .iter()
            .any(|chart| path::below(path, chart).is_some() && (!chart.is_empty() || path == "Chart.yaml"))
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }

    /// A file that was read as YAML.
    pub(crate) fn source(&self, path: &str) -> Option<&Source> {
        self.sources.get(path)
    }

    /// The text of a file.
    pub(crate) fn text(&self, path: &str) -> &str {
        self.input.files.iter().find(|file| file.path == path).map_or("", |file| &file.text)
    }

    pub(crate) fn has_file(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    pub(crate) fn has_folder(&self, folder: &str) -> bool {
        folder.is_empty() || self.paths.range(folder..).any(|path| path::below(path, folder).is_some())
    }

    /// Whether an address means this repository. As long as its own address is not known, any may.
    pub(crate) fn is_ours(&self, url: &str) -> bool {
        let own = self.input.repository.as_deref();
        url.is_empty() || own.is_none_or(|own| manifests::repository::same_address(own, url))
    }

    /// Every folder that has files, in it or below.
    pub(crate) fn folders(&self) -> BTreeSet<&'i str> {
        let mut folders = BTreeSet::new();
        for path in &self.paths {
            let mut folder = path::folder(path);
            while !folder.is_empty() && folders.insert(folder) {
                folder = path::folder(folder);
            }
        }
        folders
    }

    /// What tells Kustomize how to build a folder.
    pub(crate) fn kustomization(&self, folder: &str) -> Option<(&Source, &Document)> {
        let names = KUSTOMIZATIONS.iter().filter_map(|name| path::join(folder, name));
        let source = names.filter_map(|path| self.source(&path)).next()?;
        Some((source, source.documents.first()?))
    }

    /// Folders that Kustomize builds.
    pub(crate) fn kustomizations(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().filter(|path| is_kustomization(path)).map(|path| path::folder(path))
    }

    /// The objects of a folder that is a plain directory to Argo CD.
    pub(crate) fn directory(&self, folder: &str, options: &Value) -> Vec<Item<'_>> {
        let glob = |key: &str| options.get(key).and_then(Value::as_str).filter(|pattern| !pattern.is_empty());
        let fits = |pattern: &str, path: &str| crate::glob::fits(pattern, path, Some('/'));
        let chosen = self.sources().filter(|source| {
            let Some(rest) = path::below(&source.path, folder) else { return false };
            let deep = rest.contains('/') && options["recurse"] != true;
            let included = glob("include").is_none_or(|pattern| fits(pattern, rest));
            let excluded = glob("exclude").is_some_and(|pattern| fits(pattern, rest));
            !deep && included && !excluded && !is_kustomization(&source.path)
        });
        chosen.flat_map(Item::all).collect()
    }
}

fn rendered(rendered: &crate::Rendered) -> Source {
    let document = Document::unplaced(rendered.object.redacted().into());
    Source { path: rendered.file.clone(), documents: vec![document], stage: Some(rendered.stage.clone()) }
}

pub(crate) fn is_kustomization(path: &str) -> bool {
    KUSTOMIZATIONS.contains(&path::name(path))
}

fn is_yaml(path: &str) -> bool {
    let extension = path::name(path).rsplit_once('.').map(|(_, extension)| extension);
    is_kustomization(path) || extension.is_some_and(|e| ["yaml", "yml", "json"].contains(&e))
}
