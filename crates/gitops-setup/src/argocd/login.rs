//! Logging in with the configured password, and what it means where that fails.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cluster::Client;
use cluster::argocd::ApiError;
use cluster::observe::Found;
use jiff::Timestamp;
use manifests::argocd::names;
use manifests::config::SecretRef;
use manifests::fill::Fill;
use manifests::{Object, ObjectRef};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use stages::{Inputs, Observed};

use super::{NoReach, Reach, Wait};
use crate::access::Address;
use crate::failure::Failure;
use crate::report::Outcome;
use crate::session::Session;
use crate::{fill, observe};

/// The user whose password is configured.
const USER: &str = "admin";
/// How long Argo CD may take to hear of a password that was stored a moment ago, and how often it is asked meanwhile:
/// a fifth failure would lock the user out.
const DELAYS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// What counts as a moment ago.
const RECENT: i64 = 60;

/// What keeps the login from working.
enum Refused {
    NotVerified(String),
    Failed(Failure),
}

/// Makes sure that Argo CD is reached and takes the password, once its server runs. Where it does, the Secret with the
/// password that Argo CD made for itself has served its purpose.
pub(crate) async fn check(
    session: &Session,
    client: &Client,
    inputs: &Inputs,
    address: &Address,
    outcome: &mut Outcome,
) -> Result<Option<Reach>, Failure> {
    if let Address::NotVerified(_) = address {
        return Ok(None);
    }
    let server = names::server_deployment(inputs.argocd_namespace());
    let told = |lines: &[String]| session.report.waiting(lines);
    client.wait_rolled_out(&[server], session.report.timeout(), &told).await?;
    let reach = match super::reach(session, client, address, Wait::ForRoute).await {
        Ok(reach) => reach,
        Err(NoReach::NotVerified(why)) => {
            outcome.not_verified.push(format!("login: {why}"));
            return Ok(None);
        }
        Err(NoReach::Failed(failure)) => return Err(failure),
    };
    outcome
        .not_verified
        .extend(reach.passed_over.as_ref().map(|why| format!("the address from here: {why}")));
    let Some(password) = fill::used_password(inputs) else {
        outcome.notes.push("no `argocd.adminPassword`: nobody logged in".into());
        return Ok(Some(reach));
    };
    match attempt(session, client, &reach, password).await {
        Ok(_) => {
            let found = outcome.result.take().unwrap_or_default();
            outcome.result = Some(format!("{found}; {USER} logged in"));
            forget_initial_password(session, client, inputs, outcome).await?;
        }
        Err(Refused::NotVerified(why)) => outcome.not_verified.push(format!("login: {why}")),
        Err(Refused::Failed(failure)) => return Err(failure),
    }
    Ok(Some(reach))
}

/// Logs in with the password; gives the token.
pub(crate) async fn log_in(
    session: &Session,
    client: &Client,
    reach: &Reach,
    password: &SecretRef,
) -> Result<SecretString, Failure> {
    attempt(session, client, reach, password).await.map_err(|refused| match refused {
        Refused::NotVerified(why) => Failure::Refused(why),
        Refused::Failed(failure) => failure,
    })
}

async fn forget_initial_password(
    session: &Session,
    client: &Client,
    inputs: &Inputs,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let initial = names::initial_admin_secret(inputs.argocd_namespace());
    if let Found::Object(_) = client.read(&initial).await? {
        session.lock(client).await?;
        client.delete(&initial).await?;
        outcome.changed += 1;
        outcome.notes.push(format!("{initial} is deleted: the configured password works"));
    }
    Ok(())
}

async fn attempt(
    session: &Session,
    client: &Client,
    reach: &Reach,
    reference: &SecretRef,
) -> Result<SecretString, Refused> {
    let other = super::confidential(&session.config, client, reach).await.map_err(|error| match error {
        NoReach::NotVerified(why) => Refused::NotVerified(why),
        NoReach::Failed(failure) => Refused::Failed(failure),
    })?;
    let api = &other.as_ref().unwrap_or(reach).api;
    let password = session.secret(reference).await.map_err(Refused::Failed)?;
    let mut delays = DELAYS.iter();
    let token = loop {
        let error = match api.log_in(USER, &password).await {
            Ok(token) => break token,
            Err(error) => error,
        };
        let stored = Stored::read(session, client, reference).await.map_err(Refused::Failed)?;
        match delays.next().filter(|_| stored.may_be_news() && is_about_password(&error)) {
            Some(delay) => {
                session.report.waiting(&["Argo CD to hear of the new password".into()]);
                tokio::time::sleep(*delay).await;
            }
            None => return Err(explained(error, reference, &stored)),
        }
    };
    match api.is_logged_in(&token).await {
        Ok(true) => Ok(token),
        Ok(false) => {
            let stored = Stored::read(session, client, reference).await.map_err(Refused::Failed)?;
            Err(Refused::Failed(token_rejected(&token, &stored)))
        }
        Err(error) => Err(Refused::NotVerified(error.to_string())),
    }
}

