//! `status`: how the cluster compares with the configuration.

use std::process::ExitCode;

use manifests::ObjectRef;
use manifests::argocd::names::ARGOPROJ;

use super::block_on;
use super::plan::each;
use crate::access::{self, Address, application_status};
use crate::args::Global;
use crate::failure::Failure;
use crate::observe::Observer;
use crate::report::Report;
use crate::runner::title;
use crate::session::{Effects, Session};

pub(crate) fn run(global: &Global) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    session.report.started(&title(&session), ::stages::ALL);
    block_on(status(&session))?;
    Ok(ExitCode::SUCCESS)
}

async fn status(session: &Session) -> Result<(), Failure> {
    let report = &session.report;
    let mut observer = Observer::new(session);
    let Some(client) = observer.reach().await?.cloned() else {
        report.line("There is no cluster yet, or it does not run: cargo xtask setup");
        return Ok(());
    };
    let inputs = session.inputs(::stages::ALL, Effects::None).await?;
    for (stage, plan) in each(&mut observer, &inputs, ::stages::ALL).await {
        let plan = match plan {
            Ok(plan) => plan,
            // Just then the rest is worth knowing.
            Err(failure) => {
                let text = match &failure {
                    Failure::Stage { source, .. } => source.to_string(),
                    other => other.to_string(),
                };
                let why = format!("not looked at: {}", text.lines().next().unwrap_or_default());
                report.wrapped(&format!("{:16} ", stage.name), &why, &" ".repeat(17));
                continue;
            }
        };
        if report.is_json() {
            report.plan_of(stage, &plan);
            continue;
        }
        let state = match (&plan.skipped, plan.actions.len()) {
            (Some(why), _) => format!("skipped: {why}"),
            (None, 0) if plan.unchanged == 0 => "nothing to compare".into(),
            (None, 0) => format!("as configured ({} checked)", plan.unchanged),
            (None, changes) => format!("{changes} differ: cargo xtask plan --only {}", stage.name),
        };
        report.wrapped(&format!("{:16} ", stage.name), &state, &" ".repeat(17));
    }
    applications(&client, session, report).await?;
    match access::look(session, &client, observer.nodes()).await? {
        Address::Url(url) => report.line(&format!("Argo CD: {url}")),
        Address::PortForward { url, .. } => {
            report.line(&format!("Argo CD: {url} after: {}", access::PORT_FORWARD));
        }
        Address::NotVerified(why) => {
            report.wrapped("Argo CD: no address: ", &why, "  ");
        }
    }
    Ok(())
}

async fn applications(client: &::cluster::Client, session: &Session, report: &Report) -> Result<(), Failure> {
    let like = ObjectRef::namespaced(ARGOPROJ, "Application", &session.config.argocd.namespace, "");
    for (name, application) in client.list(&like).await?.unwrap_or_default() {
        report.line(&format!("Application {name}: {}", application_status(&application)));
    }
    Ok(())
}
