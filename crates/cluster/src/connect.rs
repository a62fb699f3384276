//! From a kubeconfig, or a token, to a connection.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Response;
use http_body_util::Limited;
use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::config::{
    AuthInfo, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext,
};
use rustls::crypto::CryptoProvider;
use secrecy::SecretString;
use tower::util::MapResponseLayer;
use tower::{BoxError, ServiceBuilder};

use crate::client::{Client, innermost};
use crate::error::ClusterError;

const USER_AGENT: &str = concat!("gitops-setup/", env!("CARGO_PKG_VERSION"));

/// How often a connection is asked whether it lives, and how long it may take to say so.
const PING: std::time::Duration = std::time::Duration::from_secs(10);
/// Bytes that the server may send before we have read them: a page of a list.
const WINDOW: u32 = 1 << 20;
/// Most bytes of one answer: a page of a list, where every object takes a third of what etcd lets it.
const LARGEST: usize = 256 << 20;

/// How an API server is reached, without who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub server: String,
    /// Certificates (PEM) of the authorities that its own may come from; the system's without.
    pub ca: Option<String>,
    /// Its certificate is not checked.
    pub insecure: bool,
    /// Name that its certificate is for, where that is not the host.
    pub server_name: Option<String>,
}

impl Endpoint {
    /// What a context of a kubeconfig says of its cluster. Without a file the default one is read.
    pub fn of(kubeconfig: Option<&Path>, context: &str) -> Result<Self, ClusterError> {
        let file = read(kubeconfig, context)?;
        let error = |message| unusable(kubeconfig, message);
        let cluster = file.contexts.iter().find(|named| named.name == context);
        let cluster = cluster.and_then(|named| named.context.as_ref()).map(|context| &context.cluster);
        let cluster = file.clusters.into_iter().find(|named| Some(&named.name) == cluster);
        let Some(cluster) = cluster.and_then(|named| named.cluster) else {
            return Err(error(format!("context {context} names a cluster that is not there")));
        };
        let ca = match (cluster.certificate_authority_data, cluster.certificate_authority) {
            (Some(data), _) => Some(decoded(&data).ok_or_else(|| {
                error(format!("certificate-authority-data of context {context} is no certificate in base64"))
            })?),
            (None, Some(path)) => Some(
                std::fs::read_to_string(&path)
                    .map_err(|source| ClusterError::File { path: path.into(), source })?,
            ),
            (None, None) => None,
        };
        Ok(Self {
            server: cluster.server.unwrap_or_default(),
            ca,
            insecure: cluster.insecure_skip_tls_verify.unwrap_or_default(),
            server_name: cluster.tls_server_name,
        })
    }
}

impl Client {
    /// Connects with a context of a kubeconfig. Without a file the default one is read (`KUBECONFIG`, or
    /// `~/.kube/config`). The context is always named: the current one is never used by accident.
    pub async fn connect(kubeconfig: Option<&Path>, context: &str) -> Result<Self, ClusterError> {
        let file = read(kubeconfig, context)?;
        Self::of(file, context).await.map_err(|message| unusable(kubeconfig, message))
    }

    /// Connects as whoever has a token.
    pub async fn with_token(endpoint: &Endpoint, token: &SecretString) -> Result<Self, ClusterError> {
        let name = "stored".to_owned();
        let cluster = kube::config::Cluster {
            server: Some(endpoint.server.clone()),
            insecure_skip_tls_verify: Some(endpoint.insecure),
            certificate_authority_data: endpoint.ca.as_ref().filter(|_| !endpoint.insecure).map(encoded),
            tls_server_name: endpoint.server_name.clone(),
            ..kube::config::Cluster::default()
        };
        let user = AuthInfo { token: Some(token.clone()), ..AuthInfo::default() };
        let context = Context { cluster: name.clone(), user: Some(name.clone()), ..Context::default() };
        let file = Kubeconfig {
            clusters: vec![NamedCluster {
                name: name.clone(),
                cluster: Some(cluster),
                ..NamedCluster::default()
            }],
            auth_infos: vec![NamedAuthInfo {
                name: name.clone(),
                auth_info: Some(user),
                ..NamedAuthInfo::default()
            }],
            contexts: vec![NamedContext {
                name: name.clone(),
                context: Some(context),
                ..NamedContext::default()
            }],
            ..Kubeconfig::default()
        };
        Self::of(file, &name).await.map_err(|message| ClusterError::Precondition {
            what: format!("how {} is reached is not usable: {message}", endpoint.server),
            next: "see its address and its certificates: cargo xtask clusters list".into(),
        })
    }

