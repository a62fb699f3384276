//! Models as files of the GitOps repository.
//!
//! `<folder>/<model>/base` says what a model is, once. `<folder>/<model>/overlays/<environment>` says where it runs and
//! how large, and `version/` in there which version: one file, which is all that a promotion copies. Everything here
//! goes from the files that there are to the files that there should be, and writes nothing.

mod change;
mod delivery;
mod error;
mod image;
mod kserve;
mod kustomize;
mod list;
mod request;
mod rollout;
mod seldon;

use std::borrow::Cow;
use std::collections::BTreeSet;

pub use change::{Changes, FileChange, Files, lines};
pub(crate) use delivery::{APPLICATION_SET, overlays};
pub use delivery::{application_set, project};
pub use error::ModelError;
pub use image::Image;
pub use list::{Deployed, list, missing};
pub use request::{Model, Runtime};

use crate::applications::preview;
use crate::config::{Config, Logging, Models};
use crate::object::Object;

/// Longest name of an Application: Argo CD before 3.0 writes it into a label.
const LONGEST_APPLICATION: usize = 63;

/// What a runtime makes of a model.
struct Parts {
    /// The objects of the base.
    objects: Vec<Object>,
    /// Where the model's own object, the first one, names the ConfigMap: a path as Kustomize has them. `None` where
    /// nothing could read one.
    config: Option<&'static str>,
    /// Where the storage URI is.
    uri: Uri,
    /// What is scaled: index of the object, and JSON pointers to the smallest and the largest number of replicas.
    scaled: (usize, &'static str, &'static str),
}

/// Where the storage URI is.
enum Uri {
    /// In the model's own object, at this JSON pointer.
    At(&'static str),
    /// In the ConfigMap, under [`STORAGE_URI`].
    Config,
}

/// Key of the ConfigMap with the version.
const MODEL_VERSION: &str = "MODEL_VERSION";
/// Key of the ConfigMap with the storage URI, and name of the variable that KServe reads it from.
const STORAGE_URI: &str = "STORAGE_URI";

fn parts(model: &Model, settings: &Models) -> Parts {
    match model.runtime {
        Runtime::KServe => kserve::parts(model),
        Runtime::Seldon => seldon::deployment(model),
        Runtime::SeldonCore2 => seldon::model(model),
        Runtime::Rollout => rollout::parts(model, &settings.prometheus),
    }
}

/// Every file of a model in these environments.
fn files(model: &Model, environments: &[String], settings: &Models) -> Files {
    let parts = parts(model, settings);
    let root = format!("{}/{}", settings.folder, model.name);
    let mut files = Files::new();
    for (name, text) in kustomize::base(model, &parts, settings) {
        files.insert(format!("{root}/base/{name}"), text);
    }
    for environment in environments {
        let overlay = format!("{root}/overlays/{environment}");
        files
            .insert(format!("{overlay}/{}", kustomize::FILE), kustomize::overlay(model, &parts, environment));
        files.insert(format!("{overlay}/version/{}", kustomize::FILE), kustomize::version(model, &parts));
    }
    files
}

/// Adds a model to some environments. A file that is there with other contents is somebody's work: it is replaced only
/// by `force`.
pub fn add(
    model: &Model,
    environments: &[String],
    config: &Config,
    there: &Files,
    force: bool,
) -> Result<Changes, ModelError> {
    model.check()?;
    let settings = settings(config);
    for environment in environments {
        check_application(&model.name, environment, config, there)?;
    }
    let other = list::runtime(&model.name, &settings, there).filter(|other| *other != model.runtime);
    match other {
        Some(other) => Err(ModelError::OtherRuntime { name: model.name.clone(), there: other }),
        None => change::towards(files(model, environments, &settings), there, force),
    }
}

/// Removes a model, or what it is in one environment.
pub fn remove(
    name: &str,
    environment: Option<&str>,
    config: &Config,
    there: &Files,
) -> Result<Changes, ModelError> {
    request::check_name(name)?;
    let mut folder = format!("{}/{name}", settings(config).folder);
    if let Some(environment) = environment {
        request::check_environment(environment)?;
        folder = format!("{folder}/overlays/{environment}");
    }
    let is_in = |path: &str| path.strip_prefix(&folder).is_some_and(|rest| rest.starts_with('/'));
    let gone = there.iter().filter(|(path, _)| is_in(path));
    let changes = gone.map(|(path, text)| FileChange::remove(path, text)).collect();
    Ok(Changes { changes, all: vec![folder] })
}

/// Brings the version of a model in `from` to `to`: storage URI, images and literals, and nothing that is about the
/// environment. Where `to` does not have the model yet, it gets it, as large as it is in `from`.
pub fn promote(
    name: &str,
    (from, to): (&str, &str),
    config: &Config,
    there: &Files,
) -> Result<Changes, ModelError> {
    request::check_name(name)?;
    let overlay = |environment: &str| format!("{}/{name}/overlays/{environment}", settings(config).folder);
    let version = |environment: &str| format!("{}/version/{}", overlay(environment), kustomize::FILE);
    let Some(text) = there.get(&version(from)) else {
        return Err(ModelError::NoVersion {
            name: name.into(),
            environment: from.into(),
            path: version(from),
        });
    };
    check_application(name, to, config, there)?;
    kustomize::read(&version(from), text)?;
    let mut files = Files::from([(version(to), text.clone())]);
    let file = |environment: &str| format!("{}/{}", overlay(environment), kustomize::FILE);
    if !there.contains_key(&file(to)) {
        let path = file(from);
        let overlay = there.get(&path);
        overlay.map(|text| kustomize::read(&path, text)).transpose()?;
        let moved = overlay.and_then(|text| kustomize::in_namespace(text, from, to));
        files.insert(file(to), moved.ok_or(ModelError::NoNamespace { path, namespace: from.into() })?);
    }
    change::towards(files, there, true)
}

/// What the configuration says of models, or what it would say by default.
fn settings(config: &Config) -> Cow<'_, Models> {
    config.models.as_ref().map_or_else(|| Cow::Owned(Models::default()), Cow::Borrowed)
}

