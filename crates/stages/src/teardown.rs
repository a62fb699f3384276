//! The way back: what the stages have put in place, taken away again.
//!
//! What this tool has made goes. What was there before keeps existing, without the fields that a stage added.
//! Everything else stays as it is, and what one might expect to go is named. What Argo CD has deployed stays too,
//! unless it is asked for: it was made by Argo CD, out of what teams have in Git.

mod contents;
mod hooks;
mod ownership;
mod projects;
mod release;
mod workloads;

use std::collections::{BTreeMap, BTreeSet};

use manifests::argocd::names::{self, ARGOPROJ};
use manifests::clusters::Stored;
use manifests::config::ManifestSource;
use manifests::{Object, ObjectRef};
use serde::Serialize;

use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Apply, PlanError, PutWebhook};
use crate::stage::Stage;
use ownership::is_made_by_us;

pub use contents::{foreign, left_in, stays_note};
pub use workloads::{controller_runs, is_argocds_finalizer, is_made_by_set};

/// What is looked at for the way back, besides what the stages read.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// What is in each namespace that may go; `metadata` is enough.
    pub contents: BTreeMap<String, Vec<Object>>,
    /// Applications, ApplicationSets and AppProjects of the whole cluster: they go with their definitions.
    pub argocd: Vec<Object>,
    /// Clusters that Argo CD knows.
    pub clusters: Vec<Stored>,
}

/// What the user wants of the way back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Argo CD stays installed.
    pub keep_argocd: bool,
    /// The webhooks stay at the Git host.
    pub keep_webhooks: bool,
    /// What Argo CD has deployed for Applications of ours goes too.
    pub with_workloads: bool,
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
    /// How many objects are deleted, and how many changed of those that stay.
    pub fn counts(&self) -> (usize, usize) {
        let count = |wanted: fn(&Undo) -> bool| self.steps.iter().filter(|step| wanted(step)).count();
        (
            count(|step| matches!(step, Undo::Delete(_) | Undo::RemoveWebhook(_))),
            count(|step| matches!(step, Undo::Release(_))),
        )
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
    /// Tells an ApplicationSet that will be deleted whether what its Applications have deployed goes along.
    Prepare(Box<Apply>),
    /// Takes Argo CD's own finalizers off an Application that will be deleted: what it has deployed stays.
    Spare(ObjectRef),
    /// Gives an Application that will be deleted Argo CD's finalizer: what it has deployed goes.
    Cascade(ObjectRef),
    /// Deletes an object that this tool has made, or that one of these has made.
    Delete(ObjectRef),
}

/// The way back of every stage that has one, the last stage first. Refused where it would take away what others
/// have made.
pub fn plan(
    inputs: &Inputs,
    observed: &Observed,
    around: &Surroundings,
    wishes: Wishes,
) -> Result<Vec<(&'static Stage, Undoing)>, PlanError> {
    let mut way = Way { inputs, observed, around, wishes, kept: None, doomed: BTreeSet::new() };
    way.kept = way.why_argocd_stays();
    let stages = way.by_stage();
    way.doom(&stages);
    way.refuse_to_orphan()?;
    way.refuse_to_lose_clusters()?;
    way.refuse_to_wait_for_nobody()?;
    let kept = way.spare_namespaces();
    let mut undoings = Vec::new();
    for (stage, objects) in stages.into_iter().rev() {
        let mut undoing = way.undo(stage, &objects);
        for object in &objects {
            undoing.notes.extend(kept.get(&object.reference()).cloned());
        }
        undoings.push((stage, undoing));
    }
    after_applications(&mut undoings);
    undoings.retain(|(_, undoing)| *undoing != Undoing::default());
    Ok(undoings)
}

/// All objects that the way back has to know: those that the stages look at, and who would do work for it.
pub fn reads(inputs: &Inputs) -> Vec<ObjectRef> {
    let stages = inputs.stages.iter().flat_map(|stage| stage.reads(inputs));
    let all: BTreeSet<ObjectRef> = stages.chain(workloads::controllers(inputs)).collect();
    all.into_iter().collect()
}

/// Namespaces that the stages make, of which the contents have to be known.
pub fn namespaces(observed: &Observed) -> Vec<String> {
    let made = observed.objects.keys().filter(|object| object.kind == "Namespace");
    made.filter(|object| observed.object(object).is_some_and(is_made_by_us))
        .map(|object| object.name.clone())
        .collect()
}

