//! The way back: what the stages have put in place, taken away again.
//!
//! What this tool has made goes. What was there before keeps existing, without the fields that a stage added.
//! Everything else stays as it is, and what one might expect to go is named.

mod ownership;

use std::collections::{BTreeMap, BTreeSet};

use manifests::argocd::names::{self, ARGOPROJ};
use manifests::{MANAGER, Object, ObjectRef};
use serde::Serialize;

use crate::inputs::Inputs;
use crate::observed::{Endpoint, Observed, WebhooksState};
use crate::plan::{Apply, PlanError, PutWebhook};
use crate::stage::{ALL, Stage};
use ownership::{is_made_by_us, our_managers};

/// What is looked at for the way back, besides what the stages read.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// What is in each namespace that may go, without what Kubernetes itself puts there and what belongs to
    /// another object.
    pub contents: BTreeMap<String, Vec<ObjectRef>>,
    /// Applications, ApplicationSets and AppProjects of the whole cluster: they go with their definitions.
    pub argocd: Vec<ObjectRef>,
}

/// The way back of one stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Undoing {
    /// The effects, in order.
    pub steps: Vec<Undo>,
    /// What stays, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Undoing {
    /// How many objects are deleted, and how many changed.
    pub fn counts(&self) -> (usize, usize) {
        let changed = self.steps.iter().filter(|step| matches!(step, Undo::Release(_))).count();
        (self.steps.len() - changed, changed)
    }
}

/// One effect on the way back.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Undo {
    /// Takes a webhook away at the Git host, and its secret in the cluster.
    RemoveWebhook(Box<PutWebhook>),
    /// Takes our fields out of an object that stays.
    Release(Box<Apply>),
    /// Deletes an object that this tool has made.
    Delete(ObjectRef),
}

/// The way back of every stage that has one, the last stage first. Refused where it would take away what others
/// have made.
pub fn plan(
    inputs: &Inputs,
    observed: &Observed,
    around: &Surroundings,
    keep_argocd: bool,
) -> Result<Vec<(&'static Stage, Undoing)>, PlanError> {
    let mut way = Way { inputs, observed, keep_argocd, doomed: BTreeSet::new() };
    let stages = way.by_stage();
    for object in stages.iter().flat_map(|(_, objects)| objects) {
        if way.goes(object) {
            way.doomed.insert(object.reference());
        }
    }
    way.refuse_to_orphan(around)?;
    let kept = way.spare_namespaces(around);
    let mut undoings = Vec::new();
    for (stage, objects) in stages.into_iter().rev() {
        let mut undoing = way.undo(stage, &objects);
        for object in &objects {
            undoing.notes.extend(kept.get(&object.reference()).cloned());
        }
        if undoing != Undoing::default() {
            undoings.push((stage, undoing));
        }
    }
    Ok(undoings)
}

/// All objects that the stages look at: what the way back has to know.
pub fn reads(inputs: &Inputs) -> Vec<ObjectRef> {
    let all: BTreeSet<ObjectRef> = ALL.iter().flat_map(|stage| (stage.reads)(inputs)).collect();
    all.into_iter().collect()
}

/// Namespaces that the stages make, of which the contents have to be known.
pub fn namespaces(observed: &Observed) -> Vec<String> {
    let made = observed.objects.keys().filter(|object| object.kind == "Namespace");
    made.filter(|object| observed.object(object).is_some_and(is_made_by_us))
        .map(|object| object.name.clone())
        .collect()
}

struct Way<'a> {
    inputs: &'a Inputs,
    observed: &'a Observed,
    keep_argocd: bool,
    doomed: BTreeSet<ObjectRef>,
}

impl<'a> Way<'a> {
    /// The live objects, each with the first stage that looks at it: that is the one that makes it.
    fn by_stage(&self) -> Vec<(&'static Stage, Vec<&'a Object>)> {
        let mut seen = BTreeSet::new();
        let mut stages = Vec::new();
        for stage in ALL {
            let mut objects = Vec::new();
            for reference in (stage.reads)(self.inputs) {
                // The cluster and its nodes stay: `cluster down` takes them away.
                if let (Some(live), true) = (self.observed.object(&reference), seen.insert(reference))
                    && live.kind() != "Node"
                {
                    objects.push(live);
                }
            }
            stages.push((*stage, objects));
        }
        stages
    }

