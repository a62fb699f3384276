//! One thin HTTP client: for the first request of the Git protocol, and for the APIs of Git hosts.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::{HeaderMap, Response};
use ureq::tls::{PemItem, RootCerts, TlsConfig};

use crate::remote::Trust;

/// No answer that is asked for here comes near this size: a list of 100,000 branches has 10 MB.
const MAX_BYTES: u64 = 64 << 20;
/// Characters of a host's own words that an error repeats.
const MAX_WORDS: usize = 300;

/// Who asks.
#[derive(Clone, Debug)]
pub enum Authorization {
    /// User and token.
    Basic {
        /// User.
        username: String,
        /// Token or password.
        token: SecretString,
    },
    /// A token alone.
    Bearer(SecretString),
}

impl Authorization {
    /// The value of the header `Authorization`.
    pub fn header(&self) -> SecretString {
        match self {
            Self::Basic { username, token } => {
                let pair = format!("{username}:{}", token.expose_secret());
                format!("Basic {}", BASE64_STANDARD.encode(pair)).into()
            }
            Self::Bearer(token) => format!("Bearer {}", token.expose_secret()).into(),
        }
    }

    /// Text of a host's without the secrets, should it repeat what it was sent.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        let (Self::Basic { token, .. } | Self::Bearer(token)) = self;
        let header = self.header();
        let sent = header.expose_secret().split_once(' ').map_or("", |(_, sent)| sent);
        let secrets = [sent, token.expose_secret()].into_iter().filter(|secret| !secret.is_empty());
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "(hidden)"))
    }
}

/// Why there is no answer. Says nothing of where: the caller knows the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// The name can't be resolved.
    #[error("there is no such host")]
    NoSuchHost,
    /// No connection.
    #[error("no connection: {0}")]
    NoConnection(String),
    /// Nothing came in time.
    #[error("no answer in time")]
    TimedOut,
    /// The certificate is from an authority that isn't trusted.
    #[error("its certificate is from an authority that is not trusted here")]
    UnknownAuthority,
    /// The certificate is an authority's own, shown by a host as its own.
    #[error("its certificate is signed by itself")]
    SelfSigned,
    /// The certificate is past its time, or before it.
    #[error("its certificate is expired or not valid yet")]
    Expired,
    /// The certificate is another host's.
    #[error("its certificate is for another name")]
    WrongName,
    /// Whoever answers there speaks no TLS.
    #[error("it does not speak TLS there")]
    NotTls,
    /// Anything else about TLS.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// The certificates that were configured to be trusted are none.
    #[error("the configured certificates are not readable: {0}")]
    BadCa(String),
    /// Anything else, such as an answer that is no HTTP.
    #[error("{0}")]
    Other(String),
}

/// What a host answered.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most 64 MiB.
    pub body: Vec<u8>,
    /// Who asked.
    pub(crate) who: Option<Authorization>,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Broken> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Broken::Other(format!("it answered something else than expected: {error}")))
    }

    /// Seconds to wait, where the host asks for that.
    pub fn retry_after(&self) -> Option<u64> {
        self.header("retry-after")?.trim().parse().ok()
    }

    /// Whether this means: asked too often. GitHub says so by 403 as well.
    pub fn is_rate_limit(&self) -> bool {
        let used_up = self.header("x-ratelimit-remaining") == Some("0") || self.retry_after().is_some();
        self.status == 429 || (self.status == 403 && used_up)
    }

    /// The host's own words, in one line: the message of a JSON answer, or a short text. Pages are left out, and
    /// so is what is secret.
    pub fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let words = match serde_json::from_slice::<Value>(&self.body) {
            Ok(value) => json_words(&value),
            Err(_) if self.header("content-type").is_some_and(|kind| kind.contains("html")) => String::new(),
            Err(_) if text.starts_with('<') => String::new(),
            Err(_) => text.into_owned(),
        };
        one_line(&self.who.as_ref().map_or(words.clone(), |who| who.hidden_in(&words)))
    }
}

