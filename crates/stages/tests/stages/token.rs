//! The token of a project's role.

use insta::assert_snapshot;
use manifests::argocd::names::{self, ARGOPROJ};
use manifests::config::{Seldon, Variant};
use manifests::fill::{Fill, ProjectToken};
use manifests::{Object, ObjectRef};
use serde_json::json;
use stages::plan::{Action, Precondition};
use stages::{Apply, Inputs, Observed, Plan};

use super::credentials::configured;
use super::support::{KUBERNETES_1_36, STORED, plan, plan_all, running, set, settled, stage, with};

fn seldon() -> Inputs {
    configured(|config| {
        let project_token = Some("seldon".into());
        config.seldon = Some(Seldon { create_namespace: true, project_token, ..Seldon::default() });
    })
}

fn project() -> ObjectRef {
    ObjectRef::namespaced(ARGOPROJ, "AppProject", "argocd", "seldon")
}

/// The server has made what only it makes: the time of creation, and the signing key where its pods run.
fn alive(inputs: &Inputs, signing_key: bool) -> Observed {
    let (_, observed) = plan_all(inputs, running(KUBERNETES_1_36)).expect("it can be planned");
    let mut observed = settled(inputs, observed);
    let live = observed.object(&project()).expect("it is there").clone();
    let live = set(live, "/metadata", "creationTimestamp", json!("2026-11-21T09:29:54Z"));
    observed = with(observed, set(live, "/metadata", "resourceVersion", json!("42")));
    if signing_key {
        let secret = names::secret("argocd");
        let live = observed.object(&secret).expect("it is there").clone();
        observed = with(observed, live.with("data", json!({"server.secretkey": STORED})));
    }
    observed
}

fn planned(inputs: &Inputs, observed: &Observed) -> Plan {
    plan("project-token", inputs, observed).expect("it can be planned")
}

