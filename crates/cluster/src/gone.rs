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
use serde_json::Value;

use crate::client::{Client, innermost, resource};
use crate::error::ClusterError;
use crate::observe::Found;
use crate::wait::{Objects, Progress};

/// Requests under way at once.
const IN_FLIGHT: usize = 16;
/// Kinds that tell of other objects and go with them.
const ECHOES: [&str; 5] = ["Event", "Endpoints", "EndpointSlice", "Lease", "PodMetrics"];

impl Client {
    /// What is in a namespace: objects of every kind that can be listed and deleted there, without what Kubernetes
    /// itself puts into each namespace and what belongs to another object. Names only, no contents.
    pub async fn contents(&self, namespace: &str) -> Result<Vec<ObjectRef>, ClusterError> {
        let like = ObjectRef::cluster_scoped("v1", "Namespace", namespace);
        let kinds = self.deletable_kinds(&like).await?;
        let lists = stream::iter(kinds.into_iter().map(|kind| self.names(kind, Some(namespace))));
        let mut contents: Vec<ObjectRef> =
            lists.buffer_unordered(IN_FLIGHT).try_collect::<Vec<_>>().await?.into_iter().flatten().collect();
        contents.sort();
        Ok(contents)
    }

    /// All objects of a kind, in all namespaces; none where the kind is unknown.
    pub async fn everywhere(&self, api_version: &str, kind: &str) -> Result<Vec<ObjectRef>, ClusterError> {
        let like = ObjectRef::cluster_scoped(api_version, kind, "");
        self.names(resource(&like), None).await
    }

    async fn deletable_kinds(&self, like: &ObjectRef) -> Result<Vec<ApiResource>, ClusterError> {
        let discovery = Discovery::new(self.kube.clone()).run_aggregated().await.map_err(|error| {
            ClusterError::Refused { object: like.clone(), code: 503, message: innermost(&error) }
        })?;
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

    async fn names(
        &self,
        kind: ApiResource,
        namespace: Option<&str>,
    ) -> Result<Vec<ObjectRef>, ClusterError> {
        let like = ObjectRef {
            api_version: kind.api_version.clone(),
            kind: kind.kind.clone(),
            namespace: namespace.map(str::to_owned),
            name: String::new(),
        };
        let refused = |error: kube::core::request::Error| ClusterError::Refused {
            object: like.clone(),
            code: 400,
            message: error.to_string(),
        };
        let request = Urls::new(DynamicObject::url_path(&kind, namespace))
            .list_metadata(&ListParams::default())
            .map_err(refused)?;
        let reply = self.send(|| request.clone(), |_, _| false).await?;
        match reply.status {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Ok(Vec::new()),
            _ => return Err(self.failure("list", &like, &reply)),
        }
        let items = reply.body["items"].as_array().map_or(&[][..], Vec::as_slice);
        let own = items.iter().map(|item| &item["metadata"]).filter(|metadata| stands_alone(&like, metadata));
        Ok(own
            .map(|metadata| ObjectRef {
                namespace: metadata["namespace"].as_str().map(str::to_owned),
                name: metadata["name"].as_str().unwrap_or_default().to_owned(),
                ..like.clone()
            })
            .collect())
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

    /// Takes away what keeps a deleted object from going, for where nobody is left who would.
    pub async fn remove_finalizers(&self, object: &ObjectRef) -> Result<(), ClusterError> {
        match self.remove_field(object, "/metadata/finalizers", None).await {
            // It is gone.
            Err(ClusterError::Refused { code: 404, .. }) => Ok(()),
            result => result,
        }
    }
}

/// Not made by Kubernetes for every namespace, and not part of another object.
fn stands_alone(like: &ObjectRef, metadata: &Value) -> bool {
    let named = |kind, name| like.kind == kind && metadata["name"] == name;
    let owned = metadata["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty());
    let token = &metadata["annotations"]["kubernetes.io/service-account.name"];
    let default_token = like.kind == "Secret" && *token == "default";
    !(owned || default_token || named("ServiceAccount", "default") || named("ConfigMap", "kube-root-ca.crt"))
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
