//! The Deployments and the StatefulSet, one per component.

use serde_json::{Value, json};

use super::env;
use super::pod::{Container, ContainerPort, Probe, RunAs, Spread, Volume, list};
use super::{NAME_LABEL, full_name, labelled_part};
use crate::object::{Object, ObjectRef};

const ARGOCD_IMAGE: &str = "quay.io/argoproj/argocd:v3.5.1";
const DEX_IMAGE: &str = "ghcr.io/dexidp/dex:v2.45.0";
const REDIS_IMAGE: &str = "public.ecr.aws/docker/library/redis:8.2.3-alpine";

/// What runs as one component. [`Workload::NEW`] has the defaults.
struct Workload {
    component: &'static str,
    kind: Kind,
    container: Container,
    init: Option<Container>,
    volumes: &'static [Volume],
    spread: Spread,
    /// For all containers of the pod.
    run_as: RunAs,
    /// False for pods that never talk to the API server.
    api_token: bool,
}

enum Kind {
    Deployment,
    /// A Deployment that stops the old pod before it starts the new one.
    RecreatedDeployment,
    /// As many numbered pods.
    StatefulSet(u32),
}

impl Workload {
    const NEW: Self = Self {
        component: "",
        kind: Kind::Deployment,
        container: Container::NEW,
        init: None,
        volumes: &[],
        spread: Spread::FromReplicasAndOthers,
        run_as: RunAs::Unset,
        api_token: true,
    };
}

use Volume::{Config, Empty, Profiling, Secret};

const SSH_KNOWN_HOSTS: Volume = Config("ssh-known-hosts", "argocd-ssh-known-hosts-cm");
const TLS_CERTIFICATES: Volume = Config("tls-certs", "argocd-tls-certs-cm");
const GPG_KEYS: Volume = Config("gpg-keys", "argocd-gpg-keys-cm");
const REPO_SERVER_TLS: Volume = Secret("argocd-repo-server-tls", &["tls.crt", "tls.key", "ca.crt"]);
/// What a client shows to the repo server, and by what it knows the repo server.
const REPO_SERVER_CLIENT: Volume =
    Secret("argocd-repo-server-mtls", &["client.crt", "client.key", "server-ca.crt"]);

const fn port(number: u16) -> ContainerPort {
    ContainerPort { number, name: None }
}

const fn named_port(name: &'static str, number: u16) -> ContainerPort {
    ContainerPort { number, name: Some(name) }
}

const fn ready(port: u16, delay: u32, period: u32) -> Option<Probe> {
    Some(Probe::Http { path: "/healthz", port, delay, period, timeout: None, failures: None })
}

/// The full check does some of the real work instead of only answering.
const fn alive(port: u16, delay: u32, failures: Option<u32>) -> Option<Probe> {
    Some(Probe::Http { path: "/healthz?full=true", port, delay, period: 30, timeout: Some(5), failures })
}

const WORKLOADS: &[Workload] = &[
    APPLICATION_SET_CONTROLLER,
    DEX_SERVER,
    NOTIFICATIONS_CONTROLLER,
    REDIS,
    REPO_SERVER,
    SERVER,
    APPLICATION_CONTROLLER,
];

const APPLICATION_CONTROLLER: Workload = Workload {
    component: "application-controller",
    kind: Kind::StatefulSet(1),
    container: Container {
        name: "argocd-application-controller",
        image: ARGOCD_IMAGE,
        args: &["/usr/local/bin/argocd-application-controller"],
        working_dir: Some("/home/argocd"),
        env: env::APPLICATION_CONTROLLER,
        ports: &[port(8082)],
        readiness: ready(8082, 5, 10),
        mounts: &[
            ("argocd-repo-server-tls", "/app/config/controller/tls"),
            ("argocd-repo-server-mtls", "/app/config/reposerver/mtls"),
            ("argocd-home", "/home/argocd"),
            ("argocd-cmd-params-cm", "/home/argocd/params"),
            ("argocd-application-controller-tmp", "/tmp"),
        ],
        ..Container::NEW
    },
    volumes: &[
        Empty("argocd-home"),
        Empty("argocd-application-controller-tmp"),
        REPO_SERVER_TLS,
        REPO_SERVER_CLIENT,
        Profiling("controller.profile.enabled"),
    ],
    ..Workload::NEW
};