fn applies(plan: &Plan) -> Vec<&Apply> {
    plan.actions
        .iter()
        .map(|action| match action {
            Action::Apply(apply) => &**apply,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn the_project_knows_the_token_that_the_secret_holds() {
    let inputs = seldon();
    let plan = planned(&inputs, &alive(&inputs, true));
    let [project, secret] = applies(&plan).try_into().expect("two objects");
    assert_eq!((project.manager.as_str(), project.force), ("gitops-setup", true));
    assert_eq!(project.precondition, Precondition::Unchanged("42".into()));
    let issued_at = 1_795_253_394;
    assert_eq!(
        project.object.get("/spec/roles/0/jwtTokens"),
        Some(&json!([{"iat": issued_at, "id": "gitops-setup"}]))
    );
    assert_eq!(project.object.list("/spec/destinations").len(), 3, "with the request logger's");
    assert_eq!(secret.object.reference().to_string(), "Secret/jwt-argocd in seldon-system");
    let token = ProjectToken {
        project: "seldon".into(),
        role: "seldon-admin".into(),
        id: "gitops-setup".into(),
        issued_at,
        signed_by: names::secret("argocd"),
    };
    assert_eq!(secret.fill, [("jwt-argocd.txt".to_owned(), Fill::ProjectToken(token))]);
    let text = format!("{plan:?}{}", serde_json::to_string(&plan).unwrap());
    assert!(!text.contains(STORED), "the signing key is not shown");
}

#[test]
fn the_same_token_again_is_no_change_for_any_stage() {
    let inputs = seldon();
    let mut observed = alive(&inputs, true);
    let first = planned(&inputs, &observed);
    observed.assume(&first.objects().cloned().collect::<Vec<_>>());
    for (stage, plan) in plan_all(&inputs, settled(&inputs, observed)).unwrap().0 {
        assert_eq!(plan.actions, [], "{stage}");
    }
}

fn tokens(plan: &Plan) -> serde_json::Value {
    applies(plan)[0].object.get("/spec/roles/0/jwtTokens").cloned().expect("tokens")
}

/// Set up, and then somebody has taken the token out of the project.
fn revoked(inputs: &Inputs) -> Observed {
    let mut observed = alive(inputs, true);
    let first = planned(inputs, &observed);
    observed.assume(&first.objects().cloned().collect::<Vec<_>>());
    let live = settled(inputs, observed.clone()).object(&project()).expect("it is there").clone();
    let live = set(live, "/spec/roles/0", "jwtTokens", json!([]));
    let entry = |manager: &str, time: &str| json!({"manager": manager, "operation": "Update", "time": time});
    let managers = [
        entry("gitops-setup", "2026-11-21T09:30:00Z"),
        entry("argocd-server", "2026-11-21T10:00:00Z"),
        entry("kubectl", "2026-11-21T09:45:00Z"),
    ];
    with(settled(inputs, observed), set(live, "/metadata", "managedFields", json!(managers)))
}

#[test]
fn a_token_that_was_revoked_does_not_come_back() {
    let inputs = seldon();
    let mut observed = revoked(&inputs);
    observed.stored.clear();
    let again = planned(&inputs, &observed);
    let taken_out_at = 1_795_255_200;
    assert_eq!(tokens(&again), json!([{"iat": taken_out_at, "id": "gitops-setup"}]));
    let [_, secret] = applies(&again).try_into().expect("two objects");
    let Fill::ProjectToken(token) = &secret.fill[0].1 else { panic!("{secret:?}") };
    assert_eq!(token.issued_at, taken_out_at);
    // The server notes our own change later, and that is no reason for yet another token.
    observed.assume(&again.objects().cloned().collect::<Vec<_>>());
    let live = observed.object(&project()).expect("it is there").clone();
    let later = json!([{"manager": "gitops-setup", "operation": "Update", "time": "2026-11-21T11:00:00Z"}]);
    let observed = settled(&inputs, with(observed, set(live, "/metadata", "managedFields", later)));
    assert_eq!(planned(&inputs, &observed).actions, []);
}

#[test]
fn without_any_time_the_new_token_is_still_another_one() {
    let inputs = seldon();
    let observed = revoked(&inputs);
    let live = observed.object(&project()).expect("it is there").clone();
    let live = set(live, "/metadata", "managedFields", json!([]));
    let plan = planned(&inputs, &with(observed, live));
    assert_eq!(tokens(&plan), json!([{"iat": 1_795_253_395, "id": "gitops-setup"}]));
}

#[test]
fn a_token_that_the_project_knows_keeps_its_time() {
    let inputs = seldon();
    let observed = alive(&inputs, true);
    let live = observed.object(&project()).expect("it is there").clone();
    let known = json!([{"iat": 1_795_260_000, "id": "gitops-setup"}]);
    let observed = with(observed, set(live, "/spec/roles/0", "jwtTokens", known));
    let plan = planned(&inputs, &observed);
    let fills = plan.actions.iter().find_map(|action| match action {
        Action::Apply(apply) => apply.fill.first().map(|(_, fill)| fill.clone()),
        _ => None,
    });
    let Some(Fill::ProjectToken(token)) = fills else { panic!("{plan:?}") };
    assert_eq!(token.issued_at, 1_795_260_000);
}

#[test]
fn tokens_of_others_stay() {
    let inputs = seldon();
    let observed = alive(&inputs, true);
    let live = observed.object(&project()).unwrap().clone();
    let live = set(live, "/spec/roles/0", "jwtTokens", json!([{"iat": 1, "id": "ci"}]));
    let plan = planned(&inputs, &with(observed, live));
    let tokens = json!([{"iat": 1, "id": "ci"}, {"iat": 1_795_253_394, "id": "gitops-setup"}]);
    assert_eq!(applies(&plan)[0].object.get("/spec/roles/0/jwtTokens"), Some(&tokens));
}

#[test]
fn the_signing_key_is_waited_for_where_a_server_can_make_it() {
    let inputs = seldon();
    let mut observed = alive(&inputs, false);
    let plan = planned(&inputs, &observed);
    assert_eq!(plan.actions, [], "on simulated nodes nobody makes it");
    assert_snapshot!(plan.not_verified.join("\n"), @"no token: Secret/argocd-secret in argocd has no `server.secretkey`; Argo CD's server makes the key to sign with when it first starts");
    observed.nodes.real = 1;
    let plan = planned(&inputs, &observed);
    let [Action::WaitFor { object, pointer, .. }] = plan.actions.as_slice() else { panic!("{plan:?}") };
    assert_eq!((object, pointer.as_str()), (&names::secret("argocd"), "/data/server.secretkey"));
}

#[test]
fn before_the_first_effect_it_is_known_later() {
    let inputs = seldon();
    let (plans, _) = plan_all(&inputs, Observed::default()).unwrap();
    let (_, plan) = plans.iter().find(|(name, _)| *name == "project-token").unwrap();
    assert_eq!((plan.actions.len(), plan.not_verified.len()), (0, 0));
    assert_eq!(plan.notes, ["known after environments: when AppProject/seldon in argocd was made"]);
    let secret = with(running(KUBERNETES_1_36), Object::new(&names::secret("argocd")));
    assert_snapshot!(super::support::plan("project-token", &inputs, &secret).unwrap_err(), @"
    AppProject/seldon in argocd is not there
      make it first: cargo xtask setup --from environments
    ");
}

#[test]
fn without_the_key_or_without_an_api_it_is_skipped() {
    let plan = planned(&configured(|_| {}), &Observed::default());
    assert_eq!(plan.skipped.as_deref(), Some("no `seldon.projectToken` is configured"));
    let mut inputs = seldon();
    inputs.config.argocd.variant = Variant::Core;
    assert!(planned(&inputs, &Observed::default()).skipped.is_some());
    let reads = stage("project-token").reads(&configured(|_| {}));
    assert_eq!(reads, []);
}
