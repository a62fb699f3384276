//! What stands in front of Argo CD: who ends TLS, at which port, under which name.

use manifests::config::{Config, TlsTermination, Via};
use manifests::{Object, ObjectRef, expose};
use serde_json::Value;

/// How the outermost layer is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Front {
    /// By TLS.
    pub(super) secure: bool,
    pub(super) port: u16,
    /// The only name that it answers to, where it says so.
    pub(super) host: Option<String>,
}

/// The Gateway of Istio, which knows more than the Service that announces the address.
pub(super) fn istio_gateway(config: &Config) -> Option<ObjectRef> {
    if config.expose.via != Via::Istio {
        return None;
    }
    let istio = config.expose.istio.clone().unwrap_or_default();
    let (namespace, name) = expose::namespaced_name(&istio.gateway);
    Some(ObjectRef::namespaced("networking.istio.io/v1alpha3", "Gateway", namespace, name))
}

impl Front {
    /// As the object in front says: a Gateway of either kind, an Ingress, or Argo CD's own Service.
    pub(super) fn of(config: &Config, live: &Object) -> Self {
        let host = config.expose.host.as_deref();
        let ended_inside = config.argocd.tls_termination == TlsTermination::Argocd;
        let found = match (config.expose.via, live.kind()) {
            (Via::Istio, "Gateway") => best(live.list("/spec/servers"), |server| istio_server(server, host)),
            (Via::GatewayApi, "Gateway") => {
                let section = config.expose.gateway_api.as_ref().and_then(|api| api.section_name.as_deref());
                best(live.list("/spec/listeners"), |listener| gateway_listener(listener, section, host))
            }
            (Via::Ingress, _) => Some(Self::usual(ended_inside || ends_tls(live, host))),
            _ => None,
        };
        found.unwrap_or_else(|| Self::usual(ended_inside))
    }

    fn usual(secure: bool) -> Self {
        Self { secure, port: if secure { 443 } else { 80 }, host: None }
    }
}

/// One with TLS where there is one: the other is most often there to redirect.
fn best(entries: &[Value], front: impl Fn(&Value) -> Option<Front>) -> Option<Front> {
    let fronts: Vec<Front> = entries.iter().filter_map(front).collect();
    let secure = fronts.iter().find(|front| front.secure);
    secure.or(fronts.first()).cloned()
}

fn number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|number| u16::try_from(number).ok())
}

fn istio_server(server: &Value, host: Option<&str>) -> Option<Front> {
    let protocol = server["port"]["protocol"].as_str().unwrap_or_default().to_ascii_uppercase();
    let mode = server["tls"]["mode"].as_str();
    let secure = match protocol.as_str() {
        "HTTPS" | "TLS" => true,
        // Web traffic goes through no other kind of server.
        "HTTP" | "HTTP2" | "GRPC" => mode.is_some(),
        _ => return None,
    };
    // `namespace/name` says which namespaces may use the name.
    let own = server["hosts"].as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(Value::as_str);
    let own: Vec<&str> = own.map(|name| name.rsplit('/').next().unwrap_or(name)).collect();
    named(&own, host).map(|host| Front {
        secure,
        port: number(&server["port"]["number"]).unwrap_or(80),
        host,
    })
}

fn gateway_listener(listener: &Value, section: Option<&str>, host: Option<&str>) -> Option<Front> {
    if section.is_some_and(|section| listener["name"] != section) {
        return None;
    }
    let secure = match listener["protocol"].as_str()? {
        "HTTPS" | "TLS" => true,
        "HTTP" => false,
        _ => return None,
    };
    let own: Vec<&str> = listener["hostname"].as_str().filter(|name| !name.is_empty()).into_iter().collect();
    named(&own, host).map(|host| Front { secure, port: number(&listener["port"]).unwrap_or(80), host })
}

/// The one name that a listener answers to, if it has only one; `None` where it doesn't answer to `host`.
fn named(own: &[&str], host: Option<&str>) -> Option<Option<String>> {
    match (own, host) {
        ([], _) => Some(None),
        (own, Some(host)) => own.iter().any(|own| covers(own, host)).then_some(None),
        ([own], None) if !own.contains('*') => Some(Some((*own).to_owned())),
        (_, None) => Some(None),
    }
}

fn covers(own: &str, host: &str) -> bool {
    match own.strip_prefix('*') {
        Some(end) => host.ends_with(end),
        None => own.eq_ignore_ascii_case(host),
    }
}

