//! The manifests of the source documents, with their defects and without.

use insta::assert_snapshot;

use crate::support::{fixture, lines};

#[test]
fn every_defect_of_the_source_documents_is_found() {
    let report = lint::lint(&fixture("source-documents"));
    assert_snapshot!(lines(&report), @r"
argocd/ml-models.yaml:19:5: error[missing-destination] ApplicationSet/ml-models: there is no `destination` with a cluster: nothing says where to deploy
argocd/ml-models.yaml:19:5: error[missing-project] ApplicationSet/ml-models: there is no `project`: Argo CD refuses the Application
argocd/ml-models.yaml:20:7: error[missing-repo] ApplicationSet/ml-models: the source has no `repoURL`: nothing says from which repository
argocd/notifications.yaml:7:1: error[undefined-service] ConfigMap/argocd-notifications-cm: there are triggers or templates, but no `service.*`: nothing is ever sent
argocd/notifications.yaml:12:3: error[undefined-template] ConfigMap/argocd-notifications-cm: trigger `on-sync-failed` sends template `pagerduty`, which is not defined; templates are: slack-ml-team
argocd/seldon.yaml:15:7: warning[project-allows-everything] AppProject/seldon: allows every cluster-wide kind (`*/*`): whoever writes to the repository can take over the cluster
models/llm-service/hpa.yaml:2:1: error[project-refuses-kind] HorizontalPodAutoscaler/llm-service: Application/ml-platform brings autoscaling/HorizontalPodAutoscaler, but AppProject/ml-production (argocd/ml-platform.yaml:32) allows only these namespaced kinds: core/*, apps/*, serving.kserve.io/*
models/llm-service/inference-service.yaml:17:11: error[gpu-without-limit] InferenceService/llm-service: nvidia.com/gpu is requested without a limit: Kubernetes refuses the pod, as such resources can't be overcommitted
models/llm-service/kustomization.yaml:19:3: warning[version-in-selector] Kustomization/llm-service: `commonLabels` put `model.ml/version` into selectors: the sync fails as soon as it changes
models/llm-service/pdb.yaml:2:1: error[project-refuses-kind] PodDisruptionBudget/llm-service: Application/ml-platform brings policy/PodDisruptionBudget, but AppProject/ml-production (argocd/ml-platform.yaml:32) allows only these namespaced kinds: core/*, apps/*, serving.kserve.io/*
rollouts/rollout.yaml:2:1: error[project-refuses-kind] Rollout/inference-rollout: Application/ml-platform brings argoproj.io/Rollout, but AppProject/ml-production (argocd/ml-platform.yaml:32) allows only these namespaced kinds: core/*, apps/*, serving.kserve.io/*
rollouts/rollout.yaml:39:17: error[undefined-analysis-template] Rollout/inference-rollout: names AnalysisTemplate `inference-latency`, which is not defined
rollouts/rollout.yaml:53:1: error[project-refuses-kind] AnalysisTemplate/inference-success-rate: Application/ml-platform brings argoproj.io/AnalysisTemplate, but AppProject/ml-production (argocd/ml-platform.yaml:32) allows only these namespaced kinds: core/*, apps/*, serving.kserve.io/*
rollouts/rollout.yaml:74:1: error[project-refuses-kind] VirtualService/inference-vsvc: Application/ml-platform brings networking.istio.io/VirtualService, but AppProject/ml-production (argocd/ml-platform.yaml:32) allows only these namespaced kinds: core/*, apps/*, serving.kserve.io/*
");
    assert_eq!(report.unchecked, []);
}

#[test]
fn the_same_platform_without_defects_gives_no_finding() {
    let report = lint::lint(&fixture("clean"));
    assert_snapshot!(lines(&report), @"");
    let unchecked: Vec<String> =
        report.unchecked.iter().map(|unchecked| format!("{}: {}", unchecked.file, unchecked.why)).collect();
    assert_snapshot!(unchecked.join("\n"), @r"
charts/monitoring: a Helm chart: what Application/monitoring makes of it is not known here
charts/monitoring/templates: templates of a Helm chart, which only Helm can read
");
}
