//! Getting the lock: at once, when its holder gives it back, or when that one shows no sign of life.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use kube::Api;
use kube::core::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use manifests::Object;
use tokio::time::{Instant, timeout_at};

use super::{Held, Holder, Lock, TRIES, lease, now, reference};
use crate::client::{Client, resource};
use crate::error::ClusterError;
use crate::observe::{Found, typed};

/// What the one who waits for a lock knows and hears.
pub struct Waiting<'a> {
    /// Longest wait.
    pub within: Duration,
    /// Hears who has it, whenever that is another one.
    pub told: &'a (dyn Fn(&str) + Sync),
    /// Whether a process has ended, as far as this machine knows.
    pub has_ended: &'a (dyn Fn(&str) -> bool + Sync),
}

/// Pause after a write that somebody else was faster than; then longer.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A Lease of somebody else, and since when it is as it is.
struct Seen {
    live: Object,
    since: Instant,
}

impl Seen {
    fn version(&self) -> &str {
        self.live.text("/metadata/resourceVersion")
    }

    fn expires(&self) -> Instant {
        self.since + lease::duration(&self.live)
    }
}

impl Client {
    /// Takes the lock of the cluster. From then on, every write by this connection and its clones makes sure first that
    /// the lock is still held.
    pub async fn lock(&self, holder: &Holder, waiting: &Waiting<'_>) -> Result<Held, ClusterError> {
        let client = self.unlocked();
        let deadline = Instant::now() + waiting.within;
        let mut seen: Option<Seen> = None;
        let mut told = String::new();
        let (mut overtaken, mut pause) = (None, FIRST_PAUSE);
        loop {
            let begun = now();
            let wanted = match client.read(&reference()).await? {
                Found::Absent | Found::KindUnknown => lease::taken(holder, None, &client.time()),
                // The answer to our own writing was lost.
                Found::Object(live) if holder.has(&live) => lease::renewed(&live, &client.time()),
                Found::Object(live) => {
                    let now = Instant::now();
                    let before =
                        seen.take().filter(|seen| seen.version() == live.text("/metadata/resourceVersion"));
                    let next = before.unwrap_or(Seen { live: *live, since: now });
                    let gone = lease::is_free(&next.live) || (waiting.has_ended)(lease::process(&next.live));
                    let by = lease::held_by(&next.live);
                    if !gone && now < next.expires() {
                        if now >= deadline {
                            return Err(ClusterError::Locked { by, after: waiting.within });
                        }
                        if by != told {
                            (waiting.told)(&by);
                            told = by;
                        }
                        (overtaken, pause) = (None, FIRST_PAUSE);
                        seen = Some(client.watch_lease(next, deadline).await?);
                        continue;
                    }
                    lease::taken(holder, Some(&next.live), &client.time())
                }
            };
            if let Some(live) = client.put(wanted).await? {
                let lock = Lock::new(client, holder.clone(), live, begun);
                self.locked_by(&lock);
                let beat = lock.beat();
                return Ok(Held { lock, beat });
            }
            let (since, times) = overtaken.get_or_insert_with(|| (Instant::now(), 0));
            *times += 1;
            let patience = self.patience().min(waiting.within);
            // Did each time another one take it and give it back at once? Rather, something is wrong with the server.
            if *times >= TRIES && since.elapsed() >= patience {
                return Err(ClusterError::TimedOut {
                    what: format!("{} to be taken", reference()),
                    state: vec![format!("{times} times, somebody else is said to have been faster (409)")],
                    after: patience,
                });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits until the Lease is another than the one that was seen, or until it expires. While the server is away
    /// nobody can renew it, so that time does not count.
    async fn watch_lease(&self, mut seen: Seen, deadline: Instant) -> Result<Seen, ClusterError> {
        let lease = reference();
        let namespace = lease.namespace.as_deref().unwrap_or_default();
        let api: Api<DynamicObject> = Api::namespaced_with(self.kube.clone(), namespace, &resource(&lease));
        let mut events = pin!(watch_object(api, &lease.name).default_backoff());
        loop {
            let Ok(event) = timeout_at(seen.expires().min(deadline), events.next()).await else {
                return Ok(seen);
            };
            match event {
                Some(Ok(Some(live))) => {
                    let live = serde_json::to_value(live).ok().and_then(|live| typed(live, &lease).ok());
                    if live.is_none_or(|live| live.text("/metadata/resourceVersion") != seen.version()) {
                        return Ok(seen);
                    }
                }
                Some(Ok(None)) | None => return Ok(seen),
                Some(Err(error)) => {
                    if let Some(failure) = self.final_word(&error, &lease) {
                        return Err(failure);
                    }
                    seen.since = Instant::now();
                }
            }
            if Instant::now() >= deadline {
                return Ok(seen);
            }
        }
    }
}
