//! Combinations of environments that are impossible.

use std::collections::BTreeMap;

use super::combinations::Clash;
use super::types::{Config, Environment};

/// Prefix of the label that gives a group its rights in a namespace.
const GROUP_LABEL: &str = "seldon.group.";
/// Longest name of a label, as Kubernetes has it.
const LONGEST_LABEL: usize = 63;

/// All impossible combinations of environments.
pub(super) fn clashes(config: &Config) -> Vec<Clash> {
    let mut clashes: Vec<_> = config
        .environments
        .iter()
        .enumerate()
        .flat_map(|(index, environment)| one(index, environment))
        .collect();
    clashes.extend(namespaces(config));
    clashes.extend(applications(config));
    clashes.extend(without_repository(config));
    clashes
}

/// All environments, with the paths of their sections.
pub(super) fn places(config: &Config) -> Vec<(String, Environment)> {
    let place = |index| match index < config.environments.len() {
        true => format!("environments[{index}]"),
        false => "logging".to_owned(),
    };
    config.every_environment().into_iter().enumerate().map(|(index, one)| (place(index), one)).collect()
}

/// Every namespace that Argo CD is to sync into, with the path of its name.
fn targets(config: &Config) -> Vec<(String, String, String)> {
    let target = |(place, one): (String, Environment)| (place, one.namespace.clone(), one.application());
    places(config).into_iter().map(target).filter(|(_, namespace, _)| !namespace.is_empty()).collect()
}

fn namespaces(config: &Config) -> Vec<Clash> {
    let mut clashes = Vec::new();
    let mut seen = BTreeMap::<String, String>::new();
    for (place, namespace, _) in targets(config) {
        let path = format!("{place}.namespace");
        if let Some(first) = seen.get(&namespace) {
            clashes.push(Clash::new(
                &[&path, &to_point_at(&place), first],
                format!(
                    "{place} has the same namespace as {}, `{namespace}`; give each its own",
                    parent(first)
                ),
            ));
        }
        if namespace == config.argocd.namespace {
            clashes.push(Clash::new(
                &[&path, "argocd.namespace"],
                format!(
                    "namespace `{namespace}` is Argo CD's own; what is synced into it could change Argo CD \
                     itself, so take another"
                ),
            ));
        }
        if namespace.starts_with("kube-") {
            clashes.push(Clash::new(
                &[&path],
                format!("namespace `{namespace}` belongs to Kubernetes itself; take another"),
            ));
        }
        seen.entry(namespace).or_insert(path);
    }
    clashes
}

fn applications(config: &Config) -> Vec<Clash> {
    let mut clashes = Vec::new();
    let mut seen = BTreeMap::<String, (String, String)>::new();
    for (place, namespace, application) in targets(config) {
        match seen.get(&application) {
            // Then the names are the same because the namespaces are, which is reported already.
            Some((_, same)) if *same == namespace => {}
            Some((first, _)) => clashes.push(Clash::new(
                &[
                    &format!("{place}.application"),
                    &to_point_at(&place),
                    &format!("{first}.application"),
                    &format!("{place}.namespace"),
                    &format!("{first}.namespace"),
                ],
                format!("{place} has the same Application as {first}, `{application}`; give each its own"),
            )),
            None => drop(seen.insert(application, (place, namespace))),
        }
    }
    clashes
}

/// What to point at: the section where the namespace itself is the default.
fn to_point_at(place: &str) -> String {
    if place == "logging" { place.to_owned() } else { format!("{place}.namespace") }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(parent, _)| parent)
}

fn without_repository(config: &Config) -> Option<Clash> {
    let path = match (config.environments.is_empty(), &config.logging) {
        (false, _) => "environments",
        (true, Some(_)) => "logging",
        (true, None) => return None,
    };
    config.git.url.is_empty().then(|| {
        Clash::new(
            &["git.url", path],
            "environments need `git.url`, the address of the repository that holds their folders",
        )
    })
}

fn one(index: usize, environment: &Environment) -> Vec<Clash> {
    let place = format!("environments[{index}]");
    let mut clashes = roles(&place, environment);
    if environment.restricted == Some(false) && !environment.roles.is_empty() {
        clashes.push(Clash::new(
            &[&format!("{place}.restricted"), &format!("{place}.roles")],
            "`restricted: false` lets everyone in, whatever `roles` says; remove one of the two",
        ));
    }
    clashes
        .extend(super::applications::sync_policy(&format!("{place}.syncPolicy"), &environment.sync_policy));
    clashes
}

fn roles(place: &str, environment: &Environment) -> Vec<Clash> {
    let mut clashes = Vec::new();
    let roles = &environment.roles;
    for (key, names) in [("read", &roles.read), ("write", &roles.write)] {
        for (index, name) in names.iter().enumerate() {
            let path = format!("{place}.roles.{key}[{index}]");
            if !is_label_suffix(name) {
                clashes.push(Clash::new(
                    &[&path],
                    format!(
                        "`{path}` can't be a group: the label `{GROUP_LABEL}<group>` takes 1 to {} letters, \
                         digits, `-`, `_` and `.`, with a letter or digit at the end",
                        LONGEST_LABEL - GROUP_LABEL.len()
                    ),
                ));
            } else if key == "write" && roles.read.contains(name) {
                clashes.push(Clash::new(
                    &[&path, &format!("{place}.roles.read")],
                    format!(
                        "group `{name}` is in `read` and in `write`; write includes read, so remove it there"
                    ),
                ));
            }
        }
    }
    clashes
}

fn is_label_suffix(name: &str) -> bool {
    name.len() <= LONGEST_LABEL - GROUP_LABEL.len()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
}
