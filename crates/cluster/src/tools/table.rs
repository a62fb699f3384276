//! The one table of tools: what is pinned, how each is asked for its version, and where each comes from.

use std::fmt;

/// The Kubernetes version of the local control plane.
pub const KUBERNETES: &str = "1.36.3";
const KWOK: &str = "0.8.0";
const ETCD: &str = "3.6.16";

/// A program that a cluster provider starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// Runs local control planes.
    Kwokctl,
    /// Plays the nodes of a local control plane.
    Kwok,
    /// The store of a local control plane.
    Etcd,
    /// The API server of a local control plane.
    KubeApiserver,
    /// The controllers of a local control plane.
    KubeControllerManager,
    /// The scheduler of a local control plane.
    KubeScheduler,
    /// Runs clusters in containers.
    Kind,
}

/// One of our go.mod files: everything in it is built by one `go build`, so that shared packages compile once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GoModule {
    /// Kubernetes, etcd and kwok.
    ControlPlane,
    /// kind.
    Kind,
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    /// Without the leading `v`.
    pub(super) version: &'static str,
    /// The words right before the version in what `--version` prints.
    pub(super) answer: &'static str,
    pub(super) release: Release,
    pub(super) package: &'static str,
    pub(super) module: GoModule,
}

/// An official release. In all patterns `{os}`, `{arch}` and `{ext}` (etcd's archive) are filled in.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) site: Site,
    /// The path below the site's address.
    pub(super) path: &'static str,
    pub(super) checksum: Checksum,
    /// The path of the program in the archive; a plain binary has none.
    pub(super) member: Option<&'static str>,
    /// The platforms it is published for.
    pub(super) platforms: &'static [&'static str],
}

/// A download host; [`super::Sites`] has the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
    Kubernetes,
    GitHub,
}

