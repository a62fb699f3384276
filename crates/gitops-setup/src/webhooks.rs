//! Webhooks: what is at the Git host and in the cluster, and putting both in place as one step.

pub(crate) mod deliver;
mod put;

use std::time::Duration;

use cluster::Client;
use cluster::observe::Found;
use git_credentials::hosts::{Hook, Host, Standing, WantedHook};
use git_credentials::{Credentials, Trust};
use manifests::Object;
use manifests::argocd::names;
use manifests::config::{Config, GitProvider};
use manifests::webhooks::{self, Given, Receiver};
use stages::PutWebhook;
use stages::observed::{Endpoint, HookState, Nodes, Webhook, WebhooksState};

pub(crate) use put::{Secret, put, remove, rotate};

use crate::access::{self, Address};
use crate::failure::Failure;
use crate::git;
use crate::session::Session;

/// Longest wait for a Git host, which may ask to be left alone for a minute.
const PATIENCE: Duration = Duration::from_secs(120);
/// Name of our webhooks, where a Git host keeps one.
const NAME: &str = "gitops-setup";

/// The repository at its Git host.
pub(crate) struct Site {
    pub(crate) host: Host,
    credentials: Credentials,
    trust: Trust,
    timeout: Duration,
}

impl Site {
    /// By what is configured; `None` where there is no repository at a Git host.
    pub(crate) async fn of(session: &Session) -> Result<Option<Self>, Failure> {
        let config = &session.config;
        let Some(host) = host(config)? else { return Ok(None) };
        let auth = config.webhooks_auth().map(|(_, auth)| auth);
        Ok(Some(Self {
            host,
            credentials: git::credentials(session, auth).await?,
            trust: git::trust(config)?,
            timeout: PATIENCE.min(session.report.timeout()),
        }))
    }

    /// All webhooks of the repository; read once, and again after a change.
    pub(crate) async fn hooks(&self, session: &Session) -> Result<Vec<Hook>, Failure> {
        let mut kept = session.hooks.lock().await;
        if let Some(hooks) = &*kept {
            return Ok(hooks.clone());
        }
        let hooks = self.host.hooks(&self.credentials, &self.trust, self.timeout).await?;
        Ok(kept.insert(hooks).clone())
    }
}

/// The Git host's API, and the repository there.
fn host(config: &Config) -> Result<Option<Host>, Failure> {
    let (Some(provider), Some(webhooks)) = (config.git_provider(), &config.webhooks) else { return Ok(None) };
    let mut url = config.git.repo_url();
    if let (Some(name), Some(at)) = (&webhooks.repository, url.rfind(['/', ':'])) {
        url.replace_range(at + 1.., name);
    }
    let host = Host::detect(&url, Some(provider))?;
    let Some(api) = &webhooks.api else { return Ok(Some(host)) };
    let api = match api.contains("://") {
        true => api.clone(),
        false => on_host(host.api(), api),
    };
    Ok(Some(host.with_api(&api)))
}

