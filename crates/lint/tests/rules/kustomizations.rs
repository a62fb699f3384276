//! Kustomizations that Kustomize would refuse. What is expected here is what Kustomize 5.7 says of the same files.

use lint::Input;

use crate::support::{files, found, lines, lint};

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n";

/// Findings on one kustomization beside a Deployment, a text and a folder that has none.
fn of(kustomization: &str) -> Vec<(&'static str, u32)> {
    found(&[
        ("a/kustomization.yaml", kustomization),
        ("a/x.yaml", DEPLOYMENT),
        ("a/x.txt", "x"),
        ("a/b/x.txt", "x"),
        ("part/kustomization.yaml", "kind: Component\nlabels: []\n"),
    ])
}

#[test]
fn unknown_keys_are_found_with_what_was_meant() {
    let report = lint(&[("a/kustomization.yaml", "resorces: [x.yaml]\n"), ("a/x.yaml", DEPLOYMENT)]);
    assert_eq!(
        lines(&report),
        "a/kustomization.yaml:1:1: error[invalid-kustomization] Kustomization/a: Kustomize knows no key `resorces`, and \
         builds nothing of this folder; did you mean `resources`?"
    );
    for (text, line) in [
        ("resources: [x.yaml]\nfluff: 1\n", 2),
        ("resources: [x.yaml]\npatchs: []\n", 2),
        ("resources: x.yaml\n", 1),
        ("- x.yaml\n", 1),
    ] {
        assert_eq!(of(text), [("invalid-kustomization", line)], "{text}");
    }
    // Kustomize reads keys as Go's JSON does: however they are capitalised.
    for text in ["Resources: [x.yaml]\n", "resources: [x.yaml]\nimageTags: []\nvars:\nnameprefix: x\n"] {
        assert_eq!(of(text), [], "{text}");
    }
}

#[test]
fn what_builds_nothing_is_found() {
    for text in ["", "# later\n", "kind: Kustomization\n", "namespace: x\n"] {
        assert_eq!(of(text), [("invalid-kustomization", 1)], "{text}");
    }
    for text in [
        "resources: []\n",
        "components: [../part]\n",
        "kind: Component\nnamespace: x\n",
        "configMapGenerator: [{name: x}]\n",
        "generators: [x.yaml]\n",
    ] {
        assert_eq!(of(text), [], "{text}");
    }
    let report =
        lint(&[("a/kustomization.yaml", "namespace: x\n"), ("b/kustomization.yaml", "kind: Component\n")]);
    let levels: Vec<&str> = report.findings.iter().map(|finding| finding.level.name()).collect();
    assert_eq!(levels, ["warning", "error"], "Kustomize builds the first one, to nothing");
}

#[test]
fn files_that_a_kustomization_reads_are_there() {
    for (entry, is_missing) in [
        ("patches: [{path: x.yaml}]", false),
        ("patches: [{path: gone.yaml}]", true),
        ("patches: [{patch: '{\"kind\": \"x\"}'}]", false),
        ("patches: [{path: 'https://example.com/gone.yaml'}]", false),
        ("patchesStrategicMerge: [gone.yaml]", true),
        ("patchesStrategicMerge: ['{kind: Deployment, metadata: {name: x}}']", false),
        ("patchesJson6902: [{target: {kind: Deployment, name: x}, path: gone.yaml}]", true),
        ("replacements: [{path: gone.yaml}]", true),
        ("configurations: [gone.yaml]", true),
        ("crds: [gone.yaml]", true),
        ("transformers: [gone.yaml]", true),
        ("transformers: [b]", false),
        ("components: [../gone]", true),
        ("components: [../part]", false),
        ("components: [../../part]", false),
        ("configMapGenerator: [{name: x, files: [x.txt, key=x.txt]}]", false),
        ("configMapGenerator: [{name: x, files: [key=gone.txt]}]", true),
        ("configMapGenerator: [{name: x, envs: [gone.env]}]", true),
        ("secretGenerator: [{name: x, files: [gone.env]}]", false),
    ] {
        let expected: &[(&str, u32)] = if is_missing { &[("missing-file", 2)] } else { &[] };
        assert_eq!(of(&format!("resources: [x.yaml]\n{entry}\n")), expected, "{entry}");
    }
}

#[test]
fn a_file_that_is_no_text_is_there() {
    let text = "configMapGenerator: [{name: x, files: [model.bin]}]\n";
    let mut input = files(&[("a/kustomization.yaml", text)]);
    assert_eq!(lint::lint(&input).findings.len(), 1);
    input = Input { others: vec!["a/model.bin".into()], ..input };
    assert_eq!(lint::lint(&input).findings, []);
}
