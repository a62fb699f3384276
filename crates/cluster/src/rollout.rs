//! Whether Deployments and StatefulSets have rolled out, and what keeps the others.

use std::time::Duration;

use manifests::{Object, ObjectRef};
use serde_json::Value;

use crate::client::Client;
use crate::error::ClusterError;
use crate::observe::Found;
use crate::wait::{Objects, Progress};

impl Client {
    /// Waits until all of these are rolled out. When time is up, the error names the pods that keep them and
    /// why.
    pub async fn wait_rolled_out(
        &self,
        workloads: &[ObjectRef],
        within: Duration,
        told: &(dyn Fn(&[String]) + Sync),
    ) -> Result<(), ClusterError> {
        for group in workloads.chunk_by(|a, b| a.kind == b.kind && a.namespace == b.namespace) {
            let what = format!("{} {}(s) to roll out", group.len(), group[0].kind);
            let result = self.wait_until(&group[0], &what, within, told, |live| progress(group, live)).await;
            if let Err(ClusterError::TimedOut { what, state, after }) = result {
                let state = self.explain(group, state).await;
                return Err(ClusterError::TimedOut { what, state, after });
            }
            result?;
        }
        Ok(())
    }

    /// Adds the reasons of pods that are not ready.
    async fn explain(&self, workloads: &[ObjectRef], mut state: Vec<String>) -> Vec<String> {
        let pods = ObjectRef { kind: "Pod".into(), api_version: "v1".into(), ..workloads[0].clone() };
        let Ok(Some(pods)) = self.list(&pods).await else { return state };
        for workload in workloads {
            let Ok(Found::Object(workload)) = self.read(workload).await else { continue };
            if done(&workload) {
                continue;
            }
            let own = pods.values().filter(|pod| selects(&workload, pod));
            state.extend(own.filter_map(|pod| Some(format!("Pod/{}: {}", pod.name(), reason(pod)?))));
        }
        state
    }
}

fn progress(wanted: &[ObjectRef], live: &Objects) -> Progress<()> {
    let waiting: Vec<String> = wanted
        .iter()
        .filter_map(|workload| match live.get(&workload.name) {
            None => Some(format!("{} is not there", workload.name)),
            Some(object) if done(object) => None,
            Some(object) => {
                Some(format!("{}: {} of {} ready", workload.name, ready(object), replicas(object)))
            }
        })
        .collect();
    if waiting.is_empty() { Progress::Done(()) } else { Progress::Waiting(waiting) }
}

/// The controller has seen the latest spec, and all replicas are of it and ready.
fn done(workload: &Object) -> bool {
    let number = |pointer| workload.get(pointer).and_then(Value::as_i64).unwrap_or_default();
    let wanted = replicas(workload);
    number("/status/observedGeneration") >= number("/metadata/generation")
        && number("/status/updatedReplicas") >= wanted
        && number("/status/readyReplicas") >= wanted
        && number("/status/replicas") <= wanted
}

fn ready(workload: &Object) -> i64 {
    let number = |pointer| workload.get(pointer).and_then(Value::as_i64).unwrap_or_default();
    number("/status/readyReplicas").min(number("/status/updatedReplicas"))
}

fn replicas(workload: &Object) -> i64 {
    workload.get("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn selects(workload: &Object, pod: &Object) -> bool {
    let labels = workload.get("/spec/selector/matchLabels").and_then(Value::as_object);
    labels.is_some_and(|labels| labels.iter().all(|(key, value)| pod.label(key) == value.as_str()))
}

/// Why a pod is not ready; `None` where it is.
pub(crate) fn reason(pod: &Object) -> Option<String> {
    let containers =
        pod.list("/status/initContainerStatuses").iter().chain(pod.list("/status/containerStatuses"));
    for container in containers {
        let name = container["name"].as_str().unwrap_or("?");
        for state in ["waiting", "terminated"] {
            let state = &container["state"][state];
            let Some(word) = state["reason"].as_str().filter(|word| *word != "Completed") else { continue };
            let message = state["message"].as_str().unwrap_or_default();
            return Some(format!("container {name}: {word} {message}").trim_end().to_owned());
        }
    }
    let conditions = pod.list("/status/conditions");
    let unmet = conditions.iter().find(|condition| condition["status"] == "False")?;
    let word = unmet["reason"].as_str().unwrap_or("not ready");
    Some(format!("{word}: {}", unmet["message"].as_str().unwrap_or_default()))
}
