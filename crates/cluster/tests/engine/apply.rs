//! Applying: the order, and what refusals mean.

use std::sync::Mutex;

use cluster::ClusterError;
use cluster::apply::{Condition, Patching};
use manifests::ObjectRef;
use serde_json::{Value, json};

use crate::server::{Answer, Asked, Server, failure};
use crate::support::{IMPATIENT, PATIENT, patching, settings, soon};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

async fn refusal(condition: Condition, code: u16, body: Value) -> (ClusterError, Vec<Asked>) {
    let server = Server::start(move |_| Answer::Json(code, body.clone()));
    let patch = Patching { condition, ..patching(&settings()) };
    let error = soon(server.client(IMPATIENT).await.apply(&patch)).await.unwrap_err();
    (error, server.asked())
}

#[tokio::test]
async fn what_is_asked_depends_on_the_condition() {
    let server = Server::start(|asked| Answer::Json(200, asked.body.clone()));
    let client = server.client(PATIENT).await;
    let conditions = [Condition::None, Condition::Absent, Condition::Unchanged("42".to_owned())];
    for (condition, force) in conditions.into_iter().zip([true, false, false]) {
        let patch = Patching { condition, force, ..patching(&settings()) };
        soon(client.apply(&patch)).await.unwrap();
    }
    let asked = server.asked();
    let lines: Vec<_> = asked.iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect();
    let collection = "/api/v1/namespaces/demo/configmaps";
    let one = format!("PATCH {collection}/settings");
    assert_eq!(lines, [one.clone(), format!("POST {collection}"), one]);
    assert!(asked.iter().all(|asked| asked.query.contains("fieldManager=tests")));
    let forced: Vec<_> = asked.iter().map(|asked| asked.query.contains("force=true")).collect();
    assert_eq!(forced, [true, false, false]);
    let versions: Vec<_> = asked.iter().map(|asked| &asked.body["metadata"]["resourceVersion"]).collect();
    assert_eq!(versions, [&Value::Null, &Value::Null, &json!("42")]);
}

#[tokio::test]
async fn fields_of_others_are_named_with_their_owners() {
    let cause = |field: &str, owner: &str| {
        let message = format!("conflict with {owner}");
        json!({ "reason": "FieldManagerConflict", "field": field, "message": message })
    };
    let mut body = failure(409, "Conflict", "Apply failed with 2 conflicts");
    body["details"] =
        json!({ "causes": [cause(".data.a", "\"helm\" using v1"), cause(".data.b", "\"kubectl\"")] });
    let (error, asked) = refusal(Condition::None, 409, body).await;
    let ClusterError::Conflict { object, conflicts } = &error else { panic!("{error}") };
    assert_eq!(*object, settings());
    assert_eq!(conflicts[..], ["data.a is set by \"helm\" using v1", "data.b is set by \"kubectl\""]);
    assert_eq!(asked.len(), 1, "trying again would not change it");
}

#[tokio::test]
async fn other_conflicts_are_changes_meanwhile() {
    for condition in [Condition::Absent, Condition::Unchanged("42".to_owned())] {
        let body = failure(409, "Conflict", "the object has been modified");
        let (error, asked) = refusal(condition, 409, body).await;
        let ClusterError::Changed { object } = &error else { panic!("{error}") };
        assert_eq!((object, asked.len()), (&settings(), 1));
    }
}

#[tokio::test]
async fn a_missing_right_is_named_as_kubectl_names_it() {
    let conditions = [
        (Condition::Absent, "create"),
        (Condition::None, "patch"),
        (Condition::Unchanged("42".to_owned()), "patch"),
    ];
    for (condition, wanted) in conditions {
        let message =
            format!("configmaps is forbidden: User \"eve\" cannot {wanted} resource \"configmaps\"");
        let (error, asked) = refusal(condition, 403, failure(403, "Forbidden", &message)).await;
        let ClusterError::Forbidden { verb, object, .. } = &error else { panic!("{error}") };
        assert_eq!((*verb, object, asked.len()), (wanted, &settings(), 1));
        let hint = format!("kubectl auth can-i {wanted} configmaps -n demo");
        assert!(error.to_string().contains(&hint), "{error}");
    }
}

