//! `webhooks list|test|rotate|remove`.

use std::process::ExitCode;
use std::time::Duration;

use ::cluster::Client;
use git_credentials::hosts::Hook;
use manifests::config::{GitProvider, Variant};
use manifests::webhooks::Receiver;
use stages::observed::{Endpoint, HookState, Nodes, Webhook, WebhooksState};
use stages::{Observed, PutWebhook};

use super::block_on_locked;
use crate::args::{Global, Webhooks};
use crate::failure::Failure;
use crate::observe::Observer;
use crate::report::count;
use crate::session::{Effects, Session};
use crate::webhooks::{self, Site, deliver};

/// What puts everything in place.
const STAGE: &str = "cargo xtask stage webhooks";

pub(crate) fn run(global: &Global, what: Webhooks) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    let provider = configured(&session)?;
    block_on_locked(&session, async {
        let work = Work::of(&session, provider).await?;
        match what {
            Webhooks::List => work.list().await,
            Webhooks::Test { timeout } => work.test(timeout).await,
            Webhooks::Rotate(lock) => {
                session.lock.set("webhooks rotate", lock.lock_timeout);
                work.rotate().await
            }
            Webhooks::Remove(lock) => {
                session.lock.set("webhooks remove", lock.lock_timeout);
                work.remove().await
            }
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn configured(session: &Session) -> Result<GitProvider, Failure> {
    let config = &session.config;
    let missing = match config.git_provider().filter(|_| config.webhooks.is_some()) {
        Some(provider) => return Ok(provider),
        None if config.webhooks.is_none() => "webhooks",
        None => "git.url",
    };
    Err(Failure::Usage(format!(
        "no `{missing}` is configured\n  see what there is to configure: cargo xtask init"
    )))
}

/// What the commands work with.
struct Work<'a> {
    session: &'a Session,
    provider: GitProvider,
    client: Client,
    nodes: Nodes,
}

impl<'a> Work<'a> {
    async fn of(session: &'a Session, provider: GitProvider) -> Result<Self, Failure> {
        let mut observer = Observer::new(session);
        observer.reach().await?;
        Ok(Self { session, provider, client: observer.client()?.clone(), nodes: observer.nodes() })
    }

    fn say(&self, text: &str) {
        self.session.report.paragraph(text);
    }

    /// The webhooks as they are, and what is observed with them.
    async fn look(&self) -> Result<(Vec<Webhook>, Observed), Failure> {
        let stage = self.session.stages.find("webhooks")?;
        let inputs = self.session.inputs(&[stage], Effects::Allowed).await?;
        let mut observer = Observer::new(self.session).settled();
        let observed = observer.observe(stage, &inputs).await?;
        match &observed.webhooks {
            WebhooksState::Seen { webhooks, .. } => Ok((webhooks.clone(), observed)),
            WebhooksState::NotVerified(why) => Err(Failure::Precondition(why.clone())),
            WebhooksState::Unknown => Err(Failure::Bug("webhooks that nobody looked at".into())),
        }
    }

    /// The action that would put a webhook in place; `None` with a word about it where it has no address.
    fn action(&self, receiver: Receiver, address: &Endpoint) -> Option<PutWebhook> {
        match address {
            Endpoint::Url(url) => Some(PutWebhook::new(&self.session.config, receiver, self.provider, url)),
            Endpoint::Later(why) | Endpoint::Missing(why) | Endpoint::NotVerified(why) => {
                let key = receiver.key();
                self.say(&format!("{}: no address: {why}; it can be named in `{key}`", receiver.name()));
                None
            }
        }
    }

    async fn list(&self) -> Result<(), Failure> {
        let (webhooks, observed) = self.look().await?;
        let site = self.site().await?;
        let (hooks, kind) = (site.hooks(self.session).await?, site.host.kind());
        let repository = self.session.config.git.repo_url();
        self.say(&format!("{repository} at {} ({})", site.host.api(), kind.name()));
        let mut ours = Vec::new();
        for webhook in &webhooks {
            let Some(action) = self.action(webhook.receiver, &webhook.address) else { continue };
            self.say(&format!("{}: {}", webhook.receiver.name(), action.url));
            let Some(HookState { id, .. }) = &webhook.hook else { continue };
            ours.push(id);
            if let Some(hook) = hooks.iter().find(|hook| hook.id == *id) {
                self.say(&format!("  {}", described(hook, kind)));
            }
        }
        for hook in hooks.iter().filter(|hook| !ours.contains(&&hook.id)) {
            self.say(&format!("other, to {}: {}", hook.target(), described(hook, kind)));
        }
        self.compare(&observed, !ours.is_empty()).await
    }

    /// Says what the stage would change.
    async fn compare(&self, observed: &Observed, any: bool) -> Result<(), Failure> {
        let stage = self.session.stages.find("webhooks")?;
        let inputs = self.session.inputs(&[stage], Effects::Allowed).await?;
        let plan = (stage.plan)(&inputs, observed)?;
        for action in &plan.actions {
            if let stages::Action::PutWebhook(put) = action {
                self.say(&format!("{}: {}", put.receiver.name(), put.changes.join("; ")));
            }
        }
        match plan.actions.is_empty() {
            false => self.say(&format!("to put it right: {STAGE}")),
            true if any => self.say("as configured"),
            true => {}
        }
        Ok(())
    }

    async fn site(&self) -> Result<Site, Failure> {
        let site = Site::of(self.session).await?;
        site.ok_or_else(|| Failure::Bug("webhooks of a repository at no Git host".into()))
    }

    async fn test(&self, timeout: Duration) -> Result<(), Failure> {
        let config = &self.session.config;
        if config.argocd.variant == Variant::Core {
            return Err(Failure::Usage(
                "the core variant of Argo CD has no API that a webhook could reach".into(),
            ));
        }
        let (mut sent, mut failed) = (0, None);
        for receiver in manifests::webhooks::receivers(config) {
            let address = webhooks::endpoint(self.session, &self.client, self.nodes, receiver, true).await?;
            let Some(action) = self.action(receiver, &address) else { continue };
            sent += 1;
            match self.deliver(&action, timeout).await {
                Ok(done) => self.say(&format!("{}: {done}", receiver.name())),
                // Both are tried, whatever becomes of the first.
                Err(failure) if failed.is_none() => failed = Some(failure),
                Err(failure) => self.say(&format!("{}: {failure}", receiver.name())),
            }
        }
        match (failed, sent) {
            (Some(failure), _) => Err(failure),
            (None, 0) => Err(Failure::Precondition(
                "there is no address to send an event to\n  name one in `webhooks.argocdUrl`".into(),
            )),
            (None, _) => Ok(()),
        }
    }

    async fn deliver(&self, action: &PutWebhook, timeout: Duration) -> Result<String, Failure> {
        let (session, config) = (self.session, &self.session.config);
        let secret = deliver::secret_of(&self.client, action).await?;
        let before = deliver::reconciled(&self.client, config).await?;
        deliver::send(config, action, secret).await?;
        let accepted = format!("{} accepts the event", action.url);
        if action.receiver == Receiver::Seldon {
            return Ok(accepted);
        }
        if before.is_empty() {
            return Ok(format!(
                "{accepted}; not verified: that an Application is refreshed, as there is none"
            ));
        }
        let name = deliver::refreshed(session, &self.client, &before, timeout).await?;
        Ok(format!("{accepted}, and Application {name} is refreshed"))
    }

    async fn rotate(&self) -> Result<(), Failure> {
        self.session.lock(&self.client).await?;
        let (webhooks, observed) = self.look().await?;
        for webhook in webhooks {
            let Some(action) = self.action(webhook.receiver, &webhook.address) else { continue };
            let name = webhook.receiver.name();
            let Some(secret) = &action.secret else {
                self.say(&format!("{name}: has no secret"));
                continue;
            };
            if webhook.hook.is_none_or(|hook| hook.moved) {
                return Err(Failure::Precondition(format!(
                    "{} is at no webhook of the repository\n  put it in place: {STAGE}",
                    action.url
                )));
            }
            let others = observed.object(secret).map_or(0, |live| {
                manifests::webhooks::Given::of(action.provider, &action.repository, &action.url).others(live)
            });
            webhooks::rotate(self.session, &self.client, &action).await?;
            self.say(&format!("{name}: a new secret is stored in {secret} and at the Git host"));
            if others > 0 {
                self.say(&format!(
                    "{} of other repositories had the same: run {STAGE} with their configuration, too",
                    count(others, "webhook")
                ));
            }
        }
        Ok(())
    }

    async fn remove(&self) -> Result<(), Failure> {
        self.session.lock(&self.client).await?;
        // Without its address nobody knows which one it is.
        let (webhooks, _) = self.look().await?;
        for webhook in webhooks {
            let Some(action) = self.action(webhook.receiver, &webhook.address) else { continue };
            let name = webhook.receiver.name();
            let removed = webhooks::remove(self.session, &self.client, &action).await?;
            self.say(&match removed.hooks {
                0 => format!("{name}: there was no webhook for pushes alone with the address {}", action.url),
                hooks => format!("{name}: {} removed", count(hooks, "webhook")),
            });
            if let (Some(why), Some(secret)) = (removed.kept, &action.secret) {
                self.say(&format!("{name}: its secret stays in {secret}: {why}"));
            }
        }
        self.say("setup puts them in place again as long as `webhooks` is configured");
        Ok(())
    }
}

/// A webhook in a few words.
fn described(hook: &Hook, kind: GitProvider) -> String {
    let mut words = vec![hook.events.join(", ")];
    words.push(if hook.active { "active" } else { "not active" }.into());
    if let Some(verified) = hook.verify_tls {
        words.push(if verified { "certificate verified" } else { "certificate not verified" }.into());
    }
    if let Some(secret) = hook.has_secret {
        words.push(if secret { "with a secret" } else { "without a secret" }.into());
    }
    words.extend(hook.state.clone());
    match kind {
        // There its number is what proves its events.
        GitProvider::Bitbucket => words.join("; "),
        _ => format!("{}: {}", hook.id, words.join("; ")),
    }
}
