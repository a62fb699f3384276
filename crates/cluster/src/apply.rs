//! Server-side apply of many objects: in waves by kind, concurrent within a wave, and definitions beside them.

use std::borrow::Cow;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream, try_join};
use http::{Request, StatusCode};
use kube::core::params::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use manifests::{Object, ObjectRef};
use serde_json::Value;

use crate::client::{Client, Reply, collection, is_kind_unknown};
use crate::error::ClusterError;
use crate::observe::Found;

/// Requests under way at once: enough to keep an API server busy, too few for its flow control to refuse any.
const IN_FLIGHT: usize = 64;
/// How long a kind whose definition is established may take to be served; 14 ms were measured.
const DEFINITION: Duration = Duration::from_secs(10);

/// How an object is applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Patching {
    /// The fields to apply.
    pub object: Object,
    /// Field manager.
    pub manager: String,
    /// Take fields over from other managers.
    pub force: bool,
    /// What must hold when the server applies.
    pub condition: Condition,
}

/// What must hold when the server applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    None,
    /// The object is not there.
    Absent,
    /// The object has this `resourceVersion`.
    Unchanged(String),
}

/// The wave that a kind is applied in. Later waves need earlier ones to be there.
fn wave(kind: &str) -> u8 {
    match kind {
        "Namespace" => 0,
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "Ingress" => 2,
        "Application" | "ApplicationSet" | "AppProject" => 3,
        _ => 1,
    }
}

impl Client {
    /// Applies all, wave by wave; definitions beside them, and objects of the kinds that they define at last. `done`
    /// is told of every object that the server has taken. The first failure stops what has not begun.
    pub async fn apply_all(
        &self,
        patches: Vec<Patching>,
        done: &(dyn Fn(&ObjectRef) + Sync),
    ) -> Result<(), ClusterError> {
        let is_definition = |patch: &Patching| patch.object.kind() == "CustomResourceDefinition";
        let (definitions, patches): (Vec<_>, Vec<_>) = patches.into_iter().partition(is_definition);
        let defines = |definition: &Patching, object: &Object| {
            let definition = &definition.object;
            definition.text("/spec/names/kind") == object.kind()
                && definition.text("/spec/group") == object.reference().group()
        };
        let is_custom =
            |patch: &Patching| definitions.iter().any(|definition| defines(definition, &patch.object));
        let (custom, others) = patches.into_iter().partition(is_custom);
        // Definitions take a server longest, and only objects of their own kinds need them.
        try_join!(self.define(&definitions, done), self.apply_in_waves(others, done))?;
        self.apply_in_waves(custom, done).await
    }

    async fn define(
        &self,
        definitions: &[Patching],
        done: &(dyn Fn(&ObjectRef) + Sync),
    ) -> Result<(), ClusterError> {
        self.apply_at_once(definitions, done).await?;
        let definitions: Vec<&Object> = definitions.iter().map(|patch| &patch.object).collect();
        self.wait_established(&definitions).await
    }

    async fn apply_in_waves(
        &self,
        mut patches: Vec<Patching>,
        done: &(dyn Fn(&ObjectRef) + Sync),
    ) -> Result<(), ClusterError> {
        patches.sort_by_key(|patch| wave(patch.object.kind()));
        for wave in patches.chunk_by(|a, b| wave(a.object.kind()) == wave(b.object.kind())) {
            self.apply_at_once(wave, done).await?;
        }
        Ok(())
    }

    async fn apply_at_once(
        &self,
        patches: &[Patching],
        done: &(dyn Fn(&ObjectRef) + Sync),
    ) -> Result<(), ClusterError> {
        let patches = stream::iter(patches.iter().map(|patch| self.apply_told(patch, done)));
        patches.buffer_unordered(IN_FLIGHT).try_collect().await
    }

    async fn apply_told(
        &self,
        patch: &Patching,
        done: &(dyn Fn(&ObjectRef) + Sync),
    ) -> Result<(), ClusterError> {
        self.apply(patch).await?;
        done(&patch.object.reference());
        Ok(())
    }

    /// Applies one object.
    pub async fn apply(&self, patch: &Patching) -> Result<(), ClusterError> {
        let reference = patch.object.reference();
        let (verb, request) = match patch.condition {
            Condition::Absent => ("create", create_request(patch, &reference)?),
            Condition::None | Condition::Unchanged(_) => ("patch", patch_request(patch, &reference)?),
        };
        // A kind whose definition was made a moment ago is not served at once.
        let starting = |reply: &Reply, elapsed: Duration| {
            reply.status == StatusCode::NOT_FOUND && is_kind_unknown(&reply.body) && elapsed < DEFINITION
        };
        let reply = self.send_only(&request, starting).await?;
        match reply.status.is_success() {
            true => Ok(()),
            false => Err(self.refused(verb, &reference, &reply).await),
        }
    }

    /// Deletes an object with what belongs to it, if it is still there. Comes back before it is gone.
    pub async fn delete(&self, object: &ObjectRef) -> Result<(), ClusterError> {
        self.delete_if(object, None).await
    }

