//! `teardown`: takes away what setup made, and nothing else.

use std::process::ExitCode;
use std::time::Instant;

use ::stages::observed::Live;
use ::stages::stage::Fact;
use ::stages::teardown::{self, Surroundings, Undo, Undoing};
use ::stages::{Inputs, Observed, Stage};
use cluster::Client;
use cluster::observe::Found;
use futures::{StreamExt, TryStreamExt, stream};
use manifests::argocd::names::ARGOPROJ;
use manifests::{Object, ObjectRef};

use super::block_on;
use crate::apply;
use crate::args::{Global, Teardown as Args};
use crate::failure::Failure;
use crate::observe::Observer;
use crate::report::{Summary, count};
use crate::runner::title;
use crate::session::{Effects, Session};
use crate::webhooks;

/// Deletions under way at once.
const IN_FLIGHT: usize = 16;

pub(crate) fn run(global: &Global, args: Args) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    session.report.set_timeout(args.timeout);
    session.report.started(&format!("teardown of {}", title(&session)), &[]);
    block_on(work(&session, &args))?;
    Ok(ExitCode::SUCCESS)
}

async fn work(session: &Session, args: &Args) -> Result<(), Failure> {
    let start = Instant::now();
    // Only what is needed to know what belongs to Argo CD: no secret is asked for on the way back.
    let known: Vec<&Stage> =
        ::stages::ALL.iter().copied().filter(|stage| stage.facts.contains(&Fact::Manifest)).collect();
    let inputs = session.inputs(&known, Effects::None).await?;
    let mut observer = Observer::new(session).settled();
    if observer.reach().await?.is_none() {
        session.report.line("There is no cluster, so there is nothing to take away.");
        return Ok(());
    }
    let client = observer.client()?.clone();
    let mut observed = Observed { nodes: observer.nodes(), ..Observed::default() };
    observed.objects = read(&client, &teardown::reads(&inputs)).await?;
    observed.webhooks = webhooks::look(session, &client, observed.nodes, true).await?;
    let around = surroundings(&client, &observed).await?;
    let undoings = teardown::plan(&inputs, &observed, &around, args.keep_argocd)?;
    let steps: usize = undoings.iter().map(|(_, undoing)| undoing.steps.len()).sum();
    if args.plan {
        for (stage, undoing) in &undoings {
            session.report.undoing(stage, undoing);
        }
        session.report.line(&match steps {
            0 => "Nothing to take away.".to_owned(),
            _ => format!("{} to do: cargo xtask teardown", count(steps, "step")),
        });
        return Ok(());
    }
    let mut summary = Summary::default();
    for (stage, undoing) in &undoings {
        session.report.stage_started(stage);
        let way = Way { session, client: &client, inputs: &inputs, observed: &observed };
        let result = way.undo(undoing, &mut summary).await;
        match result {
            Ok(()) => session.report.stage_undone(stage, undoing),
            Err(failure) => {
                session.report.stage_failed(stage);
                return Err(failure.in_stage(stage.name));
            }
        }
    }
    summary.seconds = start.elapsed().as_secs_f64();
    let headline = match summary.deleted + summary.changed {
        0 => "Nothing to take away".to_owned(),
        _ => format!("Done: {} deleted, {} changed", summary.deleted, summary.changed),
    };
    session.report.finished(&format!("{headline} ({:.1} s).", summary.seconds), &summary);
    Ok(())
}

async fn read(
    client: &Client,
    wanted: &[ObjectRef],
) -> Result<std::collections::BTreeMap<ObjectRef, Live>, Failure> {
    let live = |found| match found {
        Found::Object(object) => Live::Found(object),
        Found::Absent => Live::Absent,
        Found::KindUnknown => Live::KindUnknown,
    };
    Ok(client.read_all(wanted).await?.into_iter().map(|(object, found)| (object, live(found))).collect())
}

/// What goes along with what would go.
async fn surroundings(client: &Client, observed: &Observed) -> Result<Surroundings, Failure> {
    let mut around = Surroundings::default();
    for namespace in teardown::namespaces(observed) {
        let contents = client.contents(&namespace).await?;
        around.contents.insert(namespace, contents);
    }
    for kind in ["Application", "ApplicationSet", "AppProject"] {
        around.argocd.extend(client.everywhere(ARGOPROJ, kind).await?);
    }
    Ok(around)
}

struct Way<'a> {
    session: &'a Session,
    client: &'a Client,
    inputs: &'a Inputs,
    observed: &'a Observed,
}

impl Way<'_> {
    async fn undo(&self, undoing: &Undoing, summary: &mut Summary) -> Result<(), Failure> {
        for step in undoing.steps.chunk_by(together) {
            match &step[0] {
                Undo::RemoveWebhook(hook) => {
                    summary.deleted += webhooks::remove(self.session, self.client, hook).await?.hooks;
                }
                Undo::Release(apply) => {
                    apply::release(self.session, self.client, apply).await?;
                    summary.changed += 1;
                }
                Undo::Delete(_) => {
                    let objects: Vec<&ObjectRef> = step
                        .iter()
                        .filter_map(|step| if let Undo::Delete(object) = step { Some(object) } else { None })
                        .collect();
                    self.delete(&objects).await?;
                    summary.deleted += objects.len();
                }
            }
        }
        Ok(())
    }

    /// Deletes objects and waits until they are gone, so that what they need outlives them.
    async fn delete(&self, objects: &[&ObjectRef]) -> Result<(), Failure> {
        stream::iter(objects.iter().map(|object| self.client.delete(object)))
            .buffer_unordered(IN_FLIGHT)
            .try_collect::<()>()
            .await?;
        if !self.controller_works() {
            for object in objects.iter().filter(|object| self.is_held(object)) {
                self.session.report.paragraph(&format!(
                    "  {object} has a finalizer and Argo CD's controller does not run here: taken off; what it \
                     deployed stays"
                ));
                self.client.remove_finalizers(object).await?;
            }
        }
        let gone: Vec<ObjectRef> = objects.iter().copied().cloned().collect();
        let told = |lines: &[String]| self.session.report.waiting(lines);
        Ok(self.client.wait_gone(&gone, self.session.report.timeout(), &told).await?)
    }

    /// Argo CD itself takes away what its Applications have deployed, if it runs.
    fn controller_works(&self) -> bool {
        let controllers = self.observed.objects.keys().filter(|object| {
            object.namespace.as_deref() == Some(self.inputs.argocd_namespace())
                && object.name == "argocd-application-controller"
                && matches!(object.kind.as_str(), "StatefulSet" | "Deployment")
        });
        let ready = |live: &Object| live.get("/status/readyReplicas").and_then(serde_json::Value::as_u64);
        !self.observed.nodes.only_simulated()
            && controllers
                .filter_map(|object| self.observed.object(object))
                .any(|live| ready(live).is_some_and(|ready| ready > 0))
    }

    fn is_held(&self, object: &ObjectRef) -> bool {
        object.api_version == ARGOPROJ
            && self.observed.object(object).is_some_and(|live| !live.list("/metadata/finalizers").is_empty())
    }
}

/// Steps that need not wait for each other.
fn together(a: &Undo, b: &Undo) -> bool {
    match (a, b) {
        (Undo::Delete(a), Undo::Delete(b)) => teardown::order(&a.kind) == teardown::order(&b.kind),
        _ => false,
    }
}
