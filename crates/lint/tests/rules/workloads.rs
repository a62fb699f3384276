//! Images, GPUs, objects that are there twice, files that are none.

use crate::support::{found, lines, lint, of};

fn pod(container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec:\n  containers:\n    - name: x\n      {container}\n"
    )
}

#[test]
fn images_need_a_tag_or_a_digest() {
    for (image, lines) in [
        ("inference", vec![7]),
        ("inference:latest", vec![7]),
        ("registry:5000/inference", vec![7]),
        ("inference:v2", vec![]),
        ("registry:5000/inference:v2", vec![]),
        ("inference@sha256:0123", vec![]),
        ("auto", vec![]),
        ("''", vec![]),
    ] {
        assert_eq!(of("image-without-tag", &pod(&format!("image: {image}"))), lines, "{image}");
    }
}

#[test]
fn images_are_found_in_every_kind_of_workload() {
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: x}\nspec:\n  template:\n    spec:\n      initContainers:\n        - image: init\n";
    let inference = "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: x}\nspec:\n  transformer:\n    containers:\n      - image: t\n";
    let seldon = "apiVersion: machinelearning.seldon.io/v1\nkind: SeldonDeployment\nmetadata: {name: x}\nspec:\n  predictors:\n    - componentSpecs:\n        - spec:\n            containers:\n              - image: t\n";
    assert_eq!(of("image-without-tag", rollout), [8]);
    assert_eq!(of("image-without-tag", inference), [7]);
    assert_eq!(of("image-without-tag", seldon), [9]);
}

#[test]
fn a_kustomization_gives_images_their_tags() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{name: x, image: server}]}}}\n";
    let kustomization = "resources: [deployment.yaml]\nimages: [{name: server, newTag: 1.0}]\n";
    assert_eq!(found(&[("app/deployment.yaml", deployment)]), [("image-without-tag", 4)]);
    let both = [("app/deployment.yaml", deployment), ("app/kustomization.yaml", kustomization)];
    assert_eq!(found(&both), []);
    let renamed = "resources: [deployment.yaml]\nimages: [{name: server, newName: other}]\n";
    let both = [("app/deployment.yaml", deployment), ("app/kustomization.yaml", renamed)];
    assert!(lines(&lint(&both)).contains("image `other` has no tag"));
}

#[test]
fn gpus_need_an_equal_limit() {
    for (resources, lines) in [
        ("{requests: {nvidia.com/gpu: 1}}", vec![7]),
        ("{requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 2}}", vec![7]),
        ("{requests: {amd.com/gpu: 1}, limits: {cpu: 2}}", vec![7]),
        ("{requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: '1'}}", vec![]),
        ("{limits: {nvidia.com/gpu: 1}}", vec![]),
        ("{requests: {cpu: 1, ephemeral-storage: 1Gi}}", vec![]),
        ("null", vec![]),
    ] {
        let text = pod(&format!("resources: {resources}"));
        assert_eq!(of("gpu-without-limit", &text), lines, "{resources}");
    }
}

#[test]
fn gpus_are_found_wherever_resources_are() {
    let job = "apiVersion: kubeflow.org/v1\nkind: PyTorchJob\nmetadata: {name: x}\nspec:\n  pytorchReplicaSpecs:\n    Worker:\n      template:\n        spec:\n          containers:\n            - resources: {requests: {nvidia.com/gpu: 8}}\n";
    assert_eq!(of("gpu-without-limit", job), [10]);
}

#[test]
fn a_patch_may_bring_the_limit() {
    let base = [
        ("base/kustomization.yaml", "resources: [pod.yaml]\n"),
        (
            "base/pod.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x, resources: {requests: {nvidia.com/gpu: 1}}}]}\n",
        ),
    ];
    assert_eq!(found(&base), [("gpu-without-limit", 4)]);
    let merge = "resources: [../base]\npatches:\n  - patch: |\n      {apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: [{name: x, resources: {limits: {nvidia.com/gpu: 1}}}]}}\n";
    let json = "resources: [../base]\npatches:\n  - target: {kind: Pod}\n    patch: |\n      [{op: add, path: /spec/containers/0/resources/limits, value: {nvidia.com/gpu: 1}}]\n";
    for overlay in [merge, json] {
        let files = [&base[..], &[("overlay/kustomization.yaml", overlay)]].concat();
        assert_eq!(found(&files), [], "{overlay}");
    }
}

#[test]
fn one_object_is_written_once() {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";
    let twice = format!("{map}---\n{map}");
    assert_eq!(found(&[("a.yaml", &twice)]), [("duplicate-object", 7)]);
    let elsewhere = format!("{map}---\n{}", map.replace("name: x", "name: x, namespace: other"));
    assert_eq!(found(&[("a.yaml", &elsewhere)]), []);
    assert_eq!(found(&[("dev/a.yaml", map), ("prod/a.yaml", map)]), [], "other folders are synced elsewhere");
    let generated = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: x-}\n";
    assert_eq!(found(&[("a.yaml", &format!("{generated}---\n{generated}"))]), []);
}

#[test]
fn what_is_no_yaml_is_told() {
    let report = lint(&[("a.yaml", "a: b\n  c: planted: d\n"), ("b.yaml", "name: {{ .Values.planted }}\n")]);
    assert_eq!(report.findings.len(), 2, "{report:?}");
    assert!(report.findings.iter().all(|finding| finding.rule == "not-yaml" && finding.line > 0));
    assert!(report.findings[1].hint.contains("Helm chart"), "{report:?}");
    assert!(!format!("{report:?}").contains("planted"));
    let charts =
        [("c/Chart.yaml", "name: c\n"), ("c/templates/a.yaml", "{{ if }}\n"), ("c/values.yaml", "a: 1\n")];
    let report = lint(&charts);
    assert_eq!(report.findings, []);
    assert_eq!(report.unchecked.len(), 1, "it is said that a template was not looked at");
}

#[test]
fn a_comment_allows_a_finding() {
    for comment in [
        "image: x # gitops-setup: allow image-without-tag",
        "# gitops-setup: allow image-without-tag\n      image: x",
    ] {
        assert_eq!(of("image-without-tag", &pod(comment)), [0; 0], "{comment}");
    }
    assert_eq!(of("image-without-tag", &pod("image: x # gitops-setup: allow gpu-without-limit")), [7]);
}
