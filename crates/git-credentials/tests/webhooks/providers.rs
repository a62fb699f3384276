//! The webhook APIs of Git hosts, as their documentation shows requests and answers.

use git_credentials::hosts::Host;
use manifests::config::GitProvider;
use serde_json::{Value, json};

use crate::server::{Reply, Server, reply};

/// Address of the webhook.
pub(crate) const TARGET: &str = "https://argocd.acme.com/api/webhook";
/// Its secret; for Azure DevOps user and password.
pub(crate) const SECRET: &str = "argocd:s3cret";
/// Numbers of project and repository at Azure DevOps.
const PROJECT: &str = "6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c";
const REPOSITORY: &str = "278d5cd2-584d-4b63-824a-2ba458937249";
const AZURE: &str = "/_apis/hooks/subscriptions";
const AZURE_LIST: &str = "publisherId=tfs&consumerId=webHooks&api-version=5.0";

pub(crate) const ALL: [GitProvider; 7] = [
    GitProvider::Github,
    GitProvider::Gitlab,
    GitProvider::Bitbucket,
    GitProvider::BitbucketServer,
    GitProvider::Gitea,
    GitProvider::Gogs,
    GitProvider::AzureDevops,
];

/// A repository at a host whose API is the server.
pub(crate) fn host(kind: GitProvider, server: &Server) -> Host {
    let url = match kind {
        GitProvider::Gitlab => "https://git.acme.com/acme/ml/gitops.git",
        GitProvider::BitbucketServer => "https://git.acme.com/scm/acme/gitops.git",
        GitProvider::AzureDevops => "https://dev.azure.com/acme/ml/_git/gitops",
        _ => "https://git.acme.com/acme/gitops.git",
    };
    // A second of the host's is a thousandth here: nothing in these tests waits.
    let second = std::time::Duration::from_millis(1);
    Host::detect(url, Some(kind)).unwrap().with_api(&server.address).with_second(second)
}

/// The server, with what each list of webhooks needs before it.
pub(crate) fn start() -> Server {
    let server = Server::start();
    let repository = json!({
        "id": REPOSITORY,
        "name": "gitops",
        "project": { "id": PROJECT, "name": "ml", "state": "wellFormed" },
        "defaultBranch": "refs/heads/main",
        "remoteUrl": "https://dev.azure.com/acme/ml/_git/gitops",
    });
    let path = "GET /ml/_apis/git/repositories/gitops?api-version=5.0";
    server.on(path, reply(200, &repository.to_string()));
    server
}

fn path(kind: GitProvider) -> &'static str {
    match kind {
        GitProvider::Gitlab => "/projects/acme%2Fml%2Fgitops/hooks",
        GitProvider::Bitbucket => "/repositories/acme/gitops/hooks",
        GitProvider::BitbucketServer => "/projects/acme/repos/gitops/webhooks",
        GitProvider::AzureDevops => AZURE,
        _ => "/repos/acme/gitops/hooks",
    }
}

/// The request for the first page of the list.
pub(crate) fn list(kind: GitProvider) -> String {
    let query = match kind {
        GitProvider::Github => "?per_page=100",
        GitProvider::Gitlab => "?per_page=100&page=1",
        GitProvider::Bitbucket => "?pagelen=100",
        GitProvider::BitbucketServer => "?limit=100",
        GitProvider::Gitea => "?page=1&limit=50",
        GitProvider::AzureDevops => return format!("GET {AZURE}?{AZURE_LIST}"),
        _ => "",
    };
    format!("GET {}{query}", path(kind))
}

/// The request for the second page; Gogs has none.
pub(crate) fn second_page(kind: GitProvider) -> Option<String> {
    let query = match kind {
        GitProvider::Github => "?page=2",
        GitProvider::Gitlab => "?per_page=100&page=2",
        GitProvider::Bitbucket => "?pagelen=100&page=2",
        GitProvider::BitbucketServer => "?limit=100&start=25",
        GitProvider::Gitea => "?page=2&limit=50",
        GitProvider::Gogs => return None,
        GitProvider::AzureDevops => return Some(format!("GET {AZURE}?{AZURE_LIST}&continuationToken=a%2Bb")),
    };
    Some(format!("GET {}{query}", path(kind)))
}

