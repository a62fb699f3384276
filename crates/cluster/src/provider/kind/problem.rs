//! What kind and Docker say when something goes wrong, told by cause.

use std::fmt;

/// Why a kind cluster does not come up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KindProblem {
    /// Docker does not answer, or is not installed.
    NoDocker,
    /// This user may not talk to Docker.
    NoRights,
    /// kind does not take its configuration.
    Config,
    /// There are containers of that name already.
    NameInUse,
    /// A port of this machine is taken.
    PortTaken {
        /// The port, where the message names it.
        port: Option<u16>,
    },
    /// Docker without root may not open a low port.
    PortPrivileged,
    /// A folder of this machine can't be mounted.
    Mount,
    /// The image of the nodes can't be pulled.
    Image {
        /// The image.
        image: String,
        /// Why not.
        why: NoImage,
    },
    /// An image to load is not on this machine.
    ImageMissing {
        /// The image.
        image: String,
    },
    /// The disk of Docker is full.
    DiskFull,
    /// The limits for watched files are too low.
    TooManyFiles,
    /// The system lacks what nodes in containers need.
    Cgroups,
    /// Docker starts no privileged containers, which nodes are.
    NotPrivileged,
    /// The container of a node started and did not become a node.
    NotANode,
    /// Kubernetes did not come up in the nodes.
    Unhealthy,
}

/// Why an image can't be pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoImage {
    /// The registry can't be reached.
    Unreachable,
    /// The registry refuses it.
    Refused,
    /// The registry asks to come back later.
    TooMany,
    /// There is no such image.
    Unknown,
    /// What came is not what the digest says.
    Digest,
    /// Something else.
    Other,
}

impl KindProblem {
    /// The cause of a failure, by what kind and Docker wrote; `None` where it is none of the known ones.
    pub fn classify(text: &str) -> Option<Self> {
        let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
        // A full disk and low limits show up as any of the others.
        if has(&["no space left on device"]) {
            return Some(Self::DiskFull);
        }
        if has(&["too many open files", "Too many open files", "inotify_init", "inotify object"]) {
            return Some(Self::TooManyFiles);
        }
        if text.contains("permission denied while trying to connect to the") {
            return Some(Self::NoRights);
        }
        if has(&["Cannot connect to the Docker daemon", "failed to connect to the docker API", NO_PROVIDER]) {
            return Some(Self::NoDocker);
        }
        if let Some(image) = between(text, "failed to pull image \"", "\"") {
            return Some(Self::Image { image, why: NoImage::of(text) });
        }
        if let Some(image) = between(text, "image: \"", "\" not present locally") {
            return Some(Self::ImageMissing { image });
        }
        Self::of_containers(text, &has)
    }

    fn of_containers(text: &str, has: &dyn Fn(&[&str]) -> bool) -> Option<Self> {
        Some(match () {
            () if has(&["port is already allocated", "address already in use"]) => {
                Self::PortTaken { port: taken_port(text) }
            }
            () if has(&["privileged port"]) => Self::PortPrivileged,
            () if has(&[
                "unable to decode config",
                "invalid configuration for node",
                "invalid portMapping",
            ]) =>
            {
                Self::Config
            }
            () if has(&["already exist for a cluster with the name", "is already in use by container"]) => {
                Self::NameInUse
            }
            () if has(&["error mounting", "error while creating mount source path", "Mounts denied"]) => {
                Self::Mount
            }
            () if has(&[
                "requires cgroup v2",
                "\"Delegate=yes\"",
                "cgroup v1 support",
                "using cgroup v1",
            ]) =>
            {
                Self::Cgroups
            }
            () if has(&["unable to apply caps: operation not permitted", "privileged mode is"]) => {
                Self::NotPrivileged
            }
            () if has(&["could not find a log line that matches"]) => Self::NotANode,
            () if has(&["node with kubeadm", "kubelet is not healthy", "The kubelet is not running"]) => {
                Self::Unhealthy
            }
            () => return None,
        })
    }

    /// The logs of the nodes say more.
    pub fn is_in_the_nodes(&self) -> bool {
        matches!(self, Self::TooManyFiles | Self::Cgroups | Self::NotANode | Self::Unhealthy)
    }

