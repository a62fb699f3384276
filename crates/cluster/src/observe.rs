//! Reading what is there: objects by the hundred, the version, the nodes.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use http::StatusCode;
use kube::core::params::{GetParams, ListParams};
use manifests::{Object, ObjectRef};
use serde_json::Value;

use crate::client::{Client, Reply, collection, is_kind_unknown};
use crate::error::ClusterError;

/// Reads under way at once.
const IN_FLIGHT: usize = 64;
/// From this many objects of one kind and namespace on, one list is cheaper than a read of each.
const LIST_FROM: usize = 5;
/// How often a list is begun whose place the server forgets.
const BEGINNINGS: usize = 5;
/// Objects a page of a list.
const PAGE: u32 = 500;

/// One object, looked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// It is there.
    Object(Box<Object>),
    /// It is not there.
    Absent,
    /// The server doesn't serve its kind.
    KindUnknown,
}

/// Version of an API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// As in v1.36.3: 1.
    pub major: u32,
    /// As in v1.36.3: 36.
    pub minor: u32,
    /// As the server writes it.
    pub text: String,
}

/// Nodes by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeCount {
    /// Nodes that run pods.
    pub real: usize,
    /// Nodes that kwok simulates.
    pub simulated: usize,
}

impl Client {
    /// Reads objects, each by itself or many of a kind by one list.
    pub async fn read_all(&self, wanted: &[ObjectRef]) -> Result<BTreeMap<ObjectRef, Found>, ClusterError> {
        let mut groups: BTreeMap<(&str, &str, Option<&str>), Vec<&ObjectRef>> = BTreeMap::new();
        for object in wanted {
            let key = (object.api_version.as_str(), object.kind.as_str(), object.namespace.as_deref());
            groups.entry(key).or_default().push(object);
        }
        let found: Vec<_> = stream::iter(groups.into_values())
            .map(|group| self.read_group(group))
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn read_group(&self, group: Vec<&ObjectRef>) -> Result<Vec<(ObjectRef, Found)>, ClusterError> {
        // A list of these would bring along far more than was asked for: all secrets, all definitions.
        let listable = !matches!(group[0].kind.as_str(), "Secret" | "CustomResourceDefinition");
        if listable && group.len() >= LIST_FROM {
            // Others' objects may be many more than ours.
            let names: BTreeSet<&str> = group.iter().map(|object| object.name.as_str()).collect();
            match self.list_some(group[0], |name| names.contains(name)).await {
                Ok(None) => return Ok(group.into_iter().map(|o| (o.clone(), Found::KindUnknown)).collect()),
                Ok(Some(objects)) => {
                    let mut objects = by_name(objects);
                    let mut take = |object: &ObjectRef| {
                        objects
                            .remove(&object.name)
                            .map_or(Found::Absent, |found| Found::Object(Box::new(found)))
                    };
                    return Ok(group.into_iter().map(|object| (object.clone(), take(object))).collect());
                }
                // Some may read the objects they know and not list the others.
                Err(ClusterError::Forbidden { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        stream::iter(group)
            .map(|object| async move { Ok((object.clone(), self.read(object).await?)) })
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await
    }

    /// Reads one object.
    pub async fn read(&self, object: &ObjectRef) -> Result<Found, ClusterError> {
        let request = collection(object)
            .get(&object.name, &GetParams::default())
            .map_err(|source| ClusterError::bad_request(object, &source))?;
        let reply = self.send(&request).await?;
        match reply.status {
            status if status.is_success() => self.object(object, reply.body),
            StatusCode::NOT_FOUND if is_kind_unknown(&reply.body) => Ok(Found::KindUnknown),
            StatusCode::NOT_FOUND => Ok(Found::Absent),
            _ => Err(self.failure("get", object, &reply)),
        }
    }

    /// All objects of the kind and in the namespace of `like`, by name; `None` where the kind is unknown.
    pub async fn list(&self, like: &ObjectRef) -> Result<Option<BTreeMap<String, Object>>, ClusterError> {
        Ok(self.list_all(like).await?.map(by_name))
    }

    /// All objects of the kind and in the namespace of `like`, or in every namespace where it has none; `None` where
    /// the kind is unknown.
    pub async fn list_all(&self, like: &ObjectRef) -> Result<Option<Vec<Object>>, ClusterError> {
        self.list_some(like, |_| true).await
    }

    /// The same for objects with the names that are wanted; the others are let go page by page.
    async fn list_some(
        &self,
        like: &ObjectRef,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Option<Vec<Object>>, ClusterError> {
        let mut objects = Vec::new();
        let mut beginnings = 1;
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let request =
                collection(like).list(&page).map_err(|source| ClusterError::bad_request(like, &source))?;
            let mut reply = self.send(&request).await?;
            if reply.status == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            // The server forgot where the list was (410): begin again, but not for ever.
            if reply.status == StatusCode::GONE && page.continue_token.is_some() && beginnings < BEGINNINGS {
                beginnings += 1;
                objects.clear();
                page = ListParams::default().limit(PAGE);
                continue;
            }
            if !reply.status.is_success() {
                return Err(self.failure("list", like, &reply));
            }
            if let Value::Array(items) = reply.body["items"].take() {
                for item in items {
                    if item["metadata"]["name"].as_str().is_some_and(|name| !is_wanted(name)) {
                        continue;
                    }
                    objects.push(typed(item, like).map_err(|message| self.odd_answer(like, message))?);
                }
            }
            match reply.body["metadata"]["continue"].as_str() {
                Some(token) if !token.is_empty() => page = page.continue_token(token),
                _ => return Ok(Some(objects)),
            }
        }
    }

    /// Version of the server. Also the cheapest way to see whether it answers.
    pub async fn version(&self) -> Result<ServerVersion, ClusterError> {
        let request = http::Request::get("/version").body(Vec::new()).expect("a fixed path");
        let reply = self.send(&request).await?;
        let what = ObjectRef::cluster_scoped("v1", "Version", "server");
        if !reply.status.is_success() {
            return Err(self.failure("get", &what, &reply));
        }
        // Managed clusters write the minor version with a plus sign.
        let number = |field: &str| reply.body[field].as_str()?.trim_end_matches('+').parse().ok();
        match (number("major"), number("minor")) {
            (Some(major), Some(minor)) => {
                let text = reply.body["gitVersion"].as_str().unwrap_or_default().to_owned();
                Ok(ServerVersion { major, minor, text })
            }
            _ => Err(self.odd_answer(&what, format!("no version in {}", reply.body))),
        }
    }

    /// Nodes, by what they are. Who may not list nodes sees none.
    pub async fn nodes(&self) -> Result<NodeCount, ClusterError> {
        let like = ObjectRef::cluster_scoped("v1", "Node", "");
        let nodes = match self.list(&like).await {
            Ok(nodes) => nodes.unwrap_or_default(),
            Err(ClusterError::Forbidden { .. }) => return Ok(NodeCount::default()),
            Err(error) => return Err(error),
        };
        let simulated = nodes.values().filter(|node| node.annotation("kwok.x-k8s.io/node").is_some()).count();
        Ok(NodeCount { real: nodes.len() - simulated, simulated })
    }

    fn object(&self, reference: &ObjectRef, body: Value) -> Result<Found, ClusterError> {
        match Object::try_from(body) {
            Ok(object) => Ok(Found::Object(Box::new(object))),
            Err(error) => Err(self.odd_answer(reference, error.to_string())),
        }
    }

    pub(crate) fn odd_answer(&self, object: &ObjectRef, message: String) -> ClusterError {
        self.failure("get", object, &Reply { status: StatusCode::BAD_GATEWAY, body: Value::from(message) })
    }
}

fn by_name(objects: Vec<Object>) -> BTreeMap<String, Object> {
    objects.into_iter().map(|object| (object.name().to_owned(), object)).collect()
}

/// An item of a list as an object: items carry neither kind nor version.
pub(crate) fn typed(mut item: Value, like: &ObjectRef) -> Result<Object, String> {
    item["apiVersion"] = Value::from(like.api_version.as_str());
    item["kind"] = Value::from(like.kind.as_str());
    Object::try_from(item).map_err(|error| error.to_string())
}
