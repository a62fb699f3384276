//! Webhooks that tell Argo CD and Seldon Enterprise Platform of a push: where they lead, what they are known by, and
//! which of that the Git host was given.

use core::net::IpAddr;

use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::MANAGER;
use crate::config::{Config, GitProvider};
use crate::fill::Fill;
use crate::managed_fields::fields;
use crate::object::{Object, ObjectRef};

/// Path of Argo CD's endpoint, below its root path.
const ARGOCD: &str = "/api/webhook";
/// Path of Seldon Enterprise Platform's endpoint.
const SELDON: &str = "/api/git-webhook";
/// Service of Seldon Enterprise Platform's endpoint.
const SELDON_SERVICE: &str = "seldon-deploy-webhook";
/// Bytes of a hash in a name.
const HASH: usize = 6;
/// Whose user Azure DevOps says it is.
const USER: &str = "gitops-setup";

/// Who is told of pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Receiver {
    /// Argo CD, which proves by a secret who sent an event.
    Argocd,
    /// Seldon Enterprise Platform, whose endpoint knows no secret.
    Seldon,
}

impl Receiver {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argocd => "Argo CD",
            Self::Seldon => "Seldon Enterprise Platform",
        }
    }

    /// The key of the configuration that names its address.
    pub fn key(self) -> &'static str {
        match self {
            Self::Argocd => "webhooks.argocdUrl",
            Self::Seldon => "webhooks.seldonUrl",
        }
    }
}

/// Who is to be told of pushes.
pub fn receivers(config: &Config) -> Vec<Receiver> {
    let Some(webhooks) = &config.webhooks else { return Vec::new() };
    let seldon = (webhooks.seldon && config.seldon.is_some()).then_some(Receiver::Seldon);
    std::iter::once(Receiver::Argocd).chain(seldon).collect()
}

/// Argo CD's endpoint below an address. Where that has no path, Argo CD's root path is added; one that has a path says
/// where Argo CD is.
pub fn argocd_endpoint(config: &Config, url: &str) -> String {
    format!("{}{ARGOCD}", argocd_address(config, url))
}

/// Where Argo CD is below an address, in the same way, without a slash at its end.
pub(crate) fn argocd_address(config: &Config, url: &str) -> String {
    let url = url.trim_end_matches('/');
    let bare = url.split_once("://").is_none_or(|(_, rest)| !rest.contains('/'));
    let root = config.argocd.root_path().filter(|_| bare).unwrap_or_default();
    format!("{url}{root}")
}

/// The Service of Seldon Enterprise Platform's endpoint, where it is configured.
pub fn seldon_service(config: &Config) -> Option<ObjectRef> {
    let seldon = config.seldon.as_ref()?;
    Some(ObjectRef::namespaced("v1", "Service", &seldon.namespace, SELDON_SERVICE))
}

/// Seldon Enterprise Platform's endpoint, as its Service announces it: IP first, then host name, as in the guide.
/// By TLS where there is a port for that.
pub fn seldon_endpoint(service: &Object) -> Option<String> {
    let entries = service.list("/status/loadBalancer/ingress");
    let field =
        |name: &str| entries.iter().filter_map(|entry| entry[name].as_str()).find(|text| !text.is_empty());
    let host = field("ip").or_else(|| field("hostname"))?;
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let ports: Vec<u64> =
        service.list("/spec/ports").iter().filter_map(|port| port["port"].as_u64()).collect();
    let (scheme, port) = match ports.as_slice() {
        ports if ports.contains(&443) => ("https", String::new()),
        ports if ports.contains(&80) || ports.is_empty() => ("http", String::new()),
        [port, ..] => ("http", format!(":{port}")),
        [] => ("http", String::new()),
    };
    Some(format!("{scheme}://{host}{port}{SELDON}"))
}

