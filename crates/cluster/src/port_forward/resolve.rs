//! From a Service and one of its ports to the pods behind it and the port there.

use std::fmt;

use http::StatusCode;
use kube::core::params::ListParams;
use manifests::{Object, ObjectRef};
use serde_json::Value;

use crate::client::{Client, collection};
use crate::error::ClusterError;
use crate::observe::{Found, typed};
use crate::rollout::reason;

/// Pods looked at. A Service of more has a Ready one among these, or nothing is Ready.
const PODS: u32 = 500;

/// A port of a Service, by what its `spec.ports` call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServicePort {
    /// Its `port`.
    Number(u16),
    /// Its `name`.
    Name(String),
}

impl From<u16> for ServicePort {
    fn from(number: u16) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for ServicePort {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl fmt::Display for ServicePort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "{name}"),
        }
    }
}

/// A port of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) pod: ObjectRef,
    pub(super) port: u16,
}

/// What a port of a Service leads to in its pods.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    Number(u16),
    Name(String),
}

impl Client {
    /// The Ready pods behind a port of a Service, by name; at least one.
    pub(super) async fn endpoints(
        &self,
        service: &ObjectRef,
        port: &ServicePort,
    ) -> Result<Vec<Endpoint>, ClusterError> {
        let object = match self.read(service).await? {
            Found::Object(object) => object,
            Found::Absent | Found::KindUnknown => return Err(absent(service)),
        };
        let selector = selector(&object).ok_or_else(|| no_selector(service))?;
        let target = target(&object, port).ok_or_else(|| no_port(service, port, &object))?;
        let pods = self.pods(service, &selector).await?;
        let ready: Vec<&Object> = pods.iter().filter(|pod| is_ready(pod)).collect();
        if ready.is_empty() {
            return Err(none_ready(service, &selector, &pods));
        }
        let endpoint = |pod: &&Object| {
            let port = port_of(pod, &target)?;
            Some(Endpoint { pod: pod_ref(service, pod.name()), port })
        };
        let endpoints: Vec<Endpoint> = ready.iter().filter_map(endpoint).collect();
        match endpoints.is_empty() {
            true => Err(no_named_port(service, &target, ready[0])),
            false => Ok(endpoints),
        }
    }

    async fn pods(&self, service: &ObjectRef, selector: &str) -> Result<Vec<Object>, ClusterError> {
        let like = pod_ref(service, "");
        let some = ListParams::default().labels(selector).limit(PODS);
        let request = collection(&like).list(&some).map_err(|error| ClusterError::Refused {
            object: service.clone(),
            code: StatusCode::BAD_REQUEST.as_u16(),
            message: error.to_string(),
        })?;
        let mut reply = self.send(&request).await?;
        if !reply.status.is_success() {
            return Err(self.failure("list", &like, &reply));
        }
        let Value::Array(items) = reply.body["items"].take() else { return Ok(Vec::new()) };
        // What is no object is no pod that could be used.
        let mut pods: Vec<Object> = items.into_iter().filter_map(|pod| typed(pod, &like).ok()).collect();
        pods.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(pods)
    }
}

fn pod_ref(service: &ObjectRef, name: &str) -> ObjectRef {
    ObjectRef { api_version: "v1".into(), kind: "Pod".into(), name: name.into(), ..service.clone() }
}

/// As a query writes it; `None` where the Service chooses no pods.
fn selector(service: &Object) -> Option<String> {
    let labels = service.get("/spec/selector")?.as_object()?;
    let word = |(key, value): (&String, &Value)| format!("{key}={}", value.as_str().unwrap_or_default());
    let words: Vec<String> = labels.iter().map(word).collect();
    // What an ExternalName selects is not what its name leads to.
    let chooses = !words.is_empty() && service.text("/spec/type") != "ExternalName";
    chooses.then(|| words.join(","))
}

fn is_tcp(port: &Value) -> bool {
    port["protocol"].as_str().is_none_or(|protocol| protocol == "TCP")
}

fn number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0)
}

fn target(service: &Object, wanted: &ServicePort) -> Option<Target> {
    let is_wanted = |port: &&Value| match wanted {
        ServicePort::Number(wanted) => number(&port["port"]) == Some(*wanted),
        ServicePort::Name(wanted) => port["name"] == wanted.as_str(),
    };
    let port = service.list("/spec/ports").iter().filter(|port| is_tcp(port)).find(is_wanted)?;
    match port["targetPort"].as_str() {
        Some(name) => Some(Target::Name(name.to_owned())),
        None => number(&port["targetPort"]).or(number(&port["port"])).map(Target::Number),
    }
}

/// Init containers count as well: those that go on are sidecars, and the others have no ports.
fn port_of(pod: &Object, target: &Target) -> Option<u16> {
    let name = match target {
        Target::Number(number) => return Some(*number),
        Target::Name(name) => name,
    };
    let containers = pod.list("/spec/containers").iter().chain(pod.list("/spec/initContainers"));
    let ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    let port = ports.filter(|port| is_tcp(port)).find(|port| port["name"] == name.as_str())?;
    number(&port["containerPort"])
}

fn is_ready(pod: &Object) -> bool {
    pod.has_condition("Ready", "True") && pod.get("/metadata/deletionTimestamp").is_none()
}

fn namespace(service: &ObjectRef) -> &str {
    service.namespace.as_deref().unwrap_or("default")
}

