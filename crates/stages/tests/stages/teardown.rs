//! The way back: what goes, what stays, and what is said of it.

use manifests::argocd::application::FINALIZER;
use manifests::argocd::names::{self, ARGOPROJ};
use manifests::clusters::Stored;
use manifests::config::{Config, HealthChecks, ManifestSource, Models, Webhooks};
use manifests::health::{self, CHECKS, CUSTOMIZATIONS_KEY};
use manifests::webhooks::{Given, Receiver};
use manifests::{MANAGER, Object, ObjectRef};
use serde_json::{Value, json};
use stages::observed::{Endpoint, HookState, Live, Nodes, Webhook, WebhooksState};
use stages::plan::{Apply, Precondition};
use stages::teardown::{self, Surroundings, Undo, Undoing, Wishes};
use stages::{Inputs, Observed, PlanError, Stage};

use super::support::{self, KUBERNETES_1_36, config, plan_all, running, set, with};

const KEEP: Wishes = Wishes { keep_argocd: true, keep_webhooks: false, with_workloads: false };
const CASCADE: Wishes = Wishes { with_workloads: true, keep_argocd: false, keep_webhooks: false };

type Way = Vec<(&'static Stage, Undoing)>;

fn inputs(change: impl FnOnce(&mut Config)) -> Inputs {
    let mut config = config();
    change(&mut config);
    support::inputs(config)
}

/// Models with `prune`: what an Application of them deployed goes with it.
fn with_models() -> Inputs {
    inputs(|config| {
        let mut models = Models::default();
        models.sync_policy.prune = true;
        config.models = Some(models);
    })
}

fn entry(manager: &str, fields: Value) -> Value {
    json!({ "manager": manager, "operation": "Apply", "fieldsV1": fields })
}

fn owned(object: Object, entries: Value) -> Object {
    set(object, "/metadata", "managedFields", entries)
}

/// Everything is in place, made by this tool, and Argo CD runs.
fn in_place(inputs: &Inputs) -> Observed {
    let (_, mut observed) = plan_all(inputs, running(KUBERNETES_1_36)).expect("it can be planned");
    for live in observed.objects.values_mut() {
        if let Live::Found(live) = live {
            let uid = json!(format!("uid of {}", live.reference()));
            let object = set(live.as_ref().clone(), "/metadata", "uid", uid);
            **live = owned(object, json!([entry(MANAGER, json!({}))]));
        }
    }
    observed.nodes = Nodes { real: 1, simulated: 0 };
    observed
}

fn planned(inputs: &Inputs, observed: &Observed, around: &Surroundings, wishes: Wishes) -> Way {
    teardown::plan(inputs, observed, around, wishes).expect("it can be planned")
}

fn refused(inputs: &Inputs, observed: &Observed, around: &Surroundings, wishes: Wishes) -> String {
    let PlanError::Precondition { what, next } =
        teardown::plan(inputs, observed, around, wishes).expect_err("it is refused");
    format!("{what}\n{next}")
}

fn steps(way: &Way) -> Vec<&Undo> {
    way.iter().flat_map(|(_, undoing)| &undoing.steps).collect()
}

#[track_caller]
fn says(way: &Way, words: &str) {
    let notes: Vec<&String> = way.iter().flat_map(|(_, undoing)| &undoing.notes).collect();
    assert!(notes.iter().any(|note| note.contains(words)), "{words}: {notes:#?}");
}

fn deletes(way: &Way, object: &ObjectRef) -> bool {
    teardown::doomed(way).contains(object)
}

/// Where in the order something is done.
#[track_caller]
fn place(way: &Way, wanted: impl Fn(&Undo) -> bool) -> usize {
    steps(way).into_iter().position(wanted).expect("it is done")
}

fn deletion(kind: &str) -> impl Fn(&Undo) -> bool {
    move |step| matches!(step, Undo::Delete(object) if object.kind == kind)
}

fn release<'a>(way: &'a Way, object: &ObjectRef) -> &'a Apply {
    let found = steps(way).into_iter().find_map(|step| match step {
        Undo::Release(apply) | Undo::Prepare(apply) if apply.object.reference() == *object => Some(&**apply),
        _ => None,
    });
    found.expect("it is changed")
}

fn argocds(kind: &str, name: &str) -> ObjectRef {
    ObjectRef::namespaced(ARGOPROJ, kind, "argocd", name)
}

