//! The address under which Argo CD is reached: from what the ingress layer or a Service announces, else by a
//! port-forward.

mod front;
mod source;

use std::time::Duration;

use cluster::wait::Objects;
use cluster::{Client, ClusterError};
use manifests::config::Config;
use manifests::{Object, ObjectRef, expose};
use stages::observed::Nodes;

use crate::failure::Failure;
use crate::report::Outcome;
use crate::session::Session;
use front::Front;
use source::{Announced, Source};

/// How long an ingress layer may take to say where it is.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long reading what is announced already may take.
const GLANCE: Duration = Duration::from_secs(3);
/// What to run where no address leads to Argo CD.
pub(crate) const PORT_FORWARD: &str = "cargo xtask argocd port-forward";
/// The local port of that command, where none is named.
pub(crate) const LOCAL_PORT: u16 = 8080;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A URL that is announced, with a slash at its end. Whether it answers here is another question.
    Url(String),
    /// None is announced: [`PORT_FORWARD`] leads there.
    PortForward {
        /// What to open then.
        url: String,
        /// Why there is no other way.
        why: String,
    },
    /// Nothing answers, and this is why.
    NotVerified(String),
}

impl Address {
    /// The result of the stage.
    pub(crate) fn tell(&self, outcome: &mut Outcome) {
        match self {
            Self::Url(url) => outcome.result = Some(url.clone()),
            Self::PortForward { url, why } => {
                outcome.result = Some(format!("by port-forward: {url}"));
                outcome.notes.push(why.clone());
            }
            Self::NotVerified(why) => {
                outcome.result = Some("no address".into());
                outcome.not_verified.push(why.clone());
            }
        }
    }
}

/// Finds the address, and waits for the ingress layer to announce it.
pub(crate) async fn find(session: &Session, client: &Client, nodes: Nodes) -> Result<Address, Failure> {
    found_within(session, client, nodes, PATIENCE.min(session.report.timeout())).await
}

/// Finds the address that is announced now.
pub(crate) async fn look(session: &Session, client: &Client, nodes: Nodes) -> Result<Address, Failure> {
    found_within(session, client, nodes, GLANCE).await
}

async fn found_within(
    session: &Session,
    client: &Client,
    nodes: Nodes,
    wait: Duration,
) -> Result<Address, Failure> {
    let config = &session.config;
    if nodes.only_simulated() {
        return Ok(Address::NotVerified(
            "Argo CD and ingress controllers don't run on simulated nodes".into(),
        ));
    }
    let source = Source::of(config);
    let object = &source.object;
    let what = format!("an address in the status of {object}");
    let told = |lines: &[String]| session.report.waiting(lines);
    match client.wait_until(object, &what, wait, &told, |live| source.announced(live)).await {
        Ok(Announced::At(host, live)) => {
            let front = front(config, client, &live).await?;
            Ok(Address::Url(url(config, &front, &host, source::public_port(&live, front.port))))
        }
        Ok(Announced::OnNodes(live)) => on_nodes(config, client, &live).await,
        Ok(Announced::Nowhere) => Ok(port_forward(config, "`expose.via: none`".into())),
        Err(ClusterError::TimedOut { .. }) => {
            let why = format!("no address in the status of {object}");
            match object.kind == "Service" {
                true => pending(config, client, object, why).await,
                false => Ok(port_forward(config, why)),
            }
        }
        Err(error @ ClusterError::Forbidden { .. }) => Ok(port_forward(config, first_line(&error))),
        Err(error) => Err(error.into()),
    }
}

fn first_line(error: &ClusterError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// What ends TLS, and under which port and name.
async fn front(config: &Config, client: &Client, live: &Object) -> Result<Front, Failure> {
    let gateway = match front::istio_gateway(config) {
        Some(gateway) => client.read_all(std::slice::from_ref(&gateway)).await?.remove(&gateway),
        None => None,
    };
    let gateway = match gateway {
        Some(cluster::observe::Found::Object(gateway)) => Some(gateway),
        _ => None,
    };
    Ok(Front::of(config, gateway.as_deref().unwrap_or(live)))
}

/// A Service without an address. On kind nobody balances loads, and its nodes are containers of this machine.
async fn pending(
    config: &Config,
    client: &Client,
    service: &ObjectRef,
    why: String,
) -> Result<Address, Failure> {
    let live = match client.read(service).await? {
        cluster::observe::Found::Object(live) => live,
        _ => return Ok(port_forward(config, why)),
    };
    match nodes(client).await? {
        Ok(nodes) if source::are_of_kind(nodes.values()) => at_port(config, client, &live, &nodes).await,
        _ => Ok(port_forward(config, why)),
    }
}

/// A port of every node.
async fn on_nodes(config: &Config, client: &Client, service: &Object) -> Result<Address, Failure> {
    match nodes(client).await? {
        Ok(nodes) => at_port(config, client, service, &nodes).await,
        Err(forbidden) => Ok(port_forward(config, forbidden)),
    }
}

/// All nodes, or that they may not be listed.
async fn nodes(client: &Client) -> Result<Result<Objects, String>, Failure> {
    match client.list(&ObjectRef::cluster_scoped("v1", "Node", "")).await {
        Ok(nodes) => Ok(Ok(nodes.unwrap_or_default())),
        Err(error @ ClusterError::Forbidden { .. }) => Ok(Err(first_line(&error))),
        Err(error) => Err(error.into()),
    }
}

async fn at_port(
    config: &Config,
    client: &Client,
    service: &Object,
    nodes: &Objects,
) -> Result<Address, Failure> {
    let front = front(config, client, service).await?;
    let Some(port) = source::node_port(service, source::public_port(service, front.port)) else {
        return Ok(port_forward(config, format!("{} has no port on nodes", service.reference())));
    };
    // Nodes that are containers are reached from other machines, and from some systems, only in this way.
    if let Some((host, port)) = source::mapped(&config.cluster, port) {
        return Ok(Address::Url(url(config, &front, &host, port)));
    }
    Ok(match source::node_address(nodes.values()) {
        Some(host) => Address::Url(url(config, &front, &host, port)),
        None => port_forward(config, "no node has an address".into()),
    })
}

fn url(config: &Config, front: &Front, address: &str, port: u16) -> String {
    let host = config.expose.host.as_deref().or(front.host.as_deref()).unwrap_or(address);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let (scheme, usual) = if front.secure { ("https", 443) } else { ("http", 80) };
    let port = if port == usual { String::new() } else { format!(":{port}") };
    format!("{scheme}://{host}{port}{}", path(config))
}

/// The path of Argo CD's UI, with a slash at its end.
pub(crate) fn path(config: &Config) -> String {
    format!("{}/", config.argocd.root_path().unwrap_or_default())
}

/// The URL of a port of this machine that is led to Argo CD.
pub(crate) fn local_url(config: &Config, port: u16) -> String {
    let scheme = if expose::service_port(&config.argocd) == 443 { "https" } else { "http" };
    format!("{scheme}://localhost:{port}{}", path(config))
}

fn port_forward(config: &Config, why: String) -> Address {
    Address::PortForward { url: local_url(config, LOCAL_PORT), why }
}
