//! Helm values that are the user's own: merging changes two keys and not one byte more.
//!
//! Every run draws the same cases, so that a red one can be repeated.

use insta::assert_snapshot;
use manifests::seldon::{merge_values, values};
use manifests::yaml;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

fn merged(text: &str) -> String {
    let once = merge_values(text, "git-creds").unwrap_or_else(|error| panic!("{text}\n{error}"));
    assert_eq!(merge_values(&once, "git-creds").as_ref(), Ok(&once), "merged again");
    once
}

fn refused(text: &str) -> String {
    merge_values(text, "git-creds").expect_err("it can't be edited").to_string()
}

#[test]
fn where_there_is_none_the_section_is_added() {
    let section = "gitops:\n  git:\n    secret: git-creds\n  argocd:\n    enabled: true\n";
    assert_eq!(yaml::parse_value(section), Ok(values("git-creds")));
    assert_eq!(merged(""), section);
    for text in ["# mine\n", "---\n", "# mine\n---\n# more\n", "a: 1 # one\n# end\n"] {
        assert_eq!(merged(text), format!("{text}{section}"));
    }
    assert!(merge_values("", "123").unwrap().contains("secret: \"123\""));
    assert_eq!(merged("a: 1"), format!("a: 1\n{section}"));
}

#[test]
fn what_is_there_stays_as_it_is_written() {
    assert_snapshot!(merged("# head\na: 'x'   # one\ngitops:\n    # the secret\n    git:\n        secret: \"old\"   # two\n        other: [1,  2]\n\n    webhook: {on: yes}\n# tail\nb: |\n  gitops:\n    text\n"), @r#"
    # head
    a: 'x'   # one
    gitops:
        # the secret
        git:
            secret: git-creds   # two
            other: [1,  2]

        webhook: {on: yes}
        argocd:
          enabled: true
    # tail
    b: |
      gitops:
        text
    "#);
    let there = "gitops: {git: {secret: \"git-creds\"}, argocd: {enabled: True}} # as it is";
    assert_eq!(merged(there), there);
}

#[test]
fn flow_maps_stay_flow_maps() {
    assert_snapshot!(merged("gitops: {git: {secret: old}, argocd: {enabled: false}} # x\n"), @"gitops: {git: {secret: git-creds}, argocd: {enabled: true}} # x");
    assert_snapshot!(merged("gitops: {} # none yet\nb: 2\n"), @r"
    gitops: {git: {secret: git-creds}, argocd: {enabled: true}} # none yet
    b: 2
    ");
    assert_snapshot!(merged("{a: 1, gitops: {git: {secret: x}}}\n"), @"{a: 1, gitops: {git: {secret: git-creds}, argocd: {enabled: true}}}");
}

#[test]
fn an_empty_section_is_filled() {
    for empty in ["gitops:", "gitops: null", "gitops: ~"] {
        let text = format!("a: 1\n{empty} # soon\nb: 2\n");
        let value = yaml::parse_value(&merged(&text)).unwrap();
        assert_eq!(value["gitops"], values("git-creds")["gitops"], "{text}");
        assert!(merged(&text).contains("# soon"), "{}", merged(&text));
    }
}

#[test]
fn line_breaks_of_windows_stay() {
    let text = "a: 1\r\ngitops:\r\n  git:\r\n    secret: old # c\r\n";
    let new = "a: 1\r\ngitops:\r\n  git:\r\n    secret: git-creds # c\r\n  argocd:\r\n    enabled: true\r\n";
    assert_eq!(merged(text), new);
    assert!(refused("a: 1\r\nb: 2\n").contains("line breaks of several kinds"));
}

#[test]
fn what_cannot_be_edited_safely_is_shown_instead() {
    assert_snapshot!(refused("x: &x {secret: a}\ngitops:\n  git: *x\n"), @r"
    the values are written in a way that can't be edited safely; make sure of this in it by hand:

    gitops:
      git:
        secret: git-creds
      argocd:
        enabled: true
    ");
    for (text, why) in [
        ("- a\n", "the whole of the values is no mapping"),
        ("gitops: true\n", "`gitops` of the values is no mapping"),
        ("gitops: {git: {secret: {name: a}}}\n", "`gitops.git.secret` of the values is no plain value"),
        ("gitops: {}\ngitops: {}\n", "not one valid YAML document (line 2, column 1)"),
        ("a: hunter2: x\n", "not one valid YAML document"),
        ("a: *hunter2\n", "not one valid YAML document"),
        ("a: 1\n---\nb: 2\n", "not one valid YAML document"),
        ("gitops: {git: {secret: &a old}}\nb: *a\n", "can't be edited safely"),
    ] {
        let error = refused(text);
        assert!(error.contains(why) && error.contains("secret: git-creds"), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

fn remark() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(String::new()), 1 => "  # [a-z:{}\\[\\]'\"]{0,8}"]
}

/// A line or several of something that is not the section, at some depth.
fn other(indent: usize) -> impl Strategy<Value = String> {
    let pad = " ".repeat(indent);
    ("[a-z]{4,7}x", 0..9, remark()).prop_map(move |(key, kind, remark)| match kind {
        0 => format!("{pad}{key}: 1{remark}\n"),
        1 => format!("{pad}{key}: 'it''s: {{#}}'{remark}\n"),
        2 => format!("{pad}{key}: |{remark}\n{pad}  gitops:\n\n{pad}    # no remark\n"),
        3 => format!("{pad}{key}:{remark}\n{pad}- one\n{pad}- two: 2{remark}\n"),
        4 => format!("{pad}{key}: {{a: [1, 2], b: \"x\"}}{remark}\n"),
        5 => format!("{pad}{key}:{remark}\n{pad}    deep:\n{pad}        deeper: ~\n"),
        6 => format!("{pad}# {key}\n\n{pad}\"{key}\": >-\n{pad}  folded\n{pad}  text\n"),
        7 => format!("{pad}{key}: [{remark}\n{pad}    1,\n{pad}  ]\n"),
        _ => format!("{pad}{key}: plain over\n{pad}  two lines\n"),
    })
}

fn others(indent: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(other(indent), 0..3).prop_map(|parts| parts.concat())
}

fn block(name: &'static str, key: &'static str, indent: usize) -> impl Strategy<Value = String> {
    let pad = " ".repeat(indent);
    let value =
        prop_oneof![Just("old"), Just("\"o l d\""), Just("false"), Just("'true'"), Just("~"), Just("")];
    let within = " ".repeat(indent + 2);
    (others(indent + 2), value, remark(), others(indent + 2), 0..6).prop_map(
        move |(before, value, remark, after, kind)| match kind {
            0 => String::new(),
            1 => format!("{pad}{name}:{remark}\n"),
            2 => format!("{pad}{name}: {{}}{remark}\n"),
            3 => {
                format!("{pad}{name}: {{ {key}: {} }}{remark}\n", if value.is_empty() { "x" } else { value })
            }
            4 => format!("{pad}{name}:{remark}\n{before}{within}other: 1\n{after}"),
            _ => format!("{pad}{name}:{remark}\n{before}{within}{key}: {value}{remark}\n{after}"),
        },
    )
}

fn section() -> impl Strategy<Value = String> {
    (remark(), others(2), block("git", "secret", 2), others(2), block("argocd", "enabled", 2), others(2))
        .prop_map(|(remark, a, git, b, argocd, c)| format!("gitops:{remark}\n{a}{git}{b}{argocd}{c}"))
}

fn document() -> impl Strategy<Value = (String, String)> {
    (prop_oneof![Just(""), Just("---\n"), Just("# head\n")], others(0), section(), others(0)).prop_map(
        |(head, before, section, after)| {
            (format!("{head}{before}{section}{after}"), format!("{head}{before}"))
        },
    )
}

fn expected(mut value: Value) -> Value {
    for (keys, wanted) in [(["git", "secret"], json!("git-creds")), (["argocd", "enabled"], json!(true))] {
        if value["gitops"].is_null() {
            value["gitops"] = json!({});
        }
        if value["gitops"][keys[0]].is_null() {
            value["gitops"][keys[0]] = json!({});
        }
        value["gitops"][keys[0]][keys[1]] = wanted;
    }
    value
}

/// Lines that say nothing of the two keys.
fn untouched(text: &str) -> impl Iterator<Item = &str> {
    let ours = ["gitops:", "git:", "argocd:", "secret:", "enabled:"];
    text.lines().filter(move |line| !ours.iter().any(|key| line.trim_start().starts_with(key)))
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::with_cases(400)
    })]

    #[test]
    fn any_file_is_merged_or_refused((text, before) in document()) {
        let Ok(value) = yaml::parse_value(&text) else { return Ok(()) };
        match merge_values(&text, "git-creds") {
            Ok(new) => {
                prop_assert_eq!(yaml::parse_value(&new), Ok(expected(value)), "{}\n->\n{}", text, new);
                prop_assert!(new.starts_with(&before), "{}\n->\n{}", text, new);
                let lines: Vec<_> = untouched(&text).collect();
                let left: Vec<_> = untouched(&new).collect();
                prop_assert_eq!(lines, left, "{}\n->\n{}", text, new);
                prop_assert_eq!(merge_values(&new, "git-creds"), Ok(new));
            }
            Err(error) => prop_assert!(false, "{text}\n{error}"),
        }
    }

    #[test]
    fn nothing_makes_it_panic(text in "([a-z:#{}\\[\\],&*!|>'\"\n -]|gitops:|git:|\n  ){0,40}") {
        if let Ok(new) = merge_values(&text, "git-creds") {
            prop_assert_eq!(merge_values(&new, "git-creds"), Ok(new));
        }
    }
}
