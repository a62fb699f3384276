//! Waiting: a predicate on objects, a deadline, and words for how it stands.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use http::StatusCode;
use kube::Api;
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use manifests::{Object, ObjectRef};
use tokio::time::{Instant, timeout_at};

use crate::client::{Client, Reply, innermost, resource};
use crate::error::ClusterError;
use crate::observe::typed;

/// How often the state is told although nothing changes.
const REMINDER: Duration = Duration::from_secs(15);

/// What a predicate says of the objects as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// It holds.
    Done(T),
    /// Not yet; how it stands, a line each.
    Waiting(Vec<String>),
}

/// Objects of one kind in one namespace, by name.
pub type Objects = BTreeMap<String, Object>;

impl Client {
    /// Watches the objects of the kind and namespace of `like` until `predicate` says that it is done. `told`
    /// hears how it stands whenever that changes.
    pub async fn wait_until<T>(
        &self,
        like: &ObjectRef,
        what: &str,
        within: Duration,
        told: &(dyn Fn(&[String]) + Sync),
        predicate: impl Fn(&Objects) -> Progress<T>,
    ) -> Result<T, ClusterError> {
        let mut state = Vec::new();
        let watched = self.watch(like, &predicate, &mut state, told);
        match timeout_at(Instant::now() + within, watched).await {
            Ok(result) => result,
            Err(_) => Err(ClusterError::TimedOut { what: what.to_owned(), state, after: within }),
        }
    }

    async fn watch<T>(
        &self,
        like: &ObjectRef,
        predicate: &impl Fn(&Objects) -> Progress<T>,
        state: &mut Vec<String>,
        told: &(dyn Fn(&[String]) + Sync),
    ) -> Result<T, ClusterError> {
        let kind = resource(like);
        let api: Api<DynamicObject> = match &like.namespace {
            Some(namespace) => Api::namespaced_with(self.kube.clone(), namespace, &kind),
            None => Api::all_with(self.kube.clone(), &kind),
        };
        let mut events = pin!(watcher(api, watcher::Config::default()).default_backoff());
        let mut objects = Objects::new();
        let mut listed = false;
        loop {
            // Told again now and then: whoever reads along sees that it still waits, and for what.
            let Ok(event) = tokio::time::timeout(REMINDER, events.next()).await else {
                told(state);
                continue;
            };
            let Some(event) = event else { continue };
            match event {
                Ok(Event::Init) => {
                    // It lists anew, as after a 410: until that is through, what is there can't be told from what is gone.
                    objects.clear();
                    listed = false;
                }
                Ok(Event::InitApply(object) | Event::Apply(object)) => insert(&mut objects, object, like),
                Ok(Event::Delete(object)) => drop(objects.remove(&object.metadata.name.unwrap_or_default())),
                Ok(Event::InitDone) => listed = true,
                Err(error) => {
                    if let Some(failure) = self.final_word(&error, like) {
                        return Err(failure);
                    }
                    // The watcher begins again by itself, with growing delays.
                    let lines = vec![innermost(&error)];
                    if lines != *state {
                        *state = lines;
                        told(state);
                    }
                    continue;
                }
            }
            if !listed {
                continue;
            }
            match predicate(&objects) {
                Progress::Done(value) => return Ok(value),
                Progress::Waiting(lines) if lines != *state => {
                    *state = lines;
                    told(state);
                }
                Progress::Waiting(_) => {}
            }
        }
    }

    /// What watching again would not change: no right to, or no such kind.
    pub(crate) fn final_word(&self, error: &watcher::Error, like: &ObjectRef) -> Option<ClusterError> {
        use watcher::Error::{InitialListFailed, WatchFailed, WatchStartFailed};
        let status = match error {
            InitialListFailed(kube::Error::Api(status))
            | WatchStartFailed(kube::Error::Api(status))
            | WatchFailed(kube::Error::Api(status)) => status,
            _ => return None,
        };
        let code = StatusCode::from_u16(status.code).ok()?;
        let body = serde_json::json!({ "reason": status.reason, "message": status.message });
        let is_final =
            matches!(code, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND);
        is_final.then(|| self.failure("watch", like, &Reply { status: code, body }))
    }
}

fn insert(objects: &mut Objects, object: DynamicObject, like: &ObjectRef) {
    let Ok(value) = serde_json::to_value(object) else { return };
    if let Ok(object) = typed(value, like) {
        objects.insert(object.name().to_owned(), object);
    }
}