/// Keys of `argocd-secret` by which Argo CD knows a provider's events, and what they are filled with.
pub fn secret_keys(provider: GitProvider) -> Vec<(String, Fill)> {
    let one = |key: &str, fill| vec![(key.to_owned(), fill)];
    match provider {
        GitProvider::Github => one("webhook.github.secret", Fill::Random),
        GitProvider::Gitlab => one("webhook.gitlab.secret", Fill::Random),
        GitProvider::Bitbucket => one("webhook.bitbucket.uuid", Fill::HookUuid),
        GitProvider::BitbucketServer => one("webhook.bitbucketserver.secret", Fill::Random),
        GitProvider::Gitea | GitProvider::Gogs => one("webhook.gogs.secret", Fill::Random),
        GitProvider::AzureDevops => vec![
            ("webhook.azuredevops.username".into(), Fill::Text(USER.into())),
            ("webhook.azuredevops.password".into(), Fill::Random),
        ],
    }
}

/// Whether the provider sends the secret itself with every event, which plain http shows to all on the way.
pub fn sends_secret(provider: GitProvider) -> bool {
    matches!(provider, GitProvider::Gitlab | GitProvider::Bitbucket | GitProvider::AzureDevops)
}

/// Field manager of a provider's secret in `argocd-secret`.
pub fn manager(provider: GitProvider) -> String {
    // Gitea and Gogs share a key, and so the manager.
    let word = if provider == GitProvider::Gitea { GitProvider::Gogs } else { provider }.word();
    format!("{MANAGER}-webhooks-{word}")
}

/// The keys with their values in base64, and which making of them this is: the fields of [`manager`].
pub fn secret_object(secret: &ObjectRef, provider: GitProvider, data: Value, version: &str) -> Object {
    Object::new(secret).with_annotation(&version_annotation(provider), version).with("data", data)
}

fn version_annotation(provider: GitProvider) -> String {
    annotation(&manager(provider))
}

/// The annotation that a manager of ours writes: `gitops-setup/x` of `gitops-setup-x`.
fn annotation(manager: &str) -> String {
    let name = manager.strip_prefix(MANAGER).unwrap_or(manager).trim_start_matches('-');
    format!("{MANAGER}/{name}")
}

/// Which making of the secret is stored: ours says so in an annotation, written with it and not secret; another's is
/// known by who wrote it when. `None` where nothing is stored, or nobody knows who wrote it.
pub fn version(secret: &Object, provider: GitProvider) -> Option<String> {
    let ours = manager(provider);
    let made = secret.annotation(&version_annotation(provider));
    let mut versions = Vec::new();
    for (key, _) in secret_keys(provider) {
        let owners = owners(secret, &key);
        versions.push(match made.filter(|_| owners.iter().any(|owner| owner["manager"] == ours.as_str())) {
            Some(version) => version.to_owned(),
            None => {
                let owner = owners.first()?;
                format!("{}@{}", owner["manager"].as_str()?, owner["time"].as_str()?)
            }
        });
    }
    versions.dedup();
    Some(versions.join(" "))
}

/// Whether the keys are ours alone: nobody else's go with them.
pub fn is_ours(secret: &Object, provider: GitProvider) -> bool {
    let ours = manager(provider);
    secret_keys(provider).iter().all(|(key, _)| {
        let owners = owners(secret, key);
        !owners.is_empty() && owners.iter().all(|owner| owner["manager"] == ours.as_str())
    })
}

/// The entries of `managedFields` that have a key.
fn owners<'a>(secret: &'a Object, key: &str) -> Vec<&'a Value> {
    let field = format!("f:{key}");
    let entries = secret.list("/metadata/managedFields").iter();
    let owns = |entry: &&Value| {
        let fields = fields(entry);
        fields.as_ref().and_then(|fields| fields.get("f:data")?.get(&field)).is_some()
    };
    entries.filter(owns).collect()
}

/// One hook at one Git host, for what is noted of it in `argocd-secret`: several repositories may share the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// What the host runs.
    pub provider: GitProvider,
    name: String,
}

impl Given {
    /// The hook of a repository that leads to an address.
    pub fn of(provider: GitProvider, repository: &str, url: &str) -> Self {
        let hash = hash(&format!("{repository}\n{url}"));
        Self { provider, name: format!("{}-{hash}", manager(provider)) }
    }

    /// Field manager of the note.
    pub fn manager(&self) -> String {
        self.name.clone()
    }

    fn annotation(&self) -> String {
        annotation(&self.name)
    }

