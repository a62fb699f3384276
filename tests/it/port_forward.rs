//! Port forwarding through a real API server. The kubelet is simulated but speaks the real protocol; what the pods
//! "run" are threads of this process.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cluster::{Client, ClusterError};
use kube::config::Kubeconfig;
use manifests::ObjectRef;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{CLOSED, Kubelet, PodPort, Sandbox, poll, skipped};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;

use crate::PROGRAM;

const NAMESPACE: &str = "forwarded";
const CORE: &str = "/api/v1/namespaces/forwarded";
const SOON: Duration = Duration::from_secs(30);
const MIB: usize = 1024 * 1024;
const LENGTH: usize = 100 * MIB;
/// Far below what is moved.
const MEMORY_KIB: usize = 64 * 1024;
/// Where the test of 100 MiB, which is a process of its own, finds the cluster.
const KUBECONFIG: &str = "PORT_FORWARD_KUBECONFIG";
const CONTEXT: &str = "PORT_FORWARD_CONTEXT";

/// One cluster for all of it.
#[test]
fn ports_are_forwarded_through_a_real_api_server() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    sandbox.run(&["cluster", "up"]).exits(0);
    let _kubelet = Kubelet::forwarding(&sandbox, &ports());
    make_pods(&sandbox);
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    hundred_mib_in_bounded_memory(&sandbox);
    runtime.block_on(rights_that_are_missing_are_told(&sandbox));
    let client = runtime.block_on(connect(&sandbox.kubeconfig(), &context(&sandbox)));
    runtime.block_on(errors_of_the_pod_are_told(&client));
    runtime.block_on(a_pod_that_goes_is_replaced(&sandbox, &client));
}

fn ports() -> Vec<PodPort> {
    let closed = CLOSED.parse().expect("an address");
    let port = |pod, port, to| PodPort { namespace: NAMESPACE, pod, port, to };
    vec![port("web-1", 8080, echo(b'1')), port("web-2", 8080, echo(b'2')), port("bad-1", 8080, closed)]
}

/// Says its name in one byte, and then everything that it hears.
fn echo(name: u8) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Clients that go away are part of what is tested.
            std::thread::spawn(move || {
                std::io::Write::write_all(&mut &stream, &[name])?;
                std::io::copy(&mut &stream, &mut &stream)
            });
        }
    });
    address
}

/// Two pods behind one Service by a named port, and one behind another that nobody answers for.
fn make_pods(sandbox: &Sandbox) {
    let api = sandbox.api();
    api.create(
        "/api/v1/namespaces",
        &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } }),
    );
    poll("a service account", SOON, || api.find(&format!("{CORE}/serviceaccounts/default")));
    for (app, pods) in [("web", &["web-1", "web-2"][..]), ("bad", &["bad-1"][..])] {
        let port = json!({ "name": "http", "port": 80, "targetPort": "plain" });
        let spec = json!({ "selector": { "app": app }, "ports": [port] });
        api.create(&format!("{CORE}/services"), &object("Service", app, app, spec));
        for pod in pods {
            let port = json!({ "name": "plain", "containerPort": 8080 });
            let spec = json!({
                "containers": [{ "name": "main", "image": "none", "ports": [port] }],
                "tolerations": [{ "operator": "Exists" }],
            });
            api.create(&format!("{CORE}/pods"), &object("Pod", pod, app, spec));
        }
        for pod in pods {
            let ready = || {
                let pod = api.get(&format!("{CORE}/pods/{pod}"));
                let conditions = pod["status"]["conditions"].as_array()?.clone();
                conditions
                    .iter()
                    .any(|each| each["type"] == "Ready" && each["status"] == "True")
                    .then_some(())
            };
            poll("a pod is Ready", SOON, ready);
        }
    }
}

fn object(kind: &str, name: &str, app: &str, spec: Value) -> Value {
    let metadata = json!({ "name": name, "labels": { "app": app } });
    json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec })
}

fn service(name: &str) -> ObjectRef {
    ObjectRef::namespaced("v1", "Service", NAMESPACE, name)
}

