//! All stages with Argo CD's published manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use insta::assert_snapshot;
use manifests::argocd::{install, names, release};
use manifests::config::{Config, Variant};
use manifests::{Object, files, yaml};
use serde_json::{Value, json};
use stages::observed::KubernetesVersion;
use stages::plan::{Action, PlanError};
use stages::{ALL, Inputs, Observed, Plan};

use super::support::{KUBERNETES_1_36, config, plan, plan_all, running, server, set, settled, with};

/// Folder with the files below, as published by Argo CD.
const FOLDER_VARIABLE: &str = "GITOPS_SETUP_ARGOCD_MANIFESTS";
const KUBERNETES_1_21: KubernetesVersion = KubernetesVersion { major: 1, minor: 21 };

pub(crate) const FILES: [(&str, &str, Variant, KubernetesVersion); 4] = [
    ("install-v1.6.2.yaml", "v1.6.2", Variant::Standard, KUBERNETES_1_21),
    ("install-v2.6.7.yaml", "v2.6.7", Variant::Standard, KUBERNETES_1_36),
    ("install-v3.5.1.yaml", "v3.5.1", Variant::Standard, KUBERNETES_1_36),
    ("ha-install-v3.5.1.yaml", "v3.5.1", Variant::Ha, KUBERNETES_1_36),
];

pub(crate) fn read(file: &str) -> Option<String> {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE) else {
        eprintln!("skipped: {FOLDER_VARIABLE} is not set (folder with Argo CD's published manifests)");
        return None;
    };
    let path = Path::new(&folder).join(file);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

pub(crate) fn published(file: &str, change: impl FnOnce(&mut Config)) -> Option<Inputs> {
    let (_, version, variant, _) = FILES.into_iter().find(|row| row.0 == file).expect("a file of the table");
    let text = read(file)?;
    let mut config = config();
    config.argocd.version = version.parse().expect("a version");
    config.argocd.variant = variant;
    change(&mut config);
    let objects = yaml::parse_objects(&text).expect("the published manifest is readable");
    let install = install::prepare(objects, &config.argocd, true).expect("the published manifest fits");
    Some(Inputs { install: Some(install), config, ..Inputs::default() })
}

fn of<'a>(plans: &'a [(&str, Plan)], stage: &str) -> &'a Plan {
    &plans.iter().find(|(name, _)| *name == stage).expect("a stage").1
}

fn applied<'a>(plan: &'a Plan, kind: &str, name: &str) -> &'a Object {
    plan.objects().find(|object| object.kind() == kind && object.name() == name).expect("it is applied")
}

