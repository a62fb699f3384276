//! What a way back does, step by step. What goes along with something is looked at again right before it goes.

use std::collections::{BTreeMap, BTreeSet};

use ::stages::teardown::{self, Surroundings, Undo, Undoing, Wishes};
use ::stages::{Inputs, Observed, Stage};
use cluster::observe::Found;
use cluster::{Client, ClusterError};
use futures::{StreamExt, TryStreamExt, stream};
use manifests::argocd::application::FINALIZER;
use manifests::argocd::names::ARGOPROJ;
use manifests::{Object, ObjectRef};
use serde_json::Value;

use super::argocd;
use crate::apply;
use crate::failure::Failure;
use crate::report::Summary;
use crate::session::Session;
use crate::webhooks;

/// Deletions under way at once.
const IN_FLIGHT: usize = 16;
/// How often finalizers are set that somebody else writes to meanwhile.
const TRIES: usize = 5;

pub(super) struct Way<'a> {
    session: &'a Session,
    client: &'a Client,
    inputs: &'a Inputs,
    wishes: Wishes,
    controller_runs: bool,
    doomed: BTreeSet<ObjectRef>,
    /// Of what was read when it was planned.
    uids: BTreeMap<ObjectRef, String>,
}

impl<'a> Way<'a> {
    pub(super) fn new(
        session: &'a Session,
        client: &'a Client,
        inputs: &'a Inputs,
        observed: &Observed,
        around: &Surroundings,
        undoings: &[(&'static Stage, Undoing)],
        wishes: Wishes,
    ) -> Self {
        let read = observed.objects.keys().filter_map(|object| observed.object(object));
        let uids = read
            .chain(&around.argocd)
            .map(|live| (live.reference(), live.text("/metadata/uid").to_owned()))
            .collect();
        let controller_runs = teardown::controller_runs(inputs, observed);
        Self { session, client, inputs, wishes, controller_runs, doomed: teardown::doomed(undoings), uids }
    }

    pub(super) async fn undo(&self, undoing: &Undoing, summary: &mut Summary) -> Result<(), Failure> {
        for step in undoing.steps.chunk_by(together) {
            match &step[0] {
                Undo::RemoveWebhook(hook) => {
                    summary.deleted += webhooks::remove(self.session, self.client, hook).await?.hooks;
                }
                Undo::Release(apply) => {
                    apply::release(self.session, self.client, apply).await?;
                    summary.changed += 1;
                }
                Undo::Prepare(apply) => apply::release(self.session, self.client, apply).await?,
                Undo::Spare(application) => self.set_finalizers(application, spared).await?,
                Undo::Cascade(application) => self.set_finalizers(application, cascading).await?,
                Undo::Delete(_) => {
                    let objects = step.iter().filter_map(|step| match step {
                        Undo::Delete(object) => Some(object.clone()),
                        _ => None,
                    });
                    summary.deleted += self.delete(objects.collect()).await?;
                }
            }
        }
        Ok(())
    }

    /// Deletes objects and waits until they are gone, so that what they need outlives them. Gives how many.
    async fn delete(&self, objects: Vec<ObjectRef>) -> Result<usize, Failure> {
        let objects = self.still_free(objects).await?;
        stream::iter(objects.iter().map(|object| {
            let uid = self.uids.get(object).map(String::as_str).filter(|uid| !uid.is_empty());
            self.client.delete_read(object, uid)
        }))
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<()>()
        .await?;
        if !self.controller_runs {
            self.release_held(&objects).await?;
        }
        let told = |lines: &[String]| self.session.report.waiting(lines);
        self.client.wait_gone(&objects, self.session.report.timeout(), &told).await?;
        Ok(objects.len())
    }

    /// What may be deleted now: what was planned may have got company meanwhile.
    async fn still_free(&self, objects: Vec<ObjectRef>) -> Result<Vec<ObjectRef>, Failure> {
        match objects[0].kind.as_str() {
            "Application" | "ApplicationSet" if !self.wishes.with_workloads => {
                self.spare_again(&objects).await?;
            }
            "CustomResourceDefinition" => {
                let foreign = teardown::foreign(self.inputs, &self.doomed, &argocd(self.client).await?);
                if !foreign.is_empty() {
                    return Err(Failure::Changed(format!(
                        "the definitions of Argo CD stay: meanwhile somebody made {}\n  delete these, then run the \
                         same command again",
                        foreign.join(", ")
                    )));
                }
            }
            "Namespace" => return self.empty_ones(objects).await,
            _ => {}
        }
        Ok(objects)
    }

    async fn empty_ones(&self, namespaces: Vec<ObjectRef>) -> Result<Vec<ObjectRef>, Failure> {
        let mut empty = Vec::new();
        for namespace in namespaces {
            let contents = self.client.contents(&namespace.name).await?;
            match teardown::left_in(self.inputs, &self.doomed, &contents).as_slice() {
                [] => empty.push(namespace),
                left => self.session.report.paragraph(&teardown::stays_note(&namespace, left)),
            }
        }
        Ok(empty)
    }

    /// ApplicationSets make Applications, and Argo CD's controllers write finalizers, until the last moment.
    async fn spare_again(&self, objects: &[ObjectRef]) -> Result<(), Failure> {
        for _ in 0..TRIES {
            let all = argocd(self.client).await?;
            let (going, others): (Vec<&Object>, Vec<&Object>) =
                all.iter().partition(|live| objects.contains(&live.reference()));
            let made = others.into_iter().filter(|live| {
                going.iter().any(|set| set.kind() == "ApplicationSet" && teardown::is_made_by_set(live, set))
            });
            let applications = going.iter().copied().filter(|live| live.kind() == "Application");
            let held: Vec<ObjectRef> = applications
                .chain(made)
                .filter(|live| live.list("/metadata/finalizers").iter().any(teardown::is_argocds_finalizer))
                .map(Object::reference)
                .collect();
            if held.is_empty() {
                return Ok(());
            }
            for application in &held {
                self.set_finalizers(application, spared).await?;
            }
        }
        Err(Failure::Changed(
            "Argo CD gives its Applications their finalizers back, by which they would take along what they deployed\n  \
             run the same command again"
                .into(),
        ))
    }

    /// Takes Argo CD's finalizers off what nobody else would.
    async fn release_held(&self, objects: &[ObjectRef]) -> Result<(), Failure> {
        let argocds: Vec<ObjectRef> =
            objects.iter().filter(|object| object.api_version == ARGOPROJ).cloned().collect();
        for (object, found) in self.client.read_all(&argocds).await? {
            let Found::Object(live) = found else { continue };
            if live.list("/metadata/finalizers").iter().any(teardown::is_argocds_finalizer) {
                self.session.report.paragraph(&format!(
                    "  {object} has a finalizer and Argo CD's controller does not run here: taken off"
                ));
                self.set_finalizers(&object, spared).await?;
            }
        }
        Ok(())
    }

    async fn set_finalizers(
        &self,
        object: &ObjectRef,
        wanted: fn(&[Value]) -> Vec<Value>,
    ) -> Result<(), Failure> {
        let mut result = Ok(());
        for _ in 0..TRIES {
            let Found::Object(live) = self.client.read(object).await? else { return Ok(()) };
            let wanted = wanted(live.list("/metadata/finalizers"));
            result = self.client.set_finalizers(&live, &wanted).await;
            if !matches!(result, Err(ClusterError::Changed { .. })) {
                break;
            }
        }
        Ok(result?)
    }
}

/// Without Argo CD's own.
fn spared(finalizers: &[Value]) -> Vec<Value> {
    finalizers.iter().filter(|name| !teardown::is_argocds_finalizer(name)).cloned().collect()
}

/// With the one by which an Application takes along what it has deployed.
fn cascading(finalizers: &[Value]) -> Vec<Value> {
    let has_one = finalizers.iter().any(|name| name.as_str().is_some_and(|name| name.starts_with(FINALIZER)));
    let added = (!has_one).then(|| Value::from(FINALIZER));
    finalizers.iter().cloned().chain(added).collect()
}

/// Steps that need not wait for each other.
fn together(a: &Undo, b: &Undo) -> bool {
    match (a, b) {
        (Undo::Delete(a), Undo::Delete(b)) => teardown::order(&a.kind) == teardown::order(&b.kind),
        _ => false,
    }
}
