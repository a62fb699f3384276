//! `applications list|preview`: what is configured and what comes of it, without a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use git_credentials::repository;
use manifests::applications::preview::{self, Cluster, Known, PreviewError};
use manifests::config::{ApplicationSet, Config, Git};
use manifests::{Object, applications, environment, models, yaml};
use serde_json::json;

use super::print;
use crate::args::{Applications, Global, Output, Preview};
use crate::failure::Failure;
use crate::report::{safe, table};
use crate::session::Session;

pub(crate) fn run(global: &Global, what: Applications) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    match what {
        Applications::List => list(&session, global.output),
        Applications::Preview(args) => preview(&session, global.output, &args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `name=prod,server=https://…,labels.env=production`.
pub(crate) fn cluster(text: &str) -> Result<Cluster, String> {
    let mut cluster = Cluster::default();
    for part in text.split(',') {
        let (key, value) = part.split_once('=').ok_or_else(|| format!("`{part}` has no `=`"))?;
        match (key, key.strip_prefix("labels.")) {
            ("name", _) => value.clone_into(&mut cluster.name),
            ("server", _) => value.clone_into(&mut cluster.server),
            (_, Some(label)) => drop(cluster.labels.insert(label.to_owned(), value.to_owned())),
            _ => return Err(format!("`{key}` is none of `name`, `server` and `labels.KEY`")),
        }
    }
    match (cluster.name.as_str(), cluster.server.as_str()) {
        ("", _) | (_, "") => Err("a cluster needs `name` and `server`".to_owned()),
        _ => Ok(cluster),
    }
}

/// Applications that are configured one by one: those of environments, and others.
fn configured(config: &Config) -> Vec<Object> {
    let environments = config.every_environment().into_iter();
    let theirs =
        environments.map(|one| environment::application(&one, &config.git, &config.argocd.namespace));
    theirs
        .chain(applications::objects(config).into_iter().filter(|one| one.kind() == "Application"))
        .collect()
}

fn list(session: &Session, output: Output) {
    let config = &session.config;
    let of_models = config.models.iter().map(|them| models::application_set(them, config));
    let sets = applications::objects(config).into_iter().chain(of_models);
    let sets: Vec<Object> = sets.filter(|one| one.kind() == "ApplicationSet").collect();
    show(output, None, &configured(config));
    if output == Output::Json {
        show(output, None, &sets);
        return;
    }
    for set in &config.application_sets {
        let generators: Vec<&str> = set.generators.iter().map(|generator| generator.name()).collect();
        session.report.paragraph(&format!("ApplicationSet {}: {}", set.name, generators.join(", ")));
    }
    if let Some(models) = &config.models {
        let name = models::application_set(models, config);
        let text = format!("ApplicationSet {}: overlays of models in {}/", name.name(), models.folder);
        session.report.paragraph(&text);
    }
    if !sets.is_empty() {
        session.report.paragraph("what comes of them: cargo xtask applications preview");
    }
}

fn preview(session: &Session, output: Output, args: &Preview) -> Result<(), Failure> {
    let config = &session.config;
    let models = config.models.iter().map(|them| models::application_set(them, config).name().to_owned());
    let models = models.map(|name| (name, None));
    let all: Vec<(String, Option<&ApplicationSet>)> =
        config.application_sets.iter().map(|set| (set.name.clone(), Some(set))).chain(models).collect();
    let chosen = |(known, _): &&(String, _)| args.name.as_ref().is_none_or(|name| name == known);
    let sets: Vec<&(String, Option<&ApplicationSet>)> = all.iter().filter(chosen).collect();
    if sets.is_empty() {
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Failure::Usage(match (&args.name, names.as_slice()) {
            (Some(name), [_, ..]) => {
                format!("there is no ApplicationSet `{name}`; there is {}", names.join(", "))
            }
            _ => "neither `applicationSets` nor `models` are configured\n  see what there is to configure: cargo xtask init"
                .into(),
        }));
    }
    let checkouts = checkouts(&args.folder, &config.git)?;
    let folders = |url: &str, revision: &str| folders(&checkouts, url, revision);
    let known = Known { folders: &folders, clusters: args.cluster.clone() };
    let mut names: BTreeMap<String, String> = configured(config)
        .iter()
        .map(|one| (one.name().to_owned(), "the configuration".to_owned()))
        .collect();
    let mut unknown = Vec::new();
    for (set, written) in sets {
        let found = match written {
            Some(set) => preview::applications(set, config, &known),
            None => preview::of_models(config, &known),
        };
        let found = match found {
            Ok(found) => found,
            Err(PreviewError::Folders(why)) => {
                unknown.push(format!("ApplicationSet {set}: not previewed: {why}"));
                continue;
            }
            Err(error) => return Err(Failure::Usage(format!("ApplicationSet {set}: {error}"))),
        };
        for application in &found {
            let other = names.insert(application.name().to_owned(), format!("ApplicationSet {set}"));
            if let Some(other) = other {
                return Err(Failure::Usage(format!(
                    "ApplicationSet {set}: Application {} comes of {other} as well; one would undo the other",
                    application.name()
                )));
            }
        }
        match args.yaml && output == Output::Human {
            true => found.iter().for_each(|one| print(&format!("---\n{}", yaml::to_string(one)))),
            false => {
                tell(session, args, &format!("ApplicationSet {set}: {}", told(found.len())));
                show(output, Some(set), &found);
            }
        }
    }
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(Failure::Precondition(unknown.join("\n"))),
    }
}

