//! What the stage git-credentials plans.

use insta::assert_snapshot;
use manifests::argocd::names;
use manifests::config::{Author, Config, GitAuth, SecretRef, Seldon};
use manifests::object::LAST_APPLIED;
use manifests::{Object, ObjectRef, repository, trust};
use serde_json::{Value, json};
use stages::observed::Live;
use stages::plan::{Action, Precondition};
use stages::{Apply, Inputs, Observed, Plan};

use super::support::{
    Filled, KUBERNETES_1_36, STORED, config, inputs, plan, plan_all, running, set, settled, stage,
    terminating, with,
};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBQY9ZO1Bh9OZEo1pFr1Rm6J2vF1pM1a8cC4sUEx2nRg";
const PEM: &str = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";

pub(crate) fn env(name: &str) -> SecretRef {
    SecretRef::Env(name.into())
}

pub(crate) fn token() -> GitAuth {
    GitAuth::Token { username: "gitops-bot".into(), token: env("GIT_TOKEN") }
}

pub(crate) fn ssh() -> GitAuth {
    let (private_key, passphrase) = (env("GIT_KEY"), Some(env("GIT_PASSPHRASE")));
    GitAuth::Ssh { private_key, passphrase, known_hosts: None }
}

/// Inputs with a token for https, and the changes.
pub(crate) fn configured(change: impl FnOnce(&mut Config)) -> Inputs {
    let mut config = config();
    config.git.auth = Some(token());
    change(&mut config);
    inputs(config)
}

fn over_ssh(change: impl FnOnce(&mut Config)) -> Inputs {
    let inputs = configured(|config| {
        config.git.url = "git@git.acme.com:acme/gitops".into();
        config.git.auth = Some(ssh());
        change(config);
    });
    Inputs { known_hosts: format!("git.acme.com {KEY}\n"), ..inputs }
}

/// Argo CD is installed, and nothing else.
fn installed(inputs: &Inputs) -> Observed {
    let mut observed = running(KUBERNETES_1_36);
    let install = plan("install-argocd", inputs, &observed).expect("it can be installed");
    observed.assume(&install.objects().cloned().collect::<Vec<_>>());
    observed
}

fn map(reference: &ObjectRef, data: Value) -> Object {
    set(Object::new(reference).with("data", data), "/metadata", "resourceVersion", json!("7"))
}

fn planned(inputs: &Inputs, observed: &Observed) -> Plan {
    plan("git-credentials", inputs, observed).expect("it can be planned")
}

fn applied<'a>(plan: &'a Plan, name: &str) -> &'a Apply {
    plan.actions
        .iter()
        .find_map(|action| match action {
            Action::Apply(apply) if apply.object.name() == name => Some(&**apply),
            _ => None,
        })
        .unwrap_or_else(|| panic!("{name} is not applied: {plan:#?}"))
}

/// What a plan does, in short.
fn lines(plan: &Plan) -> Vec<String> {
    let line = |action: &Action| match action {
        Action::Apply(apply) => format!("apply {} as {}", apply.object.reference(), apply.manager),
        Action::RemoveField { object, pointer, .. } => format!("remove {pointer} of {object}"),
        other => format!("{other:?}"),
    };
    plan.actions.iter().map(line).collect()
}

