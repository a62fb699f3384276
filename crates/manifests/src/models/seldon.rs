//! Seldon Core's SeldonDeployment and Seldon Core 2's Model.

use serde_json::json;

use super::kserve::UTILIZATION;
use super::kustomize::PLACEHOLDER;
use super::{Model, Parts, Uri, config_name, rollout};
use crate::object::{Object, ObjectRef};

/// What a model was trained with, the server of Seldon Core that fits, and the protocol that it is asked by where that
/// is not Seldon's own. From Seldon Core's pages on Triton and HuggingFace, and its
/// `operator/controllers/seldondeployment_prepackaged_servers.go`: with Seldon's own protocol, TensorFlow's container of
/// the node is a proxy, whose image is replaced and which has no use for a GPU.
const SERVERS: [(&str, &str, Option<&str>); 6] = [
    ("huggingface", "HUGGINGFACE_SERVER", Some("v2")),
    ("mlflow", "MLFLOW_SERVER", None),
    ("sklearn", "SKLEARN_SERVER", None),
    ("tensorflow", "TENSORFLOW_SERVER", Some("tensorflow")),
    ("triton", "TRITON_SERVER", Some("v2")),
    ("xgboost", "XGBOOST_SERVER", None),
];
/// Name of the one node of the graph, and of its container.
const NODE: &str = "model";

/// Whether there is a server for what a model was trained with.
pub(super) fn serves(format: &str) -> bool {
    SERVERS.iter().any(|(name, ..)| *name == format)
}

/// Everything that there is a server for.
pub(super) fn formats() -> String {
    SERVERS.map(|(name, ..)| name).join(", ")
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
    let served = SERVERS.iter().find(|(name, ..)| Some(*name) == model.format.as_deref());
    let predictor = json!({
        "name": "default",
        "graph": { "name": NODE, "implementation": served.map(|(_, server, _)| server) },
        "componentSpecs": [{
            "spec": { "containers": [container] },
            "hpaSpec": { "metricsv2": [{ "type": "Resource", "resource": cpu }] },
        }],
    });
    let (api_version, kind) = model.runtime.kind();
    let mut spec = json!({ "predictors": [predictor] });
    if let Some((_, _, Some(protocol))) = served {
        spec["protocol"] = json!(protocol);
    }
    let object = Object::new(&ObjectRef::cluster_scoped(api_version, kind, &model.name)).with("spec", spec);
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