fn application(name: &str, project: &str, namespace: &str) -> Object {
    let destination = json!({ "server": names::IN_CLUSTER, "namespace": namespace });
    Object::new(&argocds("Application", name))
        .with("spec", json!({ "project": project, "destination": destination }))
}

/// An Application that the set has made, with Argo CD's finalizer.
fn generated(set_: &Object, name: &str) -> Object {
    let owner = json!([{ "apiVersion": ARGOPROJ, "kind": "ApplicationSet", "name": set_.name(),
        "uid": set_.text("/metadata/uid") }]);
    let made = set(application(name, "models", "dev"), "/metadata", "ownerReferences", owner);
    set(made, "/metadata", "finalizers", json!([FINALIZER]))
}

fn set_of(observed: &Observed) -> &Object {
    let set = observed.objects.keys().find(|object| object.kind == "ApplicationSet").expect("there is one");
    observed.object(set).expect("it is live")
}

#[test]
fn what_argocd_deployed_stays() {
    let (inputs, observed) = (with_models(), in_place(&with_models()));
    let set = set_of(&observed);
    let around = Surroundings { argocd: vec![generated(set, "iris-dev")], ..Surroundings::default() };
    let way = planned(&inputs, &observed, &around, Wishes::default());

    let prepared = release(&way, &set.reference());
    assert_eq!(prepared.object.get("/spec/syncPolicy/preserveResourcesOnDeletion"), Some(&json!(true)));
    assert!(prepared.object.list("/spec/template/metadata/finalizers").is_empty());
    assert_eq!(prepared.object.get("/spec/generators"), set.get("/spec/generators"), "nothing else changes");
    let iris = argocds("Application", "iris-dev");
    let spared = place(&way, |step| *step == Undo::Spare(iris.clone()));
    assert!(place(&way, |step| matches!(step, Undo::Prepare(_))) < spared);
    assert!(spared < place(&way, deletion("ApplicationSet")));
    assert!(deletes(&way, &iris), "it is waited for");
    says(&way, "what Argo CD has deployed stays, for ApplicationSet/");
}

#[test]
fn with_workloads_it_goes_while_the_controller_and_the_projects_are_there() {
    let (inputs, observed) = (with_models(), in_place(&with_models()));
    let around =
        Surroundings { argocd: vec![generated(set_of(&observed), "iris-dev")], ..Default::default() };
    let way = planned(&inputs, &observed, &around, CASCADE);
    let last = steps(&way).into_iter().rposition(deletion("Application")).expect("some go");
    for kind in ["AppProject", "StatefulSet", "CustomResourceDefinition", "Namespace"] {
        assert!(last < place(&way, deletion(kind)), "{kind}");
    }
    for name in ["iris-dev", "seldon-gitops-dev"] {
        place(&way, |step| *step == Undo::Cascade(argocds("Application", name)));
    }
    assert!(!steps(&way).iter().any(|step| matches!(step, Undo::Spare(_))));
    says(&way, "what Argo CD has deployed goes as well");

    let simulated = Observed { nodes: Nodes { real: 0, simulated: 1 }, ..observed };
    let why = refused(&inputs, &simulated, &around, CASCADE);
    assert!(why.contains("application controller, which does not run here"), "{why}");
    planned(&inputs, &simulated, &around, Wishes::default());
}

#[test]
fn with_workloads_a_namespace_goes_that_holds_nothing_else() {
    let inputs = inputs(|_| ());
    let mut observed = in_place(&inputs);
    let reference = argocds("Application", "seldon-gitops-dev");
    let resource = json!({ "version": "v1", "kind": "ConfigMap", "namespace": "dev", "name": "model" });
    let live = observed.object(&reference).expect("it is there").clone();
    let live = live.with("status", json!({ "resources": [resource] }));
    observed = with(observed, live.clone());
    let contents = [("dev".to_owned(), vec![held("ConfigMap", "model")])].into();
    let around = Surroundings { contents, argocd: vec![live], ..Surroundings::default() };
    let namespace = ObjectRef::cluster_scoped("v1", "Namespace", "dev");
    assert!(deletes(&planned(&inputs, &observed, &around, CASCADE), &namespace));
    let way = planned(&inputs, &observed, &around, Wishes::default());
    assert!(!deletes(&way, &namespace));
    says(&way, "Namespace/dev stays, with what others put there: ConfigMap/model");
}

#[test]
fn projects_outlive_applications_by_default_too() {
    let inputs = with_models();
    let way = planned(&inputs, &in_place(&inputs), &Surroundings::default(), Wishes::default());
    let last = steps(&way).into_iter().rposition(deletion("Application")).expect("some go");
    assert!(last < place(&way, deletion("AppProject")));
}

