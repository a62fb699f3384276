//! CustomResourceDefinitions: when their kinds are served, and what keeps them.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use manifests::{Object, ObjectRef};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::{Client, message};
use crate::error::ClusterError;
use crate::observe::Found;

/// How long a definition may take to be accepted.
const DEFINITION: Duration = Duration::from_secs(60);
/// Longest pause after which nothing is wrong yet with a definition whose kind is not served.
const SOON: Duration = Duration::from_millis(200);
/// How long a server may take over one whose names it has accepted: five seconds where `--apiserver-count` says that
/// there are several, and none where there is one.
const INSTALLING: SignedDuration = SignedDuration::from_secs(10);

impl Client {
    /// Waits until the kinds of these CustomResourceDefinitions are listed and served: a moment after the server took
    /// them, and longer where it is busy or was started anew meanwhile.
    pub async fn wait_established(&self, definitions: &[&Object]) -> Result<(), ClusterError> {
        let deadline = Instant::now() + DEFINITION;
        let mut delay = Duration::from_millis(2);
        let mut missing = definitions.to_vec();
        let mut reminded = BTreeMap::new();
        loop {
            missing = self.unlisted(missing).await?;
            // They may be large, and a server is busy with them: what they say is asked where it takes long.
            if delay > SOON {
                let mut state = Vec::new();
                let mut waiting = Vec::new();
                for definition in missing {
                    let lines = self.look_at(&definition.reference(), &mut reminded).await?;
                    if !lines.is_empty() {
                        waiting.push(definition);
                        state.extend(lines);
                    }
                }
                missing = waiting;
                if let (Some(first), true) = (missing.first(), Instant::now() + delay > deadline) {
                    let what = format!("{} to be established", first.reference());
                    return Err(ClusterError::TimedOut { what, state, after: DEFINITION });
                }
            }
            if missing.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(delay).await;
            delay = (delay * 2).min(Duration::from_secs(1));
        }
    }

    /// What keeps a definition; nothing where it is established. One that the server has forgotten it is reminded of,
    /// once.
    async fn look_at(
        &self,
        definition: &ObjectRef,
        reminded: &mut BTreeMap<ObjectRef, Vec<String>>,
    ) -> Result<Vec<String>, ClusterError> {
        let live = match self.read(definition).await? {
            Found::Object(live) if live.has_condition("Established", "True") => return Ok(Vec::new()),
            Found::Object(live) => live,
            Found::Absent | Found::KindUnknown => return Ok(vec!["it is gone".into()]),
        };
        if let Some(refused) = not_accepted(&live) {
            return Err(refused);
        }
        if !reminded.contains_key(definition)
            && let Some(operations) = self.reminder(&live)
        {
            reminded.insert(definition.clone(), self.remind(definition, &operations).await?);
        }
        Ok([unmet(&live), reminded.get(definition).cloned().unwrap_or_default()].concat())
    }

    /// Those whose kind the server does not list among those of its group. Where it may not be asked, that is all.
    async fn unlisted<'a>(&self, definitions: Vec<&'a Object>) -> Result<Vec<&'a Object>, ClusterError> {
        let mut lists: BTreeMap<String, Value> = BTreeMap::new();
        let mut unlisted = Vec::new();
        for definition in definitions {
            let versions = definition.list("/spec/versions");
            let served = versions.iter().find(|version| version["served"] == true);
            let version = served.and_then(|version| version["name"].as_str()).unwrap_or_default();
            let path = format!("/apis/{}/{version}", definition.text("/spec/group"));
            if !lists.contains_key(&path) {
                let request = Request::get(&path).body(Vec::new());
                let request =
                    request.map_err(|source| ClusterError::bad_request(&definition.reference(), &source))?;
                let reply = self.send(&request).await?;
                lists.insert(path.clone(), reply.body);
            }
            let kinds = lists[&path]["resources"].as_array().map_or(&[][..], Vec::as_slice);
            if !kinds.iter().any(|kind| kind["name"] == definition.text("/spec/names/plural")) {
                unlisted.push(definition);
            }
        }
        Ok(unlisted)
    }

    /// What makes the server look again at a definition that it should have established by now: another time in its
    /// status.
    ///
    /// A server establishes what it has seen change. One that is started anew after it has taken a definition and before
    /// it has established it looks at everything after five minutes only (`crdHandler.updateCustomResourceDefinition`
    /// in k8s.io/apiextensions-apiserver).
    fn reminder(&self, live: &Object) -> Option<Value> {
        let conditions = live.list("/status/conditions");
        let index = conditions.iter().position(|condition| condition["type"] == "Established")?;
        let since: Timestamp = conditions[index]["lastTransitionTime"].as_str()?.parse().ok()?;
        let now = self.server_time().unwrap_or_else(Timestamp::now);
        // The time of the establishment is another one, so that the field is the server's own again.
        let later = since + SignedDuration::from_secs(1);
        let at = format!("/status/conditions/{index}");
        (now.duration_since(since) > INSTALLING).then(|| {
            json!([
                { "op": "test", "path": format!("{at}/type"), "value": "Established" },
                { "op": "test", "path": format!("{at}/status"), "value": "False" },
                { "op": "replace", "path": format!("{at}/lastTransitionTime"), "value": format!("{later:.0}") },
            ])
        })
    }

    /// Says what came of it, where that did not go: it may be established all the same.
    async fn remind(&self, definition: &ObjectRef, operations: &Value) -> Result<Vec<String>, ClusterError> {
        let reply = self.patch(definition, Some("status"), operations).await?;
        Ok(match reply.status {
            // By now it is established, or gone.
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT | StatusCode::NOT_FOUND => Vec::new(),
            status if status.is_success() => Vec::new(),
            status => vec![format!(
                "the API server was not made to look at it again: {status} for its status: {}",
                message(&reply.body)
            )],
        })
    }
}

/// A CustomResourceDefinition that won't be served as long as another one has its names.
pub(crate) fn not_accepted(crd: &Object) -> Option<ClusterError> {
    let accepted = crd.condition("NamesAccepted")?;
    (accepted["status"] == "False").then(|| ClusterError::NamesTaken {
        definition: crd.reference(),
        group: crd.text("/spec/group").to_owned(),
        message: accepted["message"].as_str().unwrap_or_default().to_owned(),
    })
}

fn unmet(object: &Object) -> Vec<String> {
    let word = |condition: &Value, field: &str| condition[field].as_str().unwrap_or("?").to_owned();
    object
        .list("/status/conditions")
        .iter()
        .filter(|condition| condition["status"] != "True")
        .map(|condition| format!("{}: {}", word(condition, "type"), word(condition, "message")))
        .collect()
}
