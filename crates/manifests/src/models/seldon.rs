//! Seldon Core's SeldonDeployment and Seldon Core 2's Model.

use serde_json::json;

use super::kserve::UTILIZATION;
use super::kustomize::PLACEHOLDER;
use super::{Model, Parts, Uri, config_name, rollout};
use crate::object::{Object, ObjectRef};

/// What a model was trained with, and the server of Seldon Core that fits.
const SERVERS: [(&str, &str); 6] = [
    ("huggingface", "HUGGINGFACE_SERVER"),
    ("mlflow", "MLFLOW_SERVER"),
    ("sklearn", "SKLEARN_SERVER"),
    ("tensorflow", "TENSORFLOW_SERVER"),
    ("triton", "TRITON_SERVER"),
    ("xgboost", "XGBOOST_SERVER"),
];
/// Name of the one node of the graph, and of its container.
const NODE: &str = "model";

/// The server for what a model was trained with.
pub(super) fn server(format: &str) -> Option<&'static str> {
    SERVERS.iter().find(|(name, _)| *name == format).map(|(_, server)| *server)
}

/// Everything that there is a server for.
pub(super) fn formats() -> String {
    SERVERS.map(|(name, _)| name).join(", ")
}

/// The SeldonDeployment, which brings its own HorizontalPodAutoscaler, and a disruption budget for its Pods.
pub(super) fn deployment(model: &Model) -> Parts {
    let mut container = json!({
        "name": NODE,
        "envFrom": [{ "configMapRef": { "name": config_name(model) } }],
        "resources": model.resources(),
    });
    if model.image.is_some() {
        container["image"] = json!(PLACEHOLDER);
    }
    let cpu =
        json!({ "name": "cpu", "target": { "type": "Utilization", "averageUtilization": UTILIZATION } });
    let predictor = json!({
        "name": "default",
        "graph": { "name": NODE, "implementation": model.format.as_deref().and_then(server) },
        "componentSpecs": [{
            "spec": { "containers": [container] },
            "hpaSpec": { "metricsv2": [{ "type": "Resource", "resource": cpu }] },
        }],
    });
    let (api_version, kind) = model.runtime.kind();
    let object = Object::new(&ObjectRef::cluster_scoped(api_version, kind, &model.name))
        .with("spec", json!({ "predictors": [predictor] }));
    let pods = json!({ "seldon-deployment-id": model.name });
    Parts {
        objects: vec![object, rollout::disruption_budget(&model.name, &pods)],
        config: Some("spec/predictors/componentSpecs/spec/containers/envFrom/configMapRef/name"),
        uri: Uri::At("/spec/predictors/0/graph/modelUri"),
        scaled: (
            0,
            "/spec/predictors/0/componentSpecs/0/hpaSpec/minReplicas",
            "/spec/predictors/0/componentSpecs/0/hpaSpec/maxReplicas",
        ),
    }
}

/// The Model. It has no Pods of its own: servers that it shares with others load it, and Seldon Core 2 scales it
/// between the two numbers by itself.
pub(super) fn model(model: &Model) -> Parts {
    let mut spec = json!({ "requirements": [model.format] });
    if let Some(memory) = &model.memory {
        spec["memory"] = json!(memory);
    }
    let (api_version, kind) = model.runtime.kind();
    let object = Object::new(&ObjectRef::cluster_scoped(api_version, kind, &model.name)).with("spec", spec);
    Parts {
        objects: vec![object],
        config: None,
        uri: Uri::At("/spec/storageUri"),
        scaled: (0, "/spec/minReplicas", "/spec/maxReplicas"),
    }
}
