//! What Git hosts refuse about webhooks is told with cause and next step, and tried again where that helps.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "webhooks/providers.rs"]
#[allow(dead_code, reason = "the other program of tests uses another part of it")]
mod providers;
#[path = "hosts/server.rs"]
mod server;

use std::time::Duration;

use git_credentials::hosts::{HookCause, HookChange, Host, HostError, PutHook, SecretAtHost, WantedHook};
use git_credentials::{Category, Credentials, Trust};
use manifests::config::GitProvider;
use providers::{ALL, SECRET, TARGET, change, create, hook, host, list, page, remove, start};
use server::{Reply, Server, reply};

const LIMIT: Duration = Duration::from_secs(30);

fn credentials() -> Credentials {
    Credentials::Token { username: "bob".into(), token: "hush".into() }
}

fn wanted() -> WantedHook {
    WantedHook {
        url: TARGET.into(),
        former: Vec::new(),
        secret: Some(SECRET.into()),
        verify_tls: true,
        name: "gitops".into(),
    }
}

async fn put_at(host: &Host, limit: Duration) -> Result<PutHook, HostError> {
    host.put_hook(&credentials(), &Trust::default(), limit, &wanted(), SecretAtHost::Unknown).await
}

async fn put(kind: GitProvider, server: &Server) -> Result<PutHook, HostError> {
    put_at(&host(kind, server), LIMIT).await
}

fn count(server: &Server, what: &str) -> usize {
    server.asked().iter().filter(|asked| asked.what == what).count()
}

fn repository(kind: GitProvider) -> &'static str {
    match kind {
        GitProvider::Gitlab => "acme/ml/gitops",
        GitProvider::AzureDevops => "ml/gitops",
        _ => "acme/gitops",
    }
}

/// Text of an error that names the repository, gives the next step, and shows nothing secret.
fn told(error: &HostError, kind: GitProvider) -> String {
    let text = format!("{error}");
    assert!(text.contains(repository(kind)), "{kind:?}: {text}");
    assert!(text.contains("\n  "), "{kind:?}: {text}");
    for secret in ["hush", "s3cret", "Ym9iOmh1c2g="] {
        assert!(!format!("{text} {error:?}").contains(secret), "{kind:?}: {text}");
    }
    text
}

/// How each host says that it refuses, as its documentation or source has it.
fn said(kind: GitProvider, status: u16, words: &str) -> Reply {
    let body = match kind {
        GitProvider::Gitlab if status == 401 => serde_json::json!({ "message": words }),
        GitProvider::Gitlab => {
            serde_json::json!({ "error": "insufficient_scope", "error_description": words })
        }
        GitProvider::Bitbucket => serde_json::json!({ "type": "error", "error": { "message": words } }),
        GitProvider::BitbucketServer => serde_json::json!({
            "errors": [{ "context": null, "message": words, "exceptionName": "com.atlassian.X" }]
        }),
        GitProvider::AzureDevops => serde_json::json!({
            "$id": "1", "innerException": null, "message": words, "typeName": "X", "errorCode": 0,
        }),
        _ => serde_json::json!({ "message": words, "documentation_url": "https://docs.github.com/rest" }),
    };
    reply(status, &body.to_string())
}

#[tokio::test]
async fn a_token_that_is_not_accepted() {
    for kind in ALL {
        let server = start();
        server.on(&list(kind), said(kind, 401, "Bad credentials: hush"));
        let error = put(kind, &server).await.unwrap_err();
        let text = told(&error, kind);
        assert!(text.contains("can't be read: http") && text.contains("does not accept the token"), "{text}");
        assert!(text.contains("Bad credentials: (hidden)"), "{text}");
        assert!(text.contains("expired or revoked: make a new one with"), "{text}");
        assert_eq!((error.category(), count(&server, &list(kind))), (Category::Refused, 1), "{kind:?}");
    }
}

