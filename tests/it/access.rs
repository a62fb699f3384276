//! The address of Argo CD, for each way of exposing it: what a load balancer, a gateway's controller or a node would
//! write is written by the test, and a real API server tells it.

use serde_json::{Value, json};
use support::{Api, ArgoCd, Sandbox, define_kind, set_status, with_a_real_node};

use crate::PROGRAM;

const SERVICE: &str = "/api/v1/namespaces/argocd/services/argocd-server";
const INGRESS: &str = "/apis/networking.k8s.io/v1/namespaces/argocd/ingresses/argocd-server";
const ISTIO: &str = "/apis/networking.istio.io/v1alpha3/namespaces/istio-system/gateways";
const GATEWAYS: &str = "/apis/gateway.networking.k8s.io/v1/namespaces/gateways/gateways";

fn config(sandbox: &Sandbox, expose: Value, argocd: Value) {
    let mut config = json!({
        "argocd": { "manifest": "bundled" },
        "expose": expose,
        "git": { "url": "https://git.example/ml/gitops" },
    });
    config["argocd"].as_object_mut().expect("a map").extend(argocd.as_object().expect("a map").clone());
    sandbox.write("gitops.yaml", &config.to_string());
}

fn namespace(api: &Api, name: &str) {
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    api.create("/api/v1/namespaces", &object);
}

fn balanced(entry: Value) -> Value {
    json!({ "loadBalancer": { "ingress": [entry] } })
}

#[track_caller]
fn status_says(sandbox: &Sandbox, address: &str) {
    sandbox.run(&["status"]).exits(0).says(&format!("Argo CD: {address}"));
}

/// One cluster for all of it.
#[test]
fn the_address_is_found_for_each_way_of_exposing() {
    let Some(sandbox) = Sandbox::with_cluster(PROGRAM) else { return };
    config(&sandbox, json!({}), json!({}));
    sandbox.run(&["setup", "--only", "cluster,install-argocd,tls-termination,root-path"]).exits(0);
    sandbox
        .run(&["status"])
        .says("Argo CD: no address: Argo CD and ingress controllers don't run on simulated nodes");
    with_a_real_node(&sandbox);
    let api = sandbox.api();
    by_service(&sandbox, &api);
    by_node_port(&sandbox, &api);
    by_node_port_on_kind(&sandbox, &api);
    by_service_that_setup_opens(&sandbox, &api);
    by_ingress(&sandbox, &api);
    by_istio(&sandbox, &api);
    by_gateway(&sandbox, &api);
}

/// `expose.via: none`: Argo CD's own Service, as somebody has changed it.
fn by_service(sandbox: &Sandbox, api: &Api) {
    status_says(sandbox, "http://localhost:8080/argocd/ after: cargo xtask argocd port-forward");
    api.patch("tests", SERVICE, &json!([{ "op": "replace", "path": "/spec/type", "value": "LoadBalancer" }]));
    // Nobody says where it is.
    status_says(sandbox, "http://localhost:8080/argocd/ after: cargo xtask argocd port-forward");
    set_status(api, SERVICE, &balanced(json!({ "hostname": "lb.example.com" })));
    status_says(sandbox, "http://lb.example.com/argocd/");
    set_status(api, SERVICE, &balanced(json!({ "hostname": "lb.example.com", "ip": "192.0.2.1" })));
    status_says(sandbox, "http://192.0.2.1/argocd/");
    config(sandbox, json!({}), json!({ "rootPath": "/", "tlsTermination": "argocd" }));
    status_says(sandbox, "https://192.0.2.1/");
}

