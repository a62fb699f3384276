//! `plan`: what setup would change.

use std::process::ExitCode;

use ::stages::{Inputs, Plan, Stage};

use manifests::Object;

use super::block_on;
use crate::args::{Global, Plan as Args};
use crate::failure::Failure;
use crate::observe::{self, Observer};
use crate::report::count;
use crate::runner::{installs, title};
use crate::session::{Effects, Session};

/// Exit code of `--exit-code` where there are changes.
const CHANGES: u8 = 10;

pub(crate) fn run(global: &Global, args: Args) -> Result<ExitCode, Failure> {
    let stages = global.own.stages.select(&args.selection.into())?;
    let session = Session::open(global)?;
    let report = &session.report;
    report.started(&title(&session), &stages);
    if installs(&stages) {
        session.judge_release()?;
    }
    session.provider.as_configured()?;
    let changes = block_on(async {
        let mut changes = 0;
        let inputs = session.inputs(&stages, Effects::None).await?;
        let mut observer = Observer::new(&session);
        for (stage, plan) in plans(&mut observer, &inputs, &stages).await? {
            report.plan_of(stage, &plan);
            changes += plan.actions.len();
        }
        Ok(changes)
    })?;
    match changes {
        0 => report.line("Nothing to change."),
        _ => report.line(&format!("{} to make: cargo xtask setup", count(changes, "change"))),
    }
    Ok(if args.exit_code && changes > 0 { ExitCode::from(CHANGES) } else { ExitCode::SUCCESS })
}

/// The plan of each stage. A stage that builds on another's effects is planned as if those had happened, by the
/// same plans that setup applies.
pub(crate) async fn plans<'a>(
    observer: &mut Observer<'_>,
    inputs: &Inputs,
    stages: &[&'a Stage],
) -> Result<Vec<(&'a Stage, Plan)>, Failure> {
    let mut assumed = Vec::new();
    let mut plans = Vec::new();
    for stage in stages {
        plans.push((*stage, next(observer, inputs, stage, &mut assumed).await?));
    }
    Ok(plans)
}

/// The same, where a stage that can't be looked at keeps nothing from being said of the others.
pub(crate) async fn each<'a>(
    observer: &mut Observer<'_>,
    inputs: &Inputs,
    stages: &[&'a Stage],
) -> Vec<(&'a Stage, Result<Plan, Failure>)> {
    let mut assumed = Vec::new();
    let mut plans = Vec::new();
    for stage in stages {
        plans.push((*stage, next(observer, inputs, stage, &mut assumed).await));
    }
    plans
}

async fn next(
    observer: &mut Observer<'_>,
    inputs: &Inputs,
    stage: &Stage,
    assumed: &mut Vec<Object>,
) -> Result<Plan, Failure> {
    let mut observed =
        observer.observe(stage, inputs).await.map_err(|failure| failure.in_stage(stage.name))?;
    observed.assume(assumed);
    let plan = observe::planned(stage, inputs, &observed)
        .map_err(|error| Failure::from(error).in_stage(stage.name))?;
    assumed.extend(plan.objects().cloned());
    Ok(plan)
}
