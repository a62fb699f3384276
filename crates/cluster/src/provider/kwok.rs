//! A local control plane by kwokctl: real etcd, kube-apiserver, kube-controller-manager and kube-scheduler as
//! processes of this machine, and nodes that are only simulated.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::program::{command, lock, run};
use super::timings::Clock;
use super::{Access, State, Timings, folder, lock_folder};
use crate::error::ClusterError;
use crate::tools::{Progress, Resolved, Tool, ToolContext, resolve};

/// Options of kwokctl that are ports.
const PORTS: [&str; 6] = [
    "etcdPort",
    "etcdPeerPort",
    "kubeApiserverPort",
    "kubeControllerManagerPort",
    "kubeSchedulerPort",
    "kwokControllerPort",
];
const TOOLS: [Tool; 6] = [
    Tool::Kwokctl,
    Tool::Kwok,
    Tool::Etcd,
    Tool::KubeApiserver,
    Tool::KubeControllerManager,
    Tool::KubeScheduler,
];
/// How long a started API server may take to answer.
const START: &str = "2m";
/// How long an API server may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(2);

/// Without a default route the API server finds no address of its own; its log must not fill the disk.
const API_SERVER: [&str; 3] =
    ["advertise-address=127.0.0.1", "audit-log-maxsize=20", "audit-log-maxbackup=1"];

/// Who asked for what, without bodies: it proves what a run wrote, and keeps no secret.
const AUDIT_POLICY: &str = r#"{"apiVersion":"audit.k8s.io/v1","kind":"Policy","omitStages":["RequestReceived"],"rules":[{"level":"None","users":["system:apiserver"]},{"level":"Metadata"}]}"#;

/// One local control plane.
#[derive(Clone, Debug)]
pub struct Kwok {
    name: String,
    folder: PathBuf,
    locks: PathBuf,
}

impl Kwok {
    /// The control plane of this name; `data` is our data folder.
    pub fn new(name: &str, data: &Path) -> Self {
        Self { name: name.into(), folder: folder(data, "kwok", name), locks: lock_folder(data, "kwok", name) }
    }

    /// Where requests to the API server are logged, one JSON event a line.
    pub fn audit_log(&self) -> PathBuf {
        self.logs().join("audit.log")
    }

    pub(super) fn access(&self) -> Access {
        Access { kubeconfig: Some(self.folder.join("kubeconfig")), context: format!("kwok-{}", self.name) }
    }

    /// A cluster that somebody is still making is not running yet, although its API server may answer: it refuses
    /// what its parts are not ready for.
    pub(super) async fn state(&self) -> Result<State, ClusterError> {
        if !self.folder.join("kubeconfig").exists() {
            return Ok(State::Absent);
        }
        let running = self.complete().exists() && self.answers().await;
        Ok(if running { State::Running } else { State::Stopped })
    }

    async fn answers(&self) -> bool {
        match self.access().connect().await {
            Ok(client) => client.with_patience(ANSWER).version().await.is_ok(),
            Err(_) => false,
        }
    }

    pub(super) async fn up(
        &self,
        context: &ToolContext,
        progress: &Progress,
    ) -> Result<Timings, ClusterError> {
        let lock = lock(&self.locks, progress).await?;
        crate::dirs::create(&self.folder)?;
        let (complete, answers) = (self.complete().exists(), self.answers().await);
        if complete && answers {
            return Ok(Timings::default());
        }
        let mut clock = Clock::start();
        let tools = resolve(&TOOLS, context, progress).await?;
        clock.lap("tools");
        // Of one that answers, kwokctl starts the parts that a run which was killed did not come to.
        if !complete && !answers {
            self.clear(&tools[&Tool::Kwokctl], &lock).await?;
        }
        // Kept until the programs listen there.
        let ports = Ports::free(PORTS.len())?;
        let create = self.create_command(&tools, &ports)?;
        run(create, &lock, Some(self.logs())).await?;
        clock.lap("start");
        if !self.answers().await {
            return Err(ClusterError::Precondition {
                what: format!("kwok cluster {} was started, but its API server does not answer", self.name),
                next: format!("see {}", self.logs().join("kube-apiserver.log").display()),
            });
        }
        clock.lap("answer");
        self.mark_complete().map(|()| clock.stop())
    }

    fn mark_complete(&self) -> Result<(), ClusterError> {
        std::fs::write(self.complete(), "")
            .map_err(|source| ClusterError::File { path: self.complete(), source })
    }