#[tokio::test]
async fn what_admission_refuses_is_no_missing_right() {
    let message = "configmaps \"settings\" is forbidden: exceeded quota: small";
    let (error, _) = refusal(Condition::None, 403, failure(403, "Forbidden", message)).await;
    let ClusterError::Refused { object, code: 403, message } = &error else { panic!("{error}") };
    assert_eq!(*object, settings());
    assert!(message.contains("exceeded quota"), "{message}");
}

#[tokio::test]
async fn credentials_that_are_not_accepted_are_named() {
    let (error, asked) = refusal(Condition::None, 401, failure(401, "Unauthorized", "Unauthorized")).await;
    assert!(matches!(error, ClusterError::Unauthorized { .. }), "{error}");
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn a_kind_that_is_not_served_is_tried_again_and_then_named() {
    let issuer = ObjectRef::cluster_scoped("cert-manager.io/v1", "ClusterIssuer", "ca");
    let server = Server::start(|_| Answer::Text(404, "404 page not found\n"));
    let client = server.client(IMPATIENT).await;
    let error = soon(client.apply(&patching(&issuer))).await.unwrap_err();
    let ClusterError::KindUnknown { object } = &error else { panic!("{error}") };
    assert_eq!(*object, issuer);
    assert!(server.asked().len() > 1);

    let server = Server::start(|asked| match asked.before {
        0 | 1 => Answer::Text(404, "404 page not found\n"),
        _ => Answer::Json(201, asked.body.clone()),
    });
    soon(server.client(PATIENT).await.apply(&patching(&issuer))).await.unwrap();
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_no_unknown_kind() {
    let mut body = failure(404, "NotFound", "namespaces \"demo\" not found");
    body["details"] = json!({ "name": "demo", "kind": "namespaces" });
    let (error, asked) = refusal(Condition::None, 404, body).await;
    assert!(matches!(error, ClusterError::Refused { code: 404, .. }), "{error}");
    assert_eq!(asked.len(), 1);
}

/// A definition as manifests have it.
fn definition(group: &str, kind: &str, plural: &str) -> manifests::Object {
    let name = format!("{plural}.{group}");
    let crd = ObjectRef::cluster_scoped("apiextensions.k8s.io/v1", "CustomResourceDefinition", &name);
    let versions = json!([{ "name": "v1alpha1", "served": false }, { "name": "v1", "served": true }]);
    let spec = json!({ "group": group, "names": { "kind": kind, "plural": plural }, "versions": versions });
    manifests::Object::new(&crd).with("spec", spec)
}

#[tokio::test]
async fn waves_follow_each_other_and_kinds_their_definitions() {
    let server = Server::start(|asked| match (asked.method.as_str(), asked.path.as_str(), asked.before) {
        ("PATCH", ..) => Answer::Json(201, asked.body.clone()),
        (_, "/apis/argoproj.io/v1", 0..2) => Answer::Text(404, "404 page not found\n"),
        (_, "/apis/argoproj.io/v1", 2) => Answer::Json(200, json!({ "resources": [{ "name": "rollouts" }] })),
        (_, "/apis/argoproj.io/v1", _) => {
            Answer::Json(200, json!({ "resources": [{ "name": "applications" }] }))
        }
        (_, "/apis/cert-manager.io/v1", _) => {
            Answer::Json(200, json!({ "resources": [{ "name": "clusterissuers" }] }))
        }
        _ => panic!("{asked:?}"),
    });
    // As badly sorted as can be.
    let wanted = [
        ObjectRef::namespaced("argoproj.io/v1", "Application", "demo", "root"),
        ObjectRef::cluster_scoped("cert-manager.io/v1", "ClusterIssuer", "ca"),
        ObjectRef::namespaced("apps/v1", "Deployment", "demo", "web"),
        settings(),
        ObjectRef::cluster_scoped("v1", "Namespace", "demo"),
    ];
    let definitions = [
        definition("argoproj.io", "Application", "applications"),
        definition("cert-manager.io", "ClusterIssuer", "clusterissuers"),
    ];
    let told = Mutex::new(Vec::new());
    let mut patches: Vec<Patching> = wanted.iter().map(patching).collect();
    patches.extend(definitions.iter().map(|crd| Patching { object: crd.clone(), ..patching(&settings()) }));
    let done = |object: &ObjectRef| told.lock().unwrap().push(object.clone());
    soon(server.client(PATIENT).await.apply_all(patches, &done)).await.unwrap();

    let asked = server.asked();
    let last = |method: &str, path: &str| {
        let is_it = |asked: &Asked| asked.method == method && asked.path.contains(path);
        asked.iter().rposition(is_it).unwrap_or_else(|| panic!("{method} {path}: {asked:#?}"))
    };
    let order =
        ["/api/v1/namespaces/demo", "/configmaps/", "/deployments/", "/clusterissuers/", "/applications/"];
    let order = order.map(|path| last("PATCH", path));
    assert!(order.is_sorted(), "{order:?}: {asked:#?}");
    assert!(order[3] > last("GET", "/apis/"), "objects of their own kinds are the last: {asked:#?}");
    assert!(last("GET", "/apis/argoproj.io/v1") > last("PATCH", &format!("{CRDS}/applications.argoproj.io")));
    let mut told = told.into_inner().unwrap();
    told.sort();
    let mut all: Vec<_> = definitions.iter().map(manifests::Object::reference).chain(wanted).collect();
    all.sort();
    assert_eq!(told, all);
}

#[tokio::test]
async fn what_is_not_served_may_be_established_all_the_same() {
    // Who may not ask for the list of kinds may still apply them.
    let server = Server::start(|asked| match asked.path.as_str() {
        "/apis/argoproj.io/v1" => {
            Answer::Json(403, failure(403, "Forbidden", "User \"eve\" cannot get path"))
        }
        _ if asked.method == "PATCH" => Answer::Json(201, asked.body.clone()),
        _ => {
            let established = json!([{ "type": "Established", "status": "True" }]);
            let live = definition("argoproj.io", "Application", "applications");
            Answer::Json(200, live.with("status", json!({ "conditions": established })).into())
        }
    });
    let object = definition("argoproj.io", "Application", "applications");
    let patch = Patching { object, ..patching(&settings()) };
    soon(server.client(PATIENT).await.apply_all(vec![patch], &|_| {})).await.unwrap();
}

#[tokio::test]
async fn kinds_of_one_group_are_waited_for_by_one_list() {
    let server = Server::start(|asked| {
        // One more with each list.
        let listed = ["applications", "appprojects"].iter().take(asked.before);
        let resources = listed.map(|name| json!({ "name": name })).collect::<Vec<_>>();
        Answer::Json(200, json!({ "kind": "APIResourceList", "resources": resources }))
    });
    let definitions = [
        definition("argoproj.io", "Application", "applications"),
        definition("argoproj.io", "AppProject", "appprojects"),
    ];
    let client = server.client(PATIENT).await;
    soon(client.wait_established(&[&definitions[0], &definitions[1]])).await.unwrap();
    let asked: Vec<String> = server.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(asked, ["/apis/argoproj.io/v1"; 3]);
}

/// What a server is asked to change that lists a kind only after that.
async fn reminders(answer: u16) -> Vec<Asked> {
    let reminded = Mutex::new(false);
    let server = Server::start(move |asked| {
        let mut reminded = reminded.lock().unwrap();
        match (asked.method.as_str(), asked.path.as_str()) {
            ("PATCH", path) => {
                assert!(path.ends_with("/applications.argoproj.io/status"), "{path}");
                *reminded = true;
                Answer::Json(answer, failure(answer, "Forbidden", "a policy"))
            }
            (_, "/apis/argoproj.io/v1") => {
                let kinds = if *reminded { json!([{ "name": "applications" }]) } else { json!([]) };
                Answer::Json(200, json!({ "resources": kinds }))
            }
            _ => {
                let since = "2026-01-01T00:00:00Z";
                let condition = |kind: &str, status: &str| json!({ "type": kind, "status": status, "lastTransitionTime": since });
                let conditions = [condition("NamesAccepted", "True"), condition("Established", "False")];
                let live = definition("argoproj.io", "Application", "applications");
                Answer::Json(200, live.with("status", json!({ "conditions": conditions })).into())
            }
        }
    });
    let object = definition("argoproj.io", "Application", "applications");
    soon(server.client(PATIENT).await.wait_established(&[&object])).await.unwrap();
    server.asked().into_iter().filter(|asked| asked.method == "PATCH").collect()
}

#[tokio::test]
async fn a_definition_that_a_server_has_forgotten_is_looked_at_again() {
    // Who may not write its status may have to wait longer, and no more than that.
    for answer in [200, 403] {
        let patches = reminders(answer).await;
        let [patch] = patches.as_slice() else { panic!("{patches:#?}") };
        assert_eq!(patch.body[2]["path"], "/status/conditions/1/lastTransitionTime");
        assert_eq!(patch.body[2]["value"], "2026-01-01T00:00:01Z");
    }
}

#[tokio::test]
async fn a_failure_stops_later_waves() {
    let server = Server::start(|asked| match asked.path.ends_with("/settings") {
        true => Answer::Json(422, failure(422, "Invalid", "data: no such thing")),
        false => Answer::Json(200, asked.body.clone()),
    });
    let web = ObjectRef::namespaced("apps/v1", "Deployment", "demo", "web");
    let patches = vec![patching(&web), patching(&settings())];
    let error = soon(server.client(PATIENT).await.apply_all(patches, &|_| {})).await.unwrap_err();
    let ClusterError::Refused { object, code: 422, message } = &error else { panic!("{error}") };
    assert_eq!((object, message.as_str()), (&settings(), "data: no such thing"));
    assert_eq!(server.asked().len(), 1);
}

/// Asks to remove `/data/a` while the live object is `live`, of a server that refuses the patch.
async fn removal(live: Option<Value>, expected: Option<&Value>) -> (Result<(), ClusterError>, Vec<Asked>) {
    let server = Server::start(move |asked| match (asked.method.as_str(), &live) {
        ("PATCH", _) => Answer::Json(422, failure(422, "Invalid", "an error in our request")),
        (_, Some(live)) => Answer::Json(200, live.clone()),
        (_, None) => {
            let mut body = failure(404, "NotFound", "not found");
            body["details"] = json!({ "name": "settings", "kind": "configmaps" });
            Answer::Json(404, body)
        }
    });
    let client = server.client(IMPATIENT).await;
    let result = soon(client.remove_field(&settings(), "/data/a", expected)).await;
    (result, server.asked())
}

#[tokio::test]
async fn a_field_that_others_changed_is_not_removed() {
    let holding = |data: Value| {
        let mut live = crate::support::body(&settings());
        live["data"] = data;
        Some(live)
    };
    let ours = json!("1");
    let (result, asked) = removal(holding(json!({ "a": "2" })), Some(&ours)).await;
    assert!(matches!(result, Err(ClusterError::Changed { object }) if object == settings()));
    let test = json!({ "op": "test", "path": "/data/a", "value": "1" });
    assert_eq!(asked[0].body, json!([test, { "op": "remove", "path": "/data/a" }]));
    for gone in [holding(json!({ "b": "2" })), None] {
        let (result, _) = removal(gone, Some(&ours)).await;
        result.unwrap();
    }
    let (result, asked) = removal(holding(json!({ "a": "1" })), None).await;
    assert!(matches!(result, Err(ClusterError::Refused { code: 422, .. })));
    assert_eq!(asked[0].body, json!([{ "op": "remove", "path": "/data/a" }]));
}
