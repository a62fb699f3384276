//! The one interpreter of actions. Here, and only here, references to secrets become values.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cluster::Client;
use cluster::apply::{Condition, Patching};
use git_credentials::repository;
use manifests::config::{Git as GitConfig, SecretRef, Variant};
use manifests::{Object, ObjectRef};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use stages::Inputs;
use stages::plan::{Action, Apply, Fill, Precondition};

use crate::failure::Failure;
use crate::session::{Session, blocking};

/// bcrypt cost of the admin password, as Argo CD and the guide have it.
const COST: u32 = 10;

/// Makes or starts the cluster, where the plan says so.
pub(crate) async fn create_cluster(session: &Session) -> Result<(), Failure> {
    Ok(session.provider.up(&session.tools, &session.report.progress()).await?)
}

/// Does everything in `actions` that needs no cluster.
pub(crate) async fn on_this_machine(session: &Session, actions: &[Action]) -> Result<(), Failure> {
    for action in actions {
        if let Action::InitRepository { url, folders } = action {
            let path = repository::local_path(url)
                .ok_or_else(|| Failure::Bug(format!("a plan to make {url}, which is not local")))?;
            let (git, folders) = (session.config.git.clone(), folders.clone());
            blocking(move || init_repository(&path, &git, &folders)).await?;
        }
    }
    Ok(())
}

fn init_repository(path: &Path, git: &GitConfig, folders: &[String]) -> Result<(), Failure> {
    let lock = lock_beside(path)?;
    let author = git.author.clone().unwrap_or_default();
    repository::init(path, git.branch.as_deref(), &author, folders)?;
    drop(lock);
    Ok(())
}

/// Locks the folder that a repository is in: of two runs at once, git itself lets one fail.
fn lock_beside(path: &Path) -> Result<File, Failure> {
    let folder = path.parent().unwrap_or(path);
    let failed = |error: std::io::Error| Failure::Precondition(format!("{}: {error}", folder.display()));
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
    actions: &[Action],
    force: bool,
    written: &(dyn Fn(&ObjectRef) + Sync),
) -> Result<(), Failure> {
    let mut patches = Vec::new();
    for action in actions {
        match action {
            Action::RemoveField { object, pointer, .. } => {
                client.remove_field(object, pointer).await?;
                written(object);
            }
            Action::Apply(apply) => patches.push(patching(session, apply, force).await?),
            Action::CreateCluster { .. } | Action::InitRepository { .. } => {}
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

async fn patching(session: &Session, apply: &Apply, force: bool) -> Result<Patching, Failure> {
    let condition = match &apply.precondition {
        Precondition::None => Condition::None,
        Precondition::Absent => Condition::Absent,
        Precondition::Unchanged(version) => Condition::Unchanged(version.clone()),
    };
    Ok(Patching {
        object: filled(session, apply).await?,
        manager: apply.manager.clone(),
        force: apply.force || force,
        condition,
    })
}

async fn filled(session: &Session, apply: &Apply) -> Result<Object, Failure> {
    if apply.fill.is_empty() {
        return Ok(apply.object.clone());
    }
    let mut data = json!({});
    for (key, fill) in &apply.fill {
        let value = match fill {
            Fill::BcryptOf(reference) => bcrypt_of(session, reference).await?,
            // Argo CD ignores a time that it can't read, so no fraction and no offset.
            Fill::Now => jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        data[key.as_str()] = Value::from(BASE64_STANDARD.encode(value));
    }
    Ok(apply.object.clone().with("data", data))
}

async fn bcrypt_of(session: &Session, reference: &SecretRef) -> Result<String, Failure> {
    let password = session.secret(reference).await?;
    check_password(password.expose_secret(), reference)?;
    bcrypt::hash(password.expose_secret(), COST)
        .map_err(|error| Failure::Usage(format!("the password in {reference} can't be hashed: {error}")))
}

/// The admin password, where there is a login that it is for.
pub(crate) fn used_password(inputs: &Inputs) -> Option<&SecretRef> {
    inputs.admin_password.as_ref().filter(|_| inputs.config.argocd.variant != Variant::Core)
}

/// Refuses a password that Argo CD would not take, where it was looked up already: [`Session::inputs`] does so
/// before anything is made for it.
pub(crate) fn check_admin_password(session: &Session, inputs: &Inputs) -> Result<(), Failure> {
    let Some(reference) = used_password(inputs) else { return Ok(()) };
    match session.known_secret(reference) {
        Some(password) => check_password(password.expose_secret(), reference),
        None => Ok(()),
    }
}

/// Argo CD's own rule for passwords set through its API.
fn check_password(password: &str, reference: &SecretRef) -> Result<(), Failure> {
    match password.chars().count() {
        8..=32 => Ok(()),
        length => Err(Failure::Usage(format!(
            "the admin password ({reference}) has {length} characters; Argo CD wants 8 to 32"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_have_8_to_32_characters() {
        let reference = SecretRef::Env("PASSWORD".into());
        for (length, good) in [(7, false), (8, true), (32, true), (33, false)] {
            let result = check_password(&"ü".repeat(length), &reference);
            assert_eq!(result.is_ok(), good, "{length}");
            assert!(result.err().is_none_or(|failure| failure.code() == 2));
        }
    }
}