/// An answer with webhooks, on the last page of the list or on one before it.
pub(crate) fn page(kind: GitProvider, hooks: &[Value], last: bool) -> Reply {
    let plain = reply(200, &json!(hooks).to_string());
    let elsewhere = "https://elsewhere.acme.com/repositories/1/hooks";
    match kind {
        GitProvider::Github if last => plain.with("Link", &format!("<{elsewhere}?page=1>; rel=\"prev\"")),
        GitProvider::Github => plain
            .with("Link", &format!("<{elsewhere}?page=2>; rel=\"next\", <{elsewhere}?page=2>; rel=\"last\"")),
        GitProvider::Gitlab => plain.with("X-Next-Page", if last { "" } else { "2" }).with("X-Page", "1"),
        // A server that gives fewer than it is asked for.
        GitProvider::Gitea => plain.with("X-Total-Count", if last { "1" } else { "2" }),
        GitProvider::Gogs => plain,
        GitProvider::Bitbucket => {
            let mut body = json!({ "pagelen": 100, "size": hooks.len(), "page": 1, "values": hooks });
            if !last {
                body["next"] = format!("{elsewhere}?pagelen=100&page=2").into();
            }
            reply(200, &body.to_string())
        }
        GitProvider::BitbucketServer => {
            let next = if last { Value::Null } else { 25.into() };
            let body = json!({
                "size": hooks.len(), "limit": 25, "isLastPage": last, "values": hooks, "start": 0,
                "nextPageStart": next,
            });
            reply(200, &body.to_string())
        }
        GitProvider::AzureDevops => {
            let answer = reply(200, &json!({ "count": hooks.len(), "value": hooks }).to_string());
            if last { answer } else { answer.with("x-ms-continuationtoken", "a+b") }
        }
    }
}

/// The request that creates a webhook.
pub(crate) fn create(kind: GitProvider) -> String {
    match kind {
        GitProvider::AzureDevops => format!("POST {AZURE}?api-version=5.0"),
        _ => format!("POST {}", path(kind)),
    }
}

/// Whether a hook's secret can't be changed, so that another one takes its place.
pub(crate) fn replaces(kind: GitProvider) -> bool {
    matches!(kind, GitProvider::Gitea | GitProvider::Gogs)
}

/// The request that changes webhook 1, or adds what takes its place.
pub(crate) fn change(kind: GitProvider) -> String {
    match kind {
        GitProvider::Github => format!("PATCH {}/1", path(kind)),
        GitProvider::Bitbucket => format!("PUT {}/%7B1%7D", path(kind)),
        GitProvider::Gitea | GitProvider::Gogs => create(kind),
        GitProvider::AzureDevops => format!("PUT {AZURE}/1?api-version=5.0"),
        _ => format!("PUT {}/1", path(kind)),
    }
}

/// The request that removes a webhook.
pub(crate) fn remove(kind: GitProvider, id: u32) -> String {
    match kind {
        GitProvider::Bitbucket => format!("DELETE {}/%7B{id}%7D", path(kind)),
        GitProvider::AzureDevops => format!("DELETE {AZURE}/{id}?api-version=5.0"),
        _ => format!("DELETE {}/{id}", path(kind)),
    }
}

/// A webhook as the host shows it: to the address, for pushes alone.
pub(crate) fn hook(kind: GitProvider, id: u32, url: &str) -> Value {
    match kind {
        GitProvider::Github => json!({
            "type": "Repository", "id": id, "name": "web", "active": true, "events": ["push"],
            "config": { "content_type": "json", "insecure_ssl": "0", "url": url, "secret": "********" },
            "last_response": { "code": 200, "status": "active", "message": "OK" },
        }),
        GitProvider::Gitlab => json!({
            "id": id, "url": url, "name": "Hook name", "project_id": 3, "push_events": true,
            "push_events_branch_filter": "", "branch_filter_strategy": "all_branches",
            "issues_events": false, "merge_requests_events": false, "tag_push_events": false,
            "enable_ssl_verification": true, "repository_update_events": false,
            "alert_status": "executable", "disabled_until": null, "url_variables": [],
            "created_at": "2012-10-12T17:04:47Z", "custom_webhook_template": "",
        }),
        GitProvider::Bitbucket => json!({
            "type": "webhook_subscription", "uuid": format!("{{{id}}}"), "url": url, "description": "x",
            "subject_type": "repository", "active": true, "events": ["repo:push"], "secret_set": true,
            "skip_cert_verification": false, "created_at": "2024-01-01T00:00:00Z",
        }),
        GitProvider::BitbucketServer => json!({
            "id": id, "name": "x", "createdDate": 1513106011000_u64, "updatedDate": 1513106011000_u64,
            "events": ["repo:refs_changed"], "configuration": { "secret": "password" }, "url": url,
            "active": true, "scopeType": "repository", "sslVerificationRequired": true,
        }),
        GitProvider::Gitea => json!({
            "id": id, "type": "gitea", "branch_filter": "*", "active": true, "events": ["push"],
            "config": { "content_type": "json", "url": url }, "authorization_header": "",
        }),
        GitProvider::Gogs => json!({
            "id": id, "type": "gogs", "active": true, "events": ["push"],
            "config": { "content_type": "json", "url": url }, "created_at": "2014-11-16T00:00:00Z",
        }),
        GitProvider::AzureDevops => json!({
            "id": id.to_string(), "status": "enabled", "publisherId": "tfs", "eventType": "git.push",
            "resourceVersion": "1.0", "consumerId": "webHooks", "consumerActionId": "httpRequest",
            "publisherInputs": {
                "branch": "", "projectId": PROJECT, "pushedBy": "", "repository": REPOSITORY,
                "tfsSubscriptionId": "29cde8b4-f37e-4ef9-a6d4-d57d526d82cc",
            },
            "consumerInputs": {
                "url": url, "basicAuthUsername": "argocd", "basicAuthPassword": "********",
                "messagesToSend": "none", "detailedMessagesToSend": "none",
            },
        }),
    }
}

