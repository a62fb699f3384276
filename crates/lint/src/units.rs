//! Which objects are synced together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::application::{self, Application};
use crate::finding::Unchecked;
use crate::item::{Item, list, text};
use crate::kustomize::{self, Build};
use crate::path;
use crate::repository::{self, Repository};
use crate::walk;

/// Objects that are synced together, or lie together where no Application takes them.
pub(crate) struct Unit<'a> {
    /// Whose they are; `None` where no Application in the files takes them.
    pub(crate) application: Option<Application<'a>>,
    /// Synced in one go: those of an Application, of a kustomization, or of one folder.
    pub(crate) items: Vec<Item<'a>>,
    /// Kustomizations of the Application that give everything a namespace: that of the item.
    pub(crate) overlays: Vec<Item<'a>>,
}

impl<'a> Unit<'a> {
    /// What no Application takes.
    fn alone(items: Vec<Item<'a>>) -> Self {
        Self { application: None, items, overlays: Vec::new() }
    }
}

/// Everything that rules look at.
pub(crate) struct Units<'a> {
    pub(crate) units: Vec<Unit<'a>>,
    /// Entries of kustomizations that lead nowhere.
    pub(crate) missing: Vec<(Item<'a>, String, String)>,
    pub(crate) unchecked: Vec<Unchecked>,
}

impl<'a> Units<'a> {
    pub(crate) fn of(repository: &'a Repository<'_>) -> Self {
        let mut units = Self { units: Vec::new(), missing: Vec::new(), unchecked: Vec::new() };
        let folders: BTreeSet<&str> = repository.kustomizations().collect();
        let builds: Vec<(&str, Build<'_>)> =
            folders.iter().map(|folder| (*folder, Build::of(repository, folder))).collect();
        let inner: BTreeSet<String> = builds.iter().flat_map(|(_, build)| build.folders.clone()).collect();
        let consumed: BTreeSet<String> = builds.iter().flat_map(|(_, build)| build.files.clone()).collect();
        let mut roots: Vec<(&str, Build<'_>)> =
            builds.into_iter().filter(|(folder, _)| !inner.contains(*folder)).collect();
        let mut loose: Vec<Item<'_>> = repository
            .sources()
            .filter(|source| !consumed.contains(&source.path) && !repository.in_chart(&source.path))
            .filter(|source| !repository::is_kustomization(&source.path))
            .flat_map(Item::all)
            .collect();
        let in_files = |rendered: &Item<'_>| {
            let files = roots.iter().flat_map(|(_, build)| &build.items).chain(&loose);
            files.into_iter().any(|item| item.is_same(rendered))
        };
        // A rendered folder, or objects of ours that are kept in the repository: files have places.
        let rendered = repository.rendered.iter().flat_map(Item::all);
        let rendered: Vec<Item<'_>> = rendered.filter(|item| !in_files(item)).collect();

        let all = roots.iter().flat_map(|(_, build)| &build.items).chain(&loose).chain(&rendered);
        let mut applications: Vec<Application<'_>> = Vec::new();
        for item in all {
            match Application::all(item, repository) {
                Some(found) => applications.extend(found),
                None => units.unchecked.push(Unchecked {
                    file: item.source.path.clone(),
                    why: format!("{}: which Applications it makes is only known to Argo CD", item.label()),
                }),
            }
        }
        for application in applications {
            units.take(repository, &application, &mut roots, &mut loose);
        }
        for (_, build) in roots {
            let items = units.kept(build);
            units.units.push(Unit::alone(items));
        }
        units.push_folders(loose);
        units.units.push(Unit::alone(rendered));
        units
    }

    /// What an Application takes from this repository.
    fn take(
        &mut self,
        repository: &'a Repository<'_>,
        application: &Application<'a>,
        roots: &mut Vec<(&str, Build<'a>)>,
        loose: &mut Vec<Item<'a>>,
    ) {
        let (mut items, mut overlays) = (Vec::new(), Vec::new());
        for (_, source) in application::sources(&application.spec) {
            let folder = Some(text(source, "/path")).filter(|path| !path.is_empty());
            let folder = folder.and_then(|folder| path::join("", folder));
            let Some(folder) = folder.filter(|_| repository.is_ours(text(source, "/repoURL"))) else {
                continue;
            };
            if !repository.has_folder(&folder) {
                continue;
            }
            if repository.is_chart(&folder) || source.get("plugin").is_some() {
                let what = if repository.is_chart(&folder) { "a Helm chart" } else { "rendered by a plugin" };
                let why = format!("{what}: what {} makes of it is not known here", application.label());
                self.unchecked.push(Unchecked { file: folder, why });
                continue;
            }
            if let Some((file, document)) =
                repository.kustomization(&folder).filter(|_| source.get("directory").is_none())
            {
                // What the Application itself tells Kustomize wins.
                let given = text(source, "/kustomize/namespace");
                let namespace = Some(text(document.value(), "/namespace")).filter(|it| !it.is_empty());
                let overlay =
                    Item { namespace: namespace.map(str::to_owned), ..kustomize::whole(file, document) };
                overlays.extend(Some(overlay).filter(|it| it.namespace.is_some() && given.is_empty()));
                let build = Build::of(repository, &folder);
                roots.retain(|(root, _)| **root != folder);
                let mut built = self.kept(build);
                for item in built.iter_mut().filter(|_| !given.is_empty()) {
                    item.namespace = Some(given.to_owned());
                }
                items.extend(built);
            } else {
                let found = repository.directory(&folder, source.get("directory").unwrap_or(&Value::Null));
                let taken: BTreeSet<&str> = found.iter().map(|item| item.source.path.as_str()).collect();
                loose.retain(|item| !taken.contains(item.source.path.as_str()));
                items.extend(found);
            }
            override_images(source, &mut items);
        }
        let (_, _, namespace) = application.destination();
        for item in items.iter_mut().filter(|item| item.namespace.is_none() && !namespace.is_empty()) {
            item.namespace = Some(namespace.to_owned());
        }
        self.units.push(Unit { application: Some(application.clone()), items, overlays });
    }

    fn kept(&mut self, build: Build<'a>) -> Vec<Item<'a>> {
        self.missing.extend(build.missing);
        self.unchecked.extend(build.unchecked);
        build.items
    }

    /// What no Application and no kustomization takes: a folder at a time.
    fn push_folders(&mut self, loose: Vec<Item<'a>>) {
        let mut folders: BTreeMap<String, Vec<Item<'a>>> = BTreeMap::new();
        for item in loose {
            folders.entry(item.folder().to_owned()).or_default().push(item);
        }
        self.units.extend(folders.into_values().map(Unit::alone));
    }

    /// All objects. One that several Applications take comes several times.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item<'a>> {
        self.units.iter().flat_map(|unit| &unit.items)
    }
}

/// `kustomize.images` of an Application: `name=new:tag` or `name:tag`.
fn override_images(source: &Value, items: &mut [Item<'_>]) {
    let entries: Vec<Value> = list(source, "/kustomize/images")
        .iter()
        .filter_map(|entry| {
            let entry = entry.as_str()?;
            let (name, new) = entry.split_once('=').unwrap_or((entry, entry));
            let new = crate::image::Image::parse(new);
            let old = crate::image::Image::parse(name).name;
            let mut image = serde_json::json!({ "name": old, "newName": new.name });
            for (key, value) in [("newTag", new.tag), ("digest", new.digest)] {
                if let Some(value) = value {
                    image[key] = value.into();
                }
            }
            Some(image)
        })
        .collect();
    for item in items {
        walk::change_images(&mut item.value, &|image| kustomize::replaced(image, &entries));
    }
}
