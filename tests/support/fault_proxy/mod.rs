//! A proxy between a client and an API server, which disturbs what goes through it.
//!
//! It speaks TLS and plain HTTP to the client, in whatever version of HTTP the client asks for: kube's client names
//! none by ALPN and speaks HTTP/1.1, on as many connections as there are requests at once.

mod disturb;
mod schedule;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use kube::config::{KubeConfigOptions, Kubeconfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::git_server::tls::Tls;
use disturb::{Body, Lost};
pub use schedule::{Drawn, Fault, Schedule, Seen};

/// The first byte of a connection that speaks TLS (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// The proxy. It goes with its runtime.
pub struct FaultProxy {
    address: SocketAddr,
    authority: String,
    shared: Arc<Shared>,
    // Dropped last: connections that wait end with it.
    _runtime: tokio::runtime::Runtime,
}

/// When a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before the server is asked.
    Before,
    /// After it has answered, and before the client hears of it.
    After,
}

struct Shared {
    upstream: kube::Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    schedule: Option<Schedule>,
    hold: Option<Hold>,
    /// How often a request came, by method and path.
    times: HashMap<(Method, String), usize>,
    requests: usize,
    log: Vec<String>,
}

struct Hold {
    at: usize,
    when: When,
    held: Sender<String>,
    until: Arc<Notify>,
}

impl FaultProxy {
    /// Starts one for the server that the current context of a kubeconfig names, asking as its user.
    pub fn start(kubeconfig: &Path) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let tls = Tls::generate().expect("a certificate");
        let (acceptor, authority) = (acceptor(&tls), tls.authority);
        let (listener, upstream) = runtime.block_on(async {
            let file = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
            let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
            let mut config = config.expect("a usable kubeconfig");
            config.proxy_url = None;
            config.default_retry = false;
            let upstream = kube::Client::try_from(config).expect("a client");
            (TcpListener::bind("127.0.0.1:0").await.expect("a free port"), upstream)
        });
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared { upstream, state: Mutex::default() });
        runtime.spawn(accept(listener, acceptor, Arc::clone(&shared)));
        Self { address, authority, shared, _runtime: runtime }
    }

    /// A kubeconfig that leads through it, with the contexts `proxied` (plain HTTP) and `proxied-tls`.
    pub fn kubeconfig(&self) -> String {
        let authority = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &self.authority);
        let tls =
            json!({ "server": format!("https://{}", self.address), "certificate-authority-data": authority });
        let plain = json!({ "server": format!("http://{}", self.address) });
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "plain", "cluster": plain }, { "name": "tls", "cluster": tls }],
            "users": [{ "name": "proxied", "user": {} }],
            "contexts": [
                { "name": "proxied", "context": { "cluster": "plain", "user": "proxied" } },
                { "name": "proxied-tls", "context": { "cluster": "tls", "user": "proxied" } },
            ],
        })
        .to_string()
    }

    /// Disturbs from here on as the schedule says; without one, nothing. Counts anew.
    pub fn follow(&self, schedule: Option<Schedule>) {
        *self.state() = State { schedule, ..State::default() };
    }

    /// Holds the request with this number (from 0), and says when it has come. Counts anew.
    pub fn hold(&self, at: usize, when: When) -> Held {
        let ((held, came), until) = (channel(), Arc::new(Notify::new()));
        let hold = Hold { at, when, held, until: Arc::clone(&until) };
        *self.state() = State { hold: Some(hold), ..State::default() };
        Held { came, until }
    }

    /// How many requests came since the count began.
    pub fn requests(&self) -> usize {
        self.state().requests
    }

    /// What was disturbed since the count began.
    pub fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.state.lock().expect("never poisoned")
    }
}

/// A request that is being held, or will be.
#[derive(Debug)]
pub struct Held {
    came: Receiver<String>,
    until: Arc<Notify>,
}

impl Held {
    /// Waits for it; gives its method and path, or `None` where it has not come within the time.
    pub fn wait(&self, within: Duration) -> Option<String> {
        self.came.recv_timeout(within).ok()
    }

