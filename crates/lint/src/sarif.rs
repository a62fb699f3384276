//! Findings in SARIF 2.1.0, which code hosts and editors read.

use serde_json::{Value, json};

use crate::{RULES, Report};

/// Where the format is defined.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report as one log with one run. `root` goes in front of each file, to make it relative to the repository that
/// the code host knows; empty for none.
pub fn log(report: &Report, root: &str, version: &str) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.summary },
                "help": { "text": rule.help },
            })
        })
        .collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let text = match &finding.object {
                Some(object) => format!("{object}: {}\n{}", finding.message, finding.hint),
                None => format!("{}\n{}", finding.message, finding.hint),
            };
            // What our configuration renders is shown there, which is not below the root.
            let root = if finding.stage.is_some() { "" } else { root };
            let uri = uri(root, &finding.file);
            json!({
                "ruleId": finding.rule,
                "ruleIndex": RULES.iter().position(|rule| rule.id == finding.rule),
                "level": finding.level.name(),
                "message": { "text": text },
                "locations": [{ "physicalLocation": {
                    "artifactLocation": { "uri": uri },
                    "region": { "startLine": finding.line, "startColumn": finding.column },
                } }],
            })
        })
        .collect();
    let notes: Vec<Value> = report
        .unchecked
        .iter()
        .map(|unchecked| {
            let text = format!("not checked: {}: {}", unchecked.file, unchecked.why);
            json!({ "level": "note", "message": { "text": text } })
        })
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "gitops-setup", "version": version, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": notes }],
            "results": results,
        }],
    })
}

/// A relative URI: what has a meaning of its own in one is encoded.
fn uri(root: &str, file: &str) -> String {
    let path =
        if root.is_empty() { file.to_owned() } else { format!("{}/{file}", root.trim_end_matches('/')) };
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte))
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
