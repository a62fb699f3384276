//! What comes before what.

use crate::support::{found, lines, lint, of};

fn object(kind: &str, name: &str, wave: &str, more: &str) -> String {
    let api = match kind {
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        "Deployment" => "apps/v1",
        "Rollout" | "AnalysisTemplate" | "Application" => "argoproj.io/v1alpha1",
        "VirtualService" => "networking.istio.io/v1",
        "StorageClass" => "storage.k8s.io/v1",
        _ => "v1",
    };
    format!(
        "---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, annotations: {{argocd.argoproj.io/sync-wave: \"{wave}\"}}}}\n{more}\n"
    )
}

/// The second object of the two needs the first.
fn both(first: (&str, &str), second: (&str, &str, &str)) -> String {
    object(first.0, "used", first.1, "") + &object(second.0, "user", second.1, second.2)
}

#[test]
fn what_is_used_comes_first() {
    let pod = |part: &str| format!("spec: {{template: {{spec: {{{part}}}}}}}");
    let hpa = "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: used}}";
    let steps = "spec: {strategy: {canary: {steps: [{analysis: {templates: [{templateName: used}]}}]}}}";
    for (kind, user, spec) in [
        ("ConfigMap", "Deployment", pod("containers: [{envFrom: [{configMapRef: {name: used}}]}]")),
        ("ConfigMap", "Deployment", pod("volumes: [{configMap: {name: used}}]")),
        ("Secret", "Deployment", pod("containers: [{env: [{valueFrom: {secretKeyRef: {name: used}}}]}]")),
        ("Secret", "Deployment", pod("volumes: [{secret: {secretName: used}}]")),
        ("Secret", "Deployment", pod("imagePullSecrets: [{name: used}]")),
        ("PersistentVolumeClaim", "Deployment", pod("volumes: [{persistentVolumeClaim: {claimName: used}}]")),
        ("ServiceAccount", "Deployment", pod("serviceAccountName: used")),
        ("Deployment", "HorizontalPodAutoscaler", hpa.to_owned()),
        ("Service", "Rollout", "spec: {strategy: {canary: {stableService: used}}}".to_owned()),
        ("AnalysisTemplate", "Rollout", steps.to_owned()),
        (
            "VirtualService",
            "Rollout",
            "spec: {strategy: {canary: {trafficRouting: {istio: {virtualService: {name: used}}}}}}"
                .to_owned(),
        ),
    ] {
        let late = both((kind, "3"), (user, "2", &spec));
        assert_eq!(of("wave-order", &late), [9], "{late}");
        for waves in [("3", "3"), ("-1", "0")] {
            assert_eq!(of("wave-order", &both((kind, waves.0), (user, waves.1, &spec))), [0; 0], "{kind}");
        }
    }
    let optional = pod("volumes: [{configMap: {name: used, optional: true}}]");
    assert_eq!(of("wave-order", &both(("ConfigMap", "3"), ("Deployment", "2", &optional))), [0; 0]);
}

#[test]
fn the_message_says_which_waves() {
    let spec = "spec: {scaleTargetRef: {kind: Deployment, name: used}}";
    let report = lint(&[("a.yaml", &both(("Deployment", "4"), ("HorizontalPodAutoscaler", "2", spec)))]);
    assert!(lines(&report).contains(
        "HorizontalPodAutoscaler/user: is in wave 2, but can't become healthy without its target Deployment/used (a.yaml:2) of wave 4"
    ), "{}", lines(&report));
}

#[test]
fn namespaces_and_definitions_come_first() {
    let namespace = object("Namespace", "ml", "1", "");
    let map = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: ml}\n";
    assert_eq!(of("wave-order", &format!("{namespace}{map}")), [9]);
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: w, annotations: {argocd.argoproj.io/sync-wave: '1'}}\nspec: {group: example.com, names: {kind: Widget}}\n";
    let widget = "---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {name: x}\n";
    assert_eq!(of("wave-order", &format!("{definition}{widget}")), [8]);
}

#[test]
fn hooks_have_an_order_of_their_own() {
    let job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: user, annotations: {argocd.argoproj.io/hook: PreSync}}\nspec: {template: {spec: {serviceAccountName: used}}}\n";
    let text = format!("{}{job}", object("ServiceAccount", "used", "0", ""));
    assert!(lines(&lint(&[("a.yaml", &text)])).contains("is in hook PreSync, wave 0"));
    assert_eq!(of("wave-order", &text.replace("PreSync", "PostSync")), [0; 0]);
}

#[test]
fn a_claim_that_waits_for_its_pod_is_in_the_pods_wave() {
    let class = object("StorageClass", "local", "0", "volumeBindingMode: WaitForFirstConsumer");
    let claim = object("PersistentVolumeClaim", "used", "2", "spec: {storageClassName: local}");
    let user = |wave: &str| {
        object(
            "Deployment",
            "user",
            wave,
            "spec: {template: {spec: {volumes: [{persistentVolumeClaim: {claimName: used}}]}}}",
        )
    };
    assert_eq!(of("wave-order", &format!("{class}{claim}{}", user("4"))), [9]);
    assert_eq!(of("wave-order", &format!("{class}{claim}{}", user("2"))), [0; 0]);
    assert_eq!(of("wave-order", &format!("{claim}{}", user("4"))), [0; 0], "the class is not known");
}

#[test]
fn waves_of_applications_wait_only_with_a_health_check() {
    let spec = "spec: {project: p, source: {repoURL: https://a.b/c}, destination: {name: x}}";
    let all = object("Application", "a", "0", spec) + &object("Application", "b", "1", spec);
    let config = |key: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: argocd-cm}}\ndata: {{{key}: x}}\n")
    };
    let with = |key: &str| found(&[("apps/a.yaml", &all), ("argocd/cm.yaml", &config(key))]);
    assert_eq!(with("url"), [("wave-order", 9)]);
    assert_eq!(with("resource.customizations.health.argoproj.io_Application"), []);
    assert_eq!(found(&[("apps/a.yaml", &all)]), [], "argocd-cm is somewhere else");
}
