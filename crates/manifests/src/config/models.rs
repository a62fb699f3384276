//! Combinations of models, environments and release of Argo CD that are impossible.

use super::combinations::Clash;
use super::types::{Config, Models};
use super::words;
use crate::models::APPLICATION_SET;
use crate::waves;

/// All impossible combinations.
pub(super) fn clashes(config: &Config) -> Vec<Clash> {
    let Some(models) = &config.models else { return Vec::new() };
    let mut clashes = places(models, config);
    clashes.extend(objects(models, config));
    let version = &config.argocd.version;
    if !version.has_go_template_sets() {
        clashes.push(Clash::new(
            &["models", "argocd.version"],
            format!(
                "`models` needs ApplicationSets with Go templates, which Argo CD has since v2.5.0, and this is {version}"
            ),
        ));
    }
    if config.environments.is_empty() {
        clashes.push(Clash::new(
            &["models", "environments"],
            "`models` needs `environments`, which say where models may run",
        ));
    }
    let scoped = config.git.repository.as_ref().and_then(|repository| repository.project.as_ref());
    if let Some(project) = scoped.filter(|project| **project != models.project) {
        clashes.push(Clash::new(
            &["git.repository.project", "models.project", "models"],
            format!(
                "`git.repository.project: {project}` is only for applications of that project, and models are in `{}`; \
                 remove the key",
                models.project
            ),
        ));
    }
    for name in models.waves.keys().filter(|name| !waves::is_known(name)) {
        clashes.push(Clash::new(
            &[&format!("models.waves.{name}"), "models.waves"],
            "no kind of the table in docs/ml.md has this name; write it as the table does, or `Kind.group`",
        ));
    }
    clashes
}

/// Argo CD applies an environment's folder with all that is below it, and a project belongs to one owner.
fn places(models: &Models, config: &Config) -> Vec<Clash> {
    let top = models.folder.split('/').next().unwrap_or_default();
    let environments = config.environments.iter().enumerate();
    let environments = environments
        .map(|(index, it)| (format!("environments[{index}]"), it.namespace.as_str(), it.project.as_str()));
    let logging = config.logging.as_ref().map(super::Logging::environment);
    let logging = logging.iter().map(|it| ("logging".to_owned(), it.namespace.as_str(), it.project.as_str()));
    let mut clashes = Vec::new();
    for (place, namespace, project) in environments.chain(logging) {
        if namespace == top {
            clashes.push(Clash::new(
                &["models.folder", &format!("{place}.namespace"), "models"],
                format!(
                    "`models.folder` is in `{namespace}`, the folder of {place}: Argo CD would apply its Kustomize files \
                     as they are; take another folder"
                ),
            ));
        }
        if project == models.project {
            clashes.push(Clash::new(
                &["models.project", &format!("{place}.project"), "models"],
                format!(
                    "{place} has the project `{project}`, which is that of the models: the kinds that it allows are \
                     theirs; give each its own"
                ),
            ));
        }
    }
    clashes
}

/// What `models` makes, the stage `applications` may not make too: each would undo what the other did.
fn objects(models: &Models, config: &Config) -> Vec<Clash> {
    let projects: Vec<_> = config.projects.iter().map(|project| project.name.as_str()).collect();
    let sets: Vec<_> = config.application_sets.iter().map(|set| set.name.as_str()).collect();
    let mut clashes = same("projects", &projects, "AppProject", &models.project);
    clashes.extend(same("applicationSets", &sets, "ApplicationSet", APPLICATION_SET));
    clashes
}

fn same(key: &str, names: &[&str], kind: &str, of_models: &str) -> Vec<Clash> {
    let taken: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let with_name = names.iter().enumerate().filter(|(_, name)| **name == of_models);
    let clash = |(index, name)| {
        Clash::new(
            &[&format!("{key}[{index}].name"), "models.project", "models"],
            format!(
                "{key}[{index}] is called `{name}`, as the {kind} is that `models` makes: each would undo what the \
                 other did; take a name other than {}",
                words::list(&taken)
            ),
        )
    };
    with_name.map(clash).collect()
}
