//! How Argo CD is reached from outside the cluster.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DNS_NAME, NAMESPACED_NAME};

/// How Argo CD is reached from outside the cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Expose {
    /// By which kind of object.
    pub via: Via,
    /// Host name under which Argo CD answers; by default any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DNS_NAME))]
    pub host: Option<String>,
    /// Settings of `via: istio`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub istio: Option<Istio>,
    /// Settings of `via: ingress`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// Settings of `via: gateway-api`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_api: Option<GatewayApi>,
    /// Settings of `via: service`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
}

/// By which kind of object Argo CD is exposed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// Not at all; a port-forward reaches it.
    #[default]
    None,
    /// A VirtualService at an Istio gateway.
    Istio,
    /// An Ingress.
    Ingress,
    /// An HTTPRoute at a Gateway.
    GatewayApi,
    /// Argo CD's own Service.
    Service,
}

/// Settings of `via: istio`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Istio {
    /// The Gateway, as `namespace/name`.
    #[schemars(extend("pattern" = NAMESPACED_NAME))]
    pub gateway: String,
    /// The Service of the ingress gateway, as `namespace/name`: its status carries the address.
    #[schemars(extend("pattern" = NAMESPACED_NAME))]
    pub service: String,
}

impl Default for Istio {
    fn default() -> Self {
        Self {
            gateway: "istio-system/seldon-gateway".into(),
            service: "istio-system/istio-ingressgateway".into(),
        }
    }
}

/// Settings of `via: ingress`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Ingress {
    /// `ingressClassName`; by default the cluster's default class.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub class_name: Option<String>,
    /// Secret in Argo CD's namespace with the certificate for `host`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("pattern" = DNS_NAME))]
    pub tls_secret: Option<String>,
    /// Further annotations, as the ingress controller wants them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Settings of `via: service`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Service {
    /// What Argo CD's Service becomes.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// Port of every node that leads to Argo CD; by default Kubernetes chooses one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub node_port: Option<u16>,
}

/// How a Service is reached from outside the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// By an address of its own.
    #[default]
    LoadBalancer,
    /// By a port of every node.
    NodePort,
}

/// Settings of `via: gateway-api`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GatewayApi {
    /// The Gateway, as `namespace/name`.
    #[schemars(extend("pattern" = NAMESPACED_NAME))]
    pub gateway: String,
    /// Listener of the Gateway; by default all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub section_name: Option<String>,
}
