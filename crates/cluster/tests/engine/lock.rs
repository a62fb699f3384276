//! The lock of a cluster, where answers are lost and others touch it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cluster::lock::{Holder, Waiting};
use cluster::{Client, ClusterError};
use serde_json::{Value, json};

use crate::server::{Answer, Asked, Server, failure};
use crate::support::{IMPATIENT, PATIENT, soon};

/// The one Lease of a server, which checks preconditions as an API server does.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<(Option<Value>, u64)>>);

impl Store {
    fn get(&self) -> Option<Value> {
        self.0.lock().unwrap().0.clone()
    }

    /// Writes it as somebody else.
    fn set(&self, change: impl Fn(&mut Value)) {
        let mut state = self.0.lock().unwrap();
        state.1 += 1;
        let version = state.1.to_string();
        let lease = state.0.as_mut().unwrap();
        change(lease);
        lease["metadata"]["resourceVersion"] = json!(version);
    }

    fn put(&self, mut lease: Value) -> Answer {
        let mut state = self.0.lock().unwrap();
        state.1 += 1;
        lease["metadata"]["resourceVersion"] = json!(state.1.to_string());
        lease["metadata"]["uid"] = json!("uid");
        state.0 = Some(lease.clone());
        Answer::Json(200, lease)
    }

    fn answer(&self, asked: &Asked) -> Answer {
        let live = self.get();
        let version = |value: &Value| value["metadata"]["resourceVersion"].clone();
        let conflict = || Answer::Json(409, failure(409, "Conflict", "the object has been modified"));
        let mut absent = failure(404, "NotFound", "not found");
        absent["details"] = json!({ "name": "gitops-setup" });
        match (asked.method.as_str(), live) {
            ("GET", Some(live)) => Answer::Json(200, live),
            ("GET" | "PUT" | "DELETE", None) => Answer::Json(404, absent),
            ("POST", None) => self.put(asked.body.clone()),
            ("POST", Some(_)) => conflict(),
            ("PUT", Some(live)) if version(&asked.body) == version(&live) => self.put(asked.body.clone()),
            ("DELETE", Some(live)) if asked.body["preconditions"]["resourceVersion"] == version(&live) => {
                self.0.lock().unwrap().0 = None;
                Answer::Json(200, json!({ "kind": "Status", "status": "Success" }))
            }
            _ => conflict(),
        }
    }

    fn server(&self) -> Server {
        let store = self.clone();
        Server::start(move |asked| store.answer(asked))
    }
}

fn holder(name: &str) -> Holder {
    Holder { name: name.into(), process: format!("process of {name}") }
}

async fn lock(client: &Client, name: &str, within: Duration) -> Result<cluster::lock::Held, ClusterError> {
    let waiting = Waiting { within, told: &|_| {}, has_ended: &|process| process == "process of the dead" };
    soon(client.lock(&holder(name), &waiting)).await
}

#[tokio::test]
async fn it_is_there_while_it_is_held_and_gone_afterwards() {
    let store = Store::default();
    let server = store.server();
    let client = server.client(PATIENT).await;
    let held = lock(&client, "ann", PATIENT).await.unwrap();
    let lease = store.get().unwrap();
    assert_eq!(
        (&lease["spec"]["holderIdentity"], &lease["spec"]["leaseDurationSeconds"]),
        (&json!("ann"), &json!(60))
    );
    let Err(error) = lock(&server.client(PATIENT).await, "bob", Duration::ZERO).await else { panic!() };
    assert!(
        matches!(error, ClusterError::Locked { .. }) && error.to_string().contains(": ann, since "),
        "{error}"
    );
    assert!(held.release().await);
    assert_eq!(store.get(), None);
}

#[tokio::test]
async fn an_answer_that_is_lost_on_the_way_keeps_nobody_out() {
    let store = Store::default();
    let scripted = store.clone();
    let server =
        Server::start(move |asked| match (asked.method.as_str(), asked.before, scripted.answer(asked)) {
            // It is done, and nobody hears of it.
            ("POST", 0, _) => Answer::Reset,
            (_, _, answer) => answer,
        });
    let held = lock(&server.client(PATIENT).await, "ann", Duration::ZERO).await.unwrap();
    assert!(held.release().await);
    assert_eq!(store.get(), None);
}

#[tokio::test]
async fn a_server_that_always_says_that_others_were_faster_is_not_asked_for_ever() {
    let store = Store::default();
    let server = Server::start(move |asked| match asked.method.as_str() {
        "POST" => Answer::Json(409, failure(409, "Conflict", "the object has been modified")),
        _ => store.answer(asked),
    });
    let Err(error) = lock(&server.client(IMPATIENT).await, "ann", PATIENT).await else { panic!() };
    assert!(matches!(error, ClusterError::TimedOut { .. }), "{error}");
    assert!(error.to_string().contains("somebody else is said to have been faster"), "{error}");
    assert!(server.asked().len() < 40, "it asks less and less often: {:?}", server.asked().len());
}

#[tokio::test]
async fn a_process_that_has_ended_is_not_waited_for() {
    let store = Store::default();
    let server = store.server();
    let dead = lock(&server.client(PATIENT).await, "the dead", Duration::ZERO).await.unwrap();
    let held = lock(&server.client(PATIENT).await, "bob", Duration::ZERO).await.unwrap();
    let lease = store.get().unwrap();
    assert_eq!(
        (&lease["spec"]["holderIdentity"], &lease["spec"]["leaseTransitions"]),
        (&json!("bob"), &json!(1))
    );
    // It was only thought to be dead, and must not take away what is another's.
    assert!(dead.release().await);
    assert_eq!(store.get(), Some(lease));
    assert!(held.release().await);
}

#[tokio::test]
async fn a_label_of_somebody_else_takes_nothing_away() {
    let store = Store::default();
    let server = store.server();
    let held = lock(&server.client(PATIENT).await, "ann", Duration::ZERO).await.unwrap();
    store.set(|lease| lease["metadata"]["labels"]["seen-by"] = json!("bob"));
    assert!(held.release().await);
    assert_eq!(store.get(), None);
}

/// Deleting the Lease is how an administrator stops a run that nobody can reach.
#[tokio::test]
async fn who_lost_it_hears_of_it_and_writes_nothing_more() {
    let store = Store::default();
    let server = store.server();
    let client = server.client(PATIENT).await;
    let held = lock(&client, "ann", Duration::ZERO).await.unwrap();
    store.set(|lease| lease["metadata"]["annotations"]["gitops-setup/process"] = json!("process of bob"));
    store.set(|lease| lease["spec"]["holderIdentity"] = json!("bob"));
    let error = held.lock().lost().await;
    assert!(error.to_string().contains("is held by bob"), "{error}");
    assert!(held.release().await);
    assert_eq!(store.get().unwrap()["spec"]["holderIdentity"], "bob", "it is not ours to give back");
}