    fn is_argocd(&self, object: &ObjectRef) -> bool {
        let namespace = self.inputs.argocd_namespace();
        let install = self.inputs.install.as_ref();
        install.is_some_and(|install| install.objects.iter().any(|part| part.reference() == *object))
            || *object == ObjectRef::cluster_scoped("v1", "Namespace", namespace)
    }

    fn goes(&self, live: &Object) -> bool {
        let kept = self.keep_argocd && self.is_argocd(&live.reference());
        !kept && is_made_by_us(live) && self.others_in(live).is_empty()
    }

    /// Destinations that others have put into a project.
    fn others_in(&self, live: &Object) -> Vec<serde_json::Value> {
        if live.kind() != "AppProject" {
            return Vec::new();
        }
        let ours: Vec<Object> = ALL
            .iter()
            .flat_map(|stage| (stage.objects)(self.inputs))
            .filter(|object| object.reference() == live.reference())
            .collect();
        let is_ours = |entry: &serde_json::Value| {
            ours.iter().any(|project| project.list("/spec/destinations").contains(entry))
        };
        live.list("/spec/destinations").iter().filter(|entry| !is_ours(entry)).cloned().collect()
    }

    /// With their definitions go all objects of a kind, whoever made them.
    fn refuse_to_orphan(&self, around: &Surroundings) -> Result<(), PlanError> {
        let definitions_go = self.doomed.iter().any(|object| {
            object.kind == "CustomResourceDefinition"
                && object.name.ends_with(ARGOPROJ.split('/').next().unwrap_or_default())
        });
        if !definitions_go {
            return Ok(());
        }
        let foreign: Vec<String> = around
            .argocd
            .iter()
            .filter(|object| !self.doomed.contains(object) && !is_argocds_own(object, self.inputs))
            .map(ToString::to_string)
            .collect();
        match foreign.as_slice() {
            [] => Ok(()),
            some => Err(PlanError::precondition(
                format!(
                    "Argo CD can't go: with it would go what gitops-setup did not make, or not with this \
                     configuration: {}",
                    few(some)
                ),
                "keep Argo CD: cargo xtask teardown --keep-argocd; or delete these first",
            )),
        }
    }

    /// A namespace goes only with nothing left in it. Gives the notes of those that stay.
    fn spare_namespaces(&mut self, around: &Surroundings) -> BTreeMap<ObjectRef, String> {
        let mut notes = BTreeMap::new();
        let namespaces: Vec<ObjectRef> =
            self.doomed.iter().filter(|object| object.kind == "Namespace").cloned().collect();
        for namespace in namespaces {
            let contents = around.contents.get(&namespace.name).map_or(&[][..], Vec::as_slice);
            let left: Vec<String> = contents
                .iter()
                .filter(|object| !self.doomed.contains(object) && !is_argocds_own(object, self.inputs))
                .map(|object| format!("{}/{}", object.kind, object.name))
                .collect();
            if left.is_empty() {
                continue;
            }
            self.doomed.remove(&namespace);
            let note = format!(
                "{namespace} stays, with what others put there: {}; take it away with all of it: kubectl delete \
                 namespace {}",
                few(&left),
                namespace.name
            );
            notes.insert(namespace, note);
        }
        notes
    }

    fn undo(&self, stage: &Stage, objects: &[&Object]) -> Undoing {
        let mut undoing = Undoing::default();
        if stage.name == "webhooks" {
            self.webhooks(&mut undoing);
        }
        let mut deletes = Vec::new();
        for live in objects {
            let reference = live.reference();
            if self.doomed.contains(&reference) {
                deletes.push(reference);
            } else {
                self.release(live, &mut undoing);
            }
        }
        deletes.sort_by_key(|object| order(&object.kind));
        undoing.steps.extend(deletes.into_iter().map(Undo::Delete));
        undoing.notes.extend(stays(stage, self.inputs));
        undoing
    }