    fn create_command(
        &self,
        tools: &BTreeMap<Tool, Resolved>,
        ports: &Ports,
    ) -> Result<Command, ClusterError> {
        let policy = self.folder.join("audit-policy.json");
        std::fs::write(&policy, AUDIT_POLICY)
            .map_err(|source| ClusterError::File { path: policy.clone(), source })?;
        let options = self.folder.join("kwokctl.json");
        std::fs::write(&options, new_options(ports).to_string())
            .map_err(|source| ClusterError::File { path: options.clone(), source })?;
        let mut create = self.kwokctl(&tools[&Tool::Kwokctl], &["create", "cluster"]);
        create.arg("--config").arg(&options);
        create.arg("--kubeconfig").arg(self.folder.join("kubeconfig"));
        create.arg("--kube-audit-policy").arg(&policy);
        // By default kwokctl switches authorization and admission off.
        create.args(["--runtime=binary", "--secure-port", "--kube-authorization", "--kube-admission"]);
        create.arg("--disable-qps-limits");
        create.args(API_SERVER.map(|flag| format!("--extra-args=kube-apiserver={flag}")));
        create.arg(format!("--wait={START}"));
        for (flag, tool) in [
            ("--kwok-controller-binary", Tool::Kwok),
            ("--etcd-binary", Tool::Etcd),
            ("--kube-apiserver-binary", Tool::KubeApiserver),
            ("--kube-controller-manager-binary", Tool::KubeControllerManager),
            ("--kube-scheduler-binary", Tool::KubeScheduler),
        ] {
            create.arg(flag).arg(&tools[&tool].path);
        }
        Ok(create)
    }

    pub(super) async fn down(&self, tools: &ToolContext, progress: &Progress) -> Result<bool, ClusterError> {
        if !self.folder.exists() {
            return Ok(false);
        }
        let lock = lock(&self.locks, progress).await?;
        // What was cut off before kwokctl was even there needs none to go away.
        if self.control_plane().exists() {
            let tools = resolve(&[Tool::Kwokctl], tools, progress).await?;
            self.clear(&tools[&Tool::Kwokctl], &lock).await?;
        }
        let remove = std::fs::remove_dir_all(&self.folder);
        remove.map_err(|source| ClusterError::File { path: self.folder.clone(), source })?;
        Ok(true)
    }

    /// Deletes what is there, be it whole or cut off in the middle.
    async fn clear(&self, kwokctl: &Resolved, lock: &std::fs::File) -> Result<(), ClusterError> {
        for file in [self.complete(), self.folder.join("kubeconfig")] {
            match std::fs::remove_file(&file) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ClusterError::File { path: file, source });
                }
                _ => {}
            }
        }
        if !self.control_plane().exists() {
            return Ok(());
        }
        let mut delete = self.kwokctl(kwokctl, &["delete", "cluster"]);
        delete.arg("--kubeconfig").arg(self.folder.join("kubeconfig"));
        run(delete, lock, None).await.map(drop)
    }

    fn kwokctl(&self, kwokctl: &Resolved, words: &[&str]) -> Command {
        let mut command = command(&kwokctl.path);
        command.args(words).arg(format!("--name={}", self.name)).env("KWOK_WORKDIR", self.work_dir());
        command
    }

    /// Written once the cluster has answered: without it, what is there was cut off and is made anew.
    fn complete(&self) -> PathBuf {
        self.folder.join("complete")
    }

    fn work_dir(&self) -> PathBuf {
        self.folder.join("kwok")
    }

    /// What kwokctl keeps of the cluster.
    fn control_plane(&self) -> PathBuf {
        self.work_dir().join("clusters").join(&self.name)
    }

    pub(super) fn logs(&self) -> PathBuf {
        self.control_plane().join("logs")
    }
}

/// Options of a new cluster; one that is there keeps its own. By default kwokctl listens on every address, with
/// an etcd that asks nobody for a password, and on the first ports that are free, which two clusters made at once
/// would share, and which a stopped one may find taken.
fn new_options(ports: &Ports) -> Value {
    let mut options = json!({ "bindAddress": "127.0.0.1" });
    for (name, port) in PORTS.iter().zip(ports.0.keys()) {
        options[*name] = (*port).into();
    }
    json!({ "apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokctlConfiguration", "options": options })
}

/// Ports of this machine that nobody listens on. Another process of this tool chooses others as long as this is there:
/// the same numbers are taken for UDP, which nothing here speaks.
#[derive(Debug)]
struct Ports(BTreeMap<u16, UdpSocket>);

impl Ports {
    /// Chosen at random below those that the system gives to outgoing connections.
    fn free(count: usize) -> Result<Self, ClusterError> {
        const RANGE: std::ops::Range<u64> = 20_000..32_000;
        const TRIES: usize = 1000;
        let mut ports = BTreeMap::new();
        for _ in 0..TRIES {
            let number = RandomState::new().build_hasher().finish();
            let port = (RANGE.start + number % (RANGE.end - RANGE.start)) as u16;
            let Ok(taken) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) else { continue };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                ports.insert(port, taken);
            }
            if ports.len() == count {
                return Ok(Self(ports));
            }
        }
        Err(ClusterError::Precondition {
            what: format!("there are no {count} free ports between {} and {}", RANGE.start, RANGE.end),
            next: "see what listens there: ss -ltnu".into(),
        })
    }
}
