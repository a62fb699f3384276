//! Opening a connection to a pod through the API server.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use futures::StreamExt;
use http::StatusCode;
use manifests::ObjectRef;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::pump::GOODBYE;
use super::resolve::{Endpoint, ServicePort};
use crate::client::{Client, Reply, collection, innermost};
use crate::error::ClusterError;

/// How long it may take to find a pod and to reach it, with all attempts.
const WITHIN: Duration = Duration::from_secs(30);
/// How long one pod may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Pods tried for one connection.
const ATTEMPTS: usize = 3;

/// A WebSocket of any transport.
pub(super) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for T {}

/// The way to the pods of a Service.
pub(super) struct Route {
    client: Client,
    service: ObjectRef,
    port: ServicePort,
    /// Name of the pod that answered last: a browser's many connections had better reach one.
    last: Mutex<Option<String>>,
}

impl Route {
    pub(super) fn new(client: Client, service: ObjectRef, port: ServicePort) -> Self {
        Self { client, service, port, last: Mutex::default() }
    }

    /// Opens a connection to a Ready pod. One that can't be reached, because it has just gone, leaves the next one
    /// to be tried.
    pub(super) async fn open(
        &self,
    ) -> Result<(WebSocketStream<impl Transport + use<>>, Endpoint), ClusterError> {
        let opened = timeout(WITHIN, self.try_pods()).await;
        let (socket, endpoint) = opened.unwrap_or_else(|_| Err(self.too_late()))?;
        *self.last.lock().expect("never poisoned") = Some(endpoint.pod.name.clone());
        Ok((socket, endpoint))
    }

    /// Opens one and ends it: whatever keeps connections from working is then known.
    pub(super) async fn check(&self) -> Result<(), ClusterError> {
        let (mut socket, _) = self.open().await?;
        timeout(GOODBYE, socket.close(None)).await.ok();
        Ok(())
    }

    async fn try_pods(&self) -> Result<(WebSocketStream<impl Transport + use<>>, Endpoint), ClusterError> {
        let mut failure = None;
        let mut tried = BTreeSet::new();
        while tried.len() < ATTEMPTS {
            // Each time as it is now: a pod that is going is no longer Ready.
            let Some(endpoint) = self.choose(&tried).await? else { break };
            match self.client.open(&endpoint).await {
                Ok(socket) => return Ok((socket, endpoint)),
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => failure = Some(error),
            }
            tried.insert(endpoint.pod.name);
        }
        Err(failure.unwrap_or_else(|| self.too_late()))
    }

    /// The pod of the last connection if it is still Ready, or else the first that was not tried.
    async fn choose(&self, tried: &BTreeSet<String>) -> Result<Option<Endpoint>, ClusterError> {
        let mut endpoints = self.client.endpoints(&self.service, &self.port).await?;
        endpoints.retain(|endpoint| !tried.contains(&endpoint.pod.name));
        let last = self.last.lock().expect("never poisoned").clone();
        let same = endpoints.iter().position(|endpoint| Some(&endpoint.pod.name) == last.as_ref());
        Ok(endpoints.into_iter().nth(same.unwrap_or(0)))
    }

    fn too_late(&self) -> ClusterError {
        ClusterError::TimedOut {
            what: format!("a connection to port {} of {}", self.port, self.service),
            state: Vec::new(),
            after: WITHIN,
        }
    }
}

/// What no other pod would change.
fn is_final(error: &ClusterError) -> bool {
    matches!(error, ClusterError::Forbidden { .. } | ClusterError::Unauthorized { .. })
}

/// A connection that failed, and where to look.
pub(super) fn broken(endpoint: &Endpoint, message: String) -> ClusterError {
    let Endpoint { pod, port } = endpoint;
    let namespace = pod.namespace.as_deref().unwrap_or("default");
    let next = if message.contains("dialing backend") {
        format!("the API server can't reach its node: kubectl get pod {} -n {namespace} -o wide", pod.name)
    } else if message.contains("refused") {
        format!("nothing listens on that port in the pod: kubectl logs {} -n {namespace}", pod.name)
    } else {
        format!("is the pod well? kubectl describe pod {} -n {namespace}", pod.name)
    };
    ClusterError::Forward { object: pod.clone(), port: *port, message, next }
}

impl Client {
    async fn open(
        &self,
        endpoint: &Endpoint,
    ) -> Result<WebSocketStream<impl Transport + use<>>, ClusterError> {
        let request = collection(&endpoint.pod)
            .portforward(&endpoint.pod.name, &[endpoint.port])
            .map_err(|error| broken(endpoint, error.to_string()))?;
        let opened = timeout(ATTEMPT, async {
            let connection = match self.upgradable() {
                Ok(kube) => kube.connect(request).await,
                Err(error) => Err(error),
            };
            let connection = connection.map_err(|error| self.refusal(endpoint, &error))?;
            let mut socket = connection.into_stream();
            greet(&mut socket, endpoint.port).await.map_err(|message| broken(endpoint, message))?;
            Ok(socket)
        });
        let silent = || broken(endpoint, format!("no answer within {} s", ATTEMPT.as_secs()));
        opened.await.unwrap_or_else(|_| Err(silent()))
    }

    fn refusal(&self, endpoint: &Endpoint, error: &kube::Error) -> ClusterError {
        let kube::Error::Api(status) = error else { return broken(endpoint, innermost(error)) };
        let code = StatusCode::from_u16(status.code).unwrap_or_default();
        if let Some(verb) = missing_right(code, &status.message) {
            let namespace = endpoint.pod.namespace.as_deref().unwrap_or("default");
            return ClusterError::Forbidden {
                verb,
                // As the server's own paths name it.
                object: ObjectRef {
                    name: format!("{}/portforward", endpoint.pod.name),
                    ..endpoint.pod.clone()
                },
                resource: format!("pods --subresource=portforward -n {namespace}"),
                message: status.message.trim_end_matches([':', ' ']).to_owned(),
            };
        }
        let body = json!({ "reason": status.reason, "message": status.message });
        match self.failure("get", &endpoint.pod, &Reply { status: code, body }) {
            unauthorized @ ClusterError::Unauthorized { .. } => unauthorized,
            _ => broken(endpoint, status.message.clone()),
        }
    }
}

/// A WebSocket is asked for by GET, for which `get` on pods/portforward is needed; from 1.35 on, servers also want
/// `create`, the right that other clients' POST needs, and where that one is missing they don't say why. Admission
/// gives its reason.
fn missing_right(code: StatusCode, message: &str) -> Option<&'static str> {
    if code != StatusCode::FORBIDDEN {
        return None;
    }
    match message.trim_end() {
        message if message.contains(" cannot get ") => Some("get"),
        message if message.contains(" cannot create ") => Some("create"),
        message if message.ends_with("is forbidden:") || message.contains("is forbidden: RBAC:") => {
            Some("create")
        }
        _ => None,
    }
}

/// Reads the first message of both channels, which say which port they are for.
async fn greet<S: Transport>(socket: &mut WebSocketStream<S>, port: u16) -> Result<(), String> {
    let mut greeted = [false; 2];
    while greeted != [true; 2] {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => match bytes[..] {
                [channel @ (0 | 1), low, high]
                    if !greeted[usize::from(channel)] && u16::from_le_bytes([low, high]) == port =>
                {
                    greeted[usize::from(channel)] = true;
                }
                _ => return Err("the server does not begin as port forwarding does".into()),
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Err(error)) => return Err(innermost(&error)),
            Some(Ok(_)) | None => return Err("the server ended the connection before it began".into()),
        }
    }
    Ok(())
}
