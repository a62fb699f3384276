//! What the tests have in common.

use std::future::Future;
use std::time::Duration;

use cluster::apply::{Condition, Patching};
use manifests::{Object, ObjectRef};
use serde_json::{Value, json};

/// Long enough for every answer that is to come.
pub(crate) const PATIENT: Duration = Duration::from_secs(30);
/// For what is never to come.
pub(crate) const IMPATIENT: Duration = Duration::from_secs(1);

/// Whatever ends only much later than it should does not end.
pub(crate) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(25), work).await.expect("it does not end")
}

pub(crate) fn settings() -> ObjectRef {
    ObjectRef::namespaced("v1", "ConfigMap", "demo", "settings")
}

pub(crate) fn patching(reference: &ObjectRef) -> Patching {
    Patching {
        object: Object::new(reference).with("data", json!({ "a": "1" })),
        manager: "tests".to_owned(),
        force: false,
        condition: Condition::None,
    }
}

pub(crate) fn body(reference: &ObjectRef) -> Value {
    Value::from(patching(reference).object)
}
