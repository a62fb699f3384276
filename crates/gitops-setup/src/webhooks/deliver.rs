//! A push event, sent as the Git host sends it, and what came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::wait::{Objects, Progress};
use cluster::{Client, ClusterError};
use git_credentials::Trust;
use git_credentials::http::{Answer, Broken, Http};
use git_credentials::signature::{push_event, signed};
use manifests::ObjectRef;
use manifests::argocd::names::{self, ARGOPROJ};
use manifests::config::Config;
use manifests::webhooks::Receiver;
use secrecy::SecretString;
use stages::PutWebhook;

use super::put::stored;
use crate::failure::Failure;
use crate::session::{Session, blocking};

/// Longest wait for an answer: Git hosts give up sooner.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whom Argo CD tells that an Application is to be looked at again.
const REFRESH: &str = "argocd.argoproj.io/refresh";

/// What an event is known by, as it is stored in the cluster; `None` for a receiver that checks nothing.
pub(crate) async fn secret_of(client: &Client, hook: &PutWebhook) -> Result<Option<SecretString>, Failure> {
    let Some(secret) = &hook.secret else { return Ok(None) };
    let value = match client.read(secret).await? {
        cluster::observe::Found::Object(live) => stored(&live, &hook.fill),
        _ => None,
    };
    value.map(|value| Some(value.into())).ok_or_else(|| {
        let key = hook.fill.first().map_or("", |(key, _)| key.as_str());
        Failure::Precondition(format!(
            "{secret} has no {key}, so Argo CD takes events from anybody\n  put the webhooks in place: cargo xtask stage \
             webhooks"
        ))
    })
}

/// Sends a push event; comes back where it is accepted.
pub(crate) async fn send(
    config: &Config,
    hook: &PutWebhook,
    secret: Option<SecretString>,
) -> Result<(), Failure> {
    let kind = hook.provider;
    let branch = config.git.branch.clone().unwrap_or_else(|| "main".into());
    let body = push_event(kind, &hook.repository, &branch).to_string();
    let proved = secret.is_some();
    let mut headers = signed(kind, &secret.unwrap_or_default(), body.as_bytes());
    if !proved {
        headers.retain(|(name, _)| !is_proof(name));
    }
    let trust = Trust { insecure: !hook.verify_tls, ..Trust::default() };
    let url = hook.url.clone();
    let answer = blocking(move || {
        Ok(Http::new(&trust, PATIENCE).and_then(|http| http.deliver(&url, &headers, body.as_bytes())))
    })
    .await?;
    judge(hook, answer.map(Said::from))
}

/// Whether a header is there to prove where the event comes from.
fn is_proof(name: &str) -> bool {
    ["Signature", "Signature-256", "Token", "UUID"].iter().any(|end| name.ends_with(end))
        || name == "Authorization"
}

/// As much of an answer as is judged.
struct Said {
    status: u16,
    page: bool,
    location: Option<String>,
    words: String,
}

impl From<Answer> for Said {
    fn from(answer: Answer) -> Self {
        let page = answer.header("content-type").is_some_and(|kind| kind.contains("html"))
            || answer.body.trim_ascii_start().starts_with(b"<");
        Self {
            status: answer.status,
            page,
            location: answer.header("location").map(|to| to.split('?').next().unwrap_or(to).to_owned()),
            words: answer.words(),
        }
    }
}

fn judge(hook: &PutWebhook, answer: Result<Said, Broken>) -> Result<(), Failure> {
    let PutWebhook { url, .. } = hook;
    let said = match answer {
        Ok(said) if (200..300).contains(&said.status) && !said.page => return Ok(()),
        Ok(said) => said,
        Err(broken) => return Err(not_there(hook, &broken)),
    };
    let words = if said.words.is_empty() { String::new() } else { format!(": {}", said.words) };
    let (what, next) = why(hook, &said);
    Err(Failure::Refused(format!("{url} rejects the event ({}){words}\n  {what}\n  {next}", said.status)))
}

