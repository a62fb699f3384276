//! A canary by Argo Rollouts: traffic by Istio, judged by Prometheus.

use serde_json::{Value, json};

use super::kserve::UTILIZATION;
use super::kustomize::PLACEHOLDER;
use super::{Model, Parts, Uri, config_name};
use crate::object::{Object, ObjectRef};

/// Label of the Pods of a model.
pub(super) const NAME_LABEL: &str = "app.kubernetes.io/name";
/// Name of the route whose weights Argo Rollouts sets.
const ROUTE: &str = "primary";
/// Share of requests that has to succeed.
const SUCCESS: f64 = 0.99;
/// Milliseconds within which 95 of 100 requests have to be answered.
const LATENCY: u32 = 500;

/// The Rollout and everything that it refers to.
pub(super) fn parts(model: &Model, prometheus: &str) -> Parts {
    let name = model.name.as_str();
    let pods = json!({ NAME_LABEL: name });
    let services = ["", "-stable", "-canary"].map(|suffix| service(&format!("{name}{suffix}"), &pods));
    let mut objects = vec![rollout(model, &pods)];
    objects.extend(services);
    objects.extend([
        virtual_service(name),
        success_rate(name, prometheus),
        latency(name, prometheus),
        autoscaler(model),
        disruption_budget(name, &pods),
    ]);
    let scaled = objects.len() - 2;
    Parts {
        objects,
        config: Some("spec/template/spec/containers/envFrom/configMapRef/name"),
        uri: Uri::Config,
        scaled: (scaled, "/spec/minReplicas", "/spec/maxReplicas"),
    }
}

fn named(api_version: &str, kind: &str, name: &str) -> Object {
    Object::new(&ObjectRef::cluster_scoped(api_version, kind, name))
}

/// Without `replicas`, which are the autoscaler's: Argo CD would set them back at every sync.
fn rollout(model: &Model, pods: &Value) -> Object {
    let name = model.name.as_str();
    let container = json!({
        "name": "model",
        "image": PLACEHOLDER,
        "envFrom": [{ "configMapRef": { "name": config_name(model) } }],
        "ports": [{ "name": "http", "containerPort": model.port(), "protocol": "TCP" }],
        "readinessProbe": { "tcpSocket": { "port": "http" } },
        "resources": model.resources(),
    });
    let minutes = |minutes: u8| json!({ "pause": { "duration": format!("{minutes}m") } });
    let weight = |percent: u8| json!({ "setWeight": percent });
    let analysis = |checks: &[&str]| {
        let templates: Vec<Value> =
            checks.iter().map(|check| json!({ "templateName": format!("{name}-{check}") })).collect();
        json!({ "analysis": {
            "templates": templates,
            "args": [
                { "name": "service-name", "value": format!("{name}-canary") },
                { "name": "namespace", "valueFrom": { "fieldRef": { "fieldPath": "metadata.namespace" } } },
            ],
        } })
    };
    let steps = json!([
        weight(10),
        minutes(5),
        analysis(&["success-rate"]),
        weight(30),
        minutes(10),
        analysis(&["latency"]),
        weight(50),
        minutes(10),
        analysis(&["success-rate", "latency"]),
    ]);
    let canary = json!({
        "canaryService": format!("{name}-canary"),
        "stableService": format!("{name}-stable"),
        "trafficRouting": { "istio": { "virtualService": { "name": name, "routes": [ROUTE] } } },
        "steps": steps,
    });
    let (api_version, kind) = model.runtime.kind();
    named(api_version, kind, name).with(
        "spec",
        json!({
            "revisionHistoryLimit": 3,
            "selector": { "matchLabels": pods },
            "template": { "metadata": { "labels": pods }, "spec": { "containers": [container] } },
            "strategy": { "canary": canary },
        }),
    )
}

fn service(name: &str, pods: &Value) -> Object {
    // Named http, so that Istio takes it for that.
    let port = json!({ "name": "http", "port": 80, "targetPort": "http", "protocol": "TCP" });
    named("v1", "Service", name).with("spec", json!({ "selector": pods, "ports": [port] }))
}

/// Who asks the Service of the model's name is sent to the stable or to the canary one.
fn virtual_service(name: &str) -> Object {
    let to = |suffix: &str, weight: u8| json!({ "destination": { "host": format!("{name}{suffix}") }, "weight": weight });
    let route = json!({ "name": ROUTE, "route": [to("-stable", 100), to("-canary", 0)] });
    named("networking.istio.io/v1beta1", "VirtualService", name)
        .with("spec", json!({ "hosts": [name], "http": [route] }))
}

fn success_rate(name: &str, prometheus: &str) -> Object {
    let of = |more: &str| format!("sum(rate(istio_requests_total{{{REQUESTS}{more}}}[5m]))");
    let query = format!("{}\n/\n{}\n", of(",response_code!~\"5.*\""), of(""));
    let good = format!("result[0] >= {SUCCESS}");
    template(name, "success-rate", prometheus, &query, &good)
}

fn latency(name: &str, prometheus: &str) -> Object {
    let buckets = format!("sum(rate(istio_request_duration_milliseconds_bucket{{{REQUESTS}}}[5m])) by (le)");
    let query = format!("histogram_quantile(0.95,\n  {buckets}\n)\n");
    template(name, "latency", prometheus, &query, &format!("result[0] <= {LATENCY}"))
}

/// What reached the canary, as those saw it who asked: what never got an answer counts too.
const REQUESTS: &str = "reporter=\"source\",destination_service_name=\"{{args.service-name}}\",destination_service_namespace=\"{{args.namespace}}\"";

/// Where nothing is measured, because nobody asked or Prometheus does not know the Service, the result is neither good
/// nor bad: with both conditions given, Argo Rollouts calls that inconclusive and pauses for somebody to decide. With
/// one condition it would be a failure, or, negated, pass.
fn template(name: &str, check: &str, prometheus: &str, query: &str, good: &str) -> Object {
    let measured = "len(result) > 0 && !isNaN(result[0])";
    let metric = json!({
        "name": check,
        "interval": "1m",
        "count": 5,
        "successCondition": format!("{measured} && {good}"),
        "failureCondition": format!("{measured} && !({good})"),
        "failureLimit": 1,
        "inconclusiveLimit": 2,
        "provider": { "prometheus": { "address": prometheus, "query": query } },
    });
    named("argoproj.io/v1alpha1", "AnalysisTemplate", &format!("{name}-{check}")).with(
        "spec",
        json!({ "args": [{ "name": "service-name" }, { "name": "namespace" }], "metrics": [metric] }),
    )
}

fn autoscaler(model: &Model) -> Object {
    let (api_version, kind) = model.runtime.kind();
    let cpu =
        json!({ "name": "cpu", "target": { "type": "Utilization", "averageUtilization": UTILIZATION } });
    named("autoscaling/v2", "HorizontalPodAutoscaler", &model.name).with(
        "spec",
        json!({
            "scaleTargetRef": { "apiVersion": api_version, "kind": kind, "name": model.name },
            "metrics": [{ "type": "Resource", "resource": cpu }],
        }),
    )
}

/// One Pod at a time may go when nodes are drained; with `minAvailable`, a model with one replica would hold up every
/// drain.
pub(super) fn disruption_budget(name: &str, pods: &Value) -> Object {
    named("policy/v1", "PodDisruptionBudget", name)
        .with("spec", json!({ "maxUnavailable": 1, "selector": { "matchLabels": pods } }))
}