    /// Lets it go: the server is asked now. Only for one that is held before that.
    pub fn release(&self) {
        self.until.notify_one();
    }
}

fn acceptor(tls: &Tls) -> TlsAcceptor {
    let certificates = CertificateDer::pem_slice_iter(tls.certificate.as_bytes()).collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_slice(tls.key.as_bytes()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(certificates.expect("certificates"), key);
    let mut config = config.expect("a key that fits");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    // Every second connection is cut by a reset (RST) where it is cut at all, the others by an end (FIN). With
    // HTTP/2, two of four are cut with all requests on them; of the others, one request alone is.
    for number in 0_u64.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        if number % 2 == 0 {
            stream.set_zero_linger().ok();
        }
        stream.set_nodelay(true).ok();
        tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&shared), number % 4 < 2));
    }
}

/// `whole`: what cuts one request off cuts the connection.
async fn connection(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>, whole: bool) {
    let ended = Arc::new(Notify::new());
    let end = Arc::clone(&ended);
    let service = service_fn(move |request| {
        let (answer, end) = (answer(Arc::clone(&shared), request), Arc::clone(&end));
        async move {
            let cut = move |lost| {
                if whole {
                    end.notify_one();
                }
                lost
            };
            let answer = answer.await.map_err(&cut)?;
            Ok::<_, Lost>(answer.map(|body| body.map_err(cut)))
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let served = async {
        let mut first = [0];
        // A client that goes away is no concern of the proxy's.
        match stream.peek(&mut first).await {
            Ok(1) if first[0] == TLS_HANDSHAKE => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    drop(builder.serve_connection(TokioIo::new(stream), service).await);
                }
            }
            _ => drop(builder.serve_connection(TokioIo::new(stream), service).await),
        }
    };
    tokio::select! {
        () = served => {}
        () = ended.notified() => {}
    }
}

/// One request and what becomes of it. An error cuts it off.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Lost> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (hold, fault) = {
        let mut state = shared.state.lock().expect("never poisoned");
        let number = state.requests;
        state.requests += 1;
        let times = state.times.entry((parts.method.clone(), path.clone())).or_default();
        let seen = Seen { method: parts.method.clone(), path: path.clone(), times: *times, number };
        *times += 1;
        let fault = state.schedule.as_ref().and_then(|schedule| schedule.fault(&seen));
        if let Some(fault) = fault {
            state.log.push(format!("{number}: {} {path}: {fault:?}", parts.method));
        }
        let hold = state.hold.as_ref().filter(|hold| hold.at == number);
        (hold.map(|hold| (hold.when, hold.held.clone(), Arc::clone(&hold.until))), fault)
    };
    let what = format!("{} {path}", parts.method);
    let ask = ask(&shared.upstream, &parts, &path, body);
    match hold {
        Some((When::Before, held, until)) => {
            held.send(what).ok();
            until.notified().await;
            ask.await
        }
        Some((When::After, held, _)) => {
            let answer = ask.await?;
            // Of what ends by itself, all has to be there; a watch goes on.
            let is_watch = path.contains("watch=true");
            let _whole = if is_watch { None } else { answer.into_body().collect().await.ok() };
            held.send(what).ok();
            std::future::pending().await
        }
        None => disturb::disturbed(fault, ask).await,
    }
}

/// Asks the server in the client's place.
async fn ask(
    upstream: &kube::Client,
    parts: &http::request::Parts,
    path: &str,
    body: Bytes,
) -> Result<Response<Body>, Lost> {
    let mut request = Request::builder().method(parts.method.clone()).uri(path);
    for (name, value) in &parts.headers {
        if !matches!(
            name.as_str(),
            "host" | "content-length" | "connection" | "authorization" | "accept-encoding"
        ) {
            request = request.header(name, value);
        }
    }
    let request = request.body(kube::client::Body::from(body)).map_err(|_| Lost)?;
    let (mut parts, body) = upstream.send(request).await.map_err(|_| Lost)?.into_parts();
    for name in ["content-length", "transfer-encoding", "connection"] {
        parts.headers.remove(name);
    }
    Ok(Response::from_parts(parts, body.map_err(|_| Lost).boxed_unsync()))
}
