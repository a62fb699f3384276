//! Definitions of other projects' kinds, and objects of them applied as strictly as an API server can.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use manifests::{Object, yaml};
use serde_json::Value;

use crate::{Api, Refusal, poll, skipped};

/// Where the environment keeps the published definitions of other projects.
const PUBLISHED: &str = "GITOPS_SETUP_TEST_CRDS";

/// The folder with the published definitions of other projects; `None`, and said, where there is none.
///
/// # Panics
///
/// Without the folder where `CI` is set, unless the variable says `none`: what passes there has to have been tested.
pub fn published_definitions() -> Option<PathBuf> {
    let named = std::env::var_os(PUBLISHED);
    let is_left_out = named.as_ref().is_some_and(|name| name == "none");
    let found = named.map(PathBuf::from).filter(|path| path.is_dir());
    if found.is_none() {
        assert!(is_left_out || std::env::var_os("CI").is_none(), "{PUBLISHED} names no folder");
        skipped(&format!("published definitions of models' kinds: {PUBLISHED} names no folder"));
    }
    found
}

/// Definitions that take everything, of all kinds that ML platforms bring.
pub fn permissive_definitions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/crds/permissive.yaml")
}

impl Api {
    /// Applies the definitions of a file or of all files of a folder, but for those that are there, and waits until
    /// their kinds are served.
    ///
    /// # Panics
    ///
    /// Where they can't be read or are refused.
    pub fn define(&self, path: &Path) {
        let mut files = vec![path.to_owned()];
        if path.is_dir() {
            files = std::fs::read_dir(path).expect("a folder").flatten().map(|entry| entry.path()).collect();
        }
        let mut kinds = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(&file).expect("definitions");
            for object in yaml::parse_objects(&text).expect("objects") {
                if object.kind() != "CustomResourceDefinition" {
                    continue;
                }
                let collection = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
                let path = format!("{collection}/{}", object.name());
                if self.find(&path).is_none() {
                    self.apply("definitions", &path, object.as_value());
                }
                for version in object.list("/spec/versions") {
                    let version = version["name"].as_str().expect("a version");
                    kinds.push((
                        format!("{}/{version}", object.text("/spec/group")),
                        object.text("/spec/names/kind").to_owned(),
                    ));
                }
            }
        }
        for (api_version, kind) in kinds {
            poll("the kind is served", Duration::from_secs(30), || self.plural(&api_version, &kind));
        }
    }

    /// Applies an object by server-side apply, and takes neither fields that its kind does not have nor ones that are
    /// there twice.
    pub fn apply_strictly(&self, object: &Object) -> Result<Value, Refusal> {
        let reference = object.reference();
        let (version, kind) = (&reference.api_version, &reference.kind);
        let plural = self.plural(version, kind).unwrap_or_else(|| panic!("{kind} ({version}) is not served"));
        let base = if version.contains('/') { format!("/apis/{version}") } else { format!("/api/{version}") };
        let namespace = reference.namespace.map(|name| format!("/namespaces/{name}")).unwrap_or_default();
        let path =
            format!("{base}{namespace}/{plural}/{}?fieldManager=test&fieldValidation=Strict", reference.name);
        self.send(Method::PATCH, &path, "application/apply-patch+yaml", object.as_value())
    }

    fn plural(&self, api_version: &str, kind: &str) -> Option<String> {
        let base = if api_version.contains('/') {
            format!("/apis/{api_version}")
        } else {
            format!("/api/{api_version}")
        };
        let served = self.find(&base)?;
        let mut resources = served["resources"].as_array()?.iter();
        let found = resources
            .find(|it| it["kind"] == kind && it["name"].as_str().is_some_and(|name| !name.contains('/')));
        found.and_then(|it| it["name"].as_str()).map(str::to_owned)
    }
}

/// An object without what controllers write meanwhile.
pub fn without_status(mut object: Value) -> Value {
    object["status"].take();
    object["metadata"]["resourceVersion"].take();
    object["metadata"]["managedFields"].take();
    object
}
