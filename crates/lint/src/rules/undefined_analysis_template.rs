use serde_json::Value;

use crate::application::GROUP;
use crate::finding::Finding;
use crate::item::{Item, list, text};
use crate::references::analyses;
use crate::{Context, Rule};

const ID: &str = "undefined-analysis-template";

pub(super) const RULE: Rule = Rule {
    id: ID,
    summary: "a Rollout or Experiment names an AnalysisTemplate that is not defined, or leaves out its arguments",
    help: "Argo Rollouts then calls the Rollout invalid and stops in the middle of it. Put the AnalysisTemplate into the \
           same namespace (or make it a ClusterAnalysisTemplate, with `clusterScope: true`), and give every argument \
           that has no value there.",
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let templates: Vec<&Item<'_>> = context
        .units
        .items()
        .filter(|item| item.is(GROUP, "AnalysisTemplate") || item.is(GROUP, "ClusterAnalysisTemplate"))
        .collect();
    context.units.items().filter(|item| item.group() == GROUP).flat_map(|item| of(item, &templates)).collect()
}

fn of(item: &Item<'_>, templates: &[&Item<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for analysis in analyses(item) {
        let wanted = if analysis.is_cluster_scoped { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" };
        let mut fitting = templates.iter().filter(|template| {
            let near = analysis.is_cluster_scoped || template.may_share_namespace(item);
            template.kind() == wanted && template.name() == analysis.name && near
        });
        let Some(template) = fitting.next() else {
            let message = format!("names {wanted} `{}`, which is not defined", analysis.name);
            let (name, at) = (&analysis.name, &analysis.pointer);
            findings.push(match analysis.is_cluster_scoped {
                // Those are often in the hands of others.
                true => {
                    let hint = format!(
                        "add ClusterAnalysisTemplate `{name}`, or allow it where it is defined elsewhere"
                    );
                    item.warning(ID, at, message, hint)
                }
                false => {
                    let hint = format!("add it, with its metrics, to the namespace of the {}", item.kind());
                    item.error(ID, at, message, hint)
                }
            });
            continue;
        };
        let given = |name: &str| analysis.arguments.iter().any(|argument| text(argument, "/name") == name);
        for argument in list(&template.value, "/spec/args") {
            let name = text(argument, "/name");
            let has_value = |key: &str| argument.get(key).is_some_and(|value: &Value| !value.is_null());
            if has_value("value") || has_value("valueFrom") || given(name) {
                continue;
            }
            let message =
                format!("does not give argument `{name}`, which {} has no value for", template.place());
            let hint =
                format!("add `{{name: {name}, value: …}}` to `args`, or give it a value in the template");
            findings.push(item.error(ID, &analysis.pointer, message, hint));
        }
    }
    findings
}
