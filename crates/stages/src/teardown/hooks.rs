//! Webhooks at the Git host: those that this tool made go.

use manifests::argocd::names;
use manifests::config::GitProvider;
use manifests::webhooks::{Given, Receiver};

use super::{Undo, Undoing, Way};
use crate::observed::{Endpoint, HookState, Webhook, WebhooksState};
use crate::plan::PutWebhook;

impl Way<'_> {
    pub(super) fn webhooks(&self, undoing: &mut Undoing) {
        let config = &self.inputs.config;
        let (Some(_), Some(provider)) = (&config.webhooks, config.git_provider()) else { return };
        if self.wishes.keep_webhooks {
            undoing.notes.push("the webhooks stay at the Git host: --keep-webhooks".into());
            return;
        }
        match &self.observed.webhooks {
            WebhooksState::Unknown => {}
            WebhooksState::NotVerified(why) => undoing.notes.push(format!(
                "the webhooks that setup made stay at the Git host, which is not looked at: {why}; remove them there"
            )),
            WebhooksState::Seen { webhooks, .. } => {
                webhooks.iter().for_each(|webhook| self.webhook(webhook, provider, undoing));
            }
        }
    }

    fn webhook(&self, webhook: &Webhook, provider: GitProvider, undoing: &mut Undoing) {
        let (name, key) = (webhook.receiver.name(), webhook.receiver.key());
        let url = match &webhook.address {
            Endpoint::Url(url) => url,
            Endpoint::Later(why) | Endpoint::Missing(why) | Endpoint::NotVerified(why) => {
                undoing.notes.push(format!(
                    "a webhook for {name} stays at the Git host, if there is one: nobody knows which one it is, since \
                     {why}; its address can be named in `{key}`"
                ));
                return;
            }
        };
        let Some(hook) = &webhook.hook else { return };
        if hook.left > 0 {
            undoing.notes.push(format!(
                "{} more with the address of {name} stay at the Git host, for other events as well",
                hook.left
            ));
        }
        let put = PutWebhook::new(&self.inputs.config, webhook.receiver, provider, url);
        match self.is_ours(hook, &put) {
            _ if hook.shared => undoing.notes.push(format!(
                "the webhook for {name} stays at the Git host: {url}; it sends other events as well by now"
            )),
            true => undoing.steps.push(Undo::RemoveWebhook(Box::new(put))),
            false => undoing.notes.push(format!(
                "the webhook for {name} stays at the Git host: {url}; nothing notes that this tool gave it a secret"
            )),
        }
    }

    /// It was noted to have been given a secret. The other receiver knows none, there the address is all that tells.
    fn is_ours(&self, hook: &HookState, put: &PutWebhook) -> bool {
        let secret = self.observed.object(&names::secret(self.inputs.argocd_namespace()));
        let given = Given::of(put.provider, &put.repository, &put.url);
        put.receiver == Receiver::Seldon
            || hook.moved
            || secret.is_some_and(|secret| given.was_given(secret, &hook.id))
    }
}
