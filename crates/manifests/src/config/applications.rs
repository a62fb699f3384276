//! Combinations of projects and Applications that are impossible.

use std::collections::BTreeMap;

use super::combinations::Clash;
use super::environments::places;
use super::types::{Application, ApplicationSource, Config, DNS_LABEL, Destination, SyncPolicy};
use super::url::{BadUrl, transport};
use super::{pattern, words};
use crate::argocd::names::IN_CLUSTER;

/// All impossible combinations.
pub(super) fn clashes(config: &Config) -> Vec<Clash> {
    let mut clashes = projects(config);
    clashes.extend(names(config));
    for (index, application) in config.applications.iter().enumerate() {
        let place = format!("applications[{index}]");
        clashes.extend(one(config, &place, application));
        clashes.extend(templates(&place, application));
    }
    clashes
}

fn projects(config: &Config) -> Vec<Clash> {
    let mut clashes = Vec::new();
    let environments = places(config);
    for (index, project) in config.projects.iter().enumerate() {
        let (place, name) = (format!("projects[{index}]"), &project.name);
        let path = format!("{place}.name");
        if let Some(first) = config.projects[..index].iter().position(|other| other.name == *name) {
            clashes.push(Clash::new(
                &[&path, &format!("projects[{first}].name")],
                format!("{place} has the same name as projects[{first}], `{name}`; make one of the two"),
            ));
        }
        if let Some((owner, _)) = environments.iter().find(|(_, other)| other.project == *name) {
            clashes.push(Clash::new(
                &[&path, &format!("{owner}.project"), owner],
                format!(
                    "`{name}` is the project of {owner}, which makes it as Seldon needs it; take another name \
                     for one of the two"
                ),
            ));
        }
        if project.source_repos.is_empty() && config.git.url.is_empty() {
            clashes.push(Clash::new(
                &[&format!("{place}.sourceRepos"), "git.url", &place],
                format!("{place} allows no repository; name some in `sourceRepos`, or set `git.url`"),
            ));
        }
        for (number, url) in project.source_repos.iter().enumerate() {
            // A Helm repository is allowed like one of Git.
            clashes.extend(address(&format!("{place}.sourceRepos[{number}]"), url, false));
        }
        for (number, to) in project.destinations.iter().enumerate() {
            clashes.extend(destination(&format!("{place}.destinations[{number}]"), to));
        }
    }
    clashes
}

/// Applications and sets of one name: the one would be taken for the other by whoever reads of them.
fn names(config: &Config) -> Vec<Clash> {
    let environments = places(config).into_iter().map(|(place, environment)| {
        let path =
            if environment.application.is_some() { format!("{place}.application") } else { place.clone() };
        (place, path, environment.application())
    });
    let list = |key: &str, names: Vec<&String>| -> Vec<(String, String, String)> {
        let place = |index| format!("{key}[{index}]");
        let entry = |(index, name): (usize, &String)| (place(index), place(index) + ".name", name.clone());
        names.into_iter().enumerate().map(entry).collect()
    };
    let applications = list("applications", config.applications.iter().map(|one| &one.name).collect());
    let sets = list("applicationSets", config.application_sets.iter().map(|one| &one.name).collect());
    let mut clashes = Vec::new();
    let mut seen = BTreeMap::<String, (String, String)>::new();
    for (place, path, name) in
        environments.chain(applications).chain(sets).filter(|entry| !entry.2.is_empty())
    {
        match seen.get(&name) {
            // Reported with the environments.
            Some(_) if !place.starts_with("application") => {}
            Some((first, first_path)) => clashes.push(Clash::new(
                &[&path, first_path],
                format!(
                    "{place} has the same name as the Application of {first}, `{name}`; give each its own"
                ),
            )),
            None => drop(seen.insert(name, (place, path))),
        }
    }
    clashes
}

/// What is wrong with one Application or one template, whatever is filled in.
pub(super) fn one(config: &Config, place: &str, application: &Application) -> Vec<Clash> {
    let mut clashes = source(config, place, &application.source);
    clashes.extend(destination(&format!("{place}.destination"), &application.destination));
    clashes.extend(sync_policy(&format!("{place}.syncPolicy"), &application.sync_policy));
    let is_git = application.source.chart.is_none();
    let url = application.source.repo_url.as_deref();
    match url.and_then(|url| address(&format!("{place}.source.repoURL"), url, is_git)) {
        Some(bad) => clashes.push(bad),
        None => clashes.extend(project(config, place, application)),
    }
    clashes
}