/// The same, for something else as well.
pub(crate) fn chatty(kind: GitProvider, id: u32, url: &str) -> Value {
    let mut hook = hook(kind, id, url);
    match kind {
        GitProvider::Gitlab => hook["merge_requests_events"] = true.into(),
        GitProvider::Bitbucket => hook["events"] = json!(["repo:push", "pullrequest:created"]),
        GitProvider::BitbucketServer => hook["events"] = json!(["repo:refs_changed", "pr:opened"]),
        GitProvider::AzureDevops => hook["eventType"] = "git.pullrequest.created".into(),
        _ => hook["events"] = json!(["push", "pull_request"]),
    }
    hook
}

/// What the host is to be sent for a webhook.
pub(crate) fn body(kind: GitProvider) -> Value {
    match kind {
        GitProvider::Github => json!({
            "name": "web", "active": true, "events": ["push"],
            "config": { "url": TARGET, "content_type": "json", "insecure_ssl": "0", "secret": SECRET },
        }),
        GitProvider::Gitlab => {
            let mut body = json!({
                "url": TARGET, "name": "gitops", "token": SECRET, "enable_ssl_verification": true,
                "push_events_branch_filter": "", "branch_filter_strategy": "all_branches",
            });
            let events = "confidential_issues confidential_note deployment emoji feature_flag issues job \
                 merge_requests milestone note pipeline push releases resource_access_token tag_push \
                 vulnerability wiki_page";
            for event in events.split_whitespace() {
                body[format!("{event}_events")] = (event == "push").into();
            }
            body
        }
        GitProvider::Bitbucket => json!({
            "description": "gitops", "url": TARGET, "active": true, "events": ["repo:push"],
            "skip_cert_verification": false, "secret": SECRET,
        }),
        GitProvider::BitbucketServer => json!({
            "name": "gitops", "url": TARGET, "active": true, "events": ["repo:refs_changed"],
            "configuration": { "secret": SECRET }, "sslVerificationRequired": true,
        }),
        GitProvider::Gitea => json!({
            "type": "gitea", "active": true, "events": ["push"],
            "config": { "url": TARGET, "content_type": "json", "secret": SECRET },
        }),
        GitProvider::Gogs => json!({
            "type": "gogs", "active": true, "events": ["push"],
            "config": { "url": TARGET, "content_type": "json", "secret": SECRET },
        }),
        GitProvider::AzureDevops => json!({
            "publisherId": "tfs", "eventType": "git.push", "resourceVersion": "1.0",
            "consumerId": "webHooks", "consumerActionId": "httpRequest",
            "publisherInputs": {
                "projectId": PROJECT, "repository": REPOSITORY, "branch": "", "pushedBy": "",
            },
            "consumerInputs": {
                "url": TARGET, "basicAuthUsername": "argocd", "basicAuthPassword": "s3cret",
                "acceptUntrustedCerts": "false", "resourceDetailsToSend": "all",
                "messagesToSend": "none", "detailedMessagesToSend": "none",
            },
        }),
    }
}
