//! What a stage would do, as a value: it is shown, compared and applied, and is the same in all three.

use std::fmt;
use std::path::PathBuf;

use manifests::argocd::names;
use manifests::config::{Config, GitProvider};
use manifests::fill::{Fill, FilledSecret};
use manifests::object::HIDDEN;
use manifests::webhooks::{self, Receiver};
use manifests::{Object, ObjectRef};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::diff::Change;
use crate::observed::Observed;

/// What a stage would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    /// The effects, in an order that the interpreter may relax within a stage (see `apply`).
    pub actions: Vec<Action>,
    /// Objects that are as they should be.
    pub unchanged: usize,
    /// What a reader should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What this stage would have to make sure of and can't.
    #[serde(rename = "notVerified", skip_serializing_if = "Vec::is_empty")]
    pub not_verified: Vec<String>,
    /// Why there is nothing to do at all, where the configuration asks for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

impl Plan {
    /// What it takes for these objects to be as they are here, and no more: fields that others set stay.
    pub fn keeping(objects: Vec<Object>, observed: &Observed) -> Self {
        let mut plan = Self::default();
        for object in objects {
            plan.push_apply(Apply::new(object), observed);
        }
        plan
    }

    /// A stage that the configuration leaves out.
    pub fn skipped(why: impl Into<String>) -> Self {
        Self { skipped: Some(why.into()), ..Self::default() }
    }

    /// The objects that it would apply.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.actions.iter().filter_map(|action| match action {
            Action::Apply(apply) => Some(&apply.object),
            _ => None,
        })
    }

    /// The same plan with a remark.
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds an action, unless what it brings about is so already.
    pub fn push(&mut self, action: Action, is_so: bool) {
        match is_so {
            true => self.unchanged += 1,
            false => self.actions.push(action),
        }
    }

    /// Adds what `apply` would change, if it would change anything.
    pub fn push_apply(&mut self, apply: Apply, observed: &Observed) {
        let definition =
            (apply.object.kind() == "CustomResourceDefinition").then(|| apply.object.reference());
        match apply.planned(observed) {
            Some(apply) => self.actions.push(Action::Apply(Box::new(apply))),
            None => {
                self.unchanged += 1;
                // A run that was cut off may have left it a moment ago, and nobody waited for it.
                if let Some(definition) = definition
                    && observed.object(&definition).is_some_and(is_unserved)
                {
                    self.push_unserved(definition);
                }
            }
        }
    }

    fn push_unserved(&mut self, definition: ObjectRef) {
        let waits = self.actions.iter_mut().find_map(|action| match action {
            Action::WaitServed { definitions } => Some(definitions),
            _ => None,
        });
        match waits {
            Some(definitions) => definitions.push(definition),
            None => self.actions.push(Action::WaitServed { definitions: vec![definition] }),
        }
    }
}

/// Whether the server has taken a definition and not established it yet.
fn is_unserved(live: &Object) -> bool {
    live.get("/status").is_some() && !live.has_condition("Established", "True")
}

/// One effect. What this tool is given in secret it holds by reference only, and what a manifest holds in Secrets it
/// doesn't show, so that it can be printed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Makes or starts the cluster.
    CreateCluster {
        /// What will be made, for people.
        what: String,
    },
    /// Puts a local Git repository in place, with a README in each folder.
    InitRepository {
        /// Its address, `file://…`.
        url: String,
        /// Folders to add.
        folders: Vec<String>,
    },
    /// Merges the section `gitops` into a Helm values file of Seldon Enterprise Platform.
    MergeValues {
        /// The file.
        path: PathBuf,
        /// Name of the Secret with the Git credentials.
        secret: String,
    },
    /// Upgrades the Helm release of Seldon Enterprise Platform with the section `gitops`, other values kept.
    UpgradeRelease {
        /// Name of the release.
        release: String,
        /// Its namespace.
        namespace: String,
        /// Name of the Secret with the Git credentials.
        secret: String,
    },
    /// Waits until somebody else has put a value in place.
    WaitFor {
        /// The object.
        object: ObjectRef,
        /// JSON pointer (RFC 6901) to the value.
        pointer: String,
        /// Who is waited for.
        why: String,
    },
    /// Waits until the kinds of CustomResourceDefinitions that are there are served.
    WaitServed {
        /// The definitions.
        definitions: Vec<ObjectRef>,
    },
    /// Puts a webhook in place at the Git host, and in the cluster the secret that it is known by, in one step.
    PutWebhook(Box<PutWebhook>),
    /// Server-side apply.
    Apply(Box<Apply>),
    /// Removes a field that somebody else owns and that keeps the set-up from working.
    RemoveField {
        /// The object.
        object: ObjectRef,
        /// JSON pointer (RFC 6901) to the field.
        pointer: String,
        /// What it must still hold; `None` where it goes whatever it holds.
        #[serde(skip)]
        expected: Option<Unseen>,
        /// Why it has to go.
        why: String,
    },
}

/// A value that may be a secret: it goes to the server, and is not shown.
#[derive(Clone, PartialEq)]
pub struct Unseen(pub Value);

impl fmt::Debug for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Action {
    /// It is a request to the API server. Others are done on this machine, or by programs.
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Apply(_) | Self::RemoveField { .. })
    }
}

