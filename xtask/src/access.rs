//! The address under which Argo CD is reached: from the ingress layer's status, else by a port-forward.

use std::time::Duration;

use cluster::Client;
use cluster::wait::{Objects, Progress};
use manifests::config::{Config, TlsTermination, Via};
use manifests::{Object, ObjectRef, expose};
use serde_json::Value;
use stages::observed::Nodes;

use crate::failure::Failure;
use crate::session::Session;

/// How long an ingress layer may take to say where it is.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long reading what is announced already may take.
const GLANCE: Duration = Duration::from_secs(3);

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A URL that the ingress layer announces.
    Url(String),
    /// None is announced; how to get there, and why.
    PortForward {
        /// Run this first.
        command: String,
        /// Then open this.
        url: String,
        /// Why there is no other way.
        why: String,
    },
    /// Nothing answers, and this is why.
    NotVerified(String),
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
    let Some((object, list)) = source(config) else {
        return Ok(port_forward(config, "`expose.via: none`".into()));
    };
    let what = format!("an address in the status of {object}");
    let told = |lines: &[String]| session.report.waiting(lines);
    let found = client.wait_until(&object, &what, wait, &told, |live| announced(live, &object, list)).await;
    match found {
        Ok(host) => Ok(Address::Url(url(config, config.expose.host.as_deref().unwrap_or(&host)))),
        Err(cluster::ClusterError::TimedOut { .. }) => {
            Ok(port_forward(config, format!("no address in the status of {object}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The object whose status carries the address, and where in it.
fn source(config: &Config) -> Option<(ObjectRef, &'static str)> {
    const LOAD_BALANCER: &str = "/status/loadBalancer/ingress";
    Some(match config.expose.via {
        Via::None => return None,
        Via::Ingress => (expose::reference(config)?, LOAD_BALANCER),
        Via::Istio => {
            let istio = config.expose.istio.clone().unwrap_or_default();
            let (namespace, name) = expose::namespaced_name(&istio.service);
            (ObjectRef::namespaced("v1", "Service", namespace, name), LOAD_BALANCER)
        }
        Via::GatewayApi => {
            let gateway = &config.expose.gateway_api.as_ref()?.gateway;
            let (namespace, name) = expose::namespaced_name(gateway);
            let gateway = ObjectRef::namespaced("gateway.networking.k8s.io/v1", "Gateway", namespace, name);
            (gateway, "/status/addresses")
        }
    })
}

fn announced(live: &Objects, object: &ObjectRef, list: &str) -> Progress<String> {
    match live.get(&object.name).map(|live| first_address(live, list)) {
        Some(Some(address)) => Progress::Done(address),
        Some(None) => Progress::Waiting(vec![format!("{object} has no address yet")]),
        None => Progress::Waiting(vec![format!("{object} is not there")]),
    }
}

/// IP first, then host name, as in the guide.
fn first_address(live: &Object, list: &str) -> Option<String> {
    let entries = live.list(list);
    let field =
        |name: &str| entries.iter().find_map(|entry| entry[name].as_str()).filter(|text| !text.is_empty());
    let gateway = entries.first().and_then(|entry| entry["value"].as_str());
    field("ip").or_else(|| field("hostname")).or(gateway).map(str::to_owned)
}

fn url(config: &Config, host: &str) -> String {
    let secure = config.argocd.tls_termination == TlsTermination::Argocd
        || config.expose.ingress.as_ref().is_some_and(|ingress| ingress.tls_secret.is_some());
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("{}://{host}{}", if secure { "https" } else { "http" }, path(config))
}

fn path(config: &Config) -> String {
    format!("{}/", config.argocd.root_path().unwrap_or_default())
}

fn port_forward(config: &Config, why: String) -> Address {
    let namespace = &config.argocd.namespace;
    let port = expose::service_port(&config.argocd);
    let scheme = if port == 443 { "https" } else { "http" };
    Address::PortForward {
        command: format!("kubectl port-forward -n {namespace} svc/argocd-server 8080:{port}"),
        url: format!("{scheme}://localhost:8080{}", path(config)),
        why,
    }
}

/// How an Application stands, in two words: `Synced Healthy`.
pub(crate) fn application_status(application: &Object) -> String {
    let word = |pointer| application.get(pointer).and_then(Value::as_str).unwrap_or("Unknown");
    format!("{} {}", word("/status/sync/status"), word("/status/health/status"))
}
