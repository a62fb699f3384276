//! Webhooks: what is planned for each provider, and when there is nothing to do.

use insta::assert_snapshot;
use manifests::argocd::names;
use manifests::config::{Config, Git, GitProvider, Seldon, Webhooks};
use manifests::webhooks::{self, Given, Receiver};
use manifests::{Object, ObjectRef};
use serde_json::json;
use stages::observed::{Endpoint, HookState, Webhook, WebhooksState};
use stages::{Action, Inputs, Observed, Plan, PutWebhook};

use super::support::{self, KUBERNETES_1_36, STORED, plan_all, running, set, with};

const URL: &str = "https://gitops.acme.com/argocd/api/webhook";
const API: &str = "https://api.github.com";

fn inputs(change: impl FnOnce(&mut Config)) -> Inputs {
    let mut config = support::config();
    config.webhooks = Some(Webhooks::default());
    change(&mut config);
    support::inputs(config)
}

fn with_provider(provider: GitProvider) -> Inputs {
    inputs(|config| {
        config.git = Git { url: "git.acme.com/ml/gitops".into(), ..Git::default() };
        config.webhooks = Some(Webhooks { provider: Some(provider), ..Webhooks::default() });
    })
}

fn webhook(receiver: Receiver, address: Endpoint, hook: Option<HookState>) -> Webhook {
    Webhook { receiver, address, hook }
}

fn at(url: &str, hook: Option<HookState>) -> Vec<Webhook> {
    vec![webhook(Receiver::Argocd, Endpoint::Url(url.into()), hook)]
}

fn there() -> Option<HookState> {
    Some(HookState { id: "41".into(), fits: true, moved: false, shared: false, left: 0 })
}

/// A cluster with Argo CD, and these webhooks at the Git host.
fn seen(api: &str, webhooks: Vec<Webhook>) -> Observed {
    let mut observed = with(running(KUBERNETES_1_36), Object::new(&names::secret("argocd")));
    observed.webhooks = WebhooksState::Seen { api: api.into(), webhooks };
    observed
}

/// The secret is stored, and the hook with this number was given it.
fn given(mut observed: Observed, inputs: &Inputs, hook: &str) -> Observed {
    let secret = names::secret("argocd");
    let provider = inputs.config.git_provider().expect("it is known");
    let given = Given::of(provider, &inputs.config.git.repo_url(), URL);
    let (mut data, mut owned) = (json!({}), json!({}));
    for (key, _) in webhooks::secret_keys(provider) {
        data[&key] = json!(STORED);
        owned[format!("f:{key}")] = json!({});
        observed.stored.insert((secret.clone(), key));
    }
    let object = webhooks::secret_object(&secret, provider, data, "a1");
    let owner = json!([{ "manager": webhooks::manager(provider), "fieldsV1": { "f:data": owned } }]);
    let object = set(object, "/metadata", "managedFields", owner);
    let note = given.note(&secret, "a1", hook);
    let annotations = note.get("/metadata/annotations").expect("a note").as_object().expect("a map");
    let object = annotations
        .iter()
        .fold(object, |object, (name, value)| object.with_annotation(name, value.as_str().expect("text")));
    with(observed, object)
}

fn planned(inputs: &Inputs, observed: &Observed) -> Plan {
    support::plan("webhooks", inputs, observed).expect("it can be planned")
}