fn workloads(inputs: &Inputs) -> String {
    let objects = inputs.install.iter().flat_map(|install| &install.objects);
    let workloads = objects.filter(|object| matches!(object.kind(), "Deployment" | "StatefulSet"));
    workloads
        .map(|object| format!("{}/{}\n", object.kind(), object.name()))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn command(object: &Object) -> Option<&Value> {
    object.get("/spec/template/spec/containers/0/command")
}

#[test]
fn every_stage_can_be_planned_and_planned_again() {
    for (file, _, _, kubernetes) in FILES {
        let Some(inputs) = published(file, |_| {}) else { return };
        let (plans, observed) = plan_all(&inputs, running(kubernetes)).unwrap();
        let count = inputs.install.as_ref().unwrap().objects.len();
        assert_eq!(of(&plans, "install-argocd").objects().count(), count, "{file}");
        for (stage, plan) in plan_all(&inputs, settled(&inputs, observed)).unwrap().0 {
            assert_eq!(plan.actions, [], "{file}: {stage}");
        }
    }
}

#[test]
fn before_2_1_the_settings_are_flags_appended_once() {
    let Some(inputs) = published("install-v1.6.2.yaml", |_| {}) else { return };
    let expected =
        json!(["argocd-server", "--staticassets", "/shared/app", "--insecure", "--rootpath", "/argocd"]);
    assert_eq!(command(&server(&inputs)), Some(&expected));
    let (plans, _) = plan_all(&inputs, running(KUBERNETES_1_21)).unwrap();
    assert_eq!(command(applied(of(&plans, "install-argocd"), "Deployment", names::SERVER)), Some(&expected));
    for stage in ["tls-termination", "root-path"] {
        let why = "Argo CD v1.6.2 takes it as a flag, which install-argocd sets";
        assert_eq!(of(&plans, stage).skipped.as_deref(), Some(why));
    }
}

#[test]
fn flags_that_somebody_appended_are_not_appended_again() {
    let Some(inputs) = published("install-v1.6.2.yaml", |_| {}) else { return };
    let prepared = inputs.install.unwrap().objects;
    let again = install::prepare(prepared.clone(), &inputs.config.argocd, true).unwrap();
    assert_eq!(again.objects, prepared);
}

#[test]
fn since_2_1_the_settings_are_keys_and_restart_the_server() {
    for file in ["install-v2.6.7.yaml", "install-v3.5.1.yaml", "ha-install-v3.5.1.yaml"] {
        let Some(inputs) = published(file, |_| {}) else { return };
        let (plans, observed) = plan_all(&inputs, running(KUBERNETES_1_36)).unwrap();
        for (stage, key, value) in
            [("tls-termination", "server.insecure", "true"), ("root-path", "server.rootpath", "/argocd")]
        {
            let plan = of(&plans, stage);
            assert_eq!(
                applied(plan, "ConfigMap", names::CMD_PARAMS).get("/data"),
                Some(&json!({key: value}))
            );
            let server = applied(plan, "Deployment", names::SERVER);
            let annotation = json!({"metadata": {"annotations": {format!("gitops-setup/{key}"): value}}});
            assert_eq!(server.get("/spec"), Some(&json!({"template": annotation})), "{file}");
        }
        // The ConfigMap is read by the server of this very release.
        let server = observed.object(&names::server_deployment("argocd")).unwrap();
        let text = server.as_value().to_string();
        assert!(text.contains("server.insecure") && text.contains("server.rootpath"), "{file}");
    }
}

#[test]
fn another_namespace_reaches_everything() {
    for (file, ..) in FILES {
        let Some(inputs) = published(file, |config| config.argocd.namespace = "gitops".into()) else {
            return;
        };
        for object in &inputs.install.as_ref().unwrap().objects {
            let expected = (!install::is_cluster_scoped(object.kind())).then_some("gitops");
            assert_eq!(object.namespace(), expected, "{file}: {}", object.reference());
            for subject in object.list("/subjects") {
                assert_eq!(subject["namespace"], "gitops", "{file}: {}", object.reference());
            }
            let text = object.as_value().to_string();
            assert!(!text.contains(r#""namespace":"argocd""#), "{file}: {}", object.reference());
        }
        assert_eq!(inputs.install.unwrap().objects[0].reference().to_string(), "Namespace/gitops");
    }
}

#[test]
fn the_workloads_are_those_of_the_release() {
    let found = |file| published(file, |_| {}).map(|inputs| workloads(&inputs));
    let Some(oldest) = found("install-v1.6.2.yaml") else { return };
    assert_snapshot!(oldest, @r"
    Deployment/argocd-application-controller
    Deployment/argocd-dex-server
    Deployment/argocd-redis
    Deployment/argocd-repo-server
    Deployment/argocd-server
    ");
    assert_snapshot!(found("install-v2.6.7.yaml").unwrap(), @r"
    Deployment/argocd-applicationset-controller
    Deployment/argocd-dex-server
    Deployment/argocd-notifications-controller
    Deployment/argocd-redis
    Deployment/argocd-repo-server
    Deployment/argocd-server
    StatefulSet/argocd-application-controller
    ");
    assert_eq!(found("install-v2.6.7.yaml"), found("install-v3.5.1.yaml"));
    assert_snapshot!(found("ha-install-v3.5.1.yaml").unwrap(), @r"
    Deployment/argocd-applicationset-controller
    Deployment/argocd-dex-server
    Deployment/argocd-notifications-controller
    Deployment/argocd-redis-ha-haproxy
    Deployment/argocd-repo-server
    Deployment/argocd-server
    StatefulSet/argocd-application-controller
    StatefulSet/argocd-redis-ha-server
    ");
}

#[test]
fn a_file_is_recognised_unless_one_byte_is_another() {
    for (file, version, variant, _) in FILES {
        let Some(text) = read(file) else { return };
        let known = release::recognise(text.as_bytes()).unwrap();
        assert_eq!(known.tag, version);
        assert_eq!(Some(known), release::published(&version.parse().unwrap(), variant));
        assert_eq!(known.bytes, text.len() as u64);
        let mut bytes = text.into_bytes();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert_eq!(release::recognise(&bytes), None, "{file}");
    }
}

#[test]
fn rendered_there_is_one_file_an_object_without_status_or_values_of_secrets() {
    for (file, ..) in FILES {
        let Some(inputs) = published(file, |_| {}) else { return };
        let stages: Vec<_> = ALL.iter().map(|stage| (stage.name, (stage.objects)(&inputs))).collect();
        let objects = stages.iter().flat_map(|(_, objects)| objects.iter().map(Object::reference));
        let references: BTreeSet<_> = objects.collect();
        let rendered: BTreeMap<_, _> = files::files(stages.clone());
        assert_eq!(rendered, files::files(stages), "the same from run to run");
        let mut seen = BTreeSet::new();
        for (name, text) in &rendered {
            let mut objects = yaml::parse_objects(text).unwrap();
            let object = objects.remove(0);
            assert!(objects.is_empty(), "{file}: {name}");
            assert_eq!(object.get("/status"), None, "{file}: {name}");
            if object.kind() == "Secret" {
                assert!(
                    object.get("/data").is_none() && object.get("/stringData").is_none(),
                    "{file}: {name}"
                );
            }
            seen.insert(object.reference());
        }
        assert_eq!(seen, references, "{file}");
    }
}

fn refusal(plan: Result<Plan, PlanError>) -> String {
    plan.expect_err("it is refused").to_string()
}

#[test]
fn too_old_an_argocd_is_refused_before_anything_is_made() {
    let Some(inputs) = published("install-v1.6.2.yaml", |_| {}) else { return };
    let refused = refusal(plan("install-argocd", &inputs, &running(KUBERNETES_1_36)));
    assert_snapshot!(refused, @r"
    Argo CD v1.6.2 cannot be installed on Kubernetes 1.36: its CustomResourceDefinitions are apiextensions.k8s.io/v1beta1, which Kubernetes 1.22 removed
      set `argocd.version` to v2.0.0 or later, or use Kubernetes 1.18 to 1.21
    ");
    let inputs = Inputs { expected_kubernetes: Some(KUBERNETES_1_36), ..inputs };
    assert_eq!(refusal(plan("cluster", &inputs, &Observed::default())), refused);
}

#[test]
fn too_old_a_kubernetes_is_refused() {
    let Some(inputs) = published("install-v3.5.1.yaml", |_| {}) else { return };
    assert_snapshot!(refusal(plan("install-argocd", &inputs, &running(KUBERNETES_1_21))), @r"
    Kubernetes 1.21 is too old: Argo CD v3.5.1 and server-side apply need 1.22 or later
      upgrade the cluster, or set `cluster.context` to another one
    ");
}

#[test]
fn a_command_left_over_from_the_guides_patch_goes() {
    let Some(old) = published("install-v2.6.7.yaml", |_| {}) else { return };
    let inputs = published("install-v3.5.1.yaml", |_| {}).unwrap();
    let patched = set(
        server(&old),
        "/spec/template/spec/containers/0",
        "command",
        json!(["argocd-server", "--insecure"]),
    );
    let removals = |live: Object| -> Vec<_> {
        let plan = plan("install-argocd", &inputs, &with(running(KUBERNETES_1_36), live)).unwrap();
        assert!(plan.notes.contains(&"replaces Argo CD v2.6.7 by v3.5.1".to_owned()), "{:?}", plan.notes);
        let remove = |action: &Action| matches!(action, Action::RemoveField { .. });
        plan.actions.into_iter().filter(remove).collect()
    };
    let [Action::RemoveField { object, pointer, .. }] = &removals(patched.clone())[..] else {
        panic!("the command is not removed")
    };
    assert_eq!(
        (object, pointer.as_str()),
        (&names::server_deployment("argocd"), "/spec/template/spec/containers/0/command")
    );

    let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
        "k:{\"name\":\"argocd-server\"}": {".": {}, "f:command": {}, "f:name": {}},
    }}}}});
    let owned_by = |manager: &str, operation: &str| {
        let entry = json!([{"manager": manager, "operation": operation, "fieldsV1": fields}]);
        removals(set(patched.clone(), "/metadata", "managedFields", entry)).len()
    };
    assert_eq!(owned_by("kubectl-patch", "Update"), 1);
    assert_eq!(owned_by("gitops-setup", "Apply"), 0, "it goes with the apply");
}

#[test]
fn replacing_another_release_is_noted_and_the_same_is_not() {
    let Some(inputs) = published("install-v3.5.1.yaml", |_| {}) else { return };
    let replaced = |image: &str| {
        let live = set(server(&inputs), "/spec/template/spec/containers/0", "image", json!(image));
        let mut notes = plan("install-argocd", &inputs, &with(running(KUBERNETES_1_36), live)).unwrap().notes;
        notes.retain(|note| note.starts_with("replaces "));
        notes
    };
    assert_eq!(replaced("quay.io/argoproj/argocd:v3.5.0"), ["replaces Argo CD v3.5.0 by v3.5.1"]);
    assert_eq!(replaced("quay.io/argoproj/argocd:v3.5.1"), [""; 0]);
    assert_eq!(replaced("mirror:5000/argocd:v3.5.1@sha256:0123"), [""; 0]);
    assert_eq!(replaced("mirror:5000/argocd"), [""; 0]);
}
