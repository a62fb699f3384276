//! Webhooks of a repository, by the API of its host.

mod azure;
mod bitbucket;
mod bitbucket_server;
mod dialect;
mod error;
mod gitea;
mod github;
mod gitlab;
mod put;
mod url;

use std::fmt;
use std::time::Duration;

use secrecy::SecretString;

pub use error::{Doing, HookCause, HookError};

use super::call::Call;
use super::{Host, HostError};
use crate::Credentials;
use crate::bounded::detached;
use crate::http::Broken;
use crate::remote::Trust;

/// A webhook as its host shows it. Hosts never show its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook {
    /// What the host calls it in its API.
    pub id: String,
    /// Where it sends events. May hold secrets of others, see [`Self::target`].
    pub url: String,
    /// Whether it sends any.
    pub active: bool,
    /// The events, in the host's words.
    pub events: Vec<String>,
    /// Whether certificates are verified; `None` where the host decides that for all hooks at once.
    pub verify_tls: Option<bool>,
    /// Whether it has a secret, where the host tells.
    pub has_secret: Option<bool>,
    /// What Bitbucket Cloud sends as `X-Hook-UUID` and Argo CD compares with `webhook.bitbucket.uuid`: without the
    /// braces that the API has around it.
    pub uuid: Option<String>,
    /// What the host says of it or of its last delivery, where it does.
    pub state: Option<String>,
    /// Whether it sends JSON, for all branches.
    plain: bool,
}

impl Hook {
    /// Where it sends events, as far as it can be shown to anybody: hooks of chat services have their secret in
    /// the path or the query, so this is scheme and host alone.
    pub fn target(&self) -> &str {
        url::origin(&self.url)
    }
}

/// Shows of the address what can be shown.
impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, active, events, verify_tls, has_secret, .. } = self;
        write!(f, "Hook {id} to {}, {events:?}, ", self.target())?;
        write!(f, "active: {active}, verify_tls: {verify_tls:?}, has_secret: {has_secret:?}")
    }
}

/// A webhook as it should be: for pushes alone, with JSON, for all branches.
#[derive(Clone, Debug)]
pub struct WantedHook {
    /// Where it sends events.
    pub url: String,
    /// Numbers of hooks that led to the same receiver at an address of before.
    pub former: Vec<String>,
    /// By what the receiver knows it; `None` where the receiver checks nothing. For Azure DevOps user and password
    /// with a colon between them.
    pub secret: Option<SecretString>,
    /// Whether certificates are verified.
    pub verify_tls: bool,
    /// Its name for people, where the host keeps one.
    pub name: String,
}

/// What is known of the secret that the host has, which no host shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretAtHost {
    /// It is another one, or nobody knows: it is written.
    Unknown,
    /// It is the wanted one: a hook that is otherwise as wanted is left alone. (Where anything else is written,
    /// the secret is, too: GitHub removes a secret that is left out.)
    Same,
}

/// What was done about a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookChange {
    /// It is new.
    Created,
    /// It was there and is changed.
    Updated,
    /// It was as wanted.
    Unchanged,
}

/// What came of putting a hook in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutHook {
    /// What was done.
    pub change: HookChange,
    /// The hook as it is now.
    pub hook: Hook,
    /// Further hooks with the same address, or one of before, that sent nothing but pushes: removed.
    pub removed: Vec<Hook>,
    /// Further hooks with the same address that send something else, too or instead: left alone, to be told.
    pub left: Vec<Hook>,
}

/// How the hooks of a repository compare with a wanted one: what [`Host::put_hook`] would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The hook with the address that is kept, where there is one.
    pub hook: Option<Hook>,
    /// There is one, as wanted, and no other for pushes alone: nothing is to be done, if it has the right secret.
    pub fits: bool,
    /// It leads to an address of before.
    pub moved: bool,
    /// It sends something else as well: [`Host::remove_hook`] leaves it alone.
    pub shared: bool,
    /// Further hooks with the address that send something else as well, and are left alone.
    pub left: usize,
}

impl Host {
    /// How hooks that were read compare with a wanted one. What its secret is doesn't matter, but whether it has one.
    pub fn standing(&self, hooks: &[Hook], wanted: &WantedHook) -> Standing {
        put::standing(self.kind, hooks, wanted)
    }

    /// All webhooks of the repository. All requests together end within `timeout`.
    pub async fn hooks(
        &self,
        credentials: &Credentials,
        trust: &Trust,
        timeout: Duration,
    ) -> Result<Vec<Hook>, HostError> {
        self.ask(credentials, trust, timeout, put::hooks).await
    }

    /// Makes sure that there is one webhook with this address, and as wanted.
    ///
    /// A hook with the address, or with one of before, that sends pushes is changed where it differs, to send nothing else; none is ever
    /// added beside it. Of several, the one that is most like the wanted one is kept, and gets the secret; only then
    /// the others go that send nothing but pushes. So a receiver is never without a hook, and a hook that is there
    /// for something else stays.
    ///
    /// The secret can't be read back: `secret` says whether it has to be written.
    pub async fn put_hook(
        &self,
        credentials: &Credentials,
        trust: &Trust,
        timeout: Duration,
        hook: &WantedHook,
        secret: SecretAtHost,
    ) -> Result<PutHook, HostError> {
        let hook = hook.clone();
        let work = move |call: &Call| put::put(call, &hook, secret);
        self.ask(credentials, trust, timeout, work).await
    }

    /// Removes every webhook with this address, or one of before, that sends pushes, and says which. None is fine.
    pub async fn remove_hook(
        &self,
        credentials: &Credentials,
        trust: &Trust,
        timeout: Duration,
        hook: &WantedHook,
    ) -> Result<Vec<Hook>, HostError> {
        let hook = hook.clone();
        let work = move |call: &Call| put::remove(call, &hook);
        self.ask(credentials, trust, timeout, work).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        credentials: &Credentials,
        trust: &Trust,
        timeout: Duration,
        work: impl FnOnce(&Call) -> Result<T, HostError> + Send + 'static,
    ) -> Result<T, HostError> {
        let call = Call::new(self, credentials, trust, timeout)?;
        match detached(call.deadline, move || work(&call)).await {
            Some(done) => done,
            None => Err(HookError::of(self, Doing::Read, HookCause::Broken(Broken::TimedOut)).into()),
        }
    }
}
