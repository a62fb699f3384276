//! KServe's InferenceService.

use serde_json::{Value, json};

use super::kustomize::PLACEHOLDER;
use super::{Model, Parts, Uri, config_name, rollout};
use crate::object::{Object, ObjectRef};

/// CPU of all replicas, in percent of what they request, that is kept to.
pub(super) const UTILIZATION: u8 = 80;

/// The InferenceService, run by a Deployment, and a disruption budget for its Pods.
///
/// KServe makes the HorizontalPodAutoscaler itself, from what the InferenceService says: a second one for the same
/// Deployment would fight with it, and without Deployments (Knative) there is nothing that one could scale.
pub(super) fn parts(model: &Model) -> Parts {
    let from = json!([{ "configMapRef": { "name": config_name(model) } }]);
    let (mut predictor, config, uri) = match &model.image {
        None => {
            let served = json!({
                "modelFormat": { "name": model.format },
                "envFrom": from,
                "resources": model.resources(),
            });
            (
                json!({ "model": served }),
                "spec/predictor/model/envFrom/configMapRef/name",
                "/spec/predictor/model/storageUri",
            )
        }
        Some(_) => {
            // KServe fetches the model to /mnt/models for a container of this name that has this variable.
            let container = json!({
                "name": "kserve-container",
                "image": PLACEHOLDER,
                "env": [{ "name": super::STORAGE_URI, "value": "" }],
                "envFrom": from,
                "ports": [{ "containerPort": model.port(), "protocol": "TCP" }],
                "resources": model.resources(),
            });
            (
                json!({ "containers": [container] }),
                "spec/predictor/containers/envFrom/configMapRef/name",
                "/spec/predictor/containers/0/env/0/value",
            )
        }
    };
    predictor["scaleMetric"] = json!("cpu");
    predictor["scaleTarget"] = json!(UTILIZATION);
    let (api_version, kind) = model.runtime.kind();
    let service = Object::new(&ObjectRef::cluster_scoped(api_version, kind, &model.name))
        .with_annotation("serving.kserve.io/deploymentMode", "RawDeployment")
        .with_annotation("serving.kserve.io/autoscalerClass", "hpa")
        .with("spec", json!({ "predictor": predictor }));
    let pods: Value = json!({ "serving.kserve.io/inferenceservice": model.name, "component": "predictor" });
    Parts {
        objects: vec![service, rollout::disruption_budget(&model.name, &pods)],
        config: Some(config),
        uri: Uri::At(uri),
        scaled: (0, "/spec/predictor/minReplicas", "/spec/predictor/maxReplicas"),
    }
}