/// A port of every node, as on kind.
fn by_node_port(sandbox: &Sandbox, api: &Api) {
    api.patch("tests", SERVICE, &json!([{ "op": "replace", "path": "/spec/type", "value": "NodePort" }]));
    let addresses = json!([
        { "type": "Hostname", "address": "real" },
        { "type": "InternalIP", "address": "192.0.2.9" },
    ]);
    let ready = json!([{ "type": "Ready", "status": "True", "reason": "KubeletReady" }]);
    set_status(api, "/api/v1/nodes/real", &json!({ "addresses": addresses, "conditions": ready }));
    config(sandbox, json!({}), json!({}));
    status_says(sandbox, &format!("http://192.0.2.9:{}/argocd/", node_port(api, 80)));
    config(sandbox, json!({ "host": "gitops.example.com" }), json!({ "tlsTermination": "argocd" }));
    status_says(sandbox, &format!("https://gitops.example.com:{}/argocd/", node_port(api, 443)));
}

/// A load balancer that nobody gives an address, which is usual on kind.
fn by_node_port_on_kind(sandbox: &Sandbox, api: &Api) {
    api.patch("tests", SERVICE, &json!([{ "op": "replace", "path": "/spec/type", "value": "LoadBalancer" }]));
    set_status(api, SERVICE, &json!({ "loadBalancer": {} }));
    config(sandbox, json!({}), json!({}));
    status_says(sandbox, "http://localhost:8080/argocd/ after: cargo xtask argocd port-forward");
    let id = json!([{ "op": "add", "path": "/spec/providerID", "value": "kind://docker/test/real" }]);
    api.patch("tests", "/api/v1/nodes/real", &id);
    status_says(sandbox, &format!("http://192.0.2.9:{}/argocd/", node_port(api, 80)));
    api.patch("tests", SERVICE, &json!([{ "op": "replace", "path": "/spec/type", "value": "ClusterIP" }]));
}

/// What `setup` makes of Argo CD's Service, and only once.
fn by_service_that_setup_opens(sandbox: &Sandbox, api: &Api) {
    let service = json!({ "type": "NodePort", "nodePort": 30080 });
    let exposed = json!({ "via": "service", "service": service });
    config(sandbox, exposed.clone(), json!({ "tlsTermination": "argocd" }));
    // Somebody has set the type before.
    sandbox.run(&["setup", "--only", "expose"]).exits(4).says("spec.type is set by \"tests\"");
    sandbox.run(&["setup", "--only", "expose", "--force-conflicts"]).exits(0);
    assert_eq!(node_port(api, 443), 30080);
    status_says(sandbox, "https://192.0.2.9:30080/argocd/");
    let audit = sandbox.audit();
    sandbox.run(&["setup", "--only", "expose"]).exits(0).says("Nothing changed");
    audit.has_no_writes();
    config(sandbox, exposed, json!({}));
    sandbox.run(&["setup", "--only", "expose"]).exits(0);
    assert_eq!(node_port(api, 80), 30080, "it moves along with whoever ends TLS");
    config(sandbox, json!({ "via": "service" }), json!({}));
    sandbox.run(&["setup", "--only", "expose"]).exits(0);
    assert_eq!(api.get(SERVICE)["spec"]["type"], "LoadBalancer");
}

fn node_port(api: &Api, number: u16) -> Value {
    let service = api.get(SERVICE);
    let ports = service["spec"]["ports"].as_array().expect("ports");
    ports.iter().find(|port| port["port"] == number).expect("it has it")["nodePort"].clone()
}

fn by_ingress(sandbox: &Sandbox, api: &Api) {
    let host = "gitops.example.com";
    config(sandbox, json!({ "via": "ingress" }), json!({}));
    sandbox.run(&["setup", "--only", "expose"]).exits(0);
    set_status(api, INGRESS, &balanced(json!({ "ip": "2001:db8::1" })));
    status_says(sandbox, "http://[2001:db8::1]/argocd/");
    let ingress = json!({ "via": "ingress", "host": host, "ingress": { "tlsSecret": "gitops-tls" } });
    config(sandbox, ingress, json!({}));
    sandbox.run(&["setup", "--only", "expose"]).exits(0);
    status_says(sandbox, "https://gitops.example.com/argocd/");
}

