//! Kinds of objects by the systems that they belong to, for the whitelists of projects.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of one system. Which these are, and what they are for, is in `crate::kinds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KindSet {
    /// ConfigMap, Secret, Service, ServiceAccount, PersistentVolumeClaim.
    Core,
    /// Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod.
    Workloads,
    /// HorizontalPodAutoscaler, VerticalPodAutoscaler, KEDA's ScaledObject.
    Autoscaling,
    /// PodDisruptionBudget.
    Policy,
    /// Ingress, NetworkPolicy.
    Networking,
    /// ResourceQuota, LimitRange.
    Quotas,
    /// Role, RoleBinding: whoever writes to the repository can hand out rights in the namespace.
    Rbac,
    /// KServe's InferenceService, InferenceGraph, ServingRuntime, TrainedModel.
    Kserve,
    /// SeldonDeployment.
    Seldon,
    /// Seldon Core 2's Model, Pipeline, Experiment, Server, SeldonRuntime.
    #[serde(rename = "seldon-core-2")]
    SeldonCore2,
    /// Argo Rollouts' Rollout, AnalysisTemplate, AnalysisRun, Experiment.
    Rollouts,
    /// Istio's VirtualService, DestinationRule, Gateway, ServiceEntry, and its policies.
    Istio,
    /// The Gateway API's Gateway, HTTPRoute, GRPCRoute.
    GatewayApi,
    /// The Prometheus operator's ServiceMonitor, PodMonitor, PrometheusRule.
    Monitoring,
    /// Kubeflow's training jobs: PyTorchJob, TFJob, MPIJob, XGBoostJob, PaddleJob, TrainJob.
    Kubeflow,
    /// RayCluster, RayJob, RayService.
    Ray,
    /// Argo Workflows' Workflow, WorkflowTemplate, CronWorkflow.
    Workflows,
    /// Application, ApplicationSet, AppProject, as an app of apps needs them: whoever writes to the repository can
    /// then do whatever Argo CD can.
    Argocd,
    /// Namespace (in no namespace itself).
    Namespaces,
    /// CustomResourceDefinition (in no namespace): whoever writes to the repository can change those of others.
    Definitions,
}