    /// The same for an object that was read with this UID. Another one that has its name by now stays, and that is
    /// [`ClusterError::Changed`].
    pub async fn delete_read(&self, object: &ObjectRef, uid: Option<&str>) -> Result<(), ClusterError> {
        let read = |uid: &str| Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        self.delete_if(object, uid.map(read)).await
    }

    pub(crate) async fn delete_if(
        &self,
        object: &ObjectRef,
        preconditions: Option<Preconditions>,
    ) -> Result<(), ClusterError> {
        let params = DeleteParams { preconditions, ..DeleteParams::background() };
        let request = collection(object)
            .delete(&object.name, &params)
            .map_err(|source| ClusterError::bad_request(object, &source))?;
        let reply = self.send_only(&request, |_, _| false).await?;
        match reply.status {
            status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            _ => Err(self.refused("delete", object, &reply).await),
        }
    }

    /// Removes one field, if it is still there. Where it has to hold `expected` and holds another value by now, it
    /// stays, and that is [`ClusterError::Changed`].
    pub async fn remove_field(
        &self,
        object: &ObjectRef,
        pointer: &str,
        expected: Option<&Value>,
    ) -> Result<(), ClusterError> {
        let remove = serde_json::json!({ "op": "remove", "path": pointer });
        let test = expected.map(|value| serde_json::json!({ "op": "test", "path": pointer, "value": value }));
        let reply = self.patch(object, None, &test.into_iter().chain([remove]).collect()).await?;
        match reply.status {
            status if status.is_success() => Ok(()),
            StatusCode::UNPROCESSABLE_ENTITY => match self.read(object).await? {
                // The server doesn't always say which operation failed. A repeated request finds the field gone.
                Found::Object(live) => match live.get(pointer) {
                    None => Ok(()),
                    Some(value) if expected.is_some_and(|expected| expected != value) => {
                        Err(ClusterError::Changed { object: object.clone() })
                    }
                    Some(_) => Err(self.refused("patch", object, &reply).await),
                },
                Found::Absent | Found::KindUnknown => Ok(()),
            },
            _ => Err(self.refused("patch", object, &reply).await),
        }
    }

    /// Sends a JSON patch (RFC 6902) for an object, or for a subresource of it.
    pub(crate) async fn patch(
        &self,
        object: &ObjectRef,
        subresource: Option<&str>,
        operations: &Value,
    ) -> Result<Reply, ClusterError> {
        let params = PatchParams { field_manager: Some(manifests::MANAGER.into()), ..PatchParams::default() };
        let operations = serde_json::from_value(operations.clone());
        let patch: Patch<Value> =
            Patch::Json(operations.map_err(|source| ClusterError::bad_request(object, &source))?);
        let (objects, name) = (collection(object), &object.name);
        let request = match subresource {
            Some(subresource) => objects.patch_subresource(subresource, name, &params, &patch),
            None => objects.patch(name, &params, &patch),
        };
        let request = request.map_err(|source| ClusterError::bad_request(object, &source))?;
        self.send_only(&request.map(|body| as_go_writes(&body)), |_, _| false).await
    }
}

/// JSON as Go writes it, with these characters escaped. A server compares the text of a `test` with what it holds byte
/// by byte (evanphx/json-patch), so one that holds any of them would never be the same.
fn as_go_writes(json: &[u8]) -> Vec<u8> {
    let escaped = String::from_utf8_lossy(json).chars().fold(String::new(), |mut text, c| {
        match c {
            // None of them stands outside a text.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
        text
    });
    escaped.into_bytes()
}

fn create_request(patch: &Patching, reference: &ObjectRef) -> Result<Request<Vec<u8>>, ClusterError> {
    let params = PostParams { field_manager: Some(patch.manager.clone()), ..PostParams::default() };
    collection(reference)
        .create(&params, patch.object.as_value().to_string().into_bytes())
        .map_err(|source| ClusterError::bad_request(reference, &source))
}

fn patch_request(patch: &Patching, reference: &ObjectRef) -> Result<Request<Vec<u8>>, ClusterError> {
    let params = PatchParams {
        field_manager: Some(patch.manager.clone()),
        force: patch.force,
        ..PatchParams::default()
    };
    let mut body = Cow::Borrowed(patch.object.as_value());
    if let Condition::Unchanged(version) = &patch.condition {
        body.to_mut()["metadata"]["resourceVersion"] = Value::from(version.as_str());
    }
    collection(reference)
        .patch(&reference.name, &params, &Patch::Apply(&*body))
        .map_err(|source| ClusterError::bad_request(reference, &source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_compared_as_the_server_writes_it() {
        let value = serde_json::json!({ "value": "a < b && c > \u{e9}\u{2028}\n" });
        let written = as_go_writes(value.to_string().as_bytes());
        let text = "{\"value\":\"a \\u003c b \\u0026\\u0026 c \\u003e \u{e9}\\u2028\\n\"}";
        assert_eq!(String::from_utf8_lossy(&written), text);
        assert_eq!(serde_json::from_slice::<Value>(&written).expect("JSON"), value);
    }
}
