//! Argo CD's own API, as far as sessions go.
//!
//! Passwords and tokens travel in bodies and headers only, and no error repeats an answer that could hold one.

mod error;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use ureq::http::{Request, Response, StatusCode, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig};

pub(crate) use error::sorted;
pub use error::{ApiError, TlsFailure};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long one request may take: Argo CD answers a login a second late on purpose.
const ANSWER: Duration = Duration::from_secs(15);
/// More than any answer that is asked for here.
const MAX_BYTES: u64 = 1 << 20;

/// The API at one address.
#[derive(Clone, Debug)]
pub struct Api {
    agent: ureq::Agent,
    base: String,
}

/// An answer: its status, its body where that is JSON, and what else says whose it is.
struct Answer {
    status: StatusCode,
    body: Option<Value>,
    location: Option<String>,
    retry_after: Option<String>,
}

impl Api {
    /// The API under `base`, Argo CD's root path included. `trusted` holds the certificates (PEM) that are trusted
    /// instead of the system's authorities. No request follows a redirect, so that no password goes elsewhere.
    pub fn new(base: &str, trusted: Option<&str>) -> Self {
        let roots = match trusted.map(certificates) {
            Some(certificates) => RootCerts::Specific(Arc::new(certificates)),
            None => RootCerts::PlatformVerifier,
        };
        let config = ureq::Agent::config_builder()
            .user_agent(concat!("gitops-setup/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(ANSWER))
            .tls_config(TlsConfig::builder().root_certs(roots).build());
        // A proxy can't know this machine's own loopback, where a forwarded port listens by IPv4 alone.
        let agent = match is_loopback(base) {
            true => config.proxy(None).ip_family(ureq::config::IpFamily::Ipv4Only).build().new_agent(),
            false => config.build().new_agent(),
        };
        Self { agent, base: format!("{}/", base.trim_end_matches('/')) }
    }

    /// Where it is, with a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Nobody on the way can listen: by TLS, or without leaving this machine.
    pub fn is_confidential(&self) -> bool {
        self.base.starts_with("https://") || is_loopback(&self.base)
    }

    /// Version of Argo CD: the one question that whoever answers it can only be Argo CD, at this very path.
    pub async fn version(&self) -> Result<String, ApiError> {
        let answer = self.ask(Request::get(self.url("api/version")), None).await?;
        match answer.json("Version") {
            Some(version) => Ok(version.to_owned()),
            None => Err(self.no_argocd(&answer)),
        }
    }

    /// Logs in; gives the token.
    pub async fn log_in(&self, username: &str, password: &SecretString) -> Result<SecretString, ApiError> {
        let body = json!({ "username": username, "password": password.expose_secret() });
        let request =
            Request::post(self.url("api/v1/session")).header(header::CONTENT_TYPE, "application/json");
        let answer = self.ask(request, Some(body.to_string().into())).await?;
        match answer.status.as_u16() {
            200 => match answer.json("token") {
                Some(token) => Ok(token.into()),
                None => Err(self.no_argocd(&answer)),
            },
            429 => Err(ApiError::TooMany { url: self.base.clone(), after: answer.retry_after }),
            _ => Err(match answer.words().filter(|_| answer.status == StatusCode::UNAUTHORIZED) {
                Some("Invalid username or password") => ApiError::WrongPassword { url: self.base.clone() },
                Some(words) => ApiError::Refused { url: self.base.clone(), words: short(words, password) },
                None => self.failed(&answer, password),
            }),
        }
    }

    /// Whether a token is taken for a user's who is logged in.
    pub async fn is_logged_in(&self, token: &SecretString) -> Result<bool, ApiError> {
        let bearer = format!("Bearer {}", token.expose_secret());
        let request = Request::get(self.url("api/v1/session/userinfo")).header(header::AUTHORIZATION, bearer);
        let answer = self.ask(request, None).await?;
        match (answer.status.as_u16(), &answer.body) {
            // What is false is left out.
            (200, Some(Value::Object(info))) => {
                Ok(info.get("loggedIn").and_then(Value::as_bool) == Some(true))
            }
            (401 | 403, Some(_)) => Ok(false),
            _ => Err(self.failed(&answer, token)),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// On a thread for what blocks: an interrupt is heard meanwhile.
    async fn ask(
        &self,
        request: ureq::http::request::Builder,
        body: Option<SecretString>,
    ) -> Result<Answer, ApiError> {
        let agent = self.agent.clone();
        let work = move || match body {
            Some(body) => agent.run(request.body(body.expose_secret().to_owned())?).and_then(answer),
            None => agent.run(request.body(())?).and_then(answer),
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(asked) => asked.map_err(|error| ApiError::of(&self.base, &error)),
            Err(error) => Err(ApiError::Unreachable { url: self.base.clone(), why: error.to_string() }),
        }
    }

    fn no_argocd(&self, answer: &Answer) -> ApiError {
        let status = answer.status.as_u16();
        let why = match (&answer.location, &answer.body) {
            (Some(location), _) => format!("it answers {status} and leads on to {location}"),
            (None, Some(_)) => format!("it answers {status}, and not as Argo CD does"),
            (None, None) => format!("it answers {status} with a page instead of JSON"),
        };
        ApiError::NotArgoCd { url: self.base.clone(), why }
    }

    fn failed(&self, answer: &Answer, secret: &SecretString) -> ApiError {
        match answer.words() {
            Some(words) if answer.status.is_client_error() && answer.status != StatusCode::NOT_FOUND => {
                ApiError::Refused { url: self.base.clone(), words: short(words, secret) }
            }
            _ if answer.status.is_server_error() => {
                let why = format!("it answers {}", answer.status);
                ApiError::Unreachable { url: self.base.clone(), why }
            }
            _ => self.no_argocd(answer),
        }
    }
}

impl Answer {
    /// A text of an answer that is good.
    fn json(&self, key: &str) -> Option<&str> {
        self.body.as_ref().filter(|_| self.status == StatusCode::OK)?[key].as_str()
    }

    /// What Argo CD says of a failure.
    fn words(&self) -> Option<&str> {
        let body = self.body.as_ref()?;
        body["message"].as_str().or(body["error"].as_str())
    }
}

fn answer(response: Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let (parts, body) = response.into_parts();
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (location, retry_after) = (text(header::LOCATION), text(header::RETRY_AFTER));
    let bytes = body.into_with_config().limit(MAX_BYTES).read_to_vec()?;
    Ok(Answer { status: parts.status, body: serde_json::from_slice(&bytes).ok(), location, retry_after })
}

/// One line of another's, without the secret, should it repeat what it was sent.
fn short(words: &str, secret: &SecretString) -> String {
    let line = words.lines().next().unwrap_or_default().replace(secret.expose_secret(), "(hidden)");
    line.chars().take(200).collect()
}

fn certificates(pem: &str) -> Vec<ureq::tls::Certificate<'static>> {
    let items = ureq::tls::parse_pem(pem.as_bytes()).filter_map(Result::ok);
    items.filter_map(|item| if let PemItem::Certificate(found) = item { Some(found) } else { None }).collect()
}

fn is_loopback(base: &str) -> bool {
    let host = base.split_once("://").map_or(base, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    host == "localhost" || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_here_or_is_encrypted_is_confidential() {
        for (base, confidential) in [
            ("http://127.0.0.1:8080/argocd", true),
            ("http://localhost:8080/", true),
            ("https://192.0.2.1/argocd/", true),
            ("http://192.0.2.1/argocd/", false),
            ("http://127.0.0.1.example.com/", false),
            ("http://[2001:db8::1]/", false),
        ] {
            assert_eq!(Api::new(base, None).is_confidential(), confidential, "{base}");
        }
    }

    #[test]
    fn words_of_others_hold_no_secret_and_one_line() {
        assert_eq!(short("no: hush is wrong\nmore", &"hush".into()), "no: (hidden) is wrong");
    }
}