/// The environment is one, and the Application's name is nobody else's.
fn check_application(
    name: &str,
    environment: &str,
    config: &Config,
    there: &Files,
) -> Result<(), ModelError> {
    let known: Vec<&str> = config.environments.iter().map(|it| it.namespace.as_str()).collect();
    if !known.contains(&environment) {
        return Err(ModelError::UnknownEnvironment { name: environment.into(), known: known.join(", ") });
    }
    let application = format!("{name}-{environment}");
    if application.len() > LONGEST_APPLICATION {
        return Err(ModelError::LongApplication { name: application });
    }
    let settings = settings(config);
    let models = list::places(&settings, there).into_iter().filter(|place| *place != (name, environment));
    let models = models.map(|(model, at)| (format!("{model}-{at}"), format!("model {model} in {at}")));
    let logging = config.logging.iter().map(Logging::environment);
    let own = config.environments.iter().cloned().chain(logging);
    let own = own.map(|it| (it.application(), format!("the environment {}", it.namespace)));
    let same = models.chain(own).chain(configured(config)).find(|(other, _)| *other == application);
    match same {
        Some((_, owner)) => Err(ModelError::SameApplication { name: application, owner }),
        None => Ok(()),
    }
}

/// Names of Applications that the configuration gives besides, and which part of it does. What comes of a set that asks
/// a repository or Argo CD's clusters is not known here.
fn configured(config: &Config) -> impl Iterator<Item = (String, String)> {
    let applications = config.applications.iter().enumerate();
    let applications = applications.map(|(index, it)| (it.name.clone(), format!("applications[{index}]")));
    let sets = config.application_sets.iter().enumerate().flat_map(move |(index, set)| {
        // A template that can't be previewed gives names that only Argo CD can tell.
        let made = preview::of_lists(set, config).and_then(Result::ok).unwrap_or_default();
        made.into_iter().map(move |it| (it.name().to_owned(), format!("applicationSets[{index}]")))
    });
    applications.chain(sets)
}

/// API group and kind of everything that a model may consist of.
fn kinds(settings: &Models) -> BTreeSet<(String, String)> {
    let mut kinds = BTreeSet::from([(String::new(), "ConfigMap".to_owned())]);
    for runtime in Runtime::ALL {
        let objects = parts(&Model::example(runtime), settings).objects;
        kinds.extend(objects.iter().map(|it| (it.reference().group().to_owned(), it.kind().to_owned())));
    }
    kinds
}

/// Name of the ConfigMap of a model.
fn config_name(model: &Model) -> String {
    format!("{}-config", model.name)
}