const APPLICATION_SET_CONTROLLER: Workload = Workload {
    component: "applicationset-controller",
    container: Container {
        name: "argocd-applicationset-controller",
        image: ARGOCD_IMAGE,
        args: &["/usr/local/bin/argocd-applicationset-controller"],
        env: env::APPLICATIONSET_CONTROLLER,
        ports: &[named_port("webhook", 7000), named_port("metrics", 8080)],
        mounts: &[
            ("ssh-known-hosts", "/app/config/ssh"),
            ("tls-certs", "/app/config/tls"),
            ("gpg-keys", "/app/config/gpg/source"),
            ("gpg-keyring", "/app/config/gpg/keys"),
            ("tmp", "/tmp"),
            ("argocd-repo-server-tls", "/app/config/reposerver/tls"),
            ("argocd-repo-server-mtls", "/app/config/reposerver/mtls"),
            ("argocd-cmd-params-cm", "/home/argocd/params"),
        ],
        ..Container::NEW
    },
    volumes: &[
        SSH_KNOWN_HOSTS,
        TLS_CERTIFICATES,
        GPG_KEYS,
        Empty("gpg-keyring"),
        Empty("tmp"),
        REPO_SERVER_TLS,
        REPO_SERVER_CLIENT,
        Profiling("applicationsetcontroller.profile.enabled"),
    ],
    spread: Spread::Nothing,
    ..Workload::NEW
};

const DEX_SERVER: Workload = Workload {
    component: "dex-server",
    container: Container {
        name: "dex",
        image: DEX_IMAGE,
        command: &["/shared/argocd-dex", "rundex"],
        env: env::DEX_SERVER,
        ports: &[port(5556), port(5557), port(5558)],
        run_as: RunAs::User(1001),
        mounts: &[("static-files", "/shared"), ("dexconfig", "/tmp"), ("argocd-dex-server-tls", "/tls")],
        ..Container::NEW
    },
    init: Some(Container {
        name: "copyutil",
        image: ARGOCD_IMAGE,
        command: &["/bin/cp", "-n", "/usr/local/bin/argocd", "/shared/argocd-dex"],
        mounts: &[("static-files", "/shared"), ("dexconfig", "/tmp")],
        ..Container::NEW
    }),
    volumes: &[
        Empty("static-files"),
        Empty("dexconfig"),
        Secret("argocd-dex-server-tls", &["tls.crt", "tls.key", "ca.crt"]),
    ],
    spread: Spread::FromOthers,
    ..Workload::NEW
};

const NOTIFICATIONS_CONTROLLER: Workload = Workload {
    component: "notifications-controller",
    kind: Kind::RecreatedDeployment,
    container: Container {
        name: "argocd-notifications-controller",
        image: ARGOCD_IMAGE,
        args: &["/usr/local/bin/argocd-notifications"],
        working_dir: Some("/app"),
        env: env::NOTIFICATIONS_CONTROLLER,
        liveness: Some(Probe::Tcp(9001)),
        run_as: RunAs::Unset,
        mounts: &[
            ("tls-certs", "/app/config/tls"),
            ("argocd-repo-server-tls", "/app/config/reposerver/tls"),
            ("argocd-repo-server-mtls", "/app/config/reposerver/mtls"),
        ],
        ..Container::NEW
    },
    volumes: &[TLS_CERTIFICATES, REPO_SERVER_TLS, REPO_SERVER_CLIENT],
    spread: Spread::Nothing,
    run_as: RunAs::NonRoot,
    ..Workload::NEW
};

const REDIS: Workload = Workload {
    component: "redis",
    container: Container {
        name: "redis",
        image: REDIS_IMAGE,
        args: &["--save", "", "--appendonly", "no", "--requirepass $(REDIS_PASSWORD)"],
        env: env::REDIS,
        ports: &[port(6379)],
        run_as: RunAs::Unset,
        ..Container::NEW
    },
    // Makes the secret that the other containers' password comes from.
    init: Some(Container {
        name: "secret-init",
        image: ARGOCD_IMAGE,
        pull_policy: Some("IfNotPresent"),
        command: &["argocd", "admin", "redis-initial-password"],
        ..Container::NEW
    }),
    run_as: RunAs::User(999),
    ..Workload::NEW
};

