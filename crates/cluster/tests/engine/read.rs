//! Reading: one by one, by lists, and by lists of many pages.

use cluster::ClusterError;
use cluster::observe::Found;
use manifests::ObjectRef;
use serde_json::{Value, json};

use crate::server::{Answer, Asked, Server, failure};
use crate::support::{IMPATIENT, PATIENT, body, settings, soon};

fn named(name: &str) -> ObjectRef {
    ObjectRef { name: name.to_owned(), ..settings() }
}

/// A page as servers write it: its items have neither kind nor version.
fn page(names: &[&str], token: &str) -> Answer {
    let item = |name: &&str| {
        let mut item = body(&named(name));
        let fields = item.as_object_mut().unwrap();
        fields.remove("kind");
        fields.remove("apiVersion");
        item
    };
    let items: Vec<Value> = names.iter().map(item).collect();
    let metadata = json!({ "resourceVersion": "7", "continue": token });
    let list = json!({ "apiVersion": "v1", "kind": "ConfigMapList", "metadata": metadata, "items": items });
    Answer::Json(200, list)
}

fn expired() -> Answer {
    Answer::Json(410, failure(410, "Expired", "The provided continue parameter is too old"))
}

fn token(asked: &Asked) -> &str {
    asked.query.split('&').find_map(|part| part.strip_prefix("continue=")).unwrap_or_default()
}

#[tokio::test]
async fn all_pages_of_a_list_are_read() {
    let server = Server::start(|asked| match token(asked) {
        "" => page(&["a", "b"], "two"),
        "two" => page(&["c"], "three"),
        _ => page(&["d"], ""),
    });
    let objects = soon(server.client(PATIENT).await.list(&settings())).await.unwrap().unwrap();
    assert_eq!(objects.keys().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    assert_eq!(objects["c"].reference(), named("c"));
    let asked = server.asked();
    assert_eq!(asked.iter().map(token).collect::<Vec<_>>(), ["", "two", "three"]);
    assert!(asked.iter().all(|asked| asked.query.contains("limit=")));
}

#[tokio::test]
async fn a_list_that_the_server_forgot_begins_again() {
    let server = Server::start(|asked| match (token(asked), asked.before) {
        ("", 0) => page(&["a", "gone"], "two"),
        ("", _) => page(&["a", "b"], "two"),
        (_, 0) => expired(),
        _ => page(&["c"], ""),
    });
    let objects = soon(server.client(PATIENT).await.list(&settings())).await.unwrap().unwrap();
    assert_eq!(objects.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn a_list_that_the_server_always_forgets_is_given_up() {
    let server = Server::start(|asked| match token(asked) {
        "" => page(&["a"], "two"),
        _ => expired(),
    });
    let error = soon(server.client(IMPATIENT).await.list(&settings())).await.unwrap_err();
    assert!(error.to_string().contains("ConfigMap/settings"), "{error}");
}

#[tokio::test]
async fn many_of_a_kind_are_read_by_one_list() {
    let server = Server::start(|_| page(&["a", "b", "c", "d", "x"], ""));
    let wanted: Vec<_> = ["a", "b", "c", "d", "e"].map(named).into();
    let found = soon(server.client(PATIENT).await.read_all(&wanted)).await.unwrap();
    assert_eq!(found.len(), 5);
    assert_eq!(found[&named("e")], Found::Absent);
    assert!(wanted[..4].iter().all(|object| matches!(found[object], Found::Object(_))));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn who_may_not_list_reads_one_by_one() {
    let server = Server::start(|asked| match asked.path.rsplit('/').next() {
        Some("configmaps") => {
            let message = "configmaps is forbidden: User \"eve\" cannot list resource \"configmaps\"";
            Answer::Json(403, failure(403, "Forbidden", message))
        }
        name => Answer::Json(200, body(&named(name.unwrap_or_default()))),
    });
    let wanted: Vec<_> = ["a", "b", "c", "d", "e"].map(named).into();
    let found = soon(server.client(PATIENT).await.read_all(&wanted)).await.unwrap();
    assert!(wanted.iter().all(|object| matches!(found[object], Found::Object(_))));
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn absent_is_not_unknown() {
    let server = Server::start(|asked| match asked.path.ends_with("/settings") {
        true => {
            let mut body = failure(404, "NotFound", "configmaps \"settings\" not found");
            body["details"] = json!({ "name": "settings", "kind": "configmaps" });
            Answer::Json(404, body)
        }
        false => Answer::Text(404, "404 page not found\n"),
    });
    let issuer = ObjectRef::cluster_scoped("cert-manager.io/v1", "ClusterIssuer", "ca");
    let client = server.client(PATIENT).await;
    let found = soon(client.read_all(&[settings(), issuer.clone()])).await.unwrap();
    assert_eq!((&found[&settings()], &found[&issuer]), (&Found::Absent, &Found::KindUnknown));
    assert_eq!(soon(client.list(&issuer)).await.unwrap(), None);
    assert_eq!(server.asked().len(), 3, "neither is tried again");
}

#[tokio::test]
async fn a_right_to_read_that_is_missing_is_named() {
    let message = "configmaps \"settings\" is forbidden: User \"eve\" cannot get resource \"configmaps\"";
    let server = Server::start(move |_| Answer::Json(403, failure(403, "Forbidden", message)));
    let error = soon(server.client(PATIENT).await.read(&settings())).await.unwrap_err();
    assert!(matches!(error, ClusterError::Forbidden { verb: "get", .. }), "{error}");
}
