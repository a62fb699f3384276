//! Push events as each Git host sends and signs them: what `webhooks test` sends to Argo CD.
//!
//! What Argo CD reads of them is in `util/webhook/webhook.go` at <https://github.com/argoproj/argo-cd>, and in the
//! parsers that it uses, <https://github.com/go-playground/webhooks>. By the first header that is there it chooses
//! who sent it: `X-Vss-Activityid`, `X-Gogs-Event`, `X-GitHub-Event`, `X-Gitlab-Event`, `X-Hook-UUID`,
//! `X-Event-Key`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use manifests::config::GitProvider;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use crate::remote::Address;

/// A commit that is none: a test names nothing that the receiver would look up in the repository.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";
/// The number of the request at Azure DevOps, whose being there is what Argo CD knows the host by.
const ACTIVITY: &str = "00000000-0000-0000-0000-000000000000";

/// The headers of a push event, with what proves where it comes from.
///
/// `secret` is what the receiver compares with: the secret of the webhook; for Bitbucket Cloud the UUID of the hook;
/// for Azure DevOps user and password with a colon between them. The proof holds for exactly these bytes.
pub fn signed(kind: GitProvider, secret: &SecretString, body: &[u8]) -> Vec<(&'static str, SecretString)> {
    let plain = |name, value: &str| (name, SecretString::from(value));
    let sha256 = hmac_hex(hmac::HMAC_SHA256, secret, body);
    let with_name = format!("sha256={sha256}");
    // https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
    let github = || {
        let sha1 = hmac_hex(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret, body);
        vec![
            plain("X-GitHub-Event", "push"),
            plain("X-Hub-Signature", &format!("sha1={sha1}")),
            plain("X-Hub-Signature-256", &with_name),
        ]
    };
    match kind {
        GitProvider::Github => github(),
        // https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers
        GitProvider::Gitlab => vec![plain("X-Gitlab-Event", "Push Hook"), ("X-Gitlab-Token", secret.clone())],
        // https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#HTTP-headers
        GitProvider::Bitbucket => vec![plain("X-Event-Key", "repo:push"), ("X-Hook-UUID", secret.clone())],
        // https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html#Eventpayload-HTTPheaders
        GitProvider::BitbucketServer => {
            vec![plain("X-Event-Key", "repo:refs_changed"), plain("X-Hub-Signature", &with_name)]
        }
        GitProvider::Gogs => vec![plain("X-Gogs-Event", "push"), plain("X-Gogs-Signature", &sha256)],
        // Gitea sends Gogs' and GitHub's headers as well: https://docs.gitea.com/usage/repository/webhooks
        GitProvider::Gitea => {
            let mut headers = github();
            headers.extend([plain("X-Gitea-Event", "push"), plain("X-Gitea-Signature", &sha256)]);
            headers.extend([plain("X-Gogs-Event", "push"), plain("X-Gogs-Signature", &sha256)]);
            headers
        }
        // https://learn.microsoft.com/en-us/azure/devops/service-hooks/services/webhooks
        GitProvider::AzureDevops => {
            let basic = format!("Basic {}", BASE64_STANDARD.encode(pair(secret.expose_secret())));
            vec![plain("X-Vss-Activityid", ACTIVITY), ("Authorization", basic.into())]
        }
    }
}

