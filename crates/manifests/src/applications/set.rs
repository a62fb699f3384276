//! ApplicationSets as Argo CD has them.

use super::{application, full_url, reference};
use crate::argocd::application_set::{ClustersSpec, GitSpec, OneGenerator, Selector, SetSpec, template};
use crate::config::{ApplicationSet, Clusters, Config, Generator, Git, GitDirectories};
use crate::object::{self, Object};

/// The ApplicationSet, without the label that makes it ours.
pub(super) fn object(set: &ApplicationSet, config: &Config) -> Object {
    let generators = set.generators.iter().map(|generator| one(generator, &config.git)).collect();
    let template = template(&application(&set.template.application(), config));
    let spec = SetSpec::new(generators, template, &config.argocd.version)
        .preserving(set.preserve_resources_on_deletion);
    Object::new(&reference("ApplicationSet", &set.name, config)).with("spec", object::to_json(&spec))
}

fn one(generator: &Generator, git: &Git) -> OneGenerator {
    match generator {
        Generator::List(list) => OneGenerator::List { elements: list.elements.clone() },
        Generator::GitDirectories(directories) => OneGenerator::Git(git_spec(directories, git)),
        Generator::Clusters(clusters) => OneGenerator::Clusters(ClustersSpec {
            selector: selector(clusters),
            values: clusters.values.clone(),
        }),
        Generator::Matrix(matrix) => OneGenerator::Matrix {
            generators: matrix.generators.iter().map(|generator| one(generator, git)).collect(),
        },
    }
}

pub(super) fn git_spec(directories: &GitDirectories, git: &Git) -> GitSpec {
    let own_branch = git.branch.clone().filter(|_| directories.repo_url.is_none());
    GitSpec {
        repo_url: directories.repo_url.as_deref().map_or_else(|| git.repo_url(), full_url),
        // The definition asks for one; this is the default branch.
        revision: directories.revision.clone().or(own_branch).unwrap_or_else(|| "HEAD".into()),
        directories: directories.directories.clone(),
    }
}

fn selector(clusters: &Clusters) -> Option<Selector> {
    let Clusters { match_labels, match_expressions, .. } = clusters.clone();
    clusters.has_condition().then_some(Selector { match_labels, match_expressions })
}