/// What is wrong with an address, which is not repeated then. Patterns, texts that are filled in and Helm repositories
/// may be anything but a place for credentials.
pub(super) fn address(path: &str, url: &str, is_git: bool) -> Option<Clash> {
    let plain = is_git && !url.contains(['*', '?', '[', '{', '!']);
    let message = match transport(url).err()? {
        BadUrl::Credentials => {
            "holds a user or a token, which would end up in logs and manifests; take it out".to_owned()
        }
        bad if plain => bad.to_string(),
        _ => return None,
    };
    Some(Clash::new(&[path], format!("`{path}` {message}")))
}

fn source(config: &Config, place: &str, source: &ApplicationSource) -> Vec<Clash> {
    let place = format!("{place}.source");
    let path = |key: &str| format!("{place}.{key}");
    let mut clashes = Vec::new();
    if source.repo_url.is_none() && config.git.url.is_empty() {
        clashes.push(Clash::new(
            &[&path("repoURL"), "git.url", &place],
            format!("{place} has no repository; name it in `repoURL`, or set `git.url`"),
        ));
    }
    let tools = [
        ("helm", source.helm.is_some()),
        ("kustomize", source.kustomize.is_some()),
        ("directory", source.directory.is_some()),
    ];
    let given: Vec<_> = tools.iter().filter(|(_, given)| *given).map(|(key, _)| path(key)).collect();
    if let [first, second, ..] = given.as_slice() {
        clashes.push(Clash::new(
            &[second, first],
            format!("{place} is only one of `helm`, `kustomize` and `directory`; remove the others"),
        ));
    }
    match (&source.path, &source.chart) {
        (Some(_), Some(_)) => clashes.push(Clash::new(
            &[&path("chart"), &path("path")],
            format!("{place} is a folder (`path`) or a chart of a Helm repository (`chart`); remove one"),
        )),
        (None, None) => clashes.push(Clash::new(
            &[&path("path"), &place],
            format!("{place} needs `path`, the folder in the repository; `.` is all of it"),
        )),
        (None, Some(_)) if source.repo_url.is_none() || source.target_revision.is_none() => {
            clashes.push(Clash::new(
                &[&path("chart"), &path("repoURL"), &path("targetRevision")],
                format!("{place}: a chart needs `repoURL`, and its version in `targetRevision`"),
            ));
        }
        (None, Some(_)) if source.kustomize.is_some() || source.directory.is_some() => {
            clashes.push(Clash::new(
                &[&path("chart"), &path("kustomize"), &path("directory")],
                format!("{place}: a chart is rendered by Helm; remove `kustomize` and `directory`"),
            ));
        }
        _ => {}
    }
    let values = source.helm.as_ref().and_then(|helm| helm.values.as_deref());
    if values.is_some_and(|text| !text.contains("{{") && !is_mapping(text)) {
        clashes.push(Clash::new(
            &[&path("helm.values")],
            format!(
                "`{}` is no mapping; it is a text of YAML: `values: |` and lines below",
                path("helm.values")
            ),
        ));
    }
    clashes
}

fn is_mapping(text: &str) -> bool {
    crate::yaml::parse_value(text).is_ok_and(|value| value.is_object())
}

fn destination(place: &str, destination: &Destination) -> Option<Clash> {
    (destination.server.is_some() && destination.cluster.is_some()).then(|| {
        Clash::new(
            &[&format!("{place}.cluster"), &format!("{place}.server")],
            format!("{place} names its cluster by `server` or by `cluster`; remove one"),
        )
    })
}

/// Of an environment too.
pub(super) fn sync_policy(place: &str, policy: &SyncPolicy) -> Vec<Clash> {
    let only_automated =
        [("prune", policy.prune), ("selfHeal", policy.self_heal), ("allowEmpty", policy.allow_empty)];
    let without_effect = only_automated.into_iter().filter(|(_, is_on)| *is_on && !policy.automated);
    let clash = |(key, _)| {
        Clash::new(
            &[&format!("{place}.{key}"), &format!("{place}.automated")],
            format!("`{key}` has no effect with `automated: false`; remove one of the two"),
        )
    };
    without_effect.map(clash).collect()
}

/// What a project allows, in the form of `projects`.
struct Allowed {
    name: String,
    place: String,
    repositories: Vec<String>,
    destinations: Vec<Destination>,
}

