//! Why a write is refused, and what to do about it: what the server says in passing, looked up and spelled out.

use std::fmt;
use std::time::Duration;

use manifests::ObjectRef;

use crate::client::{Client, Reply, message, resource};
use crate::definitions::not_accepted;
use crate::error::ClusterError;
use crate::observe::Found;

/// How long a write is tried again whose admission webhook does not work: a little longer than a pod takes to be
/// replaced.
pub(crate) const WEBHOOK: Duration = Duration::from_secs(30);

/// How servers say that a field can't be changed in place.
const FIXED: [&str; 3] = ["immutable", "updates to statefulset spec", "cannot change roleRef"];

/// An admission webhook that a server's words are about.
struct Named<'a> {
    name: &'a str,
    /// It said no; otherwise it did not work.
    denied: bool,
}

/// An admission webhook of somebody else that says no, or does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// What was to be done: `patch`, `create`.
    pub verb: &'static str,
    /// The object.
    pub object: ObjectRef,
    /// Name of the webhook.
    pub webhook: String,
    /// The configurations that it is in, as far as they may be read.
    pub configurations: Vec<ObjectRef>,
    /// The server's words.
    pub message: String,
    /// How long it was tried, where it does not work; `None` where it said no.
    pub tried: Option<Duration>,
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, object, webhook, configurations, message, tried } = self;
        write!(f, "not possible to {verb} {object}: the admission webhook {webhook}")?;
        if !configurations.is_empty() {
            let words: Vec<String> = configurations.iter().map(ToString::to_string).collect();
            write!(f, " of {}", words.join(", "))?;
        }
        let look = match configurations.first() {
            Some(first) => format!("kubectl get {} {} -o yaml", first.kind.to_lowercase(), first.name),
            None => "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations".into(),
        };
        match tried {
            Some(tried) => write!(
                f,
                " has to agree, and does not work; tried for {} s: {message}\n  whoever runs it has to repair it, and the \
                 same command goes on then; what it calls, and for which objects: {look}",
                tried.as_secs()
            ),
            None => write!(
                f,
                " does not agree: {message}\n  it is a rule of the cluster: ask whoever set it; what it calls, and for \
                 which objects: {look}"
            ),
        }
    }
}

fn named(message: &str) -> Option<Named<'_>> {
    let after = |prefix: &str| message.split_once(prefix)?.1.split('"').next();
    match after("admission webhook \"") {
        Some(name) if message.contains("denied the request") => Some(Named { name, denied: true }),
        _ => after("failed calling webhook \"").map(|name| Named { name, denied: false }),
    }
}

/// Whether a webhook did not work, so that trying again may help, but not for long.
pub(crate) fn is_failing_webhook(reply: &Reply) -> bool {
    reply.status.is_server_error() && named(&message(&reply.body)).is_some_and(|webhook| !webhook.denied)
}

/// What trying again does not change, although the server says that it is its own fault: it can't write anything.
pub(crate) fn is_full(reply: &Reply) -> bool {
    message(&reply.body).contains("database space exceeded")
}

/// What to do about a refusal whose reason is known; empty otherwise.
pub(crate) fn advice(object: &ObjectRef, message: &str) -> String {
    let place = object.namespace.as_deref().map_or(String::new(), |namespace| format!(" -n {namespace}"));
    let name = format!("{} {}{place}", object.kind.to_lowercase(), object.name);
    let next = if message.contains("exceeded quota") {
        format!(
            "a ResourceQuota of the namespace is used up: have it raised, or take away what is not needed, then run \
             the same command again: kubectl describe resourcequota{place}"
        )
    } else if message.contains("because it is being terminated") {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        format!(
            "wait until the namespace is gone; what holds it up: kubectl get namespace {namespace} -o yaml"
        )
    } else if FIXED.iter().any(|words| message.contains(words)) {
        format!(
            "it was made in another way, and that can't be changed in place: keep what is there, or delete it with all \
             that belongs to it, and run the same command again: kubectl delete {name}"
        )
    } else if message.contains("database space exceeded") {
        "etcd, in which the cluster keeps everything, is full, and takes no more writes. Whoever runs the control plane \
         has to make room (compact, defragment) and to take back the alarm: etcdctl alarm list"
            .into()
    } else if let Some(policy) = message.split_once("ValidatingAdmissionPolicy '").map(|(_, rest)| rest) {
        let policy = policy.split('\'').next().unwrap_or_default();
        format!(
            "a policy of the cluster says no; see it: kubectl get validatingadmissionpolicy {policy} -o yaml"
        )
    } else {
        return String::new();
    };
    format!("\n  {next}")
}

/// What the owners of fields are, where taking over would not last.
pub(crate) fn owners_advice(conflicts: &[String]) -> &'static str {
    let owned_by = |name: &str| conflicts.iter().any(|conflict| conflict.contains(&format!("\"{name}")));
    if owned_by("argocd") {
        "\n  argocd-controller is Argo CD itself, which applies this from a Git repository and would set it back: change \
         it there"
    } else if owned_by("helm") {
        "\n  helm sets its fields again by the next `helm upgrade`: change the values of its release"
    } else {
        ""
    }
}

impl Client {
    /// What an answer to a write means that is no success, with what can be found out about it.
    pub(crate) async fn refused(
        &self,
        verb: &'static str,
        object: &ObjectRef,
        reply: &Reply,
    ) -> ClusterError {
        let message = message(&reply.body);
        let failure = self.failure(verb, object, reply);
        if let ClusterError::KindUnknown { .. } = failure {
            return self.definition_of(object).await.unwrap_or(failure);
        }
        let Some(webhook) = named(&message) else { return failure };
        let configurations = self.configurations_of(webhook.name).await;
        ClusterError::Webhook(Box::new(Objection {
            verb,
            object: object.clone(),
            webhook: webhook.name.to_owned(),
            configurations,
            message: message.clone(),
            tried: (!webhook.denied).then(|| WEBHOOK.min(self.patience())),
        }))
    }

    /// The configurations that have a webhook of this name; none where they may not be read.
    async fn configurations_of(&self, webhook: &str) -> Vec<ObjectRef> {
        let mut found = Vec::new();
        for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
            let like = ObjectRef::cluster_scoped("admissionregistration.k8s.io/v1", kind, "");
            let Ok(Some(all)) = self.list_all(&like).await else { continue };
            let has = |hooks: &[serde_json::Value]| hooks.iter().any(|hook| hook["name"] == webhook);
            found.extend(
                all.iter().filter(|one| has(one.list("/webhooks"))).map(manifests::Object::reference),
            );
        }
        found
    }

    /// Why a kind is not served whose definition is there.
    async fn definition_of(&self, object: &ObjectRef) -> Option<ClusterError> {
        let name = format!("{}.{}", resource(object).plural, object.group());
        let definition =
            ObjectRef::cluster_scoped("apiextensions.k8s.io/v1", "CustomResourceDefinition", &name);
        match self.read(&definition).await {
            Ok(Found::Object(live)) => not_accepted(&live),
            _ => None,
        }
    }
}
