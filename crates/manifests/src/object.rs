//! A Kubernetes object as plain data, and the reference that names one.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::argocd::names;
use crate::repository::{CREDENTIALS_KEY, REPOSITORIES_KEY};

/// Names one object in a cluster. Orders by kind of object first, so that lists of references group well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Group and version as in a manifest: `v1`, `apps/v1`.
    pub api_version: String,
    /// Kind in the singular: `ConfigMap`.
    pub kind: String,
    /// `None` for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
}

impl ObjectRef {
    /// A reference to an object in a namespace.
    pub fn namespaced(api_version: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self { namespace: Some(namespace.into()), ..Self::cluster_scoped(api_version, kind, name) }
    }

    /// A reference to an object that lives in no namespace.
    pub fn cluster_scoped(api_version: &str, kind: &str, name: &str) -> Self {
        Self { api_version: api_version.into(), kind: kind.into(), namespace: None, name: name.into() }
    }

    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// The version within the group.
    pub fn version(&self) -> &str {
        self.api_version.split_once('/').map_or(&self.api_version, |(_, version)| version)
    }
}

/// `kind/name`, with ` in namespace` where there is one: the way kubectl users name an object.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

/// A whole Kubernetes object as JSON. The four fields that name it are always there.
///
/// A manifest of the user's, or a cluster, may hold a Secret: `Debug` hides its values. `Serialize` shows everything,
/// because that is what goes to the server; what is shown to people goes through [`Object::redacted`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Object(Value);

/// A plain struct as a part of an object.
pub(crate) fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("plain structs with text keys have a JSON form")
}

/// What stands for a value of a Secret wherever an object is shown.
pub const HIDDEN: &str = "(hidden)";

/// Where `kubectl apply` keeps a copy of the whole object.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Which values under `data` of an object are not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hides {
    /// None.
    Nothing,
    /// All: it is a Secret.
    All,
    /// Those under these keys: addresses in them may hold tokens.
    Keys(&'static [&'static str]),
}

impl Hides {
    /// The value under this key is not shown.
    pub fn key(self, key: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Keys(keys) => keys.contains(&key),
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Object").field(&self.redacted().0).finish()
    }
}

