//! Applications, the projects that they belong to, and ApplicationSets, as `projects`, `applications` and
//! `applicationSets` have them.

pub mod folder;
pub mod preview;
mod set;
pub mod template;

mod generator;

use std::collections::BTreeSet;

use crate::MANAGER;
use crate::argocd::application::{
    ApplicationSpec, Destination, Directory, Helm, Kustomize, Parameter, Source, SyncPolicy, with_finalizer,
};
use crate::argocd::names::ARGOPROJ;
use crate::argocd::project::{ClusterKind, ProjectSpec};
use crate::config::{self, Application, Config, Git, GroupKind, KindSet, Project, SyncOption};
use crate::notifications;
use crate::object::{self, Object, ObjectRef};

pub use generator::{Gives, gives};

/// Everything that is configured: projects, then Applications, then ApplicationSets.
pub fn objects(config: &Config) -> Vec<Object> {
    let projects = config.projects.iter().map(|project| self::project(project, config));
    let applications = config.applications.iter().map(|application| self::application(application, config));
    let sets = config.application_sets.iter().map(|set| set::object(set, config));
    projects.chain(applications).chain(sets).map(ours).collect()
}

fn ours(object: Object) -> Object {
    object.with_label("app.kubernetes.io/managed-by", MANAGER)
}

fn reference(kind: &str, name: &str, config: &Config) -> ObjectRef {
    ObjectRef::namespaced(ARGOPROJ, kind, &config.argocd.namespace, name)
}

fn project(project: &Project, config: &Config) -> Object {
    let kinds = || project.uses.iter().flat_map(|set| set.kinds());
    let of = |namespaced: bool, more: &[GroupKind]| -> BTreeSet<GroupKind> {
        let kinds = kinds().filter(|kind| kind.namespaced == namespaced);
        let kinds = kinds.map(|kind| GroupKind { group: kind.group.into(), kind: kind.kind.into() });
        kinds.chain(more.iter().cloned()).collect()
    };
    let cluster_kinds = of(false, &project.cluster_resources).into_iter().map(ClusterKind::from);
    let spec = ProjectSpec {
        description: project.description.clone(),
        source_repos: match project.source_repos.as_slice() {
            [] => vec![config.git.repo_url()],
            repositories => repositories.iter().map(|url| full_url(url)).collect(),
        },
        destinations: project.destinations.iter().map(Destination::from).collect(),
        cluster_resource_whitelist: cluster_kinds.chain(new_namespaces(project, config)).collect(),
        namespace_resource_whitelist: of(true, &project.namespace_resources).into_iter().collect(),
        roles: Vec::new(),
    };
    Object::new(&reference("AppProject", &project.name, config)).with("spec", object::to_json(&spec))
}

/// An address as it stands for the repository everywhere: `github.com/acme/x` means https, as in `git.url`.
/// What a set fills in later stays as it is.
pub(crate) fn full_url(url: &str) -> String {
    if url.contains("{{") {
        return url.to_owned();
    }
    Git { url: url.to_owned(), ..Git::default() }.repo_url()
}

/// Namespaces that Applications of the project make by `CreateNamespace=true`: Argo CD asks the project for these as
/// for any other object of the sync, and only as long as they are missing, so that without an entry it is the next
/// cluster that fails. Where the release can say so, these namespaces are allowed and no others.
fn new_namespaces(project: &Project, config: &Config) -> Vec<ClusterKind> {
    let kind = GroupKind { group: String::new(), kind: "Namespace".into() };
    if project.uses.contains(&KindSet::Namespaces) || project.cluster_resources.contains(&kind) {
        return Vec::new();
    }
    let sets = config.application_sets.iter().map(|set| set.template.application());
    let creating = config.applications.iter().cloned().chain(sets).filter(|application| {
        application.project == project.name && application.sync_options.contains(&SyncOption::CreateNamespace)
    });
    let names: BTreeSet<String> =
        creating.flat_map(|application| namespaces(&application, project)).collect();
    match config.argocd.version.has_names_in_whitelists() {
        true => names.into_iter().map(|name| ClusterKind { kind: kind.clone(), name: Some(name) }).collect(),
        false => names.into_iter().take(1).map(|_| kind.clone().into()).collect(),
    }
}

/// The Application's namespace; where a set fills it in, all that the project lets it go to.
fn namespaces(application: &Application, project: &Project) -> Vec<String> {
    match &application.destination.namespace {
        namespace if namespace.contains("{{") => {
            project.destinations.iter().map(|destination| destination.namespace.clone()).collect()
        }
        namespace => vec![namespace.clone()],
    }
}

/// The Application as Argo CD has it, without the label that makes it ours.
fn application(application: &Application, config: &Config) -> Object {
    let object = Object::new(&reference("Application", &application.name, config))
        .with("spec", object::to_json(&spec(application, &config.git)));
    let object = application.labels.iter().fold(object, |object, (key, value)| object.with_label(key, value));
    let wave = application.wave.map(|wave| ("argocd.argoproj.io/sync-wave".to_owned(), wave.to_string()));
    let annotations = notifications::annotations(&application.subscriptions).into_iter().chain(wave);
    let object = annotations.fold(object, |object, (key, value)| object.with_annotation(&key, &value));
    if application.finalizer { with_finalizer(object) } else { object }
}

fn spec(application: &Application, git: &Git) -> ApplicationSpec {
    ApplicationSpec {
        project: application.project.clone(),
        destination: Destination::from(&application.destination),
        source: source(&application.source, git),
        sync_policy: SyncPolicy::of(
            &application.sync_policy,
            &application.sync_options,
            application.retry.as_ref(),
        ),
        ignore_differences: Vec::new(),
    }
}

fn source(source: &config::ApplicationSource, git: &Git) -> Source {
    let config::ApplicationSource { path, chart, .. } = source.clone();
    let helm = source.helm.clone().map(|helm| Helm {
        release_name: helm.release_name,
        value_files: helm.value_files,
        values: helm.values,
        parameters: helm.parameters.into_iter().map(|(name, value)| Parameter { name, value }).collect(),
    });
    let kustomize = source.kustomize.clone().map(|kustomize| Kustomize {
        images: kustomize.images,
        name_prefix: kustomize.name_prefix,
        name_suffix: kustomize.name_suffix,
    });
    let directory = source.directory.clone().map(|directory| Directory {
        recurse: directory.recurse,
        include: directory.include,
        exclude: directory.exclude,
    });
    // The branch of another repository is not the one of ours.
    let revision = source.target_revision.clone().or_else(|| match &source.repo_url {
        None => git.branch.clone(),
        Some(_) => None,
    });
    Source {
        directory,
        helm,
        kustomize,
        path,
        // A Helm repository has no scheme where it is an OCI registry.
        repo_url: match (&source.repo_url, &chart) {
            (None, _) => git.repo_url(),
            (Some(url), None) => full_url(url),
            (Some(url), Some(_)) => url.clone(),
        },
        chart,
        target_revision: revision,
    }
}
