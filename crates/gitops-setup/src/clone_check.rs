//! Clones the repository inside the cluster, by a Job that is always cleaned up.
//!
//! It is done once for what is stored: the Secret then carries, in an annotation, when it was last written. A Secret
//! that is written later has another time, and one whose check failed has none, so both are checked by the next run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cluster::apply::{Condition, Patching};
use cluster::observe::Found;
use cluster::wait::{Objects, Progress};
use cluster::{Client, ClusterError};
use git_credentials::remote;
use manifests::config::GitAuth;
use manifests::{Object, ObjectRef, clone_check, environment, repository};
use stages::Inputs;
use stages::observed::Nodes;

use crate::failure::Failure;
use crate::session::Session;
use crate::{git, random};

/// Annotation of the Secret: when what was cloned with was written.
const CLONED: &str = "gitops-setup/cloned-with";

/// How it went.
pub(crate) enum Cloned {
    /// The repository was cloned and has every folder.
    Yes,
    /// It was cloned by an earlier run, with what is stored now.
    Before,
    /// It was not tried, or could not run, and this is why.
    NotVerified(String),
}

/// Clones inside the cluster. What git says there is told apart as on this machine.
pub(crate) async fn run(
    session: &Session,
    client: &Client,
    inputs: &Inputs,
    nodes: Nodes,
) -> Result<Cloned, Failure> {
    if nodes.only_simulated() {
        return Ok(Cloned::NotVerified("cloning inside the cluster: there are no real nodes".into()));
    }
    let namespace = inputs.argocd_namespace();
    let Some(image) = argocd_image(client, namespace).await? else {
        return Ok(Cloned::NotVerified(
            "cloning inside the cluster: argocd-repo-server has no image to do it".into(),
        ));
    };
    let config = &inputs.config;
    let secret = repository::credentials_secret(config);
    let stored = ObjectRef::namespaced("v1", "Secret", namespace, &secret);
    let written = match client.read(&stored).await? {
        Found::Object(object) if is_checked(&object) => return Ok(Cloned::Before),
        Found::Object(object) => written(&object),
        // A public repository before Argo CD 2.1: nothing is stored that could be wrong.
        Found::Absent | Found::KindUnknown => return Ok(Cloned::Before),
    };
    let folders = environment::folders(config);
    let Some(mut job) = clone_check::job(config, &secret, &image, &folders) else {
        let why = match config.git.auth {
            Some(GitAuth::GithubApp { .. }) => "the token of a GitHub App is made by Argo CD itself",
            _ => "the client certificate is given to Argo CD only",
        };
        return Ok(Cloned::NotVerified(format!("cloning inside the cluster: {why}")));
    };
    session.lock(client).await?;
    // Where the lock may not be used, each of two runs has its own.
    if let Some(name) = job.get_mut("/metadata/name") {
        *name = format!("{}-{:08x}", clone_check::NAME, u32::from_ne_bytes(random::bytes()?)).into();
    }
    let reference = job.reference();
    let patching =
        Patching { object: job, manager: manifests::MANAGER.into(), force: true, condition: Condition::None };
    client.apply(&patching).await?;
    let result = ended(session, client, &reference).await;
    client.delete(&reference).await?;
    let cloned = judge(session, result?).await?;
    if let (Cloned::Yes, Some(written)) = (&cloned, written) {
        let object = Object::new(&stored).with_annotation(CLONED, &written);
        let manager = format!("{}-clone-check", manifests::MANAGER);
        client.apply(&Patching { object, manager, force: true, condition: Condition::None }).await?;
    }
    Ok(cloned)
}

/// When we last wrote what is in the Secret, by the server's clock.
fn written(secret: &Object) -> Option<String> {
    let entries = secret.list("/metadata/managedFields");
    let ours = entries.iter().find(|entry| entry["manager"] == manifests::MANAGER)?;
    ours["time"].as_str().map(str::to_owned)
}

fn is_checked(secret: &Object) -> bool {
    secret.annotation(CLONED).is_some_and(|time| written(secret).as_deref() == Some(time))
}

/// Image of Argo CD's repository server, the component that clones.
async fn argocd_image(client: &Client, namespace: &str) -> Result<Option<String>, Failure> {
    let server = ObjectRef::namespaced("apps/v1", "Deployment", namespace, "argocd-repo-server");
    let Found::Object(server) = client.read(&server).await? else { return Ok(None) };
    let containers = server.list("/spec/template/spec/containers");
    let own = containers.iter().find(|container| container["name"] == "argocd-repo-server");
    Ok(own.and_then(|container| container["image"].as_str()).map(str::to_owned))
}

