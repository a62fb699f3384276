//! What the server says in passing, spelled out: whose rule it is, and what to do.

use cluster::ClusterError;
use serde_json::json;

use crate::server::{Answer, Server, failure};
use crate::support::{IMPATIENT, PATIENT, patching, settings, soon};

/// What becomes of a write that is answered so.
async fn refusal(code: u16, reason: &'static str, message: &'static str) -> (ClusterError, usize) {
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations" => {
            let configuration = |name: &str, webhook: &str| json!({ "metadata": { "name": name }, "webhooks": [{ "name": webhook }] });
            let items = [configuration("other", "other.acme.com"), configuration("rules", "rule.acme.com")];
            Answer::Json(200, json!({ "items": items }))
        }
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations" => {
            let message = "User \"eve\" cannot list resource \"mutatingwebhookconfigurations\"";
            Answer::Json(403, failure(403, "Forbidden", message))
        }
        _ => Answer::Json(code, failure(code, reason, message)),
    });
    let error = soon(server.client(IMPATIENT).await.apply(&patching(&settings()))).await.unwrap_err();
    let writes = server.asked().iter().filter(|asked| asked.method == "PATCH").count();
    (error, writes)
}

#[tokio::test]
async fn a_webhook_that_says_no_is_named_with_its_configuration() {
    let message = "admission webhook \"rule.acme.com\" denied the request: no maps on Fridays";
    let (error, writes) = refusal(403, "Forbidden", message).await;
    let ClusterError::Webhook(objection) = &error else { panic!("{error}") };
    assert_eq!((objection.tried, writes), (None, 1));
    let text = error.to_string();
    for words in [
        "not possible to patch ConfigMap/settings in demo",
        "rule.acme.com of ValidatingWebhookConfiguration/rules does not agree",
        "no maps on Fridays",
        "kubectl get validatingwebhookconfiguration rules -o yaml",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn a_webhook_that_does_not_work_is_tried_for_a_while() {
    let message = "Internal error occurred: failed calling webhook \"unknown.acme.com\": failed to call webhook: \
                   Post \"https://rules.acme.svc:443/?timeout=1s\": context deadline exceeded";
    let (error, writes) = refusal(500, "InternalError", message).await;
    let ClusterError::Webhook(objection) = &error else { panic!("{error}") };
    assert_eq!(objection.tried, Some(IMPATIENT));
    assert!(writes > 1);
    let text = error.to_string();
    assert!(text.contains("unknown.acme.com has to agree, and does not work"), "{text}");
    assert!(
        text.contains("kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"),
        "{text}"
    );
}

#[tokio::test]
async fn a_full_database_is_not_asked_again() {
    let (error, writes) = refusal(500, "", "etcdserver: mvcc: database space exceeded").await;
    assert!(matches!(error, ClusterError::Refused { .. }), "{error}");
    assert_eq!(writes, 1);
    assert!(error.to_string().contains("etcdctl alarm list"), "{error}");
}

#[tokio::test]
async fn what_is_known_to_help_is_said() {
    for (code, reason, message, advice) in [
        (
            403,
            "Forbidden",
            "configmaps \"settings\" is forbidden: exceeded quota: few, requested: count/configmaps=1",
            "kubectl describe resourcequota -n demo",
        ),
        (
            403,
            "Forbidden",
            "configmaps \"settings\" is forbidden: unable to create new content in namespace demo because it is being \
             terminated",
            "kubectl get namespace demo -o yaml",
        ),
        (
            422,
            "Invalid",
            "ConfigMap \"settings\" is invalid: data: Forbidden: field is immutable when `immutable` is set",
            "kubectl delete configmap settings -n demo",
        ),
        (
            422,
            "Invalid",
            "StatefulSet.apps \"settings\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than \
             'replicas' are forbidden",
            "kubectl delete configmap settings -n demo",
        ),
    ] {
        let (error, writes) = refusal(code, reason, message).await;
        assert!(matches!(error, ClusterError::Refused { .. }), "{error}");
        assert_eq!(writes, 1, "trying again would not change it");
        assert!(error.to_string().contains(message) && error.to_string().contains(advice), "{error}");
    }
}

#[tokio::test]
async fn a_definition_whose_names_are_taken_is_not_waited_for() {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "things.acme.com" }, "spec": { "group": "acme.com" },
        "status": { "conditions": [
            { "type": "NamesAccepted", "status": "False", "message": "\"Thing\" is already in use" },
            { "type": "Established", "status": "False", "message": "not all names are accepted" },
        ] },
    });
    let live = definition.clone();
    let server = Server::start(move |asked| match asked.path.contains("customresourcedefinitions") {
        true => Answer::Json(200, live.clone()),
        // A kind that is not served.
        false => Answer::Text(404, "404 page not found"),
    });
    let client = server.client(PATIENT).await;
    let object = manifests::Object::try_from(definition).unwrap();
    let patch = cluster::apply::Patching { object, ..patching(&settings()) };
    let error = soon(client.apply_all(vec![patch], &|_| {})).await.unwrap_err();
    assert!(error.to_string().contains("\"Thing\" is already in use"), "{error}");
    assert!(error.to_string().contains("kubectl get crd | grep acme.com"), "{error}");
}
