//! A double of Argo CD's server, as far as sessions go. It follows the published API (`server/session` and
//! `util/session` in Argo CD's source): what it answers, how it locks a user out, and when it rejects a token. It
//! speaks HTTP or TLS, as whoever connects does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// Failures after which a user is locked out.
const MOST_FAILURES: usize = 5;

/// How it answers. May be changed while it runs.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// Root path without a slash at its end.
    pub root: String,
    /// Password of `admin`.
    pub password: String,
    /// Failed logins so far.
    pub failures: usize,
    /// When the password was changed, in seconds since 1970.
    pub changed: i64,
    /// Logins that it judges by an older password, before it hears of this one.
    pub late: usize,
    /// `admin.enabled`.
    pub enabled: bool,
    /// Something in front of it limits requests.
    pub limited: bool,
}

/// Runs as long as the tests.
#[derive(Debug)]
pub struct ArgoCd {
    /// Where it listens, among other addresses of this machine.
    pub address: SocketAddr,
    /// Its certificate (PEM), for `localhost`, signed by itself as Argo CD's own is.
    pub certificate: String,
    /// The token that it gives.
    pub token: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    behaviour: Mutex<Behaviour>,
    token: String,
    issued: i64,
    asked: Mutex<Vec<String>>,
}

impl ArgoCd {
    /// Starts it, with this root path and password.
    pub fn start(root: &str, password: &str) -> Self {
        let issued = jiff::Timestamp::now().as_second();
        let token = token(issued);
        let behaviour = Behaviour {
            root: root.into(),
            password: password.into(),
            failures: 0,
            changed: 0,
            late: 0,
            enabled: true,
            limited: false,
        };
        let (certificate, tls) = identity();
        // By way of 0.0.0.0 it is reached as if from outside.
        let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let shared = Arc::new(Shared {
            behaviour: behaviour.into(),
            token: token.clone(),
            issued,
            asked: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, tls) = (Arc::clone(&served), Arc::clone(&tls));
                // Clients that go away, or don't like the certificate, are part of what is tested.
                std::thread::spawn(move || serve(stream, &shared, tls).ok());
            }
        });
        Self { address, certificate, token, shared }
    }

    /// How it answers.
    pub fn behaviour(&self) -> MutexGuard<'_, Behaviour> {
        self.shared.behaviour.lock().expect("never poisoned")
    }

    /// Method and path of every request since this was asked last.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().expect("never poisoned"))
    }
}

/// A JWT whose signature only this double would know.
fn token(issued: i64) -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("random numbers");
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "iss": "argocd", "sub": "admin:login", "iat": issued });
    let header = part(&json!({ "alg": "HS256", "typ": "JWT" }));
    format!("{header}.{}.{}", part(&claims), BASE64_URL_SAFE_NO_PAD.encode(random))
}

fn identity() -> (String, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "argocd-server".to_owned()]);
    let made = made.expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key);
    (made.cert.pem(), Arc::new(config.expect("a key that fits")))
}

fn serve(stream: TcpStream, shared: &Shared, tls: Arc<ServerConfig>) -> std::io::Result<()> {
    let mut first = [0];
    stream.peek(&mut first)?;
    // What begins a handshake begins no method.
    if first == [0x16] {
        let session = ServerConnection::new(tls).map_err(std::io::Error::other)?;
        return converse(StreamOwned::new(session, stream), shared);
    }
    converse(stream, shared)
}

/// One request and its answer. The whole request is read: to close with bytes unread would reset the connection.
fn converse(mut stream: impl Read + Write, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(&mut stream);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        // A connection that was only tried.
        return Ok(());
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut length, mut bearer) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "authorization" => bearer = value.strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    shared.asked.lock().expect("never poisoned").push(format!("{method} {path}"));
    let (status, more, answer) = shared.answer(&method, &path, &body, bearer.as_deref());
    let kind = if answer.starts_with('{') { "application/json" } else { "text/html" };
    let length = answer.len();
    let head = format!("HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}{more}Connection: close\r\n\r\n{answer}").as_bytes())?;
    stream.flush()
}

type Answer = (u16, &'static str, String);

impl Shared {
    fn answer(&self, method: &str, path: &str, body: &[u8], bearer: Option<&str>) -> Answer {
        let mut behaviour = self.behaviour.lock().expect("never poisoned");
        let page = (200, "", "<!doctype html><title>Argo CD</title>".to_owned());
        let Some(path) = path.strip_prefix(&behaviour.root) else {
            return (404, "", "404 page not found".into());
        };
        match (method, path) {
            ("GET", "/api/version") => (200, "", json!({ "Version": "v3.5.1+5e2e1e4" }).to_string()),
            ("POST", "/api/v1/session") if behaviour.limited => (429, "Retry-After: 30\r\n", String::new()),
            ("POST", "/api/v1/session") => match behaviour.log_in(body) {
                Ok(()) => (200, "", json!({ "token": self.token }).to_string()),
                Err(words) => (401, "", json!({ "error": words, "code": 16, "message": words }).to_string()),
            },
            ("GET", "/api/v1/session/userinfo") => {
                let known = bearer == Some(self.token.as_str()) && self.issued >= behaviour.changed;
                // What is false or empty is left out.
                let info = json!({ "loggedIn": true, "username": "admin", "iss": "argocd" });
                (200, "", if known { info } else { json!({}) }.to_string())
            }
            // The UI finds its own way.
            _ if !path.starts_with("/api/") || behaviour.root.is_empty() => page,
            _ => (404, "", json!({ "error": "Not Found", "code": 5, "message": "Not Found" }).to_string()),
        }
    }
}

impl Behaviour {
    fn log_in(&mut self, body: &[u8]) -> Result<(), &'static str> {
        const WRONG: &str = "Invalid username or password";
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        if self.failures >= MOST_FAILURES {
            return Err(WRONG);
        }
        if self.late > 0 {
            self.late -= 1;
            self.failures += 1;
            return Err(WRONG);
        }
        if body["username"] != "admin" || body["password"] != self.password.as_str() {
            self.failures += 1;
            return Err(WRONG);
        }
        if !self.enabled {
            return Err("Account admin is disabled");
        }
        self.failures = 0;
        Ok(())
    }
}