/// A webhook at the Git host, and the secret that it is known by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PutWebhook {
    /// Who is told of pushes.
    pub receiver: Receiver,
    /// What the Git host runs.
    pub provider: GitProvider,
    /// Address of the repository.
    pub repository: String,
    /// Where the webhook leads.
    pub url: String,
    /// The Git host verifies the receiver's certificate.
    pub verify_tls: bool,
    /// The Secret by which the receiver knows where an event comes from; `None` for one that checks nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<ObjectRef>,
    /// Keys under its `data`. What is stored there stays, as far as it is good.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fill: Vec<(String, Fill)>,
    /// What is not as it should be.
    pub changes: Vec<String>,
    /// The webhook is not there yet.
    pub creates: bool,
}

impl PutWebhook {
    /// The webhook that is configured for a receiver, as if it were in place.
    pub fn new(config: &Config, receiver: Receiver, provider: GitProvider, url: &str) -> Self {
        let (secret, fill) = match receiver {
            Receiver::Argocd => {
                (Some(names::secret(&config.argocd.namespace)), webhooks::secret_keys(provider))
            }
            Receiver::Seldon => (None, Vec::new()),
        };
        Self {
            receiver,
            provider,
            repository: config.git.repo_url(),
            url: url.to_owned(),
            verify_tls: config.webhooks.as_ref().is_none_or(|webhooks| webhooks.verify_tls),
            secret,
            fill,
            changes: Vec::new(),
            creates: false,
        }
    }
}

/// Server-side apply of one object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Apply {
    /// The fields to apply, all that the manager wants to own. Shown without the values of Secrets.
    #[serde(serialize_with = "redacted")]
    pub object: Object,
    /// Field manager.
    pub manager: String,
    /// Takes fields over from other managers; only for fields that this tool owns by design.
    pub force: bool,
    /// What must hold when the server applies.
    pub precondition: Precondition,
    /// Keys under `data` of a Secret, filled in on the way to the server.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fill: Vec<(String, Fill)>,
    /// What will change; empty for a new object.
    pub changes: Vec<Change>,
    /// The object is not there yet.
    pub creates: bool,
}

/// The field manager of a stage that adds fields to another stage's object.
pub(crate) fn stage_manager(stage: &str) -> String {
    format!("{}-{stage}", manifests::MANAGER)
}

fn redacted<S: Serializer>(object: &Object, serializer: S) -> Result<S::Ok, S::Error> {
    object.redacted().serialize(serializer)
}

/// What must hold when the server applies. Anything else is a conflict: observe and plan again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// The object is not there: two runs can't both make it and the later one undo the earlier one's content.
    Absent,
    /// The object has this `resourceVersion`.
    Unchanged(String),
}

impl Apply {
    /// Applies `object` as one that this tool owns whole.
    pub fn new(object: Object) -> Self {
        Self {
            object,
            manager: manifests::MANAGER.into(),
            force: false,
            precondition: Precondition::None,
            fill: Vec::new(),
            changes: Vec::new(),
            creates: false,
        }
    }

    /// As the manager of a stage that adds fields to another stage's object. Server-side apply takes away what a
    /// manager leaves out, so two stages can't share one name.
    pub fn by_stage(mut self, stage: &str) -> Self {
        self.manager = stage_manager(stage);
        self
    }

    /// The changes that the server would refuse: of fields that others own, and that are not taken over by design.
    pub fn conflicts(&self) -> impl Iterator<Item = &Change> {
        let is_theirs = |change: &&Change| change.to.is_some() && !change.owners.is_empty();
        self.changes.iter().filter(|_| !self.force).filter(is_theirs)
    }

    /// Takes the fields over from whoever owns them.
    pub fn forced(mut self) -> Self {
        self.force = true;
        self
    }

    /// Applies a Secret with values that only the interpreter knows.
    pub fn filled(secret: FilledSecret) -> Self {
        Self { fill: secret.fill, ..Self::new(secret.object) }
    }

    /// Only if the object is as it was read: for what several write into one field.
    pub fn if_unchanged(mut self, live: Option<&Object>) -> Self {
        self.precondition = match live {
            Some(live) => Precondition::Unchanged(live.text("/metadata/resourceVersion").to_owned()),
            None => Precondition::Absent,
        };
        self
    }

    /// The apply with its changes filled in; `None` where it would change nothing.
    fn planned(mut self, observed: &Observed) -> Option<Self> {
        match observed.object(&self.object.reference()) {
            None => self.creates = true,
            Some(live) => {
                self.changes = crate::diff::changes(&self.compared(live, observed), live, &self.manager);
                if self.changes.is_empty() {
                    return None;
                }
            }
        }
        Some(self)
    }

    /// The object as it will be, as far as can be told: a filled value is the stored one, or another one.
    fn compared(&self, live: &Object, observed: &Observed) -> Object {
        if self.fill.is_empty() {
            return self.object.clone();
        }
        let mut data = self.object.get("/data").cloned().unwrap_or_else(|| json!({}));
        for (key, _) in &self.fill {
            let stored = observed.is_stored(&self.object.reference(), key);
            data[key.as_str()] = match live.get("/data").and_then(|data| data.get(key)) {
                Some(value) if stored => value.clone(),
                // No value in base64 is equal to it.
                _ => Value::from(HIDDEN),
            };
        }
        self.object.clone().with("data", data)
    }
}

/// Why a stage can't be planned.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// Something that the stage builds on is missing.
    #[error("{what}\n  {next}")]
    Precondition {
        /// What is missing, and on which object.
        what: String,
        /// What to do about it.
        next: String,
    },
}

impl PlanError {
    /// Something is missing, and what to do about it.
    pub fn precondition(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Precondition { what: what.into(), next: next.into() }
    }
}
