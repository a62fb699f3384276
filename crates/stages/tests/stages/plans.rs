//! What single stages plan.

use super::support::{
    Filled, KUBERNETES_1_36, STORED, config, inputs, plan, plan_all, running, server, set, settled, stage,
    terminating, with,
};
use insta::assert_snapshot;
use manifests::argocd::names;
use manifests::config::{
    Config, GatewayApi, HealthChecks, ManifestSource, Provider, SecretRef, Variant, Via,
};
use manifests::fill::Fill;
use manifests::{Object, ObjectRef};
use serde_json::json;
use stages::observed::{ClusterState, Live, RepositoryState};
use stages::plan::{Action, Precondition};
use stages::{Inputs, Observed};

fn secret(inputs: &Inputs) -> Object {
    Object::new(&names::secret(inputs.argocd_namespace()))
}

fn with_service(observed: Observed, inputs: &Inputs) -> Observed {
    with(observed, Object::new(&names::server_service(inputs.argocd_namespace())))
}

fn configured(change: impl FnOnce(&mut Config)) -> Inputs {
    let mut config = config();
    change(&mut config);
    inputs(config)
}

/// Configurations that differ in what stages do.
fn several() -> Vec<Inputs> {
    vec![
        configured(|_| {}),
        configured(|config| config.argocd.root_path = "/".into()),
        configured(|config| {
            config.argocd.namespace = "gitops".into();
            config.expose.via = Via::Istio;
            config.environments[0].project = "other".into();
            config.logging = None;
            config.health_checks = Some(HealthChecks::default());
        }),
        configured(|config| {
            config.expose.via = Via::Ingress;
            config.expose.host = Some("ml.acme.com".into());
            config.cluster.nodes = 3;
            config.environments.clear();
        }),
        Inputs { admin_password: None, ..inputs(Config::default()) },
    ]
}

#[test]
fn planned_again_after_being_applied_nothing_is_left() {
    for inputs in several() {
        let (first, observed) = plan_all(&inputs, running(KUBERNETES_1_36)).unwrap();
        assert!(first.iter().any(|(_, plan)| !plan.actions.is_empty()));
        let (second, _) = plan_all(&inputs, settled(&inputs, observed)).unwrap();
        for (stage, plan) in second {
            assert_eq!(plan.actions, [], "{stage}");
        }
    }
}

#[test]
fn all_stages_can_be_planned_before_there_is_a_cluster() {
    for inputs in several() {
        let (plans, _) = plan_all(&inputs, Observed::default()).unwrap();
        assert!(matches!(plans[0].1.actions[0], Action::CreateCluster { .. }));
    }
}

#[test]
fn a_context_that_does_not_answer_is_no_cluster_to_create() {
    let inputs = configured(|config| {
        config.cluster.provider = Provider::Context;
        config.cluster.context = Some("acme".into());
    });
    let error = plan("cluster", &inputs, &Observed::default()).unwrap_err().to_string();
    assert!(error.contains("context acme does not answer"), "{error}");
    assert_eq!(plan("cluster", &inputs, &running(KUBERNETES_1_36)).unwrap().actions, []);
}

#[test]
fn a_stopped_cluster_is_started() {
    let observed = Observed { cluster: ClusterState::Stopped, ..Observed::default() };
    let actions = plan("cluster", &configured(|_| {}), &observed).unwrap().actions;
    assert_eq!(actions[0], Action::CreateCluster { what: "start kwok cluster gitops-setup".into() });
}

#[test]
fn the_password_is_written_unless_it_matches() {
    let inputs = configured(|_| {});
    let state = |secret| plan("admin-password", &inputs, &with(running(KUBERNETES_1_36), secret)).unwrap();
    let stored = secret(&inputs).with("data", json!({"admin.password": STORED}));
    let matching = with(running(KUBERNETES_1_36), stored.clone()).with_filled(&inputs);
    let plan = plan("admin-password", &inputs, &matching).unwrap();
    assert_eq!((plan.actions.as_slice(), plan.unchanged, plan.notes.len()), (&[] as &[_], 1, 0));
    for (secret, note) in
        [(secret(&inputs), "no password was stored before"), (stored, "another password was stored before")]
    {
        let plan = state(secret);
        assert_eq!(plan.notes, [note]);
        let [Action::Apply(apply)] = plan.actions.as_slice() else { panic!("{plan:?}") };
        assert_eq!(apply.manager, "gitops-setup-admin-password");
        let reference = SecretRef::Env("ARGOCDINITIALPASS".into());
        assert_eq!(
            apply.fill,
            [
                ("admin.password".to_owned(), Fill::BcryptOf(reference)),
                ("admin.passwordMtime".to_owned(), Fill::Now)
            ]
        );
    }
}