/// Why an answer is no acceptance, and what to do about it.
fn why(hook: &PutWebhook, said: &Said) -> (String, String) {
    let (name, key) = (hook.receiver.name(), hook.receiver.key());
    let path = format!("compare `argocd.rootPath` and `{key}` with the address by which the UI opens");
    match said.status {
        200..300 => (
            "a web page answers there and no endpoint for webhooks: a wrong path, or a proxy with a login".into(),
            path,
        ),
        300..400 => {
            let to = said.location.as_deref().unwrap_or("elsewhere");
            (format!("it sends to {to}, and Git hosts don't go after it with an event"), format!("name the last address in `{key}`"))
        }
        400 if hook.receiver == Receiver::Argocd => (
            "Argo CD knows the event by another secret, or not at all: it takes over a stored secret within seconds, so \
             another Argo CD may answer at this address"
                .into(),
            "give both sides a new secret: cargo xtask webhooks rotate".into(),
        ),
        401 | 403 => (
            "somebody in front asks for a login, which a Git host does not have; or user and password are others".into(),
            format!("let the path {} pass without a login, or give both sides a new secret: cargo xtask webhooks rotate", path_of(&hook.url)),
        ),
        404 | 405 => (format!("{name} does not answer at this path"), path),
        413 => ("a proxy in front takes no body of this size".into(), "allow larger bodies there: push events may have megabytes".into()),
        429 => ("it was asked too often".into(), "run the same command again in some minutes".into()),
        502..=504 => (
            format!("the layer in front has no {name} behind it"),
            "look whether it runs: cargo xtask stage verify".into(),
        ),
        500.. => (format!("{name} failed"), "look into its log".into()),
        _ => (format!("{name} does not accept it"), path),
    }
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn not_there(hook: &PutWebhook, broken: &Broken) -> Failure {
    let PutWebhook { url, receiver, .. } = hook;
    let key = receiver.key();
    let next = match broken {
        Broken::TimedOut => {
            format!("a firewall may be in between; is `{key}` the right address? curl -v {url}")
        }
        Broken::UnknownAuthority | Broken::SelfSigned | Broken::Expired | Broken::WrongName => {
            "the Git host refuses it as well: let a certificate for this name be made that everybody trusts, or have \
             it not verified by `webhooks.verifyTls: false`"
                .into()
        }
        Broken::NotTls => format!("write `http://` in `{key}`, or let TLS be ended there"),
        _ => format!("check `{key}`, firewalls and the layer in front: curl -v {url}"),
    };
    let text = format!("{url} can't be reached: {broken}\n  {next}");
    match broken {
        Broken::TimedOut => Failure::TimedOut(text),
        _ => Failure::Precondition(text),
    }
}

/// When Applications were last reconciled, by name.
pub(crate) type Reconciled = BTreeMap<String, String>;

/// The Applications of the environments as they are now; those that were never reconciled have no time.
pub(crate) async fn reconciled(client: &Client, config: &Config) -> Result<Reconciled, Failure> {
    let live = client.list(&like(config)).await?.unwrap_or_default();
    let names = applications(config);
    let ours = live.into_iter().filter(|(name, _)| names.contains(name));
    Ok(ours.map(|(name, live)| (name, live.text("/status/reconciledAt").to_owned())).collect())
}

fn applications(config: &Config) -> Vec<String> {
    let logging = config.logging.as_ref().map(|logging| logging.environment());
    config.environments.iter().chain(&logging).map(|environment| environment.application()).collect()
}

fn like(config: &Config) -> ObjectRef {
    ObjectRef::namespaced(ARGOPROJ, "Application", &config.argocd.namespace, "")
}

/// Waits until one of the Applications is reconciled again; gives its name.
pub(crate) async fn refreshed(
    session: &Session,
    client: &Client,
    before: &Reconciled,
    within: Duration,
) -> Result<String, Failure> {
    let config = &session.config;
    let told = |lines: &[String]| session.report.waiting(lines);
    let again = |live: &Objects| {
        let is_new = |(name, time): &(&String, &String)| {
            live.get(*name).is_some_and(|live| {
                let now = live.text("/status/reconciledAt");
                !now.is_empty() && now != time.as_str()
            })
        };
        if let Some((name, _)) = before.iter().find(is_new) {
            return Progress::Done(name.clone());
        }
        let marked =
            before.keys().any(|name| live.get(name).is_some_and(|live| live.annotation(REFRESH).is_some()));
        Progress::Waiting(vec![if marked { MARKED } else { UNMARKED }.to_owned()])
    };
    match client.wait_until(&like(config), "an Application is refreshed", within, &told, again).await {
        Ok(name) => Ok(name),
        Err(ClusterError::TimedOut { state, .. }) => {
            Err(not_refreshed(config, state.iter().any(|line| line == MARKED), within))
        }
        Err(error) => Err(error.into()),
    }
}

const MARKED: &str = "Argo CD has marked an Application, which is not reconciled yet";
const UNMARKED: &str = "no Application is marked or reconciled yet";

fn not_refreshed(config: &Config, marked: bool, within: Duration) -> Failure {
    let namespace = &config.argocd.namespace;
    let (what, next) = match marked {
        true => (
            "Argo CD's server marked an Application, and its controller does nothing about it".to_owned(),
            format!("kubectl logs -n {namespace} -l app.kubernetes.io/name=argocd-application-controller"),
        ),
        false => {
            let old = match config.argocd.version.has_v1_crds() {
                true => "",
                false => ", or the secret is another one: a release as old as this answers 200 all the same",
            };
            (
                format!(
                    "Argo CD found no Application for {}: its `repoURL` may have another form{old}",
                    config.git.repo_url()
                ),
                format!("kubectl logs -n {namespace} deploy/{}", names::SERVER),
            )
        }
    };
    let seconds = within.as_secs();
    Failure::TimedOut(format!(
        "the event is accepted, and no Application is refreshed within {seconds} s\n  {what}\n  see its log: {next}"
    ))
}

#[cfg(test)]
#[path = "deliver/tests.rs"]
mod tests;