fn context(sandbox: &Sandbox) -> String {
    format!("kwok-{}", sandbox.name())
}

async fn connect(kubeconfig: &Path, context: &str) -> Client {
    Client::connect(Some(kubeconfig), context).await.expect("a kubeconfig")
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, work).await.expect("it does not end")
}

/// A process of its own, for what its memory is at most.
fn hundred_mib_in_bounded_memory(sandbox: &Sandbox) {
    let mut child = Command::new(std::env::current_exe().expect("these tests"));
    child.args(["port_forward::hundred_mib", "--exact", "--ignored", "--nocapture"]);
    child.env(KUBECONFIG, sandbox.kubeconfig()).env(CONTEXT, context(sandbox));
    let output = child.output().expect("it starts");
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && text.contains("moved all"), "{text}");
    eprintln!("{text}");
}

#[test]
#[ignore = "a part of the other test, in a process of its own"]
fn hundred_mib() {
    let (Some(kubeconfig), Ok(context)) = (std::env::var_os(KUBECONFIG), std::env::var(CONTEXT)) else {
        return skipped(&format!(
            "100 MiB through a forwarded port: {KUBECONFIG} and {CONTEXT} name no cluster"
        ));
    };
    tokio::runtime::Runtime::new().expect("threads").block_on(async {
        let client = connect(&PathBuf::from(kubeconfig), &context).await;
        let forward = soon(client.forward(&service("web"), 80, None)).await.expect("a pod");
        let local = TcpStream::connect(forward.local_addr()).await.expect("it listens");
        there_and_back(local).await;
        there_and_back(soon(client.stream(&service("web"), "http")).await.expect("a pod")).await;
    });
    let status = std::fs::read_to_string("/proc/self/status").expect("it is there");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(peak < MEMORY_KIB, "{peak} KiB at most");
    eprintln!("moved all, {peak} KiB at most");
}

/// What comes back is what went out.
async fn there_and_back(stream: impl AsyncRead + AsyncWrite + Send + 'static) {
    let (mut reader, mut writer) = split(stream);
    let sent = tokio::spawn(async move {
        let mut hash = Sha256::new();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut chunk = vec![0; 64 * 1024];
        for _ in 0..LENGTH / chunk.len() {
            for bytes in chunk.chunks_exact_mut(8) {
                // Xorshift: every chunk is another one.
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                bytes.copy_from_slice(&state.to_le_bytes());
            }
            hash.update(&chunk);
            writer.write_all(&chunk).await.expect("it is taken");
        }
        (hash.finalize(), writer)
    });
    let received = tokio::time::timeout(Duration::from_secs(120), async {
        let mut hash = Sha256::new();
        let mut chunk = vec![0; 64 * 1024];
        // The first byte is the pod's name.
        reader.read_u8().await.expect("a name");
        let mut left = LENGTH;
        while left > 0 {
            let length = reader.read(&mut chunk).await.expect("it goes on");
            assert!(length > 0 && length <= left, "{left} bytes are missing");
            hash.update(&chunk[..length]);
            left -= length;
        }
        hash.finalize()
    });
    let received = received.await.expect("it takes too long");
    let (sent, _writer) = sent.await.expect("it was all taken");
    assert_eq!(received, sent);
}

/// The kubeconfig for somebody who may only do what a Role of theirs says.
fn as_ann(sandbox: &Sandbox) -> PathBuf {
    let mut kubeconfig = Kubeconfig::read_from(sandbox.kubeconfig()).expect("a kubeconfig");
    for user in &mut kubeconfig.auth_infos {
        user.auth_info.get_or_insert_default().impersonate = Some("ann".to_owned());
    }
    let path = sandbox.path("ann.json");
    std::fs::write(&path, serde_json::to_vec(&kubeconfig).expect("it is JSON")).expect("the folder is ours");
    path
}

