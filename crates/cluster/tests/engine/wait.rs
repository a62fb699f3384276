//! Waiting for objects, and for workloads to roll out.

use std::sync::Mutex;
use std::time::Duration;

use cluster::ClusterError;
use cluster::wait::Progress;
use manifests::{Object, ObjectRef};
use serde_json::{Value, json};

use crate::server::{Answer, Asked, Server, failure};
use crate::support::{IMPATIENT, PATIENT, soon};

const NAMESPACE: &str = "/apis/apps/v1/namespaces/demo";

fn web() -> ObjectRef {
    ObjectRef::namespaced("apps/v1", "Deployment", "demo", "web")
}

fn deployment(ready: u32) -> Value {
    let spec = json!({ "replicas": 2, "selector": { "matchLabels": { "app": "web" } } });
    let status = json!({
        "observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "readyReplicas": ready,
    });
    let mut object = Value::from(Object::new(&web()).with("spec", spec).with("status", status));
    object["metadata"]["generation"] = json!(3);
    object["metadata"]["resourceVersion"] = json!(format!("{}", 10 + ready));
    object
}

fn pod(name: &str, app: &str, status: Value) -> Value {
    let reference = ObjectRef::namespaced("v1", "Pod", "demo", name);
    Object::new(&reference).with_label("app", app).with("status", status).into()
}

fn waits(reason: &str, message: &str) -> Value {
    let waiting = json!({ "reason": reason, "message": message });
    json!({ "containerStatuses": [{ "name": "main", "state": { "waiting": waiting } }] })
}

fn list(kind: &str, items: &[Value]) -> Answer {
    let metadata = json!({ "resourceVersion": "10" });
    Answer::Json(200, json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata, "items": items }))
}

fn event(kind: &str, object: Value) -> Value {
    json!({ "type": kind, "object": object })
}

/// A Deployment that is not ready at first, and then what the watch says.
fn rollout(watched: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
    let pods = [
        pod("web-1", "web", waits("CrashLoopBackOff", "back-off 5m0s restarting failed container")),
        pod("web-2", "web", waits("ImagePullBackOff", "no such image: web:2")),
        pod("db-1", "db", waits("CrashLoopBackOff", "of no interest")),
    ];
    Server::start(move |asked| match asked.path.strip_prefix(NAMESPACE) {
        Some("/deployments") if asked.is_watch() => watched(asked),
        Some("/deployments") => list("DeploymentList", &[deployment(0)]),
        Some("/deployments/web") => Answer::Json(200, deployment(1)),
        _ if asked.path == "/api/v1/namespaces/demo/pods" => list("PodList", &pods),
        _ => Answer::Text(404, "404 page not found\n"),
    })
}

#[tokio::test]
async fn a_failed_rollout_names_the_pods_and_why() {
    let server = rollout(|asked| match asked.before {
        0 => Answer::Lines(vec![event("MODIFIED", deployment(1))]),
        _ => Answer::Lines(vec![]),
    });
    let told = Mutex::new(Vec::new());
    let tell = |lines: &[String]| told.lock().unwrap().extend_from_slice(lines);
    let client = server.client(PATIENT).await;
    let within = Duration::from_secs(2);
    let error = soon(client.wait_rolled_out(&[web()], within, &tell)).await.unwrap_err();
    let ClusterError::TimedOut { what, state, after } = &error else { panic!("{error}") };
    assert_eq!((what.as_str(), *after), ("1 Deployment(s) to roll out", within));
    assert_eq!(
        state[..],
        [
            "web: 1 of 2 ready",
            "Pod/web-1: container main: CrashLoopBackOff back-off 5m0s restarting failed container",
            "Pod/web-2: container main: ImagePullBackOff no such image: web:2",
        ]
    );
    let text = error.to_string();
    assert!(text.contains("ImagePullBackOff") && !text.contains("db-1"), "{text}");
    assert_eq!(told.into_inner().unwrap(), ["web: 0 of 2 ready", "web: 1 of 2 ready"]);
}

#[tokio::test]
async fn a_rollout_is_done_when_the_watch_says_so() {
    let server = rollout(|_| {
        let steps = [deployment(1), deployment(2)];
        Answer::Lines(steps.map(|object| event("MODIFIED", object)).into())
    });
    let client = server.client(PATIENT).await;
    soon(client.wait_rolled_out(&[web()], PATIENT, &|_| {})).await.unwrap();
}

