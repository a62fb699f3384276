//! Webhooks are put in place by the API of each Git host.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "webhooks/providers.rs"]
mod providers;
#[path = "hosts/server.rs"]
mod server;

use std::time::Duration;

use git_credentials::hosts::{Hook, HookChange, HostError, PutHook, SecretAtHost, WantedHook};
use git_credentials::http::Http;
use git_credentials::signature::{push_event, signed};
use git_credentials::{Credentials, Trust};
use manifests::config::GitProvider;
use providers::{
    ALL, SECRET, TARGET, body, change, chatty, create, hook, host, list, page, remove, replaces, start,
};
use serde_json::Value;
use server::{Asked, Server, reply};

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

async fn put(kind: GitProvider, server: &Server, secret: SecretAtHost) -> Result<PutHook, HostError> {
    let host = host(kind, server);
    host.put_hook(&credentials(), &Trust::default(), LIMIT, &wanted(), secret).await
}

async fn take(kind: GitProvider, server: &Server) -> Result<Vec<Hook>, HostError> {
    host(kind, server).remove_hook(&credentials(), &Trust::default(), LIMIT, &wanted()).await
}

/// Everything that was asked but for lists.
fn writes(server: &Server) -> Vec<Asked> {
    server.asked().into_iter().filter(|asked| !asked.what.starts_with("GET ")).collect()
}

fn whats(asked: &[Asked]) -> Vec<&str> {
    asked.iter().map(|asked| asked.what.as_str()).collect()
}

fn json(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).unwrap()
}

fn ids(hooks: &[Hook]) -> Vec<&str> {
    hooks.iter().map(|hook| hook.id.trim_matches(['{', '}'])).collect()
}

#[tokio::test]
async fn a_missing_hook_is_created() {
    for kind in ALL {
        let server = start();
        let other = hook(kind, 9, "https://hooks.example.com/services/secret");
        server.on(&list(kind), page(kind, &[other], true));
        server.on(&create(kind), reply(201, &hook(kind, 1, TARGET).to_string()));
        let put = put(kind, &server, SecretAtHost::Same).await.unwrap();
        assert_eq!(
            (put.change, put.hook.id.trim_matches(['{', '}'])),
            (HookChange::Created, "1"),
            "{kind:?}"
        );
        assert_eq!(put.hook.uuid.as_deref(), (kind == GitProvider::Bitbucket).then_some("1"), "{kind:?}");
        let writes = writes(&server);
        assert_eq!(whats(&writes), [create(kind)], "{kind:?}");
        assert_eq!(json(&writes[0]), body(kind), "{kind:?}");
    }
}

#[tokio::test]
async fn each_host_is_shown_the_token_in_its_way() {
    for (kind, expected) in [
        (GitProvider::Github, "Bearer hush"),
        (GitProvider::Gitlab, "Bearer hush"),
        (GitProvider::Bitbucket, "Basic Ym9iOmh1c2g="),
        (GitProvider::BitbucketServer, "Basic Ym9iOmh1c2g="),
        (GitProvider::Gitea, "Basic Ym9iOmh1c2g="),
        (GitProvider::Gogs, "Basic Ym9iOmh1c2g="),
        (GitProvider::AzureDevops, "Basic Ym9iOmh1c2g="),
    ] {
        let server = start();
        server.on(&list(kind), page(kind, &[], true));
        host(kind, &server).hooks(&credentials(), &Trust::default(), LIMIT).await.unwrap();
        assert!(server.asked().iter().all(|asked| asked.authorization == expected), "{kind:?}");
    }
    let server = start();
    server.on(&list(GitProvider::Gogs), page(GitProvider::Gogs, &[], true));
    let token = Credentials::Token { username: "bob".into(), token: "0f".repeat(20).into() };
    host(GitProvider::Gogs, &server).hooks(&token, &Trust::default(), LIMIT).await.unwrap();
    assert_eq!(server.asked()[0].authorization, format!("token {}", "0f".repeat(20)));
}