#[test]
fn a_controller_that_restarts_is_there() {
    let inputs = inputs(|_| ());
    let observed = in_place(&inputs);
    assert!(teardown::controller_runs(&inputs, &observed), "no pod is ready, and one will be");
    let controller =
        ObjectRef::namespaced("apps/v1", "StatefulSet", "argocd", "argocd-application-controller");
    let mut live = observed.object(&controller).expect("it is there").clone();
    live.get_mut("/spec").expect("a spec")["replicas"] = json!(0);
    assert!(!teardown::controller_runs(&inputs, &with(observed.clone(), live)));
    let simulated = Observed { nodes: Nodes { real: 0, simulated: 1 }, ..observed };
    assert!(!teardown::controller_runs(&inputs, &simulated));
    assert!(!teardown::controller_runs(&inputs, &running(KUBERNETES_1_36)));
}

#[test]
fn customizations_of_others_stay_in_the_text_of_before_2_1() {
    const THEIRS: &str = "acme.com/Widget:\n  health.lua: return {status = \"Healthy\"}\n";
    let mut inputs = inputs(|config| config.health_checks = Some(HealthChecks::default()));
    inputs.config.argocd.version = "v1.6.2".parse().expect("a release");
    let manager = "gitops-setup-health-checks";
    let holding = |text: &str| {
        let fields = json!({ "f:data": { format!("f:{CUSTOMIZATIONS_KEY}"): {} } });
        let live = Object::new(&names::config("argocd")).with("data", json!({ CUSTOMIZATIONS_KEY: text }));
        let live = set(live, "/metadata", "resourceVersion", json!("7"));
        with(running(KUBERNETES_1_36), owned(live, json!([entry(manager, fields)])))
    };
    let released = |text: &str| planned(&inputs, &holding(text), &Surroundings::default(), KEEP);

    let both = health::merged(THEIRS, CHECKS).expect("a map");
    let way = released(&both);
    let apply = release(&way, &names::config("argocd"));
    let left = apply.object.text(&format!("/data/{CUSTOMIZATIONS_KEY}"));
    assert!(left.contains("acme.com/Widget") && !left.contains(health::MARK), "{left}");
    assert_eq!(apply.precondition, Precondition::Unchanged("7".into()));
    assert_eq!(apply.manager, manager);
    says(&way, "what others have in `resource.customizations`");

    assert!(steps(&released(left)).is_empty(), "a second time there is nothing to do");
    let way = released(&health::merged("", CHECKS).expect("a map"));
    let apply = release(&way, &names::config("argocd"));
    assert_eq!(apply.object.get("/data"), None, "nothing of others is in it");
}

#[test]
fn an_argocd_that_was_there_before_stays() {
    let mut existing = inputs(|config| config.argocd.manifest = ManifestSource::Existing);
    let observed = in_place(&inputs(|_| ()));
    existing.install = None;
    let way = planned(&existing, &observed, &Surroundings::default(), Wishes::default());
    let server = names::server_deployment("argocd");
    assert!(!deletes(&way, &server));
    assert!(!deletes(&way, &ObjectRef::cluster_scoped("v1", "Namespace", "argocd")));
    assert!(deletes(&way, &ObjectRef::cluster_scoped("v1", "Namespace", "dev")));
    says(&way, "Argo CD stays: `argocd.manifest: existing`");

    // Installed over one of somebody's: nothing of it goes, not even what the other one had not.
    let both = json!([
        entry(MANAGER, json!({ "f:spec": { "f:replicas": {} } })),
        entry("kubectl", json!({ "f:spec": { "f:replicas": {} } })),
    ]);
    let live = owned(observed.object(&server).expect("it is there").clone(), both);
    let way = planned(&inputs(|_| ()), &with(observed, live), &Surroundings::default(), Wishes::default());
    assert!(!steps(&way).into_iter().any(deletion("CustomResourceDefinition")));
    says(&way, "Argo CD stays: it was there before");
}

