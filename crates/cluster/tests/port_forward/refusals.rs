//! What keeps a port from being forwarded is told before anybody connects, with the next step.

use cluster::ClusterError;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::server::{DATA, ERROR, Server, World, pod, service, soon, web};

async fn refused(change: impl FnOnce(&mut World)) -> ClusterError {
    let server = Server::start(&["web-1"]).await;
    server.change(change);
    let client = server.client().await;
    soon(client.forward(&web(), 80, None)).await.unwrap_err()
}

#[track_caller]
fn says(error: &ClusterError, words: &[&str]) {
    let text = error.to_string();
    for words in words {
        assert!(text.contains(words), "no `{words}` in: {text}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_there() {
    let error = refused(|world| world.service = Value::Null).await;
    says(&error, &["Service/web in demo is not there", "kubectl get services -n demo"]);
}

#[tokio::test]
async fn a_service_without_a_selector() {
    let error = refused(|world| world.service = service(json!({ "ports": [{ "port": 80 }] }))).await;
    says(&error, &["Service/web in demo has no selector", "kubectl describe service web -n demo"]);
}

#[tokio::test]
async fn a_port_that_the_service_has_not() {
    let ports = json!([{ "name": "https", "port": 443 }, { "name": "dns", "port": 80, "protocol": "UDP" }]);
    let spec = json!({ "selector": { "app": "web" }, "ports": ports });
    let error = refused(|world| world.service = service(spec)).await;
    says(&error, &["Service/web in demo has no TCP port 80", "choose one of its ports: 443 (https)"]);
}

#[tokio::test]
async fn a_named_port_that_no_pod_has() {
    let error = refused(|world| world.pods[0]["spec"] = json!({ "containers": [{ "name": "web" }] })).await;
    says(&error, &["the port http of its pods", "kubectl get pod web-1 -n demo -o yaml"]);
}

#[tokio::test]
async fn pods_that_are_not_ready_are_named_with_why() {
    let error = refused(|world| {
        let mut crashing = pod("web-2", false);
        let waiting = json!({ "reason": "CrashLoopBackOff", "message": "back-off 5m0s" });
        crashing["status"]["containerStatuses"] = json!([{ "name": "web", "state": { "waiting": waiting } }]);
        let mut going = pod("web-3", true);
        going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        let mut new = pod("web-4", false);
        new["status"] = json!({ "phase": "Pending" });
        world.pods = vec![pod("web-1", false), crashing, going, new];
    })
    .await;
    says(
        &error,
        &[
            "Service/web in demo has no pod that is Ready:",
            "Pod/web-1: ContainersNotReady: [web]",
            "Pod/web-2: container web: CrashLoopBackOff back-off 5m0s",
            "Pod/web-3: is being deleted",
            "Pod/web-4: Pending",
            "kubectl describe pods -n demo -l app=web",
        ],
    );
    let error = refused(|world| world.pods.clear()).await;
    says(&error, &["Service/web in demo has no pods (there is none with app=web)"]);
}

#[tokio::test]
async fn who_may_not_forward_is_told_which_right_is_missing() {
    for (verb, message) in [
        ("get", "pods \"web-1\" is forbidden: User \"ann\" cannot get resource \"pods/portforward\" in ..."),
        (
            "create",
            "pods \"web-1\" is forbidden: User \"ann\" cannot create resource \"pods/portforward\" in ...",
        ),
        // RBAC has nothing to say where it was asked for a right on the way.
        ("create", "pods \"web-1\" is forbidden: "),
        ("create", "pods \"web-1\" is forbidden: RBAC: role.rbac.authorization.k8s.io \"ann\" not found"),
    ] {
        let error = refused(|world| {
            world.pods.push(pod("web-2", true));
            world.refused.push(("web-1", 403, "Forbidden", message));
        })
        .await;
        assert!(matches!(error, ClusterError::Forbidden { .. }), "{error}");
        let check = format!("kubectl auth can-i {verb} pods --subresource=portforward -n demo");
        says(&error, &["Pod/web-1/portforward in demo", "pods \"web-1\" is forbidden", &check]);
    }
}

#[tokio::test]
async fn a_policy_that_refuses_says_why_itself() {
    let why = "admission webhook \"no-forwards.example\" denied the request: not in production";
    let error = refused(|world| world.refused.push(("web-1", 403, "Forbidden", why))).await;
    assert!(matches!(error, ClusterError::Forward { .. }), "{error}");
    says(&error, &["Pod/web-1 in demo, port 8080", why]);
}

#[tokio::test]
async fn a_node_that_can_not_be_reached() {
    let error = refused(|world| {
        world.refused.push((
            "web-1",
            502,
            "",
            "error dialing backend: dial tcp 10.0.0.7:10250: connect: connection refused",
        ));
    })
    .await;
    says(
        &error,
        &["Pod/web-1 in demo, port 8080: error dialing backend", "kubectl get pod web-1 -n demo -o wide"],
    );
}

#[tokio::test]
async fn a_server_that_speaks_something_else() {
    for greeting in
        [vec![vec![DATA, 0, 1]], vec![vec![DATA, 0x90, 0x1f], vec![ERROR, 0x91, 0x1f]], vec![vec![DATA]]]
    {
        let error = refused(|world| world.greeting = Some(greeting)).await;
        says(&error, &["Pod/web-1 in demo, port 8080: the server does not begin as port forwarding does"]);
    }
}

#[tokio::test]
async fn a_local_port_that_somebody_has() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let client = Server::start(&["web-1"]).await.client().await;
    let error = soon(client.forward(&web(), 80, Some(port))).await.unwrap_err();
    says(&error, &[&format!("127.0.0.1:{port} can't be listened on"), "choose another local port"]);
}
