//! A place of its own for the command line under test.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cluster::provider::Kwok;
use regex_lite::Regex;

use crate::slots::Slot;
use crate::{Api, Audit, Outcome, Running, poll, tools_at_hand};

/// The processes of a local control plane.
const CONTROL_PLANE: [&str; 5] =
    ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok-controller"];

/// Variables of the environment that reach the program: none that would configure it, but where programs,
/// folders and the network are.
const PASSED: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
    "LANG",
];
/// Prefix of the product's own variables, which name programs and the cache.
const OURS: &str = "GITOPS_SETUP_";

/// A data folder, a working folder and, where it makes one, a cluster; all of it goes at the end.
#[derive(Debug)]
pub struct Sandbox {
    program: PathBuf,
    dir: tempfile::TempDir,
    name: Option<String>,
    env: Vec<(OsString, OsString)>,
    log: Mutex<Vec<Outcome>>,
    slot: Option<Slot>,
}

impl Sandbox {
    /// A sandbox for runs that make no cluster. `program` is the command line under test.
    pub fn new(program: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = tempfile::Builder::new().prefix("gitops-setup-it-").tempdir().expect("a temporary folder");
        std::fs::create_dir(dir.path().join("work")).expect("the folder is ours");
        let passed = |(name, _): &(OsString, OsString)| {
            let name = name.to_string_lossy();
            name.starts_with(OURS) || PASSED.contains(&name.as_ref())
        };
        let mut sandbox = Self {
            program: program.into(),
            name: Some(format!("it-{}-{count}", std::process::id())),
            env: std::env::vars_os().filter(passed).collect(),
            log: Mutex::default(),
            slot: None,
            dir,
        };
        let data = sandbox.data();
        let nowhere = sandbox.path("no-kubeconfig");
        sandbox.set_env("GITOPS_SETUP_DATA", &data);
        // Programs were fetched before, and what is not in the cache must not make a difference.
        sandbox.set_env("GITOPS_SETUP_OFFLINE", "1");
        sandbox.set_env("KUBECONFIG", &nowhere);
        sandbox
    }

    /// A sandbox that may make one cluster; `None` where none can be had.
    pub fn with_cluster(program: &str) -> Option<Self> {
        tools_at_hand().then(|| {
            let mut sandbox = Self::new(program);
            sandbox.slot = Some(Slot::take());
            sandbox
        })
    }

    /// Two sandboxes with a cluster each. Taken one by one, two tests could each wait for the other's second.
    pub fn two_with_clusters(program: &str) -> Option<[Self; 2]> {
        let mut one = Self::with_only_cluster(program)?;
        let mut other = Self::new(program);
        other.slot = one.slot.as_mut().map(Slot::split);
        Some([one, other])
    }

    /// The same, while no other test has a cluster: where one that is made meanwhile could take the ports of one
    /// that is stopped.
    pub fn with_only_cluster(program: &str) -> Option<Self> {
        tools_at_hand().then(|| {
            let mut sandbox = Self::new(program);
            sandbox.slot = Some(Slot::take_all());
            sandbox
        })
    }

    /// The same without a name for the cluster, for what the built-in configuration says.
    pub fn without_name(mut self) -> Self {
        self.name = None;
        self
    }

    /// Sets a variable for all runs from here on.
    pub fn set_env(&mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) {
        self.unset_env(name);
        self.env.push((name.into(), value.as_ref().to_owned()));
    }

    /// Takes a variable away.
    pub fn unset_env(&mut self, name: &str) {
        self.env.retain(|(known, _)| known != name);
    }

    /// A path in the sandbox.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The data folder. It is not there before the first run that needs it.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The folder in which runs start.
    pub fn work(&self) -> PathBuf {
        self.path("work")
    }

