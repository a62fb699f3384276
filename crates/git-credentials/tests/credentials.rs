//! Credentials of the configuration: what is taken, what is refused, and a GitHub App's way to a token.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not see as tests")]

mod tools;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use git_credentials::http::Http;
use git_credentials::{Credentials, GithubApp, SshKey, Trust};
use manifests::config::{GitAuth, SecretRef};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tools::{arg, have, run};

const MARKER: &str = "hush4711";

fn reference() -> SecretRef {
    SecretRef::Env("GIT_TOKEN".into())
}

fn with(auth: &GitAuth, value: &str) -> Result<Credentials, String> {
    let find = |_: &SecretRef| Some(SecretString::from(value.to_owned()));
    Credentials::new(Some(auth), &find).map_err(|error| {
        let text = error.to_string();
        assert!(!format!("{text}{error:?}").contains(MARKER), "{text}");
        text
    })
}

#[test]
fn tokens_that_are_none_are_refused_by_the_name_of_their_reference() {
    let token = |username: &str| GitAuth::Token { username: username.into(), token: reference() };
    for auth in [token("someone"), GitAuth::Bearer { token: reference() }] {
        for (value, why) in [
            (&format!("{MARKER} x"), "blanks or several lines"),
            (&format!("{MARKER}\n"), "blanks or several lines"),
            (&format!("{MARKER}\nx"), "blanks or several lines"),
            (&format!("{MARKER}\u{1b}"), "can't be typed"),
            (&format!("https://me:{MARKER}@github.com/a/b"), "an address with a user"),
            (&format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{MARKER}"), "is a private key"),
        ] {
            let error = with(&auth, value).unwrap_err();
            assert!(error.starts_with("the environment variable GIT_TOKEN holds no token"), "{error}");
            assert!(error.contains(why) && error.lines().count() == 2, "{value:?}: {error}");
        }
        assert!(with(&auth, MARKER).is_ok());
    }
    for username in ["", "  ", "a:b", "a\nb", "ghp_hush4711", "glpat-hush4711"] {
        let error = with(&token(username), "x").unwrap_err();
        assert!(error.starts_with("the user beside the environment variable GIT_TOKEN"), "{error}");
    }
}

#[test]
fn values_are_shown_by_no_debug_output() {
    let token = GitAuth::Token { username: "me".into(), token: reference() };
    assert_eq!(format!("{:?}", with(&token, MARKER).unwrap()), "Token of \"me\"");
    assert_eq!(format!("{:?}", with(&GitAuth::Bearer { token: reference() }, MARKER).unwrap()), "Bearer");
    assert!(matches!(Credentials::new(None, &|_| None), Ok(Credentials::None)));
    let key = SshKey::generate("me").unwrap();
    let text = key.unencrypted().expose_secret().to_owned();
    let auth = GitAuth::Ssh { private_key: reference(), passphrase: None, known_hosts: None };
    let shown = format!("{:?}", with(&auth, &text).unwrap());
    assert_eq!(shown, format!("SshKey(ssh-ed25519 {})", key.fingerprint().unwrap()));
}

#[test]
fn what_is_wrong_with_a_key_is_told_with_its_reference() {
    let auth = GitAuth::Ssh { private_key: reference(), passphrase: None, known_hosts: None };
    for (value, why) in [
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 hush4711", "without .pub"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nhush4711", "puttygen key.ppk -O private-openssh -o key"),
        ("github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 hush4711", "known_hosts"),
        ("ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5 hush4711", "certificate"),
        ("-----BEGIN CERTIFICATE-----\nhush4711\n-----END CERTIFICATE-----", "certificate"),
        ("-----BEGIN PUBLIC KEY-----\nhush4711\n-----END PUBLIC KEY-----", "without .pub"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nhush4711", "PGP"),
        ("-----BEGIN AGE ENCRYPTED FILE-----\nhush4711", "age"),
        ("AGE-SECRET-KEY-1HUSH4711", "age"),
        ("/home/hush4711/.ssh/id_ed25519", "`file:`"),
        ("hush4711", "BEGIN OPENSSH PRIVATE KEY"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nhush4711", "END line is missing"),
        ("-----BEGIN OPENSSH PRIVATE KEY----\nhush4711", "BEGIN line is not whole"),
        (" \n", "is empty"),
    ] {
        let error = with(&auth, value).unwrap_err();
        assert!(error.starts_with("the environment variable GIT_TOKEN is not a private key"), "{error}");
        assert!(error.contains(why) && error.lines().count() == 2, "{value:?}: {error}");
    }
}

fn github_app(dir: &Path, api_url: Option<String>) -> Result<GithubApp, String> {
    let path = dir.join("app.pem");
    run("openssl", &["genrsa", "-traditional", "-out", arg(&path), "2048"]).unwrap();
    let auth = GitAuth::GithubApp { app_id: 12, installation_id: 34, private_key: reference(), api_url };
    match with(&auth, &std::fs::read_to_string(&path).unwrap())? {
        Credentials::GithubApp(app) => Ok(app),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_statement_of_an_app_is_signed_as_openssl_would() {
    if !have(&["openssl"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let app = github_app(dir.path(), None).unwrap();
    let jwt = app.jwt(1_700_000_000).unwrap();
    let (text, signature) = jwt.expose_secret().rsplit_once('.').unwrap();
    let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let (header, claims) = text.split_once('.').unwrap();
    let json = |text: &str| serde_json::from_slice::<Value>(&decode(text)).unwrap();
    assert_eq!(json(header), serde_json::json!({"alg": "RS256", "typ": "JWT"}));
    let expected = serde_json::json!({"iat": 1_699_999_940, "exp": 1_700_000_540, "iss": "12"});
    assert_eq!(json(claims), expected);

    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("text"), text).unwrap();
    std::fs::write(path("signature"), decode(signature)).unwrap();
    std::fs::write(path("key"), app.private_key().expose_secret()).unwrap();
    run("openssl", &["rsa", "-in", arg(&path("key")), "-pubout", "-out", arg(&path("public"))]).unwrap();
    let (public, signature, text) = (path("public"), path("signature"), path("text"));
    let check = ["dgst", "-sha256", "-verify", arg(&public), "-signature", arg(&signature), arg(&text)];
    let said = run("openssl", &check).unwrap();
    assert!(said.contains("Verified OK"), "{said}");
}

#[test]
fn what_can_be_no_app_is_refused() {
    if !have(&["openssl"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for api in ["http://ghe.example.com/api/v3", "https://me:hush4711@ghe.example.com", "ghe.example.com"] {
        let error = github_app(dir.path(), Some(api.into())).unwrap_err();
        assert!(error.contains("https://<host>/api/v3"), "{error}");
    }
    assert!(github_app(dir.path(), Some("https://ghe.example.com/api/v3/".into())).is_ok());
    let key = SshKey::generate("").unwrap();
    let error = GithubApp::new(1, 2, None, &key).unwrap_err().to_string();
    assert!(error.contains("RSA key in PEM form"), "{error}");
}

/// Answers one request, and gives what was asked.
fn answer(status: &'static str, body: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut part) = (Vec::new(), [0; 4096]);
        while !request.ends_with(b"{}") {
            let read = stream.read(&mut part).unwrap();
            request.extend_from_slice(&part[..read]);
        }
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        sender.send(String::from_utf8(request).unwrap())
    });
    (address, receiver)
}

#[test]
fn a_token_of_an_installation() {
    if !have(&["openssl"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let ask = |status, body| {
        let (api, asked) = answer(status, body);
        let app = github_app(dir.path(), Some(api)).unwrap();
        let http = Http::new(&Trust::default(), Duration::from_secs(5)).unwrap();
        let token = app.installation_token(&http, 1_700_000_000);
        (token.map_err(|error| error.to_string()), asked.recv().unwrap())
    };
    let (token, asked) = ask("201 Created", r#"{"token":"ghs_hush4711","expires_at":"x"}"#);
    assert_eq!(token.unwrap().expose_secret(), "ghs_hush4711");
    assert!(asked.starts_with("POST /app/installations/34/access_tokens HTTP/1.1\r\n"), "{asked}");
    assert!(asked.to_lowercase().contains("\r\nauthorization: bearer ey"), "{asked}");
    for (status, body, why) in [
        (
            "401 Unauthorized",
            r#"{"message":"A JSON web token could not be decoded"}"#,
            "does not know App 12",
        ),
        ("404 Not Found", r#"{"message":"Not Found"}"#, "not its installation 34"),
        ("403 Forbidden", r#"{"message":"This installation has been suspended"}"#, "installation suspended?"),
        ("502 Bad Gateway", "<html>", "status 502"),
        ("201 Created", r#"{"tokens":"ghs_hush4711"}"#, "holds no token"),
        ("201 Created", "hush4711", "something else than expected"),
    ] {
        let error = ask(status, body).0.unwrap_err();
        assert!(error.contains(why) && error.lines().count() == 2, "{status}: {error}");
        assert!(!error.contains("hush4711"), "{error}");
    }
}
