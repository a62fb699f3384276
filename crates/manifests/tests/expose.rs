//! The objects that expose Argo CD, whole.

use std::collections::BTreeMap;

use insta::assert_snapshot;
use manifests::config::{
    Config, Expose, GatewayApi, Ingress, Istio, Service, ServiceType, TlsTermination, Via,
};
use manifests::{expose, yaml};
use serde_json::Value;

fn exposed(expose: Expose, change: impl FnOnce(&mut Config)) -> String {
    let mut config = Config { expose, ..Config::default() };
    change(&mut config);
    let object = expose::object(&config).expect("it is exposed");
    assert_eq!(Some(object.reference()), expose::reference(&config));
    yaml::to_string(&Value::from(object))
}

fn ingress() -> Expose {
    Expose { via: Via::Ingress, ..Expose::default() }
}

fn gateway() -> Expose {
    let gateway = GatewayApi { gateway: "edge/public".into(), section_name: None };
    Expose { via: Via::GatewayApi, gateway_api: Some(gateway), ..Expose::default() }
}

fn everything_set() -> Expose {
    let annotations = BTreeMap::from([("example.com/timeout".to_owned(), "60".to_owned())]);
    let ingress =
        Ingress { class_name: Some("nginx".into()), tls_secret: Some("argocd-tls".into()), annotations };
    Expose { host: Some("ml.acme.com".into()), ingress: Some(ingress), ..self::ingress() }
}

#[test]
fn no_object_where_nothing_is_exposed() {
    assert_eq!(expose::object(&Config::default()), None);
    assert_eq!(expose::reference(&Config::default()), None);
}

#[test]
fn a_service_is_changed_in_nothing_else() {
    let service = Service { kind: ServiceType::NodePort, node_port: Some(30080) };
    let expose = Expose { via: Via::Service, service: Some(service), ..Expose::default() };
    assert_snapshot!(exposed(expose.clone(), |_| {}), @r"
    apiVersion: v1
    kind: Service
    metadata:
      name: argocd-server
      namespace: argocd
    spec:
      ports:
      - nodePort: 30080
        port: 80
        protocol: TCP
      type: NodePort
    ");
    let inside = exposed(expose, |config| config.argocd.tls_termination = TlsTermination::Argocd);
    assert!(inside.contains("port: 443"), "{inside}");
}

#[test]
fn virtual_service_at_the_root_with_a_host_and_another_gateway() {
    let istio = Istio { gateway: "mesh/edge".into(), ..Istio::default() };
    let expose =
        Expose { via: Via::Istio, host: Some("ml.acme.com".into()), istio: Some(istio), ..Expose::default() };
    assert_snapshot!(exposed(expose, |config| config.argocd.root_path = "/".into()), @r"
    apiVersion: networking.istio.io/v1alpha3
    kind: VirtualService
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-server
      namespace: argocd
    spec:
      gateways:
      - mesh/edge
      hosts:
      - ml.acme.com
      http:
      - match:
        - uri:
            prefix: /
        route:
        - destination:
            host: argocd-server
            port:
              number: 80
    ");
}

#[test]
fn ingress_with_defaults() {
    assert_snapshot!(exposed(ingress(), |_| {}), @r"
    apiVersion: networking.k8s.io/v1
    kind: Ingress
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-server
      namespace: argocd
    spec:
      rules:
      - http:
          paths:
          - backend:
              service:
                name: argocd-server
                port:
                  number: 80
            path: /argocd
            pathType: Prefix
    ");
}

#[test]
fn ingress_with_everything_at_the_root() {
    let at_root = |config: &mut Config| {
        config.argocd.root_path = "/".into();
        config.argocd.namespace = "gitops".into();
        config.argocd.tls_termination = TlsTermination::Argocd;
    };
    assert_snapshot!(exposed(everything_set(), at_root), @r#"
    apiVersion: networking.k8s.io/v1
    kind: Ingress
    metadata:
      annotations:
        example.com/timeout: "60"
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-server
      namespace: gitops
    spec:
      ingressClassName: nginx
      rules:
      - host: ml.acme.com
        http:
          paths:
          - backend:
              service:
                name: argocd-server
                port:
                  number: 443
            path: /
            pathType: Prefix
      tls:
      - hosts:
        - ml.acme.com
        secretName: argocd-tls
    "#);
}

#[test]
fn http_route_with_defaults() {
    assert_snapshot!(exposed(gateway(), |_| {}), @r#"
    apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-server
      namespace: argocd
    spec:
      parentRefs:
      - group: gateway.networking.k8s.io
        kind: Gateway
        name: public
        namespace: edge
      rules:
      - backendRefs:
        - group: ""
          kind: Service
          name: argocd-server
          port: 80
          weight: 1
        matches:
        - path:
            type: PathPrefix
            value: /argocd
    "#);
}

#[test]
fn http_route_at_one_listener_with_a_host_at_the_root() {
    let mut expose = Expose { host: Some("ml.acme.com".into()), ..gateway() };
    expose.gateway_api.as_mut().unwrap().section_name = Some("https".into());
    let at_root = |config: &mut Config| {
        config.argocd.root_path = "/".into();
        config.argocd.tls_termination = TlsTermination::Argocd;
    };
    assert_snapshot!(exposed(expose, at_root), @r#"
    apiVersion: gateway.networking.k8s.io/v1
    kind: HTTPRoute
    metadata:
      labels:
        app.kubernetes.io/managed-by: gitops-setup
      name: argocd-server
      namespace: argocd
    spec:
      hostnames:
      - ml.acme.com
      parentRefs:
      - group: gateway.networking.k8s.io
        kind: Gateway
        name: public
        namespace: edge
        sectionName: https
      rules:
      - backendRefs:
        - group: ""
          kind: Service
          name: argocd-server
          port: 443
          weight: 1
        matches:
        - path:
            type: PathPrefix
            value: /
    "#);
}