    /// What to do about it.
    pub fn next(&self) -> String {
        match self {
            Self::NoDocker => "start Docker, or use `cluster.provider: kwok`, which needs none".into(),
            Self::NoRights => {
                "let this user use it (sudo usermod -aG docker $USER, then log in again), or use `cluster.provider: \
                 kwok`, which needs none"
                    .into()
            }
            Self::Config => "look at `cluster.kind` in the configuration, and at what kind says below".into(),
            Self::NameInUse => {
                "choose another `cluster.name`, or see whose they are: docker ps -a --filter \
                 label=io.x-k8s.kind.cluster"
                    .into()
            }
            Self::PortTaken { port } => {
                let port = port.map_or_else(|| "PORT".to_owned(), |port| port.to_string());
                format!(
                    "see who has it (ss -ltnp 'sport = :{port}', docker ps --filter publish={port}), and stop that or \
                     change `host` in `cluster.kind.ports`; `cluster.kind.ingress` takes 80 and 443"
                )
            }
            Self::PortPrivileged => {
                "use a port from 1024 up in `cluster.kind.ports`, or allow it: sysctl \
                 net.ipv4.ip_unprivileged_port_start=80"
                    .into()
            }
            Self::Mount => {
                "look at `cluster.kind.mounts`: each `host` must be there, and be shared with Docker where that runs in \
                 a virtual machine"
                    .into()
            }
            Self::Image { image, why } => why.next(image),
            Self::ImageMissing { image } => {
                format!("build it or fetch it (docker pull {image}), or take it out of `cluster.kind.images`")
            }
            Self::DiskFull => "make room: docker system df shows what takes it, docker system prune frees it".into(),
            Self::TooManyFiles => {
                "raise them: sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512".into()
            }
            Self::Cgroups => {
                "use a system with cgroup v2 (stat -fc %T /sys/fs/cgroup says cgroup2fs); rootless Docker also needs \
                 https://kind.sigs.k8s.io/docs/user/rootless/"
                    .into()
            }
            Self::NotPrivileged => {
                "run Docker where it has all rights, not inside another container or sandbox, or use \
                 `cluster.provider: kwok`, which needs none"
                    .into()
            }
            Self::NotANode => {
                "check that `cluster.nodeImage` is a kindest/node image for this machine's processor, and that Docker \
                 runs privileged containers"
                    .into()
            }
            Self::Unhealthy => {
                "most often memory is short: give Docker 2 GiB for each node and one more (docker info --format \
                 '{{.MemTotal}}'), or use fewer `cluster.kind.workers`; else see the logs"
                    .into()
            }
        }
    }
}

/// kind found none of the programs that run containers.
const NO_PROVIDER: &str = "failed to detect any supported node provider";

impl fmt::Display for KindProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDocker => f.write_str("kind needs a running Docker, and there is none"),
            Self::NoRights => f.write_str("this user may not use Docker"),
            Self::Config => f.write_str("kind does not take the cluster's configuration"),
            Self::NameInUse => f.write_str("there are containers with this cluster's name already"),
            Self::PortTaken { port: Some(port) } => write!(f, "port {port} of this machine is taken"),
            Self::PortTaken { port: None } => f.write_str("a port of this machine is taken"),
            Self::PortPrivileged => f.write_str("Docker may not open a port below 1024 here"),
            Self::Mount => f.write_str("a folder of this machine can't be mounted into the nodes"),
            Self::Image { image, why } => write!(f, "the node image {image} can't be pulled: {why}"),
            Self::ImageMissing { image } => write!(f, "the image {image} is not in this machine's Docker"),
            Self::DiskFull => f.write_str("the disk that Docker uses is full"),
            Self::TooManyFiles => {
                f.write_str("this machine's limits for watched files are too low for the nodes")
            }
            Self::Cgroups => f.write_str("this machine's control groups are not what the nodes need"),
            Self::NotPrivileged => {
                f.write_str("Docker may not start privileged containers here, and kind's nodes are such")
            }
            Self::NotANode => f.write_str("a container started and did not become a node"),
            Self::Unhealthy => f.write_str("the nodes started, and Kubernetes did not come up in them"),
        }
    }
}

