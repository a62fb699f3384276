//! The Kustomize files of a model.

use serde_json::{Value, json};

use super::rollout::NAME_LABEL;
use super::{Files, MODEL_VERSION, Model, ModelError, Parts, STORAGE_URI, Uri, config_name};
use crate::config::Models;
use crate::object::Object;
use crate::waves::{ANNOTATION, Waves};
use crate::yaml;

/// File that Kustomize looks for.
pub(super) const FILE: &str = "kustomization.yaml";
/// What stands for the image in a base: each overlay says which it is.
pub(super) const PLACEHOLDER: &str = "model-server";
/// File that tells Kustomize where objects that it doesn't know name a ConfigMap.
const REFERENCES: &str = "kustomizeconfig.yaml";
/// Where the model's own object has its version: a label, with the slash as JSON pointers have it. No other object
/// has it: what a new version does not change, Argo CD has no reason to touch.
pub(super) const VERSION: &str = "/metadata/labels/app.kubernetes.io~1version";

/// The files of the base, by name.
pub(super) fn base(model: &Model, parts: &Parts, settings: &Models) -> Files {
    let waves = Waves::new(&settings.waves);
    let mut files = Files::new();
    let mut kustomization = kind("v1beta1", "Kustomization");
    let mut resources = Vec::new();
    for object in &parts.objects {
        let name = file_name(model, object);
        resources.push(json!(name));
        files.insert(name, yaml::to_string(&waves.mark(object.clone())));
    }
    kustomization["resources"] = resources.into();
    let labels = json!({
        NAME_LABEL: model.name,
        "app.kubernetes.io/part-of": "models",
        "app.kubernetes.io/managed-by": "argocd",
    });
    // Not those of selectors, which can't be changed later.
    kustomization["labels"] = json!([{ "includeSelectors": false, "pairs": labels }]);
    if let Some(path) = parts.config {
        let mut map =
            json!({ "name": config_name(model), "literals": [format!("MODEL_NAME={}", model.name)] });
        if let Some(wave) = waves.of("", "ConfigMap") {
            map["options"] = json!({ "annotations": { ANNOTATION: wave.to_string() } });
        }
        kustomization["configMapGenerator"] = json!([map]);
        kustomization["configurations"] = json!([REFERENCES]);
        let owner = parts.objects[0].reference();
        let field = json!({ "group": owner.group(), "kind": owner.kind, "path": path });
        let reference = json!({ "kind": "ConfigMap", "version": "v1", "fieldSpecs": [field] });
        files.insert(REFERENCES.into(), yaml::to_string(&json!({ "nameReference": [reference] })));
    }
    files.insert(FILE.into(), yaml::to_string(&kustomization));
    files
}

/// What is about the environment: its namespace, and how large the model is there.
pub(super) fn overlay(model: &Model, parts: &Parts, environment: &str) -> String {
    let mut kustomization = kind("v1beta1", "Kustomization");
    kustomization["namespace"] = json!(environment);
    kustomization["resources"] = json!(["../../base"]);
    kustomization["components"] = json!(["version"]);
    let (object, least, most) = parts.scaled;
    let (fewest, largest) = model.replicas;
    let patch = [(least, json!(fewest)), (most, json!(largest))];
    kustomization["patches"] = json!([patched(&parts.objects[object], &patch)]);
    yaml::to_string(&kustomization)
}

/// What a promotion copies.
pub(super) fn version(model: &Model, parts: &Parts) -> String {
    let mut component = kind("v1alpha1", "Component");
    let version = model.version();
    if parts.config.is_some() {
        let mut literals = vec![format!("{MODEL_VERSION}={version}")];
        if let Uri::Config = parts.uri {
            literals.push(format!("{STORAGE_URI}={}", model.storage_uri));
        }
        component["configMapGenerator"] =
            json!([{ "name": config_name(model), "behavior": "merge", "literals": literals }]);
    }
    if let Some(image) = &model.image {
        component["images"] = json!([image.transformer(PLACEHOLDER)]);
    }
    let mut patch = vec![(VERSION, json!(version))];
    if let Uri::At(pointer) = parts.uri {
        patch.push((pointer, json!(model.storage_uri)));
    }
    component["patches"] = json!([patched(&parts.objects[0], &patch)]);
    format!(
        "# Which version runs in this environment: `cargo xtask model promote` copies this file to another one.\n{}",
        yaml::to_string(&component)
    )
}

/// A Kustomize file as a value. Fails where Kustomize could not read it either.
pub(super) fn read(path: &str, text: &str) -> Result<Value, ModelError> {
    let unreadable = |line, why| ModelError::Unreadable { path: path.into(), line, why };
    match yaml::parse_value(text) {
        Ok(file) if file.is_object() => Ok(file),
        Ok(_) => Err(unreadable(1, "it holds no keys")),
        Err(error) => Err(unreadable(error.line, "it is no valid YAML")),
    }
}

/// The text of an overlay for another namespace; `None` where it says its own not in one line of its own.
pub(super) fn in_namespace(text: &str, from: &str, to: &str) -> Option<String> {
    let line = format!("namespace: {from}");
    let is_it = |found: &str| found.trim_end() == line;
    (text.lines().filter(|found| is_it(found)).count() == 1).then(|| {
        let lines = text.lines().map(|found| match is_it(found) {
            true => format!("namespace: {to}\n"),
            false => format!("{found}\n"),
        });
        lines.collect()
    })
}

fn kind(version: &str, kind: &str) -> Value {
    json!({ "apiVersion": format!("kustomize.config.k8s.io/{version}"), "kind": kind })
}

/// A patch (RFC 6902) that sets values of an object, whether they are there or not.
fn patched(object: &Object, values: &[(&str, Value)]) -> Value {
    let set = |(pointer, value): &(&str, Value)| json!({ "op": "add", "path": pointer, "value": value });
    let patch: Vec<Value> = values.iter().map(set).collect();
    let reference = object.reference();
    let mut target = json!({ "kind": reference.kind, "name": reference.name });
    if !reference.group().is_empty() {
        target["group"] = json!(reference.group());
    }
    json!({ "target": target, "patch": yaml::to_string(&patch) })
}

/// `<kind>.yaml`, with what the object's name has besides the model's.
fn file_name(model: &Model, object: &Object) -> String {
    let suffix = object.name().strip_prefix(&model.name).unwrap_or_default();
    format!("{}{suffix}.yaml", object.kind().to_lowercase())
}
