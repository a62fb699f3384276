use manifests::repository::same_place;
use serde_json::Value;

use crate::application::{self, Application};
use crate::finding::Finding;
use crate::item::{list, text};
use crate::repository::Repository;
use crate::{Context, Rule, path};

const ID: &str = "missing-source";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "an Application takes a folder or a file of values that is not in the repository",
    help: "Argo CD says \"app path does not exist\", or that the file of values can't be read, and deploys nothing. This \
           is only known where PATH is the top of a checkout, of the branch that is meant, and one of its remotes is the \
           source's `repoURL`.",
    check,
};

/// Stages that make the folders of their Applications themselves.
const MAKE_FOLDERS: [&str; 2] = ["environments", "logging"];
/// What a default branch is called.
const DEFAULTS: [&str; 4] = ["", "HEAD", "main", "master"];

fn check(context: &Context<'_>) -> Vec<Finding> {
    let Some(checkout) = &context.repository.input.checkout else { return Vec::new() };
    let applications: Vec<&Application<'_>> =
        context.units.units.iter().filter_map(|unit| unit.application.as_ref()).collect();
    let mut here = Here { repository: context.repository, remotes: &checkout.remotes, revisions: &DEFAULTS };
    let branch = [checkout.branch.as_deref().unwrap_or_default()];
    // A branch that no Application follows is one that is to be merged.
    let is_followed =
        |source: &Value| here.is_place_of(source) && text(source, "/targetRevision") == branch[0];
    let mut sources = applications.iter().flat_map(|application| application::sources(&application.spec));
    if !DEFAULTS.contains(&branch[0]) && sources.any(|(_, source)| is_followed(source)) {
        here.revisions = &branch;
    }
    let made = |application: &&&Application<'_>| {
        let stage = application.item.source.stage.as_deref();
        stage.is_some_and(|stage| MAKE_FOLDERS.contains(&stage))
    };
    applications.iter().filter(|application| !made(application)).flat_map(|it| here.missing(it)).collect()
}

/// What is checked out.
struct Here<'c> {
    repository: &'c Repository<'c>,
    remotes: &'c [String],
    /// The revisions that it stands for.
    revisions: &'c [&'c str],
}

impl Here<'_> {
    fn is_place_of(&self, source: &Value) -> bool {
        self.remotes.iter().any(|remote| same_place(remote, text(source, "/repoURL")))
    }

    fn missing(&self, application: &Application<'_>) -> Vec<Finding> {
        let Some(spec) = application::spec_pointer(&application.item) else { return Vec::new() };
        let sources = application::sources(&application.spec);
        // Of a revision that can't be filled in, nothing is left.
        let is_known = |at: &str| {
            let written = application.item.text(&format!("{spec}{at}/targetRevision"));
            !written.contains("{{") || !text(&application.spec, &format!("{at}/targetRevision")).is_empty()
        };
        let is_here = |at: &str, source: &Value| {
            let is_revision = self.revisions.contains(&text(source, "/targetRevision"));
            is_revision && is_known(at) && self.is_place_of(source)
        };
        let mut findings = Vec::new();
        for (at, source) in &sources {
            let folder = Some(text(source, "/path")).filter(|path| !path.is_empty() && is_here(at, source));
            let folder = folder.and_then(|folder| path::join("", folder));
            if let Some(folder) = folder.as_deref().filter(|folder| self.lacks(folder)) {
                let message = format!(
                    "{} takes `{folder}`, which is not in the repository: nothing is deployed",
                    application.label()
                );
                let hint = "correct `path`, which starts at the root of the repository, or add the folder"
                    .to_owned();
                findings.push(application.item.error(ID, &format!("{spec}{at}/path"), message, hint));
                continue;
            }
            if source.pointer("/helm/ignoreMissingValueFiles") == Some(&Value::Bool(true)) {
                continue;
            }
            for (index, file) in list(source, "/helm/valueFiles").iter().enumerate() {
                let place = values_place(file.as_str().unwrap_or_default(), folder.as_deref(), |name| {
                    let named = sources.iter().find(|(_, source)| text(source, "/ref") == name);
                    named.is_some_and(|(at, source)| is_here(at, source))
                });
                let Some(place) = place.filter(|place| self.lacks(place)) else { continue };
                let message = format!(
                    "{} takes values from `{place}`, which is not in the repository: nothing is deployed",
                    application.label()
                );
                let hint = "correct the name, which is relative to `path`; add the file; or set \
                            `ignoreMissingValueFiles: true`"
                    .to_owned();
                let at = format!("{spec}{at}/helm/valueFiles/{index}");
                findings.push(application.item.error(ID, &at, message, hint));
            }
        }
        findings
    }

    /// Whether something is neither in the files nor in another repository that is linked in.
    fn lacks(&self, path: &str) -> bool {
        let modules = self.repository.text(".gitmodules").lines();
        let mut modules =
            modules.filter_map(|line| line.trim().strip_prefix("path")?.trim().strip_prefix('='));
        let is_linked = modules.any(|module| {
            let module = module.trim();
            path == module || path::below(path, module).is_some()
        });
        !is_linked && !self.repository.has_file(path) && !self.repository.has_folder(path)
    }
}

/// The path in the repository of a file of values; `None` where it is elsewhere, or Argo CD fills something in.
fn values_place(file: &str, folder: Option<&str>, is_here: impl Fn(&str) -> bool) -> Option<String> {
    let (referred, path) = match file.strip_prefix('$').and_then(|rest| rest.split_once('/')) {
        Some((name, path)) => (Some(name), path),
        None => (None, file),
    };
    if path.is_empty() || path.contains(['$', '{', '*', '?', '[', ':']) {
        return None;
    }
    match referred {
        Some(name) => path::join("", path).filter(|_| is_here(name)),
        None if path.starts_with('/') => path::join("", path).filter(|_| folder.is_some()),
        None => path::join(folder?, path),
    }
}
