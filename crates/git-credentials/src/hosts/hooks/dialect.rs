//! What the webhook APIs of hosts have in common, and where they differ.

use manifests::config::GitProvider;
use serde_json::Value;

use super::{Hook, WantedHook};
use super::{azure, bitbucket, bitbucket_server, gitea, github, gitlab};
use crate::hosts::call::Call;
use crate::hosts::{Host, HostError};
use crate::http::Answer;

/// Where the hooks of a repository are.
pub(super) struct Place {
    /// Path of the list; a hook has its number behind it.
    pub(super) path: String,
    /// Project and repository, where the list is that of many repositories.
    pub(super) ids: Option<(String, String)>,
}

/// How a hook is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// By `PATCH`.
    Patch,
    /// By `PUT`.
    Put,
    /// By a new one in its place: its secret can't be changed.
    Replace,
}

/// One page of a list.
pub(super) struct Page<'a> {
    pub(super) answer: &'a Answer,
    pub(super) body: &'a Value,
    /// From 1 on.
    pub(super) number: usize,
    /// How many hooks it has, and all pages so far have.
    pub(super) length: usize,
    pub(super) total: usize,
}

/// The webhook API of a kind of host.
pub(super) trait Dialect: Sync {
    /// Where the hooks are; asks the host where the address of the repository doesn't tell.
    fn place(&self, call: &Call) -> Result<Place, HostError> {
        Ok(Place { path: self.path(&call.host), ids: None })
    }

    /// Path of the list.
    fn path(&self, host: &Host) -> String;

    /// Query of the first page.
    fn first(&self) -> &'static str;

    /// Query of the page that follows. A host's own links are taken only for their query: where else they lead, no
    /// token goes.
    fn next(&self, page: &Page<'_>) -> Option<String>;

    /// Query of everything that isn't the list, with its question mark.
    fn query(&self) -> &'static str {
        ""
    }

    /// Where in a page the hooks are; nowhere where the page is the list.
    fn list(&self) -> &'static str {
        ""
    }

    /// A hook of the list, or as a change of it is answered. `None` for what is no hook of this repository.
    fn read(&self, item: &Value, place: &Place) -> Option<Hook>;

    /// The body of a request that creates a hook or changes one.
    fn body(&self, wanted: &WantedHook, place: &Place) -> Value;

    /// What a push is called.
    fn push(&self) -> &'static str;

    /// How a hook is changed.
    fn change(&self) -> Change;

    /// Why a hook can't be told to trust any certificate, where it can't.
    fn always_verifies(&self) -> Option<&'static str> {
        None
    }

    /// What a token needs, in the words of the host's settings.
    fn needed(&self) -> &'static str;
}

/// The API of a kind of host.
pub(super) fn dialect(kind: GitProvider) -> &'static dyn Dialect {
    match kind {
        GitProvider::Github => &github::GitHub,
        GitProvider::Gitlab => &gitlab::GitLab,
        GitProvider::Bitbucket => &bitbucket::Bitbucket,
        GitProvider::BitbucketServer => &bitbucket_server::BitbucketServer,
        GitProvider::Gitea => &gitea::Gitea,
        GitProvider::Gogs => &gitea::Gogs,
        GitProvider::AzureDevops => &azure::AzureDevOps,
    }
}

/// The query of the next page in a header `Link` (RFC 8288): `<https://…?page=2>; rel="next", …`
pub(super) fn linked(answer: &Answer) -> Option<String> {
    let next = answer.header("link")?.split(',').find(|link| link.contains("rel=\"next\""))?;
    query_of(next.split_once('<')?.1.split_once('>')?.0)
}

/// The query of an address.
pub(super) fn query_of(url: &str) -> Option<String> {
    url.split_once('?').map(|(_, query)| query.to_owned())
}

/// A text of an object, or a number as text.
pub(super) fn text(item: &Value, key: &str) -> Option<String> {
    match item.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether a key is true; `None` where it is neither.
pub(super) fn truth(item: &Value, key: &str) -> Option<bool> {
    item.get(key)?.as_bool()
}

/// A list of texts.
pub(super) fn texts(item: &Value, key: &str) -> Vec<String> {
    let list = item.get(key).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
