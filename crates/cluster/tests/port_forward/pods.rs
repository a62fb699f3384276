//! Which pod a connection goes to.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::server::{Server, pod, soon};

/// A connection that the pod ends at once: who it was.
async fn next(server: &mut Server, forward: &cluster::port_forward::Forward) -> String {
    let mut local = TcpStream::connect(forward.local_addr()).await.unwrap();
    let pod = server.arrival().await;
    let name = pod.name.clone();
    pod.closes().await;
    assert_eq!(soon(local.read(&mut [0])).await.unwrap(), 0);
    name
}

#[tokio::test]
async fn a_pod_is_kept_until_it_is_not_ready_and_left_for_one_that_is() {
    let mut server = Server::start(&["web-2"]).await;
    let forward = server.forward().await;
    assert_eq!(next(&mut server, &forward).await, "web-2");
    server.change(|world| world.pods = vec![pod("web-1", true), pod("web-2", true)]);
    assert_eq!(next(&mut server, &forward).await, "web-2", "the same as long as it can be");
    server.change(|world| world.pods = vec![pod("web-1", false), pod("web-2", false), pod("web-3", true)]);
    assert_eq!(next(&mut server, &forward).await, "web-3");
    server.change(|world| world.pods = vec![pod("web-4", true)]);
    assert_eq!(next(&mut server, &forward).await, "web-4");
}

#[tokio::test]
async fn a_pod_that_is_being_deleted_is_left_although_it_is_ready() {
    let mut server = Server::start(&["web-1"]).await;
    let forward = server.forward().await;
    server.change(|world| {
        world.pods[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        world.pods.push(pod("web-2", true));
    });
    assert_eq!(next(&mut server, &forward).await, "web-2");
}

#[tokio::test]
async fn a_pod_that_has_just_gone_is_passed_over() {
    let mut server = Server::start(&["web-1"]).await;
    let forward = server.forward().await;
    server.change(|world| {
        world.pods.push(pod("web-2", true));
        world.refused.push(("web-1", 404, "NotFound", "pods \"web-1\" not found"));
    });
    assert_eq!(next(&mut server, &forward).await, "web-2");
}

#[tokio::test]
async fn a_connection_that_finds_no_pod_is_told_and_the_next_one_works() {
    let mut server = Server::start(&["web-1"]).await;
    let mut forward = server.forward().await;
    server.change(|world| world.pods = vec![pod("web-1", false)]);
    let mut local = TcpStream::connect(forward.local_addr()).await.unwrap();
    soon(local.read(&mut [0])).await.unwrap_err();
    let error = soon(forward.failure()).await.unwrap().to_string();
    assert!(error.contains("Service/web in demo has no pod that is Ready"), "{error}");
    server.change(|world| world.pods = vec![pod("web-2", true)]);
    assert_eq!(next(&mut server, &forward).await, "web-2");
}