/// The objects that are deleted.
pub fn doomed(undoings: &[(&'static Stage, Undoing)]) -> BTreeSet<ObjectRef> {
    let steps = undoings.iter().flat_map(|(_, undoing)| &undoing.steps);
    steps
        .filter_map(|step| match step {
            Undo::Delete(object) => Some(object.clone()),
            _ => None,
        })
        .collect()
}

struct Way<'a> {
    inputs: &'a Inputs,
    observed: &'a Observed,
    around: &'a Surroundings,
    wishes: Wishes,
    /// Why Argo CD stays, where it does.
    kept: Option<&'static str>,
    doomed: BTreeSet<ObjectRef>,
}

type ByStage<'a> = Vec<(&'static Stage, Vec<&'a Object>)>;

impl<'a> Way<'a> {
    /// The live objects, each with the first stage that looks at it: that is the one that makes it.
    fn by_stage(&self) -> ByStage<'a> {
        let mut seen = BTreeSet::new();
        let mut stages = Vec::new();
        for stage in self.inputs.stages.iter() {
            let mut objects = Vec::new();
            for reference in stage.reads(self.inputs) {
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

    fn why_argocd_stays(&self) -> Option<&'static str> {
        let install = self.inputs.install.as_ref();
        let mut parts = install.iter().flat_map(|install| &install.objects);
        let was_there = parts.any(|part| {
            let live = self.observed.object(&part.reference());
            matches!(part.kind(), "Deployment" | "StatefulSet")
                && live.is_some_and(|live| !is_made_by_us(live))
        });
        match self.inputs.config.argocd.manifest {
            _ if self.wishes.keep_argocd => Some("--keep-argocd"),
            ManifestSource::Existing => Some("`argocd.manifest: existing` says that it was there before"),
            _ if was_there => Some("it was there before"),
            _ => None,
        }
    }

    fn is_argocd(&self, object: &ObjectRef) -> bool {
        let namespace = self.inputs.argocd_namespace();
        let install = self.inputs.install.as_ref();
        install.is_some_and(|install| install.objects.iter().any(|part| part.reference() == *object))
            || *object == ObjectRef::cluster_scoped("v1", "Namespace", namespace)
            || names::fixed(namespace).contains(object)
    }

    /// Projects last: whether one goes depends on who else deploys by it.
    fn doom(&mut self, stages: &ByStage<'a>) {
        let (projects, others): (Vec<&Object>, Vec<&Object>) =
            stages.iter().flat_map(|(_, objects)| objects).partition(|live| live.kind() == "AppProject");
        let going = |way: &Self, live: &&&Object| {
            let kept = way.kept.is_some() && way.is_argocd(&live.reference());
            !kept && is_made_by_us(live)
        };
        let others: Vec<ObjectRef> =
            others.iter().filter(|live| going(self, live)).map(|live| live.reference()).collect();
        self.doomed.extend(others);
        let generated: Vec<ObjectRef> = self.generated().map(Object::reference).collect();
        self.doomed.extend(generated);
        let projects: Vec<ObjectRef> = projects
            .iter()
            .filter(|live| going(self, live) && self.others_in(live).is_empty())
            .map(|live| live.reference())
            .collect();
        self.doomed.extend(projects);
    }

    /// With their definitions go all objects of a kind, whoever made them.
    fn refuse_to_orphan(&self) -> Result<(), PlanError> {
        if !self.doomed.iter().any(is_argocds_definition) {
            return Ok(());
        }
        match foreign(self.inputs, &self.going(), &self.around.argocd).as_slice() {
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

    /// A cluster that was added has an account there, which nobody would know of any more.
    fn refuse_to_lose_clusters(&self) -> Result<(), PlanError> {
        let ours = self.added_clusters();
        match (ours.first(), self.doomed.iter().any(|object| self.is_argocd(object))) {
            (Some(first), true) => Err(PlanError::precondition(
                format!(
                    "Argo CD can't go: it deploys to clusters that `clusters add` told it of, where it has \
                     accounts: {}",
                    few(&ours)
                ),
                format!(
                    "take them out first: cargo xtask clusters remove {first}; or keep Argo CD: cargo xtask \
                     teardown --keep-argocd"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn added_clusters(&self) -> Vec<String> {
        let ours = self.around.clusters.iter().filter(|stored| stored.ours);
        ours.map(|stored| stored.name.clone()).collect()
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
        self.applications(&mut deletes, &mut undoing);
        deletes.sort_by_key(|object| order(&object.kind));
        undoing.steps.extend(deletes.into_iter().map(Undo::Delete));
        undoing.notes.extend(self.stays(stage, objects));
        undoing
    }

    /// What a stage did that stays, by design.
    fn stays(&self, stage: &Stage, objects: &[&Object]) -> Vec<String> {
        let config = &self.inputs.config;
        match stage.name {
            "git-repository" if !config.git.url.is_empty() => {
                vec!["the Git repository stays as it is".into()]
            }
            "seldon-values" if config.seldon.is_some() => {
                vec!["the Helm values of Seldon Enterprise Platform stay as they are".into()]
            }
            "install-argocd" if !objects.is_empty() => {
                let kept = self.kept.map(|why| format!("Argo CD stays: {why}"));
                let clusters = self.added_clusters();
                let clusters = (!clusters.is_empty()).then(|| {
                    format!("clusters that `clusters add` told Argo CD of stay known: {}", few(&clusters))
                });
                kept.into_iter().chain(clusters).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Argo CD looks into a project as long as it takes away what an Application has deployed, and that may be in any of
/// the namespaces: both go after the Applications of all stages.
fn after_applications(undoings: &mut [(&'static Stage, Undoing)]) {
    let is_deletion = |step: &Undo, kinds: &[&str]| matches!(step, Undo::Delete(object) if kinds.contains(&object.kind.as_str()));
    let deletes = |undoing: &Undoing| undoing.steps.iter().any(|step| is_deletion(step, &["Application"]));
    let Some(last) = undoings.iter().rposition(|(_, undoing)| deletes(undoing)) else { return };
    let mut moved = Vec::new();
    for (_, undoing) in &mut undoings[..last] {
        let waits = |step: &mut Undo| is_deletion(step, &["AppProject", "Namespace"]);
        moved.extend(undoing.steps.extract_if(.., waits));
    }
    let steps = &mut undoings[last].1.steps;
    steps.extend(moved);
    steps.sort_by_key(|step| match step {
        Undo::Delete(object) => Some(order(&object.kind)),
        _ => None,
    });
}

fn is_argocds_definition(object: &ObjectRef) -> bool {
    let group = ARGOPROJ.split('/').next().unwrap_or_default();
    object.kind == "CustomResourceDefinition" && object.name.ends_with(group)
}

/// The order in which kinds go: whoever acts on others goes after them.
pub fn order(kind: &str) -> u8 {
    match kind {
        "ApplicationSet" => 0,
        "Application" => 1,
        "AppProject" => 2,
        "Deployment" | "StatefulSet" => 3,
        "CustomResourceDefinition" => 5,
        "Namespace" => 6,
        _ => 4,
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