fn told(count: usize) -> String {
    match count {
        0 => "no Application: its generators find nothing".to_owned(),
        count => crate::report::count(count, "Application"),
    }
}

/// As a comment between objects.
fn tell(session: &Session, args: &Preview, text: &str) {
    let comment = if args.yaml && !session.report.is_json() { "# " } else { "" };
    for (number, line) in text.lines().enumerate() {
        let first = if number == 0 { comment.to_owned() } else { format!("{comment}  ") };
        session.report.wrapped(&first, line.trim_start(), &format!("{comment}  "));
    }
}

/// A table, or an event each.
fn show(output: Output, set: Option<&str>, found: &[Object]) {
    if output == Output::Json {
        for object in found {
            let event = json!({ "event": "application", "set": set, "object": object });
            print(&format!("{}\n", safe::json(&event.to_string())));
        }
        return;
    }
    let row = |object: &Object| {
        let text = |pointer: &str| object.text(pointer).to_owned();
        let path = [text("/spec/source/path"), text("/spec/source/chart")].concat();
        let cluster = [text("/spec/destination/server"), text("/spec/destination/name")].concat();
        let cluster = match cluster.as_str() {
            manifests::argocd::names::IN_CLUSTER => String::new(),
            other => format!(" on {other}"),
        };
        let destination = text("/spec/destination/namespace") + &cluster;
        [object.name().to_owned(), text("/spec/project"), path, destination]
    };
    let rows: Vec<[String; 4]> = found.iter().map(row).collect();
    print(&table(["NAME", "PROJECT", "PATH", "DESTINATION"], &rows));
}

/// Checkouts by the addresses of their repositories.
fn checkouts(given: &[String], git: &Git) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let mut checkouts = BTreeMap::new();
    for text in given {
        let (url, folder) = match text.rsplit_once('=').filter(|(url, _)| url.contains(['.', ':'])) {
            Some((url, folder)) => (Git { url: url.to_owned(), ..Git::default() }.repo_url(), folder),
            None => (git.repo_url(), text.as_str()),
        };
        if !Path::new(folder).is_dir() {
            return Err(Failure::Usage(format!("--folder {folder}: no such folder")));
        }
        checkouts.insert(url, PathBuf::from(folder));
    }
    Ok(checkouts)
}

/// All folders of a repository as Argo CD finds them: none that is hidden, nor what is in one.
fn folders(checkouts: &BTreeMap<String, PathBuf>, url: &str, revision: &str) -> Result<Vec<String>, String> {
    let mut found = match (checkouts.get(url), repository::local_path(url)) {
        (Some(folder), _) => {
            let mut found = BTreeSet::new();
            walk(folder, "", &mut found)
                .map_err(|error| format!("{} can't be read: {error}", folder.display()))?;
            found.into_iter().collect()
        }
        (None, Some(path)) => repository::all_folders(&path, revision).map_err(|error| error.to_string())?,
        (None, None) => {
            return Err(format!(
                "the folders of {url} are not known\n  name a checkout of it: --folder {url}=DIR"
            ));
        }
    };
    found.retain(|folder: &String| !folder.split('/').any(|segment| segment.starts_with('.')));
    found.sort();
    Ok(found)
}

/// Folders that hold a file somewhere, as git knows no others. Says whether this one does.
fn walk(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) -> std::io::Result<bool> {
    let mut holds = false;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || !entry.file_type()?.is_dir() {
            holds |= !entry.file_type()?.is_dir();
            continue;
        }
        let path = format!("{prefix}{name}");
        if walk(&entry.path(), &format!("{path}/"), found)? {
            found.insert(path);
            holds = true;
        }
    }
    Ok(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_read() {
        let read =
            cluster("name=prod,server=https://1.2.3.4,labels.env=production,labels.acme.com/tier=gold");
        let read = read.expect("it is complete");
        assert_eq!((read.name.as_str(), read.server.as_str()), ("prod", "https://1.2.3.4"));
        assert_eq!(read.labels["env"], "production");
        assert_eq!(read.labels["acme.com/tier"], "gold");
        assert_eq!(cluster("name=prod"), Err("a cluster needs `name` and `server`".into()));
        assert_eq!(cluster("prod"), Err("`prod` has no `=`".into()));
        assert!(cluster("name=a,server=b,label.x=y").is_err());
    }
}
