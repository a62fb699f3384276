//! The list of stages. Everything derives from it: help, selection, docs, progress.
//!
//! To add a stage: one file below, one `mod`, one line in [`ALL`].

mod access;
mod admin_password;
mod applications;
mod cluster;
mod environments;
mod expose;
mod git_credentials;
mod git_repository;
mod hardening;
mod health_checks;
mod install_argocd;
mod logging;
mod models;
mod notifications;
mod project_token;
mod root_path;
mod seldon_values;
mod tls_termination;
mod verify;
mod webhooks;

use manifests::fill::FilledSecret;
use manifests::{Object, ObjectRef};

use crate::inputs::Inputs;
use crate::observed::Observed;
use crate::plan::{Plan, PlanError};

/// One stage of the set-up. The names follow the headings of Seldon's guide.
///
/// Another repository's own stage begins with [`Stage::new`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stage {
    /// What users call it.
    pub name: &'static str,
    /// What it brings about, in a few words.
    pub summary: &'static str,
    /// Stages whose results it builds on.
    pub needs: &'static [&'static str],
    /// Objects that its plan looks at; `None` for those that it keeps in place.
    pub reads: Option<fn(&Inputs) -> Vec<ObjectRef>>,
    /// What it would do.
    pub plan: fn(&Inputs, &Observed) -> Result<Plan, PlanError>,
    /// The objects that it keeps in place, without secrets and without what only the cluster knows.
    pub objects: fn(&Inputs) -> Vec<Object>,
    /// What has to hold afterwards, besides a plan that is empty.
    pub checks: fn(&Inputs) -> Vec<Check>,
    /// What its plan needs to know besides objects.
    pub facts: &'static [Fact],
    /// Secrets that it fills in, for their values to be compared. What it reads is observed by then.
    pub secrets: fn(&Inputs, &Observed) -> Vec<FilledSecret>,
}

impl Stage {
    /// A stage that keeps nothing in place, needs no other stage and reads nothing: what it does more is added.
    pub const fn new(
        name: &'static str,
        summary: &'static str,
        plan: fn(&Inputs, &Observed) -> Result<Plan, PlanError>,
    ) -> Self {
        Self {
            name,
            summary,
            needs: &[],
            reads: None,
            plan,
            objects: no_objects,
            checks: no_checks,
            facts: &[],
            secrets: no_secrets,
        }
    }

    /// The same stage with these objects that it keeps in place. Its plan is given them as they are in the cluster,
    /// `render` and `lint` show them, and `teardown` takes them away.
    pub const fn keeping(mut self, objects: fn(&Inputs) -> Vec<Object>) -> Self {
        self.objects = objects;
        self
    }

    /// The same stage after these.
    pub const fn needing(mut self, needs: &'static [&'static str]) -> Self {
        self.needs = needs;
        self
    }

    /// The same stage, whose plan looks at these objects: those that it keeps in place, too, have to be among them.
    pub const fn reading(mut self, reads: fn(&Inputs) -> Vec<ObjectRef>) -> Self {
        self.reads = Some(reads);
        self
    }

    /// Objects that its plan looks at.
    pub fn reads(&self, inputs: &Inputs) -> Vec<ObjectRef> {
        match self.reads {
            Some(reads) => reads(inputs),
            None => references(&(self.objects)(inputs)),
        }
    }
}

/// Something to observe that is no object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// [`Observed::images_to_load`].
    Images,
    /// [`Observed::repository`].
    Repository,
    /// [`Observed::values`].
    Values,
    /// [`Observed::webhooks`].
    Webhooks,
    /// The admin password, which is checked before anything is observed.
    Password,
    /// The credentials of the Git repository and whom to trust there: checked, and read into
    /// [`Inputs::known_hosts`] and [`Inputs::ca_certificate`], before anything is observed.
    Credentials,
    /// The tokens of notifications, which are looked up before anything is observed.
    Tokens,
    /// [`Inputs::install`]; known before anything is observed.
    Manifest,
}

/// What has to hold after a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// All replicas of these Deployments and StatefulSets are updated and ready.
    RolledOut(Vec<ObjectRef>),
    /// An address is found under which Argo CD is reached.
    Address,
    /// Argo CD's API is reached, and takes the configured password.
    Login,
    /// Argo CD's own Secret opens the repository inside the cluster.
    Cloned,
}

/// Every stage, in the order in which they run.
pub const ALL: &[&Stage] = &[
    &cluster::STAGE,
    &install_argocd::STAGE,
    &admin_password::STAGE,
    &tls_termination::STAGE,
    &root_path::STAGE,
    &expose::STAGE,
    &access::STAGE,
    &git_repository::STAGE,
    &git_credentials::STAGE,
    &environments::STAGE,
    &logging::STAGE,
    &applications::STAGE,
    &models::STAGE,
    &project_token::STAGE,
    &seldon_values::STAGE,
    &hardening::STAGE,
    &webhooks::STAGE,
    &health_checks::STAGE,
    &notifications::STAGE,
    &verify::STAGE,
];

fn no_objects(_: &Inputs) -> Vec<Object> {
    Vec::new()
}

fn no_secrets(_: &Inputs, _: &Observed) -> Vec<FilledSecret> {
    Vec::new()
}

fn no_checks(_: &Inputs) -> Vec<Check> {
    Vec::new()
}

/// References of the objects that a stage keeps in place: what most stages read.
fn references(objects: &[Object]) -> Vec<ObjectRef> {
    objects.iter().map(Object::reference).collect()
}