/// Why a JSON value is no Kubernetes object.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a Kubernetes object: {0} is missing or not a text")]
pub struct NotAnObject(&'static str);

impl TryFrom<Value> for Object {
    type Error = NotAnObject;

    fn try_from(value: Value) -> Result<Self, NotAnObject> {
        for (pointer, field) in
            [("/apiVersion", "apiVersion"), ("/kind", "kind"), ("/metadata/name", "metadata.name")]
        {
            if value.pointer(pointer).and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(NotAnObject(field));
            }
        }
        Ok(Self(value))
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Value {
        object.0
    }
}

impl Object {
    /// An object with a name and nothing else.
    pub fn new(reference: &ObjectRef) -> Self {
        let mut metadata = json!({ "name": reference.name });
        if let Some(namespace) = &reference.namespace {
            metadata["namespace"] = json!(namespace);
        }
        Self(json!({ "apiVersion": reference.api_version, "kind": reference.kind, "metadata": metadata }))
    }

    /// The same object with a top-level field (`spec`, `data`, `rules`) set.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0[field] = value.into();
        self
    }

    /// The same object without a top-level field.
    pub fn without(mut self, field: &str) -> Self {
        if let Value::Object(map) = &mut self.0 {
            map.remove(field);
        }
        self
    }

    /// The same object with a label set.
    pub fn with_label(mut self, key: &str, value: &str) -> Self {
        self.metadata_map("labels").insert(key.into(), value.into());
        self
    }

    /// The same object with an annotation set.
    pub fn with_annotation(mut self, key: &str, value: &str) -> Self {
        self.metadata_map("annotations").insert(key.into(), value.into());
        self
    }

    /// The same object in another namespace.
    pub fn with_namespace(mut self, namespace: &str) -> Self {
        self.0["metadata"]["namespace"] = namespace.into();
        self
    }

    /// Whose values must not be shown.
    pub fn hides(&self) -> Hides {
        match (self.kind(), self.name()) {
            ("Secret", _) => Hides::All,
            ("ConfigMap", names::CONFIG) => Hides::Keys(&[REPOSITORIES_KEY, CREDENTIALS_KEY]),
            _ => Hides::Nothing,
        }
    }

    /// The same object without what must not be shown, and without the copy of it that `kubectl apply` keeps. An
    /// object that hides nothing is as it was.
    pub fn redacted(&self) -> Self {
        let mut object = self.clone();
        let hides = object.hides();
        if hides == Hides::Nothing {
            return object;
        }
        for field in ["/data", "/stringData"] {
            match object.get_mut(field) {
                Some(Value::Object(data)) => {
                    let hidden = data.iter_mut().filter(|(key, _)| hides.key(key));
                    hidden.for_each(|(_, value)| *value = HIDDEN.into());
                }
                Some(Value::Null) | None => {}
                Some(other) => *other = HIDDEN.into(),
            }
        }
        if let Some(Value::Object(annotations)) = object.get_mut("/metadata/annotations") {
            annotations.remove(LAST_APPLIED);
        }
        object
    }

    fn metadata_map(&mut self, field: &str) -> &mut Map<String, Value> {
        let slot = &mut self.0["metadata"][field];
        if !slot.is_object() {
            *slot = json!({});
        }
        slot.as_object_mut().expect("it was just made an object")
    }

    /// What names this object.
    pub fn reference(&self) -> ObjectRef {
        ObjectRef {
            api_version: self.text("/apiVersion").to_owned(),
            kind: self.kind().to_owned(),
            namespace: self.namespace().map(str::to_owned),
            name: self.name().to_owned(),
        }
    }

    /// `kind`.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> Option<&str> {
        self.get("/metadata/namespace").and_then(Value::as_str)
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.0["metadata"]["labels"][key].as_str()
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.0["metadata"]["annotations"][key].as_str()
    }

    /// The value at a JSON pointer (RFC 6901).
    pub fn get(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// The text at a JSON pointer; empty where there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.get(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The list at a JSON pointer; empty where there is none.
    pub fn list(&self, pointer: &str) -> &[Value] {
        self.get(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The condition of a type in the status, with its `status`, `reason` and `message`.
    pub fn condition(&self, kind: &str) -> Option<&Value> {
        self.list("/status/conditions").iter().find(|condition| condition["type"] == kind)
    }

    /// Whether a condition has the status `True`, `False` or `Unknown`. One that is not there has none.
    pub fn has_condition(&self, kind: &str, status: &str) -> bool {
        self.condition(kind).is_some_and(|condition| condition["status"] == status)
    }

    /// The value at a JSON pointer, to change in place. Not for the four fields that name the object.
    pub fn get_mut(&mut self, pointer: &str) -> Option<&mut Value> {
        self.0.pointer_mut(pointer)
    }

    /// The whole object as JSON.
    pub fn as_value(&self) -> &Value {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_a_name_is_no_object() {
        let missing = |value: Value| Object::try_from(value).unwrap_err().to_string();
        assert!(missing(json!({})).contains("apiVersion"));
        assert!(missing(json!({"apiVersion": "v1", "kind": "List", "items": []})).contains("metadata.name"));
        assert!(
            missing(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": ""}})).contains("name")
        );
    }

    #[test]
    fn values_of_a_secret_are_not_shown() {
        let fields = |reference: &ObjectRef| {
            Object::new(reference)
                .with("data", json!({"password": "cGxhbnRlZA=="}))
                .with("stringData", json!({"token": "planted"}))
                .with_annotation(LAST_APPLIED, "planted")
                .with_annotation("kept", "yes")
        };
        let secret = fields(&ObjectRef::namespaced("v1", "Secret", "argocd", "argocd-secret"));
        let shown = format!("{secret:?}{:#?}{}", secret, secret.redacted().as_value());
        assert!(shown.contains("password") && shown.contains("token") && shown.contains(HIDDEN), "{shown}");
        assert!(!shown.contains("planted") && !shown.contains("cGxhbnRlZA=="), "{shown}");
        assert_eq!(secret.redacted().annotation("kept"), Some("yes"));
        assert_eq!(secret.clone().with("data", "planted").redacted().text("/data"), HIDDEN);
        assert_eq!(
            secret.get("/stringData/token"),
            Some(&json!("planted")),
            "to the server it goes as it is"
        );
        let map = fields(&ObjectRef::namespaced("v1", "ConfigMap", "argocd", "argocd-rbac-cm"));
        assert_eq!(map.redacted(), map);
    }

    #[test]
    fn addresses_of_others_repositories_are_not_shown() {
        let map = Object::new(&names::config("argocd"))
            .with("data", json!({"url": "x", "repositories": "planted", "repository.credentials": "planted"}))
            .with_annotation(LAST_APPLIED, "planted");
        let shown = format!("{map:?}");
        assert!(!shown.contains("planted") && shown.contains(HIDDEN), "{shown}");
        assert_eq!(map.redacted().text("/data/url"), "x");
        assert_eq!(map.clone().with("data", "planted").redacted().text("/data"), HIDDEN);
    }

    #[test]
    fn a_reference_reads_like_kubectl() {
        let service = ObjectRef::namespaced("v1", "Service", "argocd", "argocd-server");
        assert_eq!(service.to_string(), "Service/argocd-server in argocd");
        assert_eq!((service.group(), service.version()), ("", "v1"));
        let role = ObjectRef::cluster_scoped("rbac.authorization.k8s.io/v1", "ClusterRole", "reader");
        assert_eq!(role.to_string(), "ClusterRole/reader");
        assert_eq!((role.group(), role.version()), ("rbac.authorization.k8s.io", "v1"));
        assert_eq!(Object::new(&service).reference(), service);
    }
}
