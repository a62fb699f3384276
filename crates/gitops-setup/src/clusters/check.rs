//! Whether Argo CD can use a cluster with what is stored.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use cluster::Client;
use cluster::connect::Endpoint;
use cluster::observe::Found;
use cluster::probe::ProbeError;
use manifests::clusters::{Account, Stored};
use manifests::{Object, ObjectRef};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::add::token;
use super::{connect, identity};
use crate::failure::Failure;
use crate::observe::value;

/// How it stands with a cluster.
pub(crate) enum Checked {
    /// It can be used.
    Good(String),
    /// Nothing can be said from here, and why.
    NotVerified(String),
    /// It can't be used, and what to do.
    Bad(String),
}

/// Reaches a cluster as Argo CD would. `secret` is what is stored of it.
pub(crate) async fn check(
    stored: &Stored,
    secret: Option<&Object>,
    kubeconfig: Option<&Path>,
) -> Result<Checked, Failure> {
    let Some((endpoint, token)) = secret.and_then(|secret| connection(stored, secret)) else {
        return Ok(match stored.is_in_cluster() {
            true => Checked::Good("the cluster that Argo CD runs in, with its own account".into()),
            false => Checked::NotVerified("Argo CD does not log in there by a token".into()),
        });
    };
    let client = Client::with_token(&endpoint, &token).await?;
    let again = match &stored.context {
        Some(context) => format!("cargo xtask clusters add {context} --name {}", stored.name),
        None => format!("cargo xtask clusters add CONTEXT --name {}", stored.name),
    };
    Ok(match client.probe(&stored.namespaces).await {
        Ok(probe) if probe.lacking.is_empty() => {
            let rights = match stored.namespaces.as_slice() {
                [] => "the whole cluster".into(),
                namespaces => namespaces.join(", "),
            };
            Checked::Good(format!(
                "Kubernetes {}; the token is valid, so its service account is there; every right in {rights}",
                probe.version
            ))
        }
        Ok(probe) => Checked::Bad(format!(
            "Kubernetes {}; the token is valid, but does not give every right in {}\n  give them again: {again}",
            probe.version,
            match probe.lacking.as_slice() {
                [all] if all == "*" => "the whole cluster".into(),
                lacking => lacking.join(", "),
            }
        )),
        Err(error) if error.is_about_the_way() => {
            Checked::NotVerified(format!("{error}; from Argo CD it may be otherwise"))
        }
        Err(ProbeError::Unauthorized) => {
            let why = missing(stored, &token, kubeconfig).await;
            Checked::Bad(format!("{}: {why}\n  put it right: {again}", ProbeError::Unauthorized))
        }
        Err(error @ ProbeError::Forbidden(_)) => {
            Checked::Bad(format!("{error}\n  give the rights again: {again}"))
        }
        Err(error @ ProbeError::Tls(_)) => Checked::Bad(format!(
            "{error}\n  where its certificate was renewed, take over the authorities of the kubeconfig: {again}"
        )),
        Err(error) => Checked::Bad(error.to_string()),
    })
}

/// How Argo CD reaches a cluster, and its token; `None` where it has none.
fn connection(stored: &Stored, secret: &Object) -> Option<(Endpoint, SecretString)> {
    let config: Value = serde_json::from_slice(&value(secret, "config")?).ok()?;
    let tls = &config["tlsClientConfig"];
    let ca = tls["caData"].as_str().and_then(|data| BASE64_STANDARD.decode(data).ok());
    let endpoint = Endpoint {
        server: stored.server.clone(),
        ca: ca.and_then(|bytes| String::from_utf8(bytes).ok()),
        insecure: tls["insecure"] == true,
        server_name: tls["serverName"].as_str().map(str::to_owned),
    };
    let token = config["bearerToken"].as_str().filter(|token| !token.is_empty())?;
    Some((endpoint, token.into()))
}

/// Why a token is not taken, where the context by which the cluster was added still leads there.
async fn missing(stored: &Stored, stale: &SecretString, kubeconfig: Option<&Path>) -> String {
    const UNKNOWN: &str = "its Secret or its service account was deleted there";
    match look(stored, stale, kubeconfig).await {
        Ok(Some(why)) => why,
        Ok(None) => UNKNOWN.into(),
        Err(error) => {
            let error = error.to_string();
            format!("{UNKNOWN}; not looked at: {}", error.lines().next().unwrap_or_default())
        }
    }
}

async fn look(
    stored: &Stored,
    stale: &SecretString,
    kubeconfig: Option<&Path>,
) -> Result<Option<String>, Failure> {
    let (Some(context), Some((namespace, name))) = (&stored.context, &stored.account) else {
        return Ok(None);
    };
    let client = connect(kubeconfig, context).await?;
    if stored.identity.is_some() && identity(&client).await? != stored.identity {
        return Ok(None);
    }
    let account = Account {
        namespace: namespace.clone(),
        name: name.clone(),
        cluster: stored.name.clone(),
        namespaces: stored.namespaces.clone(),
    };
    let gone = |object: &ObjectRef| Some(format!("{object} is gone"));
    if !matches!(client.read(&account.reference()).await?, Found::Object(_)) {
        return Ok(gone(&account.reference()));
    }
    Ok(match client.read(&account.token()).await? {
        Found::Object(live)
            if token(&live).is_some_and(|live| live.expose_secret() != stale.expose_secret()) =>
        {
            Some(format!("{} holds another one", account.token()))
        }
        Found::Object(_) => None,
        Found::Absent | Found::KindUnknown => gone(&account.token()),
    })
}