fn may(sandbox: &Sandbox, verbs: &[&str]) {
    const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/forwarded";
    let named = |kind: &str| {
        let metadata = json!({ "name": "ann" });
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata })
    };
    let (mut role, mut binding) = (named("Role"), named("RoleBinding"));
    role["rules"] = json!([
        { "apiGroups": [""], "resources": ["services", "pods"], "verbs": ["get", "list"] },
        { "apiGroups": [""], "resources": ["pods/portforward"], "verbs": verbs },
    ]);
    let group = "rbac.authorization.k8s.io";
    binding["roleRef"] = json!({ "apiGroup": group, "kind": "Role", "name": "ann" });
    binding["subjects"] = json!([{ "apiGroup": group, "kind": "User", "name": "ann" }]);
    let api = sandbox.api();
    api.apply("tests", &format!("{RBAC}/roles/ann"), &role);
    api.apply("tests", &format!("{RBAC}/rolebindings/ann"), &binding);
}

async fn rights_that_are_missing_are_told(sandbox: &Sandbox) {
    let ann = connect(&as_ann(sandbox), &context(sandbox)).await;
    let error = soon(ann.forward(&service("web"), 80, None)).await.expect_err("no right at all").to_string();
    assert!(error.contains("kubectl auth can-i get services -n forwarded"), "{error}");
    for (verbs, missing) in [(&["watch"][..], "get"), (&["watch", "get"], "create")] {
        blocking(|| may(sandbox, verbs));
        let check = format!("kubectl auth can-i {missing} pods --subresource=portforward -n forwarded");
        // Rights are read from caches.
        let told = async {
            loop {
                match ann.forward(&service("web"), 80, None).await {
                    Err(error @ ClusterError::Forbidden { .. }) if error.to_string().contains(&check) => {
                        break;
                    }
                    Err(ClusterError::Forbidden { .. }) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        soon(told).await;
    }
    blocking(|| may(sandbox, &["get", "create"]));
    let allowed = async { while ann.forward(&service("web"), 80, None).await.is_err() {} };
    soon(allowed).await;
}

/// The API of the tests has a runtime of its own.
fn blocking<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().expect("it works"))
}

async fn errors_of_the_pod_are_told(client: &Client) {
    let mut forward = soon(client.forward(&service("bad"), 80, None)).await.expect("the pod is Ready");
    // Each connection reaches the pod, the first one to see whether it can be, and nobody answers there.
    let mut local = TcpStream::connect(forward.local_addr()).await.expect("it listens");
    soon(local.read_u8()).await.expect_err("nobody answers");
    let error = soon(forward.failure()).await.expect("it listens").to_string();
    assert!(error.contains("Pod/bad-1 in forwarded, port 8080: error forwarding port 8080"), "{error}");
    assert!(error.contains("connection refused"), "{error}");
    assert!(error.contains("kubectl logs bad-1 -n forwarded"), "{error}");
    let mut stream = soon(client.stream(&service("bad"), 80)).await.expect("the pod is Ready");
    let error = soon(stream.read_u8()).await.expect_err("nobody answers").to_string();
    assert!(error.contains("connection refused"), "{error}");
    let error =
        soon(client.forward(&service("bad"), 81, None)).await.expect_err("it has one port").to_string();
    assert!(error.contains("choose one of its ports: 80 (http)"), "{error}");
}

async fn a_pod_that_goes_is_replaced(sandbox: &Sandbox, client: &Client) {
    let forward = soon(client.forward(&service("web"), 80, None)).await.expect("a pod");
    let name = async || {
        let mut local = TcpStream::connect(forward.local_addr()).await.expect("it listens");
        soon(local.read_u8()).await.map(char::from)
    };
    assert_eq!(name().await.expect("it answers"), '1');
    blocking(|| sandbox.api().delete(&format!("{CORE}/pods/web-1?gracePeriodSeconds=0")));
    assert_eq!(name().await.expect("another one answers"), '2');
    blocking(|| sandbox.api().delete(&format!("{CORE}/pods/web-2?gracePeriodSeconds=0")));
    name().await.expect_err("there is none");
}