fn is_about_password(error: &ApiError) -> bool {
    matches!(error, ApiError::WrongPassword { .. })
}

/// What Argo CD's Secret says of the password.
struct Stored {
    secret: ObjectRef,
    /// The configured password is the one that is stored; `None` where it can't be read.
    is_configured: Option<bool>,
    changed: Option<Timestamp>,
}

impl Stored {
    async fn read(session: &Session, client: &Client, reference: &SecretRef) -> Result<Self, Failure> {
        let secret = names::secret(&session.config.argocd.namespace);
        // Without the right to read it, the login's own answer has to do.
        let live: Option<Box<Object>> = match client.read(&secret).await {
            Ok(Found::Object(live)) => Some(live),
            _ => None,
        };
        let value = |key: &str| live.as_ref().and_then(|live| observe::value(live, key));
        let is_configured = match value("admin.password") {
            Some(hash) => {
                let fill = Fill::BcryptOf(reference.clone());
                Some(fill::is_filled(session, &fill, &hash, &Observed::default()).await?)
            }
            None => None,
        };
        let changed = value("admin.passwordMtime");
        let changed = changed.and_then(|text| String::from_utf8_lossy(&text).trim().parse().ok());
        Ok(Self { secret, is_configured, changed })
    }

    /// Stored so short a time ago that Argo CD may not have heard of it.
    fn may_be_news(&self) -> bool {
        let age = self.changed.map(|changed| Timestamp::now().as_second() - changed.as_second());
        self.is_configured == Some(true) && age.is_some_and(|age| age.abs() < RECENT)
    }
}

fn explained(error: ApiError, reference: &SecretRef, stored: &Stored) -> Refused {
    let secret = &stored.secret;
    let namespace = secret.namespace.as_deref().unwrap_or_default();
    Refused::Failed(Failure::Refused(match (&error, stored.is_configured) {
        (ApiError::WrongPassword { .. }, Some(true)) => format!(
            "{error}, although {secret} holds the password in {reference}: {USER} is locked out\n  after five \
             failures Argo CD refuses every login of a user for five minutes, with the right password too. Find out \
             who else tries, and run the same command again then: kubectl logs -n {namespace} deploy/argocd-server"
        ),
        (ApiError::WrongPassword { .. }, Some(false)) => format!(
            "{error}: wrong password, {secret} holds another one than {reference}\n  store it: cargo xtask stage \
             admin-password"
        ),
        (ApiError::WrongPassword { .. }, None) => format!(
            "{error}: the password in {reference} is wrong, or {USER} is locked out (five failures, for five \
             minutes)\n  store the password: cargo xtask stage admin-password"
        ),
        (ApiError::TooMany { .. }, _) => format!(
            "{error}\n  {USER} is locked out by whatever limits requests in front of Argo CD; run the same command \
             again later"
        ),
        (ApiError::NotArgoCd { .. }, _) => {
            format!(
                "{error}\n  compare `argocd.rootPath` with what is there: cargo xtask plan --only root-path"
            )
        }
        // A decision of those who run it, such as an account that is disabled, or trouble on the way.
        _ => return Refused::NotVerified(error.to_string()),
    }))
}

fn token_rejected(token: &SecretString, stored: &Stored) -> Failure {
    let secret = &stored.secret;
    let namespace = secret.namespace.as_deref().unwrap_or_default();
    let issued = issued_at(token);
    Failure::Refused(match (stored.changed, issued) {
        (Some(changed), Some(issued)) if changed > issued => format!(
            "Argo CD takes the password and then rejects its own token: `admin.passwordMtime` in {secret} is \
             {changed}, in the future of Argo CD's clock ({issued})\n  nobody can log in until then. Set it to the \
             past: kubectl patch secret {} -n {namespace} --type merge -p \
             '{{\"stringData\":{{\"admin.passwordMtime\":\"{issued}\"}}}}'",
            secret.name
        ),
        _ => format!(
            "Argo CD takes the password and then rejects its own token\n  do its replicas agree, and the clocks of \
             their nodes? kubectl logs -n {namespace} deploy/argocd-server"
        ),
    })
}

/// When a token was made, by the clock of who made it.
fn issued_at(token: &SecretString) -> Option<Timestamp> {
    let claims = token.expose_secret().split('.').nth(1)?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    // Seconds, which may have a fraction.
    let seconds = claims["iat"].as_i64().or(claims["iat"].as_f64().map(|seconds| seconds as i64))?;
    Timestamp::from_second(seconds).ok()
}
