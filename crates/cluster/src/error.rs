//! What can go wrong with a cluster, for the person who reads it at 2 a.m.

use std::path::PathBuf;
use std::time::Duration;

use manifests::ObjectRef;

use crate::provider::KindProblem;
use crate::refusal::{Objection, advice, owners_advice};

/// What went wrong, on which object or host, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The kubeconfig can't be read or lacks the context.
    #[error("kubeconfig {path}: {message}\n  contexts: kubectl config get-contexts")]
    Kubeconfig {
        /// The file, or what stands for the default.
        path: String,
        /// Why.
        message: String,
    },
    /// No answer.
    #[error(
        "the cluster at {server} does not answer: {message}\n  is it running, and is this machine allowed to reach \
         it? try: kubectl cluster-info"
    )]
    Unreachable {
        /// Address of the API server.
        server: String,
        /// Innermost cause.
        message: String,
    },
    /// The credentials of the kubeconfig are not accepted.
    #[error(
        "the cluster at {server} refuses the credentials of the kubeconfig (401): {message}\n  log in again"
    )]
    Unauthorized {
        /// Address of the API server.
        server: String,
        /// The server's words.
        message: String,
    },
    /// RBAC says no.
    #[error(
        "not allowed to {verb} {object}: {message}\n  ask for the right, or check: kubectl auth can-i {verb} \
         {resource}"
    )]
    Forbidden {
        /// `get`, `patch`, `create`.
        verb: &'static str,
        /// The object.
        object: ObjectRef,
        /// Resource as `kubectl auth can-i` wants it.
        resource: String,
        /// The server's words.
        message: String,
    },
    /// The server doesn't serve the kind.
    #[error(
        "the cluster doesn't know the kind {} ({})\n  install what brings it; for Argo CD: cargo xtask setup --from \
         install-argocd",
        .object.kind, .object.api_version
    )]
    KindUnknown {
        /// The object.
        object: ObjectRef,
    },
    /// Other field managers own fields that we don't take over.
    #[error(
        "{object}: fields belong to somebody else:{}{}\n  let them go there, or take them over: cargo xtask setup \
         --force-conflicts",
        list(.conflicts), owners_advice(.conflicts)
    )]
    Conflict {
        /// The object.
        object: ObjectRef,
        /// `owner: field`.
        conflicts: Vec<String>,
    },
    /// The object changed since it was read, or was made meanwhile: read and plan again.
    #[error("{object} was changed by somebody else at the same time\n  run the same command again")]
    Changed {
        /// The object.
        object: ObjectRef,
    },
    /// Another run has the lock of the cluster.
    #[error(
        "another run changes this cluster: {by}; it did not end within {} s\n  wait longer: --lock-timeout 1h; or look \
         at that run, and at {}: kubectl get lease -n kube-system gitops-setup -o yaml",
        .after.as_secs(), crate::lock::reference()
    )]
    Locked {
        /// Who, and since when.
        by: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// We had the lock of the cluster, and somebody else has it now.
    #[error(
        "the lock of this cluster was lost: {} is held by {by}\n  this run was paused, or did not reach the cluster, \
         for longer than a minute. It has stopped, and what it had begun is finished by running the same command again",
        crate::lock::reference()
    )]
    LockLost {
        /// Who has it.
        by: String,
    },
    /// The server refuses the object as it is.
    #[error("{object} is refused by the cluster ({code}): {message}{}", advice(.object, .message))]
    Refused {
        /// The object.
        object: ObjectRef,
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// An admission webhook of somebody else says no, or does not work.
    #[error("{0}")]
    Webhook(Box<Objection>),
    /// A definition has a name that another one has already.
    #[error(
        "{definition} is there and is not served: {message}\n  another definition of the group has that name, such as \
         that of a fork: remove it, with everything of its kind, and run the same command again: kubectl get crd | \
         grep {group}"
    )]
    NamesTaken {
        /// The definition.
        definition: ObjectRef,
        /// Its API group.
        group: String,
        /// The server's words.
        message: String,
    },
    /// A connection to a port of a pod failed.
    #[error("{object}, port {port}: {message}\n  {next}")]
    Forward {
        /// The pod.
        object: ObjectRef,
        /// The port in the pod.
        port: u16,
        /// Why.
        message: String,
        /// What to do.
        next: String,
    },
    /// Something took too long.
    #[error("gave up after {} s waiting for {what}{}", .after.as_secs(), list(.state))]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How it stood at the end.
        state: Vec<String>,
        /// The bound.
        after: Duration,
    },
    /// A provider's program failed.
    #[error("{program} failed ({status}): {}{}", .message, log_hint(.log.as_ref()))]
    Program {
        /// Its name and what it was asked.
        program: String,
        /// Its exit status.
        status: String,
        /// Last lines it wrote.
        message: String,
        /// Where to read on.
        log: Option<PathBuf>,
    },
    /// kind or its Docker failed for a reason that is known.
    #[error("{problem}\n  {}{}{}", .problem.next(), quoted(.said), log_hint(.log.as_ref()))]
    Kind {
        /// Why.
        problem: KindProblem,
        /// Last lines that were written.
        said: String,
        /// Where to read on.
        log: Option<PathBuf>,
    },
    /// A cluster was made from another configuration.
    #[error(
        "{what} was made from another configuration:{}\n  take the change back, or make the cluster anew, which \
         deletes everything in it: cargo xtask cluster up --recreate",
        list(.differences)
    )]
    OtherConfiguration {
        /// The cluster.
        what: String,
        /// What it is made from, and what it would be made from now.
        differences: Vec<String>,
    },
    /// Something that the provider builds on is missing.
    #[error("{what}\n  {next}")]
    Precondition {
        /// What is missing.
        what: String,
        /// What to do.
        next: String,
    },
    /// A tool can't be had.
    #[error(transparent)]
    Tool(#[from] crate::tools::ToolError),
    /// A folder of ours can't be used.
    #[error(transparent)]
    Dir(#[from] crate::dirs::DirError),
    /// Reading or writing a file of ours failed.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl ClusterError {
    /// A request that can't even be written, which the server would refuse as well.
    pub(crate) fn bad_request(object: &ObjectRef, error: &dyn std::error::Error) -> Self {
        Self::Refused { object: object.clone(), code: 400, message: error.to_string() }
    }
}

fn list(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    {line}")).collect()
}

fn quoted(lines: &str) -> String {
    if lines.is_empty() { String::new() } else { format!("\n  what was said:{lines}") }
}

fn log_hint(log: Option<&PathBuf>) -> String {
    log.map_or(String::new(), |log| format!("\n  its logs: {}", log.display()))
}
