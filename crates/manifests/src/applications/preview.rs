//! The Applications that an ApplicationSet gives, worked out without Argo CD.
//!
//! From Argo CD's documents on ApplicationSets (Generators, GoTemplate, Application-Deletion).

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;
use serde_json::{Map, Value, json};

use super::folder::{self, Selection, normalized};
use super::set;
use super::template::{Template, TemplateError};
use crate::argocd::application::with_finalizer;
use crate::argocd::names::{ARGOPROJ, IN_CLUSTER};
use crate::config::{
    self, ApplicationSet, ApplicationTemplate, Clusters, Config, DNS_NAME, Generator, GitDirectories, Matrix,
    Operator,
};
use crate::models;
use crate::object::{self, Object};

/// All folders of a repository, by its address and a revision, but the hidden ones; or why they are not known.
pub type Folders<'a> = dyn Fn(&str, &str) -> Result<Vec<String>, String> + 'a;

/// What generators find outside of the configuration.
pub struct Known<'a> {
    /// The folders of repositories.
    pub folders: &'a Folders<'a>,
    /// Clusters that Argo CD has a Secret for. The one that it runs in comes by itself.
    pub clusters: Vec<Cluster>,
}

/// A cluster as its Secret has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Name.
    pub name: String,
    /// Address of its API.
    pub server: String,
    /// Labels of the Secret.
    pub labels: BTreeMap<String, String>,
}

/// Why it can't be told which Applications a set gives, or why Argo CD would make none of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    /// Which folders there are is not known, and why.
    #[error("{0}")]
    Folders(String),
    /// A pattern that Go doesn't take.
    #[error("`{0}` is no pattern for folders")]
    Pattern(String),
    /// A text that can't be filled in.
    #[error("{place}: {error}")]
    Template {
        /// Where in the generators or the template.
        place: String,
        /// Why.
        error: TemplateError,
    },
    /// Filled in, it is no name.
    #[error("`{0}` can't be the name of an Application")]
    Name(String),
    /// Its project would refuse it.
    #[error("{0}")]
    Refused(String),
    /// Two of one name: Argo CD then makes none of the set.
    #[error("two Applications are called `{0}`; Argo CD then makes none of the set")]
    Twice(String),
}

type Values = Map<String, Value>;

/// The Applications of a set, in the order of its generators.
pub fn applications(
    set: &ApplicationSet,
    config: &Config,
    known: &Known<'_>,
) -> Result<Vec<Object>, PreviewError> {
    let template = set::object(set, config);
    let template = template.get("/spec/template").cloned().unwrap_or_default();
    let source = Source { config, known };
    let mut names = BTreeSet::new();
    let mut applications = Vec::new();
    for generator in &set.generators {
        for values in source.values(generator)? {
            let values = values.into();
            let application = finalized(application(config, &template, &values)?, set);
            let typed = fill(&object::to_json(&set.template), &values, "template")?;
            let typed: ApplicationTemplate = serde_json::from_value(typed).expect("only texts have changed");
            if let Some(why) = config::refusals(config, &typed.application()).into_iter().next() {
                return Err(PreviewError::Refused(why));
            }
            if !names.insert(application.name().to_owned()) {
                return Err(PreviewError::Twice(application.name().to_owned()));
            }
            applications.push(application);
        }
    }
    Ok(applications)
}

/// The Applications of a set whose generators ask nobody: all that they give is written in the configuration. `None`
/// for any other set.
pub fn of_lists(set: &ApplicationSet, config: &Config) -> Option<Result<Vec<Object>, PreviewError>> {
    let known = Known { folders: &|_, _| Ok(Vec::new()), clusters: Vec::new() };
    set.generators.iter().all(is_list).then(|| applications(set, config, &known))
}

fn is_list(generator: &Generator) -> bool {
    match generator {
        Generator::List(_) => true,
        Generator::Matrix(matrix) => matrix.generators.iter().all(is_list),
        Generator::GitDirectories(_) | Generator::Clusters(_) => false,
    }
}

/// The Applications of the set that follows models: one for each overlay, which has to be of an environment. Empty
/// where no models are configured.
pub fn of_models(config: &Config, known: &Known<'_>) -> Result<Vec<Object>, PreviewError> {
    let Some(models) = &config.models else { return Ok(Vec::new()) };
    let set = models::application_set(models, config);
    let template = set.get("/spec/template").cloned().unwrap_or_default();
    let directories = vec![models::overlays(models)];
    let overlays = GitDirectories { repo_url: None, revision: None, directories };
    let mut names = BTreeSet::new();
    let mut applications = Vec::new();
    for values in (Source { config, known }).folders(&overlays)? {
        let application = application(config, &template, &values.into())?;
        let namespace = application.text("/spec/destination/namespace");
        if !config.environments.iter().any(|environment| environment.namespace == namespace) {
            let path = application.text("/spec/source/path");
            let project = &models.project;
            return Err(PreviewError::Refused(format!(
                "{path} is for `{namespace}`, which is no environment, so project `{project}` refuses it"
            )));
        }
        if !names.insert(application.name().to_owned()) {
            return Err(PreviewError::Twice(application.name().to_owned()));
        }
        applications.push(application);
    }
    Ok(applications)
}

/// With the finalizer that Argo CD gives to Applications of a set.
fn finalized(application: Object, set: &ApplicationSet) -> Object {
    if set.preserve_resources_on_deletion { application } else { with_finalizer(application) }
}