    /// The note that this hook was given this making of the secret.
    pub fn note(&self, secret: &ObjectRef, version: &str, hook: &str) -> Object {
        Object::new(secret).with_annotation(&self.annotation(), &noted(version, hook))
    }

    /// Whether the hook with this number was given what is stored now.
    pub fn is_current(&self, secret: &Object, hook: &str) -> bool {
        let Some(version) = version(secret, self.provider) else { return false };
        secret.annotation(&self.annotation()) == Some(noted(&version, hook).as_str())
    }

    /// Whether the hook with this number was given any making of the secret. So the hooks of addresses of before are
    /// known: by a note for the very address that such a hook has.
    pub fn was_given(&self, secret: &Object, hook: &str) -> bool {
        let note = secret.annotation(&self.annotation());
        let note = note.and_then(|note| serde_json::from_str::<Value>(note).ok());
        note.is_some_and(|note| note["hook"] == hash(hook).as_str())
    }

    /// How many hooks of other repositories were given a secret of the same provider's.
    pub fn others(&self, secret: &Object) -> usize {
        let (own, prefix) = (self.annotation(), version_annotation(self.provider));
        let annotations = secret.get("/metadata/annotations").and_then(Value::as_object);
        let names = annotations.into_iter().flatten().map(|(name, _)| name.as_str());
        // What follows the provider's name is a hash: `bitbucket-server` is no hook of `bitbucket`.
        let is_hook = |name: &str| {
            let hash = name.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_prefix('-'));
            hash.is_some_and(|hash| hash.len() == HASH * 2 && hash.chars().all(|c| c.is_ascii_hexdigit()))
        };
        names.filter(|name| *name != own && is_hook(name)).count()
    }
}

/// Bitbucket Cloud calls a hook by what proves its events, so the hook is named by a hash.
fn noted(version: &str, hook: &str) -> String {
    json!({ "hook": hash(hook), "secret": version }).to_string()
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().take(HASH).map(|byte| format!("{byte:02x}")).collect()
}

/// From where an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// From its own machine alone.
    Machine,
    /// From networks that know it.
    Network,
    /// From everywhere, as far as the address tells.
    Internet,
}

impl Reach {
    /// From where an address such as `https://10.0.0.1/x` is reached.
    pub fn of(url: &str) -> Self {
        let place = url.split_once("://").map_or(url, |(_, rest)| rest);
        let host = host(place.split('/').next().unwrap_or_default()).to_ascii_lowercase();
        if is_this_machine(place) {
            return Self::Machine;
        }
        let private = match host.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => {
                let [a, b, ..] = ip.octets();
                ip.is_private() || ip.is_link_local() || (a == 100 && (64..128).contains(&b))
            }
            Ok(IpAddr::V6(ip)) => ip.is_unique_local() || ip.is_unicast_link_local(),
            Err(_) => {
                let inside = [".local", ".internal", ".lan", ".home.arpa", ".svc"];
                !host.contains('.') || inside.iter().any(|end| host.ends_with(end))
            }
        };
        if private { Self::Network } else { Self::Internet }
    }

    /// Where a Git host is, by the address of its API: one of the large ones is outside, one of one's own may be in
    /// the same network.
    pub fn of_git_host(api: &str) -> Self {
        const LARGE: [&str; 6] = [
            "api.github.com",
            "gitlab.com",
            "api.bitbucket.org",
            "dev.azure.com",
            "codeberg.org",
            "gitea.com",
        ];
        let place = api.split_once("://").map_or(api, |(_, rest)| rest);
        let host = host(place.split('/').next().unwrap_or_default()).to_ascii_lowercase();
        match host.as_str() {
            host if LARGE.contains(&host) || host.ends_with(".ghe.com") => Self::Internet,
            _ if is_this_machine(place) => Self::Machine,
            _ => Self::Network,
        }
    }
}

/// Whether `host:port/path` is this machine, whoever says it.
pub fn is_this_machine(place: &str) -> bool {
    let host = host(place.split('/').next().unwrap_or_default()).to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || ip.is_unspecified(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// The host of `host:port` or `[host]:port`.
pub(crate) fn host(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
#[path = "webhooks/tests.rs"]
mod tests;
