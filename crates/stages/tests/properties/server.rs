//! A model of the world that plans are applied to: an API server, and what is done besides.

use std::collections::BTreeMap;

use manifests::fill::Fill;
use manifests::{Object, ObjectRef, environment};
use serde_json::{Value, json};
use stages::observed::{ClusterState, KubernetesVersion, Live, Nodes, RepositoryState, ValuesState};
use stages::plan::{Action, Apply, Precondition};
use stages::{Inputs, Observed, Stage};

use crate::fields::{Fields, Path, Schema, as_v1, at, remove};

/// What the server itself keeps of every object.
const OWN: [&str; 5] = ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"];

/// The world.
#[derive(Clone, Default)]
pub(crate) struct World {
    objects: BTreeMap<ObjectRef, Stored>,
    /// What the values of Secrets were made from.
    filled: BTreeMap<(ObjectRef, String), Fill>,
    repository: RepositoryState,
    values: ValuesState,
    running: bool,
    version: u64,
    /// Requests that changed something.
    pub(crate) writes: usize,
}

#[derive(Clone)]
struct Stored {
    value: Value,
    /// The same with `managedFields`, as it is read.
    live: Option<Box<Object>>,
    managers: BTreeMap<(String, &'static str), Fields>,
}

/// Why the server does not take it.
pub(crate) type Refusal = String;

impl World {
    /// A cluster that has kinds of other systems, and nothing of ours.
    pub(crate) fn new(kinds: &[(&str, &str)]) -> Self {
        let mut world = Self { running: true, ..Self::default() };
        for (group, kind) in kinds {
            let name = format!("{}s.{group}", kind.to_lowercase());
            let crd = ObjectRef::cluster_scoped("apiextensions.k8s.io/v1", "CustomResourceDefinition", &name);
            let spec = json!({"group": group, "names": {"kind": kind}});
            world.create("helm", &Object::new(&crd).with("spec", spec)).expect("nothing is there");
        }
        world
    }

    /// What a stage's plan is told: only what it asks for.
    pub(crate) fn observe(&self, stage: &Stage, inputs: &Inputs) -> Observed {
        let live = |reference: &ObjectRef| match self.objects.get(reference) {
            _ if !self.serves(reference) => Live::KindUnknown,
            None => Live::Absent,
            Some(stored) => Live::Found(stored.live.clone().expect("it was written")),
        };
        let mut observed = Observed {
            cluster: if self.running { ClusterState::Running } else { ClusterState::Absent },
            kubernetes: Some(KubernetesVersion { major: 1, minor: 36 }),
            nodes: Nodes { real: 1, simulated: 0 },
            objects: stage
                .reads(inputs)
                .into_iter()
                .map(|reference| (reference.clone(), live(&reference)))
                .collect(),
            repository: Some(self.repository(inputs)),
            values: self.values,
            ..Observed::default()
        };
        for secret in (stage.secrets)(inputs, &observed) {
            for (key, fill) in secret.fill {
                let place = (secret.object.reference(), key);
                if self.filled.get(&place) == Some(&fill) {
                    observed.stored.insert(place);
                }
            }
        }
        observed
    }

    /// One elsewhere has what it should have.
    fn repository(&self, inputs: &Inputs) -> RepositoryState {
        if !inputs.config.git.is_remote() {
            return self.repository.clone();
        }
        let folders = environment::folders(&inputs.config);
        RepositoryState { exists: true, branch: Some("main".into()), folders, ..RepositoryState::default() }
    }