/// The address of an API with another host.
fn on_host(api: &str, host: &str) -> String {
    let rest = api.split_once("://").map_or(api, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    format!("https://{host}{path}")
}

/// What is there, for each receiver. `settled` says that nothing is made any more that could announce an address.
pub(crate) async fn look(
    session: &Session,
    client: &Client,
    nodes: Nodes,
    settled: bool,
) -> Result<WebhooksState, Failure> {
    let config = &session.config;
    let receivers = webhooks::receivers(config);
    if receivers.is_empty() || config.git.url.is_empty() {
        return Ok(WebhooksState::Unknown);
    }
    if session.tools.offline {
        let why = "webhooks: GITOPS_SETUP_OFFLINE leaves the Git host alone";
        return Ok(WebhooksState::NotVerified(why.into()));
    }
    let secrets = config.webhooks_auth().map(|(_, auth)| auth.secrets()).unwrap_or_default();
    if let Some(hidden) = secrets.into_iter().find(|secret| !session.may_look_up(secret)) {
        return Ok(WebhooksState::NotVerified(format!("webhooks: a plan does not look up the {hidden}")));
    }
    let (Some(site), Some(provider)) = (Site::of(session).await?, config.git_provider()) else {
        return Ok(WebhooksState::Unknown);
    };
    let secret = client.read(&names::secret(&config.argocd.namespace)).await?;
    let mut found = Vec::new();
    for receiver in receivers {
        let address = endpoint(session, client, nodes, receiver, settled).await?;
        let hook = match &address {
            Endpoint::Url(url) => {
                let hook = PutWebhook::new(config, receiver, provider, url);
                standing(&site, &site.hooks(session).await?, &hook, &secret)
            }
            _ => None,
        };
        found.push(Webhook { receiver, address, hook });
    }
    Ok(WebhooksState::Seen { api: site.host.api().to_owned(), webhooks: found })
}

fn standing(site: &Site, hooks: &[Hook], put: &PutWebhook, secret: &Found) -> Option<HookState> {
    let former = match secret {
        Found::Object(live) => former(live, put, hooks),
        Found::Absent | Found::KindUnknown => Vec::new(),
    };
    // What its secret is, the host doesn't show; whether it has one, some do.
    let secret = (put.secret.is_some() && has_secret(site.host.kind())).then(|| "".into());
    let wanted = WantedHook { secret, ..wanted(put, &former) };
    let Standing { hook, fits, moved, shared, left } = site.host.standing(hooks, &wanted);
    hook.map(|hook| HookState { id: hook.id, fits, moved, shared, left })
}

/// The webhook without a secret.
fn wanted(put: &PutWebhook, former: &[Hook]) -> WantedHook {
    WantedHook {
        url: put.url.clone(),
        former: former.iter().map(|hook| hook.id.clone()).collect(),
        secret: None,
        verify_tls: put.verify_tls,
        name: NAME.into(),
    }
}

/// The hooks that this tool made for the same receiver at addresses of before.
fn former(secret: &Object, put: &PutWebhook, hooks: &[Hook]) -> Vec<Hook> {
    let given = given(put, &put.url);
    let is_former = |hook: &&Hook| {
        let noted = self::given(put, &hook.url);
        put.secret.is_some() && noted != given && noted.was_given(secret, &hook.id)
    };
    hooks.iter().filter(is_former).cloned().collect()
}

fn given(put: &PutWebhook, url: &str) -> Given {
    Given::of(put.provider, &put.repository, url)
}

/// Bitbucket Cloud's events are known by the number of the hook.
fn has_secret(kind: GitProvider) -> bool {
    kind != GitProvider::Bitbucket
}

/// Where a receiver is reached from outside the cluster.
pub(crate) async fn endpoint(
    session: &Session,
    client: &Client,
    nodes: Nodes,
    receiver: Receiver,
    settled: bool,
) -> Result<Endpoint, Failure> {
    let config = &session.config;
    let configured = config.webhooks.clone().unwrap_or_default();
    if receiver == Receiver::Seldon {
        return match configured.seldon_url {
            Some(url) => Ok(Endpoint::Url(url)),
            None => seldon(config, client, nodes).await,
        };
    }
    if let Some(url) = configured.argocd_url {
        return Ok(Endpoint::Url(webhooks::argocd_endpoint(config, &url)));
    }
    Ok(match access::look(session, client, nodes).await? {
        Address::Url(url) => Endpoint::Url(webhooks::argocd_endpoint(config, &url)),
        Address::PortForward { why, .. } if settled => {
            Endpoint::Missing(format!("{why}, and a port-forward is for this machine alone"))
        }
        Address::PortForward { why, .. } => Endpoint::Later(why),
        Address::NotVerified(why) => Endpoint::NotVerified(why),
    })
}

async fn seldon(config: &Config, client: &Client, nodes: Nodes) -> Result<Endpoint, Failure> {
    let Some(service) = webhooks::seldon_service(config) else {
        return Ok(Endpoint::Missing("`seldon` is not configured".into()));
    };
    let Found::Object(live) = client.read(&service).await? else {
        return Ok(Endpoint::Missing(format!("{service} is not there")));
    };
    Ok(match webhooks::seldon_endpoint(&live) {
        Some(url) => Endpoint::Url(url),
        None if nodes.only_simulated() => {
            Endpoint::NotVerified(format!("{service} gets no address on simulated nodes"))
        }
        None => Endpoint::Missing(format!("{service} has no address")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_takes_the_place_of_the_usual_one() {
        assert_eq!(on_host("https://api.github.com", "api.github.com"), "https://api.github.com");
        assert_eq!(
            on_host("https://git.acme.com/api/v4", "api.acme.com:8443"),
            "https://api.acme.com:8443/api/v4"
        );
    }

    #[test]
    fn the_repository_and_the_api_are_as_configured() {
        let mut config = Config { webhooks: Some(Default::default()), ..Config::default() };
        config.git.url = "git@github.com:acme/gitops".into();
        let api = |config: &Config| host(config).unwrap().map(|host| format!("{host:?}"));
        assert!(api(&config).unwrap().contains(r#"name: "gitops""#));
        if let Some(webhooks) = &mut config.webhooks {
            webhooks.repository = Some("other".into());
            webhooks.api = Some("https://ghe.acme.com/api/v3/".into());
        }
        let found = api(&config).unwrap();
        assert!(
            found.contains(r#"name: "other""#) && found.contains(r#"api: "https://ghe.acme.com/api/v3""#),
            "{found}"
        );
        config.git.url = String::new();
        assert_eq!(api(&config), None);
    }
}
