//! A connection to an API server: requests with bounded retries, and errors that name the object.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use kube::core::request::Request as Urls;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, Resource as _};
use manifests::ObjectRef;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::body;
use crate::error::ClusterError;
use crate::lock::Lock;
use crate::refusal::{WEBHOOK, is_failing_webhook, is_full};

/// How long one request may be tried again while the server is busy or away.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one attempt may take: an API server gives up a write after 34 seconds by itself, and says why.
const ATTEMPT: Duration = Duration::from_secs(35);
const FIRST_DELAY: Duration = Duration::from_millis(20);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// A connection to one API server.
#[derive(Clone)]
pub struct Client {
    pub(crate) kube: kube::Client,
    pub(crate) config: kube::Config,
    server: String,
    patience: Duration,
    /// The last `Date` that the server sent.
    date: Arc<Mutex<Option<String>>>,
    /// What has to be held when something is written.
    lock: Arc<OnceLock<Lock>>,
}

/// The server's last word on a request.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Client {
    pub(crate) fn new(kube: kube::Client, config: kube::Config, server: String) -> Self {
        Self { kube, config, server, patience: PATIENCE, date: Arc::default(), lock: Arc::default() }
    }

    /// The connection as kube has it.
    pub fn kube(&self) -> &kube::Client {
        &self.kube
    }

    /// The same connection, with another bound on how long a request is tried again.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The same connection, whose writes need no lock.
    pub(crate) fn unlocked(&self) -> Self {
        Self { lock: Arc::default(), ..self.clone() }
    }

    /// From here on writes need this lock, also those of clones. A process takes it once.
    pub fn locked_by(&self, lock: &Lock) {
        let _first_stays = self.lock.set(lock.clone());
    }

    /// The time by the server's clock when it last answered, in whole seconds, where it said one.
    pub fn server_time(&self) -> Option<Timestamp> {
        let date = self.date.lock().expect("never poisoned");
        time(date.as_deref()?)
    }

    /// Sends a request until the server gives an answer that trying again would not change. 429, 5xx and lost
    /// connections are tried again with growing delays or as the server asks (`Retry-After`); every request of
    /// ours can be repeated without harm.
    pub(crate) async fn send(&self, request: &Request<Vec<u8>>) -> Result<Reply, ClusterError> {
        self.ask(request, body::parse, |_, _| false).await
    }

    /// The same, where what the server has made of an object does not matter: of a success there is no body. `retry`
    /// names further answers to try again, given the time so far.
    pub(crate) async fn send_only(
        &self,
        request: &Request<Vec<u8>>,
        retry: impl Fn(&Reply, Duration) -> bool,
    ) -> Result<Reply, ClusterError> {
        self.ask(request, body::check, retry).await
    }

    async fn ask(
        &self,
        request: &Request<Vec<u8>>,
        success: body::Reader,
        retry: impl Fn(&Reply, Duration) -> bool,
    ) -> Result<Reply, ClusterError> {
        let start = Instant::now();
        let deadline = start + self.patience;
        let mut delay = FIRST_DELAY;
        let mut heard = None;
        loop {
            if let (false, Some(lock)) = (request.method() == Method::GET, self.lock.get()) {
                lock.ensure().await?;
            }
            // A server that accepts and never answers must not hold us up for longer than one that refuses.
            let attempt = deadline.min(Instant::now() + ATTEMPT);
            let (outcome, asked) =
                match (timeout_at(attempt, self.once(request.clone(), success)).await, heard) {
                    (Ok(answered), _) => answered,
                    // Our own limit cut it off: what the server said before says more.
                    (Err(_), Some(reply)) if attempt == deadline => return Ok(reply),
                    (Err(_), _) => (Err("it accepts the connection and does not answer".into()), None),
                };
            let again = match &outcome {
                Ok(reply) => is_temporary(reply) || retry(reply, start.elapsed()),
                Err(_) => true,
            };
            let pause = asked.map_or(delay, |asked| asked.min(self.patience));
            let last = match &outcome {
                Ok(reply) if is_failing_webhook(reply) => deadline.min(start + WEBHOOK),
                _ => deadline,
            };
            if !again || Instant::now() + pause > last {
                return outcome
                    .map_err(|message| ClusterError::Unreachable { server: self.server.clone(), message });
            }
            heard = outcome.ok();
            tokio::time::sleep(pause).await;
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    /// The same for what kube asks by itself.
    pub(crate) async fn send_by<T, F: Future<Output = Result<T, kube::Error>>>(
        &self,
        like: &ObjectRef,
        ask: impl Fn() -> F,
    ) -> Result<T, ClusterError> {
        let deadline = Instant::now() + self.patience;
        let mut delay = FIRST_DELAY;
        loop {
            let outcome = match timeout_at(deadline.min(Instant::now() + ATTEMPT), ask()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(kube::Error::Api(status))) => Ok(Reply {
                    status: StatusCode::from_u16(status.code).unwrap_or_default(),
                    body: json!({ "reason": status.reason, "message": status.message }),
                }),
                Ok(Err(error)) => Err(innermost(&error)),
                Err(_) => Err("it accepts the connection and does not answer".into()),
            };
            let again = outcome.as_ref().map_or(true, is_temporary);
            if !again || Instant::now() + delay > deadline {
                return Err(match outcome {
                    Ok(reply) => self.failure("list", like, &reply),
                    Err(message) => ClusterError::Unreachable { server: self.server.clone(), message },
                });
            }
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    async fn once(
        &self,
        request: Request<Vec<u8>>,
        success: body::Reader,
    ) -> (Result<Reply, String>, Option<Duration>) {
        let response = match self.kube.send(request.map(kube::client::Body::from)).await {
            Ok(response) => response,
            Err(error) => return (Err(innermost(&error)), None),
        };
        if let Some(date) = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok()) {
            *self.date.lock().expect("never poisoned") = Some(date.to_owned());
        }
        let asked = response.headers().get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let asked = asked.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        let status = response.status();
        match response.into_body().collect_bytes().await {
            Ok(bytes) => {
                let read = if status.is_success() { success } else { body::parse };
                let body = match read(&bytes) {
                    Ok(body) => body,
                    // A body that was cut off is no answer: half of "there is no such object" would be read as "there
                    // is no such kind".
                    Err(_) if status.is_success() || bytes.starts_with(b"{") => {
                        return (Err("the answer was cut off or is no JSON".into()), asked);
                    }
                    Err(_) => Value::from(String::from_utf8_lossy(&bytes).trim()),
                };
                (Ok(Reply { status, body }), asked)
            }
            Err(error) => (Err(innermost(&error)), asked),
        }
    }

    /// What an answer that is no success means.
    pub(crate) fn failure(&self, verb: &'static str, object: &ObjectRef, reply: &Reply) -> ClusterError {
        let message = message(&reply.body);
        let object = object.clone();
        match reply.status {
            StatusCode::UNAUTHORIZED => ClusterError::Unauthorized { server: self.server.clone(), message },
            StatusCode::FORBIDDEN if reply.body["reason"] == "Forbidden" && rbac(&message) => {
                let resource = resource(&object);
                let resource = match &object.namespace {
                    Some(namespace) => format!("{} -n {namespace}", resource.plural),
                    None => resource.plural,
                };
                ClusterError::Forbidden { verb, object, resource, message }
            }
            StatusCode::NOT_FOUND if is_kind_unknown(&reply.body) => ClusterError::KindUnknown { object },
            StatusCode::CONFLICT => {
                let conflicts = field_conflicts(&reply.body);
                match conflicts.is_empty() {
                    true => ClusterError::Changed { object },
                    false => ClusterError::Conflict { object, conflicts },
                }
            }
            status if is_temporary(reply) => ClusterError::TimedOut {
                what: format!("the API server to {verb} {object}"),
                state: vec![format!("it answered {status}: {message}")],
                after: self.patience,
            },
            status => ClusterError::Refused { object, code: status.as_u16(), message },
        }
    }
}

/// Answers that trying again may change.
fn is_temporary(reply: &Reply) -> bool {
    let busy = reply.status == StatusCode::TOO_MANY_REQUESTS || reply.status.is_server_error();
    busy && !is_full(reply)
}

/// RBAC's refusals name the user; admission's, with the same status, don't.
fn rbac(message: &str) -> bool {
    message.contains(" cannot ")
}

/// A 404 for an object names it in `details`; a 404 for a kind has no details or is no Status at all.
pub(crate) fn is_kind_unknown(body: &Value) -> bool {
    body["details"]["name"].is_null()
}

fn field_conflicts(body: &Value) -> Vec<String> {
    let causes = body["details"]["causes"].as_array().map_or(&[][..], Vec::as_slice);
    causes
        .iter()
        .filter(|cause| cause["reason"] == "FieldManagerConflict")
        .map(|cause| {
            let owner = cause["message"].as_str().unwrap_or_default().trim_start_matches("conflict with ");
            format!("{} is set by {owner}", cause["field"].as_str().unwrap_or("?").trim_start_matches('.'))
        })
        .collect()
}

pub(crate) fn message(body: &Value) -> String {
    let text = body["message"].as_str().or(body.as_str());
    text.map_or_else(|| body.to_string(), str::to_owned)
}

/// The words of the innermost cause: the outer ones only say that something failed.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

/// Resource of an object; the plural is made by the rules that every kind here follows.
pub(crate) fn resource(object: &ObjectRef) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(object.group(), object.version(), &object.kind))
}

/// Address of the collection that an object is in.
pub(crate) fn collection(object: &ObjectRef) -> Urls {
    Urls::new(DynamicObject::url_path(&resource(object), object.namespace.as_deref()))
}

/// What the HTTP header `Date` says.
fn time(date: &str) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_http_has_it() {
        assert_eq!(time("Sat, 21 Nov 2026 15:33:00 GMT"), Some("2026-11-21T15:33:00Z".parse().unwrap()));
        assert_eq!(time("soon"), None);
    }
}
