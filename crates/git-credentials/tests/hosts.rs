//! Repositories are created by the API of each Git host. The answers are those of the hosts' documentation.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[path = "hosts/server.rs"]
mod server;

use std::time::Duration;

use git_credentials::hosts::{Created, Host, HostError};
use git_credentials::{Category, Credentials, Trust};
use manifests::config::GitProvider;
use serde_json::{Value, json};
use server::{Asked, Server, reply};

const LIMIT: Duration = Duration::from_secs(30);

fn token(username: &str) -> Credentials {
    Credentials::Token { username: username.into(), token: "hush".into() }
}

async fn create(server: &Server, kind: GitProvider, path: &str, user: &str) -> Result<Created, HostError> {
    let url = format!("https://git.acme.com/{path}");
    let host = Host::detect(&url, Some(kind)).unwrap().with_api(&format!("{}/", server.address));
    host.create(&token(user), true, &Trust::default(), LIMIT).await
}

fn body(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).unwrap()
}

#[tokio::test]
async fn github_creates_for_oneself_and_for_an_organisation() {
    let server = Server::start();
    server
        .on("GET /user", reply(200, r#"{"login":"Bob","id":1}"#))
        .on("POST /user/repos", reply(201, r#"{"full_name":"Bob/gitops"}"#))
        .on("POST /orgs/acme/repos", reply(201, r#"{"full_name":"acme/gitops"}"#));
    assert_eq!(create(&server, GitProvider::Github, "bob/gitops", "bob").await.unwrap(), Created::New);
    assert_eq!(create(&server, GitProvider::Github, "acme/gitops.git", "bob").await.unwrap(), Created::New);
    let asked = server.asked();
    let what: Vec<&str> = asked.iter().map(|asked| asked.what.as_str()).collect();
    assert_eq!(what, ["GET /user", "POST /user/repos", "GET /user", "POST /orgs/acme/repos"]);
    assert_eq!(body(&asked[3]), json!({ "name": "gitops", "private": true }));
    assert!(asked.iter().all(|asked| asked.authorization == "Bearer hush"));
}

#[tokio::test]
async fn a_token_that_may_not_ask_who_it_is_creates_for_the_organisation() {
    let server = Server::start();
    server
        .on("GET /user", reply(403, r#"{"message":"Resource not accessible by integration"}"#))
        .on("POST /orgs/acme/repos", reply(201, "{}"));
    assert_eq!(create(&server, GitProvider::Github, "acme/gitops", "x").await.unwrap(), Created::New);
}

#[tokio::test]
async fn gitlab_is_told_the_number_of_the_group() {
    let server = Server::start();
    server
        .on("GET /namespaces/acme%2Fml", reply(200, r#"{"id":42,"kind":"group","full_path":"acme/ml"}"#))
        .on("POST /projects", reply(201, r#"{"id":1}"#));
    assert_eq!(create(&server, GitProvider::Gitlab, "acme/ml/gitops", "bob").await.unwrap(), Created::New);
    let wanted = json!({ "name": "gitops", "path": "gitops", "namespace_id": 42, "visibility": "private" });
    assert_eq!(body(&server.asked()[1]), wanted);
}

#[tokio::test]
async fn bitbucket_takes_users_and_access_tokens() {
    let server = Server::start();
    server.on("POST /repositories/acme/gitops", reply(200, r#"{"type":"repository"}"#));
    create(&server, GitProvider::Bitbucket, "acme/gitops", "bob@acme.com").await.unwrap();
    create(&server, GitProvider::Bitbucket, "acme/gitops", "x-token-auth").await.unwrap();
    let asked = server.asked();
    assert_eq!(asked[0].authorization, "Basic Ym9iQGFjbWUuY29tOmh1c2g=");
    assert_eq!(asked[1].authorization, "Bearer hush");
    assert_eq!(body(&asked[0]), json!({ "scm": "git", "is_private": true }));
}

#[tokio::test]
async fn gitea_creates_for_oneself_and_for_an_organisation() {
    let server = Server::start();
    server
        .on("GET /user", reply(200, r#"{"login":"bob","username":"bob"}"#))
        .on("POST /user/repos", reply(201, "{}"))
        .on("POST /orgs/acme/repos", reply(201, "{}"));
    assert_eq!(create(&server, GitProvider::Gitea, "bob/gitops", "bob").await.unwrap(), Created::New);
    assert_eq!(create(&server, GitProvider::Gitea, "acme/gitops", "bob").await.unwrap(), Created::New);
}

#[tokio::test]
async fn what_is_there_stays() {
    let server = Server::start();
    server
        .on("GET /user", reply(200, r#"{"login":"bob"}"#))
        .on("GET /namespaces/bob", reply(200, r#"{"id":1}"#))
        .on("POST /user/repos", reply(422, r#"{"message":"Repository creation failed.","errors":[{"resource":"Repository","code":"custom","field":"name","message":"name already exists on this account"}]}"#))
        .on("POST /projects", reply(400, r#"{"message":{"name":["has already been taken"],"path":["has already been taken"]}}"#))
        .on("POST /repositories/bob/gitops", reply(400, r#"{"type":"error","error":{"message":"Repository with this Slug and Owner already exists."}}"#));
    for kind in [GitProvider::Github, GitProvider::Gitlab, GitProvider::Bitbucket] {
        assert_eq!(create(&server, kind, "bob/gitops", "bob").await.unwrap(), Created::AlreadyThere);
    }
    server.on(
        "POST /user/repos",
        reply(409, r#"{"message":"The repository with the same name already exists."}"#),
    );
    assert_eq!(
        create(&server, GitProvider::Gitea, "bob/gitops", "bob").await.unwrap(),
        Created::AlreadyThere
    );
}

#[tokio::test]
async fn each_refusal_has_its_own_words_and_none_has_the_token() {
    let server = Server::start();
    server.on("GET /user", reply(200, r#"{"login":"bob"}"#));
    let html = reply(502, "<html>hush</html>").with("Content-Type", "text/html");
    let limited = reply(403, r#"{"message":"API rate limit exceeded"}"#).with("x-ratelimit-remaining", "0");
    for (answer, expected) in [
        (reply(401, r#"{"message":"Bad credentials"}"#), "does not accept the token: Bad credentials"),
        (
            reply(403, r#"{"message":"Must have admin rights"}"#),
            "not the token's to create repositories for: Must have",
        ),
        (reply(404, r#"{"message":"Not Found"}"#), "knows no acme, or the token may not see it"),
        (reply(422, r#"{"message":"name is too long"}"#), "(422): name is too long"),
        (reply(429, "").with("Retry-After", "17"), "run the same command again in 17 seconds"),
        (limited, "asked too often: API rate limit exceeded"),
        (html, "failed (502)\n"),
        (reply(302, "").with("Location", "https://elsewhere/"), "not expected (302)"),
    ] {
        server.on("POST /orgs/acme/repos", answer);
        let error = create(&server, GitProvider::Github, "acme/gitops", "bob").await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(expected) && !text.contains("hush"), "{expected}: {text}");
        assert_eq!(error.category(), Category::Refused);
    }
}

#[tokio::test]
async fn a_key_creates_nothing_and_a_hanging_host_is_left() {
    let host = Host::detect("git@github.com:acme/gitops.git", None).unwrap();
    let error = host.create(&Credentials::None, true, &Trust::default(), LIMIT).await.unwrap_err();
    assert!(matches!(error, HostError::NoToken { .. }) && error.category() == Category::Missing);

    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = host.with_api(&format!("http://{}", silent.local_addr().unwrap()));
    let limit = Duration::from_millis(200);
    let error = host.create(&token("bob"), true, &Trust::default(), limit).await.unwrap_err();
    assert_eq!(error.category(), Category::TimedOut, "{error}");
}
