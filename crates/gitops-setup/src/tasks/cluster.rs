//! `cluster up|down|list|kubeconfig`.

use std::process::ExitCode;

use manifests::config::Provider;

use super::{block_on, print};
use crate::args::{Cluster, Global};
use crate::failure::Failure;
use crate::runner::{self, Options};
use crate::session::Session;

pub(crate) fn run(global: &Global, what: Cluster) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    match what {
        Cluster::Up { recreate } => up(&session, recreate),
        Cluster::Down => block_on(delete(&session)),
        Cluster::List => list(&session),
        Cluster::Kubeconfig => kubeconfig(&session),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn up(session: &Session, recreate: bool) -> Result<(), Failure> {
    let stages = [session.stages.find("cluster")?];
    let options = Options { timeout: session.report.timeout(), force_conflicts: false };
    block_on(async {
        if recreate {
            // What is missing for a new one is told before the old one goes.
            session.provider.preflight().await?;
            delete(session).await?;
        }
        runner::run(session, &stages, options).await
    })
}

async fn delete(session: &Session) -> Result<(), Failure> {
    let name = &session.config.cluster.name;
    let gone = session.provider.down(&session.tools, &session.report.progress()).await?;
    session.report.line(&match gone {
        true => format!("cluster {name} is deleted"),
        false => format!("there is no cluster {name}"),
    });
    Ok(())
}

fn list(session: &Session) -> Result<(), Failure> {
    for (provider, name) in ::cluster::provider::list(&session.data)? {
        print(&format!("{provider} {name}\n"));
    }
    Ok(())
}

fn kubeconfig(session: &Session) -> Result<(), Failure> {
    let access = session.provider.access();
    match access.kubeconfig {
        Some(path) if path.exists() => print(&format!("{}\n", path.display())),
        Some(path) => {
            return Err(Failure::Precondition(format!(
                "{} is not there yet\n  make the cluster: cargo xtask cluster up",
                path.display()
            )));
        }
        None if session.config.cluster.provider == Provider::Context => {
            return Err(Failure::Precondition(format!(
                "context {} is in kubectl's own kubeconfig ($KUBECONFIG or ~/.kube/config)",
                access.context
            )));
        }
        None => {}
    }
    Ok(())
}
