//! `cluster up|down|list|kubeconfig|logs`.

use std::path::Path;
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
        Cluster::Logs { out } => block_on(logs(&session, &out)),
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
        runner::run(session, &stages, options).await.map(drop)
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

async fn logs(session: &Session, out: &Path) -> Result<(), Failure> {
    // kind runs in a folder of its own.
    let out = std::path::absolute(out).map_err(|error| Failure::file(out, &error))?;
    let name = &session.config.cluster.name;
    let found = session.provider.logs(&session.tools, &out, &session.report.progress()).await?;
    session.report.line(&match found {
        true => format!("logs of cluster {name}: {}", out.display()),
        false => format!("there are no logs of a cluster {name}"),
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
