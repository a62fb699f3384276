//! `status`: how the cluster compares with the configuration.

use std::process::ExitCode;

use manifests::argocd::names::ARGOPROJ;
use manifests::{Object, ObjectRef};

use super::block_on;
use super::plan::each;
use crate::access::{self, Address};
use crate::args::Global;
use crate::failure::Failure;
use crate::observe::Observer;
use crate::report::{Report, Standing};
use crate::runner::title;
use crate::session::{Effects, Session};

pub(crate) fn run(global: &Global) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    session.report.started(&title(&session), &session.stages);
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
    let inputs = session.inputs(&session.stages, Effects::None).await?;
    let mut differences = Some(0);
    for (stage, plan) in each(&mut observer, &inputs, &session.stages).await {
        let plan = match plan {
            Ok(plan) => plan,
            // Just then the rest is worth knowing.
            Err(failure) => {
                differences = None;
                let text = match &failure {
                    Failure::Stage { source, .. } => source.to_string(),
                    other => other.to_string(),
                };
                let why = format!("not looked at: {}", text.lines().next().unwrap_or_default());
                report.wrapped(&format!("{:16} ", stage.name), &why, &" ".repeat(17));
                continue;
            }
        };
        differences = differences.map(|known| known + plan.actions.len());
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
    let address = access::look(session, &client, observer.nodes()).await?;
    report.standing(&standing(session, &observer, &address, differences));
    match address {
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

fn standing(
    session: &Session,
    observer: &Observer<'_>,
    address: &Address,
    differences: Option<usize>,
) -> Standing {
    let access = session.provider.access();
    let address = match address {
        Address::Url(url) => Some((url, false)),
        Address::PortForward { url, .. } => Some((url, true)),
        Address::NotVerified(_) => None,
    };
    Standing {
        provider: session.config.cluster.provider,
        kubeconfig: access.kubeconfig,
        context: access.context,
        kubernetes_version: observer.kubernetes().map(|version| version.to_string()),
        argocd_version: session.config.argocd.version.to_string(),
        address: address.map(|(url, _)| url.clone()),
        port_forward: address.is_some_and(|(_, forwarded)| forwarded),
        differences,
    }
}

async fn applications(client: &::cluster::Client, session: &Session, report: &Report) -> Result<(), Failure> {
    for kind in ["Application", "ApplicationSet"] {
        let like = ObjectRef::namespaced(ARGOPROJ, kind, &session.config.argocd.namespace, "");
        for (name, object) in client.list(&like).await?.unwrap_or_default() {
            let state = if kind == "Application" { application_status(&object) } else { set_status(&object) };
            report.paragraph(&format!("{kind} {name}: {state}"));
        }
    }
    Ok(())
}

/// What has no status yet.
const UNSEEN: &str = "not verified: no controller of Argo CD has looked at it yet";

/// How an Application stands, in two words: `Synced Healthy`.
fn application_status(application: &Object) -> String {
    if ["/status/sync/status", "/status/health/status"]
        .iter()
        .all(|pointer| application.text(pointer).is_empty())
    {
        return UNSEEN.into();
    }
    let word = |pointer| match application.text(pointer) {
        "" => "Unknown".to_owned(),
        word => word.to_owned(),
    };
    format!("{} {}", word("/status/sync/status"), word("/status/health/status"))
}

/// What keeps an ApplicationSet from making its Applications, or that nothing does.
fn set_status(set: &Object) -> String {
    let holds = |kind: &str| set.condition(kind).filter(|condition| condition["status"] == "True");
    match (holds("ErrorOccurred"), holds("ResourcesUpToDate")) {
        (Some(error), _) => error["message"].as_str().unwrap_or("an error").to_owned(),
        (None, Some(_)) => "up to date".into(),
        (None, None) => UNSEEN.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_has_looked_at_is_not_called_unknown() {
        let told = |status: serde_json::Value| {
            let object = Object::new(&ObjectRef::namespaced(ARGOPROJ, "Application", "argocd", "x"));
            application_status(&object.with("status", status))
        };
        assert_eq!(told(json!({})), UNSEEN);
        assert_eq!(told(json!({ "sync": { "status": "Unknown" } })), "Unknown Unknown");
        let status = json!({ "sync": { "status": "Synced" }, "health": { "status": "Healthy" } });
        assert_eq!(told(status), "Synced Healthy");
    }

    #[test]
    fn a_set_tells_its_error_first() {
        let condition = |kind: &str, status: &str| json!({ "type": kind, "status": status, "message": kind });
        let told = |conditions: &[serde_json::Value]| {
            let object = Object::new(&ObjectRef::namespaced(ARGOPROJ, "ApplicationSet", "argocd", "x"));
            set_status(&object.with("status", json!({ "conditions": conditions })))
        };
        assert_eq!(told(&[]), UNSEEN);
        let fine = condition("ResourcesUpToDate", "True");
        assert_eq!(told(&[condition("ErrorOccurred", "False"), fine.clone()]), "up to date");
        assert_eq!(told(&[fine, condition("ErrorOccurred", "True")]), "ErrorOccurred");
    }
}