#[tokio::test]
async fn a_watch_that_ends_or_breaks_goes_on() {
    let server = rollout(|asked| match asked.before {
        0 => Answer::LastLines(vec![event("MODIFIED", deployment(1))]),
        _ => Answer::Lines(vec![event("MODIFIED", deployment(2))]),
    });
    let client = server.client(PATIENT).await;
    soon(client.wait_rolled_out(&[web()], PATIENT, &|_| {})).await.unwrap();

    let watches = Mutex::new(0);
    let server = rollout(move |_| {
        let mut watches = watches.lock().unwrap();
        *watches += 1;
        match *watches {
            1 => Answer::Reset,
            2 => Answer::LastLines(vec![event("ERROR", failure(410, "Expired", "too old resource version"))]),
            _ => Answer::Lines(vec![event("MODIFIED", deployment(2))]),
        }
    });
    let client = server.client(PATIENT).await;
    soon(client.wait_rolled_out(&[web()], PATIENT, &|_| {})).await.unwrap();
    let lists = server.asked().iter().filter(|asked| !asked.is_watch()).count();
    assert!(lists > 1, "what was forgotten is listed again");
}

#[tokio::test]
async fn what_is_deleted_is_not_there() {
    let server = rollout(|_| Answer::Lines(vec![event("DELETED", deployment(0))]));
    let client = server.client(PATIENT).await;
    let gone = |objects: &cluster::wait::Objects| match objects.is_empty() {
        true => Progress::Done(()),
        false => Progress::Waiting(objects.keys().cloned().collect()),
    };
    soon(client.wait_until(&web(), "web to go", PATIENT, &|_| {}, gone)).await.unwrap();
}

#[tokio::test]
async fn a_wait_ends_when_the_server_does_not_answer() {
    let server = Server::start(|_| Answer::Silent);
    let client = server.client(IMPATIENT).await;
    let never = |_: &cluster::wait::Objects| Progress::<()>::Waiting(Vec::new());
    let wanted = web();
    let waited = client.wait_until(&wanted, "web to come", IMPATIENT, &|_| {}, never);
    let error = soon(waited).await.unwrap_err();
    let (ClusterError::TimedOut { .. } | ClusterError::Unreachable { .. }) = &error else {
        panic!("{error}")
    };
    let error = soon(client.wait_rolled_out(&[web()], IMPATIENT, &|_| {})).await.unwrap_err();
    let (ClusterError::TimedOut { .. } | ClusterError::Unreachable { .. }) = &error else {
        panic!("{error}")
    };
}

#[tokio::test]
async fn a_missing_right_ends_a_wait() {
    let server = Server::start(|_| {
        let message = "deployments.apps is forbidden: User \"eve\" cannot list resource \"deployments\"";
        Answer::Json(403, failure(403, "Forbidden", message))
    });
    let client = server.client(PATIENT).await;
    let workloads = [web()];
    let waited = client.wait_rolled_out(&workloads, Duration::from_secs(600), &|_| {});
    let error = soon(waited).await.unwrap_err();
    let ClusterError::Forbidden { object, .. } = &error else { panic!("{error}") };
    assert_eq!(*object, web());
}

/// A watch that has to begin anew knows nothing for a moment, which must not be taken for an absence.
#[tokio::test]
async fn what_is_listed_anew_is_not_gone_meanwhile() {
    let expired =
        || Answer::LastLines(vec![event("ERROR", failure(410, "Expired", "too old resource version"))]);
    let server = rollout(move |asked| match asked.before {
        0 => expired(),
        _ => Answer::Lines(vec![event("DELETED", deployment(1))]),
    });
    let client = server.client(PATIENT).await;
    let gone = |objects: &cluster::wait::Objects| match objects.is_empty() {
        true => Progress::Done(()),
        false => Progress::Waiting(vec!["it is there".into()]),
    };
    soon(client.wait_until(&web(), "web to go", PATIENT, &|_| {}, gone)).await.unwrap();
    let watches = server.asked().iter().filter(|asked| asked.is_watch()).count();
    assert_eq!(watches, 2, "only the second watch says that it is gone");
}