#[tokio::test]
async fn a_hook_as_wanted_is_left_alone() {
    for kind in ALL {
        let server = start();
        let there = hook(kind, 1, "https://ArgoCD.acme.com:443/api/webhook/");
        server.on(&list(kind), page(kind, &[there], true));
        let put = put(kind, &server, SecretAtHost::Same).await.unwrap();
        assert_eq!(put.change, HookChange::Unchanged, "{kind:?}");
        assert!(writes(&server).is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn a_hook_that_differs_is_changed_and_none_added() {
    for kind in ALL {
        // Azure DevOps has a subscription for each event: one that is switched off differs.
        let mut there =
            if kind == GitProvider::AzureDevops { hook(kind, 1, TARGET) } else { chatty(kind, 1, TARGET) };
        if kind == GitProvider::AzureDevops {
            there["status"] = "disabledBySystem".into();
        }
        let server = start();
        server.on(&list(kind), page(kind, &[there], true));
        let id = if replaces(kind) { 2 } else { 1 };
        server.on(&change(kind), reply(200, &hook(kind, id, TARGET).to_string()));
        server.on(&remove(kind, 1), reply(204, ""));
        let put = put(kind, &server, SecretAtHost::Same).await.unwrap();
        assert_eq!(put.change, HookChange::Updated, "{kind:?}");
        let writes = writes(&server);
        assert_eq!(json(&writes[0]), body(kind), "{kind:?}");
        match replaces(kind) {
            true => assert_eq!(whats(&writes), [change(kind), remove(kind, 1)], "{kind:?}"),
            false => assert_eq!(whats(&writes), [change(kind)], "{kind:?}"),
        }
    }
}

#[tokio::test]
async fn what_a_host_shows_of_a_hook_is_compared() {
    let set = |hook: &mut Value, pointer: &str, value: Value| *hook.pointer_mut(pointer).unwrap() = value;
    for (kind, pointer, value) in [
        (GitProvider::Github, "/config/insecure_ssl", "1".into()),
        (GitProvider::Github, "/config/insecure_ssl", 1.into()),
        (GitProvider::Github, "/config/content_type", "form".into()),
        (GitProvider::Github, "/config/secret", Value::Null),
        (GitProvider::Github, "/active", false.into()),
        (GitProvider::Gitlab, "/enable_ssl_verification", false.into()),
        (GitProvider::Gitlab, "/branch_filter_strategy", Value::Null),
        (GitProvider::Gitlab, "/custom_webhook_template", "{}".into()),
        (GitProvider::Bitbucket, "/skip_cert_verification", true.into()),
        (GitProvider::Bitbucket, "/secret_set", false.into()),
        (GitProvider::BitbucketServer, "/sslVerificationRequired", false.into()),
        (GitProvider::BitbucketServer, "/active", false.into()),
        (GitProvider::Gitea, "/branch_filter", "release/*".into()),
        (GitProvider::Gitea, "/config/content_type", "form".into()),
        (GitProvider::AzureDevops, "/publisherInputs/branch", "main".into()),
        (GitProvider::AzureDevops, "/consumerInputs", serde_json::json!({ "url": TARGET })),
    ] {
        let mut there = hook(kind, 1, TARGET);
        if pointer == "/branch_filter_strategy" {
            there["push_events_branch_filter"] = "release/*".into();
        }
        set(&mut there, pointer, value);
        let server = start();
        server.on(&list(kind), page(kind, &[there], true));
        server.on(&change(kind), reply(200, &hook(kind, 1, TARGET).to_string()));
        server.on(&remove(kind, 1), reply(204, ""));
        let put = put(kind, &server, SecretAtHost::Same).await.unwrap();
        assert_eq!(put.change, HookChange::Updated, "{kind:?} {pointer}");
    }
}

#[tokio::test]
async fn a_new_secret_is_written() {
    for kind in ALL {
        let server = start();
        server.on(&list(kind), page(kind, &[hook(kind, 1, TARGET)], true));
        server.on(&change(kind), reply(200, &hook(kind, 1, TARGET).to_string()));
        server.on(&remove(kind, 1), reply(204, ""));
        let put = put(kind, &server, SecretAtHost::Unknown).await.unwrap();
        assert_eq!(put.change, HookChange::Updated, "{kind:?}");
        assert_eq!(json(&writes(&server)[0]), body(kind), "{kind:?}");
    }
}

#[tokio::test]
async fn a_hook_without_secret_is_no_gap_where_none_is_wanted() {
    for kind in ALL {
        let server = start();
        server.on(&list(kind), page(kind, &[], true));
        server.on(&create(kind), reply(201, &hook(kind, 1, TARGET).to_string()));
        let wanted = WantedHook { secret: None, ..wanted() };
        let host = host(kind, &server);
        let put = host.put_hook(&credentials(), &Trust::default(), LIMIT, &wanted, SecretAtHost::Same).await;
        assert_eq!(put.unwrap().change, HookChange::Created);
        assert!(!writes(&server)[0].body.contains("s3cret"), "{kind:?}");
    }
}

#[tokio::test]
async fn hooks_are_removed_by_address() {
    for kind in ALL {
        let server = start();
        let others = hook(kind, 2, "https://a.b/c");
        let hooks = [hook(kind, 1, TARGET), others, hook(kind, 3, TARGET), chatty(kind, 4, TARGET)];
        server.on(&list(kind), page(kind, &hooks, true));
        server.on(&remove(kind, 1), reply(204, ""));
        // The other one is gone in the meantime: 404, as everything that was not said.
        assert_eq!(ids(&take(kind, &server).await.unwrap()), ["1", "3"], "{kind:?}");
        assert_eq!(whats(&writes(&server)), [remove(kind, 1), remove(kind, 3)], "{kind:?}");

        server.on(&list(kind), page(kind, &hooks[1..2], true));
        assert!(take(kind, &server).await.unwrap().is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn every_page_is_read_and_no_link_is_followed_elsewhere() {
    for kind in ALL {
        let Some(second) = providers::second_page(kind) else { continue };
        let server = start();
        let other = hook(kind, 7, "https://a.b/c");
        server.on(&list(kind), page(kind, &[other], false));
        server.on(
            &second,
            match kind {
                GitProvider::Gitea => page(kind, &[hook(kind, 1, TARGET)], true).with("X-Total-Count", "2"),
                _ => page(kind, &[hook(kind, 1, TARGET)], true),
            },
        );
        let hooks = host(kind, &server).hooks(&credentials(), &Trust::default(), LIMIT).await.unwrap();
        assert_eq!(ids(&hooks), ["7", "1"], "{kind:?}");
        assert_eq!(put(kind, &server, SecretAtHost::Same).await.unwrap().change, HookChange::Unchanged);
        assert!(server.asked().iter().all(|asked| !asked.authorization.is_empty()), "{kind:?}");
    }
}

#[tokio::test]
async fn of_several_hooks_one_is_kept_and_gets_the_secret() {
    for kind in ALL {
        let server = start();
        let mut off = hook(kind, 4, TARGET);
        off[if kind == GitProvider::AzureDevops { "status" } else { "active" }] =
            if kind == GitProvider::AzureDevops { "disabledByUser".into() } else { false.into() };
        let hooks = [off, chatty(kind, 2, TARGET), hook(kind, 1, TARGET), hook(kind, 3, TARGET)];
        server.on(&list(kind), page(kind, &hooks, true));
        server.on(&change(kind), reply(200, &hook(kind, 1, TARGET).to_string()));
        for id in [1, 3, 4] {
            server.on(&remove(kind, id), reply(204, ""));
        }
        // GitLab shows no hook as switched off: of three that are alike the first one stays.
        let kept = if kind == GitProvider::Gitlab { 4 } else { 1 };
        server.on(
            &change(kind).replace("/1", &format!("/{kept}")),
            reply(200, &hook(kind, kept, TARGET).to_string()),
        );
        let put = put(kind, &server, SecretAtHost::Same).await.unwrap();
        assert_eq!(put.change, HookChange::Updated, "{kind:?}");
        assert_eq!(ids(&put.left), ["2"], "{kind:?}");
        let removed = if kind == GitProvider::Gitlab { ["1", "3"] } else { ["3", "4"] };
        assert_eq!(ids(&put.removed), removed, "{kind:?}");
        let writes = writes(&server);
        assert_eq!(json(&writes[0]), body(kind), "{kind:?}: first the secret, then the others go");
        let mut gone: Vec<String> = removed.iter().map(|id| remove(kind, id.parse().unwrap())).collect();
        if replaces(kind) {
            gone.insert(0, remove(kind, kept));
        }
        assert_eq!(whats(&writes[1..]), gone, "{kind:?}");
    }
}

/// The receiver's address is another one now: its hook goes with it, and none is left behind.
#[tokio::test]
async fn a_hook_at_an_address_of_before_is_led_to_the_new_one() {
    let before = "https://old.acme.com/api/webhook";
    for kind in ALL {
        let id = hook(kind, 1, before)[if kind == GitProvider::Bitbucket { "uuid" } else { "id" }].clone();
        let id = id.as_str().map_or(id.to_string(), str::to_owned);
        let wanted = WantedHook { former: vec![id], ..wanted() };
        let server = start();
        server.on(&list(kind), page(kind, &[hook(kind, 1, before), hook(kind, 2, before)], true));
        server.on(&change(kind), reply(200, &hook(kind, 1, TARGET).to_string()));
        server.on(&remove(kind, 1), reply(204, ""));
        let host = host(kind, &server);
        let put = host.put_hook(&credentials(), &Trust::default(), LIMIT, &wanted, SecretAtHost::Same).await;
        assert_eq!(put.unwrap().change, HookChange::Updated, "{kind:?}");
        let writes = writes(&server);
        assert_eq!(json(&writes[0]), body(kind), "{kind:?}");
        let expected = [change(kind), remove(kind, 1)];
        let expected = if replaces(kind) { &expected[..] } else { &expected[..1] };
        assert_eq!(whats(&writes), expected, "{kind:?}: another's stays");
        let hooks = host.hooks(&credentials(), &Trust::default(), LIMIT).await.unwrap();
        let standing = host.standing(&hooks, &wanted);
        assert!(standing.moved && !standing.fits, "{kind:?}");

        // Where there is one at the new address, the old one goes.
        server.on(&list(kind), page(kind, &[hook(kind, 1, before), hook(kind, 2, TARGET)], true));
        server.on(
            &change(kind).replace("/1", "/2").replace("1%7D", "2%7D"),
            reply(200, &hook(kind, 2, TARGET).to_string()),
        );
        server.on(&remove(kind, 2), reply(204, ""));
        let put = host.put_hook(&credentials(), &Trust::default(), LIMIT, &wanted, SecretAtHost::Same).await;
        assert_eq!(ids(&put.unwrap().removed), ["1"], "{kind:?}");

        server.on(&list(kind), page(kind, &[hook(kind, 1, before), hook(kind, 2, before)], true));
        let gone = host.remove_hook(&credentials(), &Trust::default(), LIMIT, &wanted).await.unwrap();
        assert_eq!(ids(&gone), ["1"], "{kind:?}");
    }
}

/// As the guide has it made: for every event, with certificates unverified.
#[tokio::test]
async fn the_hook_of_the_guide_is_taken_over() {
    let kind = GitProvider::Github;
    let mut there = hook(kind, 1, TARGET);
    there["events"] = serde_json::json!(["*"]);
    there["config"]["insecure_ssl"] = "1".into();
    let server = start();
    server.on(&list(kind), page(kind, &[there], true));
    server.on(&change(kind), reply(200, &hook(kind, 1, TARGET).to_string()));
    assert_eq!(put(kind, &server, SecretAtHost::Same).await.unwrap().change, HookChange::Updated);
    assert_eq!(json(&writes(&server)[0]), body(kind));
}

#[tokio::test]
async fn hooks_for_something_else_stay() {
    for (kind, events) in
        [(GitProvider::Github, "pull_request"), (GitProvider::AzureDevops, "git.pullrequest.created")]
    {
        let mut other = chatty(kind, 5, TARGET);
        if kind == GitProvider::Github {
            other["events"] = serde_json::json!([events]);
        }
        let server = start();
        server.on(&list(kind), page(kind, &[other], true));
        server.on(&create(kind), reply(200, &hook(kind, 1, TARGET).to_string()));
        let put = put(kind, &server, SecretAtHost::Unknown).await.unwrap();
        assert_eq!((put.change, ids(&put.left)), (HookChange::Created, vec!["5"]), "{kind:?}");
        assert!(take(kind, &server).await.unwrap().is_empty(), "{kind:?}");
    }
}

#[tokio::test]
async fn what_is_for_other_repositories_is_not_touched() {
    let kind = GitProvider::AzureDevops;
    let server = start();
    let mut other = hook(kind, 1, TARGET);
    other["publisherInputs"]["repository"] = "another".into();
    server.on(&list(kind), page(kind, &[other], true));
    server.on(&create(kind), reply(200, &hook(kind, 2, TARGET).to_string()));
    assert_eq!(put(kind, &server, SecretAtHost::Unknown).await.unwrap().change, HookChange::Created);
    assert!(take(kind, &server).await.unwrap().is_empty());
}

#[tokio::test]
async fn hooks_of_a_whole_project_are_not_the_repositorys() {
    let kind = GitProvider::BitbucketServer;
    let mut other = hook(kind, 5, TARGET);
    other["scopeType"] = "project".into();
    let server = start();
    server.on(&list(kind), page(kind, &[other], true));
    server.on(&create(kind), reply(201, &hook(kind, 1, TARGET).to_string()));
    assert_eq!(put(kind, &server, SecretAtHost::Same).await.unwrap().change, HookChange::Created);
}

#[test]
fn a_signed_event_is_delivered_byte_by_byte() {
    let server = Server::start();
    server.on("POST /api/webhook", reply(400, "no, Basic Omh1c2g= is wrong"));
    let http = Http::new(&Trust::default(), LIMIT).unwrap();
    let kind = GitProvider::AzureDevops;
    let event = push_event(kind, "https://dev.azure.com/acme/ml/_git/gitops", "main").to_string();
    let headers = signed(kind, &"hush".into(), event.as_bytes());
    let answer =
        http.deliver(&format!("{}/api/webhook", server.address), &headers, event.as_bytes()).unwrap();
    let asked = &server.asked()[0];
    assert_eq!((asked.authorization.as_str(), asked.body.as_str()), ("Basic Omh1c2g=", event.as_str()));
    assert_eq!((answer.status, answer.words().as_str()), (400, "no, (hidden) is wrong"));
}

#[tokio::test]
async fn addresses_of_others_are_not_shown() {
    for kind in ALL {
        let server = start();
        server.on(
            &list(kind),
            page(kind, &[hook(kind, 1, "https://chat.acme.com/services/T0/hush?x=hush")], true),
        );
        let hooks = host(kind, &server).hooks(&credentials(), &Trust::default(), LIMIT).await.unwrap();
        let text = format!("{hooks:?}");
        assert!(text.contains("https://chat.acme.com,") && !text.contains("hush"), "{text}");
    }
    assert!(!format!("{:?}", wanted()).contains("s3cret"));
}
