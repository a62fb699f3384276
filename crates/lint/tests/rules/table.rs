//! The list of rules, and what derives from it.

use std::path::Path;

use lint::{RULES, sarif};

use crate::support::fixture;

#[test]
fn rules_are_in_order_and_described() {
    let ids: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    for rule in RULES {
        assert!(rule.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", rule.id);
        assert!(!rule.summary.ends_with('.') && rule.help.ends_with('.'), "{}", rule.id);
    }
}

#[test]
fn the_page_has_every_rule() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lint.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> =
        RULES.iter().map(|rule| format!("| `{}` | {} |", rule.id, rule.summary)).collect();
    assert_eq!(rows, expected);
}

#[test]
fn sarif_names_each_rule_and_place() {
    let report = lint::lint(&fixture("source-documents"));
    let log = sarif::log(&report, "my repo", "1.0.0");
    let run = &log["runs"][0];
    assert_eq!((log["version"].as_str(), log["runs"].as_array().map(Vec::len)), (Some("2.1.0"), Some(1)));
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.len(), report.findings.len());
    for (result, finding) in results.iter().zip(&report.findings) {
        let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).expect("small");
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], finding.rule);
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("a URI");
        assert!(uri.starts_with("my%20repo/") && !uri.contains(' '), "{uri}");
        assert_eq!(place["region"]["startLine"], finding.line);
        assert!(["error", "warning"].contains(&result["level"].as_str().unwrap_or_default()));
    }
}
