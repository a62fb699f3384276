//! The webhook at the Git host, and the secret that it is known by in the cluster.
//!
//! Neither side can be asked for both, so there is an order that can be cut off anywhere. The stored secret is the
//! truth: it is stored first, with a random number that says which making of it that is. Then the Git host is given
//! it; and last a note is stored of which hook was given which making. As long as that note does not fit, the Git host
//! is given the stored secret again. (Bitbucket Cloud makes what its events are known by: there the hook is first.)

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cluster::Client;
use cluster::apply::{Condition, Patching};
use cluster::observe::Found;
use git_credentials::hosts::{Hook, PutHook, SecretAtHost, WantedHook};
use manifests::config::GitProvider;
use manifests::fill::Fill;
use manifests::webhooks::{self, Given};
use manifests::{Object, ObjectRef};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use stages::plan::PutWebhook;

use super::{Site, former, given, has_secret, wanted};
use crate::failure::Failure;
use crate::session::Session;
use crate::{fill, observe};

/// Whether the stored secret stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// It stays as far as it is good.
    Keep,
    /// A new one takes its place.
    Renew,
}

/// Puts the webhook in place, on both sides.
pub(crate) async fn put(
    session: &Session,
    client: &Client,
    hook: &PutWebhook,
    renew: Secret,
) -> Result<PutHook, Failure> {
    let site = site(session).await?;
    let result = put_at(&site, client, hook, renew).await;
    // Whatever was done: what was read before may be no longer so.
    *session.hooks.lock().await = None;
    result
}

/// Gives the webhook a new secret, on both sides.
pub(crate) async fn rotate(
    session: &Session,
    client: &Client,
    hook: &PutWebhook,
) -> Result<PutHook, Failure> {
    let site = site(session).await?;
    if has_secret(site.host.kind()) {
        give_again(&site, client, hook).await?;
    } else {
        // A new number needs a new hook.
        site.remove(&wanted(hook, &[])).await?;
    }
    put(session, client, hook, Secret::Renew).await
}

/// Gives the Git host what is stored: where it can't be reached, or the token may only read, that is known before
/// Argo CD is told anything that the host does not know.
async fn give_again(site: &Site, client: &Client, hook: &PutWebhook) -> Result<(), Failure> {
    let Some(secret) = &hook.secret else { return Ok(()) };
    let live = read(client, secret).await?;
    // What is stored may be the admin password, which the Git host is never given.
    let value = if is_good(&live, hook).await? { stored(&live, &hook.fill) } else { None };
    if let Some(value) = value {
        let wanted = WantedHook { secret: Some(value.into()), ..wanted(hook, &[]) };
        site.put(&wanted, SecretAtHost::Unknown).await?;
    }
    Ok(())
}

async fn site(session: &Session) -> Result<Site, Failure> {
    Site::of(session).await?.ok_or_else(|| Failure::Bug("a webhook for a repository at no Git host".into()))
}

async fn put_at(site: &Site, client: &Client, hook: &PutWebhook, renew: Secret) -> Result<PutHook, Failure> {
    let Some(secret) = &hook.secret else {
        return site.put(&wanted(hook, &[]), SecretAtHost::Same).await;
    };
    let (provider, given) = (hook.provider, given(hook, &hook.url));
    let there = site.all().await?;
    let former = former(&read(client, secret).await?, hook, &there);
    let wanted = wanted(hook, &former);
    if !has_secret(site.host.kind()) {
        let put = site.put(&wanted, SecretAtHost::Same).await?;
        let uuid = put.hook.uuid.clone().unwrap_or_default();
        let values =
            hook.fill.iter().map(|(key, _)| (key.clone(), SecretString::from(uuid.clone()))).collect();
        let mut live = read(client, secret).await?;
        if stored(&live, &hook.fill).as_ref() != Some(&uuid) {
            store(client, &live, provider, values).await?;
            live = read(client, secret).await?;
        }
        note(client, &live, &given, &put.hook).await?;
        forget(client, &live, hook, &former).await?;
        return Ok(put);
    }
    let live = settled(client, hook, secret, renew).await?;
    let value = stored(&live, &hook.fill).ok_or_else(|| gone(secret))?;
    let known = |hook: &Hook| given.is_current(&live, &hook.id);
    let wanted = WantedHook { secret: Some(value.into()), ..wanted };
    let same = site.host.standing(&there, &wanted).hook.as_ref().is_some_and(known);
    let put = site.put(&wanted, if same { SecretAtHost::Same } else { SecretAtHost::Unknown }).await?;
    note(client, &live, &given, &put.hook).await?;
    forget(client, &live, hook, &former).await?;
    Ok(put)
}

/// Removes the notes of hooks at addresses of before, which are there no more.
async fn forget(client: &Client, live: &Object, hook: &PutWebhook, former: &[Hook]) -> Result<(), Failure> {
    for old in former {
        release(client, live, given(hook, &old.url).manager()).await?;
    }
    Ok(())
}

impl Site {
    async fn all(&self) -> Result<Vec<Hook>, Failure> {
        Ok(self.host.hooks(&self.credentials, &self.trust, self.timeout).await?)
    }

    async fn remove(&self, wanted: &WantedHook) -> Result<usize, Failure> {
        Ok(self.host.remove_hook(&self.credentials, &self.trust, self.timeout, wanted).await?.len())
    }

    async fn put(&self, wanted: &WantedHook, secret: SecretAtHost) -> Result<PutHook, Failure> {
        Ok(self.host.put_hook(&self.credentials, &self.trust, self.timeout, wanted, secret).await?)
    }
}

