//! Webhooks at GitHub: <https://docs.github.com/en/rest/repos/webhooks>

use serde_json::{Value, json};

use super::dialect::{Change, Dialect, Page, Place, linked, text, texts, truth};
use super::{Hook, WantedHook};
use crate::hosts::Host;
use secrecy::ExposeSecret as _;

/// GitHub and GitHub Enterprise.
pub(super) struct GitHub;

impl Dialect for GitHub {
    fn path(&self, host: &Host) -> String {
        format!("/repos/{}/{}/hooks", host.owner, host.name)
    }

    fn first(&self) -> &'static str {
        "per_page=100"
    }

    fn next(&self, page: &Page<'_>) -> Option<String> {
        linked(page.answer)
    }

    /// A secret is shown as asterisks, and left out where there is none. `insecure_ssl` is a text, a number at some
    /// versions of GitHub Enterprise.
    fn read(&self, item: &Value, _place: &Place) -> Option<Hook> {
        let config = item.get("config")?;
        Some(Hook {
            id: text(item, "id")?,
            url: text(config, "url")?,
            active: truth(item, "active")?,
            events: texts(item, "events"),
            verify_tls: Some(text(config, "insecure_ssl").is_none_or(|insecure| insecure == "0")),
            has_secret: Some(text(config, "secret").is_some_and(|secret| !secret.is_empty())),
            uuid: None,
            state: item.get("last_response").and_then(|last| text(last, "message")),
            plain: text(config, "content_type").as_deref() == Some("json"),
        })
    }

    fn body(&self, wanted: &WantedHook, _place: &Place) -> Value {
        let insecure = if wanted.verify_tls { "0" } else { "1" };
        let mut config = json!({ "url": wanted.url, "content_type": "json", "insecure_ssl": insecure });
        if let Some(secret) = &wanted.secret {
            config["secret"] = secret.expose_secret().into();
        }
        json!({ "name": "web", "active": true, "events": [self.push()], "config": config })
    }

    fn push(&self) -> &'static str {
        "push"
    }

    fn change(&self) -> Change {
        Change::Patch
    }

    fn needed(&self) -> &'static str {
        "scope `admin:repo_hook` (classic token) or “Webhooks: Read and write” for this repository (fine-grained, \
         App), and its user the role Admin there"
    }
}
