use serde_json::Value;

use crate::finding::Finding;
use crate::item::Item;
use crate::walk::{escaped, visit};
use crate::{Context, Rule};

const ID: &str = "gpu-without-limit";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a GPU or another extended resource is requested without an equal limit",
    help: "Kubernetes can't overcommit GPUs and refuses the pod: `limits` must be there and equal to `requests`. \
           Write the limit; the request may be left out.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let is_schema = |item: &&Item<'_>| item.kind() != "CustomResourceDefinition";
    context.units.items().filter(is_schema).flat_map(of).collect()
}

fn of(item: &Item<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    visit(&item.value, &mut |pointer, value| {
        let Some(resources) = value.get("resources").filter(|_| !pointer.contains("volumeClaimTemplates"))
        else {
            return;
        };
        let requests = resources.get("requests").and_then(Value::as_object).into_iter().flatten();
        for (name, asked) in requests.filter(|(name, _)| is_extended(name)) {
            let at = format!("{pointer}/resources/requests/{}", escaped(name));
            let asked = amount(asked);
            let message = match resources["limits"].get(name).map(amount) {
                Some(limit) if limit == asked => continue,
                Some(limit) => format!("{name} is requested {asked} times and limited to {limit}"),
                None => format!("{name} is requested without a limit"),
            };
            let message =
                format!("{message}: Kubernetes refuses the pod, as such resources can't be overcommitted");
            let hint = format!("write `{name}: {asked}` under `limits`; the request may then be left out");
            findings.push(item.error(ID, &at, message, hint));
        }
    });
    findings
}

/// Resources that are counted, not shared: `domain/name` outside of Kubernetes' own domain, and huge pages.
fn is_extended(name: &str) -> bool {
    let domain = name.split_once('/').map(|(domain, _)| domain);
    domain.is_some_and(|domain| domain != "kubernetes.io" && !domain.ends_with(".kubernetes.io"))
        || name.starts_with("hugepages-")
}

fn amount(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