impl NoImage {
    fn of(text: &str) -> Self {
        let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
        if has(&["toomanyrequests", "Too Many Requests"]) {
            return Self::TooMany;
        }
        if has(&[
            "manifest verification failed",
            "unexpected digest",
            "failed to verify",
            "failed size validation",
        ]) {
            return Self::Digest;
        }
        if has(&["403 Forbidden", "401 Unauthorized", "unauthorized:", "denied:", "access forbidden"]) {
            return Self::Refused;
        }
        if has(&["manifest unknown", "not found"]) {
            return Self::Unknown;
        }
        let unreachable = [
            "no such host",
            "Temporary failure in name resolution",
            "server misbehaving",
            "i/o timeout",
            "connection refused",
            "connection reset",
            "no route to host",
            "network is unreachable",
            "TLS handshake timeout",
            "x509:",
            "Client.Timeout",
            "proxyconnect",
        ];
        if has(&unreachable) { Self::Unreachable } else { Self::Other }
    }

    fn next(self, image: &str) -> String {
        let by_hand = format!("try by hand: docker pull {image}");
        match self {
            Self::Unknown => {
                format!("correct `cluster.nodeImage`, or use `cluster.kubernetesVersion`; {by_hand}")
            }
            Self::TooMany => {
                format!(
                    "wait, log in (docker login), or name a copy of the image in `cluster.nodeImage`; {by_hand}"
                )
            }
            Self::Digest => format!("something on the way changes images, a mirror or a proxy; {by_hand}"),
            Self::Unreachable | Self::Refused | Self::Other => format!(
                "{by_hand}; where its registry can't be reached, name a copy in `cluster.nodeImage`, give Docker a \
                 mirror, load the image from a file (docker load), or use `cluster.provider: kwok`"
            ),
        }
    }
}

impl fmt::Display for NoImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "its registry can't be reached",
            Self::Refused => "its registry refuses",
            Self::TooMany => "its registry has had too many requests from here",
            Self::Unknown => "there is no such image",
            Self::Digest => "what came has another digest",
            Self::Other => "Docker failed",
        })
    }
}

/// What a person wants to read of what kind wrote: its error and what the command behind it said. Whole command lines
/// are cut off: they are long, and hold the addresses of proxies, which may hold passwords.
pub(super) fn essence(text: &str) -> String {
    const MOST: usize = 12;
    let from = text.find("ERROR: ").unwrap_or_default();
    let lines = text[from..].lines().map(|line| line.trim().trim_start_matches("Command Output: "));
    let says_something = |line: &&str| {
        let is_id = line.len() == 64 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
        !(line.is_empty() || is_id || line.starts_with('{') || line.starts_with("Run 'docker"))
    };
    let lines: Vec<String> = lines.filter(says_something).map(without_command).collect();
    // The error itself, and the end of a long output.
    let rest = lines.len().saturating_sub(MOST).max(1);
    let shown = lines.iter().take(1).chain(lines.iter().skip(rest));
    shown.map(|line| format!("\n    {line}")).collect()
}

/// `command "docker run --name …" failed` with only the first two words of the command.
fn without_command(line: &str) -> String {
    let Some((before, rest)) = line.split_once("command \"") else { return line.to_owned() };
    let Some((command, after)) = rest.split_once("\" failed") else { return line.to_owned() };
    let words: Vec<&str> = command.split(' ').take(2).collect();
    format!("{before}command \"{} …\" failed{after}", words.join(" "))
}

fn between(text: &str, start: &str, end: &str) -> Option<String> {
    let rest = text.split_once(start)?.1;
    Some(rest.split_once(end)?.0.to_owned())
}

/// The port in Docker's words: `Bind for 0.0.0.0:80 failed: port is already allocated`, `listen tcp4 127.0.0.1:80:
/// bind: address already in use`, `failed to bind host port for [::]:80:172.18.0.2:80/tcp: address already in use`.
fn taken_port(text: &str) -> Option<u16> {
    let said = |line: &&str| line.contains("already allocated") || line.contains("already in use");
    let line = text.lines().find(said)?;
    // What failed stands right before; earlier words name endpoints.
    let starts = [
        "Bind for ",
        "listen tcp4 ",
        "listen tcp6 ",
        "listen tcp ",
        "listen udp4 ",
        "listen udp ",
        "host port for ",
        "host port ",
    ];
    let rest = starts.iter().find_map(|start| Some(line.split_once(start)?.1))?;
    let port = match (rest.strip_prefix('['), rest.strip_prefix(":::")) {
        (Some(address), _) => address.split_once("]:")?.1,
        (None, Some(port)) => port,
        (None, None) => rest.split_once(':')?.1,
    };
    let digits = port.find(|c: char| !c.is_ascii_digit()).map_or(port, |end| &port[..end]);
    digits.parse().ok()
}