/// `message` and what its `errors` say, in the forms that GitHub, GitLab, Bitbucket and Gitea have.
fn json_words(value: &Value) -> String {
    let mut words = Vec::new();
    for key in ["message", "error", "error_description", "errors", "detail"] {
        match value.get(key) {
            Some(Value::String(text)) => words.push(text.clone()),
            Some(Value::Array(list)) => words.extend(list.iter().map(json_words)),
            Some(Value::Object(map)) => words.extend(map.iter().map(|(name, value)| match value {
                Value::String(text) => text.clone(),
                Value::Array(list) => {
                    format!("{name} {}", list.iter().map(plain).collect::<Vec<_>>().join(", "))
                }
                _ => String::new(),
            })),
            _ => {}
        }
    }
    words.retain(|text| !text.is_empty());
    words.join("; ")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Text of another's as an error may repeat it: without line breaks, control characters and length.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_WORDS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The client. Blocking; follows no redirects, so that nothing secret goes anywhere else.
pub struct Http {
    agent: ureq::Agent,
}

impl Http {
    /// A client that trusts as it is told, each of whose requests takes at most `timeout`. Proxies are those of
    /// the environment. Fails where `trust.ca` holds no certificate.
    pub fn new(trust: &Trust, timeout: Duration) -> Result<Self, Broken> {
        let roots = match &trust.ca {
            Some(pem) => RootCerts::Specific(Arc::new(certificates(pem)?)),
            None => RootCerts::PlatformVerifier,
        };
        let tls = TlsConfig::builder().root_certs(roots).disable_verification(trust.insecure).build();
        let agent = ureq::Agent::config_builder()
            .user_agent(concat!("gitops-setup/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(timeout))
            .tls_config(tls)
            .build()
            .new_agent();
        Ok(Self { agent })
    }

    /// Gets what is at an address.
    pub fn get(&self, url: &str, accept: &str, who: Option<&Authorization>) -> Result<Answer, Broken> {
        let mut request = self.agent.get(url).header("Accept", accept);
        if let Some(who) = who {
            request = request.header("Authorization", who.header().expose_secret());
        }
        answer(request.call(), who)
    }

    /// Sends JSON to an address.
    pub fn post(
        &self,
        url: &str,
        accept: &str,
        who: Option<&Authorization>,
        body: &Value,
    ) -> Result<Answer, Broken> {
        let mut request =
            self.agent.post(url).header("Accept", accept).header("Content-Type", "application/json");
        if let Some(who) = who {
            request = request.header("Authorization", who.header().expose_secret());
        }
        answer(request.send(body.to_string()), who)
    }
}

fn certificates(pem: &str) -> Result<Vec<ureq::tls::Certificate<'static>>, Broken> {
    let mut found = Vec::new();
    for item in ureq::tls::parse_pem(pem.as_bytes()) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|error| Broken::BadCa(one_line(&error.to_string())))?
        {
            found.push(certificate);
        }
    }
    match found.is_empty() {
        true => Err(Broken::BadCa("there is no BEGIN CERTIFICATE in them".into())),
        false => Ok(found),
    }
}

fn answer(
    result: Result<Response<ureq::Body>, ureq::Error>,
    who: Option<&Authorization>,
) -> Result<Answer, Broken> {
    let (parts, body) = result.map_err(broken)?.into_parts();
    let body = body.into_with_config().limit(MAX_BYTES).read_to_vec().map_err(broken)?;
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, who: who.cloned() })
}