    async fn of(file: Kubeconfig, context: &str) -> Result<Self, String> {
        let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(file, &options).await;
        let mut config = config.map_err(|source| innermost(&source))?;
        config.connect_timeout = Some(std::time::Duration::from_secs(10));
        config.default_retry = false;
        // Audit logs say who asked.
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
        // A proxy from the environment can't know this machine's own loopback.
        if matches!(config.cluster_url.host(), Some("127.0.0.1" | "localhost" | "[::1]")) {
            config.proxy_url = None;
        }
        choose_cryptography();
        let server = config.cluster_url.to_string();
        let kube = multiplexed(&config)?;
        Ok(Self::new(kube, config, server))
    }

    /// A connection that can be taken over for other than HTTP, which only HTTP/1 knows a way to.
    pub(crate) fn upgradable(&self) -> Result<kube::Client, kube::Error> {
        kube::Client::try_from(self.config.clone())
    }
}

/// What kube makes of a configuration, but over HTTP/2 where the server speaks it, as client-go does: all requests
/// share one connection. Over HTTP/1 each one under way has its own, with a handshake that both sides pay for.
fn multiplexed(config: &kube::Config) -> Result<kube::Client, String> {
    let failed = |source: kube::Error| innermost(&source);
    if config.proxy_url.is_some() {
        let proxied = ClientBuilder::try_from(config.clone()).map_err(failed)?;
        return Ok(proxied.with_layer(&MapResponseLayer::new(limited)).build());
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(config.connect_timeout);
    let tls = config.rustls_client_config().map_err(failed)?;
    let mut https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    if let Some(name) = &config.tls_server_name {
        let name = name.clone().try_into().map_err(|_| format!("{name} is no name of a server"))?;
        https = https.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let http = Http::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        // A connection that died without a word is given up; with HTTP/1, every request finds out for itself.
        .http2_keep_alive_interval(PING)
        .http2_keep_alive_timeout(PING)
        .http2_initial_stream_window_size(WINDOW)
        .http2_initial_connection_window_size(WINDOW)
        .build::<_, Body>(https.enable_all_versions().wrap_connector(tcp));
    let service = ServiceBuilder::new()
        .map_response(limited)
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(failed)?)
        .layer(config.extra_headers_layer().map_err(failed)?)
        .map_err(BoxError::from)
        .service(http);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}

/// An answer that ends with an error where it goes on and on.
fn limited<B>(response: Response<B>) -> Response<Limited<B>> {
    response.map(|body| Limited::new(body, LARGEST))
}

/// In a build with more than one provider of cryptography, TLS would panic unless one is chosen. Another repository
/// that embeds this may bring one: what it has chosen itself stays.
fn choose_cryptography() {
    if CryptoProvider::get_default().is_none() {
        let _chosen_meanwhile = rustls::crypto::ring::default_provider().install_default();
    }
}

/// A kubeconfig that has a context of this name.
fn read(kubeconfig: Option<&Path>, context: &str) -> Result<Kubeconfig, ClusterError> {
    let file = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let file = file.map_err(|source| unusable(kubeconfig, innermost(&source)))?;
    let names: Vec<&str> = file.contexts.iter().map(|named| named.name.as_str()).collect();
    match names.as_slice() {
        names if names.contains(&context) => Ok(file),
        [] => Err(unusable(kubeconfig, format!("there is no context {context}, nor any other"))),
        names => {
            let message = format!("there is no context {context}; there are: {}", names.join(", "));
            Err(unusable(kubeconfig, message))
        }
    }
}

fn unusable(kubeconfig: Option<&Path>, message: String) -> ClusterError {
    let path = kubeconfig.map_or("$KUBECONFIG or ~/.kube/config".into(), |path| path.display().to_string());
    ClusterError::Kubeconfig { path, message }
}

fn decoded(data: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(data.trim()).ok()?;
    String::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN CERTIFICATE-----"))
}

fn encoded(pem: &String) -> String {
    BASE64_STANDARD.encode(pem)
}