#[test]
fn a_project_that_others_use_stays_without_our_destinations_and_token() {
    let inputs = inputs(|_| ());
    let observed = in_place(&inputs);
    let reference = argocds("AppProject", "seldon");
    let live = observed.object(&reference).expect("it is there").clone();
    let alone = planned(&inputs, &observed, &Surroundings::default(), KEEP);
    assert!(deletes(&alone, &reference));

    // Somebody deploys by it, to where one of ours does.
    let theirs =
        Surroundings { argocd: vec![application("foreign", "seldon", "prod")], ..Default::default() };
    let tokens = json!([{ "iat": 1, "id": MANAGER }, { "iat": 2, "id": "ci" }]);
    let mut known =
        live.clone().with("status", json!({ "jwtTokensByRole": { "seldon-admin": { "items": tokens } } }));
    known.get_mut("/spec/roles/0").expect("our role")["jwtTokens"] = tokens;
    let way = planned(&inputs, &with(observed.clone(), known), &theirs, KEEP);
    assert!(!deletes(&way, &reference));
    says(&way, "AppProject/seldon in argocd stays for the role seldon-admin, Application/foreign in argocd");
    let apply = release(&way, &reference);
    let left: Vec<&Value> =
        apply.object.list("/spec/destinations").iter().map(|entry| &entry["namespace"]).collect();
    assert_eq!(left, ["prod"]);
    let ci = json!([{ "iat": 2, "id": "ci" }]);
    assert_eq!(apply.object.get("/spec/roles/0/jwtTokens"), Some(&ci));
    assert_eq!(apply.object.get("/status/jwtTokensByRole/seldon-admin/items"), Some(&ci));

    // Whatever else somebody put into it.
    for (list, entry) in [
        ("sourceRepos", json!("https://git.acme.com/theirs")),
        ("clusterResourceWhitelist", json!({ "group": "", "kind": "Node" })),
        ("namespaceResourceWhitelist", json!({ "group": "", "kind": "Pod" })),
        ("roles", json!({ "name": "ci", "policies": [] })),
        ("destinations", json!({ "namespace": "theirs", "server": "*" })),
    ] {
        let mut entries = live.list(&format!("/spec/{list}")).to_vec();
        entries.push(entry);
        let live = set(live.clone(), "/spec", list, json!(entries));
        let way = planned(&inputs, &with(observed.clone(), live), &Surroundings::default(), KEEP);
        assert!(!deletes(&way, &reference), "{list}");
    }
}

fn hooked() -> Inputs {
    inputs(|config| config.webhooks = Some(Webhooks::default()))
}

fn webhook(address: Endpoint, hook: Option<HookState>) -> WebhooksState {
    let webhooks = vec![Webhook { receiver: Receiver::Argocd, address, hook }];
    WebhooksState::Seen { api: "https://api.github.com".into(), webhooks }
}

#[test]
fn webhooks_that_this_tool_made_go() {
    const URL: &str = "https://gitops.acme.com/argocd/api/webhook";
    let inputs = hooked();
    let hook = HookState { id: "41".into(), fits: true, moved: false, shared: false, left: 1 };
    let removed = |observed: &Observed, wishes| {
        let way = planned(&inputs, observed, &Surroundings::default(), wishes);
        (steps(&way).iter().any(|step| matches!(step, Undo::RemoveWebhook(_))), way)
    };
    let state = webhook(Endpoint::Url(URL.into()), Some(hook));
    let observed = Observed { webhooks: state, ..in_place(&inputs) };
    let (goes, way) = removed(&observed, Wishes::default());
    assert!(!goes);
    says(&way, "nothing notes that this tool gave it a secret");
    says(&way, "1 more with the address of Argo CD stay at the Git host");

    let provider = inputs.config.git_provider().expect("it is known");
    let note = Given::of(provider, &inputs.config.git.repo_url(), URL);
    let note = note.note(&names::secret("argocd"), "a1", "41");
    let annotations = note.get("/metadata/annotations").expect("a note").clone();
    let secret = observed.object(&names::secret("argocd")).expect("it is there").clone();
    let noted = with(observed.clone(), set(secret, "/metadata", "annotations", annotations));
    assert!(removed(&noted, Wishes::default()).0);
    let shared = HookState { id: "41".into(), fits: false, moved: false, shared: true, left: 0 };
    let state = webhook(Endpoint::Url(URL.into()), Some(shared));
    let (goes, way) = removed(&Observed { webhooks: state, ..noted.clone() }, Wishes::default());
    assert!(!goes);
    says(&way, "it sends other events as well by now");
    let (goes, way) = removed(&noted, Wishes { keep_webhooks: true, ..Wishes::default() });
    assert!(!goes);
    says(&way, "the webhooks stay at the Git host: --keep-webhooks");
}

