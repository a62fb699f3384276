//! Files and findings as texts.

use std::fs;
use std::path::Path;

use lint::{File, Input, Report};

/// The files of a folder below `fixtures/lint`.
pub(crate) fn fixture(name: &str) -> Input {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/lint").join(name);
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    assert!(files.len() > 5, "{name} has files");
    Input { files, ..Input::default() }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a fixture").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
            continue;
        }
        let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        files.push(File { path: name, text: fs::read_to_string(&path).expect("text") });
    }
}

/// Some files.
pub(crate) fn files(files: &[(&str, &str)]) -> Input {
    let files = files.iter().map(|(path, text)| File { path: (*path).into(), text: (*text).into() });
    Input { files: files.collect(), ..Input::default() }
}

/// The report on some files.
pub(crate) fn lint(all: &[(&str, &str)]) -> Report {
    lint::lint(&files(all))
}

/// One line a finding, without its hint.
pub(crate) fn lines(report: &Report) -> String {
    let lines = report.findings.iter().map(|finding| {
        let level = finding.level.name();
        let object = finding.object.as_deref().unwrap_or("-");
        let (file, line, column) = (&finding.file, finding.line, finding.column);
        format!("{file}:{line}:{column}: {level}[{}] {object}: {}", finding.rule, finding.message)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Rule and line of each finding on some files.
pub(crate) fn found(all: &[(&str, &str)]) -> Vec<(&'static str, u32)> {
    lint(all).findings.iter().map(|finding| (finding.rule, finding.line)).collect()
}

/// Findings of one rule in one file, as their lines.
pub(crate) fn of(rule: &str, text: &str) -> Vec<u32> {
    let report = lint(&[("app/manifests.yaml", text)]);
    report.findings.iter().filter(|finding| finding.rule == rule).map(|finding| finding.line).collect()
}
