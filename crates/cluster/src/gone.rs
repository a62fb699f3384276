//! On the way back: what a namespace still holds, and waiting until deleted objects are gone.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use kube::core::params::ListParams;
use kube::core::request::Request as Urls;
use kube::core::{ApiResource, DynamicObject, Resource as _};
use kube::discovery::{Discovery, Scope, verbs};
use manifests::{Object, ObjectRef};
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::ClusterError;
use crate::observe::{Found, typed};
use crate::wait::{Objects, Progress};

/// Requests under way at once.
const IN_FLIGHT: usize = 16;
/// Kinds that tell of other objects and go with them.
const ECHOES: [&str; 5] = ["Event", "Endpoints", "EndpointSlice", "Lease", "PodMetrics"];

impl Client {
    /// What is in a namespace: objects of every kind that can be listed and deleted there, without those that only
    /// tell of others. With their `metadata` and nothing else.
    pub async fn contents(&self, namespace: &str) -> Result<Vec<Object>, ClusterError> {
        let like = ObjectRef::cluster_scoped("v1", "Namespace", namespace);
        let kinds = self.deletable_kinds(&like).await?;
        let lists = stream::iter(kinds.into_iter().map(|kind| self.metadata(kind, namespace)));
        let lists: Vec<_> = lists.buffer_unordered(IN_FLIGHT).try_collect().await?;
        let mut contents: Vec<Object> = lists.into_iter().flatten().collect();
        contents.sort_by_key(Object::reference);
        Ok(contents)
    }

    async fn deletable_kinds(&self, like: &ObjectRef) -> Result<Vec<ApiResource>, ClusterError> {
        let discovery = self.send_by(like, || Discovery::new(self.kube.clone()).run_aggregated()).await?;
        let all = discovery.groups().flat_map(|group| group.recommended_resources());
        Ok(all
            .filter(|(kind, can)| {
                can.scope == Scope::Namespaced
                    && can.supports_operation(verbs::LIST)
                    && can.supports_operation(verbs::DELETE)
                    && !ECHOES.contains(&kind.kind.as_str())
            })
            .map(|(kind, _)| kind)
            .collect())
    }

    async fn metadata(&self, kind: ApiResource, namespace: &str) -> Result<Vec<Object>, ClusterError> {
        let like = ObjectRef::namespaced(&kind.api_version, &kind.kind, namespace, "");
        let refused = |message: String| ClusterError::Refused { object: like.clone(), code: 400, message };
        let request = Urls::new(DynamicObject::url_path(&kind, Some(namespace)))
            .list_metadata(&ListParams::default())
            .map_err(|error| refused(error.to_string()))?;
        let mut reply = self.send(&request).await?;
        match reply.status {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Ok(Vec::new()),
            _ => return Err(self.failure("list", &like, &reply)),
        }
        let Value::Array(items) = reply.body["items"].take() else { return Ok(Vec::new()) };
        items.into_iter().map(|item| typed(item, &like).map_err(refused)).collect()
    }

    /// Waits until all of these are gone. When time is up, the error says what holds each of them.
    pub async fn wait_gone(
        &self,
        objects: &[ObjectRef],
        within: Duration,
        told: &(dyn Fn(&[String]) + Sync),
    ) -> Result<(), ClusterError> {
        // Most are gone at once; only what is held up is worth a watch.
        let left = self.read_all(objects).await?;
        let mut groups: BTreeMap<(String, String, Option<String>), Vec<ObjectRef>> = BTreeMap::new();
        for (object, found) in left {
            if matches!(found, Found::Object(_)) {
                let key = (object.api_version.clone(), object.kind.clone(), object.namespace.clone());
                groups.entry(key).or_default().push(object);
            }
        }
        for group in groups.into_values() {
            let what = format!("{} {}(s) to be gone", group.len(), group[0].kind);
            self.wait_until(&group[0], &what, within, told, |live| leaving(&group, live)).await?;
        }
        Ok(())
    }

    /// Gives an object that was read these finalizers. Where it has others by now than when it was read, it keeps
    /// them, and that is [`ClusterError::Changed`]; where it is gone, there is nothing to do.
    pub async fn set_finalizers(&self, live: &Object, wanted: &[Value]) -> Result<(), ClusterError> {
        const POINTER: &str = "/metadata/finalizers";
        let object = live.reference();
        let before = live.list(POINTER);
        // What is not there can't be compared.
        let (path, value) = match before {
            [] => ("/metadata/resourceVersion", json!(live.text("/metadata/resourceVersion"))),
            before => (POINTER, json!(before)),
        };
        let uid = json!({ "op": "test", "path": "/metadata/uid", "value": live.text("/metadata/uid") });
        let test = json!({ "op": "test", "path": path, "value": value });
        let change = match wanted {
            [] => json!({ "op": "remove", "path": POINTER }),
            wanted => json!({ "op": "add", "path": POINTER, "value": wanted }),
        };
        if before == wanted {
            return Ok(());
        }
        let reply = self.patch(&object, None, &json!([uid, test, change])).await?;
        match reply.status {
            status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            StatusCode::UNPROCESSABLE_ENTITY => match self.read(&object).await? {
                Found::Object(now) if now.text("/metadata/uid") != live.text("/metadata/uid") => Ok(()),
                // A repeated request finds it done.
                Found::Object(now) if now.list(POINTER) == wanted => Ok(()),
                Found::Object(_) => Err(ClusterError::Changed { object }),
                Found::Absent | Found::KindUnknown => Ok(()),
            },
            _ => Err(self.refused("patch", &object, &reply).await),
        }
    }
}

fn leaving(wanted: &[ObjectRef], live: &Objects) -> Progress<()> {
    let waiting: Vec<String> =
        wanted.iter().filter_map(|object| Some(held(object, live.get(&object.name)?))).collect();
    if waiting.is_empty() { Progress::Done(()) } else { Progress::Waiting(waiting) }
}

/// What holds an object that is being deleted.
fn held(reference: &ObjectRef, live: &Object) -> String {
    let words = |list: &[Value]| list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let remaining: Vec<&str> = live
        .list("/status/conditions")
        .iter()
        .filter(|condition| condition["status"] == "True")
        .filter_map(|condition| condition["message"].as_str())
        .collect();
    let finalizers = live.list("/metadata/finalizers");
    match (remaining.as_slice(), finalizers) {
        ([], []) => format!("{reference} is still there"),
        ([], finalizers) => format!("{reference} waits for whoever has the finalizer {}", words(finalizers)),
        (messages, _) => format!("{reference}: {}", messages.join("; ")),
    }
}
