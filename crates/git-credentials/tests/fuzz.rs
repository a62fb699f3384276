//! Damaged and odd texts: nothing panics, nothing takes long, and no error repeats what it was given.
//!
//! Every run draws the same cases; `PROPTEST_CASES` asks for more of them than 256.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not see as tests")]

mod tools;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use git_credentials::known_hosts::{KnownHosts, Verdict, published};
use git_credentials::{Credentials, SshKey};
use manifests::config::{Git, GitAuth, SecretRef};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use secrecy::{ExposeSecret as _, SecretString};
use tools::{arg, have, run};

const PHRASE: &str = "two words";
/// Planted in texts, and looked for in errors.
const MARKER: &str = "hush4711";
/// Far above what any case needs, and far below what a person would wait.
const LIMIT: Duration = Duration::from_secs(60);

/// A change of a text or of bytes.
#[derive(Clone, Debug)]
enum Change {
    Byte(Index, u8),
    Bit(Index, u8),
    Cut(Index),
    Drop(Index, u8),
    Repeat(Index, u8),
    Insert(Index, Vec<u8>),
    /// The rest of another text.
    Splice(Index, Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Change::Bit(at, bit)),
        at().prop_map(Change::Cut),
        (at(), any::<u8>()).prop_map(|(at, length)| Change::Drop(at, length)),
        (at(), any::<u8>()).prop_map(|(at, length)| Change::Repeat(at, length)),
        (at(), "\\PC{0,8}").prop_map(|(at, text)| Change::Insert(at, text.into_bytes())),
        (at(), vec(any::<u8>(), 0..8)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        at().prop_map(|at| Change::Insert(at, MARKER.into())),
        (at(), at(), at()).prop_map(|(at, other, from)| Change::Splice(at, other, from)),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    vec(change(), 0..5)
}

fn apply(bytes: &mut Vec<u8>, change: &Change, others: &[Vec<u8>]) {
    let place = |at: &Index| at.index(bytes.len() + 1);
    match change {
        _ if bytes.is_empty() => {}
        Change::Byte(at, byte) => *at.get_mut(bytes) = *byte,
        Change::Bit(at, bit) => *at.get_mut(bytes) ^= 1 << bit,
        Change::Cut(at) => bytes.truncate(place(at)),
        Change::Drop(at, length) => {
            let start = place(at);
            bytes.drain(start..(start + usize::from(*length)).min(bytes.len()));
        }
        Change::Repeat(at, length) => {
            let start = place(at);
            let part = bytes[start..(start + usize::from(*length)).min(bytes.len())].to_vec();
            bytes.splice(start..start, part);
        }
        Change::Insert(at, part) => {
            let start = place(at);
            bytes.splice(start..start, part.iter().copied());
        }
        Change::Splice(at, other, from) => {
            let other = other.get(others);
            bytes.truncate(place(at));
            bytes.extend_from_slice(&other[from.index(other.len() + 1)..]);
        }
    }
}

/// A text with changes, and the same with its Base64 part changed inside.
fn changed(text: &str, changes: &[Change], others: &[String], inside: bool) -> String {
    let raw = |text: &str| text.as_bytes().to_vec();
    let body = inside.then(|| armoured(text)).flatten();
    let Some((before, mut bytes, after)) = body else {
        let others: Vec<Vec<u8>> = others.iter().map(|other| raw(other)).collect();
        let mut bytes = raw(text);
        changes.iter().for_each(|change| apply(&mut bytes, change, &others));
        return String::from_utf8_lossy(&bytes).into_owned();
    };
    let others: Vec<Vec<u8>> = others.iter().filter_map(|other| Some(armoured(other)?.1)).collect();
    changes.iter().for_each(|change| apply(&mut bytes, change, &others));
    format!("{before}{}\n{after}", BASE64_STANDARD.encode(bytes))
}

/// What is before, in and behind the Base64 part of a block.
fn armoured(text: &str) -> Option<(&str, Vec<u8>, &str)> {
    let end = text.find("-----END")?;
    let start = match text.find("\n\n") {
        Some(headers) => headers + 2,
        None => text.find('\n')? + 1,
    };
    let body: String = text.get(start..end)?.split_whitespace().collect();
    Some((&text[..start], BASE64_STANDARD.decode(body).ok()?, &text[end..]))
}

fn check<S: Strategy>(strategy: &S, test: impl Fn(S::Value)) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
        let started = Instant::now();
        test(value);
        prop_assert!(started.elapsed() < LIMIT, "took {:?}", started.elapsed());
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// Keys of every form, with and without passphrase.
fn keys() -> Vec<String> {
    let mut keys = vec![SshKey::generate("me").unwrap().unencrypted().expose_secret().to_owned()];
    if !have(&["ssh-keygen", "openssl"]) {
        return keys;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let mut add = |program: &str, args: &[&str]| {
        run(program, args).unwrap();
        keys.push(std::fs::read_to_string(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        let _absent = std::fs::remove_file(path.with_extension("pub"));
    };
    for kind in [["ed25519", "256"], ["ecdsa", "521"], ["rsa", "2048"]] {
        for form in
            ["RFC4716", "PEM", "PKCS8"].into_iter().filter(|form| kind[0] != "ed25519" || *form == "RFC4716")
        {
            for phrase in ["", PHRASE] {
                let [kind, bits] = kind;
                let args =
                    ["-q", "-a", "1", "-t", kind, "-b", bits, "-m", form, "-N", phrase, "-f", arg(&path)];
                add("ssh-keygen", &args);
            }
        }
    }
    add("openssl", &["genpkey", "-algorithm", "ED25519", "-out", arg(&path)]);
    keys
}

#[test]
fn keys_of_any_damage() {
    let keys = keys();
    let cases = (any::<Index>(), changes(), any::<bool>(), any::<bool>());
    check(&cases, |(which, changes, inside, phrase)| {
        let text = changed(which.get::<String>(&keys), &changes, &keys, inside);
        let phrase = phrase.then(|| SecretString::from(PHRASE));
        match SshKey::parse(&SecretString::from(text), phrase.as_ref()) {
            Ok(key) => {
                let again = SshKey::parse(key.unencrypted(), None).expect("what we write we read");
                assert_eq!(again.fingerprint(), key.fingerprint());
                assert!(again.unencrypted().expose_secret() == key.unencrypted().expose_secret());
            }
            Err(error) => assert!(!format!("{error} {error:?}").contains(MARKER), "{error}"),
        }
    });
}

#[test]
fn no_error_repeats_a_text() {
    let auth = GitAuth::Ssh {
        private_key: SecretRef::Env("KEY".into()),
        passphrase: Some(SecretRef::Env("KEY".into())),
        known_hosts: None,
    };
    let token = GitAuth::Bearer { token: SecretRef::Env("KEY".into()) };
    let starts = prop_oneof![
        Just(""),
        Just("ssh-ed25519 AAAA"),
        Just("-----BEGIN OPENSSH PRIVATE KEY-----\n"),
        Just("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "),
        Just("-----BEGIN "),
        Just("https://"),
        Just("PuTTY-User-Key-File-"),
    ];
    check(&(starts, "\\PC{0,40}", "\\PC{0,40}"), |(start, before, after)| {
        let text = format!("{start}{before}{MARKER}{after}");
        for auth in [&auth, &token] {
            if let Err(error) = Credentials::new(Some(auth), &|_| Some(SecretString::from(text.clone()))) {
                assert!(!format!("{error} {error:?}").contains(MARKER), "{error}");
            }
        }
    });
}

#[test]
fn known_hosts_of_any_damage() {
    let more = "*.example.com,!x?.example.com,[a]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me\n\
         |1|hpOWMmSdBOCI0IE8kAYRRDfpWHE=|qCkD1Ve5WWWiVWOfSSpAxdBh5xI= ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n\
         @revoked * ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO\n\
         @cert-authority *.com ssh-rsa AAAAB3NzaC1yc2E=\n# remark\n\n";
    let texts = [published(), more.to_owned(), format!("{more}{}", published())];
    let hosts = prop_oneof![Just("github.com".to_owned()), Just("x1.example.com".to_owned()), "\\PC{0,20}"];
    check(&(any::<Index>(), changes(), hosts, any::<u16>()), |(which, changes, host, port)| {
        let text = changed(which.get::<String>(&texts), &changes, &texts, false);
        let file = KnownHosts::parse(&text);
        for port in [22, port] {
            let lines = file.lines_for(&host, port);
            for line in lines.lines() {
                assert!(text.contains(line), "a line that was not there");
                let key = line.split_once(' ').map_or("", |(_, key)| key);
                if !line.starts_with('@') {
                    let verdict = file.verdict(&host, port, key);
                    assert!(matches!(verdict, Verdict::Trusted | Verdict::Revoked { .. }), "{verdict:?}");
                }
            }
            file.verdict(&host, port, &text);
        }
        assert!(file.problems().iter().all(|problem| problem.line <= text.lines().count()));
    });
}

#[test]
fn addresses_of_any_form() {
    let addresses = [
        "https://github.com/acme/gitops.git",
        "git@github.com:acme/gitops.git",
        "ssh://git@git.acme.com:2222/acme/gitops",
        "git.acme.com:8443/gitops",
        "file:///srv/gitops.git",
        "https://me:hush@github.com/a/b",
    ]
    .map(str::to_owned);
    check(&(any::<Index>(), changes()), |(which, changes)| {
        let url = changed(which.get::<String>(&addresses), &changes, &addresses, false);
        let git = Git { url: url.clone(), ..Git::default() };
        let (transport, repo_url) = (git.transport(), git.repo_url());
        let _any = git.host();
        match transport {
            // What is handed on means the same there.
            Ok(transport) => {
                assert_eq!(Git { url: repo_url, ..Git::default() }.transport(), Ok(transport), "{url:?}");
            }
            Err(error) => assert!(!error.to_string().contains(MARKER)),
        }
    });
}
