//! Webhooks at Bitbucket Server and Data Center:
//! <https://developer.atlassian.com/server/bitbucket/rest/v905/api-group-repository/#api-api-latest-projects-projectkey-repos-repositoryslug-webhooks-get>

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::dialect::{Change, Dialect, Page, Place, text, texts, truth};
use super::{Hook, WantedHook};
use crate::hosts::Host;

/// Bitbucket Server and Data Center.
pub(super) struct BitbucketServer;

impl Dialect for BitbucketServer {
    fn path(&self, host: &Host) -> String {
        format!("/projects/{}/repos/{}/webhooks", host.owner, host.name)
    }

    fn first(&self) -> &'static str {
        "limit=100"
    }

    fn next(&self, page: &Page<'_>) -> Option<String> {
        let more = truth(page.body, "isLastPage") == Some(false);
        let start = text(page.body, "nextPageStart").filter(|_| more)?;
        Some(format!("limit=100&start={start}"))
    }

    fn list(&self) -> &'static str {
        "values"
    }

    /// Old versions show the secret, later ones don't even say whether there is one: it is not looked at. Nor do
    /// old ones know of `sslVerificationRequired`. A hook of the whole project can't be changed here.
    fn read(&self, item: &Value, _place: &Place) -> Option<Hook> {
        if text(item, "scopeType").is_some_and(|scope| scope != "repository") {
            return None;
        }
        Some(Hook {
            id: text(item, "id")?,
            url: text(item, "url")?,
            active: truth(item, "active")?,
            events: texts(item, "events"),
            verify_tls: truth(item, "sslVerificationRequired"),
            has_secret: None,
            uuid: None,
            state: None,
            plain: true,
        })
    }

    fn body(&self, wanted: &WantedHook, _place: &Place) -> Value {
        let configuration = match &wanted.secret {
            Some(secret) => json!({ "secret": secret.expose_secret() }),
            None => json!({}),
        };
        json!({
            "name": wanted.name,
            "url": wanted.url,
            "active": true,
            "events": [self.push()],
            "configuration": configuration,
            "sslVerificationRequired": wanted.verify_tls,
        })
    }

    fn push(&self) -> &'static str {
        "repo:refs_changed"
    }

    fn change(&self) -> Change {
        Change::Put
    }

    fn needed(&self) -> &'static str {
        "permission “Repository admin”"
    }
}
