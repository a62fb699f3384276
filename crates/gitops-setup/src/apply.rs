//! The one interpreter of actions. Here, and only here, references to secrets become values.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cluster::Client;
use cluster::apply::{Condition, Patching};
use cluster::observe::Found;
use cluster::provider::Timings;
use cluster::wait::{Objects, Progress};
use git_credentials::repository;
use manifests::config::Git as GitConfig;
use manifests::fill::Fill;
use manifests::{Object, ObjectRef};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use stages::plan::{Action, Apply, Precondition};

use crate::failure::Failure;
use crate::fill;
use crate::session::{Session, blocking};
use crate::values;

/// Makes or starts the cluster, where the plan says so. Gives where the time went.
pub(crate) async fn create_cluster(session: &Session) -> Result<Timings, Failure> {
    Ok(session.provider.up(&session.tools, &session.report.progress()).await?)
}

/// Does what is no request to the API server.
pub(crate) async fn on_this_machine(session: &Session, action: &Action) -> Result<(), Failure> {
    match action {
        Action::InitRepository { url, folders } => {
            let path = repository::local_path(url)
                .ok_or_else(|| Failure::Bug(format!("a plan to make {url}, which is not local")))?;
            let (git, folders) = (session.config.git.clone(), folders.clone());
            blocking(move || init_repository(&path, &git, &folders)).await
        }
        Action::MergeValues { path, secret } => values::merge_file(path, secret),
        Action::UpgradeRelease { secret, .. } => values::upgrade(session, secret).await,
        Action::CreateCluster { .. }
        | Action::WaitFor { .. }
        | Action::WaitServed { .. }
        | Action::PutWebhook(_)
        | Action::Apply(_)
        | Action::RemoveField { .. } => Ok(()),
    }
}

/// Waits until somebody else has put a value in place.
pub(crate) async fn wait_for(
    session: &Session,
    client: &Client,
    object: &ObjectRef,
    pointer: &str,
) -> Result<(), Failure> {
    let told = |lines: &[String]| session.report.waiting(lines);
    let there = |live: &Objects| match live.get(&object.name).and_then(|live| live.get(pointer)) {
        Some(_) => Progress::Done(()),
        None => Progress::Waiting(vec![format!("{object} has no {pointer} yet")]),
    };
    let what = format!("{pointer} of {object}");
    Ok(client.wait_until(object, &what, session.report.timeout(), &told, there).await?)
}

/// Waits until the kinds of definitions that are there are served. What is gone by now is planned anew.
pub(crate) async fn wait_served(client: &Client, definitions: &[ObjectRef]) -> Result<(), Failure> {
    let found = client.read_all(definitions).await?;
    let live = found.values().filter_map(|found| match found {
        Found::Object(live) => Some(&**live),
        Found::Absent | Found::KindUnknown => None,
    });
    Ok(client.wait_established(&live.collect::<Vec<_>>()).await?)
}

/// Puts a repository on this machine in place.
pub(crate) fn init_repository(path: &Path, git: &GitConfig, folders: &[String]) -> Result<(), Failure> {
    let lock = lock_beside(path)?;
    let author = git.author.clone().unwrap_or_default();
    repository::init(path, git.branch.as_deref(), &author, folders)?;
    drop(lock);
    Ok(())
}

/// Locks the folder that a repository is in: of two runs at once, git itself lets one fail.
fn lock_beside(path: &Path) -> Result<File, Failure> {
    let folder = path.parent().unwrap_or(path);
    let failed = |error: std::io::Error| Failure::file(folder, &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let folder = File::open(folder).map_err(failed)?;
    folder.lock().map_err(failed)?;
    Ok(folder)
}

/// Does everything in `actions` that happens in the cluster. `written` hears of every object that was written,
/// also where a later one fails.
pub(crate) async fn in_cluster(
    session: &Session,
    client: &Client,
    actions: Vec<Action>,
    force: bool,
    written: &(dyn Fn(&ObjectRef) + Sync),
) -> Result<(), Failure> {
    let mut patches = Vec::new();
    for action in actions {
        match action {
            Action::RemoveField { object, pointer, expected, .. } => {
                client.remove_field(&object, &pointer, expected.as_ref().map(|value| &value.0)).await?;
                written(&object);
            }
            Action::Apply(apply) => patches.push(patching(session, client, *apply, force).await?),
            _ => {}
        }
    }
    let (total, count) = (patches.len(), AtomicUsize::new(0));
    let done = |object: &ObjectRef| {
        written(object);
        let count = count.fetch_add(1, Ordering::Relaxed) + 1;
        session.report.applying(count, total, object);
    };
    Ok(client.apply_all(patches, &done).await?)
}

/// Takes fields of ours out of an object that stays.
pub(crate) async fn release(session: &Session, client: &Client, apply: &Apply) -> Result<(), Failure> {
    Ok(client.apply(&patching(session, client, apply.clone(), false).await?).await?)
}

async fn patching(
    session: &Session,
    client: &Client,
    apply: Apply,
    force: bool,
) -> Result<Patching, Failure> {
    let condition = match apply.precondition {
        Precondition::None => Condition::None,
        Precondition::Absent => Condition::Absent,
        Precondition::Unchanged(version) => Condition::Unchanged(version),
    };
    let object = filled(session, client, apply.object, &apply.fill).await?;
    Ok(Patching { object, manager: apply.manager, force: apply.force || force, condition })
}

async fn filled(
    session: &Session,
    client: &Client,
    object: Object,
    fills: &[(String, Fill)],
) -> Result<Object, Failure> {
    if fills.is_empty() {
        return Ok(object);
    }
    let mut data = object.get("/data").cloned().unwrap_or_else(|| json!({}));
    for (key, fill) in fills {
        let value = fill::value(session, client, fill).await?;
        data[key.as_str()] = Value::from(BASE64_STANDARD.encode(value.expose_secret()));
    }
    Ok(object.with("data", data))
}