#[test]
fn without_a_configured_password_argocds_own_stays() {
    let inputs = Inputs { admin_password: None, ..configured(|_| {}) };
    let skipped = plan("admin-password", &inputs, &running(KUBERNETES_1_36)).unwrap().skipped.unwrap();
    assert!(skipped.contains("argocd-initial-admin-secret"), "{skipped}");
}

#[test]
fn a_password_needs_the_secret_that_the_install_makes() {
    let error = plan("admin-password", &configured(|_| {}), &running(KUBERNETES_1_36)).unwrap_err();
    assert_snapshot!(error, @r"
    Secret/argocd-secret in argocd is not there
      install Argo CD first: cargo xtask setup --from install-argocd
    ");
}

#[test]
fn core_has_no_login_no_settings_and_no_address() {
    let mut inputs = configured(|_| {});
    inputs.config.argocd.variant = Variant::Core;
    for stage in ["admin-password", "tls-termination", "root-path", "access"] {
        let plan = plan(stage, &inputs, &running(KUBERNETES_1_36)).unwrap();
        assert!(plan.skipped.is_some() && plan.actions.is_empty(), "{stage}");
    }
    assert_eq!((stage("access").checks)(&inputs), []);
}

#[test]
fn an_ingress_layer_that_is_not_there_is_told_before_anything_is_applied() {
    let istio = configured(|config| config.expose.via = Via::Istio);
    let gateway = configured(|config| {
        config.expose.via = Via::GatewayApi;
        config.expose.gateway_api = Some(GatewayApi { gateway: "edge/public".into(), section_name: None });
    });
    let unknown = |inputs: &Inputs| {
        let mut observed = with_service(running(KUBERNETES_1_36), inputs);
        let reference = manifests::expose::reference(&inputs.config).unwrap();
        observed.objects.insert(reference, Live::KindUnknown);
        plan("expose", inputs, &observed).unwrap_err()
    };
    assert_snapshot!(unknown(&istio), @r"
    the cluster doesn't know the kind VirtualService (networking.istio.io/v1alpha3)
      install Istio first, or choose another `expose.via`
    ");
    assert_snapshot!(unknown(&gateway), @r"
    the cluster doesn't know the kind HTTPRoute (gateway.networking.k8s.io/v1)
      install the Gateway API and a controller for it first, or choose another `expose.via`
    ");
}

#[test]
fn a_gateway_that_is_not_there_is_noted() {
    let inputs = configured(|config| config.expose.via = Via::Istio);
    let observed = with_service(running(KUBERNETES_1_36), &inputs);
    let gateway =
        ObjectRef::namespaced("networking.istio.io/v1alpha3", "Gateway", "istio-system", "seldon-gateway");
    assert!(stage("expose").reads(&inputs).contains(&gateway));
    let without = plan("expose", &inputs, &observed).unwrap();
    assert_eq!(
        without.notes,
        ["Gateway/seldon-gateway in istio-system is not there: nothing is routed until it is"]
    );
    assert_eq!(plan("expose", &inputs, &with(observed, Object::new(&gateway))).unwrap().notes, [""; 0]);
}

#[test]
fn dropping_the_host_of_an_ingress_is_a_change() {
    let hosted = configured(|config| {
        config.expose.via = Via::Ingress;
        config.expose.host = Some("old.acme.com".into());
    });
    let mut live = manifests::expose::object(&hosted.config).unwrap();
    live = set(
        live,
        "/metadata",
        "managedFields",
        json!([{
            "manager": "gitops-setup", "operation": "Apply", "fieldsV1": {"f:spec": {"f:rules": {}}},
        }]),
    );
    let inputs = configured(|config| config.expose.via = Via::Ingress);
    let observed = with(with_service(running(KUBERNETES_1_36), &inputs), live);
    assert_eq!(plan("expose", &hosted, &observed).unwrap().actions, []);
    assert_eq!(plan("expose", &inputs, &observed).unwrap().actions.len(), 1);
}

#[test]
fn a_repository_gets_the_folders_that_it_lacks() {
    let inputs = configured(|config| config.git.url = "file:///srv/gitops".into());
    let observed = |exists, folders: &[&str]| {
        let folders = folders.iter().map(ToString::to_string).collect();
        let state = RepositoryState { exists, folders, ..RepositoryState::default() };
        Observed { repository: Some(state), ..Observed::default() }
    };
    let actions = |observed| plan("git-repository", &inputs, &observed).unwrap().actions;
    let init = |folders: &[&str]| {
        let folders = folders.iter().map(ToString::to_string).collect();
        vec![Action::InitRepository { url: "file:///srv/gitops".into(), folders }]
    };
    assert_eq!(actions(observed(false, &[])), init(&["dev", "prod", "seldon-logs"]));
    assert_eq!(actions(observed(true, &["prod", "docs"])), init(&["dev", "seldon-logs"]));
    assert_eq!(actions(observed(true, &["dev", "prod", "seldon-logs"])), []);
    let remote = plan("git-repository", &configured(|_| {}), &Observed::default()).unwrap();
    assert_eq!(remote.notes, [""; 0]);
    let shown = serde_json::to_value(&remote).unwrap();
    let gap = shown["notVerified"][0].as_str().unwrap();
    assert!(gap.starts_with("https://github.com/acme/gitops"), "{gap}");
    let local = plan("git-repository", &inputs, &observed(false, &[])).unwrap();
    assert_eq!(serde_json::to_value(&local).unwrap().get("notVerified"), None);
}

#[test]
fn a_namespace_that_is_being_deleted_is_refused() {
    let inputs = configured(|_| {});
    for (stage, namespace) in
        [("install-argocd", "argocd"), ("environments", "prod"), ("logging", "seldon-logs")]
    {
        let observed = with(running(KUBERNETES_1_36), terminating(namespace));
        let error = plan(stage, &inputs, &observed).unwrap_err().to_string();
        assert!(error.starts_with(&format!("Namespace/{namespace} is being deleted")), "{error}");
    }
}

#[test]
fn what_holds_a_namespace_is_said() {
    let held =
        "Some content in the namespace has finalizers remaining: acme.com/held in 1 resource instances";
    let condition = |status: &str, message: &str| json!({ "status": status, "message": message });
    let conditions = [condition("True", held), condition("False", "All resources successfully discovered")];
    let live = terminating("prod").with("status", json!({ "conditions": conditions }));
    let live = set(live, "/metadata", "finalizers", json!(["acme.com/last"]));
    let error = plan("environments", &configured(|_| {}), &with(running(KUBERNETES_1_36), live)).unwrap_err();
    assert_snapshot!(error, @r"
    Namespace/prod is being deleted: Some content in the namespace has finalizers remaining: acme.com/held in 1 resource instances; whoever has the finalizer acme.com/last has not taken it off
      wait until it is gone; what holds it up: kubectl get namespace prod -o yaml
    ");
}

#[test]
fn a_definition_that_is_not_served_is_refused() {
    let inputs = configured(|_| {});
    let live = inputs.manifest_object("CustomResourceDefinition", "appprojects.argoproj.io").unwrap().clone();
    let status = |accepted: &str| {
        let accepted = json!({ "type": "NamesAccepted", "status": accepted, "message": "\"AppProject\" is already in use" });
        live.clone().with("status", json!({ "conditions": [accepted] }))
    };
    let planned = |live| plan("install-argocd", &inputs, &with(running(KUBERNETES_1_36), live));
    assert_snapshot!(planned(status("False")).unwrap_err(), @r#"
    CustomResourceDefinition/appprojects.argoproj.io is there and is not served: "AppProject" is already in use
      another definition of the group has that name, such as that of a fork: remove it, with everything of its kind, and run the same command again: kubectl get crd | grep argoproj.io
    "#);
    assert!(planned(status("True")).is_ok());
}

#[test]
fn a_definition_that_a_run_left_a_moment_ago_is_waited_for() {
    let inputs = configured(|_| {});
    let (_, observed) = plan_all(&inputs, running(KUBERNETES_1_36)).unwrap();
    let live = inputs.manifest_object("CustomResourceDefinition", "appprojects.argoproj.io").unwrap().clone();
    let waits = |conditions| {
        let live = live.clone().with("status", json!({ "conditions": conditions }));
        plan("install-argocd", &inputs, &with(observed.clone(), live)).unwrap().actions
    };
    let condition = |status: &str| json!([{ "type": "Established", "status": status }]);
    for not_yet in [json!(null), condition("False")] {
        assert_eq!(waits(not_yet), [Action::WaitServed { definitions: vec![live.reference()] }]);
    }
    assert_eq!(waits(condition("True")), []);
}

#[test]
fn an_argocd_of_helm_is_refused() {
    let inputs = configured(|_| {});
    let live = server(&inputs)
        .with_label("app.kubernetes.io/managed-by", "Helm")
        .with_annotation("meta.helm.sh/release-name", "acme-argocd");
    let error = plan("install-argocd", &inputs, &with(running(KUBERNETES_1_36), live)).unwrap_err();
    assert_snapshot!(error, @r"
    Deployment/argocd-server in argocd belongs to Helm release acme-argocd: Helm and this tool would undo each other
      keep Helm's Argo CD and configure it: set `argocd.manifest: existing`
    ");
}

#[test]
fn a_sidecar_before_the_server_is_not_taken_for_it() {
    let inputs = configured(|_| {});
    let mut live = server(&inputs);
    let container = live.list("/spec/template/spec/containers")[0].clone();
    let planned = |live: Object| {
        let plan = plan("install-argocd", &inputs, &with(running(KUBERNETES_1_36), live)).unwrap();
        let pointers: Vec<_> = plan
            .actions
            .into_iter()
            .filter_map(|action| match action {
                Action::RemoveField { pointer, .. } => Some(pointer),
                _ => None,
            })
            .collect();
        let upgrades = plan.notes.into_iter().filter(|note| note.starts_with("replaces "));
        (pointers, upgrades.collect::<Vec<_>>())
    };
    let sidecar = json!({"name": "proxy", "image": "acme/proxy:v1", "command": ["proxy"]});
    live = set(live, "/spec/template/spec", "containers", json!([sidecar, container]));
    assert_eq!(planned(live.clone()), (vec![], vec![]));
    live = set(live, "/spec/template/spec/containers/1", "command", json!(["argocd-server"]));
    live = set(live, "/spec/template/spec/containers/1", "image", json!("quay.io/argoproj/argocd:v2.6.7"));
    let (pointers, notes) = planned(live);
    assert_eq!(pointers, ["/spec/template/spec/containers/1/command"]);
    assert!(notes[0].starts_with("replaces Argo CD v2.6.7 by "), "{notes:?}");
}

#[test]
fn an_existing_argocd_has_to_be_there_and_is_not_installed() {
    let mut inputs = Inputs { install: None, ..configured(|_| {}) };
    inputs.config.argocd.manifest = ManifestSource::Existing;
    assert_snapshot!(plan("install-argocd", &inputs, &running(KUBERNETES_1_36)).unwrap_err(), @r"
    Deployment/argocd-server in argocd is not there
      `argocd.manifest: existing` needs an Argo CD in `argocd.namespace`; choose `official` to install one
    ");
    let live = Object::new(&names::server_deployment("argocd"));
    let plan = plan("install-argocd", &inputs, &with(running(KUBERNETES_1_36), live)).unwrap();
    assert!(plan.actions.is_empty() && plan.skipped.is_some());
}

#[test]
fn a_secret_in_the_cluster_is_in_no_plan() {
    let inputs = configured(|_| {});
    let live = secret(&inputs)
        .with("data", json!({"admin.password": "cGxhbnRlZA==", "webhook.github.secret": "planted"}))
        .with("stringData", json!({"server.secretkey": "planted"}))
        .with_annotation("kubectl.kubernetes.io/last-applied-configuration", "planted cGxhbnRlZA==");
    let live = set(
        live,
        "/metadata",
        "managedFields",
        json!([{
            "manager": "gitops-setup", "operation": "Apply",
            "fieldsV1": {"f:data": {"f:webhook.github.secret": {}}},
        }]),
    );
    let (plans, _) = plan_all(&inputs, with(running(KUBERNETES_1_36), live)).unwrap();
    let text = format!("{plans:?}{}", serde_json::to_string(&plans).unwrap());
    assert!(text.contains("webhook.github.secret"), "the removal is shown");
    assert!(!text.contains("planted") && !text.contains("cGxhbnRlZA=="));
}

#[test]
fn a_secret_in_the_manifest_is_in_no_plan() {
    let mut inputs = configured(|_| {});
    let planted = Object::new(&ObjectRef::namespaced("v1", "Secret", "argocd", "webhook"))
        .with("data", json!({"github": "cGxhbnRlZA=="}))
        .with("stringData", json!({"gitlab": "planted"}));
    inputs.install.as_mut().expect("a manifest").objects.push(planted);
    let plan = plan("install-argocd", &inputs, &running(KUBERNETES_1_36)).unwrap();
    for text in [format!("{plan:?}"), serde_json::to_string(&plan).unwrap(), format!("{inputs:?}")] {
        assert!(text.contains("gitlab") && text.contains("(hidden)"));
        assert!(!text.contains("planted") && !text.contains("cGxhbnRlZA=="));
    }
}

#[test]
fn a_precondition_is_part_of_the_plan() {
    let inputs = configured(|_| {});
    let (plans, _) = plan_all(&inputs, running(KUBERNETES_1_36)).unwrap();
    let conditions = |stage: &str| -> Vec<_> {
        let plan = &plans.iter().find(|(name, _)| *name == stage).unwrap().1;
        plan.actions
            .iter()
            .filter_map(|action| match action {
                Action::Apply(apply) if apply.precondition != Precondition::None => {
                    Some((apply.object.kind().to_owned(), apply.precondition.clone()))
                }
                _ => None,
            })
            .collect()
    };
    assert_eq!(conditions("install-argocd"), [("ConfigMap".to_owned(), Precondition::Absent)]);
    assert_eq!(conditions("environments"), [("AppProject".to_owned(), Precondition::Absent)]);
}
