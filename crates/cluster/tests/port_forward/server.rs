//! An API server with a Service, its pods, and port forwarding: each connection to a pod is handed to the test, which
//! is the pod from there on.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cluster::Client;
use futures::{SinkExt, StreamExt};
use manifests::{Object, ObjectRef};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

pub(crate) const DATA: u8 = 0;
pub(crate) const ERROR: u8 = 1;
const PODS: &str = "/api/v1/namespaces/demo/pods";
const SERVICE: &str = "/api/v1/namespaces/demo/services/web";

/// Whatever ends only much later than it should does not end.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(25), work).await.expect("it does not end")
}

pub(crate) fn web() -> ObjectRef {
    ObjectRef::namespaced("v1", "Service", "demo", "web")
}

pub(crate) fn service(spec: Value) -> Value {
    Object::new(&web()).with("spec", spec).into()
}

pub(crate) fn pod(name: &str, ready: bool) -> Value {
    let ready = if ready { "True" } else { "False" };
    let condition =
        json!({ "type": "Ready", "status": ready, "reason": "ContainersNotReady", "message": "[web]" });
    let container = json!({ "name": "web", "ports": [{ "name": "http", "containerPort": 8080 }] });
    Object::new(&ObjectRef::namespaced("v1", "Pod", "demo", name))
        .with("spec", json!({ "containers": [container] }))
        .with("status", json!({ "conditions": [condition] }))
        .into()
}

/// What there is, and how an attempt to reach a pod goes.
pub(crate) struct World {
    pub(crate) service: Value,
    pub(crate) pods: Vec<Value>,
    /// A status other than 101 for these pods, with a reason and a message.
    pub(crate) refused: Vec<(&'static str, u16, &'static str, &'static str)>,
    /// The first messages of a connection, where they are not as they should be.
    pub(crate) greeting: Option<Vec<Vec<u8>>>,
    queries: Vec<String>,
}

pub(crate) struct Server {
    address: String,
    world: Arc<Mutex<World>>,
    arrivals: mpsc::UnboundedReceiver<Pod>,
}

/// The pod's end of a connection.
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) socket: WebSocketStream<TcpStream>,
}

impl Server {
    /// A Service `web` with port 80, and pods that are Ready.
    pub(crate) async fn start(pods: &[&str]) -> Self {
        let ports = json!([{ "name": "plain", "port": 80, "targetPort": "http" }]);
        let world = Arc::new(Mutex::new(World {
            service: service(json!({ "selector": { "app": "web" }, "ports": ports })),
            pods: pods.iter().map(|name| pod(name, true)).collect(),
            refused: Vec::new(),
            greeting: None,
            queries: Vec::new(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let shared = Arc::clone(&world);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that goes away in the middle is part of what is tested.
                tokio::spawn(answer(stream, Arc::clone(&shared), arrived.clone()));
            }
        });
        Self { address, world, arrivals }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
    }

    /// Queries of lists of pods.
    pub(crate) fn queries(&self) -> Vec<String> {
        self.world.lock().unwrap().queries.clone()
    }

    pub(crate) async fn client(&self) -> Client {
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "c", "cluster": { "server": self.address } }],
            "users": [{ "name": "u", "user": {} }],
            "contexts": [{ "name": "scripted", "context": { "cluster": "c", "user": "u" } }],
        });
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        std::fs::write(&path, kubeconfig.to_string()).unwrap();
        Client::connect(Some(&path), "scripted").await.unwrap().with_patience(Duration::from_secs(1))
    }

    /// The next connection to a pod.
    pub(crate) async fn arrival(&mut self) -> Pod {
        soon(self.arrivals.recv()).await.unwrap()
    }

    /// A forward of port 80. Its connection beforehand has come and gone.
    pub(crate) async fn forward(&mut self) -> cluster::port_forward::Forward {
        let client = self.client().await;
        let forward = soon(client.forward(&web(), 80, None)).await.unwrap();
        self.arrival().await.ends().await;
        forward
    }
}

impl Pod {
    pub(crate) async fn says(&mut self, channel: u8, bytes: &[u8]) {
        soon(self.socket.send(Message::Binary([&[channel], bytes].concat().into()))).await.unwrap();
    }

    /// What comes until as much as this came.
    pub(crate) async fn hears(&mut self, wanted: &[u8]) {
        let mut heard = Vec::new();
        while heard.len() < wanted.len() {
            heard.extend(self.hears_some().await);
        }
        assert_eq!(heard, wanted);
    }

    /// What the next message brings.
    pub(crate) async fn hears_some(&mut self) -> Vec<u8> {
        match soon(self.socket.next()).await {
            Some(Ok(Message::Binary(bytes))) => {
                assert_eq!(bytes[0], DATA, "clients send data alone");
                bytes[1..].to_vec()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Ends as a pod does whose program closes.
    pub(crate) async fn closes(mut self) {
        soon(self.socket.close(None)).await.unwrap();
    }

    /// Waits until the other side has closed or is gone.
    pub(crate) async fn ends(mut self) {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => panic!("more came: {message:?}"),
            }
        }
    }
}

async fn answer(
    mut stream: TcpStream,
    world: Arc<Mutex<World>>,
    arrived: mpsc::UnboundedSender<Pod>,
) -> std::io::Result<()> {
    let head = read_head(&mut stream).await?;
    let target = head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if let Some(name) = path.strip_prefix(PODS).and_then(|rest| rest.strip_suffix("/portforward")) {
        return upgrade(stream, &head, name.trim_start_matches('/'), query, &world, &arrived).await;
    }
    let (status, body) = {
        let mut world = world.lock().unwrap();
        match path {
            SERVICE if world.service.is_null() => {
                (404, failure(404, "NotFound", "services \"web\" not found"))
            }
            SERVICE => (200, world.service.clone()),
            PODS => {
                world.queries.push(query.to_owned());
                (200, json!({ "apiVersion": "v1", "kind": "PodList", "items": world.pods }))
            }
            _ => (404, json!("404 page not found")),
        }
    };
    whole(&mut stream, status, &body).await
}

async fn upgrade(
    mut stream: TcpStream,
    head: &str,
    name: &str,
    query: &str,
    world: &Mutex<World>,
    arrived: &mpsc::UnboundedSender<Pod>,
) -> std::io::Result<()> {
    assert_eq!(query.trim_start_matches('&'), "ports=8080");
    let header = |wanted: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.to_owned())
    };
    let (refusal, greeting) = {
        let world = world.lock().unwrap();
        let refusal = world.refused.iter().find(|(pod, ..)| *pod == name).copied();
        let usual = || [DATA, ERROR].map(|channel| vec![channel, 0x90, 0x1f]).to_vec();
        (refusal, world.greeting.clone().unwrap_or_else(usual))
    };
    if let Some((_, code, reason, message)) = refusal {
        return whole(&mut stream, code, &failure(code, reason, message)).await;
    }
    assert!(header("sec-websocket-protocol").unwrap().contains("v4.channel.k8s.io"));
    let accept = derive_accept_key(header("sec-websocket-key").unwrap().as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    for message in greeting {
        match socket.send(Message::Binary(message.into())).await {
            Ok(()) => {}
            Err(Error::Io(error)) => return Err(error),
            Err(error) => panic!("{error}"),
        }
    }
    // A test that has ended asks for no more.
    arrived.send(Pod { name: name.to_owned(), socket }).ok();
    Ok(())
}

fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure",
        "code": code, "reason": reason, "message": message, "details": { "name": "web" },
    })
}

async fn whole(stream: &mut TcpStream, status: u16, body: &Value) -> std::io::Result<()> {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}

async fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