    fn webhooks(&self, undoing: &mut Undoing) {
        let config = &self.inputs.config;
        match &self.observed.webhooks {
            WebhooksState::Unknown => {}
            WebhooksState::NotVerified(why) => {
                undoing.notes.push(format!("webhooks are not looked at: {why}"))
            }
            WebhooksState::Seen { webhooks, .. } => {
                for webhook in webhooks {
                    if let (Endpoint::Url(url), Some(_), Some(provider)) =
                        (&webhook.address, &webhook.hook, config.git_provider())
                    {
                        let hook = PutWebhook::new(config, webhook.receiver, provider, url);
                        undoing.steps.push(Undo::RemoveWebhook(Box::new(hook)));
                    }
                }
            }
        }
    }

    /// Takes our fields out of an object that stays.
    fn release(&self, live: &Object, undoing: &mut Undoing) {
        let reference = live.reference();
        for manager in our_managers(live) {
            match manager.strip_prefix(MANAGER) {
                Some("") if live.kind() == "AppProject" => self.shrink(live, undoing),
                Some("") if live.kind() == "Namespace" && !is_made_by_us(live) => {
                    undoing.steps.push(release(&reference, manager, live));
                }
                Some("") if !self.is_argocd(&reference) && !is_made_by_us(live) => {
                    undoing.notes.push(format!("{reference} was there before: it stays"));
                }
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

    /// Takes our destinations out of a project that others use as well.
    fn shrink(&self, live: &Object, undoing: &mut Undoing) {
        let others = self.others_in(live);
        if others.is_empty() || others.len() == live.list("/spec/destinations").len() {
            return;
        }
        // All else stays as it is: a whitelist that is left out would allow every kind.
        let mut spec = live.get("/spec").cloned().unwrap_or_default();
        spec["destinations"] = others.into();
        let project = Object::new(&live.reference()).with("spec", spec);
        let mut apply = Apply::new(project).forced().if_unchanged(Some(live));
        apply.changes = crate::diff::changes(&apply.object, live, MANAGER);
        undoing.notes.push(format!("{} stays for the destinations of others", live.reference()));
        undoing.steps.push(Undo::Release(Box::new(apply)));
    }
}

/// An apply with nothing in it takes away what its manager owns alone.
fn release(reference: &ObjectRef, manager: &str, live: &Object) -> Undo {
    let mut apply = Apply::new(Object::new(reference)).forced();
    manager.clone_into(&mut apply.manager);
    apply.changes = crate::diff::changes(&apply.object, live, manager);
    Undo::Release(Box::new(apply))
}

/// What Argo CD makes for itself in its namespace, and what goes with it.
fn is_argocds_own(object: &ObjectRef, inputs: &Inputs) -> bool {
    let namespace = inputs.argocd_namespace();
    object.namespace.as_deref() == Some(namespace)
        && (*object == ObjectRef::namespaced(ARGOPROJ, "AppProject", namespace, "default")
            || *object == names::initial_admin_secret(namespace)
            || *object == ObjectRef::namespaced("v1", "Secret", namespace, "argocd-redis"))
}

/// What a stage did that stays, by design.
fn stays(stage: &Stage, inputs: &Inputs) -> Option<String> {
    match stage.name {
        "git-repository" if !inputs.config.git.url.is_empty() => {
            Some("the Git repository stays as it is".into())
        }
        "seldon-values" if inputs.config.seldon.is_some() => {
            Some("the Helm values of Seldon Enterprise Platform stay as they are".into())
        }
        _ => None,
    }
}

/// The order in which kinds go: whoever acts on others goes after them.
pub fn order(kind: &str) -> u8 {
    match kind {
        "Application" | "ApplicationSet" => 0,
        "AppProject" => 1,
        "Namespace" => 5,
        "CustomResourceDefinition" => 4,
        "Deployment" | "StatefulSet" => 2,
        _ => 3,
    }
}

/// The first few of a list, and how many more there are.
fn few(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