#[test]
fn everything_that_opens_the_repository_in_one_plan() {
    let inputs =
        over_ssh(|config| config.seldon = Some(Seldon { create_namespace: true, ..Seldon::default() }));
    let plan = planned(&inputs, &installed(&inputs));
    assert_snapshot!(lines(&plan).join("\n"), @"
    apply ConfigMap/argocd-ssh-known-hosts-cm in argocd as gitops-setup-git-credentials
    apply Secret/repo-git-acme-com-acme-gitops-c8df4946e4 in argocd as gitops-setup
    apply Namespace/seldon-system as gitops-setup
    apply Secret/git-creds in seldon-system as gitops-setup
    ");
    let hosts = applied(&plan, "argocd-ssh-known-hosts-cm");
    let text = trust::known_hosts_in(&hosts.object);
    assert!(
        text.contains("github.com ssh-ed25519") && text.ends_with(&format!("git.acme.com {KEY}\n")),
        "{text}"
    );
    assert!(hosts.force);
    let [(key, _), ..] = applied(&plan, "git-creds").fill.as_slice() else { panic!("no key") };
    assert_eq!(key, "id_rsa");
    assert_eq!(applied(&plan, "seldon-system").precondition, Precondition::Absent);
}

#[test]
fn certificates_are_for_the_host_whatever_its_port() {
    let inputs = configured(|config| config.git.url = "https://git.acme.com:8443/acme/gitops".into());
    let inputs = Inputs { ca_certificate: Some(PEM.into()), ..inputs };
    let reference = names::tls_certificates("argocd");
    let theirs = PEM.replace("QUJD", "WFla");
    let live = map(&reference, json!({"git.acme.com": theirs, "other.com": theirs}));
    let plan = planned(&inputs, &with(installed(&inputs), live));
    let apply = applied(&plan, &reference.name);
    assert_eq!(apply.object.get("/data"), Some(&json!({"git.acme.com": format!("{theirs}{PEM}")})));
    assert_eq!(apply.precondition, Precondition::Unchanged("7".into()));
}

#[test]
fn certificates_of_the_host_before_stay() {
    let inputs = configured(|config| config.git.url = "https://new.acme.com/acme/gitops".into());
    let inputs = Inputs { ca_certificate: Some(PEM.into()), ..inputs };
    let reference = names::tls_certificates("argocd");
    let live = map(&reference, json!({"old.acme.com": PEM, "other.com": PEM}));
    let entry = json!({
        "manager": "gitops-setup-git-credentials",
        "operation": "Apply",
        "fieldsV1": {"f:data": {"f:old.acme.com": {}}},
    });
    let live = set(live, "/metadata", "managedFields", json!([entry]));
    let plan = planned(&inputs, &with(installed(&inputs), live));
    let data = applied(&plan, &reference.name).object.get("/data").cloned();
    assert_eq!(data, Some(json!({"new.acme.com": PEM, "old.acme.com": PEM})));
}

#[test]
fn a_local_repository_or_none_needs_no_credentials() {
    for (url, why) in [
        ("file:///srv/gitops.git", "a local repository needs no credentials"),
        ("", "no `git.url` is configured"),
    ] {
        let inputs = configured(|config| {
            config.git.url = url.into();
            config.git.auth = None;
        });
        let plan = planned(&inputs, &running(KUBERNETES_1_36));
        assert_eq!(plan.skipped.as_deref(), Some(why));
        let stage = stage("git-credentials");
        assert!(stage.reads(&inputs).is_empty() && (stage.secrets)(&inputs, &Observed::default()).is_empty());
    }
}

#[test]
fn argo_cd_has_to_be_there() {
    let inputs = configured(|_| {});
    assert_snapshot!(plan("git-credentials", &inputs, &running(KUBERNETES_1_36)).unwrap_err(), @"
    ConfigMap/argocd-cm in argocd is not there
      install Argo CD first: cargo xtask setup --from install-argocd
    ");
}

#[test]
fn seldons_namespace_has_to_be_there_or_is_made() {
    let inputs = configured(|config| config.seldon = Some(Seldon::default()));
    let observed = installed(&inputs);
    assert_snapshot!(plan("git-credentials", &inputs, &observed).unwrap_err(), @"
    Namespace/seldon-system is not there
      install Seldon Enterprise Platform first, or set `seldon.createNamespace: true`, or remove `seldon`
    ");
    let place = Object::new(&ObjectRef::cluster_scoped("v1", "Namespace", "seldon-system"));
    let there = planned(&inputs, &with(observed.clone(), place.with_label("managed-by", "Helm")));
    assert!(!lines(&there).iter().any(|line| line.contains("Namespace")), "it is not ours: {there:?}");
    let gone = with(observed, terminating("seldon-system"));
    let error = plan("git-credentials", &inputs, &gone).unwrap_err().to_string();
    assert!(error.starts_with("Namespace/seldon-system is being deleted"), "{error}");
}

#[test]
fn without_credentials_seldon_gets_none() {
    let inputs = configured(|config| {
        config.git.auth = None;
        config.seldon = Some(Seldon { create_namespace: true, ..Seldon::default() });
    });
    let plan = planned(&inputs, &installed(&inputs));
    assert_eq!(plan.notes, ["`seldon` gets no Git credentials: neither `seldon.auth` nor `git.auth` is set"]);
    assert!(!lines(&plan).iter().any(|line| line.contains("git-creds")));
}

#[test]
fn whoever_commits_has_to_have_a_name_and_an_address() {
    let inputs = |author| {
        configured(|config| {
            config.git.author = author;
            config.seldon = Some(Seldon { create_namespace: true, ..Seldon::default() });
        })
    };
    let notes = |inputs: &Inputs| planned(inputs, &installed(inputs)).notes;
    let ada = Author { name: "Ada".into(), email: "ada@acme.com".into() };
    assert_eq!(notes(&inputs(Some(ada.clone()))), [""; 0]);
    for author in [None, Some(Author { email: String::new(), ..ada })] {
        let notes = notes(&inputs(author));
        assert!(notes[0].contains("set `git.author`"), "{notes:?}");
    }
}

#[test]
fn a_changed_token_is_one_changed_secret() {
    let inputs = configured(|_| {});
    let (_, observed) = plan_all(&inputs, running(KUBERNETES_1_36)).unwrap();
    let mut observed = settled(&inputs, observed);
    assert_eq!(planned(&inputs, &observed).actions, []);
    let name = repository::repository_secret(&inputs.config);
    let reference = ObjectRef::namespaced("v1", "Secret", "argocd", &name);
    observed.stored.remove(&(reference, "password".into()));
    let plan = planned(&inputs, &observed);
    assert_eq!(lines(&plan), [format!("apply Secret/{name} in argocd as gitops-setup")]);
    let changes: Vec<_> = applied(&plan, &name).changes.iter().map(ToString::to_string).collect();
    assert_eq!(changes, [r#"data.password: another value (hidden)"#]);
}

#[test]
fn the_copy_that_kubectl_apply_keeps_of_credentials_goes() {
    let inputs =
        configured(|config| config.seldon = Some(Seldon { create_namespace: true, ..Seldon::default() }));
    let reference = ObjectRef::namespaced("v1", "Secret", "seldon-system", "git-creds");
    let live = Object::new(&reference).with_annotation(LAST_APPLIED, STORED);
    let plan = planned(&inputs, &with(installed(&inputs), live));
    let removal = "remove /metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration of \
                   Secret/git-creds in seldon-system";
    assert!(lines(&plan).contains(&removal.to_owned()), "{:?}", lines(&plan));
    assert!(!format!("{plan:?}{}", serde_json::to_string(&plan).unwrap()).contains(STORED));
}

/// Configurations that differ in what the stages of credentials do.
fn several() -> Vec<Inputs> {
    let seldon = || Some(Seldon { create_namespace: true, ..Seldon::default() });
    vec![
        configured(|_| {}),
        configured(|config| config.git.auth = None),
        configured(|config| {
            config.git.credential_template = Some("https://github.com/".into());
            config.seldon = seldon();
            config.argocd.namespace = "gitops".into();
        }),
        over_ssh(|config| config.seldon = seldon()),
        Inputs { ca_certificate: Some(PEM.into()), ..configured(|config| config.git.auth = None) },
    ]
}

#[test]
fn planned_again_after_being_applied_nothing_is_left_and_no_secret_is_shown() {
    for inputs in several() {
        let (first, observed) = plan_all(&inputs, running(KUBERNETES_1_36)).unwrap();
        let credentials = first.iter().find(|(name, _)| *name == "git-credentials").unwrap();
        assert!(!credentials.1.actions.is_empty());
        let (second, _) = plan_all(&inputs, settled(&inputs, observed.clone())).unwrap();
        for (stage, plan) in &second {
            assert_eq!(plan.actions, [], "{stage}");
        }
        // Other values than those that are to be: all of them are changed, and none is shown.
        let mut other = observed.with_filled(&inputs);
        other.stored.clear();
        let (third, _) = plan_all(&inputs, other).unwrap();
        let text = format!(
            "{first:?}{second:?}{third:?}{}",
            serde_json::to_string(&[&first, &second, &third]).unwrap()
        );
        assert!(!text.contains(STORED) && !text.contains("planted"));
    }
}

#[test]
fn secrets_are_in_no_rendered_object() {
    for inputs in several() {
        let objects = (stage("git-credentials").objects)(&inputs);
        assert!(objects.iter().all(|object| object.kind() == "Namespace"), "{objects:?}");
    }
}

#[test]
fn a_kind_that_is_unknown_is_no_reason_to_forget_the_others() {
    let inputs = configured(|_| {});
    let mut observed = installed(&inputs);
    observed.objects.insert(names::tls_certificates("argocd"), Live::Absent);
    assert_eq!(planned(&inputs, &observed).actions.len(), 1, "only what is configured is looked at");
}