#[test]
fn webhooks_that_are_not_known_are_named() {
    let inputs = hooked();
    for (state, words) in [
        (
            webhook(Endpoint::Missing("no ingress".into()), None),
            "nobody knows which one it is, since no ingress",
        ),
        (WebhooksState::NotVerified("offline".into()), "is not looked at: offline; remove them there"),
    ] {
        let observed = Observed { webhooks: state, ..in_place(&inputs) };
        says(&planned(&inputs, &observed, &Surroundings::default(), Wishes::default()), words);
    }
}

fn held(kind: &str, name: &str) -> Object {
    Object::new(&ObjectRef::namespaced("v1", kind, "dev", name))
}

#[test]
fn a_namespace_goes_with_nothing_but_what_every_namespace_has() {
    let inputs = inputs(|_| ());
    let observed = in_place(&inputs);
    let namespace = ObjectRef::cluster_scoped("v1", "Namespace", "dev");
    let goes = |contents: Vec<Object>| {
        let contents = [("dev".to_owned(), contents)].into();
        let around = Surroundings { contents, ..Surroundings::default() };
        deletes(&planned(&inputs, &observed, &around, Wishes::default()), &namespace)
    };
    let owned_by = |object: Object, kind: &str, name: &str| {
        let owner = json!([{ "apiVersion": "v1", "kind": kind, "name": name, "uid": "1" }]);
        set(object, "/metadata", "ownerReferences", owner)
    };
    let token =
        held("Secret", "builder-token-x").with_annotation("kubernetes.io/service-account.name", "builder");
    assert!(goes(vec![
        held("ConfigMap", "kube-root-ca.crt"),
        held("ConfigMap", "istio-ca-root-cert"),
        held("ConfigMap", "openshift-service-ca.crt"),
        held("ServiceAccount", "pipeline"),
        held("RoleBinding", "system:image-pullers"),
        token.clone(),
        owned_by(held("Pod", "of-what-goes"), "Namespace", "dev"),
    ]));
    assert!(!goes(vec![held("ConfigMap", "mine")]));
    assert!(!goes(vec![token.with_annotation("kubernetes.io/service-account.name", "mine")]));
    // Its owner is elsewhere and stays: nothing else would tell of it.
    assert!(!goes(vec![owned_by(held("Secret", "tls"), "Cluster", "elsewhere")]));
    let owner = set(held("ConfigMap", "owner"), "/metadata", "uid", json!("1"));
    let left = teardown::left_in(
        &inputs,
        &Default::default(),
        &[owner, owned_by(held("Secret", "part"), "ConfigMap", "owner")],
    );
    assert_eq!(left, ["ConfigMap/owner"], "a part is not named beside the whole");
}

#[test]
fn clusters_that_were_added_keep_argocd() {
    let inputs = inputs(|_| ());
    let observed = in_place(&inputs);
    let secret = Object::new(&ObjectRef::namespaced("v1", "Secret", "argocd", "cluster-east"))
        .with_label("argocd.argoproj.io/secret-type", "cluster")
        .with_label("app.kubernetes.io/managed-by", MANAGER)
        .with("data", json!({ "name": "ZWFzdA==", "server": "aHR0cHM6Ly9lYXN0" }));
    let stored = Stored::of(&owned(secret, json!([entry(MANAGER, json!({}))]))).expect("a cluster");
    let around = Surroundings { clusters: vec![stored], ..Surroundings::default() };
    let why = refused(&inputs, &observed, &around, Wishes::default());
    assert!(why.contains("cargo xtask clusters remove east"), "{why}");
    says(&planned(&inputs, &observed, &around, KEEP), "stay known: east");
}

#[test]
fn what_was_there_before_loses_our_fields_where_it_stays_valid() {
    let inputs = inputs(|_| ());
    let namespace = ObjectRef::cluster_scoped("v1", "Namespace", "dev");
    let application = argocds("Application", "seldon-gitops-dev");
    let both = json!([
        entry(MANAGER, json!({ "f:metadata": { "f:labels": { "f:a": {} } } })),
        entry("kubectl", json!({ "f:metadata": { "f:labels": { "f:a": {} } } })),
    ]);
    let mut observed = in_place(&inputs);
    for object in [&namespace, &application] {
        let live = owned(observed.object(object).expect("it is there").clone(), both.clone());
        observed = with(observed, live);
    }
    let way = planned(&inputs, &observed, &Surroundings::default(), KEEP);
    assert!(!deletes(&way, &namespace) && !deletes(&way, &application));
    assert_eq!(release(&way, &namespace).object, Object::new(&namespace));
    says(&way, "Application/seldon-gitops-dev in argocd was there before: it stays, with what this tool set");
}