fn by_istio(sandbox: &Sandbox, api: &Api) {
    define_kind(api, "networking.istio.io", "v1alpha3", "Gateway");
    define_kind(api, "networking.istio.io", "v1alpha3", "VirtualService");
    namespace(api, "istio-system");
    config(sandbox, json!({ "via": "istio" }), json!({}));
    sandbox.run(&["setup", "--only", "expose"]).exits(0).says("seldon-gateway in istio-system is not there");
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "istio-ingressgateway" },
        "spec": { "type": "LoadBalancer", "ports": [
            { "name": "http2", "port": 80, "targetPort": 8080 },
            { "name": "https", "port": 443, "targetPort": 8443 },
        ] },
    });
    api.create("/api/v1/namespaces/istio-system/services", &service);
    let path = "/api/v1/namespaces/istio-system/services/istio-ingressgateway";
    set_status(api, path, &balanced(json!({ "ip": "192.0.2.2" })));
    status_says(sandbox, "http://192.0.2.2/argocd/");
    let server = |number: u16, protocol: &str, tls: Value| json!({ "port": { "number": number, "name": protocol, "protocol": protocol }, "hosts": ["*"], "tls": tls });
    let gateway = json!({
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "Gateway",
        "metadata": { "name": "seldon-gateway" },
        "spec": { "servers": [
            server(8080, "HTTP", json!({ "httpsRedirect": true })),
            server(8443, "HTTPS", json!({ "mode": "SIMPLE", "credentialName": "c" })),
        ] },
    });
    api.create(ISTIO, &gateway);
    status_says(sandbox, "https://192.0.2.2/argocd/");
}

/// Waits for the controller; then goes there, and finds Argo CD.
fn by_gateway(sandbox: &Sandbox, api: &Api) {
    define_kind(api, "gateway.networking.k8s.io", "v1", "Gateway");
    define_kind(api, "gateway.networking.k8s.io", "v1", "HTTPRoute");
    namespace(api, "gateways");
    let argocd = ArgoCd::start("/argocd", "unused");
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": { "name": "public" },
        "spec": { "listeners": [
            { "name": "plain", "protocol": "HTTP", "port": argocd.address.port() },
            { "name": "private", "protocol": "HTTPS", "port": argocd.address.port() },
            { "name": "secure", "protocol": "HTTPS", "port": 443, "hostname": "gitops.example.com" },
        ] },
    });
    api.create(GATEWAYS, &gateway);
    let path = format!("{GATEWAYS}/public");
    let by = |section: &str| {
        config(
            sandbox,
            json!({ "via": "gateway-api", "gatewayApi": { "gateway": "gateways/public", "sectionName": section } }),
            json!({}),
        );
    };
    by("plain");
    let mut setup = sandbox.start(&["setup", "--only", "expose,access", "--output", "json"]);
    let waits = "waiting: Gateway/public in gateways has no address yet";
    assert!(setup.reads_until(|line| line.contains(waits)), "it says what it waits for");
    let addresses = json!([
        { "type": "Hostname", "value": "lb.example.com" },
        { "type": "IPAddress", "value": "127.0.0.1" },
    ]);
    set_status(api, &path, &json!({ "addresses": addresses }));
    let outcome = setup.wait();
    outcome.exits(0);
    let address = format!("http://{}/argocd/", argocd.address);
    let finished = outcome.events_of("finished");
    assert_eq!(finished[0]["facts"]["argo cd"], address.as_str(), "{finished:?}");
    assert_eq!(finished[0]["notVerified"], json!([]), "it was reached there");
    assert_eq!(argocd.asked(), ["GET /argocd/api/version"]);
    sandbox.run(&["argocd", "open"]).exits(0).says(&address);
    by("private");
    // It is Argo CD there, as far as can be told without knowing its certificate's authority.
    let outcome = sandbox.run(&["setup", "--only", "expose,access"]);
    outcome
        .exits(0)
        .says(&format!("https://{}/argocd/ can't be trusted", argocd.address))
        .says("by port-forward:");
    by("secure");
    status_says(sandbox, "https://gitops.example.com/argocd/");
}
