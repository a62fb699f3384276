//! What an AppProject allows, as Argo CD decides it.

use manifests::repository::normalised_address;
use serde_json::Value;

use crate::application::{Application, GROUP};
use crate::item::{Item, list, text};
use crate::{Context, glob};

/// The project that Argo CD makes itself. It allows everything, unless the files say otherwise.
pub(crate) const DEFAULT: &str = "default";

/// Every AppProject in the files, once.
pub(crate) fn all<'c, 'a>(context: &'c Context<'a>) -> Vec<&'c Item<'a>> {
    let mut projects: Vec<&Item<'_>> =
        context.units.items().filter(|item| item.is(GROUP, "AppProject")).collect();
    projects.sort_by(|one, other| one.name().cmp(other.name()));
    projects.dedup_by(|one, other| one.name() == other.name());
    projects
}

/// The project that an Application is in, where the files have it.
pub(crate) fn of<'c, 'a>(projects: &[&'c Item<'a>], application: &Application<'_>) -> Option<&'c Item<'a>> {
    projects.iter().copied().find(|project| project.name() == application.project())
}

/// The lists of a project that decide on an object.
fn lists(is_cluster_scoped: bool) -> (&'static str, &'static str) {
    match is_cluster_scoped {
        true => ("clusterResourceWhitelist", "clusterResourceBlacklist"),
        false => ("namespaceResourceWhitelist", "namespaceResourceBlacklist"),
    }
}

/// Which list of a project keeps a kind out. Without a list, all namespaced kinds are allowed and no cluster-wide one.
pub(crate) fn refused_by(
    project: &Item<'_>,
    item: &Item<'_>,
    is_cluster_scoped: bool,
) -> Option<&'static str> {
    let (allowed, denied) = lists(is_cluster_scoped);
    let listed = |list: &[Value]| list.iter().any(|entry| names(entry, item, is_cluster_scoped));
    if listed(project.list(&format!("/spec/{denied}"))) {
        return Some(denied);
    }
    let given = project.get(&format!("/spec/{allowed}")).and_then(Value::as_array);
    let is_allowed = match given {
        None => !is_cluster_scoped,
        Some(entries) => listed(entries),
    };
    (!is_allowed).then_some(allowed)
}

fn names(entry: &Value, item: &Item<'_>, is_cluster_scoped: bool) -> bool {
    let fits = |pointer: &str, actual: &str| glob::fits(text(entry, pointer), actual, None);
    // Since Argo CD 3, an entry of a cluster-wide kind may name the objects.
    let name = !is_cluster_scoped || text(entry, "/name").is_empty() || fits("/name", item.name());
    name && fits("/group", item.group()) && fits("/kind", item.kind())
}

/// More kinds than this are not all named.
const FEW: usize = 8;

/// What a list of kinds holds, for people: those of the group first, and of many only some.
pub(crate) fn kinds(project: &Item<'_>, list: &str, group: &str) -> String {
    let all = project.list(&format!("/spec/{list}"));
    let (near, others): (Vec<&Value>, Vec<&Value>) =
        all.iter().partition(|entry| text(entry, "/group") == group);
    let names = near.into_iter().chain(others);
    let names: Vec<String> =
        names.map(|entry| group_kind(text(entry, "/group"), text(entry, "/kind"))).collect();
    match names.len() {
        0 => "none".into(),
        count if count > FEW => format!("{} … and {} more", names[..FEW - 1].join(", "), count - FEW + 1),
        _ => names.join(", "),
    }
}

/// Where a project's list is to be changed: in the AppProject, or in what our own configuration makes it of.
pub(crate) fn place_of(project: &Item<'_>, list: &str) -> String {
    let name = project.name();
    let configured = match list {
        "clusterResourceWhitelist" => "clusterResources",
        "namespaceResourceWhitelist" => "namespaceResources",
        other => other,
    };
    let file = &project.source.path;
    match project.source.stage.as_deref() {
        None => format!("`{list}` of AppProject {name}"),
        Some("environments" | "logging") if list == "clusterResourceWhitelist" => {
            format!("`clusterResources` of an environment of project {name} in {file}")
        }
        Some("applications") => format!("`{configured}` of project {name} in {file}"),
        Some(stage) => format!(
            "`{list}` of AppProject {name} in the cluster, by `kubectl edit appproject`: stage {stage} keeps what is there"
        ),
    }
}

/// `group/Kind`; of the core group the kind alone, or `core/*`.
pub(crate) fn group_kind(group: &str, kind: &str) -> String {
    match (group, kind) {
        ("", "*") => "core/*".into(),
        ("", kind) => kind.to_owned(),
        _ => format!("{group}/{kind}"),
    }
}

/// Whether a project lets an Application deploy into a namespace of its cluster.
pub(crate) fn allows_namespace(project: &Item<'_>, application: &Application<'_>, namespace: &str) -> bool {
    let (server, name, _) = application.destination();
    let mut allowed = false;
    for entry in project.list("/spec/destinations") {
        let fits = |key: &str, actual: &str| {
            let pattern = text(entry, &format!("/{key}"));
            let bare = pattern.strip_prefix('!').unwrap_or(pattern);
            (glob::fits(bare, actual, None), pattern.starts_with('!'))
        };
        let (of_server, not_server) = fits("server", &server);
        let (of_name, not_name) = fits("name", &name);
        let (of_namespace, not_namespace) = fits("namespace", namespace);
        // An entry names the cluster in one of two ways; Argo CD knows both of each cluster, we only what is written.
        let of_server = of_server && !text(entry, "/server").is_empty();
        let of_name = of_name && !text(entry, "/name").is_empty();
        let unknown = server.is_empty() && text(entry, "/name").is_empty()
            || name.is_empty() && text(entry, "/server").is_empty();
        let of_cluster = of_server || of_name || unknown;
        if (not_namespace && of_namespace && of_cluster) || (not_server && of_server) || (not_name && of_name)
        {
            return false;
        }
        allowed |= of_cluster && (of_namespace != not_namespace) && !not_server && !not_name;
    }
    allowed
}

/// Whether a project lets Applications take from a repository.
pub(crate) fn allows_source(project: &Item<'_>, url: &str) -> bool {
    let actual = normalised_address(url);
    let patterns = || list(&project.value, "/spec/sourceRepos").iter().filter_map(Value::as_str);
    let fits = |pattern: &str| pattern == "*" || glob::fits(&normalised_address(pattern), &actual, Some('/'));
    let denied = patterns().filter_map(|pattern| pattern.strip_prefix('!')).any(fits);
    !denied && patterns().filter(|pattern| !pattern.starts_with('!') || *pattern == "!").any(fits)
}

/// An address without what may be a password in it.
pub(crate) fn shown(url: &str) -> String {
    match url.split_once("://").and_then(|(protocol, rest)| Some((protocol, rest.rsplit_once('@')?.1))) {
        Some((protocol, rest)) => format!("{protocol}://{rest}"),
        None => url.to_owned(),
    }
}
