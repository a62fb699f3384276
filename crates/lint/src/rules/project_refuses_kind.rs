use std::collections::BTreeSet;

use crate::application::{self, Application};
use crate::finding::Finding;
use crate::item::{Item, text};
use crate::units::Unit;
use crate::{Context, Rule, project};

const ID: &str = "project-refuses-kind";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a project refuses what its Application brings: a kind, a namespace, a repository or a cluster",
    help: "The sync fails with \"… is not permitted in project\", and nothing of the Application is deployed. Allow it in \
           the AppProject, by name.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let projects = project::all(context);
    let mut findings = Vec::new();
    for unit in &context.units.units {
        let Some(application) = &unit.application else { continue };
        let Some(project) = project::of(&projects, application) else { continue };
        findings.extend(of_spec(project, application));
        findings.extend(of_kinds(context, project, application, unit));
        findings.extend(of_namespaces(context, project, application, unit));
    }
    findings
}

/// Repository and destination of the Application itself.
fn of_spec(project: &Item<'_>, application: &Application<'_>) -> Vec<Finding> {
    let Some(spec) = application::spec_pointer(&application.item) else { return Vec::new() };
    let mut findings = Vec::new();
    for (at, source) in application::sources(&application.spec) {
        let url = text(source, "/repoURL");
        if url.is_empty() || project::allows_source(project, url) {
            continue;
        }
        let shown = project::shown(url);
        let message = format!("{} does not allow the repository {shown}", project.place());
        let hint = format!("add it to {}", project::place_of(project, "sourceRepos"));
        findings.push(application.item.error(ID, &format!("{spec}{at}/repoURL"), message, hint));
    }
    let (server, name, namespace) = application.destination();
    let is_unknown = namespace.is_empty() || (server.is_empty() && name.is_empty());
    if !is_unknown && !project::allows_namespace(project, application, namespace) {
        let cluster = if name.is_empty() { &server } else { &name };
        let message =
            format!("{} does not allow namespace `{namespace}` of cluster {cluster}", project.place());
        let hint = format!("add it to {}", project::place_of(project, "destinations"));
        findings.push(application.item.error(ID, &format!("{spec}/destination"), message, hint));
    }
    findings
}

/// One finding for each kind: more objects of it say nothing new.
fn of_kinds(
    context: &Context<'_>,
    project: &Item<'_>,
    application: &Application<'_>,
    unit: &Unit<'_>,
) -> Vec<Finding> {
    let mut told = BTreeSet::new();
    let mut findings = Vec::new();
    for item in &unit.items {
        let is_cluster_scoped = context.scopes.is_cluster_scoped(item);
        let Some(list) = project::refused_by(project, item, is_cluster_scoped) else { continue };
        if !told.insert((item.group(), item.kind())) {
            continue;
        }
        let kind = project::group_kind(item.group(), item.kind());
        let kinds = project::kinds(project, list, item.group());
        let scope = if is_cluster_scoped { "cluster-wide" } else { "namespaced" };
        let (why, hint) = if list.ends_with("Blacklist") {
            (format!("denies {kinds}"), "take it out of")
        } else {
            (format!("allows only these {scope} kinds: {kinds}"), "add it to")
        };
        let message = format!("{} brings {kind}, but {} {why}", application.label(), project.place());
        let entry = format!("{{group: '{}', kind: {}}}", item.group(), item.kind());
        let hint = format!("{hint} {}: `{entry}`", project::place_of(project, list));
        findings.push(item.error(ID, "/kind", message, hint));
    }
    findings
}

/// Objects that name a namespace of their own; one finding for each namespace.
fn of_namespaces(
    context: &Context<'_>,
    project: &Item<'_>,
    application: &Application<'_>,
    unit: &Unit<'_>,
) -> Vec<Finding> {
    let (server, name, own) = application.destination();
    if server.is_empty() && name.is_empty() {
        return Vec::new();
    }
    let is_refused =
        |namespace: &str| namespace != own && !project::allows_namespace(project, application, namespace);
    let finding = |item: &Item<'_>, pointer: &str, what: &str| {
        let namespace = item.namespace.as_deref().filter(|namespace| is_refused(namespace))?;
        let message = format!(
            "{} brings {what} into namespace `{namespace}`, which {} does not allow",
            application.label(),
            project.place()
        );
        let place = project::place_of(project, "destinations");
        let hint = format!("correct the namespace, or add it to {place}");
        Some(item.error(ID, pointer, message, hint))
    };
    let overlays =
        unit.overlays.iter().filter_map(|overlay| finding(overlay, "/namespace", "everything here"));
    // What an overlay gives its namespace has been told with it.
    let is_told = |item: &&Item<'_>| unit.overlays.iter().any(|overlay| overlay.namespace == item.namespace);
    let items = unit.items.iter().filter(|item| !context.scopes.is_cluster_scoped(item) && !is_told(item));
    overlays.chain(items.filter_map(|item| finding(item, "/metadata/namespace", "an object"))).collect()
}
