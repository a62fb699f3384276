//! One value's share in a cluster, and how it is given back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cluster::Client;
use cluster::apply::{Condition, Patching};
use cluster::tools::ToolContext;
use cluster::wait::{Objects, Progress};
use manifests::{Object, ObjectRef};

use super::Error;
use super::elsewhere::{self, Elsewhere};
use super::place::{Place, User};
use crate::random;

/// How long a server may keep the end of a test waiting. It may be one that the test has broken.
const PATIENCE: Duration = Duration::from_secs(5);

/// A share in a cluster, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    held: Option<Held>,
    place: Place,
    namespace: String,
    kubeconfig: PathBuf,
}

#[derive(Debug)]
struct Held {
    user: User,
    keep: bool,
    namespace: Option<ObjectRef>,
}

impl Share {
    /// A user's share.
    pub(super) fn new(user: User, keep: bool) -> Self {
        let place = user.place().clone();
        let kubeconfig = place.provider().access().kubeconfig.unwrap_or_default();
        let held = Some(Held { user, keep, namespace: None });
        Self { held, place, namespace: String::new(), kubeconfig }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Deletes the cluster that somebody left here.
    pub(super) async fn clear(&self) -> Result<(), Error> {
        let tools = ToolContext::from_env()?;
        self.place.provider().down(&tools, &cluster::tools::Progress::new(|_| {})).await?;
        Ok(())
    }

    /// A connection of the runtime that this runs in.
    pub(super) async fn connect(&self) -> Result<Client, Error> {
        Ok(self.place.provider().access().connect().await?)
    }

    /// Makes the namespace, and waits until pods can be made in it.
    pub(super) async fn make_namespace(&mut self, within: Duration) -> Result<(), Error> {
        let client = self.connect().await?;
        let name = format!("test-{:08x}", u32::from_le_bytes(random::bytes()?));
        let namespace = ObjectRef::cluster_scoped("v1", "Namespace", &name);
        if let Some(held) = &mut self.held {
            held.namespace = Some(namespace.clone());
        }
        let object = Object::new(&namespace);
        let manager = manifests::MANAGER.to_owned();
        client.apply(&Patching { object, manager, force: false, condition: Condition::Absent }).await?;
        let account = ObjectRef::namespaced("v1", "ServiceAccount", &name, "default");
        let there = |live: &Objects| match live.contains_key(&account.name) {
            true => Progress::Done(()),
            false => Progress::Waiting(vec![format!("there is no {account}")]),
        };
        client.wait_until(&account, &account.to_string(), within, &|_| {}, there).await?;
        self.namespace = name;
        Ok(())
    }

    /// Gives it back.
    pub(super) async fn end(&mut self) -> Result<(), Error> {
        match self.held.take() {
            Some(held) => elsewhere::run(|| held.end()).await,
            None => Ok(()),
        }
    }
}

impl Held {
    async fn end(self) -> Result<(), Error> {
        let namespace = self.delete_namespace().await;
        if self.keep {
            return namespace;
        }
        match self.user.leave() {
            Some(unused) => unused.delete(&ToolContext::from_env()?).await,
            None => namespace,
        }
    }

    async fn delete_namespace(&self) -> Result<(), Error> {
        let Some(namespace) = &self.namespace else { return Ok(()) };
        let client = self.user.place().provider().access().connect().await?;
        Ok(client.with_patience(PATIENCE).delete(namespace).await?)
    }
}

impl Drop for Share {
    #[expect(clippy::print_stderr, reason = "nobody else can be told")]
    fn drop(&mut self) {
        if let Some(held) = self.held.take()
            && let Err(error) = elsewhere::begin(|| held.end()).and_then(Elsewhere::join)
        {
            eprintln!("a test cluster was not cleaned up, the next test does so: {error}");
        }
    }
}
