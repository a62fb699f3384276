//! Answers of Git hosts of any kind: nothing panics, nothing takes long, and no error repeats what was sent.
//!
//! Every run draws the same cases; `PROPTEST_CASES` asks for more of them than 256.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "webhooks/providers.rs"]
mod providers;
#[path = "hosts/server.rs"]
mod server;

use std::time::{Duration, Instant};

use git_credentials::hosts::{SecretAtHost, WantedHook};
use git_credentials::{Credentials, Trust};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use providers::{ALL, SECRET, TARGET, create, hook, host, list, start};
use serde_json::{Value, json};
use server::reply;

const TOKEN: &str = "hush4711hush";
/// How long a request may take; several of them make one attempt.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer that is sound but for one thing, or not at all.
fn body(sound: &Value, which: u8, at: &Index, more: &str) -> String {
    let text = sound.to_string();
    match which {
        0 => text,
        1 => {
            let end = at.index(text.len() + 1);
            text[..(0..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default()].to_owned()
        }
        2 => more.to_owned(),
        3 => format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        4 => json!({ "message": format!("\u{1b}[2J{TOKEN} {more}"), "errors": [{ "message": TOKEN }] })
            .to_string(),
        5 => json!([null, 1, "x", [], {}, { "id": {}, "config": 1, "url": [], "events": {} }]).to_string(),
        6 => json!({ "values": 1, "value": {}, "next": format!("file:///etc/{more}"), "nextPageStart": -1 })
            .to_string(),
        7 => format!("<html><body>Sign in {more}</body></html>"),
        8 => format!("\"{}\"", "x".repeat(200_000)),
        _ => text.replace(['1', '2'], &serde_json::to_string(more).unwrap()),
    }
}

#[test]
fn answers_of_any_kind() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let statuses = [200_u16, 200, 200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 503];
    let cases = (
        select(ALL.to_vec()),
        (select(statuses.to_vec()), select(statuses.to_vec())),
        (0..10_u8, 0..10_u8),
        any::<Index>(),
        "\\PC{0,20}",
    );
    let outcome = TestRunner::new_with_rng(config, rng).run(&cases, |(kind, statuses, forms, at, more)| {
        let server = start();
        let there = hook(kind, 1, "https://hooks.example.com/other");
        let made = hook(kind, 2, TARGET);
        server.on(&list(kind), reply(statuses.0, &body(&json!([there]), forms.0, &at, &more)));
        server.on(&create(kind), reply(statuses.1, &body(&made, forms.1, &at, &more)));
        let credentials = Credentials::Token { username: "bob".into(), token: TOKEN.into() };
        let wanted = WantedHook {
            url: TARGET.into(),
            former: Vec::new(),
            secret: Some(SECRET.into()),
            verify_tls: true,
            name: "gitops".into(),
        };
        let started = Instant::now();
        let (host, trust) = (host(kind, &server), Trust::default());
        let put = host.put_hook(&credentials, &trust, PATIENCE, &wanted, SecretAtHost::Unknown);
        if let Err(error) = runtime.block_on(put) {
            let told = format!("{error} {error:?}");
            let sent = ["Ym9iOmh1c2g0NzExaHVzaA", TOKEN, SECRET];
            prop_assert!(!sent.iter().any(|sent| told.contains(sent)), "{told}");
        }
        prop_assert!(started.elapsed() < PATIENCE * 3, "took {:?}", started.elapsed());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