fn puts(plan: &Plan) -> Vec<&PutWebhook> {
    plan.actions
        .iter()
        .map(|action| match action {
            Action::PutWebhook(put) => &**put,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_webhook_of_every_provider_is_one_action() {
    let lines = [
        GitProvider::Github,
        GitProvider::Gitlab,
        GitProvider::Bitbucket,
        GitProvider::BitbucketServer,
        GitProvider::Gitea,
        GitProvider::Gogs,
        GitProvider::AzureDevops,
    ]
    .map(|provider| {
        let inputs = with_provider(provider);
        let plan = planned(&inputs, &seen("https://git.acme.com/api", at(URL, None)));
        let [put] = puts(&plan)[..] else { panic!("{plan:?}") };
        assert!(put.creates && put.verify_tls);
        let fill = serde_json::to_value(&put.fill).expect("JSON");
        format!("{}: {}: {fill}", provider.word(), put.changes.join("; "))
    });
    assert_snapshot!(lines.join("\n"), @r#"
    github: it is not at the Git host; data.webhook.github.secret of Secret/argocd-secret in argocd: (hidden): [["webhook.github.secret","random"]]
    gitlab: it is not at the Git host; data.webhook.gitlab.secret of Secret/argocd-secret in argocd: (hidden): [["webhook.gitlab.secret","random"]]
    bitbucket: it is not at the Git host; data.webhook.bitbucket.uuid of Secret/argocd-secret in argocd: (hidden): [["webhook.bitbucket.uuid","hookUuid"]]
    bitbucket-server: it is not at the Git host; data.webhook.bitbucketserver.secret of Secret/argocd-secret in argocd: (hidden): [["webhook.bitbucketserver.secret","random"]]
    gitea: it is not at the Git host; data.webhook.gogs.secret of Secret/argocd-secret in argocd: (hidden): [["webhook.gogs.secret","random"]]
    gogs: it is not at the Git host; data.webhook.gogs.secret of Secret/argocd-secret in argocd: (hidden): [["webhook.gogs.secret","random"]]
    azure-devops: it is not at the Git host; data.webhook.azuredevops.username of Secret/argocd-secret in argocd: (hidden); data.webhook.azuredevops.password of Secret/argocd-secret in argocd: (hidden): [["webhook.azuredevops.username",{"text":"gitops-setup"}],["webhook.azuredevops.password","random"]]
    "#);
}

#[test]
fn a_plan_is_shown_whole_and_has_no_secret() {
    let inputs = inputs(|config| config.seldon = Some(Seldon::default()));
    let mut webhooks = at(URL, None);
    let seldon = Endpoint::Url("https://seldon.acme.com/api/git-webhook".into());
    webhooks.push(webhook(Receiver::Seldon, seldon, None));
    let plan = planned(&inputs, &seen(API, webhooks));
    assert_snapshot!(serde_json::to_string_pretty(&plan.actions).expect("JSON"), @r#"
    [
      {
        "putWebhook": {
          "receiver": "argocd",
          "provider": "github",
          "repository": "https://github.com/acme/gitops",
          "url": "https://gitops.acme.com/argocd/api/webhook",
          "verifyTls": true,
          "secret": {
            "apiVersion": "v1",
            "kind": "Secret",
            "namespace": "argocd",
            "name": "argocd-secret"
          },
          "fill": [
            [
              "webhook.github.secret",
              "random"
            ]
          ],
          "changes": [
            "it is not at the Git host",
            "data.webhook.github.secret of Secret/argocd-secret in argocd: (hidden)"
          ],
          "creates": true
        }
      },
      {
        "putWebhook": {
          "receiver": "seldon",
          "provider": "github",
          "repository": "https://github.com/acme/gitops",
          "url": "https://seldon.acme.com/api/git-webhook",
          "verifyTls": true,
          "changes": [
            "it is not at the Git host"
          ],
          "creates": true
        }
      }
    ]
    "#);
}

#[test]
fn what_is_as_wanted_and_given_is_left_alone() {
    for provider in [GitProvider::Github, GitProvider::Bitbucket, GitProvider::AzureDevops] {
        let inputs = with_provider(provider);
        let observed = given(seen("https://git.acme.com/api", at(URL, there())), &inputs, "41");
        let plan = planned(&inputs, &observed);
        assert_eq!((plan.actions.len(), plan.unchanged), (0, 1), "{plan:?}");
    }
}

#[test]
fn whatever_is_not_as_wanted_is_said() {
    let inputs = inputs(|_| {});
    let changes = |observed: &Observed| puts(&planned(&inputs, observed))[0].changes.join("; ");
    let other = Some(HookState { fits: false, ..there().unwrap() });
    assert_eq!(
        changes(&given(seen(API, at(URL, other)), &inputs, "41")),
        "it is another one at the Git host"
    );
    let moved = Some(HookState { fits: false, moved: true, ..there().unwrap() });
    let action = puts(&planned(&inputs, &given(seen(API, at(URL, moved)), &inputs, "40")))[0].clone();
    assert_eq!(action.changes, ["it leads to an address of before at the Git host, and is led to this one"]);
    assert!(!action.creates);
    let unknown = "the Git host was not given the stored secret";
    assert_eq!(changes(&given(seen(API, at(URL, there())), &inputs, "40")), unknown);
    let hidden = "data.webhook.github.secret of Secret/argocd-secret in argocd: (hidden)";
    assert_eq!(changes(&seen(API, at(URL, there()))), hidden);
    let mut replaced = given(seen(API, at(URL, there())), &inputs, "41");
    replaced.stored.clear();
    assert_eq!(changes(&replaced), hidden, "the admin password, for one");
    let shared = Some(HookState { left: 2, ..there().unwrap() });
    let plan = planned(&inputs, &given(seen(API, at(URL, shared)), &inputs, "41"));
    assert_eq!((plan.actions.len(), plan.notes.len()), (0, 1), "{plan:?}");
}

#[test]
fn an_address_that_leads_nowhere_is_an_error() {
    let inputs = inputs(|config| config.seldon = Some(Seldon::default()));
    let error = |api: &str, webhooks: Vec<Webhook>| {
        support::plan("webhooks", &inputs, &seen(api, webhooks)).unwrap_err().to_string()
    };
    assert_snapshot!(error(API, at("https://10.0.0.7/api/webhook", None)), @"
    https://10.0.0.7/api/webhook is an address of a private network: the Git host (https://api.github.com) can't send anything to Argo CD there
      name the address under which it can in `webhooks.argocdUrl`
    ");
    assert_snapshot!(error("https://git.acme.com/api/v4", at("http://localhost:8080/api/webhook", None)), @"
    http://localhost:8080/api/webhook is an address of the machine that uses it: the Git host (https://git.acme.com/api/v4) can't send anything to Argo CD there
      name the address under which it can in `webhooks.argocdUrl`
    ");
    let missing = |receiver| vec![webhook(receiver, Endpoint::Missing("`expose.via: none`".into()), None)];
    assert_snapshot!(error(API, missing(Receiver::Argocd)), @"
    no address leads the Git host to Argo CD: `expose.via: none`
      expose it by `expose.via`, or name the address in `webhooks.argocdUrl`
    ");
    let seldon = planned(&inputs, &seen(API, missing(Receiver::Seldon)));
    assert_snapshot!(seldon.not_verified.join("\n"), @"the webhook for Seldon Enterprise Platform: `expose.via: none`; its address can be named in `webhooks.seldonUrl`, or `webhooks.seldon: false` leaves it out");
    // A Git host of one's own may be in the same network.
    let own = seen("https://git.acme.com/api/v4", at("https://10.0.0.7/api/webhook", None));
    assert_eq!(planned(&inputs, &own).actions.len(), 1);
}

#[test]
fn what_is_not_known_is_said() {
    let inputs = inputs(|_| {});
    let later = vec![webhook(Receiver::Argocd, Endpoint::Later("no address yet".into()), None)];
    assert_snapshot!(planned(&inputs, &seen(API, later)).notes.join("\n"), @"known after access: the address of Argo CD (no address yet)");
    let unknown = vec![webhook(Receiver::Argocd, Endpoint::NotVerified("simulated nodes".into()), None)];
    assert_snapshot!(planned(&inputs, &seen(API, unknown)).not_verified.join("\n"), @"the webhook for Argo CD: simulated nodes; its address can be named in `webhooks.argocdUrl`");
    let offline = Observed { webhooks: WebhooksState::NotVerified("offline".into()), ..Observed::default() };
    assert_eq!(planned(&inputs, &offline).not_verified, ["offline"]);
    let (plans, _) = plan_all(&inputs, Observed::default()).expect("before there is a cluster");
    let plan = &plans.iter().find(|(name, _)| *name == "webhooks").expect("a plan").1;
    assert_eq!(plan.notes, ["known after access: which webhooks are missing"]);
}

#[test]
fn what_is_less_safe_is_said() {
    let inputs = inputs(|config| {
        config.git.url = "gitlab.acme.com/ml/gitops".into();
        config.webhooks = Some(Webhooks { verify_tls: false, ..Webhooks::default() });
    });
    let plan =
        planned(&inputs, &seen("https://gitlab.acme.com/api/v4", at(&URL.replace("https", "http"), None)));
    assert_snapshot!(plan.notes.join("\n"), @"
    the certificate of Argo CD is not verified: `webhooks.verifyTls: false`
    Argo CD is reached by plain http, where everyone on the way reads what its events are known by
    ");
    assert!(!puts(&plan)[0].verify_tls);
}

/// Gitea takes such a webhook, and then sends nothing.
#[test]
fn what_gitea_would_not_send_is_said() {
    let inputs = with_provider(GitProvider::Gitea);
    let notes = |url| planned(&inputs, &seen("https://git.acme.com/api/v1", at(url, None))).notes.join("\n");
    assert_snapshot!(notes("https://10.0.0.5/argocd/api/webhook"), @"Gitea sends nothing to private addresses such as that of Argo CD, unless whoever runs it allows that by ALLOWED_HOST_LIST in the section `webhook` of app.ini");
    assert_eq!(notes(URL), "");
}

#[test]
fn without_configuration_or_argo_cd_nothing_is_planned() {
    let plan = planned(&support::inputs(support::config()), &Observed::default());
    assert_eq!(plan.skipped.as_deref(), Some("no `webhooks` is configured"));
    let inputs = inputs(|config| config.git.url = String::new());
    assert_eq!(planned(&inputs, &Observed::default()).skipped.as_deref(), Some("no `git.url` is configured"));
    let inputs = self::inputs(|_| {});
    let mut empty = running(KUBERNETES_1_36);
    empty.webhooks = WebhooksState::Seen { api: API.into(), webhooks: Vec::new() };
    let error = support::plan("webhooks", &inputs, &empty).unwrap_err().to_string();
    assert!(error.contains("Secret/argocd-secret in argocd is not there"), "{error}");
    let reads: Vec<ObjectRef> = support::stage("webhooks").reads(&inputs);
    assert_eq!(reads, [names::secret("argocd")]);
}