/// Whether an Ingress has a certificate for the host, or for any.
fn ends_tls(ingress: &Object, host: Option<&str>) -> bool {
    ingress.list("/spec/tls").iter().any(|tls| {
        let hosts: Vec<&str> =
            tls["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        hosts.is_empty() || host.is_none_or(|host| hosts.iter().any(|own| covers(own, host)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(expose: Value) -> Config {
        serde_json::from_value(json!({ "expose": expose })).expect("a configuration")
    }

    fn gateway(spec: Value) -> Object {
        Object::new(&ObjectRef::namespaced("x/v1", "Gateway", "n", "g")).with("spec", spec)
    }

    fn front(secure: bool, port: u16, host: Option<&str>) -> Front {
        Front { secure, port, host: host.map(str::to_owned) }
    }

    #[test]
    fn istio_ends_tls_where_a_server_says_so() {
        let istio = config(json!({ "via": "istio" }));
        let server = |protocol: &str, port: u16, tls: Value, hosts: Value| json!({ "port": { "number": port, "name": "n", "protocol": protocol }, "tls": tls, "hosts": hosts });
        let plain = server("HTTP", 80, Value::Null, json!(["*"]));
        let redirecting = server("HTTP", 80, json!({ "httpsRedirect": true }), json!(["*"]));
        let simple = server("HTTPS", 8443, json!({ "mode": "SIMPLE" }), json!(["ns/gitops.example.com"]));
        let raw = server("TCP", 5432, Value::Null, json!(["*"]));
        let of = |config: &Config, servers: Value| Front::of(config, &gateway(json!({ "servers": servers })));
        assert_eq!(of(&istio, json!([raw, plain])), front(false, 80, None));
        let both = json!([redirecting, simple]);
        assert_eq!(of(&istio, both.clone()), front(true, 8443, Some("gitops.example.com")));
        let other = config(json!({ "via": "istio", "host": "other.example.com" }));
        assert_eq!(of(&other, both), front(false, 80, None));
        let passing = server("TLS", 443, json!({ "mode": "PASSTHROUGH" }), json!(["*.example.com"]));
        assert_eq!(of(&other, json!([passing])), front(true, 443, None));
    }

    #[test]
    fn a_listener_is_chosen_by_section_and_name() {
        let api = |more: Value| {
            let mut expose = json!({ "via": "gateway-api", "gatewayApi": { "gateway": "n/g" } });
            expose["gatewayApi"]
                .as_object_mut()
                .expect("a map")
                .extend(more.as_object().expect("a map").clone());
            config(expose)
        };
        let listeners = gateway(json!({ "listeners": [
            { "name": "web", "port": 8080, "protocol": "HTTP" },
            { "name": "tls", "port": 443, "protocol": "HTTPS", "hostname": "gitops.example.com" },
            { "name": "udp", "port": 53, "protocol": "UDP" },
        ] }));
        assert_eq!(Front::of(&api(json!({})), &listeners), front(true, 443, Some("gitops.example.com")));
        assert_eq!(Front::of(&api(json!({ "sectionName": "web" })), &listeners), front(false, 8080, None));
    }

    #[test]
    fn an_ingress_ends_tls_for_its_hosts() {
        let ingress = |tls: Value| {
            Object::new(&ObjectRef::namespaced("networking.k8s.io/v1", "Ingress", "argocd", "argocd-server"))
                .with("spec", json!({ "tls": tls }))
        };
        let named = config(json!({ "via": "ingress", "host": "gitops.example.com" }));
        let covered = json!([{ "hosts": ["*.example.com"], "secretName": "s" }]);
        assert_eq!(Front::of(&named, &ingress(covered)), front(true, 443, None));
        let other = json!([{ "hosts": ["other.example.com"], "secretName": "s" }]);
        assert_eq!(Front::of(&named, &ingress(other)), front(false, 80, None));
        assert_eq!(Front::of(&named, &ingress(Value::Null)), front(false, 80, None));
    }

    #[test]
    fn argo_cd_itself_ends_tls_where_it_is_told_to() {
        let mut config = config(json!({}));
        let service = Object::new(&ObjectRef::namespaced("v1", "Service", "argocd", "argocd-server"));
        assert_eq!(Front::of(&config, &service), front(false, 80, None));
        config.argocd.tls_termination = TlsTermination::Argocd;
        assert_eq!(Front::of(&config, &service), front(true, 443, None));
    }
}