/// A push to a branch of a repository, with as much as Argo CD reads of it.
///
/// It names no commits and no files: for a push of unknown files Argo CD refreshes every Application of the branch.
/// The branch is said to be the default one, so that Applications are meant that follow `HEAD`, too.
///
/// The address of the repository is written as the host would: with what Argo CD compares it to the addresses in
/// Applications. At Bitbucket Server that has `.git` at its end, and so must theirs; at Azure DevOps it is the one
/// for HTTPS, which no address for SSH is like.
pub fn push_event(kind: GitProvider, url: &str, branch: &str) -> Value {
    let address = Address::of(url);
    let reference = format!("refs/heads/{branch}");
    let (owner, name) = address.path.rsplit_once('/').unwrap_or(("", &address.path));
    let full_name = &address.path;
    let web = web_url(&address);
    match kind {
        // Gogs and Gitea took the form from GitHub.
        GitProvider::Github | GitProvider::Gitea | GitProvider::Gogs => json!({
            "ref": reference,
            "before": NO_COMMIT,
            "after": NO_COMMIT,
            "commits": [],
            "repository": {
                "name": name,
                "full_name": full_name,
                "html_url": web,
                "clone_url": format!("{web}.git"),
                "default_branch": branch,
            },
        }),
        GitProvider::Gitlab => json!({
            "object_kind": "push",
            "event_name": "push",
            "ref": reference,
            "before": NO_COMMIT,
            "after": NO_COMMIT,
            "commits": [],
            "total_commits_count": 0,
            "project": {
                "name": name,
                "path_with_namespace": full_name,
                "web_url": web,
                "default_branch": branch,
            },
        }),
        GitProvider::Bitbucket => json!({
            "push": { "changes": [{
                "new": { "type": "branch", "name": branch, "target": { "type": "commit", "hash": NO_COMMIT } },
                "old": { "type": "branch", "name": branch, "target": { "type": "commit", "hash": NO_COMMIT } },
                "created": false,
                "forced": false,
                "closed": false,
                "commits": [],
            }] },
            "repository": {
                "type": "repository",
                "name": name,
                "full_name": full_name,
                "links": {
                    "self": { "href": format!("https://api.bitbucket.org/2.0/repositories/{full_name}") },
                    "html": { "href": web },
                },
            },
        }),
        GitProvider::BitbucketServer => json!({
            "eventKey": "repo:refs_changed",
            "date": "1970-01-01T00:00:00+0000",
            "repository": {
                "slug": name,
                "name": name,
                "project": { "key": owner.rsplit('/').next() },
                "links": { "clone": [clone_link(&address, url)] },
            },
            "changes": [{
                "ref": { "id": reference, "displayId": branch, "type": "BRANCH" },
                "refId": reference,
                "fromHash": NO_COMMIT,
                "toHash": NO_COMMIT,
                "type": "UPDATE",
            }],
        }),
        GitProvider::AzureDevops => json!({
            "id": ACTIVITY,
            "eventType": "git.push",
            "publisherId": "tfs",
            "createdDate": "1970-01-01T00:00:00Z",
            "resourceVersion": "1.0",
            "resource": {
                "commits": [],
                "refUpdates": [{ "name": reference, "oldObjectId": NO_COMMIT, "newObjectId": NO_COMMIT }],
                "repository": {
                    "name": name,
                    "defaultBranch": reference,
                    "remoteUrl": azure_url(&address).unwrap_or(web),
                },
            },
        }),
    }
}

/// User and password of what `webhook.azuredevops.username` and `.password` are together; without a colon there is
/// no user.
pub(crate) fn user_and_password(secret: &str) -> (&str, &str) {
    secret.split_once(':').unwrap_or(("", secret))
}

fn pair(secret: &str) -> String {
    let (user, password) = user_and_password(secret);
    format!("{user}:{password}")
}

fn hmac_hex(algorithm: hmac::Algorithm, secret: &SecretString, body: &[u8]) -> String {
    let key = hmac::Key::new(algorithm, secret.expose_secret().as_bytes());
    let tag = hmac::sign(&key, body);
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The repository's page: what a host has in its events. An address for SSH may name another host than its page.
fn web_url(address: &Address) -> String {
    if let Some((scheme, _)) = address.origin.split_once("://") {
        return format!("{scheme}://{}/{}", address.place(), address.path);
    }
    let host = &address.host;
    let short = host.strip_prefix("ssh.").or_else(|| host.strip_prefix("altssh."));
    format!("https://{}/{}", short.unwrap_or(host), address.path)
}

/// The address that Argo CD compares with, one of two that Bitbucket Server sends.
fn clone_link(address: &Address, url: &str) -> Value {
    if !address.origin.is_empty() {
        return json!({ "name": "http", "href": format!("{}.git", web_url(address)) });
    }
    let href = match url.contains("://") {
        true => {
            let url = url.trim_end_matches('/');
            format!("{}.git", url.strip_suffix(".git").unwrap_or(url))
        }
        false => format!("ssh://git@{}/{}.git", address.host, address.path),
    };
    json!({ "name": "ssh", "href": href })
}

/// `https://dev.azure.com/organisation/project/_git/name` for the address for SSH.
fn azure_url(address: &Address) -> Option<String> {
    let path = address.path.strip_prefix("v3/")?;
    let (project, name) = path.rsplit_once('/')?;
    Some(format!("https://dev.azure.com/{project}/_git/{name}"))
}

#[cfg(test)]
#[path = "signature/tests.rs"]
mod tests;