fn absent(service: &ObjectRef) -> ClusterError {
    ClusterError::Precondition {
        what: format!("{service} is not there"),
        next: format!("see which are: kubectl get services -n {}", namespace(service)),
    }
}

fn no_selector(service: &ObjectRef) -> ClusterError {
    ClusterError::Precondition {
        what: format!("{service} has no selector, so it leads to no pods of this cluster"),
        next: format!(
            "see what it stands for, and connect there: kubectl describe service {} -n {}",
            service.name,
            namespace(service)
        ),
    }
}

fn no_port(service: &ObjectRef, wanted: &ServicePort, object: &Object) -> ClusterError {
    let word = |port: &Value| match port["name"].as_str() {
        Some(name) => format!("{} ({name})", port["port"]),
        None => port["port"].to_string(),
    };
    let ports: Vec<String> =
        object.list("/spec/ports").iter().filter(|port| is_tcp(port)).map(word).collect();
    let next = match ports.is_empty() {
        true => "only TCP can be forwarded".to_owned(),
        false => format!("choose one of its ports: {}", ports.join(", ")),
    };
    ClusterError::Precondition { what: format!("{service} has no TCP port {wanted}"), next }
}

fn no_named_port(service: &ObjectRef, target: &Target, pod: &Object) -> ClusterError {
    let Target::Name(name) = target else { unreachable!("a number is its own port") };
    ClusterError::Precondition {
        what: format!(
            "{service} leads to the port {name} of its pods, and none of those that are Ready has one of that name"
        ),
        next: format!(
            "compare it with the ports of the containers: kubectl get pod {} -n {} -o yaml",
            pod.name(),
            namespace(service)
        ),
    }
}

fn none_ready(service: &ObjectRef, selector: &str, pods: &[Object]) -> ClusterError {
    let line = |pod: &Object| format!("\n    Pod/{}: {}", pod.name(), why_not_ready(pod));
    let what = match pods.is_empty() {
        true => format!("{service} has no pods (there is none with {selector})"),
        false => {
            format!("{service} has no pod that is Ready:{}", pods.iter().map(line).collect::<String>())
        }
    };
    let next =
        format!("see what they wait for: kubectl describe pods -n {} -l {selector}", namespace(service));
    ClusterError::Precondition { what, next }
}

fn why_not_ready(pod: &Object) -> String {
    if pod.get("/metadata/deletionTimestamp").is_some() {
        return "is being deleted".into();
    }
    reason(pod).unwrap_or_else(|| match pod.text("/status/phase") {
        "" => "has no status yet".into(),
        phase => phase.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn service(spec: Value) -> Object {
        Object::new(&ObjectRef::namespaced("v1", "Service", "demo", "web")).with("spec", spec)
    }

    #[test]
    fn a_port_is_found_by_number_and_by_name() {
        let web = service(json!({ "ports": [
            { "name": "dns", "port": 53, "protocol": "UDP", "targetPort": 5353 },
            { "name": "http", "port": 80, "targetPort": "web" },
            { "name": "https", "port": 443, "protocol": "TCP", "targetPort": 8443 },
            { "port": 9000 },
        ] }));
        let named = || Some(Target::Name("web".into()));
        assert_eq!(target(&web, &80.into()), named());
        assert_eq!(target(&web, &"http".into()), named());
        assert_eq!(target(&web, &443.into()), Some(Target::Number(8443)));
        assert_eq!(target(&web, &9000.into()), Some(Target::Number(9000)), "as the port itself");
        assert_eq!(target(&web, &8443.into()), None, "a port of the pods is none of the Service");
        assert_eq!(target(&web, &53.into()), None, "only TCP can be forwarded");
        let text = no_port(&web.reference(), &81.into(), &web).to_string();
        assert!(text.contains("no TCP port 81") && text.contains("80 (http), 443 (https), 9000"), "{text}");
    }

    #[test]
    fn a_named_port_is_that_of_the_pod() {
        let pod = Object::new(&ObjectRef::namespaced("v1", "Pod", "demo", "web-1")).with(
            "spec",
            json!({
                "containers": [
                    { "name": "no-ports" },
                    { "name": "main", "ports": [
                        { "name": "web", "containerPort": 53, "protocol": "UDP" },
                        { "name": "web", "containerPort": 8080 },
                    ] },
                ],
                "initContainers": [{ "name": "proxy", "ports": [{ "name": "side", "containerPort": 15_000 }] }],
            }),
        );
        assert_eq!(port_of(&pod, &Target::Name("web".into())), Some(8080));
        assert_eq!(port_of(&pod, &Target::Name("side".into())), Some(15_000));
        assert_eq!(port_of(&pod, &Target::Name("other".into())), None);
        assert_eq!(port_of(&pod, &Target::Number(1)), Some(1), "a number needs no container that names it");
    }

    #[test]
    fn what_selects_nothing_has_no_selector() {
        assert_eq!(selector(&service(json!({}))), None);
        assert_eq!(selector(&service(json!({ "selector": {} }))), None);
        let outside = json!({ "type": "ExternalName", "selector": { "app": "web" } });
        assert_eq!(selector(&service(outside)), None);
        let both = json!({ "selector": { "app": "web", "tier": "front" } });
        assert_eq!(selector(&service(both)).as_deref(), Some("app=web,tier=front"));
    }
}
