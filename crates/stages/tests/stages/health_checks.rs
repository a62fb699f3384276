//! Health checks in the ConfigMap of each version line, and their way from one form into the other.

use insta::assert_snapshot;
use manifests::argocd::names;
use manifests::config::{Config, HealthChecks, HealthKind};
use manifests::health::{self, CHECKS, CUSTOMIZATIONS_KEY, HealthCheck, INFERENCE_SERVICE};
use manifests::{Object, ObjectRef, yaml};
use serde_json::{Map, Value, json};
use stages::plan::{Action, Precondition, Unseen};
use stages::{Apply, Inputs, Observed, Plan};

use super::support::{KUBERNETES_1_36, config, inputs, plan, running, set, stage, with};

const OLD: [&str; 2] = ["v1.6.2", "v2.0.5"];
const NEW: [&str; 3] = ["v2.1.0", "v2.6.7", "v3.5.1"];
const THEIRS: &str = "# theirs\nacme.com/Widget:\n  health.lua: return {status = \"Healthy\"}\n";
const RAY_JOB: &str = "resource.customizations.health.ray.io_RayJob";

fn of(version: &str, section: HealthChecks) -> Inputs {
    let mut inputs = inputs(Config { health_checks: Some(section), ..config() });
    inputs.config.argocd.version = version.parse().expect("a release");
    inputs
}

fn all(version: &str) -> Inputs {
    of(version, HealthChecks::default())
}

fn only(version: &str, kinds: &[&str]) -> Inputs {
    let kinds = kinds.iter().map(|kind| HealthKind((*kind).to_owned())).collect();
    of(version, HealthChecks { kinds: Some(kinds), inference_service: false })
}

fn reference() -> ObjectRef {
    names::config("argocd")
}

fn holding(data: Value) -> Observed {
    let live = Object::new(&reference()).with("data", data);
    with(running(KUBERNETES_1_36), set(live, "/metadata", "resourceVersion", json!("7")))
}

fn planned(inputs: &Inputs, observed: &Observed) -> Plan {
    plan("health-checks", inputs, observed).expect("it can be planned")
}

fn apply(plan: &Plan) -> &Apply {
    let applied = plan.actions.iter().find_map(|action| match action {
        Action::Apply(apply) => Some(&**apply),
        _ => None,
    });
    applied.expect("something is applied")
}

