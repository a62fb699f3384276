//! Webhooks at the Git host, so that changes are pushed instead of polled.

use manifests::argocd::names;
use manifests::config::{GitProvider, Webhooks};
use manifests::fill::{Fill, FilledSecret};
use manifests::webhooks::{self, Given, Reach, Receiver};
use manifests::{Object, ObjectRef};

use super::{Fact, Stage, install_argocd::require, no_checks, no_objects};
use crate::inputs::Inputs;
use crate::observed::{Endpoint, HookState, Observed, Webhook, WebhooksState};
use crate::plan::{Action, Plan, PlanError, PutWebhook};

pub(super) const STAGE: Stage = Stage {
    name: "webhooks",
    summary: "webhooks at the Git host, for Argo CD and Seldon",
    needs: &["install-argocd", "access"],
    reads: Some(|inputs| configured(inputs).map(|_| secret(inputs)).into_iter().collect()),
    plan,
    objects: no_objects,
    checks: no_checks,
    facts: &[Fact::Webhooks],
    secrets: |inputs, _| {
        let filled = |(_, provider)| FilledSecret {
            object: Object::new(&secret(inputs)),
            fill: webhooks::secret_keys(provider),
        };
        configured(inputs).map(filled).into_iter().collect()
    },
};

/// What is configured, and what the Git host runs.
fn configured(inputs: &Inputs) -> Option<(&Webhooks, GitProvider)> {
    // The configuration refuses a repository whose host is not known.
    Some((inputs.config.webhooks.as_ref()?, inputs.config.git_provider()?))
}

fn secret(inputs: &Inputs) -> ObjectRef {
    names::secret(inputs.argocd_namespace())
}

fn plan(inputs: &Inputs, observed: &Observed) -> Result<Plan, PlanError> {
    let Some((webhooks, provider)) = configured(inputs) else {
        let missing = if inputs.config.webhooks.is_none() { "webhooks" } else { "git.url" };
        return Ok(Plan::skipped(format!("no `{missing}` is configured")));
    };
    let mut plan = Plan::default();
    let (api, seen) = match &observed.webhooks {
        WebhooksState::Unknown => return Ok(plan.with_note("known after access: which webhooks are missing")),
        WebhooksState::NotVerified(why) => {
            plan.not_verified.push(why.clone());
            return Ok(plan);
        }
        WebhooksState::Seen { api, webhooks } => (api, webhooks),
    };
    require(observed, &secret(inputs), inputs)?;
    for webhook in seen {
        let Some(url) = url(webhook, api, &mut plan)? else { continue };
        if let Some(left) = webhook.hook.as_ref().map(|hook| hook.left).filter(|left| *left > 0) {
            plan.notes.push(format!(
                "{left} more with the address of {} at the Git host, for other events as well: left alone",
                webhook.receiver.name()
            ));
        }
        let wanted = PutWebhook::new(&inputs.config, webhook.receiver, provider, url);
        let action = put(observed, webhook, wanted);
        notes(webhooks, &action, &mut plan);
        let is_so = action.changes.is_empty();
        plan.push(Action::PutWebhook(Box::new(action)), is_so);
    }
    Ok(plan)
}

/// Where the webhook is to lead; `None` where that can't be said now.
fn url<'a>(webhook: &'a Webhook, api: &str, plan: &mut Plan) -> Result<Option<&'a str>, PlanError> {
    let (name, key) = (webhook.receiver.name(), webhook.receiver.key());
    match &webhook.address {
        Endpoint::Url(url) => match unreachable(url, api) {
            Some(what) => Err(PlanError::precondition(
                format!("{url} is {what}: the Git host ({api}) can't send anything to {name} there"),
                format!("name the address under which it can in `{key}`"),
            )),
            None => Ok(Some(url)),
        },
        Endpoint::Later(why) => {
            plan.notes.push(format!("known after access: the address of {name} ({why})"));
            Ok(None)
        }
        Endpoint::NotVerified(why) => {
            plan.not_verified
                .push(format!("the webhook for {name}: {why}; its address can be named in `{key}`"));
            Ok(None)
        }
        // It may not be installed yet.
        Endpoint::Missing(why) if webhook.receiver == Receiver::Seldon => {
            plan.not_verified.push(format!(
                "the webhook for {name}: {why}; its address can be named in `{key}`, or `webhooks.seldon: false` leaves \
                 it out"
            ));
            Ok(None)
        }
        Endpoint::Missing(why) => Err(PlanError::precondition(
            format!("no address leads the Git host to {name}: {why}"),
            format!("expose it by `expose.via`, or name the address in `{key}`"),
        )),
    }
}

/// What an address is that the Git host can't reach.
fn unreachable(url: &str, api: &str) -> Option<&'static str> {
    let reach = Reach::of(url);
    (reach < Reach::of_git_host(api)).then_some(match reach {
        Reach::Machine => "an address of the machine that uses it",
        Reach::Network | Reach::Internet => "an address of a private network",
    })
}

fn put(observed: &Observed, webhook: &Webhook, put: PutWebhook) -> PutWebhook {
    let hook = webhook.hook.as_ref();
    let mut changes = match hook {
        None => vec!["it is not at the Git host".to_owned()],
        Some(HookState { moved: true, .. }) => {
            vec!["it leads to an address of before at the Git host, and is led to this one".to_owned()]
        }
        Some(HookState { fits: false, .. }) => vec!["it is another one at the Git host".to_owned()],
        Some(_) => Vec::new(),
    };
    if let Some(secret) = &put.secret {
        let given = Given::of(put.provider, &put.repository, &put.url);
        changes.extend(secret_changes(observed, secret, &put.fill, &given, hook));
    }
    PutWebhook { changes, creates: hook.is_none(), ..put }
}

/// What is not as it should be about the secret: it is stored, and the hook was given it.
fn secret_changes(
    observed: &Observed,
    secret: &ObjectRef,
    fill: &[(String, Fill)],
    given: &Given,
    hook: Option<&HookState>,
) -> Vec<String> {
    let missing: Vec<&str> =
        fill.iter().map(|(key, _)| key.as_str()).filter(|key| !observed.is_stored(secret, key)).collect();
    if !missing.is_empty() {
        return missing.iter().map(|key| format!("data.{key} of {secret}: (hidden)")).collect();
    }
    let current =
        |hook: &HookState| observed.object(secret).is_some_and(|live| given.is_current(live, &hook.id));
    match hook {
        Some(hook) if !hook.moved && !current(hook) => {
            vec!["the Git host was not given the stored secret".to_owned()]
        }
        _ => Vec::new(),
    }
}

/// What somebody should know before it is done.
fn notes(webhooks: &Webhooks, put: &PutWebhook, plan: &mut Plan) {
    let name = put.receiver.name();
    if !webhooks.verify_tls {
        plan.notes.push(format!("the certificate of {name} is not verified: `webhooks.verifyTls: false`"));
    }
    if put.secret.is_some() && put.url.starts_with("http://") && webhooks::sends_secret(put.provider) {
        plan.notes.push(format!(
            "{name} is reached by plain http, where everyone on the way reads what its events are known by"
        ));
    }
    // https://docs.gitea.com/administration/config-cheat-sheet#webhook-webhook: `external` is the default.
    let is_inside = Reach::of(&put.url) != Reach::Internet;
    if put.provider == GitProvider::Gitea && is_inside && !put.changes.is_empty() {
        plan.notes.push(format!(
            "Gitea sends nothing to private addresses such as that of {name}, unless whoever runs it allows that by \
             ALLOWED_HOST_LIST in the section `webhook` of app.ini"
        ));
    }
}
