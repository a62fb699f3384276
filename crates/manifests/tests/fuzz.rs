//! Damaged and hostile texts: nothing panics, nothing takes long or much, and no error repeats a secret.
//!
//! Every run draws the same cases; `PROPTEST_CASES` asks for more of them than 256.

use std::time::{Duration, Instant};

use manifests::argocd::install::prepare;
use manifests::config::{ArgoCd, Source, load, template};
use manifests::{source, trust, yaml};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Planted where only a reference belongs, and looked for in errors.
const MARKER: &str = "hush4711";
/// Far above what any case needs, and far below what a person would wait.
const LIMIT: Duration = Duration::from_secs(60);

/// A change of a text.
#[derive(Clone, Debug)]
enum Change {
    Cut(Index),
    Drop(Index, u8),
    Repeat(Index, u8),
    Insert(Index, String),
    /// A line at another place.
    Move(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\t",
        "&a ",
        "*a",
        "<<: *a",
        "|",
        ">",
        "---\n",
        "%YAML 9.9\n",
        "!!binary ",
        "!x ",
        "#",
        "'",
        "\"",
        "\\x00",
        "\u{0}",
        "\u{feff}",
        "\u{202e}",
        "\u{1b}[2J",
        "null",
        "1e999",
        "0x7fffffffffffffffff",
        "..",
        "../../etc/passwd",
        "-",
        "é",
        "kind: List\nitems:\n",
    ];
    prop_oneof![
        at().prop_map(Change::Cut),
        (at(), any::<u8>()).prop_map(|(at, length)| Change::Drop(at, length)),
        (at(), any::<u8>()).prop_map(|(at, length)| Change::Repeat(at, length)),
        (at(), select(pieces.to_vec())).prop_map(|(at, text)| Change::Insert(at, text.to_owned())),
        (at(), "\\PC{0,8}").prop_map(|(at, text)| Change::Insert(at, text)),
        (at(), at()).prop_map(|(from, to)| Change::Move(from, to)),
    ]
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut text = text.to_owned();
    for change in changes {
        let place = |at: &Index| {
            let at = at.index(text.len() + 1);
            (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
        };
        let end = |start: usize, length: u8| {
            let end = (start + usize::from(length)).min(text.len());
            (end..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len())
        };
        match change {
            Change::Cut(at) => text.truncate(place(at)),
            Change::Drop(at, length) => {
                let start = place(at);
                text.replace_range(start..end(start, *length), "");
            }
            Change::Repeat(at, length) => {
                let start = place(at);
                let part = text[start..end(start, *length)].to_owned();
                text.insert_str(start, &part);
            }
            Change::Insert(at, part) => text.insert_str(place(at), part),
            Change::Move(from, to) => {
                let mut lines: Vec<&str> = text.lines().collect();
                if !lines.is_empty() {
                    let line = lines.remove(from.index(lines.len()));
                    lines.insert(to.index(lines.len() + 1), line);
                    text = lines.join("\n");
                }
            }
        }
    }
    text
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

fn loaded(text: &str) -> Result<(), String> {
    let source = Source { name: "gitops.yaml".into(), text: text.into() };
    load(Some(&source), &|_| None, &[]).map(drop).map_err(|errors| format!("{errors} {errors:?}"))
}

/// Configurations that say much.
fn configurations() -> [&'static str; 5] {
    [
        template(),
        include_str!("../../../fixtures/production.yaml"),
        include_str!("../../../fixtures/ml-platform.yaml"),
        include_str!("../../../fixtures/guide-v1.6.2.yaml"),
        include_str!("../../../fixtures/kind.yaml"),
    ]
}

#[test]
fn configurations_of_any_damage() {
    check(&(any::<Index>(), vec(change(), 0..6)), |(which, changes)| {
        let text = changed(which.get::<&str>(&configurations()), &changes);
        if let Err(told) = loaded(&text) {
            assert!(!told.is_empty());
        }
    });
}

#[test]
fn a_secret_where_a_reference_belongs_is_never_repeated() {
    let places = [
        "argocd: {adminPassword: %}",
        "argocd: {adminPassword: [%]}",
        "argocd: {adminPassword: {%: x}}",
        "argocd: {adminPassword: {env: 'a %'}}",
        "argocd: {adminPassword: {evn: %}}",
        "git: {url: 'https://me:%@git.example/a'}",
        "git: {url: 'https://%@git.example/a'}",
        "git: {url: github.com/a/b, auth: %}",
        "git: {url: github.com/a/b, auth: {token: %}}",
        "git: {url: github.com/a/b, auth: {token: {username: me, token: %}}}",
        "git: {url: github.com/a/b, auth: {bearer: {token: [{env: %}]}}}",
        "git: {url: github.com/a/b, auth: {githubApp: {appId: 1, installationId: 2, privateKey: '%'}}}",
        "git: {url: 'git@github.com:a/b', auth: {ssh: {privateKey: {env: K}, passphrase: %}}}",
        "git: {url: github.com/a/b, repository: {proxy: 'http://me:%@proxy:3128'}}",
        "git: {url: github.com/a/b, repository: {clientCertificate: {certificate: {file: c}, key: %}}}",
        "seldon: {auth: {token: {username: me, token: %}}}",
        "webhooks: {auth: {bearer: {token: %}}}",
        "notifications: {services: {s: {slack: {token: %}}}}",
        "notifications: {services: {s: {pagerduty: {integrationKeys: {a: %}}}}}",
        "notifications: {services: {s: {webhook: {urlFrom: %}}}}",
        "notifications: {services: {s: {email: {host: h, auth: {username: u, password: %}, from: f}}}}",
    ];
    check(&(select(places.to_vec()), "[a-z0-9]{0,4}", vec(change(), 0..3)), |(place, more, changes)| {
        let text = place.replace('%', &format!("{MARKER}{more}"));
        // What is next to it may be anything; the marker itself stays whole.
        let text = format!("{}\n{text}\n", changed("environments: [{namespace: seldon}]", &changes));
        if let Err(told) = loaded(&text) {
            assert!(!told.contains(MARKER), "{text}\n{told}");
        }
    });
}

#[test]
fn manifests_of_any_damage() {
    let manifest = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: argocd-server}\nspec: {template: {spec: \
        {containers: [{name: argocd-server, image: 'quay.io/argoproj/argocd:v3.5.1', ports: [{containerPort: 8080}]}]}}}\n\
        ---\napiVersion: v1\nkind: Secret\nmetadata: {name: argocd-secret}\nstringData: {a: b}\n---\napiVersion: v1\n\
        kind: ConfigMap\nmetadata: {name: argocd-ssh-known-hosts-cm}\ndata:\n  ssh_known_hosts: |\n    github.com ssh-rsa AAAA\n";
    check(&vec(change(), 0..6), |changes| {
        let text = changed(manifest, &changes);
        let _value = yaml::parse_value(&text);
        let _tree = source::documents(&text);
        if let Ok(objects) = yaml::parse_objects(&text) {
            let _lines: Vec<_> = objects.iter().map(trust::known_hosts_in).collect();
            for object in &objects {
                let again =
                    yaml::parse_objects(&yaml::to_string(object.as_value())).expect("what we write we read");
                assert_eq!(again.len(), 1);
            }
            let _refused = prepare(objects, &ArgoCd::default(), false);
        }
    });
}

/// Each of nine lists holds the one before it ten times.
fn alias_bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    text
}

