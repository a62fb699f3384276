//! Whether an API server is reached, takes a token, and lets its owner do what is needed.

use std::time::Duration;

use http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::argocd::{TlsFailure, sorted};
use crate::client::Client;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(15);

/// An API server that answers whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its version, as it writes it.
    pub version: String,
    /// Namespaces in which not everything is allowed; `*` for the whole cluster.
    pub lacking: Vec<String>,
}

/// Why an API server can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The name of the host is not known.
    #[error("there is no host of that name")]
    UnknownHost,
    /// Nobody listens.
    #[error("the connection is refused: nobody listens there")]
    Refused,
    /// Nothing comes back, or nothing that could be understood.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// There is no trust.
    #[error("{0}")]
    Tls(TlsFailure),
    /// The token is not taken.
    #[error("the token is not accepted (401)")]
    Unauthorized,
    /// The token is taken, and its owner may not even ask.
    #[error("the token is accepted, and its owner may not ask (403): {0}")]
    Forbidden(String),
    /// Any other answer.
    #[error("it answers {code}: {message}")]
    Answer {
        /// HTTP status.
        code: u16,
        /// Its words.
        message: String,
    },
}

impl ProbeError {
    /// It says something of where it was asked from, and nothing of the server.
    pub fn is_about_the_way(&self) -> bool {
        matches!(self, Self::UnknownHost | Self::Refused | Self::NoAnswer(_))
    }
}

impl Client {
    /// Asks for the version, and whether everything is allowed in these namespaces, or in the whole cluster where
    /// there are none. Asks once: nothing is tried again.
    pub async fn probe(&self, namespaces: &[String]) -> Result<Probe, ProbeError> {
        let version = Request::get("/version").body(Vec::new()).expect("a fixed path");
        let version = self.asked(version).await?["gitVersion"].as_str().unwrap_or("unknown").to_owned();
        let mut lacking = Vec::new();
        let all = [String::from("*")];
        for namespace in if namespaces.is_empty() { &all } else { namespaces } {
            if !self.may_do_everything(namespace).await? {
                lacking.push(namespace.clone());
            }
        }
        Ok(Probe { version, lacking })
    }

    async fn may_do_everything(&self, namespace: &str) -> Result<bool, ProbeError> {
        let mut attributes = json!({ "group": "*", "resource": "*", "verb": "*" });
        if namespace != "*" {
            attributes["namespace"] = namespace.into();
        }
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": attributes },
        });
        let request = Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(review.to_string().into_bytes())
            .expect("a fixed path");
        Ok(self.asked(request).await?["status"]["allowed"] == true)
    }

    async fn asked(&self, request: Request<Vec<u8>>) -> Result<Value, ProbeError> {
        let answered = tokio::time::timeout(ANSWER, async {
            let response = self.kube.send(request.map(kube::client::Body::from)).await;
            let response = response.map_err(|error| told_apart(&error))?;
            let status = response.status();
            let bytes = response.into_body().collect_bytes().await.map_err(|error| told_apart(&error))?;
            Ok((status, serde_json::from_slice::<Value>(&bytes).unwrap_or_default()))
        });
        let (status, body) = match answered.await {
            Ok(answered) => answered?,
            Err(_) => return Err(ProbeError::NoAnswer("it takes the connection and says nothing".into())),
        };
        let message = || body["message"].as_str().unwrap_or("no reason given").to_owned();
        match status {
            StatusCode::UNAUTHORIZED => Err(ProbeError::Unauthorized),
            StatusCode::FORBIDDEN => Err(ProbeError::Forbidden(message())),
            status if status.is_success() && body.is_object() => Ok(body),
            status if status.is_success() => Err(ProbeError::NoAnswer("it is no API server".into())),
            status => Err(ProbeError::Answer { code: status.as_u16(), message: message() }),
        }
    }
}

fn told_apart(error: &(dyn std::error::Error + 'static)) -> ProbeError {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(known) = known(current) {
            return known;
        }
        next = current.source();
    }
    ProbeError::NoAnswer(crate::client::innermost(error))
}

fn known(error: &(dyn std::error::Error + 'static)) -> Option<ProbeError> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(ProbeError::Tls(sorted(tls)));
    }
    let io = error.downcast_ref::<std::io::Error>()?;
    match io.kind() {
        std::io::ErrorKind::ConnectionRefused => Some(ProbeError::Refused),
        // The standard library has no kind for it.
        _ if io.to_string().contains("failed to lookup address") => Some(ProbeError::UnknownHost),
        // The source of such an error is that of what it holds, which would be passed over.
        _ => io.get_ref().and_then(|inner| known(inner)),
    }
}