    /// Does what the interpreter of actions does, in its order.
    pub(crate) fn apply(&mut self, actions: &[Action], force: bool) -> Result<(), Refusal> {
        for action in actions {
            match action {
                Action::CreateCluster { .. } => self.running = true,
                Action::InitRepository { folders, .. } => {
                    self.repository.exists = true;
                    self.repository.branch = Some("main".into());
                    self.repository.folders.extend(folders.iter().cloned());
                }
                Action::MergeValues { .. } => self.values.file = Some(true),
                Action::UpgradeRelease { .. } => self.values.release = Some(true),
                Action::WaitFor { object, pointer, .. } => self.starts(object, pointer)?,
                Action::WaitServed { definitions } => return Err(format!("{definitions:?} are not served")),
                Action::PutWebhook(hook) => return Err(format!("nobody looked at {}", hook.url)),
                Action::RemoveField { object, pointer, expected, .. } => {
                    let path: Path = pointer
                        .split('/')
                        .skip(1)
                        .map(|part| format!("f:{}", part.replace("~1", "/")))
                        .collect();
                    let stored = self.objects.get_mut(object).ok_or(format!("404 {object}"))?;
                    if expected.as_ref().is_some_and(|expected| *at(&stored.value, &path) != expected.0) {
                        return Err(format!("409 {pointer} of {object}"));
                    }
                    remove(&mut stored.value, &path);
                    stored
                        .managers
                        .values_mut()
                        .for_each(|fields| fields.retain(|field| !field.starts_with(&path)));
                    self.written(object);
                }
                Action::Apply(_) => {}
            }
        }
        let first = |apply: &&&Apply| matches!(apply.object.kind(), "Namespace" | "CustomResourceDefinition");
        let applies: Vec<&Apply> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Apply(apply) => Some(apply.as_ref()),
                _ => None,
            })
            .collect();
        applies.iter().filter(first).try_for_each(|apply| self.apply_one(apply, force))?;
        applies.iter().filter(|apply| !first(apply)).try_for_each(|apply| self.apply_one(apply, force))
    }

    fn apply_one(&mut self, apply: &Apply, force: bool) -> Result<(), Refusal> {
        let reference = apply.object.reference();
        let mut object = apply.object.clone();
        for (key, fill) in &apply.fill {
            let place = (reference.clone(), key.clone());
            let mut data = object.get("/data").cloned().unwrap_or_else(|| json!({}));
            let known = self.objects.get(&reference).map(|stored| stored.value["data"][key.as_str()].clone());
            let known = known.filter(|_| self.filled.get(&place) == Some(fill));
            data[key.as_str()] = known
                .filter(|value| !value.is_null())
                .unwrap_or_else(|| json!(format!("dmFsdWU{}", self.version)));
            object = object.with("data", data);
            self.filled.insert(place, fill.clone());
        }
        match &apply.precondition {
            Precondition::Absent => self.create(&apply.manager, &object),
            Precondition::Unchanged(version) => {
                let now = self
                    .objects
                    .get(&reference)
                    .map(|stored| stored.value["metadata"]["resourceVersion"].clone());
                if now != Some(json!(version)) {
                    return Err(format!("409 {reference}: {now:?} is not {version:?}"));
                }
                self.patch(&apply.manager, &object, apply.force || force)
            }
            Precondition::None => self.patch(&apply.manager, &object, apply.force || force),
        }
    }

    fn create(&mut self, manager: &str, object: &Object) -> Result<(), Refusal> {
        let reference = object.reference();
        if self.objects.contains_key(&reference) {
            return Err(format!("409 {reference} is there"));
        }
        self.merge((manager.to_owned(), "Update"), object, false)
    }

    fn patch(&mut self, manager: &str, object: &Object, force: bool) -> Result<(), Refusal> {
        self.merge((manager.to_owned(), "Apply"), object, force)
    }

    fn merge(
        &mut self,
        manager: (String, &'static str),
        object: &Object,
        force: bool,
    ) -> Result<(), Refusal> {
        let reference = object.reference();
        self.place(&reference)?;
        let schema = schema(&reference);
        let applied = content(object.as_value());
        let mut wanted = Fields::new();
        schema.owned(&applied, &mut Path::new(), &mut wanted);
        let version = self.version;
        let stored = self.objects.entry(reference.clone()).or_insert_with(|| Stored {
            value: started(&reference, version),
            managers: BTreeMap::new(),
            live: None,
        });
        let mut after = stored.value.clone();
        schema.write(&mut after, &applied, &mut Path::new());
        for (other, fields) in stored.managers.iter_mut().filter(|(other, _)| **other != manager) {
            let differs =
                |field: &Path| wanted.contains(field) && at(&stored.value, field) != at(&after, field);
            if let Some(field) = fields.iter().find(|field| differs(field)).filter(|_| !force) {
                return Err(format!("409 {field:?} of {reference} is {}'s and not {}'s", other.0, manager.0));
            }
            fields.retain(|field| !differs(field));
        }
        let before = stored.managers.insert(manager.clone(), wanted.clone()).unwrap_or_default();
        for field in before.difference(&wanted).filter(|_| manager.1 == "Apply") {
            let owned = stored.managers.values().flatten();
            if !owned.into_iter().any(|other| other.starts_with(field)) {
                remove(&mut after, field);
            }
        }
        // An empty map that is applied stays when what was in it goes.
        schema.write(&mut after, &applied, &mut Path::new());
        stored.managers.retain(|_, fields| !fields.is_empty());
        stored.value = after;
        self.written(&reference);
        Ok(())
    }

    /// Fields of an object that are not as it says. Lists that others may add to are left out.
    pub(crate) fn lacks(&self, object: &Object) -> Vec<String> {
        let reference = object.reference();
        let Some(stored) = self.objects.get(&reference) else {
            return vec![format!("{reference} is not there")];
        };
        let (schema, wanted, mut fields) = (schema(&reference), content(object.as_value()), Fields::new());
        schema.owned(&wanted, &mut Path::new(), &mut fields);
        let is_shared = |field: &Path| {
            // One whose first line is not ours is somebody else's.
            let is_check = || field[1].contains("resource.customizations.health");
            (reference.kind == "AppProject" && at(&wanted, field).is_array())
                || (reference.name == "argocd-ssh-known-hosts-cm" && field[0] == "f:data")
                || (reference.name == "argocd-cm" && field.len() == 2 && is_check())
        };
        let differs = |field: &&Path| !is_shared(field) && at(&stored.value, field) != at(&wanted, field);
        let itself = |field: &&Path| field.last().is_some_and(|last| last == ".");
        fields
            .iter()
            .filter(|field| !itself(field) && differs(field))
            .map(|field| format!("{reference} {field:?}"))
            .collect()
    }

    /// Somebody else sets a field to something else, by the `index`th of those that are texts.
    pub(crate) fn touch(&mut self, object: usize, index: usize) -> Option<String> {
        let pick = object % self.objects.len().max(1);
        let reference = self.objects.keys().nth(pick)?.clone();
        let stored = self.objects.get_mut(&reference)?;
        let texts: Vec<Path> = stored
            .managers
            .values()
            .flatten()
            .filter(|field| at(&stored.value, field).is_string())
            .cloned()
            .collect();
        let field = texts.get(index % texts.len().max(1))?.clone();
        let mut patch = json!("changed by hand");
        for part in field.iter().rev() {
            // Names of items stay what they are.
            patch = json!({ part.strip_prefix("f:")?: patch });
        }
        schema(&reference).write(&mut stored.value, &patch, &mut Path::new());
        stored.managers.values_mut().for_each(|fields| fields.retain(|other| *other != field));
        stored.managers.entry(("kubectl-edit".into(), "Update")).or_default().insert(field.clone());
        self.filled
            .retain(|(secret, key), _| *secret != reference || field.last() != Some(&format!("f:{key}")));
        self.written(&reference);
        Some(format!("{reference} {field:?}"))
    }

    /// Somebody else deletes an object; a namespace with all that is in it.
    pub(crate) fn delete(&mut self, index: usize) -> Option<ObjectRef> {
        let pick = index % self.objects.len().max(1);
        let reference = self.objects.keys().nth(pick)?.clone();
        let inside = |other: &ObjectRef| {
            reference.kind == "Namespace" && other.namespace.as_deref() == Some(&reference.name)
        };
        self.objects.retain(|other, _| *other != reference && !inside(other));
        let left: Vec<ObjectRef> = self.objects.keys().filter(|other| self.serves(other)).cloned().collect();
        self.objects.retain(|other, _| left.contains(other));
        self.filled.retain(|(secret, _), _| self.objects.contains_key(secret));
        Some(reference)
    }

    /// Argo CD's server starts and puts a value of its own in place.
    fn starts(&mut self, object: &ObjectRef, pointer: &str) -> Result<(), Refusal> {
        let stored = self.objects.get_mut(object).ok_or(format!("404 {object}"))?;
        let field: Path = pointer.split('/').skip(1).map(|part| format!("f:{part}")).collect();
        let (data, key) =
            (field[0].trim_start_matches("f:").to_owned(), field[1].trim_start_matches("f:").to_owned());
        stored.value[data][key] = json!("a2V5");
        stored.managers.entry(("argocd-server".into(), "Update")).or_default().insert(field);
        self.written(object);
        Ok(())
    }

    fn place(&self, reference: &ObjectRef) -> Result<(), Refusal> {
        if !self.serves(reference) {
            return Err(format!("404 the kind of {reference} is not served"));
        }
        match &reference.namespace {
            Some(name) if !self.objects.contains_key(&ObjectRef::cluster_scoped("v1", "Namespace", name)) => {
                Err(format!("404 namespace {name} of {reference}"))
            }
            _ => Ok(()),
        }
    }

    fn serves(&self, reference: &ObjectRef) -> bool {
        let defined = |stored: &Stored| {
            stored.value["spec"]["group"] == reference.group()
                && stored.value["spec"]["names"]["kind"] == reference.kind.as_str()
        };
        schema(reference).built_in
            || self
                .objects
                .iter()
                .any(|(crd, stored)| crd.kind == "CustomResourceDefinition" && defined(stored))
    }

    fn written(&mut self, reference: &ObjectRef) {
        self.version += 1;
        self.writes += 1;
        if let Some(stored) = self.objects.get_mut(reference) {
            stored.value["metadata"]["resourceVersion"] = json!(self.version.to_string());
            stored.live = Some(Box::new(stored.with_managers()));
        }
    }
}

