//! What was seen, as plain data: the other half of what a plan is made from.

use std::collections::{BTreeMap, BTreeSet};

use manifests::webhooks::Receiver;
use manifests::{Object, ObjectRef};
use serde_json::Value;

/// The state of the world that plans ask for.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Whether the cluster is there.
    pub cluster: ClusterState,
    /// Images of this machine that the running cluster lacks.
    pub images_to_load: Vec<String>,
    /// Version of Kubernetes; `None` while there is no cluster.
    pub kubernetes: Option<KubernetesVersion>,
    /// Nodes of the cluster.
    pub nodes: Nodes,
    /// Objects that were looked for.
    pub objects: BTreeMap<ObjectRef, Live>,
    /// Values of Secrets that are already what a plan would fill in: the object and the key under its `data`.
    pub stored: BTreeSet<(ObjectRef, String)>,
    /// The folders of the Git repository; `None` where it was not looked at.
    pub repository: Option<RepositoryState>,
    /// What could not be compared, and why.
    pub gaps: Vec<String>,
    /// What was seen besides and a reader should know.
    pub notes: Vec<String>,
    /// Whether the Helm values of Seldon Enterprise Platform are as they should be.
    pub values: ValuesState,
    /// The webhooks at the Git host.
    pub webhooks: WebhooksState,
}

impl Observed {
    /// The live object, where there is one.
    pub fn object(&self, reference: &ObjectRef) -> Option<&Object> {
        match self.objects.get(reference) {
            Some(Live::Found(object)) => Some(object),
            _ => None,
        }
    }

    /// The value under this key of the Secret is what a plan would fill in.
    pub fn is_stored(&self, secret: &ObjectRef, key: &str) -> bool {
        self.stored.contains(&(secret.clone(), key.to_owned()))
    }

    /// Takes objects that earlier stages would apply as if they were there, so that later stages can be planned
    /// before the first effect.
    pub fn assume(&mut self, applied: &[Object]) {
        for object in applied {
            if object.kind() == "CustomResourceDefinition" {
                self.assume_kind(object.text("/spec/group"), object.text("/spec/names/kind"));
            }
        }
        for object in applied {
            let reference = object.reference();
            let assumed =
                self.object(&reference).map_or_else(|| object.clone(), |live| overlaid(live, object));
            self.objects.insert(reference, Live::Found(Box::new(assumed)));
        }
    }

    fn assume_kind(&mut self, group: &str, kind: &str) {
        for (reference, live) in &mut self.objects {
            if *live == Live::KindUnknown && reference.group() == group && reference.kind == kind {
                *live = Live::Absent;
            }
        }
    }

    /// The server has been asked and doesn't know the kind.
    pub fn kind_unknown(&self, reference: &ObjectRef) -> bool {
        matches!(self.objects.get(reference), Some(Live::KindUnknown))
    }
}

/// `live` with the fields of `applied`: several stages may add to one object.
fn overlaid(live: &Object, applied: &Object) -> Object {
    let mut value = live.as_value().clone();
    overlay(&mut value, applied.as_value());
    Object::try_from(value).unwrap_or_else(|_| live.clone())
}

fn overlay(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                overlay(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => into.clone_from(from),
    }
}

/// One object, looked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Live {
    /// It is there.
    Found(Box<Object>),
    /// It is not there.
    Absent,
    /// The server doesn't serve its kind.
    KindUnknown,
}

/// Whether the cluster is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClusterState {
    /// There is none of that name.
    #[default]
    Absent,
    /// It exists but doesn't run.
    Stopped,
    /// It answers.
    Running,
}

/// Nodes of the cluster, by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// Nodes that run pods.
    pub real: usize,
    /// Nodes that kwok simulates: pods on them are said to run and do nothing.
    pub simulated: usize,
}

impl Nodes {
    /// Pods, where they are scheduled at all, prove nothing.
    pub fn only_simulated(&self) -> bool {
        self.real == 0 && self.simulated > 0
    }
}

/// Major and minor version of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KubernetesVersion {
    /// Always 1 so far.
    pub major: u32,
    /// As in 1.36.
    pub minor: u32,
}

impl std::fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Whether the Helm values of Seldon Enterprise Platform are as they should be; `None` where nobody looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValuesState {
    /// Those of the user's file.
    pub file: Option<bool>,
    /// Those of the release in the cluster.
    pub release: Option<bool>,
}

/// What is known of the webhooks at the Git host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WebhooksState {
    /// Nobody looked: there is no cluster yet.
    #[default]
    Unknown,
    /// They can't be looked at, and this is why.
    NotVerified(String),
    /// They were looked at.
    Seen {
        /// Address of the Git host's API.
        api: String,
        /// What was found, for each receiver.
        webhooks: Vec<Webhook>,
    },
}

/// The webhook of one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Who is told.
    pub receiver: Receiver,
    /// Where it leads.
    pub address: Endpoint,
    /// The hook with this address at the Git host, or with one of before, where there is one.
    pub hook: Option<HookState>,
}

/// Where a receiver is reached from outside the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Here.
    Url(String),
    /// It is not known yet: what announces it may still be made.
    Later(String),
    /// Nothing leads there, and this is why.
    Missing(String),
    /// It can't be known, and this is why.
    NotVerified(String),
}

/// A webhook as its host shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookState {
    /// What the host calls it.
    pub id: String,
    /// It is as configured, as far as the host shows, and the only one.
    pub fits: bool,
    /// It leads to an address of before.
    pub moved: bool,
    /// It sends something else as well.
    pub shared: bool,
    /// Further hooks with its address that send something else as well, and are left alone.
    pub left: usize,
}

/// What the branch of a Git repository holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryState {
    /// There is a repository.
    pub exists: bool,
    /// The branch that was looked at: the configured one, or the repository's default; `None` where there is no
    /// commit yet.
    pub branch: Option<String>,
    /// Folders at its top that hold something.
    pub folders: Vec<String>,
    /// Folders at its top that hold nothing.
    pub empty_folders: Vec<String>,
    /// Whether the credentials of Seldon Enterprise Platform, where it is configured, may push.
    pub writable: Option<bool>,
}