/// One Application, as Argo CD makes it of the template.
fn application(config: &Config, template: &Value, values: &Value) -> Result<Object, PreviewError> {
    let mut filled = fill(template, values, "template")?;
    let name = filled["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if !Regex::new(DNS_NAME).is_ok_and(|regex| regex.is_match(&name)) {
        return Err(PreviewError::Name(name));
    }
    let mut metadata = filled["metadata"].take();
    metadata["namespace"] = config.argocd.namespace.as_str().into();
    let value = json!({
        "apiVersion": ARGOPROJ, "kind": "Application", "metadata": metadata, "spec": filled["spec"].take(),
    });
    Object::try_from(value).map_err(|_| PreviewError::Name(name))
}

/// Every text in a value filled in, keys of mappings too.
fn fill(value: &Value, values: &Value, place: &str) -> Result<Value, PreviewError> {
    let text = |text: &str| {
        Template::parse(text)
            .and_then(|template| template.render(values))
            .map_err(|error| PreviewError::Template { place: place.into(), error })
    };
    Ok(match value {
        Value::String(plain) => text(plain)?.into(),
        Value::Array(items) => {
            let filled =
                items.iter().enumerate().map(|(i, item)| fill(item, values, &format!("{place}[{i}]")));
            Value::Array(filled.collect::<Result<_, _>>()?)
        }
        Value::Object(map) => {
            let filled = map
                .iter()
                .map(|(key, item)| Ok((text(key)?, fill(item, values, &format!("{place}.{key}"))?)));
            Value::Object(filled.collect::<Result<_, PreviewError>>()?)
        }
        other => other.clone(),
    })
}

/// What generators draw from.
struct Source<'a> {
    config: &'a Config,
    known: &'a Known<'a>,
}

impl Source<'_> {
    fn values(&self, generator: &Generator) -> Result<Vec<Values>, PreviewError> {
        match generator {
            Generator::List(list) => Ok(list.elements.iter().map(texts).collect()),
            Generator::GitDirectories(directories) => self.folders(directories),
            Generator::Clusters(clusters) => Ok(self.clusters(clusters)),
            Generator::Matrix(matrix) => self.matrix(matrix),
        }
    }

    fn folders(&self, directories: &GitDirectories) -> Result<Vec<Values>, PreviewError> {
        let spec = set::git_spec(directories, &self.config.git);
        let folders = (self.known.folders)(&spec.repo_url, &spec.revision).map_err(PreviewError::Folders)?;
        let taken = directories.directories.iter().map(|one| (one.path.as_str(), one.exclude));
        let taken = Selection::new(taken).map_err(PreviewError::Pattern)?;
        let found = folders.iter().filter(|folder| taken.has(folder));
        Ok(found.map(|folder| Map::from_iter([("path".to_owned(), folder::values(folder))])).collect())
    }

    fn clusters(&self, clusters: &Clusters) -> Vec<Values> {
        let local = Cluster { name: "in-cluster".into(), server: IN_CLUSTER.into(), ..Cluster::default() };
        let has_secret = self.known.clusters.iter().any(|cluster| cluster.server == IN_CLUSTER);
        let local = (!has_secret && !clusters.has_condition()).then(|| cluster_values(&local));
        let registered = self.known.clusters.iter().map(|cluster| {
            let mut cluster = cluster.clone();
            cluster.labels.insert("argocd.argoproj.io/secret-type".into(), "cluster".into());
            cluster
        });
        let registered = registered.filter(|cluster| matches(clusters, &cluster.labels)).map(|cluster| {
            let mut values = cluster_values(&cluster);
            values.insert("metadata".into(), json!({ "labels": cluster.labels }));
            values
        });
        let same = |mut values: Values| {
            if !clusters.values.is_empty() {
                values.insert("values".into(), Value::Object(texts(&clusters.values)));
            }
            values
        };
        local.into_iter().chain(registered).map(same).collect()
    }

    /// The second is asked once for each of the first, whose values may stand in its texts.
    fn matrix(&self, matrix: &Matrix) -> Result<Vec<Values>, PreviewError> {
        let [first, second] = matrix.generators.as_slice() else {
            return Ok(Vec::new());
        };
        let plain = object::to_json(second);
        let mut all = Vec::new();
        for outer in self.values(first)? {
            let filled = fill(&plain, &outer.clone().into(), "generators[1]")?;
            let second = serde_json::from_value(filled).expect("only texts have changed");
            for inner in self.values(&second)? {
                // A configuration in which both give the same is refused.
                all.push(outer.clone().into_iter().chain(inner).collect());
            }
        }
        Ok(all)
    }
}

fn texts(map: &BTreeMap<String, String>) -> Values {
    map.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
}

fn cluster_values(cluster: &Cluster) -> Values {
    texts(&BTreeMap::from([
        ("name".to_owned(), cluster.name.clone()),
        ("nameNormalized".to_owned(), normalized(&cluster.name)),
        ("server".to_owned(), cluster.server.clone()),
    ]))
}

fn matches(clusters: &Clusters, labels: &BTreeMap<String, String>) -> bool {
    let same = clusters.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value));
    same && clusters.match_expressions.iter().all(|expression| {
        let value = labels.get(&expression.key);
        let one_of = value.is_some_and(|value| expression.values.contains(value));
        match expression.operator {
            Operator::In => one_of,
            Operator::NotIn => !one_of,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    })
}