fn data(observed: &Observed) -> Map<String, Value> {
    let live = observed.object(&reference()).expect("it is there");
    live.get("/data").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Keys that the stage has applied.
fn owned(observed: &Observed) -> Vec<String> {
    let live = observed.object(&reference()).expect("it is there");
    let fields = live.get("/metadata/managedFields/0/fieldsV1/f:data").and_then(Value::as_object);
    fields.into_iter().flat_map(Map::keys).map(|key| key["f:".len()..].to_owned()).collect()
}

/// The state after the plan: a server takes away what the stage has applied before and leaves out now.
fn after(observed: &Observed, plan: &Plan) -> Observed {
    let mut data = data(observed);
    let mut fields = Map::new();
    for action in &plan.actions {
        match action {
            Action::RemoveField { pointer, .. } => {
                data.remove(pointer.strip_prefix("/data/").expect("under data"));
            }
            Action::Apply(apply) => {
                data.retain(|key, _| !owned(observed).contains(key));
                let applied = apply.object.get("/data").and_then(Value::as_object).expect("data").clone();
                fields = applied.keys().map(|key| (format!("f:{key}"), json!({}))).collect();
                data.extend(applied);
            }
            other => panic!("{other:?}"),
        }
    }
    let entry = json!({
        "manager": "gitops-setup-health-checks",
        "operation": "Apply",
        "fieldsV1": { "f:data": fields },
    });
    let observed = holding(Value::Object(data));
    let live = observed.object(&reference()).expect("it is there").clone();
    with(observed, set(live, "/metadata", "managedFields", json!([entry])))
}

#[track_caller]
fn is_settled(inputs: &Inputs, observed: &Observed) {
    let again = planned(inputs, observed);
    assert_eq!((again.actions.as_slice(), again.unchanged), (&[] as &[_], 1));
}

fn text(observed: &Observed) -> Value {
    yaml::parse_value(data(observed)[CUSTOMIZATIONS_KEY].as_str().expect("a text")).expect("YAML")
}

#[test]
fn without_the_section_nothing_is_done_or_read() {
    let inputs = inputs(config());
    let plan = planned(&inputs, &running(KUBERNETES_1_36));
    assert_eq!(plan.skipped.as_deref(), Some("no `healthChecks` is configured"));
    assert!(stage("health-checks").reads(&inputs).is_empty());
    assert!((stage("health-checks").objects)(&inputs).is_empty());
}

#[test]
fn without_argo_cd_it_is_told_what_is_missing() {
    let error = plan("health-checks", &all("v3.5.1"), &running(KUBERNETES_1_36)).unwrap_err().to_string();
    assert!(error.starts_with("ConfigMap/argocd-cm in argocd is not there"), "{error}");
}

#[test]
fn since_2_1_every_check_has_a_key_and_others_keys_stay() {
    for version in NEW {
        let inputs = all(version);
        let start = holding(json!({ "url": "https://argocd.acme.com", CUSTOMIZATIONS_KEY: THEIRS }));
        let first = planned(&inputs, &start);
        let applied = apply(&first);
        assert_eq!((applied.manager.as_str(), applied.force), ("gitops-setup-health-checks", true));
        assert_eq!(applied.precondition, Precondition::Unchanged("7".into()));
        assert_eq!(applied.object.get("/data"), Some(&Value::Object(health::keys(CHECKS))), "{version}");
        assert_eq!((stage("health-checks").objects)(&inputs).first(), Some(&applied.object));
        let state = after(&start, &first);
        assert_eq!(data(&state)[CUSTOMIZATIONS_KEY], THEIRS);
        assert_eq!(data(&state)["url"], "https://argocd.acme.com");
        is_settled(&inputs, &state);
    }
}

#[test]
fn before_2_1_all_are_in_one_text_with_those_of_others() {
    for version in OLD {
        let inputs = all(version);
        let start = holding(json!({ CUSTOMIZATIONS_KEY: THEIRS, "url": "x" }));
        let first = planned(&inputs, &start);
        assert_eq!(apply(&first).precondition, Precondition::Unchanged("7".into()));
        let state = after(&start, &first);
        let customs = text(&state);
        assert_eq!(customs.as_object().map(Map::len), Some(CHECKS.len() + 1), "{version}");
        assert_eq!(customs["acme.com/Widget"]["health.lua"], "return {status = \"Healthy\"}");
        for check in CHECKS {
            assert_eq!(customs[check.name()]["health.lua"], check.lua(), "{version}");
        }
        is_settled(&inputs, &state);
        assert!((stage("health-checks").objects)(&inputs).is_empty(), "it is merged");
    }
}

#[test]
fn an_upgrade_moves_ours_and_leaves_others() {
    for (theirs, rest) in [("", None), (THEIRS, Some(yaml::parse_value(THEIRS).unwrap()))] {
        for version in NEW {
            let start = holding(json!({ CUSTOMIZATIONS_KEY: theirs }));
            let state = after(&start, &planned(&all("v1.6.2"), &start));
            let new = all(version);
            let moving = planned(&new, &state);
            let expected = moving.actions.iter().find_map(|action| match action {
                Action::RemoveField { pointer, expected, .. } => Some((pointer.as_str(), expected.clone())),
                _ => None,
            });
            let removed = data(&state)[CUSTOMIZATIONS_KEY].clone();
            let removal = ("/data/resource.customizations", Some(Unseen(removed)));
            assert_eq!(expected, rest.is_none().then_some(removal), "{version}");
            // Where the key is removed first, the version that was read is no longer there.
            let unchanged = rest.as_ref().map(|_| Precondition::Unchanged("7".into()));
            assert_eq!(apply(&moving).precondition, unchanged.unwrap_or_default());
            let moved = after(&state, &moving);
            assert_eq!(data(&moved).get(CUSTOMIZATIONS_KEY).map(|_| text(&moved)), rest, "{version}");
            assert_eq!(data(&moved)[RAY_JOB], health::keys(CHECKS)[RAY_JOB]);
            is_settled(&new, &moved);
        }
    }
}

#[test]
fn somebody_elses_check_stays_in_either_form_and_is_named() {
    let theirs = "return {status = \"Healthy\"}";
    let common = format!("ray.io/RayCluster:\n  health.lua: {theirs}\n");
    let start = holding(json!({ RAY_JOB: theirs, CUSTOMIZATIONS_KEY: common }));
    let inputs = only("v3.5.1", &["ray.io/RayJob", "ray.io/RayCluster", "ray.io/RayService"]);
    let first = planned(&inputs, &start);
    assert_snapshot!(first.notes.join("\n"), @"ConfigMap/argocd-cm in argocd has somebody else's health checks, which stay as they are: ray.io/RayCluster, ray.io/RayJob");
    let applied = apply(&first).object.get("/data").and_then(Value::as_object).unwrap();
    assert_eq!(applied.keys().collect::<Vec<_>>(), ["resource.customizations.health.ray.io_RayService"]);
    let state = after(&start, &first);
    assert_eq!((&data(&state)[RAY_JOB], &data(&state)[CUSTOMIZATIONS_KEY]), (&json!(theirs), &json!(common)));
    is_settled(&inputs, &state);
}

#[test]
fn ours_is_taken_back_and_what_is_no_longer_chosen_goes() {
    let inputs = only("v3.5.1", &["ray.io/RayJob", "ray.io/RayCluster"]);
    let start = holding(json!({}));
    let state = after(&start, &planned(&inputs, &start));
    let mut changed = data(&state);
    changed[RAY_JOB] = format!("{}-- and more", changed[RAY_JOB].as_str().unwrap()).into();
    let live = state.object(&reference()).unwrap().clone().with("data", changed);
    let back = planned(&inputs, &with(state.clone(), live));
    assert_eq!(apply(&back).object.get("/data"), state.object(&reference()).unwrap().get("/data"));
    for version in ["v3.5.1", "v1.6.2"] {
        let start = holding(json!({}));
        let both = after(&start, &planned(&only(version, &["ray.io/RayJob", "ray.io/RayCluster"]), &start));
        let one = only(version, &["ray.io/RayCluster"]);
        let left = after(&both, &planned(&one, &both));
        assert_eq!(data(&left).len(), 1, "{version}");
        assert!(!Value::Object(data(&left)).to_string().contains("RayJob"), "{version}");
        is_settled(&one, &left);
    }
}

#[test]
fn argo_cds_own_check_is_replaced_only_when_asked_for() {
    let start = holding(json!({}));
    let key = INFERENCE_SERVICE.key();
    assert!(!data(&after(&start, &planned(&all("v3.5.1"), &start))).contains_key(&key));
    let asked = of("v3.5.1", HealthChecks { inference_service: true, ..HealthChecks::default() });
    assert!(data(&after(&start, &planned(&asked, &start))).contains_key(&key));
}

#[test]
fn a_text_that_is_no_map_is_told() {
    let error = |version: &str| {
        let observed = holding(json!({ CUSTOMIZATIONS_KEY: "planted: [\n" }));
        plan("health-checks", &all(version), &observed).unwrap_err().to_string()
    };
    assert_snapshot!(error("v1.6.2"), @"
    `resource.customizations` in ConfigMap/argocd-cm in argocd is no YAML map of kinds (`group/Kind`) with their customizations: Argo CD can't read it either
      mend it: kubectl edit configmap argocd-cm --namespace argocd
    ");
    assert_eq!(error("v3.5.1"), error("v1.6.2"), "it is still read");
}

#[test]
fn the_keys_are_those_that_argo_cd_reads() {
    let keys: Vec<String> = CHECKS.iter().take(2).map(HealthCheck::key).collect();
    assert_eq!(
        keys,
        [
            "resource.customizations.health.argoproj.io_Application",
            "resource.customizations.health.kubeflow.org_MPIJob"
        ]
    );
}
