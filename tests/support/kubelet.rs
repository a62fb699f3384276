//! The simulated kubelet of a local control plane, with ports of pods that lead to programs of this machine.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::sandbox::signal;
use crate::{Sandbox, poll};

const PROGRAM: &str = "kwok-controller";
const SOON: Duration = Duration::from_secs(30);

/// A port of a pod, and who answers there.
#[derive(Clone, Debug)]
pub struct PodPort {
    /// Namespace of the pod.
    pub namespace: &'static str,
    /// Name of the pod.
    pub pod: &'static str,
    /// Port in the pod.
    pub port: u16,
    /// Where its connections go.
    pub to: SocketAddr,
}

/// Runs until it is dropped.
#[derive(Debug)]
pub struct Kubelet(Child);

impl Kubelet {
    /// Takes the place of the one that the cluster has: the same command, and one more file to read. What users get
    /// forwards nothing.
    pub fn forwarding(sandbox: &Sandbox, ports: &[PodPort]) -> Self {
        let [process] = sandbox.processes(PROGRAM)[..] else { panic!("one {PROGRAM}") };
        let line = std::fs::read_to_string(format!("/proc/{process}/cmdline")).expect("it runs");
        let words: Vec<&str> = line.trim_end_matches('\0').split('\0').collect();
        signal("KILL", process);
        poll("it is gone", SOON, || sandbox.processes(PROGRAM).is_empty().then_some(()));
        let config = sandbox.path("port-forwards.yaml");
        let documents: Vec<String> = ports.iter().map(|port| format!("---\n{}\n", resource(port))).collect();
        std::fs::write(&config, documents.concat()).expect("the folder is ours");
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("--config").arg(&config);
        // The nodes are the other one's as long as its leases last, unless leases don't count.
        command.arg("--node-lease-duration-seconds=0");
        // Ctrl-C is for the tests, which then drop it.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let kubelet = Self(command.spawn().expect("it ran before"));
        let address = words.iter().find_map(|word| word.strip_prefix("--server-address=")).expect("a port");
        poll("it listens", SOON, || TcpStream::connect(address).ok());
        kubelet
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn resource(port: &PodPort) -> serde_json::Value {
    let target = json!({ "address": port.to.ip().to_string(), "port": port.to.port() });
    json!({
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "PortForward",
        "metadata": { "name": port.pod, "namespace": port.namespace },
        "spec": { "forwards": [{ "ports": [port.port], "target": target }] },
    })
}