fn allowed(config: &Config) -> Vec<Allowed> {
    let mut allowed: Vec<Allowed> = Vec::new();
    for (index, project) in config.projects.iter().enumerate() {
        let repositories = match project.source_repos.as_slice() {
            [] => vec![config.git.url.clone()],
            some => some.to_vec(),
        };
        let (name, destinations) = (project.name.clone(), project.destinations.clone());
        allowed.push(Allowed { name, place: format!("projects[{index}]"), repositories, destinations });
    }
    for (place, environment) in places(config) {
        let to = Destination { namespace: environment.namespace.clone(), server: None, cluster: None };
        match allowed.iter_mut().find(|known| known.name == environment.project) {
            Some(known) => known.destinations.push(to),
            None => allowed.push(Allowed {
                name: environment.project,
                place,
                repositories: vec![config.git.url.clone()],
                destinations: vec![to],
            }),
        }
    }
    allowed
}

/// Why its project would refuse an Application; empty where it would not.
pub(crate) fn refusals(config: &Config, application: &Application) -> Vec<String> {
    project(config, &application.name, application).into_iter().map(|clash| clash.message).collect()
}

fn project(config: &Config, place: &str, application: &Application) -> Vec<Clash> {
    let name = &application.project;
    if name.contains("{{") || name.is_empty() {
        return Vec::new();
    }
    let all = allowed(config);
    let path = format!("{place}.project");
    let Some(project) = all.iter().find(|project| project.name == *name) else {
        let names: Vec<String> = all.iter().map(|project| format!("`{}`", project.name)).collect();
        let meant = words::did_you_mean(name, all.iter().map(|project| project.name.as_str()));
        let there = match names.as_slice() {
            [] => "there is none; add it to `projects`".to_owned(),
            names => format!("expected {}{meant}", words::list(names)),
        };
        let message = format!("`{path}` is `{name}`, which is no project; {there}");
        return vec![Clash::new(&[&path, "projects"], message)];
    };
    let mut clashes = Vec::new();
    let to = &application.destination;
    let destination = format!("{place}.destination");
    if !project.destinations.iter().any(|allowed| allows(allowed, to)) {
        clashes.push(Clash::new(
            &[&format!("{destination}.namespace"), &path, &format!("{}.destinations", project.place)],
            format!(
                "{destination}: project `{name}` doesn't allow namespace `{}`{}; add it to its `destinations`",
                to.namespace,
                match to.cluster.as_ref().or(to.server.as_ref()) {
                    Some(cluster) => format!(" of {cluster}"),
                    None => String::new(),
                }
            ),
        ));
    }
    let url = application.source.repo_url.as_ref().unwrap_or(&config.git.url);
    if !url.is_empty() && !project.repositories.iter().any(|allowed| fits(allowed, url)) {
        clashes.push(Clash::new(
            &[&format!("{place}.source.repoURL"), &path, &format!("{}.sourceRepos", project.place)],
            format!("{place}.source: project `{name}` doesn't allow {url}; add it to its `sourceRepos`"),
        ));
    }
    clashes
}

fn allows(allowed: &Destination, to: &Destination) -> bool {
    let server = |destination: &Destination| destination.server.clone().unwrap_or_else(|| IN_CLUSTER.into());
    fits(&allowed.namespace, &to.namespace)
        && match (&allowed.cluster, &to.cluster) {
            (Some(allowed), Some(to)) => fits(allowed, to),
            (None, None) => fits(&server(allowed), &server(to)),
            // A cluster by its name and one by its address may be the same.
            _ => true,
        }
}

/// Whether Argo CD may take one for the other. What is a pattern, or is filled in later, may be anything.
fn fits(allowed: &str, given: &str) -> bool {
    allowed.contains(['*', '?', '[', '{', '!'])
        || given.contains("{{")
        || crate::applications::full_url(allowed) == crate::applications::full_url(given)
}

/// What only a set fills in, and names that can only be judged where nothing is.
fn templates(place: &str, application: &Application) -> Vec<Clash> {
    let value = crate::object::to_json(application);
    let mut clashes = Vec::new();
    for (path, text) in super::application_sets::texts(place, &value) {
        // Helm has its own templates.
        if text.contains("{{") && !path.contains(".source.helm.") {
            clashes.push(Clash::new(
                &[&path],
                format!("`{path}` holds `{{{{`, which only `applicationSets` fill in"),
            ));
        }
    }
    let namespace = &application.destination.namespace;
    if !is_namespace(namespace) && !namespace.contains("{{") {
        let path = format!("{place}.destination.namespace");
        clashes.push(Clash::new(
            &[&path],
            format!("`{path}` is `{namespace}`; expected {}", words::pattern(DNS_LABEL)),
        ));
    }
    clashes
}

/// Whether a text can be the name of a namespace.
pub(super) fn is_namespace(text: &str) -> bool {
    pattern::fits(DNS_LABEL, text)
}
