//! What is made stricter than Argo CD does by itself.

use manifests::Object;
use manifests::argocd::names;
use manifests::config::{Config, ManifestSource, Variant};
use serde_json::{Value, json};
use stages::{Action, Inputs, Plan};

use crate::support::{self, KUBERNETES_1_36, running};

fn configured(change: impl Fn(&mut Config)) -> Inputs {
    let mut inputs = support::inputs(support::config());
    change(&mut inputs.config);
    inputs
}

fn planned(inputs: &Inputs, live: Option<Value>) -> Plan {
    let mut observed = running(KUBERNETES_1_36);
    if let Some(data) = live {
        let secret = Object::new(&names::secret("argocd")).with("data", data);
        observed.assume(&[secret, Object::new(&names::config("argocd"))]);
    }
    support::plan("hardening", inputs, &observed).expect("a plan")
}

fn filled(plan: &Plan) -> Vec<&str> {
    let applies = plan.actions.iter().filter_map(|action| match action {
        Action::Apply(apply) => Some(apply),
        _ => None,
    });
    applies.flat_map(|apply| &apply.fill).map(|(key, _)| key.as_str()).collect()
}

#[test]
fn keys_of_others_are_left_alone() {
    let inputs = configured(|_| {});
    let plan = planned(&inputs, Some(json!({ "webhook.gitlab.secret": "dGhlaXJz" })));
    let keys = filled(&plan);
    assert!(keys.contains(&"webhook.github.secret") && !keys.contains(&"webhook.gitlab.secret"), "{keys:?}");
    assert!(plan.notes[0].contains("webhooks without a secret are refused from now on"), "{:?}", plan.notes);
    assert_eq!(plan.objects().count(), 2, "the Secret and the limit");
}

#[test]
fn nothing_is_forced() {
    let plan = planned(&configured(|_| {}), Some(json!({})));
    for action in &plan.actions {
        let Action::Apply(apply) = action else { panic!("{action:?}") };
        assert_eq!((apply.manager.as_str(), apply.force), ("gitops-setup-hardening", false));
    }
}

#[test]
fn what_is_not_there_is_told_of_an_existing_argo_cd() {
    let inputs = configured(|config| config.argocd.manifest = ManifestSource::Existing);
    let plan = planned(&inputs, None);
    assert_eq!(
        plan.not_verified,
        ["Secret/argocd-secret in argocd is not there: webhooks that nobody uses stay open"]
    );
    assert_eq!(filled(&plan), Vec::<&str>::new());
}

#[test]
fn without_an_api_server_there_is_nothing_to_close() {
    let inputs = configured(|config| config.argocd.variant = Variant::Core);
    assert_eq!(planned(&inputs, None).skipped.as_deref(), Some("the core variant has no API server"));
}
