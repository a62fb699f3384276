//! One run at a time: a Lease that whoever changes a cluster holds meanwhile.
//!
//! No two clocks have to agree. Whoever waits takes the Lease over once it has seen it unchanged, by its own clock, for
//! as long as the Lease says. Whoever holds it writes only while, by its own clock, the last renewal is fresh; where it
//! is not (a suspended machine, a cluster that was away), the next write waits for a renewal, which the server refuses
//! if somebody else was there since. The times in the Lease are for people.

mod acquire;
mod lease;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::StatusCode;
use jiff::Timestamp;
use kube::core::params::{PostParams, Preconditions};
use manifests::{Object, ObjectRef};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::{Mutex, watch};
use tokio::task::AbortHandle;

use crate::client::{Client, collection};
use crate::error::ClusterError;
use crate::observe::Found;

pub use acquire::Waiting;
pub use lease::Holder;

/// How long a lock is its holder's without a sign of life.
const DURATION: Duration = Duration::from_secs(60);
/// How long after a renewal writes are sent. One that is sent last still has 35 seconds, as long as an API server works
/// on a write at most (34), before somebody else can take the lock over.
const FRESH: Duration = Duration::from_secs(20);
/// How often it is renewed.
const BEAT: Duration = Duration::from_secs(5);
/// How long giving it back may take.
const RELEASE: Duration = Duration::from_secs(3);
/// How often something is tried again that was overtaken by a change of the Lease.
const TRIES: usize = 5;

/// Where the lock is: a namespace that every cluster has, where the control plane keeps its own.
pub fn reference() -> ObjectRef {
    ObjectRef::namespaced("coordination.k8s.io/v1", "Lease", "kube-system", "gitops-setup")
}

/// The lock of a cluster, held. It is renewed in the background until it is released.
#[derive(Clone)]
pub struct Lock(Arc<Inner>);

struct Inner {
    /// A connection whose own writes need no lock.
    client: Client,
    holder: Holder,
    state: Mutex<State>,
    /// Until when writes may be sent, in milliseconds of [`now`].
    fresh_until: AtomicU64,
    lost: watch::Sender<Option<String>>,
}

enum State {
    /// It is ours, and this is how we last wrote it.
    Held(Box<Object>),
    /// It is not ours any more, and this is who has it.
    Lost(String),
    /// We gave it back.
    Released,
}

impl Lock {
    fn new(client: Client, holder: Holder, live: Object, begun: Duration) -> Self {
        let lock = Self(Arc::new(Inner {
            client,
            holder,
            state: Mutex::new(State::Held(Box::new(live))),
            fresh_until: AtomicU64::new(0),
            lost: watch::Sender::new(None),
        }));
        lock.refreshed(begun);
        lock
    }

