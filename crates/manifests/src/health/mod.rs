//! Health checks in Lua for kinds that Argo CD knows nothing of, and how Argo CD is told of them.
//!
//! Argo CD runs each file alone: base and `table` are all it has (no `string`, no `math`), `obj` is the object, one
//! second is the limit. That is why small functions are in several files. A status that is missing or is nothing
//! that can be read is never an error: Argo CD would take the whole Application's comparison for failed.

mod customizations;

use serde_json::{Map, Value, json};

use crate::config::{Config, HealthKind};
use crate::object::Object;

pub use customizations::{CUSTOMIZATIONS_KEY, NotAMap, merged};

/// First line of every check in the cluster. By it later runs know their own.
pub const MARK: &str = "-- Health check by gitops-setup. Without this line, it stays as you change it.";

/// A health check for one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// API group of the kind.
    pub group: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// Where the fields and words of its status are from.
    pub source: &'static str,
    lua: &'static str,
}

/// The kinds that `healthChecks.kinds` chooses from, in the order of their groups.
pub const CHECKS: &[HealthCheck] = &[
    HealthCheck {
        group: "argoproj.io",
        kind: "Application",
        source: "argo-cd v2.14.15: pkg/apis/application/v1alpha1/types.go",
        lua: include_str!("lua/argoproj.io_Application.lua"),
    },
    job("MPIJob"),
    job("PyTorchJob"),
    job("TFJob"),
    HealthCheck {
        group: "machinelearning.seldon.io",
        kind: "SeldonDeployment",
        source: "seldon-core v1: operator/apis/machinelearning.seldon.io/v1/seldon_deployment_status.go",
        lua: include_str!("lua/machinelearning.seldon.io_SeldonDeployment.lua"),
    },
    HealthCheck {
        group: "mlops.seldon.io",
        kind: "Experiment",
        source: "seldon-core v2: operator/scheduler/experiment.go",
        lua: include_str!("lua/mlops.seldon.io_Experiment.lua"),
    },
    HealthCheck {
        group: "mlops.seldon.io",
        kind: "Model",
        source: "seldon-core v2: operator/scheduler/model.go",
        lua: include_str!("lua/mlops.seldon.io_Model.lua"),
    },
    HealthCheck {
        group: "mlops.seldon.io",
        kind: "Pipeline",
        source: "seldon-core v2: operator/scheduler/pipeline.go",
        lua: include_str!("lua/mlops.seldon.io_Pipeline.lua"),
    },
    HealthCheck {
        group: "mlops.seldon.io",
        kind: "Server",
        source: "seldon-core v2: operator/controllers/reconcilers/server/statefulset_reconciler.go",
        lua: include_str!("lua/mlops.seldon.io_Server.lua"),
    },
    HealthCheck {
        group: "ray.io",
        kind: "RayCluster",
        source: "kuberay v1.5.1: ray-operator/apis/ray/v1/raycluster_types.go",
        lua: include_str!("lua/ray.io_RayCluster.lua"),
    },
    HealthCheck {
        group: "ray.io",
        kind: "RayJob",
        source: "kuberay v1.5.1: ray-operator/apis/ray/v1/rayjob_types.go",
        lua: include_str!("lua/ray.io_RayJob.lua"),
    },
    HealthCheck {
        group: "ray.io",
        kind: "RayService",
        source: "kuberay v1.5.1: ray-operator/apis/ray/v1/rayservice_types.go",
        lua: include_str!("lua/ray.io_RayService.lua"),
    },
    HealthCheck {
        group: "serving.kserve.io",
        kind: "InferenceGraph",
        source: "kserve v0.15.2: pkg/controller/v1alpha1/inferencegraph/controller.go",
        lua: include_str!("lua/serving.kserve.io_InferenceGraph.lua"),
    },
    HealthCheck {
        group: "serving.kserve.io",
        kind: "ServingRuntime",
        source: "kserve v0.15.2: pkg/apis/serving/v1alpha1/servingruntime_types.go",
        lua: include_str!("lua/serving.kserve.io_ServingRuntime.lua"),
    },
    HealthCheck {
        group: "serving.kserve.io",
        kind: "TrainedModel",
        source: "kserve v0.15.2: pkg/apis/serving/v1alpha1/trained_model_status.go",
        lua: include_str!("lua/serving.kserve.io_TrainedModel.lua"),
    },
    HealthCheck {
        group: "trainer.kubeflow.org",
        kind: "TrainJob",
        source: "kubeflow trainer v2.0.0: pkg/apis/trainer/v1alpha1/trainjob_types.go",
        lua: include_str!("lua/trainer.kubeflow.org_TrainJob.lua"),
    },
];

/// In place of Argo CD's own check; `healthChecks.inferenceService` chooses it.
pub const INFERENCE_SERVICE: HealthCheck = HealthCheck {
    group: "serving.kserve.io",
    kind: "InferenceService",
    source: "kserve v0.15.2: pkg/apis/serving/v1beta1/inference_service_status.go",
    lua: include_str!("lua/serving.kserve.io_InferenceService.lua"),
};

const fn job(kind: &'static str) -> HealthCheck {
    HealthCheck {
        group: "kubeflow.org",
        kind,
        source: "kubeflow training-operator v1.9.0: pkg/apis/kubeflow.org/v1/common_types.go",
        lua: include_str!("lua/kubeflow.org_jobs.lua"),
    }
}

impl HealthCheck {
    /// The kind with its group, as `healthChecks.kinds` and `resource.customizations` name it.
    pub fn name(&self) -> String {
        format!("{}/{}", self.group, self.kind)
    }

    /// Its key in `argocd-cm`, since 2.1.
    pub fn key(&self) -> String {
        format!("{CUSTOMIZATIONS_KEY}.health.{}_{}", self.group, self.kind)
    }

    /// What Argo CD is given.
    pub fn lua(&self) -> String {
        format!("{MARK}\n{}", self.lua)
    }
}

/// The kinds to choose from, as JSON Schema has an enumeration.
pub(crate) fn alternatives() -> Vec<Value> {
    CHECKS.iter().map(|check| json!({ "type": "string", "const": check.name() })).collect()
}

/// The checks that the configuration asks for; `None` where it says nothing of health checks.
pub fn chosen(config: &Config) -> Option<Vec<HealthCheck>> {
    let section = config.health_checks.as_ref()?;
    let is_chosen = |check: &&HealthCheck| match &section.kinds {
        None => true,
        Some(kinds) => kinds.contains(&HealthKind(check.name())),
    };
    let override_ = section.inference_service.then_some(INFERENCE_SERVICE);
    Some(CHECKS.iter().filter(is_chosen).copied().chain(override_).collect())
}

/// The checks under keys of their own, as `data` of `argocd-cm` since 2.1.
pub fn keys(checks: &[HealthCheck]) -> Map<String, Value> {
    checks.iter().map(|check| (check.key(), check.lua().into())).collect()
}

/// Somebody else has a check for the kind in `argocd-cm`, under a key of its own or, in either form, in the common text.
pub fn is_others(live: &Object, check: &HealthCheck) -> bool {
    let own_key = live.get("/data").and_then(|data| data.get(check.key())).and_then(Value::as_str);
    let common = customizations::check_of(live.text(&format!("/data/{CUSTOMIZATIONS_KEY}")), &check.name());
    own_key.is_some_and(is_not_ours) || common.is_some_and(|lua| is_not_ours(&lua))
}

fn is_not_ours(lua: &str) -> bool {
    !lua.trim().is_empty() && !is_ours(lua)
}

fn is_ours(lua: &str) -> bool {
    lua.lines().next() == Some(MARK)
}
