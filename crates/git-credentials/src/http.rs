//! One thin HTTP client: for the first request of the Git protocol, and for the APIs of Git hosts.

mod answer;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use manifests::webhooks::is_this_machine;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use ureq::http::{Method, Request, Response, request};
use ureq::tls::{PemItem, RootCerts, TlsConfig};

pub use answer::Answer;
pub(crate) use answer::{hide, one_line, quoted};

use crate::remote::Trust;

/// No answer that is asked for here comes near this size: a list of 100,000 branches has 10 MB.
const MAX_BYTES: u64 = 64 << 20;

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
    /// A token alone, by the name that Gogs has for it.
    Token(SecretString),
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
            Self::Token(token) => format!("token {}", token.expose_secret()).into(),
        }
    }

    /// All that a host must not repeat: the token, and what of it stands in the header.
    pub(crate) fn secrets(&self) -> Vec<SecretString> {
        let (Self::Basic { token, .. } | Self::Bearer(token) | Self::Token(token)) = self;
        let header = self.header();
        let sent = header.expose_secret().split_once(' ').map_or("", |(_, sent)| sent);
        vec![sent.into(), token.clone()]
    }

    /// Another's text without the secrets, should it repeat what it was sent.
    pub(crate) fn hidden_in(&self, text: &str) -> String {
        hide(text, &self.secrets())
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

/// The client. Blocking; follows no redirects, so that nothing secret goes anywhere else.
pub struct Http {
    agent: ureq::Agent,
}

impl Http {
    /// A client that trusts as it is told, each of whose requests takes at most `timeout`. Proxies are those of
    /// the environment, and none for this machine itself, which no proxy can know. Fails where `trust.ca` holds no certificate.
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
        self.send(Method::GET, url, accept, who, None)
    }

    /// Sends JSON to an address.
    pub fn post(
        &self,
        url: &str,
        accept: &str,
        who: Option<&Authorization>,
        body: &Value,
    ) -> Result<Answer, Broken> {
        self.send(Method::POST, url, accept, who, Some(body))
    }

    /// Sends a request, with JSON where there is a body.
    pub fn send(
        &self,
        method: Method,
        url: &str,
        accept: &str,
        who: Option<&Authorization>,
        body: Option<&Value>,
    ) -> Result<Answer, Broken> {
        let mut request = Request::builder().method(method).uri(url).header("Accept", accept);
        if let Some(who) = who {
            request = request.header("Authorization", who.header().expose_secret());
        }
        let mut answer = self.run(request, body.map(Value::to_string).as_deref().map(str::as_bytes))?;
        answer.secrets = who.map(Authorization::secrets).unwrap_or_default();
        Ok(answer)
    }

    /// Posts JSON to an address as it is, byte by byte, with headers that may be secret: what
    /// [`signed`](crate::signature::signed) gives holds for these bytes alone.
    pub fn deliver(
        &self,
        url: &str,
        headers: &[(&'static str, SecretString)],
        body: &[u8],
    ) -> Result<Answer, Broken> {
        let mut request = Request::builder().method(Method::POST).uri(url);
        for (name, value) in headers {
            request = request.header(*name, value.expose_secret());
        }
        let mut answer = self.run(request, Some(body))?;
        answer.secrets = headers.iter().map(|(_, value)| value.clone()).collect();
        Ok(answer)
    }

    fn run(&self, request: request::Builder, body: Option<&[u8]>) -> Result<Answer, Broken> {
        // Says which part of the request is impossible, and not its value.
        let bad = |error: ureq::http::Error| Broken::Other(format!("it can't be asked for: {error}"));
        answer(match body {
            Some(body) => {
                let request = request.header("Content-Type", "application/json").body(body);
                self.agent.run(self.on_its_way(request.map_err(bad)?))
            }
            None => self.agent.run(self.on_its_way(request.body(()).map_err(bad)?)),
        })
    }

    /// The request without a proxy where it stays on this machine.
    fn on_its_way<B: ureq::AsSendBody>(&self, request: Request<B>) -> Request<B> {
        let place = request.uri().authority().map_or("", |authority| authority.as_str());
        match is_this_machine(place.rsplit('@').next().unwrap_or(place)) {
            true => self.agent.configure_request(request).proxy(None).build(),
            false => request,
        }
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

fn answer(result: Result<Response<ureq::Body>, ureq::Error>) -> Result<Answer, Broken> {
    let (parts, body) = result.map_err(broken)?.into_parts();
    let body = body.into_with_config().limit(MAX_BYTES).read_to_vec().map_err(broken)?;
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body, secrets: Vec::new() })
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
            // The signature is wrong where another authority has the same name.
            UnknownIssuer | BadSignature => Broken::UnknownAuthority,
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

    #[test]
    fn a_token_never_shows_itself() {
        let who = Authorization::Basic { username: "bob".into(), token: "hush".into() };
        assert_eq!(who.header().expose_secret(), "Basic Ym9iOmh1c2g=");
        assert!(!format!("{who:?} {:?}", Authorization::Bearer("hush".into())).contains("hush"));
        let body = b"Basic Ym9iOmh1c2g= is hush".to_vec();
        let answer = Answer { status: 400, headers: Default::default(), body, secrets: who.secrets() };
        assert_eq!(answer.words(), "Basic (hidden) is (hidden)");
        // A token that it has just made is no secret that was sent.
        let answer = Answer { body: br#"{"token":"fresh"}"#.to_vec(), ..answer };
        let shown = format!("{answer:?}");
        assert_eq!(shown, "Answer { status: 400, bytes: 17, .. }");
    }

    #[test]
    fn certificates_to_trust_are_certificates() {
        let trust = Trust { ca: Some("nonsense".into()), ..Trust::default() };
        assert!(matches!(Http::new(&trust, Duration::from_secs(1)), Err(Broken::BadCa(_))));
    }
}