/// Where the checksum of a release stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checksum {
    /// `<url><suffix>`: bare hex, or lines of `hash  name`.
    Beside(&'static str),
    /// A file in the same folder with lines of `hash  name`.
    Listed(&'static str),
    /// None is published: GitHub's API tells the digest it computed at upload.
    GitHubDigest { repository: &'static str, tag: &'static str },
}

const LINUX: &[&str] = &["linux/amd64", "linux/arm64"];
const LINUX_AND_MAC: &[&str] = &["linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"];

const fn kubernetes(name: &'static str, path: &'static str, package: &'static str) -> Spec {
    Spec {
        name,
        version: KUBERNETES,
        answer: "Kubernetes ",
        release: Release {
            site: Site::Kubernetes,
            path,
            checksum: Checksum::Beside(".sha256"),
            member: None,
            // Of Kubernetes only the clients are published for macOS.
            platforms: LINUX,
        },
        package,
        module: GoModule::ControlPlane,
    }
}

const fn kwok(name: &'static str, answer: &'static str, path: &'static str, package: &'static str) -> Spec {
    Spec {
        name,
        version: KWOK,
        answer,
        release: Release {
            site: Site::GitHub,
            path,
            checksum: Checksum::GitHubDigest { repository: "kubernetes-sigs/kwok", tag: "v0.8.0" },
            member: None,
            platforms: LINUX_AND_MAC,
        },
        package,
        module: GoModule::ControlPlane,
    }
}

static KWOKCTL_SPEC: Spec = kwok(
    "kwokctl",
    "kwokctl version ",
    "/kubernetes-sigs/kwok/releases/download/v0.8.0/kwokctl-{os}-{arch}",
    "sigs.k8s.io/kwok/cmd/kwokctl",
);
static KWOK_SPEC: Spec = kwok(
    "kwok",
    "kwok version ",
    "/kubernetes-sigs/kwok/releases/download/v0.8.0/kwok-{os}-{arch}",
    "sigs.k8s.io/kwok/cmd/kwok",
);
static KUBE_APISERVER_SPEC: Spec = kubernetes(
    "kube-apiserver",
    "/release/v1.36.3/bin/{os}/{arch}/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-apiserver",
);
static KUBE_CONTROLLER_MANAGER_SPEC: Spec = kubernetes(
    "kube-controller-manager",
    "/release/v1.36.3/bin/{os}/{arch}/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
);
static KUBE_SCHEDULER_SPEC: Spec = kubernetes(
    "kube-scheduler",
    "/release/v1.36.3/bin/{os}/{arch}/kube-scheduler",
    "k8s.io/kubernetes/cmd/kube-scheduler",
);
static ETCD_SPEC: Spec = Spec {
    name: "etcd",
    version: ETCD,
    answer: "etcd Version: ",
    release: Release {
        site: Site::GitHub,
        path: "/etcd-io/etcd/releases/download/v3.6.16/etcd-v3.6.16-{os}-{arch}.{ext}",
        checksum: Checksum::Listed("SHA256SUMS"),
        member: Some("etcd-v3.6.16-{os}-{arch}/etcd"),
        platforms: LINUX_AND_MAC,
    },
    package: "go.etcd.io/etcd/server/v3",
    module: GoModule::ControlPlane,
};
static KIND_SPEC: Spec = Spec {
    name: "kind",
    version: manifests::kind::VERSION,
    answer: "kind version ",
    release: Release {
        site: Site::GitHub,
        path: "/kubernetes-sigs/kind/releases/download/v0.33.0/kind-{os}-{arch}",
        checksum: Checksum::Beside(".sha256sum"),
        member: None,
        platforms: LINUX_AND_MAC,
    },
    package: "sigs.k8s.io/kind",
    module: GoModule::Kind,
};

impl Tool {
    /// All tools.
    pub const ALL: [Self; 7] = [
        Self::Kwokctl,
        Self::Kwok,
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::Kind,
    ];

    /// The name of the program.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The pinned version, without a leading `v`.
    pub fn version(self) -> &'static str {
        self.spec().version
    }

    /// The environment variable that names another program to use instead, such as
    /// `GITOPS_SETUP_KUBE_APISERVER`.
    pub fn env(self) -> String {
        format!("GITOPS_SETUP_{}", self.name().to_ascii_uppercase().replace('-', "_"))
    }

    pub(super) fn spec(self) -> &'static Spec {
        match self {
            Self::Kwokctl => &KWOKCTL_SPEC,
            Self::Kwok => &KWOK_SPEC,
            Self::Etcd => &ETCD_SPEC,
            Self::KubeApiserver => &KUBE_APISERVER_SPEC,
            Self::KubeControllerManager => &KUBE_CONTROLLER_MANAGER_SPEC,
            Self::KubeScheduler => &KUBE_SCHEDULER_SPEC,
            Self::Kind => &KIND_SPEC,
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name(), self.version())
    }
}

impl GoModule {
    /// The name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::ControlPlane => "control-plane",
            Self::Kind => "kind",
        }
    }

    /// About how many packages a whole build of it compiles; a warm build cache leaves fewer.
    pub fn packages(self) -> usize {
        match self {
            Self::ControlPlane => 2800,
            Self::Kind => 290,
        }
    }

    pub(super) fn go_mod(self) -> &'static str {
        match self {
            Self::ControlPlane => include_str!("go/control-plane/go.mod"),
            Self::Kind => include_str!("go/kind/go.mod"),
        }
    }

    pub(super) fn go_sum(self) -> &'static str {
        match self {
            Self::ControlPlane => include_str!("go/control-plane/go.sum"),
            Self::Kind => include_str!("go/kind/go.sum"),
        }
    }

    /// The version strings that the projects' own release builds set with `-X`.
    pub(super) fn stamps(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::ControlPlane => &[
                ("k8s.io/component-base/version.gitVersion", "v1.36.3"),
                ("k8s.io/component-base/version.gitMajor", "1"),
                ("k8s.io/component-base/version.gitMinor", "36"),
                ("k8s.io/component-base/version.gitTreeState", "clean"),
                ("sigs.k8s.io/kwok/pkg/consts.Version", "v0.8.0"),
            ],
            // kind's version is a constant of its source.
            Self::Kind => &[],
        }
    }

    /// How long a first build takes on a small machine, as it is told to the person who waits.
    pub(super) fn estimate(self) -> &'static str {
        match self {
            Self::ControlPlane => "about 6 minutes the first time",
            Self::Kind => "less than a minute the first time",
        }
    }
}