/// The Secret with a good value under every key: what is stored, or new ones.
async fn settled(
    client: &Client,
    hook: &PutWebhook,
    secret: &ObjectRef,
    renew: Secret,
) -> Result<Object, Failure> {
    let live = read(client, secret).await?;
    if is_good(&live, hook).await? && renew == Secret::Keep {
        return Ok(live);
    }
    let mut values = Vec::new();
    for (key, fill) in &hook.fill {
        values.push((key.clone(), fill::made(fill)?));
    }
    store(client, &live, hook.provider, values).await?;
    read(client, secret).await
}

/// Whether what is stored may stay, under every key.
async fn is_good(live: &Object, hook: &PutWebhook) -> Result<bool, Failure> {
    let hash = observe::value(live, fill::PASSWORD);
    let mut good = true;
    for (key, _) in &hook.fill {
        let value = observe::value(live, key).unwrap_or_default();
        if value.first() == Some(&b'$') {
            return Err(Failure::Precondition(format!(
                "{key} of {} names another value, and this tool follows no such name\n  store the secret itself there, or \
                 remove the key and run the same command again",
                live.reference()
            )));
        }
        good &= fill::is_good(&value, hash.clone()).await?;
    }
    Ok(good)
}

/// Stores values, unless somebody changed the Secret since it was read: two runs at once must not both think that
/// theirs is stored.
async fn store(
    client: &Client,
    live: &Object,
    provider: GitProvider,
    values: Vec<(String, SecretString)>,
) -> Result<(), Failure> {
    let version = fill::made(&Fill::Random)?;
    let version = &version.expose_secret()[..16];
    let encoded = |(key, value): (String, SecretString)| {
        (key, Value::from(BASE64_STANDARD.encode(value.expose_secret())))
    };
    let data: Map<String, Value> = values.into_iter().map(encoded).collect();
    let object = webhooks::secret_object(&live.reference(), provider, data.into(), version);
    let condition = Condition::Unchanged(live.text("/metadata/resourceVersion").to_owned());
    Ok(client
        .apply(&Patching { object, manager: webhooks::manager(provider), force: true, condition })
        .await?)
}

/// Notes which hook was given what was stored when it was read: should somebody have stored another since, the note
/// doesn't fit, and the next plan says so.
async fn note(client: &Client, live: &Object, given: &Given, hook: &Hook) -> Result<(), Failure> {
    let version = webhooks::version(live, given.provider).unwrap_or_default();
    let object = given.note(&live.reference(), &version, &hook.id);
    let manager = given.manager();
    Ok(client.apply(&Patching { object, manager, force: true, condition: Condition::None }).await?)
}

async fn read(client: &Client, secret: &ObjectRef) -> Result<Object, Failure> {
    match client.read(secret).await? {
        Found::Object(object) => Ok(*object),
        Found::Absent | Found::KindUnknown => Err(gone(secret)),
    }
}

fn gone(secret: &ObjectRef) -> Failure {
    Failure::Changed(format!(
        "{secret} is not there any more, or has lost its values\n  run the same command again"
    ))
}

/// What an event is known by: one value, or user and password with a colon between them.
pub(super) fn stored(secret: &Object, keys: &[(String, Fill)]) -> Option<String> {
    let values: Option<Vec<String>> =
        keys.iter().map(|(key, _)| String::from_utf8(observe::value(secret, key)?).ok()).collect();
    values.filter(|values| !values.is_empty()).map(|values| values.join(":"))
}

/// What was removed.
pub(crate) struct Removed {
    /// Webhooks at the Git host.
    pub(crate) hooks: usize,
    /// Why the secret stays in the cluster, where it does.
    pub(crate) kept: Option<String>,
}

/// Removes the webhook at the Git host, then what is ours of it in the cluster.
pub(crate) async fn remove(
    session: &Session,
    client: &Client,
    hook: &PutWebhook,
) -> Result<Removed, Failure> {
    let site = site(session).await?;
    let live = match &hook.secret {
        Some(secret) => client.read(secret).await?,
        None => Found::Absent,
    };
    let former = match &live {
        Found::Object(live) => former(live, hook, &site.all().await?),
        Found::Absent | Found::KindUnknown => Vec::new(),
    };
    let gone = site.remove(&wanted(hook, &former)).await;
    *session.hooks.lock().await = None;
    let hooks = gone?;
    let Found::Object(live) = live else { return Ok(Removed { hooks, kept: None }) };
    let given = given(hook, &hook.url);
    let others = given.others(&live).saturating_sub(former.len());
    let stored = stored(&live, &hook.fill).is_some();
    let kept = match webhooks::is_ours(&live, hook.provider) {
        _ if !stored => None,
        false => Some("it was not stored by this tool".to_owned()),
        true if others > 0 => Some("webhooks of other repositories use it".to_owned()),
        true => None,
    };
    release(client, &live, given.manager()).await?;
    forget(client, &live, hook, &former).await?;
    if kept.is_none() {
        release(client, &live, webhooks::manager(hook.provider)).await?;
    }
    Ok(Removed { hooks, kept })
}

/// Takes away what a manager of ours wrote, where it wrote anything: server-side apply of nothing.
async fn release(client: &Client, live: &Object, manager: String) -> Result<(), Failure> {
    if !live.list("/metadata/managedFields").iter().any(|entry| entry["manager"] == manager.as_str()) {
        return Ok(());
    }
    let object = Object::new(&live.reference());
    Ok(client.apply(&Patching { object, manager, force: false, condition: Condition::None }).await?)
}
