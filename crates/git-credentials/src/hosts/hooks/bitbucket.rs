//! Webhooks at Bitbucket Cloud:
//! <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-repo-slug-hooks-get>

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::dialect::{Change, Dialect, Page, Place, query_of, text, texts, truth};
use super::{Hook, WantedHook};
use crate::hosts::Host;

/// Bitbucket Cloud.
pub(super) struct Bitbucket;

impl Dialect for Bitbucket {
    fn path(&self, host: &Host) -> String {
        format!("/repositories/{}/{}/hooks", host.owner, host.name)
    }

    fn first(&self) -> &'static str {
        "pagelen=100"
    }

    fn next(&self, page: &Page<'_>) -> Option<String> {
        query_of(&text(page.body, "next")?)
    }

    fn list(&self) -> &'static str {
        "values"
    }

    fn read(&self, item: &Value, _place: &Place) -> Option<Hook> {
        let id = text(item, "uuid")?;
        let uuid = id.trim_matches(['{', '}']).to_owned();
        Some(Hook {
            id,
            url: text(item, "url")?,
            active: truth(item, "active")?,
            events: texts(item, "events"),
            verify_tls: truth(item, "skip_cert_verification").map(|skip| !skip),
            has_secret: truth(item, "secret_set"),
            uuid: Some(uuid),
            state: None,
            plain: true,
        })
    }

    fn body(&self, wanted: &WantedHook, _place: &Place) -> Value {
        let mut body = json!({
            "description": wanted.name,
            "url": wanted.url,
            "active": true,
            "events": [self.push()],
            "skip_cert_verification": !wanted.verify_tls,
        });
        if let Some(secret) = &wanted.secret {
            body["secret"] = secret.expose_secret().into();
        }
        body
    }

    fn push(&self) -> &'static str {
        "repo:push"
    }

    fn change(&self) -> Change {
        Change::Put
    }

    fn needed(&self) -> &'static str {
        "scope `webhook` (API token: `read:webhook:bitbucket`, `write:webhook:bitbucket` and \
         `delete:webhook:bitbucket`, with your e-mail address as user), and its user the permission Admin of the \
         repository"
    }
}