    /// Renews it now and then until it is lost.
    fn beat(&self) -> AbortHandle {
        let lock = self.clone();
        let beating = tokio::spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                // A server that is away may come back; until then the next write waits for it.
                if let Err(ClusterError::LockLost { .. }) = lock.renew(true).await {
                    return;
                }
            }
        });
        beating.abort_handle()
    }

    /// Waits until it is lost, and says so.
    pub async fn lost(&self) -> ClusterError {
        let mut lost = self.0.lost.subscribe();
        match lost.wait_for(Option::is_some).await {
            Ok(by) => ClusterError::LockLost { by: by.clone().unwrap_or_default() },
            Err(_) => std::future::pending().await,
        }
    }

    /// Makes sure that it is ours at this moment.
    pub fn ensure(&self) -> BoxFuture<'_, Result<(), ClusterError>> {
        async move { if self.is_fresh() { Ok(()) } else { self.renew(false).await } }.boxed()
    }

    fn is_fresh(&self) -> bool {
        now() < Duration::from_millis(self.0.fresh_until.load(Ordering::Acquire))
    }

    fn refreshed(&self, begun: Duration) {
        let until = u64::try_from((begun + FRESH).as_millis()).unwrap_or(u64::MAX);
        self.0.fresh_until.store(until, Ordering::Release);
    }

    /// Renews it. Of many who need that at once, one does it, unless `always`.
    async fn renew(&self, always: bool) -> Result<(), ClusterError> {
        let mut state = self.0.state.lock().await;
        if !always && self.is_fresh() {
            return Ok(());
        }
        for _ in 0..TRIES {
            let live = match &*state {
                State::Held(live) => live,
                State::Lost(by) => return Err(ClusterError::LockLost { by: by.clone() }),
                State::Released => {
                    return Err(ClusterError::LockLost { by: "nobody: it was given back".into() });
                }
            };
            // What counts is when it was sent: whoever waits has seen it no earlier.
            let begun = now();
            match self.0.client.put(lease::renewed(live, &self.0.client.time())).await? {
                Some(live) => {
                    *state = State::Held(Box::new(live));
                    self.refreshed(begun);
                    if self.is_fresh() {
                        return Ok(());
                    }
                }
                None => *state = self.look().await?,
            }
            if let State::Lost(by) = &*state {
                self.0.lost.send_replace(Some(by.clone()));
            }
        }
        let after = self.0.client.patience();
        Err(ClusterError::TimedOut {
            what: format!("{} to be renewed", reference()),
            state: Vec::new(),
            after,
        })
    }

    /// Whose it is, after it was not as we wrote it.
    async fn look(&self) -> Result<State, ClusterError> {
        Ok(match self.0.client.read(&reference()).await? {
            // An answer of ours was lost on the way, or somebody labelled it.
            Found::Object(live) if self.0.holder.has(&live) => State::Held(live),
            Found::Object(live) => State::Lost(lease::held_by(&live)),
            Found::Absent | Found::KindUnknown => State::Lost("nobody: somebody deleted it".into()),
        })
    }

    async fn give_back(&self) -> Result<(), ClusterError> {
        let mut state = self.0.state.lock().await;
        for _ in 0..TRIES {
            let State::Held(live) = &*state else { break };
            if self.0.client.delete_lease(live).await? {
                break;
            }
            *state = self.look().await?;
        }
        *state = State::Released;
        Ok(())
    }
}

/// A lock that is renewed until it is released.
pub struct Held {
    lock: Lock,
    beat: AbortHandle,
}

impl Held {
    /// The lock, to hear of its loss.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Gives it back: the Lease goes. Where that can't be done soon, it expires by itself, and this is false.
    pub async fn release(self) -> bool {
        self.beat.abort();
        matches!(tokio::time::timeout(RELEASE, self.lock.give_back()).await, Ok(Ok(())))
    }
}

impl Client {
    /// The time for a Lease: all are by the same clock, the server's.
    fn time(&self) -> String {
        lease::time(self.server_time().unwrap_or_else(Timestamp::now))
    }

    /// Creates or replaces a Lease; `None` where somebody else was faster.
    async fn put(&self, lease: Object) -> Result<Option<Object>, ClusterError> {
        let (reference, params) = (lease.reference(), PostParams::default());
        let body = lease.as_value().to_string().into_bytes();
        let (verb, request) = match lease.get("/metadata/resourceVersion") {
            Some(_) => ("update", collection(&reference).replace(&reference.name, &params, body)),
            None => ("create", collection(&reference).create(&params, body)),
        };
        let request = request.map_err(|error| ClusterError::bad_request(&reference, &error))?;
        let reply = self.send(&request).await?;
        match reply.status {
            status if status.is_success() => match Object::try_from(reply.body) {
                Ok(live) => Ok(Some(live)),
                Err(error) => Err(self.odd_answer(&reference, error.to_string())),
            },
            StatusCode::CONFLICT => Ok(None),
            StatusCode::NOT_FOUND if verb == "update" => Ok(None),
            _ => Err(self.refused(verb, &reference, &reply).await),
        }
    }

    /// Deletes a Lease as it was read; false where it is another by now.
    async fn delete_lease(&self, live: &Object) -> Result<bool, ClusterError> {
        let text = |pointer| Some(live.text(pointer).to_owned());
        let preconditions =
            Preconditions { uid: text("/metadata/uid"), resource_version: text("/metadata/resourceVersion") };
        match self.delete_if(&live.reference(), Some(preconditions)).await {
            Ok(()) => Ok(true),
            Err(ClusterError::Changed { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Time that also passes while the machine is suspended.
fn now() -> Duration {
    #[cfg(target_os = "linux")]
    const CLOCK: ClockId = ClockId::Boottime;
    // There it does so by itself.
    #[cfg(not(target_os = "linux"))]
    const CLOCK: ClockId = ClockId::Monotonic;
    Duration::try_from(clock_gettime(CLOCK)).unwrap_or_default()
}