enum Ended {
    Succeeded,
    Failed(String),
    TooSlow,
    NeverRan(Vec<String>),
}

/// Waits for the pod of the Job, whose status has git's own words.
async fn ended(session: &Session, client: &Client, job: &ObjectRef) -> Result<Ended, Failure> {
    let told = |lines: &[String]| session.report.waiting(lines);
    let pods = ObjectRef { api_version: "v1".into(), kind: "Pod".into(), ..job.clone() };
    let within = Duration::from_secs(clone_check::DEADLINE.into()).min(session.report.timeout());
    let runs = AtomicBool::new(false);
    let state = |live: &Objects| state(live, job, &runs);
    match client.wait_until(&pods, "a clone inside the cluster", within, &told, state).await {
        Ok(ended) => Ok(ended),
        Err(ClusterError::TimedOut { .. }) if runs.load(Ordering::Relaxed) => Ok(Ended::TooSlow),
        Err(ClusterError::TimedOut { state, .. }) => Ok(Ended::NeverRan(state)),
        Err(error) => Err(error.into()),
    }
}

fn state(pods: &Objects, job: &ObjectRef, runs: &AtomicBool) -> Progress<Ended> {
    let Some(pod) = pods.values().find(|pod| pod.label("job-name") == Some(&job.name)) else {
        return Progress::Waiting(vec!["the pod that clones is not there yet".into()]);
    };
    match pod.text("/status/phase") {
        "Succeeded" => Progress::Done(Ended::Succeeded),
        "Failed" if pod.text("/status/reason") == "DeadlineExceeded" => Progress::Done(Ended::TooSlow),
        "Failed" => Progress::Done(Ended::Failed(terminated(pod).unwrap_or_default())),
        "Running" => {
            runs.store(true, Ordering::Relaxed);
            Progress::Waiting(vec!["the repository is being cloned inside the cluster".into()])
        }
        _ => Progress::Waiting(vec![waiting(pod)]),
    }
}

fn terminated(pod: &Object) -> Option<String> {
    let statuses = pod.list("/status/containerStatuses");
    statuses.first()?.pointer("/state/terminated/message")?.as_str().map(str::to_owned)
}

/// Why it does not run yet, in Kubernetes' own words.
fn waiting(pod: &Object) -> String {
    let statuses = pod.list("/status/containerStatuses");
    let reason = statuses.first().and_then(|status| status.pointer("/state/waiting"));
    let scheduled = pod.list("/status/conditions").iter().find(|condition| condition["status"] == "False");
    let words = reason.or(scheduled).map(|state| {
        let text = |key: &str| state[key].as_str().unwrap_or_default().to_owned();
        format!("{} {}", text("reason"), text("message"))
    });
    format!(
        "the pod that clones waits: {}",
        words.unwrap_or_else(|| pod.text("/status/phase").to_owned()).trim()
    )
}

async fn judge(session: &Session, ended: Ended) -> Result<Cloned, Failure> {
    match ended {
        Ended::Succeeded => Ok(Cloned::Yes),
        Ended::NeverRan(state) => {
            Ok(Cloned::NotVerified(format!("cloning inside the cluster: it never ran: {}", state.join("; "))))
        }
        Ended::TooSlow => Err(Failure::TimedOut(format!(
            "inside the cluster: {} was not cloned within {} seconds\n  does the cluster's network let pods reach the Git \
             host? Firewalls that drop packets look like this",
            session.config.git.repo_url(),
            clone_check::DEADLINE
        ))),
        Ended::Failed(words) => {
            let remote = git::remote(session, session.config.git.auth.as_ref()).await?;
            let failure = match remote {
                Some(remote) => Failure::from(remote::explained(&remote, &words)),
                None => Failure::Refused(words),
            };
            Err(match failure {
                Failure::Precondition(text) => Failure::Precondition(format!("inside the cluster: {text}")),
                Failure::TimedOut(text) => Failure::TimedOut(format!("inside the cluster: {text}")),
                other => Failure::Refused(format!("inside the cluster: {other}")),
            })
        }
    }
}
