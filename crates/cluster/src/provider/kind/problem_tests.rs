//! Texts of kind 0.33 and Docker (20.10 where nothing else is said), and what they are told by. They were written by the
//! real programs, or stand in the sources of kind and of the kubelet.

use super::problem::{KindProblem, NoImage, essence};

fn image(why: NoImage) -> Option<KindProblem> {
    Some(KindProblem::Image { image: "kindest/node:v1.37.0".into(), why })
}

fn not_pulled(said: &str) -> String {
    format!(
        " ✗ Ensuring node image (kindest/node:v1.37.0) 🖼️\nERROR: failed to create cluster: failed to pull image \
         \"kindest/node:v1.37.0\": command \"docker pull kindest/node:v1.37.0\" failed with error: exit status \
         1\n\nCommand Output: {said}\n"
    )
}

#[test]
fn why_an_image_is_not_pulled() {
    let registry = "Error response from daemon: Get \"https://registry-1.docker.io/v2/\":";
    for (said, why) in [
        (format!("{registry} dial tcp: lookup registry-1.docker.io on 10.0.0.53:53: no such host"), NoImage::Unreachable),
        (format!("{registry} dial tcp 10.0.0.1:443: connect: connection refused"), NoImage::Unreachable),
        (format!("{registry} dial tcp 10.0.0.1:443: i/o timeout"), NoImage::Unreachable),
        (format!("{registry} x509: certificate signed by unknown authority"), NoImage::Unreachable),
        (format!("{registry} 403 Forbidden"), NoImage::Refused),
        (
            "Error response from daemon: pull access denied for kindest/node, repository does not exist or may \
             require 'docker login': denied: requested access to the resource is denied"
                .into(),
            NoImage::Refused,
        ),
        (
            "Error response from daemon: manifest for kindest/node:v1.37.0 not found: manifest unknown".into(),
            NoImage::Unknown,
        ),
        (
            "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit.".into(),
            NoImage::TooMany,
        ),
        (
            "Error response from daemon: manifest verification failed for digest sha256:a1ed".into(),
            NoImage::Digest,
        ),
        ("Error response from daemon: something new".into(), NoImage::Other),
    ] {
        assert_eq!(KindProblem::classify(&not_pulled(&said)), image(why), "{said}");
    }
}

#[test]
fn which_port_is_taken() {
    let endpoint = "docker: Error response from daemon: driver failed programming external connectivity on endpoint \
                    ci-control-plane (09a5810664):";
    for (said, port) in [
        (format!("{endpoint} Error starting userland proxy: listen tcp4 127.0.0.1:28082: bind: address already in use."), 28082),
        (format!("{endpoint} Bind for 0.0.0.0:80 failed: port is already allocated."), 80),
        (format!("{endpoint} Bind for :::443 failed: port is already allocated"), 443),
        // Docker 28.
        (
            "docker: Error response from daemon: failed to set up container networking: driver failed programming \
             external connectivity on endpoint ci-control-plane (09a5810664): failed to bind host port for \
             127.0.0.1:8080:172.18.0.2:80/tcp: address already in use"
                .into(),
            8080,
        ),
        ("docker: failed to bind host port [::1]:8443/tcp: address already in use".into(), 8443),
    ] {
        assert_eq!(KindProblem::classify(&said), Some(KindProblem::PortTaken { port: Some(port) }), "{said}");
    }
    let nowhere = KindProblem::classify("address already in use");
    assert_eq!(nowhere, Some(KindProblem::PortTaken { port: None }));
}

#[test]
fn what_else_goes_wrong() {
    let created = "ERROR: failed to create cluster:";
    for (said, problem) in [
        ("Cannot connect to the Docker daemon at unix:///nonexistent.sock. Is the docker daemon running?".into(), KindProblem::NoDocker),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: Get \
             \"http://%2Fvar%2Frun%2Fdocker.sock/v1.50/version\": dial unix /var/run/docker.sock: connect: permission \
             denied"
                .into(),
            KindProblem::NoRights,
        ),
        (
            format!(
                "{created} unable to decode config: yaml: unmarshal errors:\n  line 3: field nodez not found in type \
                 v1alpha4.Cluster"
            ),
            KindProblem::Config,
        ),
        (
            format!("{created} invalid configuration for node 0: invalid portMapping: invalid listen address: nonsense"),
            KindProblem::Config,
        ),
        (
            format!("{created} node(s) already exist for a cluster with the name \"ci\""),
            KindProblem::NameInUse,
        ),
        (
            "ERROR: image: \"nope:1\" not present locally".into(),
            KindProblem::ImageMissing { image: "nope:1".into() },
        ),
        (
            "docker: Error response from daemon: failed to create shim task: OCI runtime create failed: runc create \
             failed: unable to start container process: unable to apply caps: operation not permitted: unknown"
                .into(),
            KindProblem::NotPrivileged,
        ),
        (
            format!("{created} could not find a log line that matches \"Reached target .*Multi-User System.*|detected cgroup v1\""),
            KindProblem::NotANode,
        ),
        (
            format!("{created} running kind with rootless provider requires cgroup v2, see https://kind.sigs.k8s.io/docs/user/rootless/"),
            KindProblem::Cgroups,
        ),
        (
            format!(
                "{created} failed to init node with kubeadm: command \"docker exec --privileged ci-control-plane \
                 kubeadm init --config=/kind/kubeadm.conf\" failed with error: exit status 1\n\nCommand Output: \
                 [kubelet-check] The kubelet is not healthy after 4m0.000500125s"
            ),
            KindProblem::Unhealthy,
        ),
        // It fails as kubeadm or as a pull, and is neither.
        (
            format!(
                "{created} failed to init node with kubeadm\n\nCommand Output: Failed to create control group inotify \
                 object: Too many open files"
            ),
            KindProblem::TooManyFiles,
        ),
        (
            not_pulled("failed to register layer: Error processing tar file: write /kind/x: no space left on device"),
            KindProblem::DiskFull,
        ),
    ] {
        assert_eq!(KindProblem::classify(&said), Some(problem), "{said}");
    }
    assert_eq!(KindProblem::classify("ERROR: failed to create cluster: something new"), None);
}

/// An address of a proxy may hold a password.
#[test]
fn command_lines_are_not_repeated() {
    let text = "cgroup v1 is deprecated in Kubernetes\nCreating cluster \"ci\" ...\n ✗ Preparing nodes 📦 \nERROR: failed \
                to create cluster: command \"docker run --name ci-control-plane -e \
                HTTPS_PROXY=http://me:hunter2@proxy:3128 kindest/node:v1.37.0\" failed with error: exit status \
                125\n\nCommand Output: \
                554e4788693d6b534797478447f1202ca0287fc717182acd0e3dbdadb4bed8fa\ndocker: Error response from daemon: \
                oh no\n\nRun 'docker run --help' for more information\n";
    assert_eq!(
        essence(text),
        "\n    ERROR: failed to create cluster: command \"docker run …\" failed with error: exit status 125\n    \
         docker: Error response from daemon: oh no"
    );
}
