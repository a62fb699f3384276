//! Service hooks at Azure DevOps: <https://learn.microsoft.com/en-us/rest/api/azure/devops/hooks/subscriptions>

use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::dialect::{Change, Dialect, Page, Place, text};
use super::error::{Doing, HookError};
use super::{Hook, WantedHook};
use crate::hosts::call::Call;
use crate::hosts::{Host, HostError};
use ureq::http::Method;

/// Azure DevOps.
pub(super) struct AzureDevOps;

#[derive(Deserialize)]
struct Repository {
    id: String,
    project: Project,
}

#[derive(Deserialize)]
struct Project {
    id: String,
}

impl Dialect for AzureDevOps {
    /// Subscriptions are the organisation's, and name project and repository by number.
    fn place(&self, call: &Call) -> Result<Place, HostError> {
        let Host { owner, name, .. } = &call.host;
        let path = format!("/{owner}/_apis/git/repositories/{name}?api-version=5.0");
        let answer = call.send(Method::GET, &path, None)?;
        if answer.status != 200 {
            return Err(HookError::answered(&call.host, Doing::Read, &answer, self.needed()).into());
        }
        let Repository { id, project } = call.json(&answer)?;
        Ok(Place { path: self.path(&call.host), ids: Some((project.id, id)) })
    }

    fn path(&self, _host: &Host) -> String {
        "/_apis/hooks/subscriptions".to_owned()
    }

    /// 5.0 is known to dev.azure.com and to every server since 2019.
    fn first(&self) -> &'static str {
        "publisherId=tfs&consumerId=webHooks&api-version=5.0"
    }

    /// The list has no pages by its documentation; where a host answers by parts all the same, it says so as the
    /// other lists of Azure DevOps do.
    fn next(&self, page: &Page<'_>) -> Option<String> {
        let token = page.answer.header("x-ms-continuationtoken").filter(|token| !token.is_empty())?;
        Some(format!("{}&continuationToken={}", self.first(), super::url::encoded(token)))
    }

    fn query(&self) -> &'static str {
        "?api-version=5.0"
    }

    fn list(&self) -> &'static str {
        "value"
    }

    /// Inputs are texts, also where they mean true or false, and left out where they have their default. The user
    /// tells that there is a password, which may be shown as asterisks or not at all.
    fn read(&self, item: &Value, place: &Place) -> Option<Hook> {
        let (publisher, consumer) = (item.get("publisherInputs")?, item.get("consumerInputs")?);
        let (project, repository) = place.ids.as_ref()?;
        let same = |key, id: &str| text(publisher, key).is_some_and(|found| found.eq_ignore_ascii_case(id));
        if !same("projectId", project) || !same("repository", repository) {
            return None;
        }
        let all = |key| text(publisher, key).unwrap_or_default().is_empty();
        let insecure = text(consumer, "acceptUntrustedCerts").unwrap_or_default();
        let details = text(consumer, "resourceDetailsToSend").unwrap_or_default();
        let given = |key| text(consumer, key).is_some_and(|value| !value.is_empty());
        let state = text(item, "status").unwrap_or_default();
        Some(Hook {
            id: text(item, "id")?,
            url: text(consumer, "url")?,
            active: ["", "enabled", "onProbation"].contains(&state.as_str()),
            events: vec![text(item, "eventType")?],
            verify_tls: Some(!insecure.eq_ignore_ascii_case("true")),
            has_secret: Some(given("basicAuthUsername") || given("basicAuthPassword")),
            uuid: None,
            state: (!state.is_empty()).then_some(state),
            plain: all("branch") && all("pushedBy") && ["", "all"].contains(&details.as_str()),
        })
    }

    /// Argo CD needs the whole resource, and `resourceVersion` 1.0 is the one that is said to stay.
    fn body(&self, wanted: &WantedHook, place: &Place) -> Value {
        let (project, repository) = place.ids.clone().unwrap_or_default();
        let mut consumer = json!({
            "url": wanted.url,
            "acceptUntrustedCerts": (!wanted.verify_tls).to_string(),
            "resourceDetailsToSend": "all",
            "messagesToSend": "none",
            "detailedMessagesToSend": "none",
        });
        if let Some(secret) = &wanted.secret {
            let (user, password) = crate::signature::user_and_password(secret.expose_secret());
            consumer["basicAuthUsername"] = user.into();
            consumer["basicAuthPassword"] = password.into();
        }
        json!({
            "publisherId": "tfs",
            "eventType": self.push(),
            "resourceVersion": "1.0",
            "consumerId": "webHooks",
            "consumerActionId": "httpRequest",
            "publisherInputs": { "projectId": project, "repository": repository, "branch": "", "pushedBy": "" },
            "consumerInputs": consumer,
        })
    }

    fn push(&self) -> &'static str {
        "git.push"
    }

    fn change(&self) -> Change {
        Change::Put
    }

    fn needed(&self) -> &'static str {
        "scopes “Code (Read)” and “Work Items (Read)” or full access, and its user the permissions “View \
         subscriptions” and “Edit subscriptions” of the project, which its administrators have"
    }
}
