//! The object that exposes Argo CD's server: VirtualService, Ingress, HTTPRoute, or fields of its own Service.

use serde_json::{Value, json};

use crate::MANAGER;
use crate::argocd::names::SERVER;
use crate::config::{ArgoCd, Config, GatewayApi, Ingress, Istio, Service, TlsTermination, Via};
use crate::object::{Object, ObjectRef};

/// The object that exposes Argo CD; `None` with `via: none`.
pub fn object(config: &Config) -> Option<Object> {
    let object = Object::new(&reference(config)?);
    let object = match config.expose.via {
        // Others made it.
        Via::Service => object,
        _ => object.with_label("app.kubernetes.io/managed-by", MANAGER),
    };
    let expose = &config.expose;
    let host = expose.host.as_deref();
    Some(match expose.via {
        Via::None => return None,
        Via::Istio => {
            let istio = expose.istio.clone().unwrap_or_default();
            object.with("spec", virtual_service(&istio, host, &config.argocd))
        }
        Via::Ingress => {
            let ingress = expose.ingress.clone().unwrap_or_default();
            let object = ingress
                .annotations
                .iter()
                .fold(object, |object, (key, value)| object.with_annotation(key, value));
            object.with("spec", ingress_spec(&ingress, host, &config.argocd))
        }
        Via::GatewayApi => {
            let gateway = expose.gateway_api.as_ref()?;
            object.with("spec", http_route(gateway, host, &config.argocd))
        }
        Via::Service => object.with("spec", service(expose.service.unwrap_or_default(), &config.argocd)),
    })
}

/// Names the object that exposes Argo CD; `None` with `via: none`.
pub fn reference(config: &Config) -> Option<ObjectRef> {
    let (api_version, kind) = match config.expose.via {
        Via::None => return None,
        // The guide's version of the API; every Istio since 1.0 serves it.
        Via::Istio => ("networking.istio.io/v1alpha3", "VirtualService"),
        Via::Ingress => ("networking.k8s.io/v1", "Ingress"),
        Via::GatewayApi => ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        Via::Service => ("v1", "Service"),
    };
    Some(ObjectRef::namespaced(api_version, kind, &config.argocd.namespace, SERVER))
}

/// Port of the Service `argocd-server` that the ingress layer talks to.
pub fn service_port(argocd: &ArgoCd) -> u16 {
    match argocd.tls_termination {
        TlsTermination::Ingress => 80,
        TlsTermination::Argocd => 443,
    }
}

/// Splits `namespace/name`.
pub fn namespaced_name(text: &str) -> (&str, &str) {
    text.split_once('/').unwrap_or(("default", text))
}

fn virtual_service(istio: &Istio, host: Option<&str>, argocd: &ArgoCd) -> Value {
    // A prefix without its slash would also match `/argocdelse`; the guide has it with the slash.
    let prefix = argocd.root_path().map_or("/".to_owned(), |path| format!("{path}/"));
    let mut matches = vec![json!({ "uri": { "prefix": prefix } })];
    if let Some(path) = argocd.root_path() {
        matches.push(json!({ "uri": { "exact": path } }));
    }
    json!({
        "gateways": [istio.gateway],
        "hosts": [host.unwrap_or("*")],
        "http": [{
            "match": matches,
            "route": [{ "destination": { "host": SERVER, "port": { "number": service_port(argocd) } } }],
        }],
    })
}

fn ingress_spec(ingress: &Ingress, host: Option<&str>, argocd: &ArgoCd) -> Value {
    let backend = json!({ "service": { "name": SERVER, "port": { "number": service_port(argocd) } } });
    let path = json!({ "path": argocd.root_path().unwrap_or("/"), "pathType": "Prefix", "backend": backend });
    let mut rule = json!({ "http": { "paths": [path] } });
    if let Some(host) = host {
        rule["host"] = json!(host);
    }
    let mut spec = json!({ "rules": [rule] });
    if let Some(class) = &ingress.class_name {
        spec["ingressClassName"] = json!(class);
    }
    if let (Some(secret), Some(host)) = (&ingress.tls_secret, host) {
        spec["tls"] = json!([{ "hosts": [host], "secretName": secret }]);
    }
    spec
}

/// What is not said stays as it is.
fn service(service: Service, argocd: &ArgoCd) -> Value {
    let mut spec = json!({ "type": service.kind });
    if let Some(node_port) = service.node_port {
        let port = service_port(argocd);
        // Port and protocol are by what the server knows it again.
        spec["ports"] = json!([{ "port": port, "protocol": "TCP", "nodePort": node_port }]);
    }
    spec
}

fn http_route(gateway: &GatewayApi, host: Option<&str>, argocd: &ArgoCd) -> Value {
    let (namespace, name) = namespaced_name(&gateway.gateway);
    let mut parent = json!({
        "group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": namespace, "name": name,
    });
    if let Some(section) = &gateway.section_name {
        parent["sectionName"] = json!(section);
    }
    let path = json!({ "type": "PathPrefix", "value": argocd.root_path().unwrap_or("/") });
    let backend =
        json!({ "group": "", "kind": "Service", "name": SERVER, "port": service_port(argocd), "weight": 1 });
    let mut spec = json!({
        "parentRefs": [parent],
        "rules": [{ "matches": [{ "path": path }], "backendRefs": [backend] }],
    });
    if let Some(host) = host {
        spec["hostnames"] = json!([host]);
    }
    spec
}