impl Stored {
    fn with_managers(&self) -> Object {
        let entry = |((manager, operation), fields): (&(String, &str), &Fields)| json!({"manager": manager, "operation": operation, "time": "2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": as_v1(fields)});
        let mut value = self.value.clone();
        value["metadata"]["managedFields"] = self.managers.iter().map(entry).collect();
        Object::try_from(value).expect("an object")
    }
}

fn started(reference: &ObjectRef, version: u64) -> Value {
    let mut value = Value::from(Object::new(reference));
    value["metadata"]["uid"] = json!(format!("uid-{version}"));
    value["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    value
}

/// What an apply says of an object, without what only names it.
fn content(object: &Value) -> Value {
    let mut value = object.clone();
    let map = value.as_object_mut().expect("an object");
    map.retain(|field, _| !matches!(field.as_str(), "apiVersion" | "kind" | "status"));
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| {
            !matches!(field.as_str(), "name" | "namespace") && !OWN.contains(&field.as_str())
        });
    }
    map.retain(|field, value| field != "metadata" || value.as_object().is_some_and(|map| !map.is_empty()));
    value
}

fn schema(reference: &ObjectRef) -> Schema {
    let group = reference.group();
    let is_own = !group.contains('.') || (group.ends_with(".k8s.io") && group != "gateway.networking.k8s.io");
    Schema { built_in: is_own }
}
