//! Objects that stay, without our fields.

use manifests::health::{self, CUSTOMIZATIONS_KEY};
use manifests::{MANAGER, Object, ObjectRef};
use serde_json::json;

use super::ownership::{is_made_by_us, our_managers};
use super::{Undo, Undoing, Way};
use crate::diff;
use crate::plan::{Apply, stage_manager};

/// Kinds of which every object is valid without any field of ours.
const LOOSE: [&str; 4] = ["Namespace", "Secret", "ConfigMap", "ServiceAccount"];

impl Way<'_> {
    /// Takes our fields out of an object that stays.
    pub(super) fn release(&self, live: &Object, undoing: &mut Undoing) {
        let reference = live.reference();
        for manager in our_managers(live) {
            match manager.strip_prefix(MANAGER) {
                Some("") if live.kind() == "AppProject" => self.shrink(live, undoing),
                // It stays for what others have put into it.
                Some("") if is_made_by_us(live) => {}
                Some("") if self.is_argocd(&reference) && live.kind() != "Namespace" => {}
                Some("") if LOOSE.contains(&live.kind()) => {
                    undoing.steps.push(release(&reference, manager, live));
                }
                Some("") => undoing.notes.push(format!(
                    "{reference} was there before: it stays, with what this tool set in it, without which it may not \
                     be valid"
                )),
                Some("-health-checks") => health_checks(live, undoing),
                // What is merged with what others wrote can't be told from it any more.
                Some("-git-credentials") => undoing.notes.push(format!(
                    "what was added to {reference} stays: host keys, certificates and entries of repositories"
                )),
                Some("-admin-password") => {
                    undoing.notes.push(format!("the admin password stays in {reference}"));
                }
                // They go with the webhook at the Git host, which would be left with a secret that nobody knows.
                Some(stage) if stage.starts_with("-webhook") => {}
                Some(stage) if !stage.is_empty() => undoing.steps.push(release(&reference, manager, live)),
                _ => {}
            }
        }
    }
}

/// Before Argo CD 2.1 all customizations are one text, which we own with what others have in it.
fn health_checks(live: &Object, undoing: &mut Undoing) {
    let reference = live.reference();
    let manager = stage_manager("health-checks");
    let owns_text = diff::owned_data(live, &manager).iter().any(|(key, _)| *key == CUSTOMIZATIONS_KEY);
    let before = live.text(&format!("/data/{CUSTOMIZATIONS_KEY}"));
    let left = match health::merged(before, &[]) {
        Ok(left) if owns_text => left,
        Err(error) if owns_text => {
            undoing.notes.push(format!(
                "`{CUSTOMIZATIONS_KEY}` in {reference} {error}: it stays as it is, and so do our health checks in it"
            ));
            before.to_owned()
        }
        _ => String::new(),
    };
    let kept = if left.is_empty() { json!({}) } else { json!({ CUSTOMIZATIONS_KEY: left }) };
    let object = Object::new(&reference);
    let object = if left.is_empty() { object } else { object.with("data", kept) };
    // What somebody adds meanwhile must not go with ours.
    let mut apply = Apply::new(object).by_stage("health-checks").forced().if_unchanged(Some(live));
    apply.changes = diff::changes(&apply.object, live, &manager);
    if left.is_empty() || !apply.changes.is_empty() {
        undoing.steps.push(Undo::Release(Box::new(apply)));
    }
    if !left.is_empty() {
        undoing.notes.push(format!("what others have in `{CUSTOMIZATIONS_KEY}` of {reference} stays"));
    }
}

/// An apply with nothing in it takes away what its manager owns alone.
fn release(reference: &ObjectRef, manager: &str, live: &Object) -> Undo {
    let mut apply = Apply::new(Object::new(reference)).forced();
    manager.clone_into(&mut apply.manager);
    apply.changes = diff::changes(&apply.object, live, manager);
    Undo::Release(Box::new(apply))
}