fn broken(error: ureq::Error) -> Broken {
    match error {
        ureq::Error::HostNotFound => Broken::NoSuchHost,
        ureq::Error::Timeout(_) => Broken::TimedOut,
        ureq::Error::ConnectionFailed => Broken::NoConnection("it can't be reached".into()),
        ureq::Error::ConnectProxyFailed(why) => Broken::NoConnection(format!("the proxy refused: {why}")),
        ureq::Error::Rustls(error) => tls(&error),
        ureq::Error::Tls(why) => Broken::Tls(why.to_owned()),
        ureq::Error::Io(error) => io_error(&error),
        error => Broken::Other(format!("it answered no HTTP ({error})")),
    }
}

fn io_error(error: &io::Error) -> Broken {
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls(error);
    }
    // The standard library has no kind for it.
    if error.to_string().starts_with("failed to lookup address") {
        return Broken::NoSuchHost;
    }
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Broken::TimedOut,
        io::ErrorKind::UnexpectedEof => {
            Broken::NoConnection("it closed the connection without an answer".into())
        }
        _ => Broken::NoConnection(error.to_string()),
    }
}

fn tls(error: &rustls::Error) -> Broken {
    use rustls::CertificateError::*;
    match error {
        rustls::Error::InvalidMessage(_) => Broken::NotTls,
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            UnknownIssuer => Broken::UnknownAuthority,
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => Broken::Expired,
            NotValidForName | NotValidForNameContext { .. } => Broken::WrongName,
            // The verifier has no variant for it; an authority's certificate that serves itself is meant.
            Other(other) if other.to_string().contains("CaUsedAsEndEntity") => Broken::SelfSigned,
            other => Broken::Tls(other.to_string()),
        },
        error => Broken::Tls(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse::<ureq::http::HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        Answer { status, headers, body: body.into(), who: None }
    }

    #[test]
    fn the_words_of_every_host_are_found() {
        for (body, expected) in [
            (r#"{"message":"Bad credentials","documentation_url":"x"}"#, "Bad credentials"),
            (
                r#"{"message":"Repository creation failed.","errors":[{"resource":"Repository","code":"custom","field":"name","message":"name already exists on this account"}]}"#,
                "Repository creation failed.; name already exists on this account",
            ),
            (r#"{"message":{"path":["has already been taken"]}}"#, "path has already been taken"),
            (
                r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges"}"#,
                "insufficient_scope; The request requires higher privileges",
            ),
            (r#"{"type":"error","error":{"message":"Access denied"}}"#, "Access denied"),
            ("Repository\n not\u{1b}[31m found", "Repository not [31m found"),
            ("<!DOCTYPE html><p>Sign in", ""),
        ] {
            assert_eq!(answered(400, &[], body).words(), expected);
        }
        assert_eq!(answered(400, &[("content-type", "text/html")], "hello").words(), "");
        assert!(answered(400, &[], &"x ".repeat(900)).words().chars().count() <= MAX_WORDS + 1);
    }

    #[test]
    fn asked_too_often_is_told_from_refused() {
        assert!(answered(429, &[], "").is_rate_limit());
        assert!(answered(403, &[("x-ratelimit-remaining", "0")], "").is_rate_limit());
        assert!(!answered(403, &[("x-ratelimit-remaining", "9")], "").is_rate_limit());
        assert_eq!(answered(429, &[("retry-after", "60")], "").retry_after(), Some(60));
    }

    #[test]
    fn a_token_never_shows_itself() {
        let who = Authorization::Basic { username: "bob".into(), token: "hush".into() };
        assert_eq!(who.header().expose_secret(), "Basic Ym9iOmh1c2g=");
        assert!(!format!("{who:?} {:?}", Authorization::Bearer("hush".into())).contains("hush"));
        assert_eq!(who.hidden_in("Basic Ym9iOmh1c2g= is hush"), "Basic (hidden) is (hidden)");
    }

    #[test]
    fn certificates_to_trust_are_certificates() {
        let trust = Trust { ca: Some("nonsense".into()), ..Trust::default() };
        assert!(matches!(Http::new(&trust, Duration::from_secs(1)), Err(Broken::BadCa(_))));
    }
}
