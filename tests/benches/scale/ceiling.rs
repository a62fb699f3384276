//! The most that a server takes: the same patches by a bare loop over one HTTP/2 connection.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::client::ConfigExt;
use kube::config::{KubeConfigOptions, Kubeconfig};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The word by which this program is told to be the loop: as a process of its own its CPU can be told.
pub(crate) const WORD: &str = "ceiling";
const IN_FLIGHT: usize = 64;

type Failed = Box<dyn Error + Send + Sync>;

/// Sends all requests of a file, and prints how many microseconds that took.
pub(crate) fn run(kubeconfig: &Path, requests: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let text = std::fs::read_to_string(requests).expect("it was written before");
    let requests: Vec<(&str, Bytes)> = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(path, body)| (path, Bytes::copy_from_slice(body.as_bytes())))
        .collect();
    let took = runtime.block_on(async {
        let start = Instant::now();
        let sender = connect(kubeconfig).await?;
        stream::iter(requests)
            .map(|(path, body)| apply(sender.clone(), path, body))
            .buffer_unordered(IN_FLIGHT)
            .try_collect::<()>()
            .await?;
        Ok::<_, Failed>(start.elapsed())
    });
    println!("{}", took.expect("every request is taken").as_micros());
}

async fn connect(kubeconfig: &Path) -> Result<SendRequest<Full<Bytes>>, Failed> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    let mut tls = config.rustls_client_config()?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let host = config.cluster_url.host().ok_or("no host")?.to_owned();
    let stream = TcpStream::connect((host.as_str(), config.cluster_url.port_u16().ok_or("no port")?)).await?;
    stream.set_nodelay(true)?;
    let stream = TlsConnector::from(Arc::new(tls)).connect(ServerName::try_from(host)?, stream).await?;
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn apply(mut sender: SendRequest<Full<Bytes>>, path: &str, body: Bytes) -> Result<(), Failed> {
    let request = Request::patch(format!("https://localhost{path}?fieldManager=ceiling&force=true"))
        .header("Content-Type", HeaderValue::from_static("application/apply-patch+yaml"))
        .header("User-Agent", "ceiling")
        .body(Full::new(body))?;
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status.is_success() { Ok(()) } else { Err(format!("{path}: {status} {body:?}").into()) }
}
