//! CustomResourceDefinitions: when their kinds are served, and what keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use manifests::Object;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client::Client;
use crate::error::ClusterError;
use crate::observe::Found;
use crate::wait::condition;

/// How long a definition may take to be accepted.
const DEFINITION: Duration = Duration::from_secs(60);
/// Longest pause after which nothing is wrong yet with a definition whose kind is not served.
const SOON: Duration = Duration::from_millis(200);
/// How long a server may take over one whose names it has accepted: five seconds by its own rule.
const INSTALLING: SignedDuration = SignedDuration::from_secs(10);

impl Client {
    /// Waits until the kinds of these CustomResourceDefinitions are listed and served. That is seconds after the
    /// server took them, and longer where it was started anew meanwhile.
    pub async fn wait_established(&self, definitions: &[&Object]) -> Result<(), ClusterError> {
        let deadline = Instant::now() + DEFINITION;
        let mut delay = Duration::from_millis(2);
        let (mut missing, mut reminded) = (definitions.to_vec(), BTreeSet::new());
        loop {
            missing = self.unlisted(missing).await?;
            // It may be large, and a server is busy with it: what it says is asked where it takes long.
            let slow = missing.first().copied().filter(|_| delay > SOON);
            if let Some(definition) = slow {
                let crd = definition.reference();
                let state = match self.read(&crd).await? {
                    Found::Object(live) if condition(&live, "Established") == Some("True") => {
                        missing.remove(0);
                        continue;
                    }
                    Found::Object(live) => match not_accepted(&live) {
                        Some(refused) => return Err(refused),
                        None => {
                            if !reminded.contains(&crd) && self.remind(&live).await? {
                                reminded.insert(crd.clone());
                            }
                            unmet(&live)
                        }
                    },
                    Found::Absent | Found::KindUnknown => vec!["it is gone".into()],
                };
                if Instant::now() + delay > deadline {
                    let what = format!("{crd} to be established");
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

    /// Makes the server look at a definition again that it should have established by now, by another time in its
    /// status, which goes when it is established. False where it is too early for that.
    ///
    /// A server establishes what it has seen change; one that is started anew within the five seconds that this takes
    /// does not, but for a look at everything each five minutes (`crdHandler.updateCustomResourceDefinition` in
    /// k8s.io/apiextensions-apiserver).
    async fn remind(&self, live: &Object) -> Result<bool, ClusterError> {
        let conditions = live.list("/status/conditions");
        let index = conditions.iter().position(|condition| condition["type"] == "Established");
        let since =
            |index: usize| conditions[index]["lastTransitionTime"].as_str()?.parse::<Timestamp>().ok();
        let Some((index, since)) = index.and_then(|index| Some((index, since(index)?))) else {
            return Ok(false);
        };
        let by_server = self.server_date().and_then(|date| jiff::fmt::rfc2822::parse(&date).ok());
        let now = by_server.map_or_else(Timestamp::now, |now| now.timestamp());
        if now.duration_since(since) <= INSTALLING {
            return Ok(false);
        }
        // The time of the establishment is another one, so that the field is the server's own again.
        let later = since + SignedDuration::from_secs(1);
        let (crd, at) = (live.reference(), format!("/status/conditions/{index}"));
        let operations = json!([
            { "op": "test", "path": format!("{at}/type"), "value": "Established" },
            { "op": "test", "path": format!("{at}/status"), "value": "False" },
            { "op": "replace", "path": format!("{at}/lastTransitionTime"), "value": format!("{later:.0}") },
        ]);
        let reply = self.patch(&crd, Some("status"), &operations).await?;
        match reply.status {
            // By now it is established, or gone.
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT | StatusCode::NOT_FOUND => Ok(true),
            status if status.is_success() => Ok(true),
            _ => Err(self.refused("patch", &crd, &reply).await),
        }
    }
}

/// A CustomResourceDefinition that won't be served as long as another one has its names.
pub(crate) fn not_accepted(crd: &Object) -> Option<ClusterError> {
    let conditions = crd.list("/status/conditions");
    let accepted = conditions.iter().find(|condition| condition["type"] == "NamesAccepted")?;
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
