//! The way from here to Argo CD's API: the address if it answers, else a port-forward; and the login.

pub(crate) mod cli_config;
pub(crate) mod login;

use std::time::Duration;

use cluster::Client;
use cluster::argocd::{Api, ApiError};
use cluster::observe::Found;
use cluster::port_forward::Forward;
use manifests::argocd::names;
use manifests::config::{Config, TlsTermination};
use manifests::{ObjectRef, expose};
use tokio::time::Instant;

use crate::access::{self, Address};
use crate::failure::Failure;
use crate::observe;
use crate::session::Session;

/// How long a route that was made a moment ago may take to lead to Argo CD.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// A way to Argo CD's API that answered a moment ago. Dropped, a forwarded port ends.
pub(crate) struct Reach {
    /// The API; its base is a URL with Argo CD's root path and a slash at its end.
    pub(crate) api: Api,
    /// Certificate (PEM) that is trusted on this way alone: Argo CD's own, from its Secret.
    pub(crate) certificate: Option<String>,
    /// Why the announced address is not the way from here.
    pub(crate) passed_over: Option<String>,
    forward: Option<Forward>,
}

impl Reach {
    /// It is the address that is announced, which others can use as well.
    pub(crate) fn is_address(&self) -> bool {
        self.forward.is_none()
    }
}

/// Why there is no way.
pub(crate) enum NoReach {
    /// It can't be told from here how Argo CD is: no rights, no network, no certificate to trust.
    NotVerified(String),
    /// Argo CD itself is not as it is configured.
    Failed(Failure),
}

impl From<NoReach> for Failure {
    fn from(error: NoReach) -> Self {
        match error {
            NoReach::NotVerified(why) => Self::Precondition(why),
            NoReach::Failed(failure) => failure,
        }
    }
}

/// Whether an address is given the time that a new route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// It was made a moment ago.
    ForRoute,
    /// It leads there, or not.
    No,
}

/// Finds a way from here to Argo CD's API.
pub(crate) async fn reach(
    session: &Session,
    client: &Client,
    address: &Address,
    wait: Wait,
) -> Result<Reach, NoReach> {
    let config = &session.config;
    let passed_over = match address {
        Address::NotVerified(why) => return Err(NoReach::NotVerified(why.clone())),
        Address::PortForward { .. } => None,
        Address::Url(url) => {
            let api = Api::new(url, None);
            match answers(session, &api, wait).await {
                Ok(()) => return Ok(Reach { api, certificate: None, passed_over: None, forward: None }),
                Err(error) => Some(error.to_string()),
            }
        }
    };
    let reached = by_port_forward(config, client, None).await;
    let Err(NoReach::NotVerified(why)) = reached else {
        return reached.map(|reach| Reach { passed_over, ..reach });
    };
    Err(NoReach::NotVerified(match passed_over {
        Some(first) => format!("{first}; by port-forward: {why}"),
        None => why,
    }))
}

async fn answers(session: &Session, api: &Api, wait: Wait) -> Result<(), ApiError> {
    let deadline = Instant::now() + PATIENCE;
    let mut delay = FIRST_DELAY;
    loop {
        let error = match api.version().await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        // What is wrong with a certificate, time does not heal.
        let may_change = !matches!(error, ApiError::Tls { .. });
        if wait == Wait::No || !may_change || Instant::now() + delay > deadline {
            return Err(error);
        }
        session.report.waiting(&[error.to_string()]);
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(LONGEST_DELAY);
    }
}

/// A port of this machine that is led to Argo CD's server, as `cargo xtask argocd port-forward` does.
pub(crate) async fn forward(
    config: &Config,
    client: &Client,
    local: Option<u16>,
) -> Result<Forward, Failure> {
    let service = names::server_service(&config.argocd.namespace);
    Ok(client.forward(&service, expose::service_port(&config.argocd), local).await?)
}

/// Where a password may be sent: not to an address without TLS, which a forwarded port stands in for.
async fn confidential(config: &Config, client: &Client, reach: &Reach) -> Result<Option<Reach>, NoReach> {
    if reach.api.is_confidential() {
        return Ok(None);
    }
    let base = reach.api.base();
    by_port_forward(config, client, None).await.map(Some).map_err(|error| match error {
        NoReach::NotVerified(why) => NoReach::NotVerified(format!(
            "{base} is not encrypted, so no password is sent there; by port-forward: {why}"
        )),
        failed @ NoReach::Failed(_) => failed,
    })
}

async fn by_port_forward(config: &Config, client: &Client, local: Option<u16>) -> Result<Reach, NoReach> {
    let forward =
        forward(config, client, local).await.map_err(|failure| NoReach::NotVerified(failure.to_string()))?;
    let certificate = match config.argocd.tls_termination {
        TlsTermination::Argocd => own_certificate(config, client).await,
        TlsTermination::Ingress => None,
    };
    let base = access::local_url(config, forward.local_addr().port());
    let api = Api::new(&base, certificate.as_deref());
    match api.version().await {
        Ok(_) => Ok(Reach { api, certificate, passed_over: None, forward: Some(forward) }),
        Err(error @ ApiError::NotArgoCd { .. }) => Err(NoReach::Failed(Failure::Refused(format!(
            "{error}\n  Argo CD's server itself answers there, so it has another root path or another end of TLS than \
             the configuration says, or was not restarted since: cargo xtask setup --from tls-termination"
        )))),
        Err(error) => Err(NoReach::NotVerified(error.to_string())),
    }
}

/// The certificate that Argo CD's server shows: that of its own Secret for it, or else the one that it made. Read over
/// a connection that is trusted, it tells whether the other end of another one is Argo CD.
async fn own_certificate(config: &Config, client: &Client) -> Option<String> {
    let namespace = &config.argocd.namespace;
    let given = ObjectRef::namespaced("v1", "Secret", namespace, "argocd-server-tls");
    for secret in [given, names::secret(namespace)] {
        // Without the right to read it, the system's authorities decide.
        let Ok(Found::Object(secret)) = client.read(&secret).await else { continue };
        let pem = observe::value(&secret, "tls.crt").and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(pem) = pem.filter(|pem| !pem.is_empty()) {
            return Some(pem);
        }
    }
    None
}