const REPO_SERVER: Workload = Workload {
    component: "repo-server",
    container: Container {
        name: "argocd-repo-server",
        image: ARGOCD_IMAGE,
        args: &["/usr/local/bin/argocd-repo-server"],
        env: env::REPO_SERVER,
        ports: &[port(8081), port(8084)],
        liveness: alive(8084, 30, Some(3)),
        readiness: ready(8084, 5, 10),
        mounts: &[
            ("ssh-known-hosts", "/app/config/ssh"),
            ("tls-certs", "/app/config/tls"),
            ("gpg-keys", "/app/config/gpg/source"),
            ("gpg-keyring", "/app/config/gpg/keys"),
            ("argocd-repo-server-tls", "/app/config/reposerver/tls"),
            ("argocd-repo-server-mtls", "/app/config/reposerver/mtls"),
            ("tmp", "/tmp"),
            ("helm-working-dir", "/helm-working-dir"),
            ("plugins", "/home/argocd/cmp-server/plugins"),
            ("argocd-cmd-params-cm", "/home/argocd/params"),
        ],
        ..Container::NEW
    },
    init: Some(Container {
        name: "copyutil",
        image: ARGOCD_IMAGE,
        pull_policy: None,
        command: &["sh", "-c"],
        args: &["/bin/cp /usr/local/bin/argocd /var/run/argocd/argocd && \
                 /bin/ln -sf /var/run/argocd/argocd /var/run/argocd/argocd-cmp-server"],
        mounts: &[("var-files", "/var/run/argocd")],
        ..Container::NEW
    }),
    volumes: &[
        SSH_KNOWN_HOSTS,
        TLS_CERTIFICATES,
        GPG_KEYS,
        Empty("gpg-keyring"),
        Empty("tmp"),
        Empty("helm-working-dir"),
        REPO_SERVER_TLS,
        // The secret's other side: by what the repo server knows its clients.
        Secret("argocd-repo-server-mtls", &["client-ca.crt"]),
        Empty("var-files"),
        Empty("plugins"),
        Profiling("reposerver.profile.enabled"),
    ],
    api_token: false,
    ..Workload::NEW
};

const SERVER: Workload = Workload {
    component: "server",
    container: Container {
        name: "argocd-server",
        image: ARGOCD_IMAGE,
        args: &["/usr/local/bin/argocd-server"],
        env: env::SERVER,
        ports: &[port(8080), port(8083)],
        liveness: alive(8080, 3, None),
        readiness: ready(8080, 3, 30),
        mounts: &[
            ("ssh-known-hosts", "/app/config/ssh"),
            ("tls-certs", "/app/config/tls"),
            ("argocd-repo-server-tls", "/app/config/server/tls"),
            ("argocd-repo-server-mtls", "/app/config/reposerver/mtls"),
            ("argocd-dex-server-tls", "/app/config/dex/tls"),
            ("plugins-home", "/home/argocd"),
            ("tmp", "/tmp"),
            ("argocd-cmd-params-cm", "/home/argocd/params"),
        ],
        ..Container::NEW
    },
    volumes: &[
        Empty("plugins-home"),
        Empty("tmp"),
        SSH_KNOWN_HOSTS,
        TLS_CERTIFICATES,
        REPO_SERVER_TLS,
        // Without Dex' private key, which is not the server's business.
        Secret("argocd-dex-server-tls", &["tls.crt", "ca.crt"]),
        REPO_SERVER_CLIENT,
        Profiling("server.profile.enabled"),
    ],
    ..Workload::NEW
};

pub(super) fn workloads(namespace: &str) -> Vec<Object> {
    WORKLOADS.iter().map(|workload| workload.object(namespace)).collect()
}

impl Workload {
    fn object(&self, namespace: &str) -> Object {
        let name = full_name(self.component);
        let reference = ObjectRef::namespaced("apps/v1", self.kind.name(), namespace, &name);
        let mut spec = json!({
            "selector": {"matchLabels": {NAME_LABEL: name}},
            "template": {"metadata": {"labels": {NAME_LABEL: name}}, "spec": self.pod_spec(&name)},
        });
        match self.kind {
            Kind::Deployment => {}
            Kind::RecreatedDeployment => spec["strategy"] = json!({"type": "Recreate"}),
            Kind::StatefulSet(replicas) => {
                spec["replicas"] = replicas.into();
                spec["serviceName"] = name.as_str().into();
            }
        }
        labelled_part(&reference, &name, self.component).with("spec", spec)
    }

    fn pod_spec(&self, name: &str) -> Value {
        let mut spec = json!({
            "serviceAccountName": name,
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "containers": [self.container.to_json()],
        });
        let mut optional = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                spec[field] = value;
            }
        };
        optional("initContainers", self.init.as_ref().map(|init| json!([init.to_json()])));
        optional("volumes", list(self.volumes, Volume::to_json));
        optional("affinity", self.spread.to_json(name));
        let run_as = self.run_as.fields();
        optional("securityContext", (!run_as.is_empty()).then(|| run_as.into()));
        optional("automountServiceAccountToken", (!self.api_token).then(|| false.into()));
        spec
    }
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Deployment | Self::RecreatedDeployment => "Deployment",
            Self::StatefulSet(_) => "StatefulSet",
        }
    }
}
