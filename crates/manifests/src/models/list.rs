//! Which models there are, and in which version.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Files, Image, ModelError, Runtime, STORAGE_URI, kustomize};
use crate::config::{Config, Models};
use crate::yaml;

/// A model in an environment. What its files don't say in the usual place is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployed {
    /// Name of the model.
    pub model: String,
    /// Name of the environment; `None` for a model that is in none.
    pub environment: Option<String>,
    /// Who runs it.
    pub runtime: Option<Runtime>,
    /// Its version.
    pub version: Option<String>,
    /// The server's image.
    pub image: Option<String>,
    /// Where the trained model is.
    pub storage_uri: Option<String>,
    /// Why some of this is not known: a file that can't be read.
    pub problem: Option<ModelError>,
}

/// Every model in every environment that has it, by name, and once every model that has a base and is in none.
pub fn list(config: &Config, there: &Files) -> Vec<Deployed> {
    let settings = super::settings(config);
    let places = places(&settings, there);
    let prefix = format!("{}/", settings.folder);
    let base = |path: &str| {
        let (model, rest) = path.strip_prefix(&prefix)?.split_once('/')?;
        rest.starts_with("base/").then(|| model.to_owned())
    };
    let bases: BTreeSet<String> = there.keys().filter_map(|path| base(path)).collect();
    let nowhere = bases.into_iter().filter(|base| !places.iter().any(|(model, _)| model == base));
    let nowhere = nowhere.map(|model| Deployed {
        runtime: runtime(&model, &settings, there),
        model,
        ..Deployed::default()
    });
    let listed = places.iter().map(|(model, environment)| deployed(model, environment, &settings, there));
    let mut listed: Vec<Deployed> = listed.chain(nowhere).collect();
    listed.sort_by(|one, other| one.model.cmp(&other.model));
    listed
}

/// That a model is not there, or not in that environment, with what is there instead.
pub fn missing(name: &str, environment: Option<&str>, config: &Config, there: &Files) -> ModelError {
    let listed = list(config, there);
    let of_it: Vec<&str> =
        listed.iter().filter(|it| it.model == name).filter_map(|it| it.environment.as_deref()).collect();
    let mut models: Vec<&str> = listed.iter().map(|it| it.model.as_str()).collect();
    models.dedup();
    let known = match (of_it.is_empty(), models.is_empty()) {
        (false, _) => format!("it is in: {}", of_it.join(", ")),
        (true, false) => format!("the models are: {}", models.join(", ")),
        (true, true) => format!("there is none in {}/", super::settings(config).folder),
    };
    ModelError::NoModel { name: name.into(), environment: environment.map(Into::into), known }
}

/// The names of every model and of an environment that has it.
pub(super) fn places<'f>(settings: &Models, there: &'f Files) -> BTreeSet<(&'f str, &'f str)> {
    let prefix = format!("{}/", settings.folder);
    let place = |path: &'f str| {
        let mut parts = path.strip_prefix(&prefix)?.split('/');
        let model = parts.next()?;
        let environment = parts.next().filter(|name| *name == "overlays").and_then(|_| parts.next())?;
        // A file of that name is no overlay.
        parts.next().map(|_| (model, environment))
    };
    there.keys().filter_map(|path| place(path)).collect()
}

fn deployed(model: &str, environment: &str, settings: &Models, there: &Files) -> Deployed {
    let overlay = format!("{}/{model}/overlays/{environment}", settings.folder);
    let mut problem = None;
    let mut read = |path: String| {
        let file = kustomize::read(&path, there.get(&path)?);
        file.map_err(|error| problem.get_or_insert(error).clone()).ok()
    };
    // What the overlay says counts more than its component: Kustomize applies it last.
    let mut files = [
        read(format!("{overlay}/{}", kustomize::FILE)),
        read(format!("{overlay}/version/{}", kustomize::FILE)),
    ];
    let mut first =
        |find: fn(&Value) -> Option<String>| files.iter_mut().flatten().find_map(|file| find(file));
    Deployed {
        version: first(version),
        image: first(image),
        storage_uri: first(storage_uri),
        runtime: runtime(model, settings, there),
        model: model.into(),
        environment: Some(environment.into()),
        problem,
    }
}

/// Who runs a model that is there; `None` where its base has no object of those that are known.
pub(super) fn runtime(model: &str, settings: &Models, there: &Files) -> Option<Runtime> {
    let file = |runtime: &Runtime| {
        format!("{}/{model}/base/{}.yaml", settings.folder, runtime.kind().1.to_lowercase())
    };
    Runtime::ALL.into_iter().find(|runtime| there.contains_key(&file(runtime)))
}

fn items<'v>(file: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    file[key].as_array().into_iter().flatten()
}

fn version(file: &Value) -> Option<String> {
    patched(file, |path, _| path == kustomize::VERSION)
}

fn image(file: &Value) -> Option<String> {
    items(file, "images").find_map(Image::of_transformer)
}

/// Of the ConfigMap, or of the one value in a patch that looks like it.
fn storage_uri(file: &Value) -> Option<String> {
    let literals = items(file, "configMapGenerator").flat_map(|map| items(map, "literals"));
    let mut values = literals.filter_map(|text| text.as_str()?.strip_prefix(STORAGE_URI)?.strip_prefix('='));
    let value = values.next().map(str::to_owned);
    value.or_else(|| patched(file, |_, value| value.contains("://")))
}

/// A value that is set by a patch, found by path and value.
fn patched(file: &Value, is_it: impl Fn(&str, &str) -> bool) -> Option<String> {
    let patches = items(file, "patches").filter_map(|patch| yaml::parse_value(patch["patch"].as_str()?).ok());
    let mut operations = patches.flat_map(|patch| patch.as_array().cloned().unwrap_or_default());
    operations.find_map(|operation| {
        let value = operation["value"].as_str()?;
        is_it(operation["path"].as_str()?, value).then(|| value.to_owned())
    })
}
