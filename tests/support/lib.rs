//! What the integration tests have in common.
//!
//! A [`Sandbox`] is a place of its own for one run of the command line after the other: its own data folder and
//! working folder, and thereby its own cluster, which is deleted at the end. Programs come from the cache of the
//! environment, see [`tools_at_hand`].

mod api;
mod argocd;
mod audit;
mod checkout;
mod cost;
mod definitions;
mod docker;
mod fault_proxy;
mod git_host;
mod git_server;
mod gitea;
mod keys;
mod kind;
mod kubelet;
mod nodes;
mod run;
mod sandbox;
mod server;
mod shared;
mod slots;
mod snapshot;
mod trials;
mod users;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cluster::tools::{Progress, Resolved, Tool, ToolContext};

pub use api::{Api, Refusal};
pub use argocd::{ArgoCd, Behaviour};
pub use audit::{Audit, Write};
pub use checkout::Checkout;
pub use cost::{Cost, cost_of};
pub use definitions::{permissive_definitions, published_definitions, without_status};
pub use docker::docker_at_hand;
pub use fault_proxy::{Drawn, Fault, FaultProxy, Held, Schedule, Seen, When};
pub use git_host::{Asked, Endpoint, Form, GitHost, Hold};
pub use git_server::{Access, Contents, GitServer, Login};
pub use gitea::Gitea;
pub use keys::encrypted_key;
pub use kind::KindNode;
pub use kubelet::{Kubelet, PodPort};
pub use nodes::{define_kind, set_status, with_a_real_node};
pub use run::{Outcome, Running};
pub use sandbox::{Sandbox, signal};
pub use server::{Answer, CLOSED, Server};
pub use shared::{Shared, Turn};
pub use slots::Slot;
pub use trials::{Objects, Size, Trials};
pub use watch::{Planted, Watch};

/// Programs of a local control plane.
const CONTROL_PLANE: [Tool; 6] = [
    Tool::Kwokctl,
    Tool::Kwok,
    Tool::Etcd,
    Tool::KubeApiserver,
    Tool::KubeControllerManager,
    Tool::KubeScheduler,
];

/// Where the environment keeps Argo CD's published manifests.
const MANIFESTS: &str = "GITOPS_SETUP_ARGOCD_MANIFESTS";

/// Whether a local control plane can be had here. The first call fetches what is missing, as `setup` would.
pub fn tools_at_hand() -> bool {
    static FOUND: std::sync::OnceLock<Result<(), String>> = std::sync::OnceLock::new();
    let found = FOUND.get_or_init(|| tools(&CONTROL_PLANE).map(drop));
    if let Err(why) = found {
        skipped(&format!("a local control plane: {why}"));
    }
    found.is_ok()
}

/// Programs, fetched where they are missing.
fn tools(tools: &[Tool]) -> Result<BTreeMap<Tool, Resolved>, String> {
    let context = ToolContext::from_env().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let progress = Progress::new(|event| eprintln!("{event}"));
    let resolved = runtime.block_on(cluster::tools::resolve(tools, &context, &progress));
    resolved.map_err(|error| error.to_string())
}

/// A published manifest of Argo CD, such as `install-v3.5.1.yaml`.
pub fn manifest(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os(MANIFESTS).map(|folder| PathBuf::from(folder).join(name));
    let found = path.filter(|path| path.exists());
    if found.is_none() {
        skipped(&format!("{name}: {MANIFESTS} names no folder that has it"));
    }
    found
}

/// Says on standard error that something is not tested here.
pub fn skipped(what: &str) {
    eprintln!("skipped: {what}");
}

/// Asks again and again until there is an answer: for what happens in processes that tell no one.
///
/// # Panics
///
/// After `within`.
pub fn poll<T>(what: &str, within: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