#[tokio::test]
async fn a_token_without_the_right_scope() {
    for (kind, needed) in [
        (GitProvider::Github, "`admin:repo_hook`"),
        (GitProvider::Gitlab, "`api`, and its user or itself the role Maintainer"),
        (GitProvider::Bitbucket, "`webhook`"),
        (GitProvider::BitbucketServer, "Repository admin"),
        (GitProvider::Gitea, "`write:repository`"),
        (GitProvider::Gogs, "Admin of the repository"),
        (GitProvider::AzureDevops, "“Edit subscriptions”"),
    ] {
        let server = start();
        server.on(&list(kind), page(kind, &[], true));
        server.on(
            &create(kind),
            said(kind, 403, "not with hush nor s3cret").with("X-OAuth-Scopes", "repo, read:org"),
        );
        let error = put(kind, &server).await.unwrap_err();
        let text = told(&error, kind);
        assert!(text.contains("gets no webhook") && text.contains(needed), "{kind:?}: {text}");
        assert!(text.contains("not with (hidden) nor (hidden)"), "{text}");
        assert!(text.ends_with("; it has repo, read:org"), "{text}");
        assert_eq!(count(&server, &create(kind)), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_repository_that_is_not_there_or_not_for_the_token() {
    for kind in ALL {
        let server = start();
        server.on(&list(kind), said(kind, 404, "Not Found"));
        let error = put(kind, &server).await.unwrap_err();
        let text = told(&error, kind);
        assert!(text.contains("knows no such repository, or the token may not see its webhooks"), "{text}");
        assert!(text.contains("check the path of `git.url`, and that the token has "), "{text}");
    }
    let server = start();
    server.on("GET /ml/_apis/git/repositories/gitops?api-version=5.0", reply(404, ""));
    let error = put(GitProvider::AzureDevops, &server).await.unwrap_err();
    assert!(told(&error, GitProvider::AzureDevops).contains("knows no such repository"));
}

#[tokio::test]
async fn what_a_host_finds_wrong_is_repeated() {
    let github = r#"{"message":"Validation Failed","errors":[{"resource":"Hook","code":"custom","message":"url is missing a scheme"}]}"#;
    let gitlab = r#"{"message":{"url":["is blocked: Requests to the local network are not allowed"]}}"#;
    let bitbucket =
        r#"{"type":"error","error":{"fields":{"url":["Enter a valid URL."]},"message":"Bad request"}}"#;
    let server_ =
        r#"{"errors":[{"context":"url","message":"The URL must be absolute.","exceptionName":null}]}"#;
    let azure = r#"{"$id":"1","message":"VS403360: Basic authentication needs https","typeKey":"X"}"#;
    for (kind, status, body, words) in [
        (GitProvider::Github, 422, github, "(422): Validation Failed; url is missing a scheme"),
        (GitProvider::Gitlab, 422, gitlab, "(422): url is blocked: Requests to the local"),
        (GitProvider::Bitbucket, 400, bitbucket, "(400): Bad request; url Enter a valid URL."),
        (GitProvider::BitbucketServer, 400, server_, "(400): The URL must be absolute."),
        (GitProvider::Gitea, 422, r#"{"message":"Invalid content type"}"#, "(422): Invalid content type"),
        (GitProvider::Gogs, 422, r#"{"message":"Invalid hook type."}"#, "(422): Invalid hook type."),
        (GitProvider::AzureDevops, 400, azure, "(400): VS403360: Basic authentication needs https"),
    ] {
        let server = start();
        server.on(&list(kind), page(kind, &[hook(kind, 1, TARGET)], true));
        server.on(&change(kind), reply(status, body));
        let text = told(&put(kind, &server).await.unwrap_err(), kind);
        assert!(text.contains(words), "{text}");
        assert_eq!(count(&server, &change(kind)), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_host_that_was_asked_too_often_is_waited_for() {
    for kind in ALL {
        let limited = said(kind, 429, "Too many requests").with("Retry-After", "20");
        let server = start();
        server.on_each(&list(kind), [limited, page(kind, &[], true)]);
        server.on(&create(kind), reply(201, &hook(kind, 1, TARGET).to_string()));
        assert_eq!(put(kind, &server).await.unwrap().change, HookChange::Created, "{kind:?}");

        // An hour that is 3.6 seconds here does not fit into one.
        let limited = said(kind, 429, "Too many requests").with("Retry-After", "3600");
        server.on(&list(kind), limited);
        let error = put_at(&host(kind, &server), Duration::from_secs(1)).await.unwrap_err();
        let text = told(&error, kind);
        assert!(text.contains("asked too often"), "{text}");
        assert!(text.ends_with("run the same command again in 3600 seconds"), "{text}");
    }
}

#[tokio::test]
async fn github_says_that_it_was_asked_too_often_in_several_ways() {
    let kind = GitProvider::Github;
    let hour = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + 3600;
    let secondary = said(kind, 403, "You have exceeded a secondary rate limit.");
    let used_up = said(kind, 403, "API rate limit exceeded").with("x-ratelimit-remaining", "0");
    for (limited, limit, fits) in [
        (secondary.clone().with("Retry-After", "60"), LIMIT, true),
        (secondary.clone(), LIMIT, true),
        (used_up.clone().with("x-ratelimit-reset", "1377013266"), LIMIT, true),
        (used_up.with("x-ratelimit-reset", &hour.to_string()), Duration::from_secs(1), false),
    ] {
        let server = start();
        server.on_each(&list(kind), [limited, page(kind, &[], true)]);
        server.on(&create(kind), reply(201, &hook(kind, 1, TARGET).to_string()));
        match put_at(&host(kind, &server), limit).await {
            Ok(put) => assert!(fits && put.change == HookChange::Created),
            Err(HostError::Hook(error)) => {
                let HookCause::RateLimited { retry_after: Some(seconds), .. } = error.cause else {
                    panic!("{error}")
                };
                assert!(!fits && (3590..=3600).contains(&seconds), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_host_that_fails_is_asked_again_and_then_left() {
    for kind in ALL {
        let html = reply(502, "<html>Bad gateway hush</html>").with("Content-Type", "text/html");
        let server = start();
        server.on_each(&list(kind), [html.clone(), html.clone(), page(kind, &[], true)]);
        server.on(&create(kind), reply(201, &hook(kind, 1, TARGET).to_string()));
        assert_eq!(put(kind, &server).await.unwrap().change, HookChange::Created, "{kind:?}");

        let server = start();
        server.on(&list(kind), html);
        let error = put(kind, &server).await.unwrap_err();
        assert!(told(&error, kind).contains("failed (502)\n  the fault is on its side"), "{error}");
        assert_eq!((error.category(), count(&server, &list(kind))), (Category::Refused, 5), "{kind:?}");
    }
}

#[tokio::test]
async fn a_hook_whose_creation_was_answered_with_a_failure_is_not_created_again() {
    for kind in ALL {
        let server = start();
        server.on_each(&list(kind), [page(kind, &[], true), page(kind, &[hook(kind, 1, TARGET)], true)]);
        server.on(&create(kind), reply(504, ""));
        let host = host(kind, &server);
        let put =
            host.put_hook(&credentials(), &Trust::default(), LIMIT, &wanted(), SecretAtHost::Same).await;
        assert_eq!(put.unwrap().change, HookChange::Created, "{kind:?}");
        assert_eq!(count(&server, &create(kind)), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_hook_that_somebody_else_was_faster_with_is_taken() {
    let kind = GitProvider::Github;
    let exists = r#"{"message":"Validation Failed","errors":[{"resource":"Hook","code":"custom","message":"Hook already exists on this repository"}]}"#;
    let server = start();
    server.on_each(&list(kind), [page(kind, &[], true), page(kind, &[hook(kind, 1, TARGET)], true)]);
    server.on(&create(kind), reply(422, exists));
    server.on(&change(kind), reply(200, &hook(kind, 1, TARGET).to_string()));
    assert_eq!(put(kind, &server).await.unwrap().hook.id, "1");
    assert_eq!(count(&server, &change(kind)), 1);
}

#[tokio::test]
async fn what_can_not_be_removed_is_told() {
    for kind in ALL {
        let server = start();
        server.on(&list(kind), page(kind, &[hook(kind, 1, TARGET)], true));
        server.on(&remove(kind, 1), said(kind, 403, "no"));
        let taken =
            host(kind, &server).remove_hook(&credentials(), &Trust::default(), LIMIT, &wanted()).await;
        assert!(told(&taken.unwrap_err(), kind).contains("can't be removed"), "{kind:?}");

        server.on_each(&remove(kind, 1), [reply(503, ""), reply(204, "")]);
        let taken =
            host(kind, &server).remove_hook(&credentials(), &Trust::default(), LIMIT, &wanted()).await;
        assert_eq!(taken.unwrap().len(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn answers_that_are_none_are_told() {
    for kind in ALL {
        let server = start();
        server.on(&list(kind), reply(301, "").with("Location", "https://elsewhere/"));
        let text = told(&put(kind, &server).await.unwrap_err(), kind);
        assert!(text.contains("the repository has another name now"), "{text}");

        server.on(&list(kind), reply(200, r#"{"hello":"world"}"#));
        let text = told(&put(kind, &server).await.unwrap_err(), kind);
        assert!(text.contains("something else than expected: there is no list of webhooks in it"), "{text}");
    }
    let kind = GitProvider::AzureDevops;
    for page in [reply(203, "<html>Sign in"), reply(302, "").with("Location", "https://login.example.com/")] {
        let server = start();
        server.on(&list(kind), page);
        assert!(told(&put(kind, &server).await.unwrap_err(), kind).contains("does not accept the token"));
    }
    let server = start();
    server.on(&list(GitProvider::Github), page(GitProvider::Github, &[], false));
    server.on(&providers::second_page(GitProvider::Github).unwrap(), page(GitProvider::Github, &[], false));
    let error = put(GitProvider::Github, &server).await.unwrap_err();
    assert!(told(&error, GitProvider::Github).contains("its list of webhooks has no end"), "{error}");
}

#[tokio::test]
async fn a_host_that_is_down_or_silent_is_told() {
    // The system gives this port to nobody who asks for any.
    let free = "127.0.0.1:1";
    for kind in ALL {
        let host = host(kind, &start()).with_api(&format!("http://{free}"));
        let error = put_at(&host, LIMIT).await.unwrap_err();
        assert!(told(&error, kind).contains("can't be used: no connection"), "{error}");
        assert_eq!(error.category(), Category::Missing);
    }
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host =
        host(GitProvider::Github, &start()).with_api(&format!("http://{}", silent.local_addr().unwrap()));
    let error = put_at(&host, Duration::from_millis(200)).await.unwrap_err();
    assert_eq!(error.category(), Category::TimedOut, "{error}");
    told(&error, GitProvider::Github);
}

#[tokio::test]
async fn what_is_impossible_is_said_before_anything_is_asked() {
    for kind in [GitProvider::Gitea, GitProvider::Gogs] {
        let server = start();
        let wanted = WantedHook { verify_tls: false, ..wanted() };
        let host = host(kind, &server);
        let put = host.put_hook(&credentials(), &Trust::default(), LIMIT, &wanted, SecretAtHost::Same).await;
        let error = put.unwrap_err();
        assert!(told(&error, kind).contains("SKIP_TLS_VERIFY"), "{error}");
        assert!(error.category() == Category::Missing && server.asked().is_empty());
    }
    for kind in [GitProvider::BitbucketServer, GitProvider::Gogs, GitProvider::AzureDevops] {
        let error =
            host(kind, &start()).create(&credentials(), true, &Trust::default(), LIMIT).await.unwrap_err();
        assert!(matches!(error, HostError::CreatesNone { .. }) && error.category() == Category::Missing);
    }
}
