//! `teardown`: takes away what setup made, and nothing else.

mod effects;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use ::stages::observed::{Live, Nodes, WebhooksState};
use ::stages::stage::Fact;
use ::stages::teardown::{self, Surroundings, Undoing, Wishes};
use ::stages::{Inputs, Observed, Stage};
use cluster::observe::Found;
use cluster::{Client, ClusterError};
use manifests::argocd::names::ARGOPROJ;
use manifests::clusters::Stored;
use manifests::{Object, ObjectRef};

use super::block_on_locked;
use crate::args::{Global, Teardown as Args};
use crate::failure::Failure;
use crate::observe::Observer;
use crate::report::{Summary, count};
use crate::runner::title;
use crate::session::{Effects, Session};
use crate::webhooks;
use effects::Way;

pub(crate) fn run(global: &Global, args: Args) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    session.report.set_timeout(args.timeout);
    session.report.started(&format!("teardown of {}", title(&session)), &[]);
    session.lock.set("teardown", args.lock.lock_timeout);
    block_on_locked(&session, work(&session, &args))?;
    Ok(ExitCode::SUCCESS)
}

async fn work(session: &Session, args: &Args) -> Result<(), Failure> {
    let start = Instant::now();
    // Of secrets only the one that the Git host asks for, and not for a mere plan.
    if !args.plan {
        session.allow_secrets();
    }
    // Only what is needed to know what belongs to Argo CD.
    let known: Vec<&Stage> =
        session.stages.iter().copied().filter(|stage| stage.facts.contains(&Fact::Manifest)).collect();
    let inputs = session.inputs(&known, Effects::None).await?;
    let mut observer = Observer::new(session).settled();
    if observer.reach().await?.is_none() {
        session.report.line("There is no cluster, so there is nothing to take away.");
        return Ok(());
    }
    let (client, nodes) = (observer.client()?, observer.nodes());
    let wishes = Wishes {
        keep_argocd: args.keep_argocd,
        keep_webhooks: args.keep_webhooks,
        with_workloads: args.with_workloads,
    };
    let mut looked = Looked::at(session, client, nodes, &inputs, wishes).await?;
    if args.plan {
        looked.tell(session, args);
        return Ok(());
    }
    // The lock of a run that was killed goes as well. Meanwhile another run may have been at work.
    let left_behind = match client.read(&cluster::lock::reference()).await {
        Ok(found) => matches!(found, Found::Object(_)),
        Err(ClusterError::Forbidden { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    if (looked.steps() > 0 || left_behind) && session.lock(client).await? {
        looked = Looked::at(session, client, nodes, &inputs, wishes).await?;
    }
    let mut summary = Summary::default();
    let Looked { observed, around, undoings } = &looked;
    let way = Way::new(session, client, &inputs, observed, around, undoings, wishes);
    for (stage, undoing) in undoings {
        session.report.stage_started(stage);
        let result = way.undo(undoing, &mut summary).await;
        match result {
            Ok(()) => session.report.stage_undone(stage, undoing),
            Err(failure) => {
                session.report.stage_failed(stage);
                return Err(failure.in_stage(stage.name));
            }
        }
    }
    summary.not_verified.extend(session.lock.gap());
    summary.seconds = start.elapsed().as_secs_f64();
    let headline = match summary.deleted + summary.changed {
        0 => "Nothing to take away".to_owned(),
        _ => format!("Done: {} deleted, {} changed", summary.deleted, summary.changed),
    };
    session.report.finished(&format!("{headline} ({:.1} s).", summary.seconds), &summary);
    Ok(())
}

/// What is there, and what would go of it.
struct Looked {
    observed: Observed,
    around: Surroundings,
    undoings: Vec<(&'static Stage, Undoing)>,
}

impl Looked {
    async fn at(
        session: &Session,
        client: &Client,
        nodes: Nodes,
        inputs: &Inputs,
        wishes: Wishes,
    ) -> Result<Self, Failure> {
        let mut observed = Observed { nodes, ..Observed::default() };
        observed.objects = read(client, &teardown::reads(inputs)).await?;
        observed.webhooks = match wishes.keep_webhooks {
            true => WebhooksState::Unknown,
            false => webhooks::look(session, client, nodes, true).await.map_err(|failure| {
                failure.or("or leave the webhooks at the Git host: cargo xtask teardown --keep-webhooks")
            })?,
        };
        let around = surroundings(session, client, &observed).await?;
        let undoings = teardown::plan(inputs, &observed, &around, wishes)?;
        Ok(Self { observed, around, undoings })
    }

    fn steps(&self) -> usize {
        self.undoings.iter().map(|(_, undoing)| undoing.steps.len()).sum()
    }

    fn tell(&self, session: &Session, args: &Args) {
        for (stage, undoing) in &self.undoings {
            session.report.undoing(stage, undoing);
        }
        session.report.line(&match self.steps() {
            0 => "Nothing to take away.".to_owned(),
            steps => format!("{} to do: cargo xtask teardown{}", count(steps, "step"), flags(args)),
        });
    }
}

/// The flags that make the run do what its plan says.
fn flags(args: &Args) -> String {
    let all = [
        (args.keep_argocd, " --keep-argocd"),
        (args.keep_webhooks, " --keep-webhooks"),
        (args.with_workloads, " --with-workloads"),
    ];
    all.iter().filter(|(given, _)| *given).map(|(_, flag)| *flag).collect()
}

async fn read(client: &Client, wanted: &[ObjectRef]) -> Result<BTreeMap<ObjectRef, Live>, Failure> {
    let live = |found| match found {
        Found::Object(object) => Live::Found(object),
        Found::Absent => Live::Absent,
        Found::KindUnknown => Live::KindUnknown,
    };
    Ok(client.read_all(wanted).await?.into_iter().map(|(object, found)| (object, live(found))).collect())
}

/// What goes along with what would go.
async fn surroundings(
    session: &Session,
    client: &Client,
    observed: &Observed,
) -> Result<Surroundings, Failure> {
    let mut around = Surroundings { argocd: argocd(client).await?, ..Surroundings::default() };
    for namespace in teardown::namespaces(observed) {
        let contents = client.contents(&namespace).await?;
        around.contents.insert(namespace, contents);
    }
    let secrets = ObjectRef::namespaced("v1", "Secret", &session.config.argocd.namespace, "");
    let secrets = client.list_all(&secrets).await?.unwrap_or_default();
    around.clusters = secrets.iter().filter_map(Stored::of).collect();
    Ok(around)
}

/// All objects of Argo CD's kinds.
async fn argocd(client: &Client) -> Result<Vec<Object>, Failure> {
    let mut all = Vec::new();
    for kind in ["Application", "ApplicationSet", "AppProject"] {
        let like = ObjectRef::cluster_scoped(ARGOPROJ, kind, "");
        all.extend(client.list_all(&like).await?.unwrap_or_default());
    }
    Ok(all)
}
