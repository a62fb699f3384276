//! Which object says where Argo CD is, and what it says.

use cluster::wait::{Objects, Progress};
use manifests::argocd::names;
use manifests::config::{Cluster, Config, KindPort, PortProtocol, Provider, Via};
use manifests::{Object, ObjectRef, expose};
use serde_json::Value;

/// The object whose status carries the address.
pub(super) struct Source {
    pub(super) object: ObjectRef,
    /// Whether it can be that there is no address at all, because nothing asks for one.
    optional: bool,
}

/// Where it says that Argo CD is.
pub(super) enum Announced {
    /// At this address, says this object.
    At(String, Box<Object>),
    /// At a port of every node, says this Service.
    OnNodes(Box<Object>),
    /// Nowhere outside of the cluster.
    Nowhere,
}

impl Source {
    pub(super) fn of(config: &Config) -> Self {
        let namespace = &config.argocd.namespace;
        let named = |api_version, kind, text: &str| {
            let (namespace, name) = expose::namespaced_name(text);
            ObjectRef::namespaced(api_version, kind, namespace, name)
        };
        let istio = config.expose.istio.clone().unwrap_or_default();
        let object = match (config.expose.via, &config.expose.gateway_api) {
            (Via::Istio, _) => named("v1", "Service", &istio.service),
            (Via::GatewayApi, Some(gateway)) => {
                named("gateway.networking.k8s.io/v1", "Gateway", &gateway.gateway)
            }
            (Via::Ingress, _) => {
                expose::reference(config).unwrap_or_else(|| names::server_service(namespace))
            }
            (Via::None | Via::Service | Via::GatewayApi, _) => names::server_service(namespace),
        };
        Self { object, optional: config.expose.via == Via::None }
    }

    /// What the object says now.
    pub(super) fn announced(&self, live: &Objects) -> Progress<Announced> {
        let Some(live) = live.get(&self.object.name) else {
            return match self.optional {
                true => Progress::Done(Announced::Nowhere),
                false => Progress::Waiting(vec![format!("{} is not there", self.object)]),
            };
        };
        if let Some(address) = address(live) {
            return Progress::Done(Announced::At(address, Box::new(live.clone())));
        }
        match live.text("/spec/type") {
            "NodePort" if live.kind() == "Service" => {
                Progress::Done(Announced::OnNodes(Box::new(live.clone())))
            }
            "LoadBalancer" => self.waiting(),
            _ if self.optional => Progress::Done(Announced::Nowhere),
            _ => self.waiting(),
        }
    }

    fn waiting(&self) -> Progress<Announced> {
        Progress::Waiting(vec![format!("{} has no address yet", self.object)])
    }
}

/// IP first, then host name, as in the guide.
fn address(live: &Object) -> Option<String> {
    let balancers = live.list("/status/loadBalancer/ingress");
    let outside = live.list("/spec/externalIPs").iter();
    let addresses = live.list("/status/addresses");
    // A type that is left out means an IP.
    let is_ip = |entry: &&Value| entry["type"].as_str().unwrap_or("IPAddress") == "IPAddress";
    let words = balancers
        .iter()
        .map(|entry| &entry["ip"])
        .chain(addresses.iter().filter(is_ip).map(|entry| &entry["value"]))
        .chain(outside)
        .chain(balancers.iter().map(|entry| &entry["hostname"]))
        .chain(addresses.iter().map(|entry| &entry["value"]));
    words.filter_map(Value::as_str).find(|word| !word.is_empty()).map(str::to_owned)
}

/// The port of a Service behind which a gateway listens at `port`: the port of the same number, or else the one that
/// leads there. What is no Service has it as it is.
pub(super) fn public_port(service: &Object, port: u16) -> u16 {
    let ports = service.list("/spec/ports");
    let leads = ports.iter().find(|entry| entry["targetPort"] == port);
    match ports.iter().any(|entry| entry["port"] == port) {
        true => port,
        false => leads.and_then(|entry| u16::try_from(entry["port"].as_u64()?).ok()).unwrap_or(port),
    }
}

/// The port of every node that leads to a port of the Service.
pub(super) fn node_port(service: &Object, port: u16) -> Option<u16> {
    let entry = service.list("/spec/ports").iter().find(|entry| entry["port"] == port)?;
    entry["nodePort"].as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0)
}

/// Where a port of the control plane that kind made is on this machine: address and port.
pub(super) fn mapped(cluster: &Cluster, node_port: u16) -> Option<(String, u16)> {
    let kind = cluster.kind.as_ref().filter(|_| cluster.provider == Provider::Kind)?;
    let leads = |port: &&KindPort| port.container == node_port && port.protocol == PortProtocol::Tcp;
    let port = kind.ports.iter().find(leads)?;
    let host = match port.address.as_str() {
        "0.0.0.0" | "::" => "127.0.0.1",
        address => address,
    };
    Some((host.to_owned(), port.host))
}

