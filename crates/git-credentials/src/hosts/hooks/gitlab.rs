//! Webhooks at GitLab: <https://docs.gitlab.com/api/project_webhooks/>

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::dialect::{Change, Dialect, Page, Place, text, truth};
use super::url::encoded;
use super::{Hook, WantedHook};
use crate::hosts::Host;

/// GitLab.
pub(super) struct GitLab;

impl Dialect for GitLab {
    fn path(&self, host: &Host) -> String {
        format!("/projects/{}/hooks", encoded(&format!("{}/{}", host.owner, host.name)))
    }

    fn first(&self) -> &'static str {
        "per_page=100&page=1"
    }

    /// The header is there on every page, and empty on the last.
    fn next(&self, page: &Page<'_>) -> Option<String> {
        let number = page.answer.header("x-next-page")?.trim();
        (!number.is_empty()).then(|| format!("per_page=100&page={number}"))
    }

    /// Every event is a key of its own. A hook that failed too often is switched off, which only a test delivery
    /// undoes and no change: that is told as its state.
    fn read(&self, item: &Value, _place: &Place) -> Option<Hook> {
        let events =
            item.as_object()?.iter().filter(|(key, value)| key.ends_with("_events") && **value == true);
        let all = text(item, "branch_filter_strategy").as_deref() == Some("all_branches");
        let filter = text(item, "push_events_branch_filter").unwrap_or_default();
        Some(Hook {
            id: text(item, "id")?,
            url: text(item, "url")?,
            active: true,
            events: events.map(|(key, _)| key.clone()).collect(),
            verify_tls: truth(item, "enable_ssl_verification"),
            has_secret: None,
            uuid: None,
            state: text(item, "alert_status"),
            plain: (all || filter.is_empty())
                && text(item, "custom_webhook_template").is_none_or(|template| template.is_empty()),
        })
    }

    fn body(&self, wanted: &WantedHook, _place: &Place) -> Value {
        let mut body = json!({
            "url": wanted.url,
            "name": wanted.name,
            "enable_ssl_verification": wanted.verify_tls,
            "push_events_branch_filter": "",
            "branch_filter_strategy": "all_branches",
        });
        for event in EVENTS {
            body[event] = (*event == self.push()).into();
        }
        if let Some(secret) = &wanted.secret {
            body["token"] = secret.expose_secret().into();
        }
        body
    }

    fn push(&self) -> &'static str {
        "push_events"
    }

    fn change(&self) -> Change {
        Change::Put
    }

    fn needed(&self) -> &'static str {
        "scope `api`, and its user or itself the role Maintainer in the project"
    }
}

/// The events of a project. One that a version doesn't know is ignored there.
const EVENTS: &[&str] = &[
    "confidential_issues_events",
    "confidential_note_events",
    "deployment_events",
    "emoji_events",
    "feature_flag_events",
    "issues_events",
    "job_events",
    "merge_requests_events",
    "milestone_events",
    "note_events",
    "pipeline_events",
    "push_events",
    "releases_events",
    "resource_access_token_events",
    "tag_push_events",
    "vulnerability_events",
    "wiki_page_events",
];
