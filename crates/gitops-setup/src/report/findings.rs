//! What `lint` found, for people and for programs.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use lint::{Finding, Level, Report};

use super::text::{count, wrap};
use super::{json, safe};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// More files that were not checked say less than their number.
const FEW: usize = 5;

/// What was looked at.
pub(crate) struct Seen<'a> {
    /// The folder, as it was named; empty for the current one.
    pub(crate) root: &'a str,
    pub(crate) files: usize,
    pub(crate) report: &'a Report,
}

impl Seen<'_> {
    pub(crate) fn errors(&self) -> usize {
        self.report.findings.iter().filter(|finding| finding.level == Level::Error).count()
    }

    pub(crate) fn warnings(&self) -> usize {
        self.report.findings.len() - self.errors()
    }

    /// One event a line.
    pub(crate) fn json(&self) {
        self.report.findings.iter().for_each(json::finding);
        self.report.unchecked.iter().for_each(|unchecked| json::not_checked(&unchecked.file, &unchecked.why));
        json::linted(self.root, self.files, self.report.objects, self.errors(), self.warnings());
    }

    /// As a compiler does.
    pub(crate) fn human(&self, verbose: bool) {
        for finding in &self.report.findings {
            self.lines(finding).iter().for_each(|line| print(line));
        }
        let unchecked = &self.report.unchecked;
        let shown = if verbose || unchecked.len() <= FEW { unchecked.len() } else { FEW };
        for unchecked in &unchecked[..shown] {
            let text = format!("not checked: {}: {}", self.path(&unchecked.file), unchecked.why);
            wrap(&text, "", "  ").iter().for_each(|line| print(line));
        }
        if shown < unchecked.len() {
            print(&format!("not checked: {} more, with --verbose", unchecked.len() - shown));
        }
        let read = format!("{}, {}", count(self.files, "file"), count(self.report.objects, "object"));
        match (self.errors(), self.warnings()) {
            (0, 0) => print(&format!("Nothing found in {read}.")),
            (errors, warnings) => {
                print(&format!("{}, {} in {read}", count(errors, "error"), count(warnings, "warning")));
            }
        }
    }

    fn lines(&self, finding: &Finding) -> Vec<String> {
        let style = if finding.level == Level::Error { ERROR } else { WARNING };
        let path = if finding.stage.is_some() { finding.file.clone() } else { self.path(&finding.file) };
        let place = format!("{}:{}:{}", safe::line(&path), finding.line, finding.column);
        let object = finding.object.iter().map(|object| format!(" {object}"));
        let stage = finding.stage.iter().map(|stage| format!(" (stage {stage})"));
        let object: String = object.chain(stage).collect();
        let object = safe::line(&object);
        // Editors find the place in one line, however long it is.
        let head = format!("{place}: {style}{}[{}]{style:#}:{object}", finding.level.name(), finding.rule);
        let message = wrap(&finding.message, "  ", "  ");
        let hint = wrap(&format!("hint: {}", finding.hint), "  ", "    ");
        [head].into_iter().chain(message).chain(hint).collect()
    }

    fn path(&self, file: &str) -> String {
        if self.root.is_empty() {
            file.to_owned()
        } else {
            format!("{}/{file}", self.root.trim_end_matches('/'))
        }
    }
}

fn print(line: &str) {
    // A closed pipe (`| head`) ends the printing, not the work.
    let _closed = writeln!(anstream::stdout(), "{line}");
}
