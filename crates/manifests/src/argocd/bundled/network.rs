//! Services, and who may connect to which port.

use serde_json::{Value, json};

use super::{NAME_LABEL, full_name, labelled_part};
use crate::object::{Object, ObjectRef};

struct Service {
    name: &'static str,
    /// Value of the label `component`.
    component: &'static str,
    /// Component whose pods answer.
    pods: &'static str,
    ports: &'static [Port],
}

struct Port {
    name: &'static str,
    number: u16,
    target: Target,
    app_protocol: Option<&'static str>,
}

enum Target {
    Number(u16),
    Name(&'static str),
}

/// A port that the pods listen on under the same number.
const fn same(name: &'static str, number: u16) -> Port {
    Port { name, number, target: Target::Number(number), app_protocol: None }
}

/// A port that leads to a port of the pods with the same name.
const fn named(name: &'static str, number: u16) -> Port {
    Port { name, number, target: Target::Name(name), app_protocol: None }
}

const fn to(target: u16, name: &'static str, number: u16) -> Port {
    Port { name, number, target: Target::Number(target), app_protocol: None }
}

const SERVICES: &[Service] = &[
    Service {
        name: "argocd-applicationset-controller",
        component: "applicationset-controller",
        pods: "applicationset-controller",
        ports: &[named("webhook", 7000), named("metrics", 8080)],
    },
    Service {
        name: "argocd-dex-server",
        component: "dex-server",
        pods: "dex-server",
        ports: &[
            Port { app_protocol: Some("TCP"), ..same("http", 5556) },
            same("grpc", 5557),
            same("metrics", 5558),
        ],
    },
    Service {
        name: "argocd-metrics",
        component: "metrics",
        pods: "application-controller",
        ports: &[same("metrics", 8082)],
    },
    Service {
        name: "argocd-notifications-controller-metrics",
        component: "notifications-controller",
        pods: "notifications-controller",
        ports: &[same("metrics", 9001)],
    },
    Service { name: "argocd-redis", component: "redis", pods: "redis", ports: &[same("tcp-redis", 6379)] },
    Service {
        name: "argocd-repo-server",
        component: "repo-server",
        pods: "repo-server",
        ports: &[same("server", 8081), same("metrics", 8084)],
    },
    Service {
        name: "argocd-server",
        component: "server",
        pods: "server",
        ports: &[to(8080, "http", 80), to(8080, "https", 443)],
    },
    Service {
        name: "argocd-server-metrics",
        component: "server",
        pods: "server",
        ports: &[same("metrics", 8083)],
    },
];

/// Who may connect to the pods of a component. All else is refused.
struct Policy {
    component: &'static str,
    allowed: &'static [Allowed],
}

enum Allowed {
    /// Everyone, to every port.
    Everything,
    /// Every pod in the cluster, to these ports.
    Cluster(&'static [PolicyPort]),
    /// The pods of these components, to these ports.
    Components(&'static [&'static str], &'static [PolicyPort]),
}

enum PolicyPort {
    Tcp(u16),
    /// TCP as well, but left to the default, as in the published manifest.
    Plain(u16),
}

use Allowed::{Cluster, Components, Everything};
use PolicyPort::{Plain, Tcp};

const POLICIES: &[Policy] = &[
    Policy { component: "application-controller", allowed: &[Cluster(&[Plain(8082)])] },
    Policy { component: "applicationset-controller", allowed: &[Cluster(&[Tcp(7000), Tcp(8080)])] },
    Policy {
        component: "dex-server",
        allowed: &[Components(&["server"], &[Tcp(5556), Tcp(5557)]), Cluster(&[Tcp(5558)])],
    },
    Policy { component: "notifications-controller", allowed: &[Cluster(&[Tcp(9001)])] },
    Policy {
        component: "redis",
        allowed: &[Components(&["server", "repo-server", "application-controller"], &[Tcp(6379)])],
    },
    Policy {
        component: "repo-server",
        allowed: &[
            Components(
                &[
                    "server",
                    "application-controller",
                    "notifications-controller",
                    "applicationset-controller",
                ],
                &[Tcp(8081)],
            ),
            Cluster(&[Plain(8084)]),
        ],
    },
    Policy { component: "server", allowed: &[Everything] },
];

pub(super) fn services(namespace: &str) -> Vec<Object> {
    SERVICES.iter().map(|service| service.object(namespace)).collect()
}

pub(super) fn policies(namespace: &str) -> Vec<Object> {
    POLICIES.iter().map(|policy| policy.object(namespace)).collect()
}

/// A selector for the pods of a component.
fn pods_of(component: &str) -> Value {
    json!({ NAME_LABEL: full_name(component) })
}

impl Service {
    fn object(&self, namespace: &str) -> Object {
        let reference = ObjectRef::namespaced("v1", "Service", namespace, self.name);
        let ports: Value = self.ports.iter().map(Port::to_json).collect();
        labelled_part(&reference, self.name, self.component)
            .with("spec", json!({"ports": ports, "selector": pods_of(self.pods)}))
    }
}

impl Port {
    fn to_json(&self) -> Value {
        let target = match self.target {
            Target::Number(number) => json!(number),
            Target::Name(name) => json!(name),
        };
        let mut port =
            json!({"name": self.name, "port": self.number, "protocol": "TCP", "targetPort": target});
        if let Some(protocol) = self.app_protocol {
            port["appProtocol"] = protocol.into();
        }
        port
    }
}

impl Policy {
    fn object(&self, namespace: &str) -> Object {
        let component = full_name(self.component);
        let name = format!("{component}-network-policy");
        let reference = ObjectRef::namespaced("networking.k8s.io/v1", "NetworkPolicy", namespace, &name);
        let ingress: Value = self.allowed.iter().map(Allowed::to_json).collect();
        let spec = json!({
            "podSelector": {"matchLabels": pods_of(self.component)},
            "policyTypes": ["Ingress"],
            "ingress": ingress,
        });
        labelled_part(&reference, &component, self.component).with("spec", spec)
    }
}

impl Allowed {
    fn to_json(&self) -> Value {
        let ports = |ports: &[PolicyPort]| ports.iter().map(PolicyPort::to_json).collect::<Value>();
        match self {
            Everything => json!({}),
            Cluster(numbers) => json!({"from": [{"namespaceSelector": {}}], "ports": ports(numbers)}),
            Components(names, numbers) => {
                let from: Value =
                    names.iter().map(|name| json!({"podSelector": {"matchLabels": pods_of(name)}})).collect();
                json!({"from": from, "ports": ports(numbers)})
            }
        }
    }
}

impl PolicyPort {
    fn to_json(&self) -> Value {
        match self {
            Tcp(number) => json!({"port": number, "protocol": "TCP"}),
            Plain(number) => json!({"port": number}),
        }
    }
}
