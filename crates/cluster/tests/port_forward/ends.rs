//! How connections end.

use std::io::ErrorKind;
use std::time::Duration;

use cluster::ClusterError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{DATA, ERROR, Pod, Server, soon, web};

async fn connected(server: &mut Server) -> (cluster::port_forward::Forward, TcpStream, Pod) {
    let forward = server.forward().await;
    let local = TcpStream::connect(forward.local_addr()).await.unwrap();
    let pod = server.arrival().await;
    (forward, local, pod)
}

async fn rest(local: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    soon(local.read_to_end(&mut bytes)).await?;
    Ok(bytes)
}

#[tokio::test]
async fn bytes_go_both_ways_until_the_pod_ends() {
    let mut server = Server::start(&["web-1"]).await;
    let (forward, mut local, mut pod) = connected(&mut server).await;
    assert!(forward.local_addr().ip().is_loopback());
    local.write_all(b"question").await.unwrap();
    pod.hears(b"question").await;
    pod.says(DATA, b"ans").await;
    pod.says(DATA, b"wer").await;
    pod.closes().await;
    assert_eq!(rest(&mut local).await.unwrap(), b"answer");
    assert!(server.queries().iter().all(|query| query.contains("labelSelector=app%3Dweb")));
}

#[tokio::test]
async fn who_ends_writing_still_gets_the_answer() {
    let mut server = Server::start(&["web-1"]).await;
    let (_forward, mut local, mut pod) = connected(&mut server).await;
    local.write_all(b"question").await.unwrap();
    local.shutdown().await.unwrap();
    pod.hears(b"question").await;
    pod.says(DATA, &[b'a'; 100_000]).await;
    pod.closes().await;
    assert_eq!(rest(&mut local).await.unwrap().len(), 100_000);
}

#[tokio::test]
async fn a_reset_of_the_client_ends_the_pods_side() {
    let mut server = Server::start(&["web-1"]).await;
    let (_forward, local, pod) = connected(&mut server).await;
    local.set_zero_linger().unwrap();
    drop(local);
    pod.ends().await;
}

#[tokio::test]
async fn the_pods_error_resets_the_client_and_is_told() {
    let mut server = Server::start(&["web-1"]).await;
    let (mut forward, mut local, mut pod) = connected(&mut server).await;
    pod.says(ERROR, b"dial tcp4 127.0.0.1:8080: connect: connection refused").await;
    let error = rest(&mut local).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let error = soon(forward.failure()).await.unwrap();
    let ClusterError::Forward { object, port, .. } = &error else { panic!("{error}") };
    assert_eq!((object.name.as_str(), *port), ("web-1", 8080));
    let text = error.to_string();
    assert!(text.contains("Pod/web-1 in demo, port 8080: dial tcp4"), "{text}");
    assert!(text.contains("kubectl logs web-1 -n demo"), "{text}");
}

#[tokio::test]
async fn a_lost_connection_resets_the_client_and_is_told() {
    let mut server = Server::start(&["web-1"]).await;
    let (mut forward, mut local, mut pod) = connected(&mut server).await;
    pod.says(DATA, b"half").await;
    let mut half = [0; 4];
    soon(local.read_exact(&mut half)).await.unwrap();
    drop(pod);
    assert_eq!(rest(&mut local).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let error = soon(forward.failure()).await.unwrap().to_string();
    assert!(error.contains("the connection to the cluster was lost"), "{error}");
}

#[tokio::test]
async fn dropped_it_stops_everything() {
    let mut server = Server::start(&["web-1"]).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let (forward, mut local, pod) = connected(&mut server).await;
    let address = forward.local_addr();
    assert!(tasks() > before);
    drop(forward);
    pod.ends().await;
    assert!(rest(&mut local).await.is_ok_and(|bytes| bytes.is_empty()));
    // Connections are refused as soon as the listener is gone.
    soon(async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Those of the listener, of its connections, and of the client below them.
    soon(async {
        while tasks() > before {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_needs_no_local_port() {
    let mut server = Server::start(&["web-1"]).await;
    let client = server.client().await;
    let mut stream = soon(client.stream(&web(), "plain")).await.unwrap();
    let mut pod = server.arrival().await;
    stream.write_all(b"question").await.unwrap();
    stream.shutdown().await.unwrap();
    pod.hears(b"question").await;
    pod.says(DATA, b"answer").await;
    pod.closes().await;
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, b"answer");
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error_that_says_why() {
    let mut server = Server::start(&["web-1"]).await;
    let client = server.client().await;
    let mut stream = soon(client.stream(&web(), 80)).await.unwrap();
    let mut pod = server.arrival().await;
    pod.says(DATA, b"half").await;
    pod.says(ERROR, b"the container has ended").await;
    let mut answer = Vec::new();
    let error = soon(stream.read_to_end(&mut answer)).await.unwrap_err();
    assert_eq!(answer, b"half");
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<ClusterError>());
    assert!(matches!(cause, Some(ClusterError::Forward { .. })), "{error}");
    assert!(error.to_string().contains("the container has ended"), "{error}");
    pod.ends().await;
}

#[tokio::test]
async fn a_stream_that_is_dropped_ends_the_pods_side() {
    let mut server = Server::start(&["web-1"]).await;
    let client = server.client().await;
    let stream = soon(client.stream(&web(), 80)).await.unwrap();
    let pod = server.arrival().await;
    drop(stream);
    // Much sooner than a pod that is silent is given up.
    tokio::time::timeout(Duration::from_secs(20), pod.ends()).await.unwrap();
}

#[tokio::test]
async fn connections_at_once_are_not_mixed_up() {
    let mut server = Server::start(&["web-1"]).await;
    let forward = server.forward().await;
    let clients = (0..20_u8).map(|number| {
        let address = forward.local_addr();
        tokio::spawn(async move {
            let mut local = TcpStream::connect(address).await.unwrap();
            local.write_all(&[number; 1000]).await.unwrap();
            (number, rest(&mut local).await.unwrap())
        })
    });
    let clients: Vec<_> = clients.collect();
    for _ in &clients {
        let mut pod = server.arrival().await;
        tokio::spawn(async move {
            let heard = pod.hears_some().await;
            pod.says(DATA, &heard[..1]).await;
            pod.closes().await;
        });
    }
    for client in clients {
        let (number, answer) = soon(client).await.unwrap();
        assert_eq!(answer, [number]);
    }
}
