//! Whatever the files hold, there is a report.

use lint::sarif;
use proptest::prelude::*;

use crate::support::{fixture, lint};

/// Pieces that rules look for, in any order and depth.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "apiVersion: argoproj.io/v1alpha1",
        "apiVersion: v1",
        "kind: ApplicationSet",
        "kind: Application",
        "kind: List",
        "kind: AppProject",
        "kind: Rollout",
        "kind: AnalysisTemplate",
        "kind: Secret",
        "kind: ConfigMap",
        "metadata:",
        "name: x",
        "name: argocd-notifications-cm",
        "spec:",
        "items:",
        "- a",
        "- ",
        "template:",
        "generators:",
        "- list:",
        "elements: [{a: {b: 1}}]",
        "- git:",
        "- matrix:",
        "path: '{{a'",
        "path: .",
        "data: 1",
        "data: {trigger.x: '['}",
        "containers: [1, {image: ':'}]",
        "resources: {requests: {a/b: {}}}",
        "source: []",
        "resources: [.., '']",
        "---",
        "images: [{name: x}, 1]",
        "patches: [{patch: '- op: add'}]",
        "send: 1",
        "{{",
        "}}",
        "&a",
        "*a",
        "<<: *a",
        "\t",
        "é",
    ];
    (0..5_usize, prop::sample::select(words.to_vec())).prop_map(|(depth, word)| "  ".repeat(depth) + word)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_a_report(text in "\\PC{0,200}", lines in prop::collection::vec(piece(), 0..25)) {
        let lines = lines.join("\n");
        let report = lint(&[("a/kustomization.yaml", &lines), ("a/x.yaml", &lines), ("b.json", &text), ("c.yaml", &text)]);
        prop_assert!(report.findings.iter().all(|finding| finding.line > 0 && finding.column > 0));
        sarif::log(&report, "", "0");
    }

    #[test]
    fn a_fixture_cut_anywhere_gives_a_report(seed in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
        let mut input = fixture("source-documents");
        let file = seed.index(input.files.len());
        let text = &mut input.files[file].text;
        let end = (0..=at.index(text.len() + 1)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        text.truncate(end);
        lint::lint(&input);
    }
}