#[test]
fn bombs_are_refused_before_they_grow() {
    let deep = |open: &str, close: &str| format!("a: {}{}\n", open.repeat(100_000), close.repeat(100_000));
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n";
    let indented: String = alias_bomb().lines().map(|line| format!("  {line}\n")).collect();
    let bombs = [
        alias_bomb(),
        format!("{object}{indented}"),
        format!("{object}  {}", deep("[", "]")),
        deep("{a: ", "}"),
        deep("- ", ""),
        "a: &a [*a]\n".to_owned(),
        "&a : *a\n".to_owned(),
        "kind: List\nitems: [".repeat(50_000),
        "? ".repeat(100_000),
        "---\n".repeat(1_000_000),
        format!("a: {}\n", "!".repeat(1_000_000)),
    ];
    in_a_main_thread(|| bombs.iter().for_each(|bomb| survives(bomb)));
    let laughs = format!("{object}{indented}");
    assert!(
        yaml::parse_objects(&laughs).is_err() && source::documents(&laughs).is_err(),
        "ten billion texts"
    );
}

#[track_caller]
fn survives(bomb: &str) {
    let started = Instant::now();
    let start: String = bomb.chars().take(60).collect();
    assert!(loaded(bomb).is_err() || bomb.starts_with("---"), "{start}");
    let _refused = (yaml::parse_objects(bomb).is_err(), yaml::parse_value(bomb).is_err());
    let _refused = source::documents(bomb);
    assert!(started.elapsed() < LIMIT, "{start}: {:?}", started.elapsed());
}

/// With the stack that programs have to begin with; those of other threads are smaller.
fn in_a_main_thread(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(8 << 20);
        thread.spawn_scoped(scope, work).expect("a thread").join().expect("it ends");
    });
}

#[test]
fn what_is_nested_as_deeply_as_definitions_are_is_read() {
    let mut text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n".to_owned();
    (0..80).for_each(|depth| text.push_str(&format!("{}a:\n", " ".repeat(depth))));
    text.push_str(&format!("{}b\n", " ".repeat(80)));
    in_a_main_thread(|| {
        assert_eq!(yaml::parse_objects(&text).expect("it is sound").len(), 1);
        assert_eq!(source::documents(&text).expect("it is sound").len(), 1);
    });
}
