use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::item::Item;
use crate::{Context, Rule};

const ID: &str = "duplicate-object";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "one object is written twice in what is synced together",
    help: "Argo CD applies one after the other and warns (RepeatedResourceWarning); which one stays is chance. Remove one.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    context.units.units.iter().flat_map(|unit| repeated(&unit.items)).collect()
}

fn repeated(items: &[Item<'_>]) -> Vec<Finding> {
    let mut first: BTreeMap<(&str, &str, Option<&str>, &str), &Item<'_>> = BTreeMap::new();
    let mut findings = Vec::new();
    // What has no name of its own gets a new one each time, and what a stage adds to another's object is no second.
    let named =
        items.iter().filter(|item| !item.text("/metadata/name").is_empty() && item.source.stage.is_none());
    for item in named {
        let key = (item.group(), item.kind(), item.namespace.as_deref(), item.name());
        let Some(other) = first.get(&key) else {
            first.insert(key, item);
            continue;
        };
        let message = format!("{} is there already: {}", item.label(), other.place());
        let hint = "remove one of the two, or give it another name or namespace".to_owned();
        findings.push(item.error(ID, "/metadata/name", message, hint));
    }
    findings
}
