//! `argocd port-forward|open|login|cli`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use ::cluster::Client;
use ::cluster::tools::argocd_cli;
use manifests::config::Variant;

use super::{block_on, print};
use crate::access::{self, Address};
use crate::argocd::cli_config::{self, Context};
use crate::argocd::{self, Wait, login};
use crate::args::{Argocd, Global};
use crate::failure::Failure;
use crate::fill;
use crate::observe::Observer;
use crate::session::{Effects, Session};

pub(crate) fn run(global: &Global, what: Argocd) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    let until_interrupted = matches!(what, Argocd::PortForward { .. });
    let done = block_on(async {
        match what {
            Argocd::PortForward { port } => port_forward(&session, port).await,
            Argocd::Open => open(&session).await,
            Argocd::Login { config_file, port } => log_in(&session, config_file, port).await,
            Argocd::Cli { out } => cli(&session, &out).await,
        }
    });
    match done {
        // It has no other end.
        Err(Failure::Interrupted) if until_interrupted => {}
        done => done?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The connection, and what is announced, where Argo CD really runs.
async fn reachable(session: &Session) -> Result<(Client, Address), Failure> {
    if session.config.argocd.variant == Variant::Core {
        return Err(Failure::Precondition("the core variant of Argo CD has no API server and no UI".into()));
    }
    let mut observer = Observer::new(session);
    observer.reach().await?;
    let client = observer.client()?.clone();
    match access::look(session, &client, observer.nodes()).await? {
        Address::NotVerified(why) => Err(Failure::Precondition(format!(
            "Argo CD can't be reached: {why}\n  choose a cluster with nodes: `cluster.provider` in cargo xtask init"
        ))),
        address => Ok((client, address)),
    }
}

async fn port_forward(session: &Session, port: u16) -> Result<(), Failure> {
    let (client, _) = reachable(session).await?;
    let local = (port != 0).then_some(port);
    let mut forward = argocd::forward(&session.config, &client, local).await?;
    let url = access::local_url(&session.config, forward.local_addr().port());
    session.report.line(&format!("Argo CD: {url}"));
    session.report.line("Ctrl-C ends it.");
    // Whoever is on the other end of a connection only sees that it ended.
    while let Some(failure) = forward.failure().await {
        session.report.paragraph(&failure.to_string());
    }
    Err(Failure::Bug("the local port listens no more".into()))
}

async fn open(session: &Session) -> Result<(), Failure> {
    let (_, address) = reachable(session).await?;
    let url = match &address {
        Address::Url(url) => url,
        Address::PortForward { url, why } => {
            session.report.paragraph(&format!("{why}: while this runs, {}", access::PORT_FORWARD));
            url
        }
        Address::NotVerified(_) => return Ok(()),
    };
    print(&format!("{url}\n"));
    if let (Address::Url(_), Some(opener)) = (&address, desktop()) {
        let mut command = Command::new(opener);
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Without a browser, the address that was printed has to do.
        command.spawn().ok();
    }
    Ok(())
}

/// What opens an address here, if somebody is there to see it.
fn desktop() -> Option<&'static str> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match std::env::consts::OS {
        _ if !std::io::stdout().is_terminal() => None,
        "macos" => Some("open"),
        _ => (set("DISPLAY") || set("WAYLAND_DISPLAY")).then_some("xdg-open"),
    }
}

async fn log_in(session: &Session, file: Option<PathBuf>, port: u16) -> Result<(), Failure> {
    let file = file.or_else(|| cli_config::default_path(|name| std::env::var_os(name).map(PathBuf::from)));
    let file = file.ok_or_else(|| {
        Failure::Precondition("there is no home folder\n  name the file: --config-file FILE".into())
    })?;
    let inputs = session.inputs(&[], Effects::None).await?;
    let password = fill::used_password(&inputs).ok_or_else(|| {
        Failure::Precondition(
            "no `argocd.adminPassword` is configured to log in with\n  set it, or the variable ARGOCDINITIALPASS".into(),
        )
    })?;
    let (client, address) = reachable(session).await?;
    let reach = argocd::reach(session, &client, &address, Wait::No).await?;
    let token = login::log_in(session, &client, &reach, password).await?;
    // The forwarded port of this very run ends with it.
    let url = match reach.is_address() {
        true => reach.api.base().to_owned(),
        false => access::local_url(&session.config, port),
    };
    let context = Context { url: &url, certificate: reach.certificate.as_deref(), token: &token };
    context.write(&file)?;
    session.report.paragraph(&format!(
        "admin is logged in: context {} in {}",
        context.name(),
        file.display()
    ));
    if !reach.api.is_confidential() {
        session.report.paragraph(
            "The address has no TLS: whoever is on the way can read what the command line sends there.",
        );
    }
    if !reach.is_address() {
        if let Some(why) = &reach.passed_over {
            session.report.paragraph(why);
        }
        let port = if port == access::LOCAL_PORT { String::new() } else { format!(" --port {port}") };
        session
            .report
            .paragraph(&format!("It goes through a forwarded port: {}{port}", access::PORT_FORWARD));
    }
    Ok(())
}

async fn cli(session: &Session, out: &Path) -> Result<(), Failure> {
    let version = session.config.argocd.version.to_string();
    let installed = argocd_cli::install(&version, out, &session.tools, &session.report.progress()).await;
    let (path, fetched) = installed.map_err(|error| Failure::Precondition(error.to_string()))?;
    let verb = if fetched { "installed" } else { "is there already" };
    session.report.paragraph(&format!("argocd {version} {verb}: {}", path.display()));
    Ok(())
}