    /// Writes a file into the working folder.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work().join(name);
        std::fs::write(&path, text).expect("the folder is ours");
        path
    }

    /// Name of the cluster.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("gitops-setup")
    }

    /// Folder of the cluster.
    pub fn cluster(&self) -> PathBuf {
        self.data().join(format!("clusters/kwok-{}", self.name()))
    }

    /// Where kwokctl keeps what belongs to the cluster.
    pub fn control_plane(&self) -> PathBuf {
        self.cluster().join("kwok/clusters").join(self.name())
    }

    /// Kubeconfig of the cluster.
    pub fn kubeconfig(&self) -> PathBuf {
        self.cluster().join("kubeconfig")
    }

    /// A connection to the cluster.
    pub fn api(&self) -> Api {
        Api::connect(&self.kubeconfig())
    }

    /// The audit log of the cluster from now on.
    pub fn audit(&self) -> Audit {
        Audit::from_here(Kwok::new(self.name(), &self.data()).audit_log())
    }

    /// The command line with these words, in the sandbox.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).env_clear().envs(self.env.iter().cloned()).current_dir(self.work());
        if let Some(name) = &self.name {
            command.arg("--set").arg(format!("cluster.name={name}"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end.
    pub fn run(&self, words: &[&str]) -> Outcome {
        let output = self.command(words).output().expect("the program under test starts");
        let outcome = Outcome::new(words.join(" "), output.status, &output.stdout, &output.stderr);
        self.log.lock().expect("never poisoned").push(outcome.clone());
        outcome
    }

    /// Starts a run.
    pub fn start(&self, words: &[&str]) -> Running {
        Running::new(words.join(" "), self.command(words).spawn().expect("the program under test starts"))
    }

    /// What is different in every run is the same here: folders, names, ports and times.
    pub fn filtered(&self, text: &str) -> String {
        let text = text.replace(&*self.dir.path().to_string_lossy(), "<dir>").replace(self.name(), "<name>");
        let filters = [(r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"), (r" +\d+\.\d s", " <time>")];
        filters.iter().fold(text, |text, (pattern, to)| {
            Regex::new(pattern).expect("a pattern").replace_all(&text, *to).into_owned()
        })
    }

    /// Stops the sandbox's cluster, as a reboot does.
    pub fn stop(&self) {
        self.kill(&CONTROL_PLANE);
    }

    /// Kills programs of the sandbox's cluster, and waits until there is no trace of them: to kwokctl, what has ended
    /// runs until somebody asked for its end, and it starts nothing that runs.
    pub fn kill(&self, programs: &[&str]) {
        let ids: Vec<u32> = programs.iter().flat_map(|program| self.processes(program)).collect();
        ids.iter().for_each(|id| signal("KILL", *id));
        poll(&format!("{programs:?} are gone"), Duration::from_secs(60), || {
            ids.iter().all(|id| !Path::new(&format!("/proc/{id}")).exists()).then_some(())
        });
    }

    /// Processes whose command line names this sandbox, such as its API server.
    pub fn processes(&self, program: &str) -> Vec<u32> {
        let place = self.dir.path().to_string_lossy().into_owned();
        let words = |id: u32| std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let ids = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|id| {
                let line = String::from_utf8_lossy(&words(*id)).into_owned();
                let first = line.split('\0').next().unwrap_or_default();
                Path::new(first).ends_with(program) && line.contains(&place)
            })
            .collect()
    }

    fn dump(&self) {
        let tail = |text: &str| {
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(60)..].join("\n    ")
        };
        for outcome in self.log.lock().expect("never poisoned").iter() {
            eprintln!("--- {} ({:?})\n    {}", outcome.words, outcome.code, tail(&outcome.output()));
        }
        for log in ["kube-apiserver.log", "etcd.log"] {
            if let Ok(text) = std::fs::read_to_string(self.control_plane().join("logs").join(log)) {
                eprintln!("--- {log}\n    {}", tail(&text));
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.dump();
        }
        if !self.data().join("clusters").exists() {
            return;
        }
        // Whatever a test left there must not keep its cluster from going.
        for provider in ["kwok", "kind"] {
            let mut down = self.command(&["cluster", "down", "--config", "/dev/null"]);
            match down.arg("--set").arg(format!("cluster.provider={provider}")).output() {
                Ok(output) if output.status.success() => {}
                output => eprintln!("cluster {} is left behind: {output:?}", self.name()),
            }
        }
    }
}

/// Sends a signal to a process.
pub fn signal(name: &str, process: u32) {
    let status = Command::new("sh").arg("-c").arg(format!("kill -{name} {process}")).status();
    assert!(status.is_ok_and(|status| status.success()), "kill -{name} {process}");
}
