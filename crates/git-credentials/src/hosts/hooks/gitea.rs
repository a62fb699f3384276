//! Webhooks at Gitea and Forgejo (<https://docs.gitea.com/api/#tag/repository/operation/repoListHooks>), and at
//! Gogs, whose API theirs comes from (<https://github.com/gogs/docs-api/blob/master/Repositories/Webhooks.md>).

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::dialect::{Change, Dialect, Page, Place, linked, text, texts, truth};
use super::{Hook, WantedHook};
use crate::hosts::Host;

/// Gitea and Forgejo.
pub(super) struct Gitea;

/// Gogs.
pub(super) struct Gogs;

impl Dialect for Gitea {
    fn path(&self, host: &Host) -> String {
        path(host)
    }

    fn first(&self) -> &'static str {
        "page=1&limit=50"
    }

    /// By `Link` where it is sent. Otherwise until all are there, or a page has none: a server may give less than
    /// it is asked for (`MAX_RESPONSE_ITEMS`), so a short page means nothing.
    fn next(&self, page: &Page<'_>) -> Option<String> {
        if page.answer.header("link").is_some() {
            return linked(page.answer);
        }
        let all = page.answer.header("x-total-count").and_then(|count| count.parse::<usize>().ok());
        let more = page.length > 0 && all.is_none_or(|all| page.total < all);
        more.then(|| format!("page={}&limit=50", page.number + 1))
    }

    fn read(&self, item: &Value, _place: &Place) -> Option<Hook> {
        read(item)
    }

    fn body(&self, wanted: &WantedHook, _place: &Place) -> Value {
        body("gitea", wanted)
    }

    fn push(&self) -> &'static str {
        PUSH
    }

    /// As at Gogs (`editHook` in `routers/api/v1/utils/hook.go`, 1.17 to 1.27).
    fn change(&self) -> Change {
        Change::Replace
    }

    fn always_verifies(&self) -> Option<&'static str> {
        Some(DECIDES)
    }

    fn needed(&self) -> &'static str {
        "scope `write:repository`, and its user the role Administrator of the repository"
    }
}

impl Dialect for Gogs {
    fn path(&self, host: &Host) -> String {
        path(host)
    }

    fn first(&self) -> &'static str {
        ""
    }

    /// It has no pages.
    fn next(&self, _page: &Page<'_>) -> Option<String> {
        None
    }

    fn read(&self, item: &Value, _place: &Place) -> Option<Hook> {
        read(item)
    }

    fn body(&self, wanted: &WantedHook, _place: &Place) -> Value {
        body("gogs", wanted)
    }

    fn push(&self) -> &'static str {
        PUSH
    }

    /// The API ignores the secret of a change (`EditHook` in `internal/route/api/v1/repo/hook.go`).
    fn change(&self) -> Change {
        Change::Replace
    }

    fn always_verifies(&self) -> Option<&'static str> {
        Some(DECIDES)
    }

    fn needed(&self) -> &'static str {
        "a token of a user who is Admin of the repository"
    }
}

const PUSH: &str = "push";
const DECIDES: &str = "whoever runs the server can, by SKIP_TLS_VERIFY in the section `webhook` of app.ini";

fn path(host: &Host) -> String {
    format!("/repos/{}/{}/hooks", host.owner, host.name)
}

fn read(item: &Value) -> Option<Hook> {
    let config = item.get("config")?;
    let filter = text(item, "branch_filter").unwrap_or_default();
    let header = text(item, "authorization_header").unwrap_or_default();
    let json = text(config, "content_type").as_deref() == Some("json");
    Some(Hook {
        id: text(item, "id")?,
        url: text(config, "url").or_else(|| text(item, "url"))?,
        active: truth(item, "active")?,
        events: texts(item, "events"),
        verify_tls: None,
        has_secret: None,
        uuid: None,
        state: None,
        plain: json && ["", "*"].contains(&filter.as_str()) && header.is_empty(),
    })
}

fn body(kind: &str, wanted: &WantedHook) -> Value {
    let mut config = json!({ "url": wanted.url, "content_type": "json" });
    if let Some(secret) = &wanted.secret {
        config["secret"] = secret.expose_secret().into();
    }
    json!({ "type": kind, "active": true, "events": [PUSH], "config": config })
}