/// Whether nodes are those of a kind cluster, whoever made it: their kubelets say `kind://docker/cluster/node`.
pub(super) fn are_of_kind<'a>(mut nodes: impl Iterator<Item = &'a Object>) -> bool {
    nodes.any(|node| node.text("/spec/providerID").starts_with("kind://"))
}

/// An address of a node that is Ready: one for the outside first.
pub(super) fn node_address<'a>(nodes: impl Iterator<Item = &'a Object>) -> Option<String> {
    let real = nodes.filter(|node| node.annotation("kwok.x-k8s.io/node").is_none());
    let ready: Vec<&Object> = real.filter(|node| node.has_condition("Ready", "True")).collect();
    ["ExternalIP", "InternalIP", "Hostname"].iter().find_map(|kind| {
        let addresses = ready.iter().flat_map(|node| node.list("/status/addresses"));
        let found = addresses.filter(|address| address["type"] == *kind);
        found.filter_map(|address| address["address"].as_str()).next().map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use manifests::config::KindSettings;
    use serde_json::json;

    fn service(value: Value) -> Object {
        let object = Object::new(&names::server_service("argocd")).with("spec", value["spec"].clone());
        object.with("status", value["status"].clone())
    }

    #[test]
    fn an_ip_goes_before_a_name_wherever_it_stands() {
        let balanced = service(
            json!({ "status": { "loadBalancer": { "ingress": [{ "hostname": "a" }, { "ip": "1.2.3.4" }] } } }),
        );
        assert_eq!(address(&balanced).as_deref(), Some("1.2.3.4"));
        let gateway = service(json!({ "status": { "addresses": [
            { "type": "Hostname", "value": "lb.example.com" }, { "type": "IPAddress", "value": "2001:db8::1" },
        ] } }));
        assert_eq!(address(&gateway).as_deref(), Some("2001:db8::1"));
        let named =
            service(json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "", "hostname": "lb" }] } } }));
        assert_eq!(address(&named).as_deref(), Some("lb"));
        assert_eq!(address(&service(json!({ "status": { "loadBalancer": {} } }))), None);
        let outside = service(json!({ "spec": { "externalIPs": ["5.6.7.8"] } }));
        assert_eq!(address(&outside).as_deref(), Some("5.6.7.8"));
    }

    #[test]
    fn a_node_that_is_ready_and_real_has_the_address() {
        let node = |name: &str, ready: &str, addresses: Value| {
            let status =
                json!({ "conditions": [{ "type": "Ready", "status": ready }], "addresses": addresses });
            Object::new(&ObjectRef::cluster_scoped("v1", "Node", name)).with("status", status)
        };
        let nodes = [
            node("a", "False", json!([{ "type": "ExternalIP", "address": "9.9.9.9" }])),
            node("b", "True", json!([{ "type": "InternalIP", "address": "10.0.0.1" }])),
            node("c", "True", json!([{ "type": "ExternalIP", "address": "8.8.8.8" }]))
                .with_annotation("kwok.x-k8s.io/node", "fake"),
        ];
        assert_eq!(node_address(nodes.iter()).as_deref(), Some("10.0.0.1"));
        let ports = json!({ "spec": { "ports": [{ "port": 80, "nodePort": 30080 }, { "port": 443 }] } });
        assert_eq!(node_port(&service(ports.clone()), 80), Some(30080));
        assert_eq!(node_port(&service(ports), 443), None);
        let ports =
            service(json!({ "spec": { "ports": [{ "port": 443, "targetPort": 8443 }, { "port": 80 }] } }));
        let port = |address: &str, protocol| KindPort {
            host: 8080,
            container: 30080,
            address: address.into(),
            protocol,
        };
        let mapped = |port: KindPort| {
            let kind = KindSettings { ports: vec![port], ..KindSettings::default() };
            mapped(&Cluster { provider: Provider::Kind, kind: Some(kind), ..Cluster::default() }, 30080)
        };
        assert_eq!(mapped(port("0.0.0.0", PortProtocol::Tcp)), Some(("127.0.0.1".into(), 8080)));
        assert_eq!(mapped(port("192.0.2.7", PortProtocol::Tcp)), Some(("192.0.2.7".into(), 8080)));
        assert_eq!(mapped(port("127.0.0.1", PortProtocol::Udp)), None);
        assert_eq!([8443, 80, 9000].map(|port| public_port(&ports, port)), [443, 80, 9000]);
    }
}
